package armapi

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"latchkey/akv"
	"latchkey/vault"
	"latchkey/vault/rbac"
)

type values struct {
	Value    any     `json:"value"`
	NextLink *string `json:"nextLink,omitempty"`
}

// vaults lists the vaults that keep says; Managed HSMs are left out.
func (rq *request) vaults(ctx context.Context, keep func(*vault.Vault) bool) ([]*vault.Vault, error) {
	all, err := rq.h.c.Service.ListVaults(ctx, rq.actor)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(v *vault.Vault) bool { return v.HSM || !keep(v) }), nil
}

func (rq *request) subscriptions(ctx context.Context) (int, any, error) {
	all, err := rq.vaults(ctx, func(*vault.Vault) bool { return true })
	if err != nil {
		return 0, nil, err
	}
	type subscription struct {
		ID             string `json:"id"`
		SubscriptionID string `json:"subscriptionId"`
		TenantID       string `json:"tenantId"`
		DisplayName    string `json:"displayName"`
		State          string `json:"state"`
	}
	list, seen := []subscription{}, map[string]bool{}
	for _, v := range all {
		if !seen[v.Subscription] {
			seen[v.Subscription] = true
			list = append(list, subscription{"/subscriptions/" + v.Subscription, v.Subscription, v.TenantID, "Latchkey", "Enabled"})
		}
	}
	return http.StatusOK, values{Value: list}, nil
}

// resources lists vaults as resources. A filter for another type gives none.
func (rq *request) resources(ctx context.Context) (int, any, error) {
	filter := rq.r.URL.Query().Get("$filter")
	if filter != "" && !strings.EqualFold(strings.Join(strings.Fields(filter), " "), "resourceType eq 'Microsoft.KeyVault/vaults'") {
		return 0, nil, fail(http.StatusBadRequest, "InvalidFilterInQueryString", "Only the filter resourceType eq 'Microsoft.KeyVault/vaults' is understood.")
	}
	return rq.listWhere(ctx, func(v *vault.Vault) bool { return v.DeletedAt == 0 }, func(v *vault.Vault) any {
		w := rq.h.show(v)
		w.Properties = nil
		return w
	})
}

func (rq *request) list(ctx context.Context) (int, any, error) {
	return rq.listWhere(ctx, func(v *vault.Vault) bool {
		return v.DeletedAt == 0 && (len(rq.args) < 2 || strings.EqualFold(v.ResourceGroup, rq.args[1]))
	}, func(v *vault.Vault) any { return rq.h.show(v) })
}

func (rq *request) listWhere(ctx context.Context, keep func(*vault.Vault) bool, show func(*vault.Vault) any) (int, any, error) {
	all, err := rq.vaults(ctx, func(v *vault.Vault) bool { return strings.EqualFold(v.Subscription, rq.args[0]) && keep(v) })
	if err != nil {
		return 0, nil, err
	}
	list := []any{}
	for _, v := range all {
		list = append(list, show(v))
	}
	return http.StatusOK, values{Value: list}, nil
}

// find reads the vault of the address: subscription and group must be its own.
func (rq *request) find(ctx context.Context) (*vault.Vault, error) {
	name := rq.args[2]
	missing := fail(http.StatusNotFound, "ResourceNotFound", "The Resource 'Microsoft.KeyVault/vaults/"+name[:min(len(name), 64)]+"' was not found.")
	if !akv.ValidVaultName(name) {
		return nil, missing
	}
	v, err := rq.h.c.Service.GetVault(ctx, rq.actor, vault.ID(name, false))
	if err != nil {
		return nil, err
	}
	if v.DeletedAt != 0 || !strings.EqualFold(v.Subscription, rq.args[0]) || !strings.EqualFold(v.ResourceGroup, rq.args[1]) {
		return nil, missing
	}
	return v, nil
}

func (rq *request) get(ctx context.Context) (int, any, error) {
	v, err := rq.find(ctx)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, rq.h.show(v), nil
}

func (rq *request) put(ctx context.Context) (int, any, error) {
	var in wireVault
	if err := rq.decode(&in); err != nil {
		return 0, nil, err
	}
	if in.Properties == nil {
		in.Properties = &wireProperties{}
	}
	p, id := in.Properties, vault.ID(rq.args[2], false)
	if strings.EqualFold(p.CreateMode, "recover") {
		if err := rq.h.c.Service.RecoverVault(ctx, rq.actor, id); err != nil {
			return 0, nil, err
		}
		return rq.get(ctx)
	}
	if p.SoftDelete != nil && !*p.SoftDelete {
		return 0, nil, fail(http.StatusBadRequest, "BadRequest", "The property \"enableSoftDelete\" cannot be set to false.")
	}
	props := vault.Properties{
		Name: rq.args[2], TenantID: p.TenantID, Subscription: rq.args[0], ResourceGroup: rq.args[1], Location: in.Location,
		Premium: p.SKU != nil && strings.EqualFold(p.SKU.Name, "premium"), Tags: in.Tags,
	}
	if props.TenantID == "" {
		props.TenantID = rq.h.c.TenantID
	}
	if p.Retention != nil {
		props.RetentionDays = *p.Retention
	}
	props.PurgeProtection = p.PurgeProtection != nil && *p.PurgeProtection
	access := rbac.Access{Model: rbac.ModelRBAC}
	if err := p.apply(&access); err != nil {
		return 0, nil, err
	}
	v, err := rq.h.c.Service.CreateVault(ctx, rq.actor, props, access)
	if vault.IsVaultExists(err) {
		if _, findErr := rq.find(ctx); findErr != nil {
			return 0, nil, err // another group's, or a deleted one
		}
		return rq.change(ctx, &in)
	}
	if err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, rq.h.show(v), nil
}

func (rq *request) patch(ctx context.Context) (int, any, error) {
	var in wireVault
	if err := rq.decode(&in); err != nil {
		return 0, nil, err
	}
	if _, err := rq.find(ctx); err != nil {
		return 0, nil, err
	}
	if in.Properties == nil {
		in.Properties = &wireProperties{}
	}
	return rq.change(ctx, &in)
}

// change updates a vault by what a body says. Properties and access are two changes, each whole.
func (rq *request) change(ctx context.Context, in *wireVault) (int, any, error) {
	p, id := in.Properties, vault.ID(rq.args[2], false)
	c := vault.Changes{Tags: in.Tags, PurgeProtection: p.PurgeProtection}
	if p.SKU != nil {
		premium := strings.EqualFold(p.SKU.Name, "premium")
		c.Premium = &premium
	}
	if _, err := rq.h.c.Service.UpdateVault(ctx, rq.actor, id, c); err != nil {
		return 0, nil, err
	}
	if err := rq.h.c.Service.SetAccess(ctx, rq.actor, id, p.apply); err != nil {
		return 0, nil, err
	}
	return rq.get(ctx)
}

func (rq *request) remove(ctx context.Context) (int, any, error) {
	v, err := rq.find(ctx)
	var e *akv.Error
	if errors.As(err, &e) && e.Status == http.StatusNotFound {
		return http.StatusNoContent, nil, nil
	}
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, nil, rq.h.c.Service.DeleteVault(ctx, rq.actor, v.ID)
}

// policies adds, replaces or removes access policies: by tenant, object and application.
func (rq *request) policies(ctx context.Context) (int, any, error) {
	var in wireVault
	if err := rq.decode(&in); err != nil {
		return 0, nil, err
	}
	v, err := rq.find(ctx)
	if err != nil {
		return 0, nil, err
	}
	if in.Properties == nil {
		return 0, nil, fail(http.StatusBadRequest, "BadRequest", "properties.accessPolicies is missing.")
	}
	verb := strings.ToLower(rq.args[3])
	err = rq.h.c.Service.SetAccess(ctx, rq.actor, v.ID, func(a *rbac.Access) error {
		for _, w := range in.Properties.AccessPolicies {
			given := w.policy()
			i := slices.IndexFunc(a.Policies, func(o rbac.Policy) bool {
				return strings.EqualFold(o.TenantID, given.TenantID) && strings.EqualFold(o.ObjectID, given.ObjectID) && strings.EqualFold(o.ApplicationID, given.ApplicationID)
			})
			switch {
			case verb == "remove" && i >= 0:
				a.Policies[i].Keys = without(a.Policies[i].Keys, given.Keys)
				if len(a.Policies[i].Keys) == 0 {
					a.Policies = slices.Delete(a.Policies, i, i+1)
				}
			case verb == "remove":
			case verb == "replace" && i >= 0:
				a.Policies[i] = given
			case verb == "add" && i >= 0:
				a.Policies[i].Keys = append(without(a.Policies[i].Keys, given.Keys), given.Keys...)
			case verb == "add", verb == "replace":
				a.Policies = append(a.Policies, given)
			default:
				return fail(http.StatusBadRequest, "BadRequest", "Access policies are changed with add, replace or remove.")
			}
		}
		return nil
	})
	if err != nil {
		return 0, nil, err
	}
	return rq.get(ctx)
}

func without(have, gone []string) []string {
	out := []string{}
	for _, k := range have {
		if !slices.ContainsFunc(gone, func(g string) bool { return strings.EqualFold(g, k) }) {
			out = append(out, k)
		}
	}
	return out
}

type deletedVault struct {
	ID         string            `json:"id"`
	Name       string            `json:"name"`
	Type       string            `json:"type"`
	Properties deletedProperties `json:"properties"`
}

type deletedProperties struct {
	VaultID  string            `json:"vaultId"`
	Location string            `json:"location"`
	Tags     map[string]string `json:"tags"`
	Deletion string            `json:"deletionDate"`
	Purge    string            `json:"scheduledPurgeDate"`
}

func showDeleted(v *vault.Vault) any {
	date := func(t int64) string { return time.Unix(t, 0).UTC().Format(time.RFC3339) }
	return deletedVault{
		ID:   "/subscriptions/" + v.Subscription + "/providers/Microsoft.KeyVault/locations/" + v.Location + "/deletedVaults/" + v.Name,
		Name: v.Name, Type: "Microsoft.KeyVault/deletedVaults",
		Properties: deletedProperties{v.ResourceID, v.Location, v.Tags, date(v.DeletedAt), date(v.PurgeAt)},
	}
}

func (rq *request) listDeleted(ctx context.Context) (int, any, error) {
	return rq.listWhere(ctx, func(v *vault.Vault) bool { return v.DeletedAt != 0 }, showDeleted)
}

func (rq *request) findDeleted(ctx context.Context) (*vault.Vault, error) {
	all, err := rq.vaults(ctx, func(v *vault.Vault) bool {
		return v.DeletedAt != 0 && strings.EqualFold(v.Subscription, rq.args[0]) && strings.EqualFold(v.Location, rq.args[1]) && strings.EqualFold(v.Name, rq.args[2])
	})
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fail(http.StatusNotFound, "DeletedVaultNotFound", "The specified deleted vault does not exist.")
	}
	return all[0], nil
}

func (rq *request) getDeleted(ctx context.Context) (int, any, error) {
	v, err := rq.findDeleted(ctx)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, showDeleted(v), nil
}

func (rq *request) purge(ctx context.Context) (int, any, error) {
	v, err := rq.findDeleted(ctx)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, nil, rq.h.c.Service.PurgeVault(ctx, rq.actor, v.ID)
}

func (rq *request) checkName(ctx context.Context) (int, any, error) {
	var in struct {
		Name string `json:"name"`
	}
	if err := rq.decode(&in); err != nil {
		return 0, nil, err
	}
	type answer struct {
		Available bool   `json:"nameAvailable"`
		Reason    string `json:"reason,omitempty"`
		Message   string `json:"message,omitempty"`
	}
	if !akv.ValidVaultName(in.Name) {
		return http.StatusOK, answer{false, "AccountNameInvalid", "The name is not a vault's name."}, nil
	}
	taken, err := rq.vaults(ctx, func(v *vault.Vault) bool { return strings.EqualFold(v.Name, in.Name) })
	if err != nil {
		return 0, nil, err
	}
	if len(taken) > 0 {
		return http.StatusOK, answer{false, "AlreadyExists", "The name is already in use."}, nil
	}
	return http.StatusOK, answer{Available: true}, nil
}
