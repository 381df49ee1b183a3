package directory

import (
	"encoding/json"
	"time"
)

// Tenant is a directory.
type Tenant struct {
	ID      string    `json:"id"` // GUID, lower case
	Name    string    `json:"name"`
	Domains []string  `json:"domains,omitempty"` // verified domains, lower case; each stands for the id in addresses
	Created time.Time `json:"created"`
}

// App is an application, or a managed identity, with what is public of its credentials.
type App struct {
	ClientID     string        `json:"clientId"` // GUID, lower case; unique in the authority
	Name         string        `json:"name"`
	TenantID     string        `json:"tenantId"` // where it was registered
	Principals   []Principal   `json:"principals"`
	Managed      bool          `json:"managed,omitempty"`    // a managed identity: no credentials, tokens over IMDS and Arc only
	ResourceID   string        `json:"resourceId,omitempty"` // of a managed identity: its msi_res_id
	Public       bool          `json:"public,omitempty"`     // a public client: it must not send a secret, so it gets no token here
	Disabled     bool          `json:"disabled,omitempty"`
	Created      time.Time     `json:"created"`
	Secrets      []Secret      `json:"secrets,omitempty"`
	Certificates []Certificate `json:"certificates,omitempty"`
	Federated    []Federated   `json:"federated,omitempty"`
}

// Principal is an application's presence in a tenant: what roles and policies are given to.
type Principal struct {
	TenantID string   `json:"tenantId"`
	ObjectID string   `json:"objectId"` // GUID, lower case
	Groups   []string `json:"groups,omitempty"`
}

// Secret is what may be known of a client secret.
type Secret struct {
	KeyID   string    `json:"keyId"`
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
}

// Certificate is a registered certificate.
type Certificate struct {
	KeyID      string    `json:"keyId"`
	Name       string    `json:"name"`
	Thumbprint string    `json:"thumbprint"` // SHA-1 of the DER form, upper-case hex, as portals show it
	NotBefore  time.Time `json:"notBefore"`
	NotAfter   time.Time `json:"notAfter"`
	DER        []byte    `json:"der"`
}

// Federated is trust in the tokens of another issuer for one subject.
type Federated struct {
	KeyID    string `json:"keyId"`
	Name     string `json:"name"`
	Issuer   string `json:"issuer"`   // the exact iss, https
	Subject  string `json:"subject"`  // the exact sub
	Audience string `json:"audience"` // the exact aud; usually "api://AzureADTokenExchange"
	// Keys is the issuer's key set document; without it KeysURL is fetched; without either, discovery under Issuer tells.
	Keys    json.RawMessage `json:"keys,omitempty"`
	KeysURL string          `json:"keysUrl,omitempty"`
}

// state is everything that is kept.
type state struct {
	Tenants []Tenant   `json:"tenants"`
	Apps    []appState `json:"apps"`
	Keys    []keyState `json:"keys"`
}

// appState is an App with the hashes of its secrets, in the order of Secrets.
type appState struct {
	App
	Hashes []secretHash `json:"hashes,omitempty"`
}

// secretHash is HMAC-SHA-256 of a secret under a salt of its own.
type secretHash struct {
	Salt []byte `json:"salt"`
	Hash []byte `json:"hash"`
}

func (s *state) app(clientID string) *appState {
	for i := range s.Apps {
		if s.Apps[i].ClientID == clientID {
			return &s.Apps[i]
		}
	}
	return nil
}

func (s *state) tenant(id string) *Tenant {
	for i := range s.Tenants {
		if s.Tenants[i].ID == id {
			return &s.Tenants[i]
		}
	}
	return nil
}

// In is the application's presence in a tenant (lower-case id); nil if it has none.
func (a *App) In(tenantID string) *Principal {
	for i := range a.Principals {
		if a.Principals[i].TenantID == tenantID {
			return &a.Principals[i]
		}
	}
	return nil
}
