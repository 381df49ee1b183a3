package connector_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"latchkey/akv"
	"latchkey/audit"
	"latchkey/azure"
	"latchkey/connector"
	"latchkey/connector/keymap"
	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/entra"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
	"latchkey/vault"
	"latchkey/vault/rbac"
	"latchkey/vault/token"
	"latchkey/vault/vaulttest"
)

// world is a whole vault with its token authority, both as they are in production, and a provider that reaches them.
type world struct {
	vault     *vaulttest.Server
	authority *entra.Authority
	imds      *httptest.Server
	provider  *connector.Provider
	opener    *azure.Opener
	settings  atomic.Pointer[azure.Settings]
	tokens    sync.Map // those that came to the vault
	unwraps   atomic.Int64
	gets      atomic.Int64
	around    atomic.Pointer[func(http.Handler) http.Handler]
	secret    string

	mu     sync.Mutex
	events []connector.Event
}

func (w *world) tokensSeen() map[string]bool {
	seen := map[string]bool{}
	w.tokens.Range(func(k, _ any) bool { seen[k.(string)] = true; return true })
	return seen
}

const (
	worldClient   = "aaaaaaaa-0000-0000-0000-00000000000a"
	worldObject   = "bbbbbbbb-0000-0000-0000-00000000000b"
	worldIdentity = "aaaaaaaa-0000-0000-0000-00000000000e"
	worldMachine  = "bbbbbbbb-0000-0000-0000-00000000000e"
)

// seal stands in for the vault's seal at the authority.
type sealAEAD struct{ cipher.AEAD }

func (s sealAEAD) Seal(name string, plain []byte) ([]byte, error) {
	nonce := make([]byte, s.NonceSize())
	rand.Read(nonce)
	return s.AEAD.Seal(nonce, nonce, plain, []byte(name)), nil
}

func (s sealAEAD) Open(name string, sealed []byte) ([]byte, error) {
	if len(sealed) < s.NonceSize() {
		return nil, errors.New("too short")
	}
	return s.AEAD.Open(nil, sealed[:s.NonceSize()], sealed[s.NonceSize():], []byte(name))
}

type noAudit struct{}

func (noAudit) Append(context.Context, audit.Record) error { return nil }

// laterTokens are the authority's, which is made after the vault: each must know the other's address.
type laterTokens struct {
	v atomic.Pointer[token.Validator]
}

func (l *laterTokens) Validate(ctx context.Context, raw, audience string) (rbac.Principal, error) {
	return l.v.Load().Validate(ctx, raw, audience)
}

// bothKeys lets tokens of the authority and of the vault's own test issuer, which Must functions use, be good.
type bothKeys struct{ a, b token.Keys }

func (k bothKeys) Key(ctx context.Context, id string) ([]jose.JSONWebKey, error) {
	if keys, err := k.a.Key(ctx, id); err == nil && len(keys) > 0 {
		return keys, nil
	}
	return k.b.Key(ctx, id)
}

func (k bothKeys) Epoch() uint64 { return k.a.Epoch() + k.b.Epoch() }

func newWorld(t testing.TB, change func(*connector.Config)) *world {
	t.Helper()
	w := &world{}
	var handler atomic.Pointer[http.Handler]
	login := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { (*handler.Load()).ServeHTTP(rw, r) }))
	t.Cleanup(login.Close)
	tokens := &laterTokens{}
	w.vault = vaulttest.New(t, &vaulttest.Options{
		Authority: login.URL, Tokens: tokens,
		Wrap: func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if tok := r.Header.Get("Authorization"); tok != "" {
					w.tokens.Store(tok, true)
					switch {
					case strings.HasSuffix(strings.ToLower(r.URL.Path), "/unwrapkey"):
						w.unwraps.Add(1)
					case r.Method == http.MethodGet:
						w.gets.Add(1)
					}
				}
				if around := w.around.Load(); around != nil {
					(*around)(h).ServeHTTP(rw, r)
					return
				}
				h.ServeHTTP(rw, r)
			})
		},
	})
	block := must(aes.NewCipher(make([]byte, 32)))(t)
	a := must(entra.Open(t.Context(), entra.Config{
		FS: fsys.NewMem(), Dir: "/entra", Sealer: sealAEAD{must(cipher.NewGCM(block))(t)}, Audit: noAudit{},
		Hosts:     []string{strings.TrimPrefix(login.URL, "https://")},
		Resources: []entra.Resource{{Pattern: w.vault.Audience(false)}, {Pattern: w.vault.Audience(true)}},
	}))(t)
	w.authority = a
	h := a.Handler()
	handler.Store(&h)
	tokens.v.Store(must(token.New(token.Config{Issuers: []token.Issuer{{ID: w.vault.Issuer.ID(), TenantID: w.vault.TenantID(), Keys: bothKeys{a.Keys(), w.vault.Issuer}}}}))(t))
	must(a.CreateTenant(t.Context(), entra.Tenant{ID: w.vault.TenantID(), Name: "Contoso"}))(t)
	must(a.CreateApp(t.Context(), entra.NewApp{TenantID: w.vault.TenantID(), Name: "sql", ClientID: worldClient, ObjectID: worldObject}))(t)
	must(a.CreateApp(t.Context(), entra.NewApp{TenantID: w.vault.TenantID(), Name: "vm", ClientID: worldIdentity, ObjectID: worldMachine, Managed: true}))(t)
	w.secret = w.newSecret(t)
	w.imds = httptest.NewServer(a.IMDS(entra.Identities{}))
	t.Cleanup(w.imds.Close)

	ca := must(os.ReadFile(w.vault.CAFile(t)))(t)
	ca = append(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: login.Certificate().Raw})...)
	caFile := filepath.Join(t.TempDir(), "ca.pem")
	must(0, os.WriteFile(caFile, ca, 0o600))(t)
	w.settings.Store(&azure.Settings{CAFile: caFile, Authority: login.URL, Proxy: "direct", ManagedIdentityHost: w.imds.URL, Addresses: []string{w.vault.Addr}})
	w.opener = azure.New(azure.Config{Settings: func(string) azure.Settings { return *w.settings.Load() }})
	cfg := connector.Config{
		Open:    func(ctx context.Context, c *ekm.Credential) (connector.Vault, error) { return w.opener.Open(ctx, c) },
		Watch:   w.opener.Watch,
		Budget:  patience,
		Map:     keymap.OpenFile(fsys.NewMem(), "/map/keys", nil, nil),
		OnEvent: func(e connector.Event) { w.mu.Lock(); defer w.mu.Unlock(); w.events = append(w.events, e) },
	}
	if change != nil {
		change(&cfg)
	}
	w.provider = must(connector.New(cfg))(t)
	t.Cleanup(func() {
		_ = w.provider.Close()
		_ = w.opener.Close()
		_ = a.Close()
	})
	for _, object := range []string{worldObject, worldMachine} {
		p := rbac.Principal{TenantID: w.vault.TenantID(), ObjectID: object}
		w.vault.MustGrant(t, vault.ID("kv1", false), vaulttest.RoleServiceEncryption, p, "")
		w.vault.MustGrant(t, vault.ID("hsm1", true), vaulttest.RoleHSMServiceEncrypts, p, "")
	}
	return w
}

func (w *world) newSecret(t testing.TB) string {
	t.Helper()
	_, s, err := w.authority.AddSecret(t.Context(), worldClient, "s", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Destroy()
	return string(s.Expose())
}

func clientHex() string { return strings.ReplaceAll(worldClient, "-", "") }

func (w *world) credential(after string) *ekm.Credential {
	return &ekm.Credential{Name: "c", Identity: w.vault.VaultURL("kv1"), Secret: secret.FromString(clientHex() + after)}
}

// federated registers an issuer and returns the file with one of its tokens.
func (w *world) federated(t testing.TB) string {
	t.Helper()
	jwk := jose.JSONWebKey{Key: rsaKey().Public(), KeyID: "k1", Algorithm: "RS256", Use: "sig"}
	keys := must(json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{jwk}}))(t)
	must(w.authority.AddFederated(t.Context(), worldClient, entra.Federated{
		Name: "k8s", Issuer: "https://oidc.example", Subject: "system:serviceaccount:db:sql", Audience: "api://AzureADTokenExchange", Keys: keys,
	}))(t)
	signer := must(jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: rsaKey(), KeyID: "k1"}}, nil))(t)
	now := time.Now()
	claims := must(json.Marshal(map[string]any{
		"iss": "https://oidc.example", "sub": "system:serviceaccount:db:sql", "aud": "api://AzureADTokenExchange",
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(), "jti": "1",
	}))(t)
	jws := must(signer.Sign(claims))(t)
	file := filepath.Join(t.TempDir(), "token")
	must(0, os.WriteFile(file, []byte(must(jws.CompactSerialize())(t)+"\n"), 0o600))(t)
	return file
}

func TestEveryKindOfCredentialAgainstOurVault(t *testing.T) {
	w := newWorld(t, nil)
	w.vault.MustKey(t, "kv1", "ContosoRSAKey0", &akv.CreateKey{Kty: "RSA-HSM"})
	w.vault.MustHSMKey(t, "hsm1", "ContosoRSAKey0", &akv.CreateKey{Kty: "RSA"})
	cert := certificateOf(t, rsaKey().Public(), rsaKey())
	must(w.authority.AddCertificate(t.Context(), worldClient, "cert", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})))(t)
	pemFile, pfxFile := filepath.Join(t.TempDir(), "sp.pem"), filepath.Join(t.TempDir(), "sp.pfx")
	must(0, os.WriteFile(pemFile, []byte(pemOf(t, rsaKey(), cert)), 0o600))(t)
	inlinePFX := pfx(t, rsaKey(), cert)
	must(0, os.WriteFile(pfxFile, must(decode64(inlinePFX))(t), 0o600))(t)
	tokenFile := w.federated(t)

	url, hsm := w.vault.VaultURL("kv1"), w.vault.HSMURL("hsm1")
	for name, cred := range map[string]*ekm.Credential{
		"client secret":                  w.credential(w.secret),
		"client secret, Managed HSM":     {Identity: hsm, Secret: secret.FromString(clientHex() + w.secret)},
		"host with port":                 {Identity: strings.TrimPrefix(url, "https://"), Secret: secret.FromString(clientHex() + w.secret)},
		"PEM inline":                     w.credential("pem=" + pemOf(t, rsaKey(), cert)),
		"PEM inline, base64":             w.credential("pem=" + encode64(pemOf(t, rsaKey(), cert))),
		"PEM file":                       w.credential("pem-file=" + pemFile),
		"PFX inline":                     w.credential("pfx=" + inlinePFX + ";password=" + canary),
		"PFX file":                       w.credential("pfx-file=" + pfxFile + ";password=" + canary),
		"managed identity":               {Name: url, Identity: "Managed Identity"},
		"managed identity, chosen":       {Name: url, Identity: "Managed Identity", Secret: secret.FromString(strings.ReplaceAll(worldIdentity, "-", ""))},
		"workload identity":              w.credential("federated-token-file=" + tokenFile),
		"workload identity, as identity": {Name: url, Identity: "Workload Identity", Secret: secret.FromString(clientHex() + "federated-token-file=" + tokenFile)},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := w.provider.OpenSession(t.Context(), cred)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close(false)
			info := must(s.KeyByName(t.Context(), "ContosoRSAKey0"))(t)
			wrapped := must(s.Wrap(t.Context(), info.Thumbprint, dek(5)))(t)
			got := must(s.Unwrap(t.Context(), info.Thumbprint, wrapped))(t)
			defer got.Destroy()
			if !got.Equal(dek(5).Expose()) {
				t.Error("unwrapped something else")
			}
		})
	}
}

func TestRealRefusalsAreTold(t *testing.T) {
	w := newWorld(t, func(c *connector.Config) { c.Tries = 2 })
	w.vault.MustKey(t, "kv1", "k", &akv.CreateKey{Kty: "RSA"})
	s := must(w.provider.OpenSession(t.Context(), w.credential(w.secret)))(t)
	info := must(s.KeyByName(t.Context(), "k"))(t)
	wrapped := must(s.Wrap(t.Context(), info.Thumbprint, dek(5)))(t)
	if _, err := s.KeyByName(t.Context(), "none"); code.Of(err) != code.HTTPResourceNotFound {
		t.Errorf("an absent key: %v", err)
	}
	disable := false
	w.vault.MustCall(t, http.MethodPatch, w.vault.VaultURL("kv1")+"/keys/k", akv.UpdateKey{Attributes: &akv.Attributes{Enabled: &disable}}, nil)
	if _, err := s.Unwrap(t.Context(), info.Thumbprint, wrapped); code.Of(err) != code.HTTPOperationForbidden || !strings.Contains(err.Error(), "KeyDisabled") {
		t.Errorf("a disabled key: %v", err)
	}
	w.vault.MustRevoke(t, vault.ID("kv1", false), rbac.Principal{TenantID: w.vault.TenantID(), ObjectID: worldObject})
	if _, err := s.Unwrap(t.Context(), info.Thumbprint, wrapped); code.Of(err) != code.HTTPOperationForbidden || !strings.Contains(err.Error(), "ForbiddenByRbac") {
		t.Errorf("a right that was taken: %v", err)
	}
	if _, err := w.provider.OpenSession(t.Context(), w.credential("wrong")); code.Of(err) != code.GetTokenBadCredentials {
		t.Errorf("a wrong secret: %v", err)
	}
}
