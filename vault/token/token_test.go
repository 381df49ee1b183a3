package token_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"latchkey/akv"
	"latchkey/internal/clock"
	"latchkey/internal/jwks"
	"latchkey/vault/rbac"
	"latchkey/vault/token"
)

const (
	tenant   = "11111111-2222-3333-4444-555555555555"
	object   = "aaaaaaaa-0000-0000-0000-000000000001"
	app      = "bbbbbbbb-0000-0000-0000-000000000001"
	audience = "https://vault.azure.net"
	iss      = "https://sts.windows.net/" + tenant + "/"
)

// keys are made once: they are test data, and slow to make.
type keySet struct {
	rsa, other *rsa.PrivateKey
	ec         *ecdsa.PrivateKey
}

var testKeys = sync.OnceValue(func() *keySet {
	k := &keySet{}
	var err1, err2, err3 error
	k.rsa, err1 = rsa.GenerateKey(rand.Reader, 2048)
	k.other, err2 = rsa.GenerateKey(rand.Reader, 2048)
	k.ec, err3 = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err := errors.Join(err1, err2, err3); err != nil {
		panic(err)
	}
	return k
})

// countingKeys counts look-ups, each of which stands for a signature check.
type countingKeys struct {
	jwks.Local
	mu sync.Mutex
	n  int
}

func (c *countingKeys) Key(ctx context.Context, kid string) ([]jose.JSONWebKey, error) {
	c.mu.Lock()
	c.n++
	c.mu.Unlock()
	return c.Local.Key(ctx, kid)
}

type kit struct {
	t     testing.TB
	clock *clock.Fake
	keys  *countingKeys
	v     *token.Validator
}

func newKit(t testing.TB, change func(*token.Config)) *kit {
	t.Helper()
	k := &kit{t: t, clock: clock.NewFake(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)), keys: &countingKeys{}}
	k.keys.Store(k.published())
	cfg := token.Config{Clock: k.clock, Issuers: []token.Issuer{{ID: iss, TenantID: tenant, Keys: k.keys}}}
	if change != nil {
		change(&cfg)
	}
	v, err := token.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	k.v = v
	return k
}

func (k *kit) published() *jwks.Set {
	return jwks.NewSet(
		jose.JSONWebKey{Key: &testKeys().rsa.PublicKey, KeyID: "r", Use: "sig"},
		jose.JSONWebKey{Key: &testKeys().ec.PublicKey, KeyID: "e", Use: "sig"},
		jose.JSONWebKey{Key: &testKeys().rsa.PublicKey, KeyID: "only-rs256", Use: "sig", Algorithm: "RS256"},
	)
}

// claims are those of a good token, changed by pairs (nil removes).
func (k *kit) claims(change ...any) map[string]any {
	now := k.clock.Now()
	c := map[string]any{
		"iss": iss, "aud": audience, "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(), "tid": tenant,
		"oid": object, "appid": app, "idtyp": "app", "sub": object, "ver": "1.0",
	}
	for i := 0; i < len(change); i += 2 {
		if change[i+1] == nil {
			delete(c, change[i].(string))
		} else {
			c[change[i].(string)] = change[i+1]
		}
	}
	return c
}

func sign(t testing.TB, alg jose.SignatureAlgorithm, key any, headers map[string]any, claims any) string {
	t.Helper()
	opts := &jose.SignerOptions{}
	if _, ok := headers["typ"]; !ok {
		opts = opts.WithType("JWT")
	}
	for h, v := range headers {
		if v != nil {
			opts = opts.WithHeader(jose.HeaderKey(h), v)
		}
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, opts)
	if err != nil {
		t.Fatal(err)
	}
	payload, ok := claims.([]byte)
	if !ok {
		if payload, err = json.Marshal(claims); err != nil {
			t.Fatal(err)
		}
	}
	signed, err := s.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func (k *kit) token(change ...any) string {
	return sign(k.t, jose.RS256, testKeys().rsa, map[string]any{"kid": "r"}, k.claims(change...))
}

func (k *kit) refused(name, raw, want string) {
	k.t.Helper()
	_, err := k.v.Validate(k.t.Context(), raw, audience)
	var e *akv.Error
	if !errors.As(err, &e) || e.Status != 401 || e.Code != "Unauthorized" || e.Inner != "" || !strings.HasPrefix(e.Message, want) {
		k.t.Errorf("%s: %v, want %q", name, err, want)
	}
}

type h = map[string]any

func TestAccepts(t *testing.T) {
	k := newKit(t, nil)
	rs, ec := testKeys().rsa, testKeys().ec
	for name, raw := range map[string]string{
		"RS256":                    k.token(),
		"PS256":                    sign(t, jose.PS256, rs, h{"kid": "r"}, k.claims()),
		"ES256":                    sign(t, jose.ES256, ec, h{"kid": "e"}, k.claims()),
		"x5t in place of kid":      sign(t, jose.RS256, rs, h{"x5t": "r"}, k.claims()),
		"audience in a list":       k.token("aud", []string{audience}),
		"the vault's own id":       k.token("aud", strings.ToUpper(token.VaultAppID)),
		"at+jwt":                   sign(t, jose.RS256, rs, h{"kid": "r", "typ": "at+jwt"}, k.claims()),
		"expired within the skew":  k.token("exp", k.clock.Now().Add(-4*time.Minute).Unix(), "nbf", k.clock.Now().Add(-time.Hour).Unix()),
		"starts within the skew":   k.token("nbf", k.clock.Now().Add(4*time.Minute).Unix()),
		"upper-case ids":           k.token("oid", strings.ToUpper(object), "tid", strings.ToUpper(tenant)),
		"a fraction of a second":   k.token("exp", float64(k.clock.Now().Add(time.Hour).Unix())+0.5),
		"azp in place of appid":    k.token("appid", nil, "azp", app),
		"unknown claims":           k.token("xms_cc", []string{"cp1"}, "wids", []int{1}),
		"no idtyp, so maybe users": k.token("idtyp", nil),
	} {
		p, err := k.v.Validate(t.Context(), raw, audience)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := rbac.Principal{TenantID: tenant, ObjectID: object, AppID: app, Issuer: iss, AppOnly: name != "no idtyp, so maybe users"}
		if d := cmp.Diff(want, p); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	p, err := k.v.Validate(t.Context(), k.token("groups", []string{object, app}), audience)
	if err != nil || len(p.Groups) != 2 {
		t.Errorf("groups: %+v, %v", p, err)
	}
}

func TestRefuses(t *testing.T) {
	k := newKit(t, nil)
	rs, other := testKeys().rsa, testKeys().other
	good := k.token()
	parts := strings.Split(good, ".")
	b64 := base64.RawURLEncoding.EncodeToString
	const (
		missing   = "AKV10000: Request is missing a Bearer or PoP token."
		aud       = "AKV10022: Invalid audience. Expected https://vault.azure.net, found: "
		issuer    = "AKV10032: Invalid issuer. Expected one of https://sts.windows.net/" + tenant + "/, found "
		unknown   = "AKV10046: Unable to resolve the key used for signature validation."
		expired   = "[TokenExpired] Error validating token: 'S2S12086'."
		notYet    = "[TokenNotYetValid]"
		otherGUID = "99999999-2222-3333-4444-555555555555"
	)
	now := k.clock.Now()
	pub, err := json.Marshal(&testKeys().rsa.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ raw, want string }{
		"empty":                   {"", missing},
		"rubbish":                 {"rubbish", missing},
		"two parts":               {parts[0] + "." + parts[1], missing},
		"too large":               {good + strings.Repeat("x", token.MaxToken), missing},
		"none":                    {b64([]byte(`{"alg":"none","typ":"JWT","kid":"r"}`)) + "." + parts[1] + ".", missing},
		"none, signature kept":    {b64([]byte(`{"alg":"none","typ":"JWT","kid":"r"}`)) + "." + parts[1] + "." + parts[2], missing},
		"HMAC with the key":       {sign(t, jose.HS256, pub, h{"kid": "r"}, k.claims()), missing},
		"RS512":                   {sign(t, jose.RS512, rs, h{"kid": "r"}, k.claims()), missing},
		"another key":             {sign(t, jose.RS256, other, h{"kid": "r"}, k.claims()), unknown},
		"another key's id":        {sign(t, jose.RS256, other, h{"kid": "x"}, k.claims()), unknown},
		"no key id":               {sign(t, jose.RS256, rs, nil, k.claims()), unknown},
		"key in the token":        {sign(t, jose.RS256, jose.JSONWebKey{Key: other}, h{"jwk": jose.JSONWebKey{Key: &other.PublicKey}}, k.claims()), unknown},
		"RSA token, EC key":       {sign(t, jose.RS256, rs, h{"kid": "e"}, k.claims()), unknown},
		"key for another alg":     {sign(t, jose.PS256, rs, h{"kid": "only-rs256"}, k.claims()), unknown},
		"changed payload":         {parts[0] + "." + b64([]byte(strings.Replace(decode(t, parts[1]), object, otherGUID, 1))) + "." + parts[2], unknown},
		"changed signature":       {parts[0] + "." + parts[1] + "." + flip(parts[2]), unknown},
		"critical header":         {sign(t, jose.RS256, rs, h{"kid": "r", "crit": []string{"x"}, "x": 1}, k.claims()), missing},
		"typ of an id token":      {sign(t, jose.RS256, rs, h{"kid": "r", "typ": "dpop+jwt"}, k.claims()), missing},
		"no typ":                  {sign(t, jose.RS256, rs, h{"kid": "r", "typ": nil}, k.claims()), missing},
		"another issuer":          {k.token("iss", "https://sts.windows.net/"+otherGUID+"/"), issuer},
		"issuer without slash":    {k.token("iss", strings.TrimSuffix(iss, "/")), issuer},
		"no issuer":               {k.token("iss", nil), issuer},
		"the mark as tenant":      {k.token("iss", "https://sts.windows.net/{tenantid}/"), issuer},
		"another tenant's tid":    {k.token("tid", otherGUID), issuer},
		"no tenant":               {k.token("tid", nil), missing},
		"tenant is no guid":       {k.token("tid", "contoso"), missing},
		"no object":               {k.token("oid", nil), missing},
		"audience with a slash":   {k.token("aud", audience+"/"), aud},
		"hsm audience":            {k.token("aud", "https://managedhsm.azure.net"), aud},
		"audience, other case":    {k.token("aud", "https://VAULT.azure.net"), aud},
		"two audiences":           {k.token("aud", []string{audience, "x"}), missing},
		"no audience":             {k.token("aud", nil), missing},
		"expired":                 {k.token("exp", now.Add(-5*time.Minute).Unix(), "nbf", now.Add(-time.Hour).Unix()), expired},
		"not yet":                 {k.token("nbf", now.Add(5*time.Minute+time.Second).Unix()), notYet},
		"no exp":                  {k.token("exp", nil), missing},
		"no nbf":                  {k.token("nbf", nil), missing},
		"exp beyond all years":    {k.token("exp", 1e18), missing},
		"exp as text":             {k.token("exp", "soon"), missing},
		"negative exp":            {k.token("exp", -1), missing},
		"nbf after exp":           {k.token("nbf", now.Add(2*time.Hour).Unix()), missing},
		"claims are a list":       {sign(t, jose.RS256, rs, h{"kid": "r"}, []byte(`[1]`)), missing},
		"claims are no JSON":      {sign(t, jose.RS256, rs, h{"kid": "r"}, []byte(`x`)), missing},
		"a claim twice":           {sign(t, jose.RS256, rs, h{"kid": "r"}, []byte(`{"iss":"`+iss+`","iss":"`+iss+`"}`)), missing},
		"claims in another case":  {sign(t, jose.RS256, rs, h{"kid": "r"}, []byte(strings.Replace(string(marshal(t, k.claims())), `"oid"`, `"OID"`, 1))), missing},
		"too many groups":         {k.token("groups", make([]string, 1001)), missing},
		"line breaks in audience": {k.token("aud", "a\r\nb"), aud + "a??b."},
	} {
		k.refused(name, tc.raw, tc.want)
	}
	// The application id stands for a vault only, not for an HSM.
	if _, err := k.v.Validate(t.Context(), k.token("aud", token.VaultAppID), "https://managedhsm.azure.net"); err == nil {
		t.Error("the vault's application id opened an HSM")
	}
	if _, err := k.v.Validate(t.Context(), good, ""); err == nil {
		t.Error("no audience asked for, and let in")
	}
}

func decode(t testing.TB, s string) string {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func flip(sig string) string {
	if sig[0] == 'A' {
		return "B" + sig[1:]
	}
	return "A" + sig[1:]
}

func TestCacheSparesSignaturesAndDiesInTime(t *testing.T) {
	k := newKit(t, nil)
	ctx := t.Context()
	raw := k.token()
	for range 10 {
		if _, err := k.v.Validate(ctx, raw, audience); err != nil {
			t.Fatal(err)
		}
	}
	if k.keys.n != 1 {
		t.Errorf("%d signature checks for one token", k.keys.n)
	}
	// Everything that can change is checked again.
	if _, err := k.v.Validate(ctx, raw, "https://managedhsm.azure.net"); err == nil || !strings.Contains(err.Error(), "AKV10022") {
		t.Errorf("another audience from the cache: %v", err)
	}
	k.clock.Advance(time.Hour + 4*time.Minute)
	if _, err := k.v.Validate(ctx, raw, audience); err != nil {
		t.Error(err)
	}
	k.clock.Advance(time.Minute)
	k.refused("expired in the cache", raw, "[TokenExpired]")
	k.clock.Set(k.clock.Now().Add(-2 * time.Hour))
	k.refused("the clock went back", raw, "[TokenNotYetValid]")
}

func TestCacheForgetsAWithdrawnKey(t *testing.T) {
	k := newKit(t, nil)
	raw := k.token()
	if _, err := k.v.Validate(t.Context(), raw, audience); err != nil {
		t.Fatal(err)
	}
	k.keys.Store(jwks.NewSet(jose.JSONWebKey{Key: &testKeys().other.PublicKey, KeyID: "o"}))
	k.refused("the key is gone", raw, "AKV10046")
	k.keys.Store(k.published())
	if _, err := k.v.Validate(t.Context(), raw, audience); err != nil {
		t.Error(err)
	}
}

func TestCacheIsBounded(t *testing.T) {
	k := newKit(t, func(c *token.Config) { c.Cache = 16 })
	first := k.token("uti", "first")
	if _, err := k.v.Validate(t.Context(), first, audience); err != nil {
		t.Fatal(err)
	}
	for i := range 60 {
		if _, err := k.v.Validate(t.Context(), k.token("uti", fmt.Sprint(i)), audience); err != nil {
			t.Fatal(err)
		}
	}
	before := k.keys.n
	if _, err := k.v.Validate(t.Context(), first, audience); err != nil {
		t.Fatal(err)
	}
	none := newKit(t, func(c *token.Config) { c.Cache = -1 })
	raw := none.token()
	for range 3 {
		if _, err := none.v.Validate(t.Context(), raw, audience); err != nil {
			t.Fatal(err)
		}
	}
	if before != 61 || none.keys.n != 3 {
		t.Errorf("look-ups: %d and %d", before, none.keys.n)
	}
}

func TestTenantsOfOneAuthority(t *testing.T) {
	const other = "99999999-2222-3333-4444-555555555555"
	k := newKit(t, func(c *token.Config) {
		c.Issuers[0].ID, c.Issuers[0].TenantID = "https://sts.windows.net/{tenantid}/", ""
	})
	p, err := k.v.Validate(t.Context(), k.token(), audience)
	if err != nil || token.CheckTenant(p, strings.ToUpper(tenant)) != nil {
		t.Errorf("%+v, %v", p, err)
	}
	if p, err = k.v.Validate(t.Context(), k.token("tid", other, "iss", "https://sts.windows.net/"+other+"/"), audience); err != nil || p.TenantID != other {
		t.Errorf("%+v, %v", p, err)
	}
	err = token.CheckTenant(p, tenant)
	var e *akv.Error
	if !errors.As(err, &e) || e.Status != 401 || e.Message != "AKV10032: Invalid issuer. Expected one of "+iss+", found https://sts.windows.net/"+other+"/." {
		t.Errorf("another tenant's caller: %v", err)
	}
	if token.CheckTenant(rbac.Principal{}, "") == nil {
		t.Error("nobody belongs to no tenant")
	}
	k.refused("iss and tid differ", k.token("tid", other), "AKV10032")
	k.refused("the mark", k.token("iss", "https://sts.windows.net/{tenantid}/", "tid", "{tenantid}"), "AKV10032")
}

func TestForeignIssuer(t *testing.T) {
	k := newKit(t, func(c *token.Config) {
		c.Issuers = append(c.Issuers, token.Issuer{ID: "https://issuer.example", TenantID: tenant, Keys: c.Issuers[0].Keys, Foreign: true})
	})
	raw := sign(t, jose.RS256, testKeys().rsa, h{"kid": "r", "typ": nil}, map[string]any{
		"iss": "https://issuer.example", "sub": "system:serviceaccount:a:b", "aud": audience, "exp": k.clock.Now().Add(time.Hour).Unix(),
		"tid": "evil", "oid": object, "idtyp": "app",
	})
	p, err := k.v.Validate(t.Context(), raw, audience)
	id := token.ForeignObjectID("https://issuer.example", "system:serviceaccount:a:b")
	want := rbac.Principal{TenantID: tenant, ObjectID: id, Issuer: "https://issuer.example"}
	access := rbac.Access{Model: rbac.ModelPolicy, Policies: []rbac.Policy{{TenantID: tenant, ObjectID: id, Keys: []string{"get"}}}}
	if err := access.Validate(rbac.Vault); err != nil {
		t.Errorf("a foreign subject cannot be given anything: %v", err)
	}
	if id != "9d8de045-6f48-8129-bdda-0db01dd2a129" || id == token.ForeignObjectID("https://evil.example", "system:serviceaccount:a:b") {
		t.Errorf("the id is stored in role assignments and must never change: %s", id)
	}
	if d := cmp.Diff(want, p); err != nil || d != "" {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
	k.refused("Entra's rules hold for Entra", k.token("oid", nil), "AKV10000")
}

func TestNewRefuses(t *testing.T) {
	keys := &jwks.Local{}
	for name, c := range map[string]token.Config{
		"no issuer":  {},
		"no keys":    {Issuers: []token.Issuer{{ID: iss, TenantID: tenant}}},
		"no tenant":  {Issuers: []token.Issuer{{ID: iss, Keys: keys}}},
		"twice":      {Issuers: []token.Issuer{{ID: iss, TenantID: tenant, Keys: keys}, {ID: iss, TenantID: tenant, Keys: keys}}},
		"two rules":  {Issuers: []token.Issuer{{ID: "https://x/{tenantid}/", TenantID: tenant, Keys: keys}}},
		"large skew": {Skew: time.Hour, Issuers: []token.Issuer{{ID: iss, TenantID: tenant, Keys: keys}}},
	} {
		if _, err := token.New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	k := newKit(t, func(c *token.Config) { c.Cache = 32 })
	raws := make([]string, 64)
	for i := range raws {
		raws[i] = sign(t, jose.ES256, testKeys().ec, h{"kid": "e"}, k.claims("uti", i))
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range raws {
				if _, err := k.v.Validate(context.Background(), raws[(i+g*7)%len(raws)], audience); err != nil {
					t.Error(err)
				}
				if i == 32 && g == 0 {
					k.keys.Store(jwks.NewSet(jose.JSONWebKey{Key: &testKeys().ec.PublicKey, KeyID: "e"}))
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkValidate(b *testing.B) {
	for name, size := range map[string]int{"cached": 0, "not cached": -1} {
		b.Run(name, func(b *testing.B) {
			k := newKit(b, func(c *token.Config) { c.Cache = size })
			raw := k.token()
			b.ReportAllocs()
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				if _, err := k.v.Validate(b.Context(), raw, audience); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Whatever comes in: no panic, and nobody is let in but by a token that was signed here.
func FuzzValidate(f *testing.F) {
	k := newKit(f, nil)
	good := k.token()
	f.Add(good)
	f.Add(sign(f, jose.ES256, testKeys().ec, h{"kid": "e"}, k.claims("groups", []string{object})))
	f.Add(sign(f, jose.HS256, make([]byte, 32), h{"kid": "r"}, k.claims()))
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add("eyJhbGciOiJSUzI1NiIsImtpZCI6InIifQ.e30.AA")
	f.Add("..")
	f.Fuzz(func(t *testing.T, raw string) {
		p, err := k.v.Validate(t.Context(), raw, audience)
		var e *akv.Error
		switch {
		case err == nil && (p.ObjectID != object || p.TenantID != tenant):
			t.Errorf("let in as %+v", p)
		case err != nil && (!errors.As(err, &e) || e.Status != 401 || e.Message == "" || p.ObjectID != ""):
			t.Errorf("%v with %+v", err, p)
		}
	})
}
