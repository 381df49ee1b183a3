package rbac

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// Model says which of the two models decides.
type Model string

// The models. The zero value is none: everything is denied.
const (
	ModelRBAC   Model = "rbac"   // roles; the default of new vaults, and the only one of a managed HSM
	ModelPolicy Model = "policy" // access policies
)

// Assignment gives a role to a principal at a scope and everything below it.
type Assignment struct {
	ID          string `json:"id"`          // GUID
	RoleID      string `json:"roleId"`      // GUID of the role, or a role definition id that ends with it
	PrincipalID string `json:"principalId"` // object id of a service principal, user or group
	// Scope is, for a vault, "/" or a resource id: a subscription, a resource group, the vault, or
	// ".../vaults/{v}/keys/{k}". For a managed HSM it is "/", "/keys" or "/keys/{name}".
	Scope string `json:"scope"`
}

// Policy is one access policy.
type Policy struct {
	TenantID string `json:"tenantId"`
	ObjectID string `json:"objectId"` // a user, service principal or group
	// ApplicationID makes the identity compound: the policy holds for that user (or a member of that group) through
	// that application only, never for the application alone.
	ApplicationID string   `json:"applicationId,omitempty"`
	Keys          []string `json:"keys"` // key permissions, case-insensitive; "all" for every one
}

// Firewall is the network rule of a vault. The zero value lets everybody in.
type Firewall struct {
	DefaultAction string         `json:"defaultAction,omitempty"` // "Allow" (also ""), "Deny"
	IPRules       []netip.Prefix `json:"ipRules,omitempty"`       // addresses let in under Deny
	Bypass        string         `json:"bypass,omitempty"`        // "AzureServices" lets Request.Trusted in, "None" (also "") does not
	// PublicNetworkAccess "Disabled" leaves private endpoints (Request.Private) only; "Enabled" or "" changes nothing.
	PublicNetworkAccess string `json:"publicNetworkAccess,omitempty"`
}

// Access is everything that decides about one vault or HSM. The vault stores it as JSON.
type Access struct {
	Model       Model        `json:"model"`
	Assignments []Assignment `json:"assignments,omitempty"`
	Roles       []Role       `json:"roles,omitempty"` // custom roles, beside the built-in ones
	Policies    []Policy     `json:"policies,omitempty"`
	Firewall    Firewall     `json:"firewall"`
}

// Limits of Validate.
const (
	MaxPolicies    = 1024
	MaxIPRules     = 1000
	MaxRoles       = 50   // custom
	MaxAssignments = 4000 // bounds the time of a decision to some 50 us
	maxPatterns    = 256  // in one role
	maxText        = 1024 // of a pattern, scope or name, in bytes
)

// Validate tells what is wrong with an access for a vault or HSM, all of it. Decide denies what Validate refuses, but a
// rule that never matches surprises its author: check before storing.
func (a *Access) Validate(kind Kind) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	builtin := builtIns().of(kind)
	if builtin == nil {
		return fmt.Errorf("kind %q: want %q or %q", kind, Vault, HSM)
	}
	switch {
	case a.Model != ModelRBAC && a.Model != ModelPolicy:
		bad("model %q: want %q or %q", a.Model, ModelRBAC, ModelPolicy)
	case kind == HSM && a.Model != ModelRBAC:
		bad("model %q: a managed HSM has roles only", a.Model)
	}
	for _, l := range []struct {
		what      string
		have, max int
	}{
		{"assignments", len(a.Assignments), MaxAssignments},
		{"custom roles", len(a.Roles), MaxRoles},
		{"access policies", len(a.Policies), MaxPolicies},
		{"ip rules", len(a.Firewall.IPRules), MaxIPRules},
	} {
		if l.have > l.max {
			return fmt.Errorf("%d %s: at most %d", l.have, l.what, l.max)
		}
	}
	custom := map[string]bool{}
	for i := range a.Roles {
		r := &a.Roles[i]
		id := strings.ToLower(r.ID)
		if err := r.validate(); err != nil {
			bad("role %q: %w", r.ID, err)
		}
		if _, dup := builtin.allow[id]; dup || custom[id] {
			bad("role %q: the id is taken", r.ID)
		}
		custom[id] = true
	}
	seen := map[string]bool{}
	for _, as := range a.Assignments {
		if err := as.validate(kind); err != nil {
			bad("assignment %q: %w", as.ID, err)
		}
		role := strings.ToLower(roleGUID(as.RoleID))
		if _, ok := builtin.allow[role]; !ok && !custom[role] {
			bad("assignment %q: role %q does not exist", as.ID, as.RoleID)
		}
		if id := strings.ToLower(as.ID); seen[id] {
			bad("assignment %q: the id appears twice", as.ID)
		} else {
			seen[id] = true
		}
	}
	for i, p := range a.Policies {
		if err := p.validate(); err != nil {
			bad("access policy %d: %w", i, err)
		}
	}
	if err := a.Firewall.validate(); err != nil {
		bad("firewall: %w", err)
	}
	return errors.Join(errs...)
}

func (r *Role) validate() error {
	switch {
	case !isGUID(r.ID):
		return errors.New("the id is not a GUID")
	case r.Name == "" || len(r.Name) > maxText || len(r.Description) > maxText:
		return fmt.Errorf("a name is needed, of at most %d bytes as the description", maxText)
	case r.Type != "CustomRole":
		return fmt.Errorf("type %q: want %q", r.Type, "CustomRole")
	}
	n := 0
	for _, p := range r.Permissions {
		for _, list := range [][]string{p.Actions, p.NotActions, p.DataActions, p.NotDataActions} {
			n += len(list)
			for _, pattern := range list {
				if pattern == "" || len(pattern) > maxText || strings.ContainsAny(pattern, " \t\r\n?") {
					return fmt.Errorf("action %q is malformed", clip(pattern))
				}
			}
		}
	}
	if n == 0 || n > maxPatterns {
		return fmt.Errorf("%d actions: want 1 to %d", n, maxPatterns)
	}
	return nil
}

func (a *Assignment) validate(kind Kind) error {
	switch {
	case !isGUID(a.ID):
		return errors.New("the id is not a GUID")
	case !isGUID(a.PrincipalID):
		return fmt.Errorf("principal %q is not a GUID", clip(a.PrincipalID))
	}
	return ValidateScope(kind, a.Scope)
}

// ValidateScope tells whether a scope can match anything: for a vault an absolute path without empty, "." or ".." parts,
// for a managed HSM "/", "/keys" or "/keys/{name}".
func ValidateScope(kind Kind, scope string) error {
	if scope == "/" {
		return nil
	}
	if len(scope) > maxText || !strings.HasPrefix(scope, "/") {
		return fmt.Errorf("scope %q: want a path that starts with a slash", clip(scope))
	}
	parts := strings.Split(strings.TrimSuffix(scope[1:], "/"), "/")
	for _, p := range parts {
		if p == "" || p == "." || p == ".." || strings.ContainsAny(p, "*\\?#\r\n") {
			return fmt.Errorf("scope %q is malformed", clip(scope))
		}
	}
	if kind == HSM && (!strings.EqualFold(parts[0], "keys") || len(parts) > 2) {
		return fmt.Errorf("scope %q: want /, /keys or /keys/{name}", clip(scope))
	}
	return nil
}

func (p *Policy) validate() error {
	switch {
	case !isGUID(p.TenantID):
		return fmt.Errorf("tenant %q is not a GUID", clip(p.TenantID))
	case !isGUID(p.ObjectID):
		return fmt.Errorf("object %q is not a GUID", clip(p.ObjectID))
	case p.ApplicationID != "" && !isGUID(p.ApplicationID):
		return fmt.Errorf("application %q is not a GUID", clip(p.ApplicationID))
	}
	for _, k := range p.Keys {
		if _, ok := ParsePermission(k); !ok {
			return fmt.Errorf("unknown key permission %q", clip(k))
		}
	}
	return nil
}

// ParsePermission finds a key permission, "all" included, without regard to case.
func ParsePermission(s string) (Permission, bool) {
	if strings.EqualFold(s, string(PermAll)) {
		return PermAll, true
	}
	for _, p := range AllPermissions() {
		if strings.EqualFold(s, string(p)) {
			return p, true
		}
	}
	return "", false
}

// ParseIPRule reads an ip rule as the management API has it: a prefix ("192.0.2.0/24") or a single address. Bits beyond the
// prefix are refused, as they say that something else was meant.
func ParseIPRule(s string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(s); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("ip rule %q is neither an address nor a prefix", clip(s))
	}
	if p != p.Masked() {
		return netip.Prefix{}, fmt.Errorf("ip rule %q has bits set beyond its prefix; did you mean %s", clip(s), p.Masked())
	}
	return p, nil
}

func (f *Firewall) validate() error {
	var errs []error
	one := func(name, v string, of ...string) {
		for _, o := range append(of, "") {
			if strings.EqualFold(v, o) {
				return
			}
		}
		errs = append(errs, fmt.Errorf("%s %q: want one of %q", name, clip(v), of))
	}
	one("default action", f.DefaultAction, "Allow", "Deny")
	one("bypass", f.Bypass, "AzureServices", "None")
	one("public network access", f.PublicNetworkAccess, "Enabled", "Disabled")
	for _, p := range f.IPRules {
		if !p.IsValid() {
			errs = append(errs, errors.New("an ip rule is empty or malformed"))
		}
	}
	return errors.Join(errs...)
}

func isGUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		c := lower(s[i])
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
				return false
			}
		}
	}
	return true
}

func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "..."
	}
	return s
}
