package entra_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"latchkey/entra"
	"latchkey/internal/clock"
)

// sign makes a compact JWS with the given extra headers.
func sign(t testing.TB, alg jose.SignatureAlgorithm, key any, headers map[string]any, claims map[string]any) string {
	t.Helper()
	opts := (&jose.SignerOptions{}).WithType("JWT")
	for h, v := range headers {
		opts = opts.WithHeader(jose.HeaderKey(h), v)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, opts)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
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

func (k *kit) assertion(raw string) *reply {
	k.t.Helper()
	return k.post(tokenPath, k.assertionForm(raw))
}

func (k *kit) assertionForm(raw string) url.Values {
	return k.form("client_secret", "", "client_assertion", raw, "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
}

func TestCertificateAssertions(t *testing.T) {
	k := newKit(t, nil)
	now := k.clock.Now()
	key, cert, text := clientCert(t, now.Add(-time.Hour), now.Add(30*time.Minute))
	other, otherCert, _ := clientCert(t, now.Add(-time.Hour), now.Add(time.Hour))
	if _, err := k.AddCertificate(t.Context(), clientID, "c", text); err != nil {
		t.Fatal(err)
	}
	s1, s256 := sha1.Sum(cert.Raw), sha256.Sum256(cert.Raw)
	o1 := sha1.Sum(otherCert.Raw)
	std, raw64 := base64.StdEncoding.EncodeToString, base64.RawURLEncoding.EncodeToString
	n := 0
	claims := func(change ...any) map[string]any {
		n++
		c := map[string]any{
			"iss": clientID, "sub": clientID, "aud": "https://login.microsoftonline.com/" + tenantID + "/oauth2/v2.0/token",
			"exp": k.clock.Now().Add(10 * time.Minute).Unix(), "nbf": k.clock.Now().Unix(), "jti": n,
		}
		c["jti"] = string(rune('a'+n%26)) + time.Duration(n).String()
		for i := 0; i < len(change); i += 2 {
			if change[i+1] == nil {
				delete(c, change[i].(string))
			} else {
				c[change[i].(string)] = change[i+1]
			}
		}
		return c
	}
	type h = map[string]any
	x5t := h{"x5t": raw64(s1[:])}
	for name, tc := range map[string]struct {
		alg     jose.SignatureAlgorithm
		headers h
		claims  map[string]any
	}{
		"x5t, base64url":          {jose.RS256, x5t, claims()},
		"x5t, standard base64":    {jose.RS256, h{"x5t": std(s1[:])}, claims()},
		"x5t#S256, base64url":     {jose.PS256, h{"x5t#S256": raw64(s256[:])}, claims()},
		"x5t#S256, standard":      {jose.PS256, h{"x5t#S256": std(s256[:])}, claims()},
		"x5t with PS256":          {jose.PS256, x5t, claims()},
		"kid in hex":              {jose.RS256, h{"kid": hex.EncodeToString(s1[:])}, claims()},
		"v1 endpoint":             {jose.RS256, x5t, claims("aud", "https://login.windows.net/"+tenantID+"/oauth2/token")},
		"own host, domain":        {jose.RS256, x5t, claims("aud", "https://"+ownHost+"/contoso.example/oauth2/v2.0/token")},
		"issuer as audience":      {jose.RS256, x5t, claims("aud", "https://login.microsoftonline.com/"+tenantID+"/v2.0")},
		"v1 issuer as audience":   {jose.RS256, x5t, claims("aud", "https://sts.windows.net/"+tenantID+"/")},
		"audience in a list":      {jose.RS256, x5t, claims("aud", []string{"https://login.microsoftonline.com/" + tenantID + "/oauth2/v2.0/token"})},
		"no nbf":                  {jose.RS256, x5t, claims("nbf", nil)},
		"clock a little ahead":    {jose.RS256, x5t, claims("nbf", now.Add(4*time.Minute).Unix())},
		"expired within the skew": {jose.RS256, x5t, claims("exp", now.Add(-4*time.Minute).Unix(), "nbf", now.Add(-14*time.Minute).Unix())},
	} {
		if r := k.assertion(sign(t, tc.alg, key, tc.headers, tc.claims)); r.status != 200 {
			t.Errorf("%s: %d %s", name, r.status, r.text)
		}
	}
	if rec := k.audit.last(t); rec.Assignment == "" {
		t.Errorf("the record does not name the credential: %+v", rec)
	}
	good := sign(t, jose.RS256, key, x5t, claims())
	hmacSigned := sign(t, jose.HS256, make([]byte, 32), x5t, claims())
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + good[strings.IndexByte(good, '.'):]
	for name, tc := range map[string]struct {
		raw    string
		number int
	}{
		"unregistered certificate": {sign(t, jose.RS256, other, h{"x5t": raw64(o1[:])}, claims()), 700027},
		"another's signature":      {sign(t, jose.RS256, other, x5t, claims()), 700027},
		"no thumbprint":            {sign(t, jose.RS256, key, nil, claims()), 700027},
		"half a thumbprint":        {sign(t, jose.RS256, key, h{"x5t": raw64(s1[:10])}, claims()), 700027},
		"changed":                  {good[:len(good)-8] + "AAAAAAAA", 700027},
		"issuer":                   {sign(t, jose.RS256, key, x5t, claims("iss", objectID)), 700021},
		"subject":                  {sign(t, jose.RS256, key, x5t, claims("sub", objectID)), 700022},
		"audience of another":      {sign(t, jose.RS256, key, x5t, claims("aud", "https://evil.example/"+tenantID+"/oauth2/v2.0/token")), 700023},
		"audience, other tenant":   {sign(t, jose.RS256, key, x5t, claims("aud", "https://login.microsoftonline.com/"+clientID+"/oauth2/v2.0/token")), 700023},
		"two audiences":            {sign(t, jose.RS256, key, x5t, claims("aud", []string{"https://sts.windows.net/" + tenantID + "/", "x"})), 700023},
		"expired":                  {sign(t, jose.RS256, key, x5t, claims("exp", now.Add(-6*time.Minute).Unix())), 700024},
		"not yet":                  {sign(t, jose.RS256, key, x5t, claims("nbf", now.Add(6*time.Minute).Unix())), 700024},
		"too long a life":          {sign(t, jose.RS256, key, x5t, claims("exp", now.Add(2*time.Hour).Unix())), 700024},
		"no exp":                   {sign(t, jose.RS256, key, x5t, claims("exp", nil)), 700024},
		"no jti":                   {sign(t, jose.RS256, key, x5t, claims("jti", nil)), 50012},
		"hmac":                     {hmacSigned, 50012},
		"none":                     {none, 50012},
		"rubbish":                  {"a.b.c", 50012},
		"crit":                     {sign(t, jose.RS256, key, h{"x5t": raw64(s1[:]), "crit": []string{"x"}, "x": 1}, claims()), 50012},
	} {
		n++ // from an address of its own: the throttle is not what is tested
		r := k.from(fmt.Sprintf("192.0.2.%d:1", n%256), k.assertionForm(tc.raw))
		t.Run(name, func(t *testing.T) { wantCode(t, r, 401, tc.number, "invalid_client") })
	}
	k.clock.Advance(31 * time.Minute)
	wantCode(t, k.assertion(sign(t, jose.RS256, key, x5t, claims())), 401, 700027, "invalid_client")
}

func TestReplay(t *testing.T) {
	for uses, name := range map[int]string{1: "once", 0: "as clients do"} {
		t.Run(name, func(t *testing.T) {
			k := newKit(t, func(c *entra.Config) { c.AssertionUses = uses })
			now := k.clock.Now()
			key, cert, text := clientCert(t, now.Add(-time.Hour), now.Add(time.Hour))
			if _, err := k.AddCertificate(t.Context(), clientID, "c", text); err != nil {
				t.Fatal(err)
			}
			s1 := sha1.Sum(cert.Raw)
			make := func(nonce string) string {
				return sign(t, jose.RS256, key, map[string]any{"x5t": base64.RawURLEncoding.EncodeToString(s1[:])}, map[string]any{
					"iss": clientID, "sub": clientID, "aud": "https://sts.windows.net/" + tenantID + "/", "jti": "same", "nonce": nonce,
					"exp": now.Add(10 * time.Minute).Unix(), "nbf": now.Unix(),
				})
			}
			raw := make("1")
			allowed := 16
			if uses == 1 {
				allowed = 1
			}
			for range allowed {
				if r := k.assertion(raw); r.status != 200 {
					t.Fatalf("a use that is allowed: %s", r.text)
				}
			}
			wantCode(t, k.assertion(raw), 401, 50012, "invalid_client")
			wantCode(t, k.assertion(make("2")), 401, 50012, "invalid_client") // another assertion, same jti
			// From elsewhere, even the first repetition is refused.
			raw = sign(t, jose.RS256, key, map[string]any{"x5t": base64.RawURLEncoding.EncodeToString(s1[:])}, map[string]any{
				"iss": clientID, "sub": clientID, "aud": "https://sts.windows.net/" + tenantID + "/", "jti": "third",
				"exp": now.Add(10 * time.Minute).Unix(), "nbf": now.Unix(),
			})
			form := k.assertionForm(raw)
			if status := k.from("192.0.2.1:1", form).status; status != 200 {
				t.Errorf("first use: %d", status)
			}
			if status := k.from("192.0.2.2:1", form).status; status != 401 {
				t.Errorf("a replay from elsewhere: %d", status)
			}
		})
	}
}

// from posts a token request as if from that address.
func (k *kit) from(addr string, form url.Values) *reply {
	k.t.Helper()
	r := httptest.NewRequest(http.MethodPost, "https://login.microsoftonline.com"+tokenPath, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.RemoteAddr = addr
	w := httptest.NewRecorder()
	k.Handler().ServeHTTP(w, r)
	out := &reply{status: w.Code, header: w.Header(), text: w.Body.String()}
	if err := json.Unmarshal(w.Body.Bytes(), &out.body); err != nil {
		k.t.Fatal(err)
	}
	return out
}

// issuer is an OpenID Connect issuer somewhere else.
type issuer struct {
	id    string
	key   *rsa.PrivateKey
	kid   string
	clock clock.Clock
	down  bool
	addr  string
	pool  *x509.CertPool
}

func newIssuer(t testing.TB) *issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	is := &issuer{id: "https://issuer.example", key: key, kid: "k1"}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case is.down:
			w.WriteHeader(http.StatusBadGateway)
		case r.URL.Path == "/.well-known/openid-configuration":
			_ = json.NewEncoder(w).Encode(map[string]string{"issuer": is.id, "jwks_uri": is.id + "/keys"})
		case r.URL.Path == "/keys":
			_ = json.NewEncoder(w).Encode(is.keys())
		}
	}))
	cert, pool := serverCert(t)
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	is.addr, is.pool = srv.Listener.Addr().String(), pool
	return is
}

func (is *issuer) keys() jose.JSONWebKeySet {
	return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &is.key.PublicKey, KeyID: is.kid, Use: "sig", Algorithm: "RS256"}}}
}

func (is *issuer) transport(t testing.TB) http.RoundTripper {
	t.Helper()
	return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: is.pool}, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, is.addr)
	}}
}

func (is *issuer) token(t testing.TB, claims map[string]any) string {
	t.Helper()
	c := map[string]any{"iss": is.id, "exp": is.clock.Now().Add(time.Hour).Unix(), "iat": is.clock.Now().Unix()}
	for k, v := range claims {
		c[k] = v
	}
	return sign(t, jose.RS256, is.key, map[string]any{"kid": is.kid}, c)
}

func TestFederatedAssertions(t *testing.T) {
	is := newIssuer(t)
	k := newKit(t, func(c *entra.Config) { c.FederatedTransport = is.transport(t) })
	is.clock = k.clock
	doc, err := json.Marshal(is.keys())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []entra.Federated{
		{Issuer: is.id, Subject: "by-discovery"},
		{Issuer: is.id, Subject: "by-url", KeysURL: is.id + "/keys", Audience: "ours"},
		{Issuer: is.id, Subject: "by-file", Keys: doc},
	} {
		if _, err := k.AddFederated(t.Context(), clientID, f); err != nil {
			t.Fatal(err)
		}
	}
	const exchange = "api://AzureADTokenExchange"
	type c = map[string]any
	ok := func(claims c) {
		t.Helper()
		for range 20 { // such tokens are used again and again
			if r := k.assertion(is.token(t, claims)); r.status != 200 {
				t.Fatalf("%v: %d %s", claims, r.status, r.text)
			}
		}
	}
	is.down = true
	ok(c{"sub": "by-file", "aud": []string{"x", exchange}})
	r := k.assertion(is.token(t, c{"sub": "by-url", "aud": "ours"}))
	wantCode(t, r, 503, 90033, "temporarily_unavailable")
	is.down = false
	k.clock.Advance(time.Minute)
	ok(c{"sub": "by-url", "aud": "ours"})
	ok(c{"sub": "by-discovery", "aud": exchange})
	for _, tc := range []struct {
		claims c
		number int
	}{
		{c{"sub": "by-url", "aud": exchange}, 70021},
		{c{"sub": "somebody", "aud": exchange}, 70021},
		{c{"sub": "by-file", "aud": exchange, "iss": "https://evil.example"}, 70021},
		{c{"sub": "by-file", "aud": exchange, "exp": k.clock.Now().Add(-time.Hour).Unix()}, 700024},
		{c{"sub": "by-file", "aud": exchange, "nbf": k.clock.Now().Add(time.Hour).Unix()}, 700024},
	} {
		wantCode(t, k.assertion(is.token(t, tc.claims)), 401, tc.number, "invalid_client")
	}
	forged := newIssuer(t)
	forged.clock = k.clock
	wantCode(t, k.assertion(forged.token(t, c{"sub": "by-file", "aud": exchange})), 401, 700027, "invalid_client")
	wantCode(t, k.assertion(sign(t, jose.PS256, is.key, c{"kid": is.kid}, c{"iss": is.id, "sub": "by-file", "aud": exchange, "exp": k.clock.Now().Add(time.Hour).Unix()})), 401, 700027, "invalid_client")
}
