package vaulttest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"latchkey/akv"
	"latchkey/vault"
	"latchkey/vault/rbac"
)

// Roles that tests give most often, by GUID.
const (
	RoleAdministrator      = "00482a5a-887f-4fb3-b363-3b7fe8e74483" // Key Vault Administrator
	RoleCryptoUser         = "12338af0-0e69-4776-bea7-57ae8d297424" // Key Vault Crypto User
	RoleServiceEncryption  = "e147488a-f6f5-4113-8e2d-b22465e65bf6" // Key Vault Crypto Service Encryption User
	RoleHSMAdministrator   = "a290e904-7015-4bba-90c8-60543313cdb4"
	RoleHSMCryptoOfficer   = "515eb02d-2335-4d2d-92f2-b1cbdf9c3778"
	RoleHSMCryptoUser      = "21dbd100-6940-42c2-9190-5d6cb909625b"
	RoleHSMServiceEncrypts = "33413926-3206-4cdd-b39a-83574fe37a17"
)

// MustVault makes a vault or Managed HSM in which Admin may do everything.
func (s *Server) MustVault(t testing.TB, p vault.Properties) *vault.Vault {
	t.Helper()
	if p.TenantID == "" {
		p.TenantID = s.tenant
	}
	roles := []string{RoleAdministrator}
	if p.HSM {
		roles = []string{RoleHSMAdministrator, RoleHSMCryptoOfficer, RoleHSMCryptoUser}
	}
	access := rbac.Access{Model: rbac.ModelRBAC}
	for _, r := range roles {
		access.Assignments = append(access.Assignments, rbac.Assignment{
			ID: GUID("assignment " + p.Name + r), RoleID: r, PrincipalID: s.Admin().ObjectID, Scope: "/",
		})
	}
	v, err := s.Service.CreateVault(context.Background(), vault.Operator(), p, access)
	if err != nil && !vault.IsVaultExists(err) {
		t.Fatalf("making vault %q: %v", p.Name, err)
	}
	return v
}

// MustGrant gives a role (GUID) in a vault (id, see vault.ID) to a principal, at a scope or ("") the whole vault.
func (s *Server) MustGrant(t testing.TB, id, role string, p rbac.Principal, scope string) {
	t.Helper()
	if scope == "" {
		scope = "/"
	}
	s.MustAccess(t, id, func(a *rbac.Access) {
		a.Assignments = append(a.Assignments, rbac.Assignment{
			ID: GUID(id + role + p.ObjectID + scope), RoleID: role, PrincipalID: p.ObjectID, Scope: scope,
		})
	})
}

// MustRevoke takes every role and policy in a vault from a principal.
func (s *Server) MustRevoke(t testing.TB, id string, p rbac.Principal) {
	t.Helper()
	s.MustAccess(t, id, func(a *rbac.Access) {
		var keep []rbac.Assignment
		for _, as := range a.Assignments {
			if as.PrincipalID != p.ObjectID {
				keep = append(keep, as)
			}
		}
		var policies []rbac.Policy
		for _, pol := range a.Policies {
			if pol.ObjectID != p.ObjectID {
				policies = append(policies, pol)
			}
		}
		a.Assignments, a.Policies = keep, policies
	})
}

// MustAccess changes who may use a vault.
func (s *Server) MustAccess(t testing.TB, id string, edit func(*rbac.Access)) {
	t.Helper()
	err := s.Service.SetAccess(context.Background(), vault.Operator(), id, func(a *rbac.Access) error {
		edit(a)
		return nil
	})
	if err != nil {
		t.Fatalf("changing access to %q: %v", id, err)
	}
}

// APIVersion is what Call and the Must functions ask for unless the path names one.
const APIVersion = "2025-07-01"

// Response is a reply.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// Err is nil for a 2xx reply, else the error.
func (r *Response) Err() *akv.Error {
	if r.Status < 300 {
		return nil
	}
	return akv.ReadError(r.Status, r.Body)
}

// Call sends a request with a token of p. url is a vault's URL and a path; api-version is added when it is not in the
// query. body is nil, []byte, string or something to encode as JSON.
func (s *Server) Call(t testing.TB, p rbac.Principal, method, url string, body any) *Response {
	t.Helper()
	if !strings.Contains(url, "api-version=") {
		sep := "?"
		if strings.Contains(url, "?") {
			sep = "&"
		}
		url += sep + "api-version=" + APIVersion
	}
	return s.Send(t, s.NewRequest(t, p, method, url, body))
}

// NewRequest makes a request with a token of p; the zero principal gets none.
func (s *Server) NewRequest(t testing.TB, p rbac.Principal, method, url string, body any) *http.Request {
	t.Helper()
	var r io.Reader
	switch b := body.(type) {
	case nil:
	case []byte:
		r = bytes.NewReader(b)
	case string:
		r = strings.NewReader(b)
	default:
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		r = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(context.Background(), method, url, r)
	if err != nil {
		t.Fatal(err)
	}
	if r != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if p.ObjectID != "" {
		req.Header.Set("Authorization", "Bearer "+s.Token(t, p, s.AudienceOf(url)))
	}
	return req
}

// Send sends a request over one of the server's own connections.
func (s *Server) Send(t testing.TB, req *http.Request) *Response {
	t.Helper()
	res, err := s.calls.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", req.Method, req.URL, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%s %s: reading the reply: %v", req.Method, req.URL, err)
	}
	return &Response{res.StatusCode, res.Header, text}
}

// MustCall is Call as Admin that must succeed; the reply is decoded into out unless that is nil.
func (s *Server) MustCall(t testing.TB, method, url string, body, out any) *Response {
	t.Helper()
	return s.MustCallAs(t, s.Admin(), method, url, body, out)
}

// MustCallAs is MustCall for another principal.
func (s *Server) MustCallAs(t testing.TB, p rbac.Principal, method, url string, body, out any) *Response {
	t.Helper()
	r := s.Call(t, p, method, url, body)
	if r.Status >= 300 {
		t.Fatalf("%s %s: %d %s", method, url, r.Status, r.Body)
	}
	if out != nil {
		if err := json.Unmarshal(r.Body, out); err != nil {
			t.Fatalf("%s %s: reading %s: %v", method, url, r.Body, err)
		}
	}
	return r
}

// MustKey makes a key in vault name, or a new version of it; nil makes an EC key on P-256, which is quick. Give
// &akv.CreateKey{Kty: "RSA"} for RSA-2048.
func (s *Server) MustKey(t testing.TB, vaultName, key string, c *akv.CreateKey) *akv.KeyBundle {
	t.Helper()
	return s.mustKey(t, s.VaultURL(vaultName), key, c)
}

// MustHSMKey is MustKey in a Managed HSM.
func (s *Server) MustHSMKey(t testing.TB, hsmName, key string, c *akv.CreateKey) *akv.KeyBundle {
	t.Helper()
	return s.mustKey(t, s.HSMURL(hsmName), key, c)
}

func (s *Server) mustKey(t testing.TB, url, key string, c *akv.CreateKey) *akv.KeyBundle {
	t.Helper()
	if c == nil {
		c = &akv.CreateKey{Kty: akv.KtyEC}
	}
	var b akv.KeyBundle
	s.MustCall(t, http.MethodPost, url+"/keys/"+key+"/create", c, &b)
	return &b
}

// MustRSA makes an RSA-2048 key.
func (s *Server) MustRSA(t testing.TB, vaultName, key string) *akv.KeyBundle {
	t.Helper()
	return s.MustKey(t, vaultName, key, &akv.CreateKey{Kty: akv.KtyRSA})
}

// MustUpdate changes a key's current version, for example to disable it.
func (s *Server) MustUpdate(t testing.TB, vaultName, key string, u *akv.UpdateKey) *akv.KeyBundle {
	t.Helper()
	var b akv.KeyBundle
	s.MustCall(t, http.MethodPatch, s.VaultURL(vaultName)+"/keys/"+key, u, &b)
	return &b
}

// MustEnable enables or disables a key's current version.
func (s *Server) MustEnable(t testing.TB, vaultName, key string, enabled bool) {
	t.Helper()
	s.MustUpdate(t, vaultName, key, &akv.UpdateKey{Attributes: &akv.Attributes{Enabled: &enabled}})
}
