package vaulttest

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"
	"github.com/go-jose/go-jose/v4"

	"latchkey/internal/clock"
	"latchkey/vault/rbac"
	"latchkey/vault/token"
)

// Issuer signs tokens for whoever a test names.
type Issuer struct {
	tenant string
	key    *rsa.PrivateKey
	signer jose.Signer
	clock  clock.Clock
}

const kid = "vaulttest"

func newIssuer(t testing.TB, tenant string, c clock.Clock) *Issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatalf("making the token issuer: %v", err)
	}
	opts := (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", kid)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, opts)
	if err != nil {
		t.Fatalf("making the token issuer: %v", err)
	}
	return &Issuer{tenant: tenant, key: key, signer: signer, clock: c}
}

// ID is the issuer that tokens name.
func (i *Issuer) ID() string { return "https://sts.windows.net/" + i.tenant + "/" }

// Key finds the issuer's public key; it makes an Issuer a token.Keys.
func (i *Issuer) Key(_ context.Context, id string) ([]jose.JSONWebKey, error) {
	if id != kid {
		return nil, nil
	}
	return []jose.JSONWebKey{{Key: &i.key.PublicKey, KeyID: kid, Algorithm: "RS256", Use: "sig"}}, nil
}

// Epoch is constant: the key is never taken back.
func (i *Issuer) Epoch() uint64 { return 1 }

func (i *Issuer) validator(t testing.TB, c clock.Clock) *token.Validator {
	t.Helper()
	v, err := token.New(token.Config{Issuers: []token.Issuer{{ID: i.ID(), TenantID: i.tenant, Keys: i}}, Clock: c})
	if err != nil {
		t.Fatalf("making the token validator: %v", err)
	}
	return v
}

// Life is how long tokens are good.
const Life = time.Hour

// Token makes a token for p. Claims, if given, replace or (nil) remove those that it would have.
func (i *Issuer) Token(p rbac.Principal, audience string, claims map[string]any) (string, error) {
	now := i.clock.Now()
	all := map[string]any{
		"aud": audience, "iss": i.ID(), "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(Life).Unix(),
		"appid": p.AppID, "appidacr": "1", "idp": i.ID(), "idtyp": "app", "oid": p.ObjectID, "sub": p.ObjectID,
		"tid": i.tenant, "uti": "vaulttest", "ver": "1.0",
	}
	if len(p.Groups) > 0 {
		all["groups"] = p.Groups
	}
	maps.Copy(all, claims)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	text, err := json.Marshal(all)
	if err != nil {
		return "", fmt.Errorf("encoding claims: %w", err)
	}
	jws, err := i.signer.Sign(text)
	if err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	return jws.CompactSerialize()
}

// Principal makes up a principal that is the same for the same name.
func (s *Server) Principal(name string) rbac.Principal {
	return rbac.Principal{
		TenantID: s.tenant, ObjectID: GUID("object " + name), AppID: GUID("app " + name), Issuer: s.Issuer.ID(), AppOnly: true,
	}
}

// GUID makes up a GUID that is the same for the same text.
func GUID(text string) string {
	h := sha256.Sum256([]byte(text))
	x := hex.EncodeToString(h[:16])
	return x[:8] + "-" + x[8:12] + "-4" + x[13:16] + "-a" + x[17:20] + "-" + x[20:]
}

// Admin is the principal that may do everything in the vaults that the server makes.
func (s *Server) Admin() rbac.Principal { return s.Principal("admin") }

// Token makes a token of p for an audience.
func (s *Server) Token(t testing.TB, p rbac.Principal, audience string) string {
	t.Helper()
	tok, err := s.Issuer.Token(p, audience, nil)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

type credential struct {
	s *Server
	p rbac.Principal
}

// GetToken gives a token for the scope's resource.
func (c credential) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if len(o.Scopes) != 1 {
		return azcore.AccessToken{}, fmt.Errorf("want one scope, got %q", o.Scopes)
	}
	if o.TenantID != "" && !strings.EqualFold(o.TenantID, c.s.tenant) {
		return azcore.AccessToken{}, fmt.Errorf("asked for a token of tenant %q, have %q", o.TenantID, c.s.tenant)
	}
	tok, err := c.s.Issuer.Token(c.p, strings.TrimSuffix(o.Scopes[0], "/.default"), nil)
	return azcore.AccessToken{Token: tok, ExpiresOn: c.s.Issuer.clock.Now().Add(Life)}, err
}

// Credential is p as a credential of the Azure SDK.
func (s *Server) Credential(p rbac.Principal) azcore.TokenCredential { return credential{s, p} }

// AzureOptions make an azkeys client reach the server. Retries are off.
func (s *Server) AzureOptions() *azkeys.ClientOptions {
	return &azkeys.ClientOptions{ClientOptions: policy.ClientOptions{
		Transport: s.Client(), Retry: policy.RetryOptions{MaxRetries: -1},
	}}
}

// MustAzure makes an azkeys client of p for a vault URL, with every check on.
func (s *Server) MustAzure(t testing.TB, url string, p rbac.Principal) *azkeys.Client {
	t.Helper()
	c, err := azkeys.NewClient(url, s.Credential(p), s.AzureOptions())
	if err != nil {
		t.Fatalf("making an azkeys client: %v", err)
	}
	return c
}

// Validator is a token validator of its own that trusts the server's issuer, for other handlers over the same tokens.
func (s *Server) Validator(t testing.TB) *token.Validator {
	t.Helper()
	return s.Issuer.validator(t, s.Issuer.clock)
}
