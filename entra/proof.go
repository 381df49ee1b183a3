package entra

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"latchkey/internal/jwks"
	"latchkey/internal/secret"
)

const (
	skew             = 5 * time.Minute // between a client's clock and ours
	maxAssertionLife = time.Hour       // clients use ten minutes; longer ones would have to be remembered longer
	maxAssertion     = 32 << 10        // bytes
)

// prove checks that the client is who it says.
func (c *call) prove(q *tokenRequest, t *Tenant, app *App) (*grant, *failure) {
	if app == nil || app.Managed || app.In(t.ID) == nil {
		f := badRequest(700016, "unauthorized_client", "Application with identifier '%s' was not found in the directory '%s'. "+
			"This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. "+
			"You may have sent your authentication request to the wrong tenant.", shown(q.clientID), shown(t.Name))
		f.auth = true
		return nil, f
	}
	g := &grant{tenant: t.ID, app: app}
	switch {
	case app.Disabled:
		f := noClient(7000112, "Application '%s'(%s) is disabled.", app.ClientID, shown(app.Name))
		f.kind = "unauthorized_client"
		return nil, f
	case app.Public && (q.secret != nil || q.assertion != ""):
		return nil, noClient(700025, "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.")
	case q.secret != nil && q.assertion != "":
		return nil, noClient(50012, "Authentication failed. The client sent both a secret and an assertion.")
	case q.secret != nil:
		with, f := c.proveSecret(app, q.secret)
		g.strength, g.with = "1", with
		return g, f
	case q.assertion != "":
		if q.assertionType != assertionType {
			return nil, noClient(50012, "Authentication failed. The assertion type must be %s.", assertionType)
		}
		with, f := c.proveAssertion(q.assertion, t, app)
		g.strength, g.with = "2", with
		return g, f
	}
	return nil, noClient(7000218, "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.")
}

func (c *call) proveSecret(app *App, plain *secret.Bytes) (with string, f *failure) {
	have, ok := c.a.View().Secret(app.ClientID, plain.Expose())
	switch {
	case !ok:
		return "", noClient(7000215, "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, "+
			"not the client secret ID, for a secret added to app '%s'.", app.ClientID)
	case !c.now.Before(have.Expires):
		return "", noClient(7000222, "The provided client secret keys for app '%s' are expired. Create new keys for your app, "+
			"or consider using certificate credentials for added security.", app.ClientID)
	}
	return have.KeyID, nil
}

// assertionClaims are what counts of a client assertion.
type assertionClaims struct {
	Issuer    string           `json:"iss"`
	Subject   string           `json:"sub"`
	Audience  jwt.Audience     `json:"aud"`
	Expires   *jwt.NumericDate `json:"exp"`
	NotBefore *jwt.NumericDate `json:"nbf"`
	Issued    *jwt.NumericDate `json:"iat"`
	ID        string           `json:"jti"`
}

// parsedAssertion is an assertion that reads, not yet believed.
type parsedAssertion struct {
	tok    *jwt.JSONWebToken
	head   jose.Header
	claims assertionClaims
}

func parseAssertion(raw string) (*parsedAssertion, bool) {
	if len(raw) > maxAssertion {
		return nil, false
	}
	tok, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.ES256})
	if err != nil || len(tok.Headers) != 1 {
		return nil, false
	}
	p := &parsedAssertion{tok: tok, head: tok.Headers[0]}
	for _, h := range []jose.HeaderKey{"crit", "b64"} {
		if _, ok := p.head.ExtraHeaders[h]; ok {
			return nil, false
		}
	}
	if err := tok.UnsafeClaimsWithoutVerification(&p.claims); err != nil {
		return nil, false
	}
	return p, true
}

// proveAssertion tells the two kinds apart: an application signs for itself (iss is its client id), or another issuer, named
// by its address, speaks for it.
func (c *call) proveAssertion(raw string, t *Tenant, app *App) (with string, f *failure) {
	p, ok := parseAssertion(raw)
	if !ok {
		return "", noClient(50012, "Authentication failed. The client assertion cannot be read.")
	}
	if strings.HasPrefix(p.claims.Issuer, "https://") {
		return c.proveFederated(p, app)
	}
	return c.proveCertificate(p, raw, t, app)
}

func (c *call) proveCertificate(p *parsedAssertion, raw string, t *Tenant, app *App) (with string, f *failure) {
	cert := signer(app, &p.head)
	if cert == nil || p.head.Algorithm == string(jose.ES256) {
		return "", noClient(700027, "The certificate with identifier used to sign the client assertion is not registered on application. "+
			"[Reason - The key was not found.] Please visit app '%s'.", app.ClientID)
	}
	parsed := c.a.View().Certificate(cert.KeyID)
	var key *rsa.PublicKey
	if parsed != nil {
		key, _ = parsed.PublicKey.(*rsa.PublicKey)
	}
	var cl assertionClaims
	if key == nil || p.tok.Claims(key, &cl) != nil {
		return "", noClient(700027, "Client assertion failed signature validation. [Reason - The key was found, but the signature is not its own., "+
			"Thumbprint of key used by client: '%s']", cert.Thumbprint)
	}
	if c.now.Before(parsed.NotBefore.Add(-skew)) || c.now.After(parsed.NotAfter) {
		return "", noClient(700027, "Client assertion failed signature validation. [Reason - The key used is expired., "+
			"Thumbprint of key used by client: '%s', Start=%s, End=%s]", cert.Thumbprint, cert.NotBefore.Format(timestamp), cert.NotAfter.Format(timestamp))
	}
	switch {
	case !strings.EqualFold(cl.Issuer, app.ClientID):
		return "", noClient(700021, "Client assertion application identifier doesn't match 'client_id' parameter.")
	case !strings.EqualFold(cl.Subject, app.ClientID):
		return "", noClient(700022, "Client assertion subject doesn't match 'client_id' parameter.")
	case len(cl.Audience) != 1 || !c.isOurs(cl.Audience[0], t):
		return "", noClient(700023, "Client assertion audience claim does not match Realm issuer.")
	}
	end, f := assertionTimes(&cl, c.now, true)
	if f != nil {
		return "", f
	}
	if cl.ID == "" || len(cl.ID) > 256 {
		return "", noClient(50012, "Authentication failed. The client assertion has no usable 'jti'.")
	}
	if !c.a.replay.use(app.ClientID, cl.ID, raw, c.addr(), end, c.now) {
		return "", noClient(50012, "Authentication failed. The client assertion was used before.")
	}
	return cert.KeyID, nil
}

// signer finds the registered certificate that a header names: by x5t#S256, x5t, the first of x5c, or a kid that is a
// thumbprint. Both spellings of base64 occur (MSAL for Go writes the standard one), so bytes are compared. x5c is no proof of
// anything here: only a registered certificate counts.
func signer(app *App, head *jose.Header) *Certificate {
	s256, _ := head.ExtraHeaders["x5t#S256"].(string)
	s1, _ := head.ExtraHeaders["x5t"].(string)
	wants := [][]byte{thumbprint(s256, sha256.Size), thumbprint(s1, sha1.Size)}
	if named := wants[0] != nil || wants[1] != nil; !named {
		if s256 != "" || s1 != "" {
			return nil
		}
		wants = append(wants, thumbprint(head.KeyID, sha1.Size), thumbprint(head.KeyID, sha256.Size))
		if hexed, err := hex.DecodeString(head.KeyID); err == nil && len(hexed) == sha1.Size {
			wants = append(wants, hexed)
		}
	}
	for i := range app.Certificates {
		c := &app.Certificates[i]
		one, two := sha1.Sum(c.DER), sha256.Sum256(c.DER)
		for _, w := range wants {
			if w != nil && (bytes.Equal(w, one[:]) || bytes.Equal(w, two[:])) {
				return c
			}
		}
	}
	return nil
}

// thumbprint decodes base64 in either alphabet, padded or not; nil unless it has size bytes.
func thumbprint(s string, size int) []byte {
	if s == "" || len(s) > 64 {
		return nil
	}
	s = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(s, "="))
	b, err := base64.RawStdEncoding.DecodeString(s)
	if err != nil || len(b) != size {
		return nil
	}
	return b
}

// isOurs reports whether an assertion's audience is this authority for the tenant: a token endpoint or issuer, under any of
// our hosts, the tenant by id or domain.
func (c *call) isOurs(aud string, t *Tenant) bool {
	if aud == issuerOf(t.ID) {
		return true
	}
	rest, ok := strings.CutPrefix(aud, "https://")
	if !ok {
		return false
	}
	host, path, _ := strings.Cut(rest, "/")
	if !slices.Contains(c.a.hosts, strings.TrimSuffix(strings.ToLower(host), ":443")) {
		return false
	}
	tenant, tail, _ := strings.Cut(path, "/")
	tenant = strings.ToLower(tenant)
	if tenant != t.ID && !slices.Contains(t.Domains, tenant) {
		return false
	}
	switch strings.TrimSuffix(tail, "/") {
	case "oauth2/v2.0/token", "oauth2/token", "v2.0", "":
		return true
	}
	return false
}

// assertionTimes checks exp, nbf and iat and returns until when the assertion must be remembered.
func assertionTimes(cl *assertionClaims, now time.Time, bounded bool) (end time.Time, f *failure) {
	if cl.Expires == nil {
		return end, noClient(700024, "Client assertion has no 'exp'.")
	}
	exp, from := cl.Expires.Time(), now
	if cl.NotBefore != nil {
		from = cl.NotBefore.Time()
	} else if cl.Issued != nil {
		from = cl.Issued.Time()
	}
	if !now.Before(exp.Add(skew)) || now.Before(from.Add(-skew)) || bounded && exp.Sub(now) > maxAssertionLife+skew {
		return end, noClient(700024, "Client assertion is not within its valid time range. Current time: %s, assertion valid from %s, "+
			"expiry time of assertion %s.", now.UTC().Format(timestamp), from.UTC().Format(timestamp), exp.UTC().Format(timestamp))
	}
	return exp.Add(skew), nil
}

// proveFederated checks a token of another issuer against the application's federated credentials. Such tokens are used
// many times by design (a workload's projected token lives an hour), so there is no replay check.
func (c *call) proveFederated(p *parsedAssertion, app *App) (with string, f *failure) {
	i := slices.IndexFunc(app.Federated, func(f Federated) bool {
		return f.Issuer == p.claims.Issuer && f.Subject == p.claims.Subject && slices.Contains(p.claims.Audience, f.Audience)
	})
	if i < 0 {
		return "", noClient(70021, "No matching federated identity record found for presented assertion. Assertion Issuer: '%s'. "+
			"Assertion Subject: '%s'. Assertion Audience: '%s'.", shown(p.claims.Issuer), shown(p.claims.Subject), shown(strings.Join(p.claims.Audience, ",")))
	}
	fed := &app.Federated[i]
	keys, err := c.a.federatedKeys(c.r.Context(), fed, p.head.KeyID)
	if err != nil {
		c.a.c.Log.Warn("getting the keys of a federated issuer", "issuer", fed.Issuer, "error", err)
		return "", unavailable("A transient error has occurred. The keys of issuer %s are not available.", shown(fed.Issuer))
	}
	var cl assertionClaims
	if !slices.ContainsFunc(keys, func(k jose.JSONWebKey) bool {
		cl = assertionClaims{}
		return jwks.Fits(&k, p.head.Algorithm) && p.tok.Claims(k.Key, &cl) == nil
	}) {
		return "", noClient(700027, "Client assertion failed signature validation. [Reason - No key of the issuer checks the signature.]")
	}
	if _, f := assertionTimes(&cl, c.now, false); f != nil {
		return "", f
	}
	return fed.KeyID, nil
}

func (a *Authority) federatedKeys(ctx context.Context, f *Federated, kid string) ([]jose.JSONWebKey, error) {
	if set := a.View().FederatedKeys(f.KeyID); set != nil {
		return set.Find(kid), nil
	}
	name := f.Issuer + "\x00" + f.KeysURL
	a.fedMu.Lock()
	r := a.fed[name]
	if r == nil {
		cfg := jwks.RemoteConfig{KeysURL: f.KeysURL, RootCAs: a.c.FederatedCAs, Transport: a.c.FederatedTransport, Clock: a.c.Clock}
		if f.KeysURL == "" {
			cfg.Issuer, cfg.MetadataURL = f.Issuer, strings.TrimSuffix(f.Issuer, "/")+"/.well-known/openid-configuration"
		}
		var err error
		if r, err = jwks.NewRemote(cfg); err != nil {
			a.fedMu.Unlock()
			return nil, err
		}
		a.fed[name] = r
	}
	a.fedMu.Unlock()
	return r.Key(ctx, kid)
}
