package keydb

import "latchkey/vault/rbac"

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
	Tags          map[string]string `json:"tags,omitempty"`
	Created       int64             `json:"created"` // Unix seconds
	Updated       int64             `json:"updated"`
	Deleted       *Deletion         `json:"deleted,omitempty"`
}

// Access is who may use a vault, from where, under which model.
type Access struct {
	Schema int `json:"schema"`
	rbac.Access
}

// Blob is sealed data of the installation: wrapping keys, the signing authority.
type Blob struct {
	Schema int    `json:"schema"`
	Sealed []byte `json:"sealed"`
}
