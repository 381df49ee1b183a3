package keydb

import "latchkey/akv"

// Vault is a vault or Managed HSM as stored.
type Vault struct {
	Schema        int               `json:"schema"`
	ID            string            `json:"id"` // lower-case name, with ".hsm" behind for a Managed HSM
	Name          string            `json:"name"`
	HSM           bool              `json:"hsm,omitempty"`
	TenantID      string            `json:"tenantId"`
	Subscription  string            `json:"subscription"`
	ResourceGroup string            `json:"resourceGroup"`
	Location      string            `json:"location"`
	Premium       bool              `json:"premium,omitempty"`
	RetentionDays int               `json:"retentionDays"`
	PurgeProtect  bool              `json:"purgeProtect,omitempty"`
	RBAC          bool              `json:"rbac,omitempty"`
	Network       Network           `json:"network"`
	Tags          map[string]string `json:"tags,omitempty"`
	Created       int64             `json:"created"` // Unix seconds
	Updated       int64             `json:"updated"`
	Deleted       *Deletion         `json:"deleted,omitempty"`
}

// Network is a vault's firewall.
type Network struct {
	DenyByDefault bool     `json:"denyByDefault,omitempty"`
	AllowedIPs    []string `json:"allowedIPs,omitempty"` // addresses and CIDR ranges
	Private       bool     `json:"private,omitempty"`    // no public access at all
}

// Access is who may do what in a vault: policies for the one model, assignments and custom roles for the other.
type Access struct {
	Schema      int                  `json:"schema"`
	Policies    []Permission         `json:"policies,omitempty"`
	Assignments []Assignment         `json:"assignments,omitempty"`
	Roles       []akv.RoleDefinition `json:"roles,omitempty"` // custom ones
}

// Permission is one access policy.
type Permission struct {
	TenantID      string   `json:"tenantId"`
	ObjectID      string   `json:"objectId"`
	ApplicationID string   `json:"applicationId,omitempty"`
	Keys          []string `json:"keys"`
}

// Assignment is one role assignment. Scope is "" for the vault, or a key's lower-case name.
type Assignment struct {
	ID          string `json:"id"`   // GUID
	Role        string `json:"role"` // GUID of the definition
	PrincipalID string `json:"principalId"`
	Scope       string `json:"scope,omitempty"`
	Created     int64  `json:"created,omitempty"`
}

// Blob is sealed data of the installation: wrapping keys, the signing authority.
type Blob struct {
	Schema int    `json:"schema"`
	Sealed []byte `json:"sealed"`
}
