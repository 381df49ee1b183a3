package armapi

import (
	"fmt"
	"net/netip"
	"strings"

	"latchkey/vault"
	"latchkey/vault/rbac"
)

// Shapes of the wire. Pointers tell "not said" from false.
type (
	wireVault struct {
		ID         string            `json:"id,omitempty"`
		Name       string            `json:"name,omitempty"`
		Type       string            `json:"type,omitempty"`
		Location   string            `json:"location"`
		Tags       map[string]string `json:"tags"`
		Properties *wireProperties   `json:"properties,omitempty"`
	}
	wireProperties struct {
		TenantID        string       `json:"tenantId,omitempty"`
		SKU             *wireSKU     `json:"sku,omitempty"`
		AccessPolicies  []wirePolicy `json:"accessPolicies"`
		SoftDelete      *bool        `json:"enableSoftDelete,omitempty"`
		Retention       *int         `json:"softDeleteRetentionInDays,omitempty"`
		PurgeProtection *bool        `json:"enablePurgeProtection,omitempty"`
		RBAC            *bool        `json:"enableRbacAuthorization,omitempty"`
		Network         *wireNetwork `json:"networkAcls,omitempty"`
		PublicAccess    string       `json:"publicNetworkAccess,omitempty"`
		CreateMode      string       `json:"createMode,omitempty"` // "recover"
		VaultURI        string       `json:"vaultUri,omitempty"`
		State           string       `json:"provisioningState,omitempty"`
	}
	wireSKU struct {
		Family string `json:"family"`
		Name   string `json:"name"`
	}
	wirePolicy struct {
		TenantID      string          `json:"tenantId"`
		ObjectID      string          `json:"objectId"`
		ApplicationID string          `json:"applicationId,omitempty"`
		Permissions   wirePermissions `json:"permissions"`
	}
	wirePermissions struct {
		Keys         []string `json:"keys"`
		Secrets      []string `json:"secrets"`
		Certificates []string `json:"certificates"`
	}
	wireNetwork struct {
		Bypass        string   `json:"bypass,omitempty"`
		DefaultAction string   `json:"defaultAction,omitempty"`
		IPRules       []wireIP `json:"ipRules"`
	}
	wireIP struct {
		Value string `json:"value"`
	}
)

func (h *Handler) show(v *vault.Vault) *wireVault {
	sku, soft, isRBAC := "standard", true, v.Access.Model == rbac.ModelRBAC
	if v.Premium {
		sku = "premium"
	}
	p := &wireProperties{
		TenantID: v.TenantID, SKU: &wireSKU{"A", sku}, AccessPolicies: []wirePolicy{}, SoftDelete: &soft, Retention: &v.RetentionDays,
		RBAC: &isRBAC, PublicAccess: "Enabled", State: "Succeeded", VaultURI: "https://" + strings.ToLower(v.Name) + "." + h.c.VaultSuffix + "/",
		Network: &wireNetwork{Bypass: "None", DefaultAction: "Allow", IPRules: []wireIP{}},
	}
	if v.PurgeProtection {
		p.PurgeProtection = &v.PurgeProtection
	}
	for _, a := range v.Access.Policies {
		p.AccessPolicies = append(p.AccessPolicies, wirePolicy{
			TenantID: a.TenantID, ObjectID: a.ObjectID, ApplicationID: a.ApplicationID,
			Permissions: wirePermissions{Keys: a.Keys, Secrets: []string{}, Certificates: []string{}},
		})
	}
	f := v.Access.Firewall
	if f.DefaultAction != "" {
		p.Network.DefaultAction = f.DefaultAction
	}
	if f.Bypass != "" {
		p.Network.Bypass = f.Bypass
	}
	if f.PublicNetworkAccess != "" {
		p.PublicAccess = f.PublicNetworkAccess
	}
	for _, r := range f.IPRules {
		p.Network.IPRules = append(p.Network.IPRules, wireIP{r.String()})
	}
	tags := v.Tags
	if tags == nil {
		tags = map[string]string{}
	}
	return &wireVault{ID: v.ResourceID, Name: v.Name, Type: "Microsoft.KeyVault/vaults", Location: v.Location, Tags: tags, Properties: p}
}

// apply puts what properties say into an access; nil members stay.
func (p *wireProperties) apply(a *rbac.Access) error {
	if p.RBAC != nil {
		a.Model = rbac.ModelPolicy
		if *p.RBAC {
			a.Model = rbac.ModelRBAC
		}
	}
	if p.AccessPolicies != nil {
		a.Policies = nil
		for _, w := range p.AccessPolicies {
			a.Policies = append(a.Policies, w.policy())
		}
	}
	if n := p.Network; n != nil {
		a.Firewall.Bypass, a.Firewall.DefaultAction, a.Firewall.IPRules = n.Bypass, n.DefaultAction, nil
		for _, r := range n.IPRules {
			prefix, err := parseRule(r.Value)
			if err != nil {
				return fail(400, "BadRequest", err.Error())
			}
			a.Firewall.IPRules = append(a.Firewall.IPRules, prefix)
		}
	}
	if p.PublicAccess != "" {
		a.Firewall.PublicNetworkAccess = p.PublicAccess
	}
	return nil
}

func (w wirePolicy) policy() rbac.Policy {
	return rbac.Policy{TenantID: w.TenantID, ObjectID: w.ObjectID, ApplicationID: w.ApplicationID, Keys: w.Permissions.Keys}
}

func parseRule(s string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%.64q is neither an address nor a range of addresses", s)
	}
	return a.Prefix(a.BitLen())
}
