package akv

// RoleDefinition is a role of a Managed HSM, built in or custom.
type RoleDefinition struct {
	ID         string                    `json:"id,omitempty"`
	Name       string                    `json:"name,omitempty"` // GUID
	Type       string                    `json:"type,omitempty"`
	Properties *RoleDefinitionProperties `json:"properties,omitempty"`
}

// RoleDefinitionProperties is what a role allows, and where.
type RoleDefinitionProperties struct {
	AssignableScopes []string         `json:"assignableScopes"`
	Description      string           `json:"description"`
	Permissions      []RolePermission `json:"permissions"`
	RoleName         string           `json:"roleName"`
	Type             string           `json:"type"` // AKVBuiltInRole or CustomRole
}

// RolePermission lists actions; data actions are those on keys.
type RolePermission struct {
	Actions        []string `json:"actions"`
	NotActions     []string `json:"notActions"`
	DataActions    []string `json:"dataActions"`
	NotDataActions []string `json:"notDataActions"`
}

// RoleDefinitionList is the reply to the list of roles.
type RoleDefinitionList struct {
	Value []RoleDefinition `json:"value"`
}

// RoleAssignment gives a role to a principal at a scope of a Managed HSM.
type RoleAssignment struct {
	ID         string                    `json:"id,omitempty"`
	Name       string                    `json:"name,omitempty"` // GUID
	Type       string                    `json:"type,omitempty"`
	Properties *RoleAssignmentProperties `json:"properties,omitempty"`
}

// RoleAssignmentProperties is who gets what where: Scope is "/", "/keys" or "/keys/{name}".
type RoleAssignmentProperties struct {
	PrincipalID      string `json:"principalId,omitempty"`
	RoleDefinitionID string `json:"roleDefinitionId,omitempty"`
	Scope            string `json:"scope,omitempty"`
}

// RoleAssignmentList is the reply to the list of assignments.
type RoleAssignmentList struct {
	Value []RoleAssignment `json:"value"`
}
