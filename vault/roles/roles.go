// Package roles holds the local role definitions and assignments of a Managed HSM, as operations behind the door.
//
// Each function wants a Tx that was opened for it. What is stored is rbac's; this package gives it the shapes of the wire and
// the rules for changing it: built-in roles stay, a role in use stays, an assignment is made or deleted, never changed.
package roles

import (
	"net/http"
	"slices"
	"strings"

	"latchkey/vault/door"

	"latchkey/akv"
	"latchkey/vault/keyspec"
	"latchkey/vault/rbac"
)

// Identifiers of role resources of a Managed HSM.
const (
	roleDefinitionPrefix = "Microsoft.KeyVault/providers/Microsoft.Authorization/roleDefinitions/"
	roleAssignmentPrefix = "providers/Microsoft.Authorization/roleAssignments/"
)

func hsmAccess(tx *door.Tx, op door.Op) (*rbac.Access, error) {
	if err := tx.Opened(op); err != nil {
		return nil, err
	}
	a, _, err := tx.ReadAccess(tx.Vault.ID)
	return a, err
}

// guid reports whether s has the form of a GUID.
func guid(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (c == '-') {
			return false
		} else if !dash && !strings.ContainsRune("0123456789abcdefABCDEF", rune(c)) {
			return false
		}
	}
	return true
}

func wireRole(r *rbac.Role) akv.RoleDefinition {
	p := &akv.RoleDefinitionProperties{
		AssignableScopes: r.AssignableScopes, Description: r.Description, RoleName: r.Name, Type: r.Type,
	}
	for _, set := range r.Permissions {
		p.Permissions = append(p.Permissions, akv.RolePermission(set))
	}
	return akv.RoleDefinition{
		ID: roleDefinitionPrefix + r.ID, Name: r.ID, Type: "Microsoft.Authorization/roleDefinitions", Properties: p,
	}
}

func noRole(name string) error {
	return door.Fail(http.StatusNotFound, "RoleDefinitionNotFound", "", "Requested role definition not found: %.64s", name)
}

func noAssignment(name string) error {
	return door.Fail(http.StatusNotFound, "RoleAssignmentNotFound", "", "Requested role assignment not found: %.64s", name)
}

// ListRoles lists the role definitions, built in and custom. name filters by role name, "" gives all.
func ListRoles(tx *door.Tx, name string) (*akv.RoleDefinitionList, error) {
	a, err := hsmAccess(tx, door.OpRoleDefinitionList)
	if err != nil {
		return nil, err
	}
	out := &akv.RoleDefinitionList{Value: []akv.RoleDefinition{}}
	for _, list := range [][]rbac.Role{rbac.BuiltIn(rbac.HSM), a.Roles} {
		for i := range list {
			if name == "" || list[i].Name == name {
				out.Value = append(out.Value, wireRole(&list[i]))
			}
		}
	}
	return out, nil
}

// GetRole answers a role definition by its GUID.
func GetRole(tx *door.Tx, name string) (*akv.RoleDefinition, error) {
	a, err := hsmAccess(tx, door.OpRoleDefinitionGet)
	if err != nil {
		return nil, err
	}
	for _, list := range [][]rbac.Role{rbac.BuiltIn(rbac.HSM), a.Roles} {
		for i := range list {
			if strings.EqualFold(list[i].ID, name) {
				r := wireRole(&list[i])
				return &r, nil
			}
		}
	}
	return nil, noRole(name)
}

// PutRole makes or replaces a custom role.
func PutRole(tx *door.Tx, name string, d *akv.RoleDefinition) (*akv.RoleDefinition, error) {
	if err := tx.Opened(door.OpRoleDefinitionPut); err != nil {
		return nil, err
	}
	switch {
	case !guid(name):
		return nil, keyspec.BadParameter("Role definition name must be a GUID")
	case d.Properties == nil:
		return nil, keyspec.BadParameter("The property 'properties' is missing.")
	}
	r := rbac.Role{
		ID: strings.ToLower(name), Name: d.Properties.RoleName, Type: "CustomRole", Description: d.Properties.Description,
		AssignableScopes: []string{"/"},
	}
	for _, set := range d.Properties.Permissions {
		r.Permissions = append(r.Permissions, rbac.Permissions(set))
	}
	err := tx.EditAccess(tx.Vault.ID, func(a *rbac.Access) error {
		a.Roles = slices.DeleteFunc(a.Roles, func(o rbac.Role) bool { return o.ID == r.ID })
		a.Roles = append(a.Roles, r)
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := wireRole(&r)
	return &out, nil
}

// DeleteRole removes a custom role that no assignment uses.
func DeleteRole(tx *door.Tx, name string) (*akv.RoleDefinition, error) {
	if err := tx.Opened(door.OpRoleDefinitionDelete); err != nil {
		return nil, err
	}
	var out akv.RoleDefinition
	err := tx.EditAccess(tx.Vault.ID, func(a *rbac.Access) error {
		i := slices.IndexFunc(a.Roles, func(r rbac.Role) bool { return strings.EqualFold(r.ID, name) })
		if i < 0 {
			return noRole(name)
		}
		for _, as := range a.Assignments {
			if strings.EqualFold(lastPart(as.RoleID), name) {
				return door.Conflict("", "Role definition %s is used by role assignment %s.", name, as.ID)
			}
		}
		out = wireRole(&a.Roles[i])
		a.Roles = slices.Delete(a.Roles, i, i+1)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &out, nil
}

func lastPart(id string) string { return id[strings.LastIndexByte(id, '/')+1:] }

func wireAssignment(a *rbac.Assignment) akv.RoleAssignment {
	scope := strings.TrimSuffix(a.Scope, "/")
	return akv.RoleAssignment{
		ID: scope + "/" + roleAssignmentPrefix + a.ID, Name: a.ID, Type: "Microsoft.Authorization/roleAssignments",
		Properties: &akv.RoleAssignmentProperties{
			PrincipalID: a.PrincipalID, RoleDefinitionID: roleDefinitionPrefix + lastPart(a.RoleID), Scope: a.Scope,
		},
	}
}

// ListAssignments lists the role assignments at the scope and below; principal filters, "" gives all.
func ListAssignments(tx *door.Tx, principal string) (*akv.RoleAssignmentList, error) {
	a, err := hsmAccess(tx, door.OpRoleAssignmentList)
	if err != nil {
		return nil, err
	}
	out := &akv.RoleAssignmentList{Value: []akv.RoleAssignment{}}
	for i := range a.Assignments {
		as := &a.Assignments[i]
		if atOrBelow(as.Scope, tx.Call.Scope) && (principal == "" || strings.EqualFold(principal, as.PrincipalID)) {
			out.Value = append(out.Value, wireAssignment(as))
		}
	}
	return out, nil
}

func atOrBelow(scope, top string) bool {
	top = strings.TrimSuffix(top, "/")
	return len(scope) >= len(top) && strings.EqualFold(scope[:len(top)], top) && (len(scope) == len(top) || top == "" || scope[len(top)] == '/')
}

// find locates an assignment by name at the scope of the call.
func find(tx *door.Tx, a *rbac.Access, name string) int {
	return slices.IndexFunc(a.Assignments, func(as rbac.Assignment) bool {
		return strings.EqualFold(as.ID, name) && strings.EqualFold(strings.TrimSuffix(as.Scope, "/"), strings.TrimSuffix(tx.Call.Scope, "/"))
	})
}

// GetAssignment answers a role assignment by name at the scope.
func GetAssignment(tx *door.Tx, name string) (*akv.RoleAssignment, error) {
	a, err := hsmAccess(tx, door.OpRoleAssignmentGet)
	if err != nil {
		return nil, err
	}
	i := find(tx, a, name)
	if i < 0 {
		return nil, noAssignment(name)
	}
	out := wireAssignment(&a.Assignments[i])
	return &out, nil
}

// PutAssignment gives a role to a principal at the scope; an assignment cannot be changed.
func PutAssignment(tx *door.Tx, name string, d *akv.RoleAssignment) (*akv.RoleAssignment, error) {
	if err := tx.Opened(door.OpRoleAssignmentPut); err != nil {
		return nil, err
	}
	switch {
	case !guid(name):
		return nil, keyspec.BadParameter("Role assignment name must be a GUID")
	case d.Properties == nil || d.Properties.PrincipalID == "" || d.Properties.RoleDefinitionID == "":
		return nil, keyspec.BadParameter("The property 'properties.principalId' or 'properties.roleDefinitionId' is missing.")
	}
	as := rbac.Assignment{
		ID: strings.ToLower(name), RoleID: strings.ToLower(lastPart(d.Properties.RoleDefinitionID)),
		PrincipalID: d.Properties.PrincipalID, Scope: tx.Call.Scope,
	}
	err := tx.EditAccess(tx.Vault.ID, func(a *rbac.Access) error {
		for _, o := range a.Assignments {
			if strings.EqualFold(o.ID, as.ID) || strings.EqualFold(o.PrincipalID, as.PrincipalID) && strings.EqualFold(lastPart(o.RoleID), as.RoleID) && strings.EqualFold(o.Scope, as.Scope) {
				return door.Fail(http.StatusConflict, "RoleAssignmentExists", "", "The role assignment already exists.")
			}
		}
		a.Assignments = append(a.Assignments, as)
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := wireAssignment(&as)
	return &out, nil
}

// DeleteAssignment takes a role assignment away.
func DeleteAssignment(tx *door.Tx, name string) (*akv.RoleAssignment, error) {
	if err := tx.Opened(door.OpRoleAssignmentDelete); err != nil {
		return nil, err
	}
	var out akv.RoleAssignment
	err := tx.EditAccess(tx.Vault.ID, func(a *rbac.Access) error {
		i := find(tx, a, name)
		if i < 0 {
			return noAssignment(name)
		}
		out = wireAssignment(&a.Assignments[i])
		a.Assignments = slices.Delete(a.Assignments, i, i+1)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &out, nil
}
