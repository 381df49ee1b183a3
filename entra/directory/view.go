package directory

import (
	"crypto/subtle"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"strings"

	"latchkey/internal/jwks"
)

// View is the directory at one moment, with its indexes. It never changes; what its methods return must not be changed.
type View struct {
	st       *state
	byClient map[string]*appState
	byName   map[string]*Tenant // by id and by domain
	certs    map[string]*x509.Certificate
	fedKeys  map[string]*jwks.Set // by key id, where the document is kept
}

// Tenant finds a tenant by id or domain, in any case; nil if there is none.
func (v *View) Tenant(name string) *Tenant { return v.byName[strings.ToLower(name)] }

// App finds an application or managed identity by client id, in any case; nil if there is none.
func (v *View) App(clientID string) *App {
	if a := v.byClient[strings.ToLower(clientID)]; a != nil {
		return &a.App
	}
	return nil
}

// Identities lists the managed identities.
func (v *View) Identities() []*App {
	var out []*App
	for i := range v.st.Apps {
		if v.st.Apps[i].Managed {
			out = append(out, &v.st.Apps[i].App)
		}
	}
	return out
}

// Secret finds the secret of an application, expired or not, whose plain text this is. It compares with every one, in
// constant time.
func (v *View) Secret(clientID string, plain []byte) (Secret, bool) {
	a := v.byClient[clientID]
	if a == nil {
		return Secret{}, false
	}
	match := -1
	for i, h := range a.Hashes {
		if subtle.ConstantTimeCompare(hashSecret(h.Salt, plain), h.Hash) == 1 {
			match = i
		}
	}
	if match < 0 {
		return Secret{}, false
	}
	return a.Secrets[match], true
}

// Certificate is the parsed certificate with that key id; nil if there is none.
func (v *View) Certificate(keyID string) *x509.Certificate { return v.certs[keyID] }

// FederatedKeys is the stored key set of a federated credential; nil if it is to be fetched.
func (v *View) FederatedKeys(keyID string) *jwks.Set { return v.fedKeys[keyID] }

func newView(s *state) (*View, error) {
	v := &View{
		st: s, byClient: map[string]*appState{}, byName: map[string]*Tenant{},
		certs: map[string]*x509.Certificate{}, fedKeys: map[string]*jwks.Set{},
	}
	for i := range s.Tenants {
		t := &s.Tenants[i]
		for _, name := range append([]string{t.ID}, t.Domains...) {
			if v.byName[name] != nil {
				return nil, fmt.Errorf("tenant name %q appears twice", name)
			}
			v.byName[name] = t
		}
	}
	for i := range s.Apps {
		app := &s.Apps[i]
		if v.byClient[app.ClientID] != nil || len(app.Hashes) != len(app.Secrets) {
			return nil, fmt.Errorf("application %q appears twice or has a secret without hash", app.ClientID)
		}
		if app.In(app.TenantID) == nil || v.byName[app.TenantID] == nil {
			return nil, fmt.Errorf("application %q has no principal in its own tenant %q", app.ClientID, app.TenantID)
		}
		v.byClient[app.ClientID] = app
		for _, c := range app.Certificates {
			cert, err := x509.ParseCertificate(c.DER)
			if err != nil {
				return nil, fmt.Errorf("certificate %q of application %q: %w", c.KeyID, app.ClientID, err)
			}
			v.certs[c.KeyID] = cert
		}
		for _, f := range app.Federated {
			if f.Keys == nil {
				continue
			}
			set, err := jwks.Parse(f.Keys)
			if err != nil {
				return nil, fmt.Errorf("federated credential %q of application %q: %w", f.KeyID, app.ClientID, err)
			}
			v.fedKeys[f.KeyID] = set
		}
	}
	return v, nil
}

// clone is a deep copy.
func (v *View) clone() (*state, error) {
	raw, err := json.Marshal(v.st)
	if err != nil {
		return nil, err
	}
	c := &state{}
	if err := json.Unmarshal(raw, c); err != nil {
		return nil, err
	}
	return c, nil
}
