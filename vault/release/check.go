package release

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"latchkey/akv"
	"latchkey/internal/clock"
)

// Target is the RSA key of an environment that a key is released to.
type Target struct {
	KID  string
	N, E []byte // big-endian
}

// Checker checks attestation tokens against policies. It is immutable and safe for concurrent use.
type Checker struct {
	keys  map[string]jose.JSONWebKeySet
	clock clock.Clock
}

// NewChecker makes a Checker that trusts the authorities in keys: URL, without a slash at its end, to its signing keys. A nil clock is the system's.
func NewChecker(keys map[string]jose.JSONWebKeySet, c clock.Clock) *Checker {
	if c == nil {
		c = clock.System{}
	}
	own := make(map[string]jose.JSONWebKeySet, len(keys))
	for url, set := range keys {
		own[strings.TrimSuffix(url, "/")] = set
	}
	return &Checker{keys: own, clock: c}
}

const (
	maxToken = 64 << 10
	skew     = 5 * time.Minute
)

func refused() *akv.Error {
	return &akv.Error{Status: http.StatusForbidden, Code: akv.CodeForbidden, Inner: akv.InnerAccessDenied, Message: "Target environment attestation statement does not satisfy the release policy of the key."}
}

func unverified() *akv.Error {
	return &akv.Error{Status: http.StatusBadRequest, Code: akv.CodeBadParameter, Message: "Target environment attestation statement cannot be verified."}
}

// Check compares target, a JWT, with a release policy's JSON and gives the RSA key to wrap for: the first key of
// x-ms-runtime.keys that is for encryption. A refusal is an *akv.Error.
func (c *Checker) Check(_ context.Context, policy []byte, target string) (Target, error) {
	p, err := ParsePolicy(policy)
	if err != nil || len(target) > maxToken {
		return Target{}, unverified()
	}
	jws, err := jose.ParseSignedCompact(target, []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512})
	if err != nil {
		return Target{}, unverified()
	}
	verified := false
	for i := range p.AnyOf {
		cond := &p.AnyOf[i]
		claims, ok := c.verify(jws, strings.TrimSuffix(cond.Authority, "/"))
		if !ok {
			continue
		}
		verified = true
		if !cond.holds(claims) {
			continue
		}
		if t, ok := targetKey(claims); ok {
			return t, nil
		}
		return Target{}, unverified()
	}
	if verified {
		return Target{}, refused()
	}
	return Target{}, unverified()
}

// verify checks signature, issuer and times; the claims if all are right.
func (c *Checker) verify(jws *jose.JSONWebSignature, authority string) (map[string]any, bool) {
	set, ok := c.keys[authority]
	if !ok || len(jws.Signatures) != 1 {
		return nil, false
	}
	kid := jws.Signatures[0].Header.KeyID
	for i := range set.Keys {
		key := &set.Keys[i]
		if kid != "" && key.KeyID != "" && key.KeyID != kid || !key.IsPublic() {
			continue
		}
		payload, err := jws.Verify(key)
		if err != nil {
			continue
		}
		var claims map[string]any
		if json.Unmarshal(payload, &claims) != nil {
			return nil, false
		}
		iss, _ := claims["iss"].(string)
		return claims, strings.TrimSuffix(iss, "/") == authority && c.current(claims)
	}
	return nil, false
}

// current: a token without an expiry is none.
func (c *Checker) current(claims map[string]any) bool {
	now := float64(c.clock.Now().Unix())
	exp, ok := claims["exp"].(float64)
	if !ok || now >= exp+skew.Seconds() {
		return false
	}
	nbf, ok := claims["nbf"].(float64)
	return !ok || now >= nbf-skew.Seconds()
}

func targetKey(claims map[string]any) (Target, bool) {
	for _, path := range [][]string{{"x-ms-runtime"}, {"x-ms-isolation-tee", "x-ms-runtime"}} {
		at := claims
		for _, p := range path {
			at, _ = at[p].(map[string]any)
		}
		keys, _ := at["keys"].([]any)
		for _, k := range keys {
			text, err := json.Marshal(k)
			if err != nil {
				continue
			}
			var jwk akv.JWK
			if json.Unmarshal(text, &jwk) != nil || jwk.Kty != akv.KtyRSA && jwk.Kty != akv.KtyRSAHSM || !encrypts(jwk.KeyOps) {
				continue
			}
			return Target{KID: jwk.KID, N: jwk.N, E: jwk.E}, true
		}
	}
	return Target{}, false
}

func encrypts(ops []string) bool {
	for _, op := range ops {
		if op == akv.OpEncrypt || op == akv.OpWrapKey {
			return true
		}
	}
	return len(ops) == 0
}
