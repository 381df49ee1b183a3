package rbac

import (
	"net/http"
	"net/netip"
	"strings"

	"latchkey/akv"
)

// Request is one operation that somebody wants to do.
type Request struct {
	Principal  Principal
	Kind       Kind
	VaultName  string     // for messages
	Location   string     // for messages: the vault's region
	ResourceID string     // the vault's resource id, "/subscriptions/.../vaults/{v}"; unused for an HSM
	KeyName    string     // the key; "" for an operation on the whole vault (list, restore, random bytes)
	Action     Action     // what roles must allow
	Permission Permission // what an access policy must give
	Addr       netip.Addr // the caller's address
	Trusted    bool       // the caller is a trusted service, see Firewall.Bypass
	Private    bool       // the call came through a private endpoint
	// Scope is, for the role operations of an HSM, the scope whose roles are read or written; "" derives the scope from
	// KeyName and Action.
	Scope string
}

// Decision is the answer. The zero value is a denial.
type Decision struct {
	Allowed bool
	// AssignmentID is the role assignment that allowed it, or the object id of the access policy that did.
	AssignmentID string
	Inner        string // inner code of a denial: "ForbiddenByRbac", ...
	// Message is the text of a denial. The server adds " (Activity ID: ...)" to that of an HSM, as to all its errors.
	Message string
}

// Err is nil if allowed, else the 403 as *akv.Error.
func (d Decision) Err() error {
	if d.Allowed {
		return nil
	}
	return &akv.Error{Status: http.StatusForbidden, Code: "Forbidden", Inner: d.Inner, Message: d.Message}
}

// Inner codes of a denial.
const (
	ForbiddenByPolicy     = "ForbiddenByPolicy"
	ForbiddenByRbac       = "ForbiddenByRbac"
	ForbiddenByFirewall   = "ForbiddenByFirewall"
	ForbiddenByConnection = "ForbiddenByConnection"
	AccessDenied          = "AccessDenied" // every denial of a managed HSM's roles
)

// Decide answers a request by the rules of an access. It never fails: what it cannot understand it denies.
func Decide(access Access, request Request) Decision {
	a, r := &access, &request
	if d, ok := a.Firewall.decide(r); !ok {
		return d
	}
	roles := builtIns().of(r.Kind)
	switch {
	case roles == nil:
		return Decision{Inner: AccessDenied, Message: "Not authorized: unknown kind of host"}
	case a.Model == ModelPolicy && r.Kind == Vault:
		if id, ok := a.byPolicy(r); ok {
			return Decision{Allowed: true, AssignmentID: id}
		}
		return Decision{Inner: ForbiddenByPolicy, Message: policyMessage(r)}
	case a.Model == ModelRBAC:
		if id, ok := a.byRole(r, roles); ok {
			return Decision{Allowed: true, AssignmentID: id}
		}
	}
	if r.Kind == HSM {
		return Decision{Inner: AccessDenied, Message: "Not authorized to access " + string(r.Action) + " on " + hsmScope(r)}
	}
	return Decision{Inner: ForbiddenByRbac, Message: rbacMessage(r)}
}

func (a *Access) byPolicy(r *Request) (id string, ok bool) {
	if !r.Principal.valid() || !r.Permission.known() {
		return "", false
	}
	for i := range a.Policies {
		p := &a.Policies[i]
		if p.ObjectID == "" || !strings.EqualFold(p.TenantID, r.Principal.TenantID) || !isOrIn(&r.Principal, p.ObjectID) {
			continue
		}
		if p.ApplicationID != "" && (r.Principal.AppOnly || !strings.EqualFold(p.ApplicationID, r.Principal.AppID)) {
			continue
		}
		for _, k := range p.Keys {
			if strings.EqualFold(k, string(r.Permission)) || strings.EqualFold(k, string(PermAll)) {
				return p.ObjectID, true
			}
		}
	}
	return "", false
}

func (a *Access) byRole(r *Request, roles *kindRoles) (id string, ok bool) {
	bit, known := roles.bit[r.Action]
	if !known || !r.Principal.valid() || strings.IndexByte(r.KeyName, '/') >= 0 {
		return "", false
	}
	for i := range a.Assignments {
		as := &a.Assignments[i]
		if as.PrincipalID == "" || !isOrIn(&r.Principal, as.PrincipalID) || !inScope(as.Scope, r) {
			continue
		}
		if a.roleAllows(roles, roleGUID(as.RoleID), r.Action, bit) {
			return as.ID, true
		}
	}
	return "", false
}

func (a *Access) roleAllows(roles *kindRoles, id string, action Action, bit uint64) bool {
	allow, ok := roles.allow[id]
	if !ok {
		allow, ok = roles.allow[strings.ToLower(id)] // no allocation when it is lower already
	}
	if ok {
		return allow&bit != 0
	}
	for i := range a.Roles {
		if strings.EqualFold(a.Roles[i].ID, id) {
			return a.Roles[i].Allows(action)
		}
	}
	return false
}

// isOrIn reports whether id is the principal or one of its groups.
func isOrIn(p *Principal, id string) bool {
	if strings.EqualFold(p.ObjectID, id) {
		return true
	}
	for _, g := range p.Groups {
		if strings.EqualFold(g, id) {
			return true
		}
	}
	return false
}

// inScope reports whether what the request is about lies at or below scope.
func inScope(scope string, r *Request) bool {
	if scope == "" || scope[0] != '/' {
		return false
	}
	scope = strings.TrimSuffix(scope, "/")
	if scope == "" { // "/"
		return true
	}
	if r.Kind == HSM {
		if r.Scope != "" {
			return below(strings.TrimSuffix(r.Scope, "/"), scope)
		}
		if !hsmKeyAction(r.Action) {
			return false
		}
		return resourceBelow("", r.KeyName, scope)
	}
	if r.ResourceID == "" {
		return false
	}
	return resourceBelow(strings.TrimSuffix(r.ResourceID, "/"), r.KeyName, scope)
}

// resourceBelow reports whether the key (or, without a name, the collection of an HSM or the vault itself) is at or below
// scope.
func resourceBelow(vault, key, scope string) bool {
	if vault != "" && below(vault, scope) {
		return true
	}
	const keys = "/keys"
	if len(scope) < len(vault)+len(keys) || !strings.EqualFold(scope[:len(vault)], vault) {
		return false
	}
	rest := scope[len(vault):]
	if !strings.EqualFold(rest[:len(keys)], keys) {
		return false
	}
	rest = rest[len(keys):]
	if rest == "" { // the collection: an HSM's scope; a vault has none, its keys alone
		return vault == ""
	}
	return rest[0] == '/' && key != "" && strings.EqualFold(rest[1:], key)
}

// below reports whether the path is scope or lies below it.
func below(path, scope string) bool {
	return len(path) >= len(scope) && strings.EqualFold(path[:len(scope)], scope) &&
		(len(path) == len(scope) || path[len(scope)] == '/')
}

func hsmKeyAction(a Action) bool {
	return strings.HasPrefix(string(a), "Microsoft.KeyVault/managedHsm/keys/")
}

// hsmScope is the scope that a denial names.
func hsmScope(r *Request) string {
	switch {
	case r.Scope != "":
		return r.Scope
	case !hsmKeyAction(r.Action):
		return "/"
	case r.KeyName == "":
		return "/keys"
	}
	return "/keys/" + r.KeyName
}
