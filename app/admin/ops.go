package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"latchkey/akv"
	"latchkey/app/install"
	"latchkey/audit"
	"latchkey/entra"
	"latchkey/vault"
	"latchkey/vault/rbac"
)

// operation is one operation: JSON in, a value to be written as JSON out.
type operation func(ctx context.Context, args []byte) (any, error)

type parts struct {
	in      *install.Installation
	service *vault.Service
}

// typed makes an operation of a function; unknown members of args are errors.
func typed[A, R any](f func(ctx context.Context, args A) (R, error)) operation {
	return func(ctx context.Context, raw []byte) (any, error) {
		var args A
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&args); err != nil {
			return nil, fmt.Errorf("reading the arguments: %w", err)
		}
		return f(ctx, args)
	}
}

// Nothing is what an operation without arguments takes, and one without an answer gives.
type Nothing struct{}

const opAuditVerify = "audit-verify"

func operations(p *parts) map[string]operation {
	return map[string]operation{
		"vault-create":  typed(p.vaultCreate),
		"vault-list":    typed(p.vaultList),
		"vault-show":    typed(p.vaultShow),
		"vault-update":  typed(p.vaultUpdate),
		"vault-delete":  typed(p.vaultDelete),
		"vault-recover": typed(p.vaultRecover),
		"vault-purge":   typed(p.vaultPurge),
		"access-edit":   typed(p.accessEdit),
		opAuditVerify:   typed(p.auditVerify),
		"reseal":        typed(p.reseal),
		"backup-export": typed(p.backupExport),
		"backup-import": typed(p.backupImport),
		"app-list":      typed(p.appList),
		"app-create":    typed(p.appCreate),
		"app-disable":   typed(p.appDisable),
		"app-delete":    typed(p.appDelete),
		"secret-add":    typed(p.secretAdd),
		"cert-add":      typed(p.certAdd),
		"cred-remove":   typed(p.credRemove),
	}
}

// VaultRef names a vault or Managed HSM.
type VaultRef struct {
	Name string
	HSM  bool
}

func (r VaultRef) id() string { return vault.ID(r.Name, r.HSM) }

// VaultNew says what vault to make.
type VaultNew struct {
	VaultRef
	TenantID        string // "" means the installation's own tenant
	Premium         bool
	RetentionDays   int
	PurgeProtection bool
	Policies        bool // access policies instead of roles
}

func (p *parts) vaultCreate(ctx context.Context, a VaultNew) (*vault.Vault, error) {
	if a.TenantID == "" {
		tenants := p.in.Entra.Tenants()
		if len(tenants) != 1 {
			return nil, fmt.Errorf("the installation has %d tenants: name one", len(tenants))
		}
		a.TenantID = tenants[0].ID
	}
	access := rbac.Access{Model: rbac.ModelRBAC}
	if a.Policies {
		access.Model = rbac.ModelPolicy
	}
	return p.service.CreateVault(ctx, vault.Operator(), vault.Properties{
		Name: a.Name, HSM: a.HSM, TenantID: a.TenantID, Premium: a.Premium, RetentionDays: a.RetentionDays, PurgeProtection: a.PurgeProtection,
	}, access)
}

func (p *parts) vaultList(ctx context.Context, _ Nothing) ([]*vault.Vault, error) {
	return p.service.ListVaults(ctx, vault.Operator())
}

func (p *parts) vaultShow(ctx context.Context, a VaultRef) (*vault.Vault, error) {
	return p.service.GetVault(ctx, vault.Operator(), a.id())
}

// VaultChange says what of a vault to change; nil stays.
type VaultChange struct {
	VaultRef
	Premium, PurgeProtection *bool
}

func (p *parts) vaultUpdate(ctx context.Context, a VaultChange) (*vault.Vault, error) {
	return p.service.UpdateVault(ctx, vault.Operator(), a.id(), vault.Changes{Premium: a.Premium, PurgeProtection: a.PurgeProtection})
}

// VaultGone names a vault that goes. Force is the reason why it does though a server needs its keys; "" refuses that.
type VaultGone struct {
	VaultRef
	Force string
}

func (a VaultGone) operator() vault.Actor {
	o := vault.Operator()
	o.Force = a.Force[:min(len(a.Force), akv.MaxForceReason)]
	return o
}

func (p *parts) vaultDelete(ctx context.Context, a VaultGone) (Nothing, error) {
	return Nothing{}, p.service.DeleteVault(ctx, a.operator(), a.id())
}

func (p *parts) vaultRecover(ctx context.Context, a VaultRef) (Nothing, error) {
	return Nothing{}, p.service.RecoverVault(ctx, vault.Operator(), a.id())
}

func (p *parts) vaultPurge(ctx context.Context, a VaultGone) (Nothing, error) {
	return Nothing{}, p.service.PurgeVault(ctx, a.operator(), a.id())
}

// AccessEdit is one change of who may use a vault; what is zero stays.
type AccessEdit struct {
	VaultRef
	GrantRole string       // role name or GUID, to Principal at Scope ("" means the whole vault)
	Revoke    string       // id of an assignment
	Principal string       // object id, or the client id or name of an application of the installation
	Scope     string       // "/", or "/keys/NAME"
	Policy    *rbac.Policy // replaces the policy of the same object and application; without keys it is removed
	Model     rbac.Model
	Firewall  *rbac.Firewall
}

func (p *parts) accessEdit(ctx context.Context, a AccessEdit) (*rbac.Access, error) {
	v, err := p.service.GetVault(ctx, vault.Operator(), a.id())
	if err != nil {
		return nil, err
	}
	principal, err := p.principal(a.Principal)
	if err != nil {
		return nil, err
	}
	var out rbac.Access
	err = p.service.SetAccess(ctx, vault.Operator(), a.id(), func(acc *rbac.Access) error {
		if err := a.apply(acc, v, principal); err != nil {
			return err
		}
		out = *acc
		return nil
	})
	return &out, err
}

func (a *AccessEdit) apply(acc *rbac.Access, v *vault.Vault, principal string) error {
	if a.Model != "" {
		acc.Model = a.Model
	}
	if a.Firewall != nil {
		acc.Firewall = *a.Firewall
	}
	if a.GrantRole != "" {
		role, err := roleID(a.GrantRole, v.HSM, acc.Roles)
		if err != nil {
			return err
		}
		scope := a.Scope
		if key, ok := strings.CutPrefix(scope, "/keys/"); ok && !v.HSM {
			scope = v.ResourceID + "/keys/" + key
		}
		if scope == "" {
			scope = "/"
		}
		acc.Assignments = append(acc.Assignments, rbac.Assignment{ID: uuid.NewString(), RoleID: role, PrincipalID: principal, Scope: scope})
	}
	if a.Revoke != "" {
		n := len(acc.Assignments)
		acc.Assignments = slices.DeleteFunc(acc.Assignments, func(x rbac.Assignment) bool { return strings.EqualFold(x.ID, a.Revoke) })
		if len(acc.Assignments) == n {
			return badParameter("there is no assignment %q", a.Revoke)
		}
	}
	if a.Policy != nil {
		next := *a.Policy
		if next.ObjectID == "" {
			next.ObjectID = principal
		}
		if next.TenantID == "" {
			next.TenantID = v.TenantID
		}
		acc.Policies = slices.DeleteFunc(acc.Policies, func(x rbac.Policy) bool {
			return strings.EqualFold(x.ObjectID, next.ObjectID) && strings.EqualFold(x.ApplicationID, next.ApplicationID)
		})
		if len(next.Keys) > 0 {
			acc.Policies = append(acc.Policies, next)
		}
	}
	return nil
}

func roleID(name string, hsm bool, custom []rbac.Role) (string, error) {
	kind := rbac.Vault
	if hsm {
		kind = rbac.HSM
	}
	var names []string
	for _, r := range append(rbac.BuiltIn(kind), custom...) {
		if strings.EqualFold(r.ID, name) || strings.EqualFold(r.Name, name) {
			return r.ID, nil
		}
		names = append(names, fmt.Sprintf("%q", r.Name))
	}
	return "", badParameter("there is no role %q; there are %s", name, strings.Join(names, ", "))
}

// badParameter is an error that the vault's door passes on as it is.
func badParameter(format string, args ...any) error {
	return &akv.Error{Status: http.StatusBadRequest, Code: akv.CodeBadParameter, Message: fmt.Sprintf(format, args...)}
}

// principal finds the object id behind an application's name or client id; an unknown GUID is taken as an object id, of a real
// Entra ID for one.
func (p *parts) principal(who string) (string, error) {
	if who == "" {
		return "", nil
	}
	for _, app := range p.in.Entra.Apps("") {
		if strings.EqualFold(app.ClientID, who) || app.Name == who {
			return install.ObjectID(app), nil
		}
	}
	if _, err := uuid.Parse(who); err != nil {
		return "", fmt.Errorf("there is no application %q; give its name, its client id or an object id", who)
	}
	return strings.ToLower(who), nil
}

// AuditResult is what verification found.
type AuditResult struct {
	Report  audit.Report
	Problem string // "" for a sound log
}

// AuditAnchor is an earlier end of the log that must still be in it.
type AuditAnchor struct {
	Seq  uint64
	Hash string
}

func (p *parts) auditVerify(ctx context.Context, a AuditAnchor) (*AuditResult, error) {
	key, err := p.in.Seal.Derive(install.AuditKeyUse)
	if err != nil {
		return nil, err
	}
	defer key.Destroy()
	o := audit.VerifyOptions{Key: key}
	if a.Hash != "" {
		if o.Anchor.Hash, err = audit.ParseHash(a.Hash); err != nil {
			return nil, err
		}
		o.Anchor.Seq = a.Seq
	}
	report, err := audit.Verify(ctx, p.in.FS, filepath.Join(p.in.Dir, install.AuditDir), o)
	out := &AuditResult{Report: report}
	if err != nil {
		if report.Faults == 0 {
			return nil, err
		}
		out.Problem = err.Error()
	}
	return out, nil
}

func (p *parts) appList(context.Context, Nothing) ([]entra.App, error) {
	return p.in.Entra.Apps(""), nil
}

// AppNew says what application to register.
type AppNew struct {
	Name     string
	TenantID string // "" means the only tenant
	Managed  bool
}

func (p *parts) appCreate(ctx context.Context, a AppNew) (*entra.App, error) {
	for _, app := range p.in.Entra.Apps("") {
		if app.Name == a.Name {
			return nil, fmt.Errorf("there is an application %q already: %s", a.Name, app.ClientID)
		}
	}
	if a.TenantID == "" {
		tenants := p.in.Entra.Tenants()
		switch len(tenants) {
		case 0:
			t, err := p.in.Entra.CreateTenant(ctx, entra.Tenant{Name: install.TenantName, Domains: []string{"latchkey.localhost"}})
			if err != nil {
				return nil, err
			}
			a.TenantID = t.ID
		case 1:
			a.TenantID = tenants[0].ID
		default:
			return nil, fmt.Errorf("the installation has %d tenants: name one", len(tenants))
		}
	}
	app, err := p.in.Entra.CreateApp(ctx, entra.NewApp{Name: a.Name, TenantID: a.TenantID, Managed: a.Managed})
	return &app, err
}

// AppRef names an application by name or client id, and one of its credentials.
type AppRef struct {
	App     string
	KeyID   string
	Disable bool
}

func (p *parts) app(who string) (*entra.App, error) {
	for _, app := range p.in.Entra.Apps("") {
		if strings.EqualFold(app.ClientID, who) || app.Name == who {
			return &app, nil
		}
	}
	return nil, fmt.Errorf("there is no application %q", who)
}

func (p *parts) appDisable(ctx context.Context, a AppRef) (Nothing, error) {
	app, err := p.app(a.App)
	if err != nil {
		return Nothing{}, err
	}
	return Nothing{}, p.in.Entra.Disable(ctx, app.ClientID, a.Disable)
}

func (p *parts) appDelete(ctx context.Context, a AppRef) (Nothing, error) {
	app, err := p.app(a.App)
	if err != nil {
		return Nothing{}, err
	}
	return Nothing{}, p.in.Entra.DeleteApp(ctx, app.ClientID)
}

func (p *parts) credRemove(ctx context.Context, a AppRef) (Nothing, error) {
	app, err := p.app(a.App)
	if err != nil {
		return Nothing{}, err
	}
	return Nothing{}, p.in.Entra.RemoveCredential(ctx, app.ClientID, a.KeyID)
}

// CredentialNew says what credential to add to an application.
type CredentialNew struct {
	App  string
	Name string
	Days int    // a secret's life; 0 means the default
	PEM  []byte // a certificate
}

// CredentialMade is what was added. Secret is shown this once.
type CredentialMade struct {
	ClientID, KeyID, Secret, Thumbprint string
	Expires                             time.Time
}

func (p *parts) secretAdd(ctx context.Context, a CredentialNew) (*CredentialMade, error) {
	app, err := p.app(a.App)
	if err != nil {
		return nil, err
	}
	s, plain, err := p.in.Entra.AddSecret(ctx, app.ClientID, a.Name, time.Duration(a.Days)*24*time.Hour)
	if err != nil {
		return nil, err
	}
	defer plain.Destroy()
	return &CredentialMade{ClientID: app.ClientID, KeyID: s.KeyID, Secret: string(plain.Expose()), Expires: s.Expires}, nil
}

func (p *parts) certAdd(ctx context.Context, a CredentialNew) (*CredentialMade, error) {
	app, err := p.app(a.App)
	if err != nil {
		return nil, err
	}
	if len(a.PEM) == 0 {
		return nil, errors.New("no certificate was given")
	}
	c, err := p.in.Entra.AddCertificate(ctx, app.ClientID, a.Name, a.PEM)
	if err != nil {
		return nil, err
	}
	return &CredentialMade{ClientID: app.ClientID, KeyID: c.KeyID, Thumbprint: c.Thumbprint, Expires: c.NotAfter}, nil
}
