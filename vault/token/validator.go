package token

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"latchkey/akv"
	"latchkey/internal/clock"
	"latchkey/vault/rbac"
)

// Bounds and defaults.
const (
	MaxToken     = 16 << 10 // bytes; a real token with 200 groups has about 11 KiB
	DefaultSkew  = 5 * time.Minute
	MaxSkew      = 10 * time.Minute
	DefaultCache = 4096 // tokens
	// VaultAppID is the application id of the key vault service, which real issuers may put in aud.
	VaultAppID = "cfa8b339-82a2-471a-a3c9-0fc0be7a4093"
)

// Keys are the signing keys of an issuer.
type Keys interface {
	// Key finds the public keys with that key id. An empty result means that there is none; an error, that it is not
	// known now.
	Key(ctx context.Context, kid string) ([]jose.JSONWebKey, error)
	// Epoch changes whenever a key is no longer to be trusted. It must be cheap: it is asked for each request.
	Epoch() uint64
}

// Issuer is somebody whose tokens are believed.
type Issuer struct {
	// ID is the exact iss: "https://sts.windows.net/{guid}/" for Entra's v1 tokens. Where it holds "{tenantid}", that part
	// is the token's tid, and TenantID must be empty: an authority with several tenants.
	ID string
	// TenantID is the tenant of the tokens: their tid must be this. Needed unless ID holds "{tenantid}".
	TenantID string
	Keys     Keys
	// Foreign marks an OpenID Connect issuer that is not Entra: its tokens have no tid (TenantID is taken) and no oid
	// ([ForeignObjectID] of iss and sub is taken; one in the token is ignored), and may leave out nbf and typ.
	Foreign bool
}

// Config makes a Validator.
type Config struct {
	Issuers []Issuer
	Clock   clock.Clock   // nil means the system's
	Skew    time.Duration // how far clocks may be apart; 0 means DefaultSkew, negative none, at most MaxSkew
	// Cache is how many validated tokens are remembered; 0 means DefaultCache, negative none.
	Cache int
	// AppIDAudiences are the audiences for which VaultAppID is as good; nil means the vaults of the public, Chinese and US
	// government clouds.
	AppIDAudiences []string
}

// Validator validates tokens. It is safe for concurrent use. Make one with New.
type Validator struct {
	issuers []Issuer
	clock   clock.Clock
	skew    time.Duration
	appID   []string
	cache   *cache
}

const tenantMark = "{tenantid}"

// New makes a Validator. Its errors name the issuer that cannot work.
func New(c Config) (*Validator, error) {
	v := &Validator{issuers: slices.Clone(c.Issuers), clock: c.Clock, skew: c.Skew, appID: slices.Clone(c.AppIDAudiences)}
	if v.clock == nil {
		v.clock = clock.System{}
	}
	switch {
	case v.skew == 0:
		v.skew = DefaultSkew
	case v.skew < 0:
		v.skew = 0
	case v.skew > MaxSkew:
		return nil, fmt.Errorf("a clock skew of %v: at most %v", v.skew, MaxSkew)
	}
	if v.appID == nil {
		v.appID = []string{"https://vault.azure.net", "https://vault.azure.cn", "https://vault.usgovcloudapi.net"}
	}
	if len(v.issuers) == 0 {
		return nil, errors.New("no token issuer: nobody could ever be let in")
	}
	for i, is := range v.issuers {
		marked := strings.Contains(is.ID, tenantMark)
		switch {
		case is.ID == "" || is.Keys == nil:
			return nil, fmt.Errorf("token issuer %q: it needs an id and keys", is.ID)
		case marked && (is.TenantID != "" || is.Foreign):
			return nil, fmt.Errorf("token issuer %q takes the tenant from the token and cannot have a fixed one", is.ID)
		case !marked && is.TenantID == "":
			return nil, fmt.Errorf("token issuer %q: it needs a tenant", is.ID)
		case slices.ContainsFunc(v.issuers[:i], func(o Issuer) bool { return o.ID == is.ID }):
			return nil, fmt.Errorf("token issuer %q appears twice", is.ID)
		}
	}
	size := c.Cache
	if size == 0 {
		size = DefaultCache
	}
	v.cache = newCache(size)
	return v, nil
}

// Validate says who the bearer of raw is. Audience is what the token must be for: the resource of the challenge, such as
// "https://vault.azure.net". A refusal is an *akv.Error with status 401; any other error means that the token could not
// be judged (ctx ended). The principal's Groups are shared with other calls and must not be changed.
func (v *Validator) Validate(ctx context.Context, raw, audience string) (rbac.Principal, error) {
	if raw == "" || audience == "" {
		return rbac.Principal{}, refuse("AKV10000: Request is missing a Bearer or PoP token.")
	}
	if len(raw) > MaxToken {
		return rbac.Principal{}, refuse("AKV10000: Request is missing a Bearer or PoP token. The token is too large.")
	}
	now := v.clock.Now()
	sum := sha256.Sum256([]byte(raw))
	e, ok := v.cache.get(&sum)
	if ok && e.issuer.Keys.Epoch() == e.epoch {
		if err := v.current(e, now); err != nil {
			return rbac.Principal{}, err
		}
	} else {
		var err error
		if e, err = v.verify(ctx, raw); err != nil {
			return rbac.Principal{}, err
		}
		if err := v.current(e, now); err != nil {
			return rbac.Principal{}, err
		}
		v.cache.put(&sum, e, now)
	}
	if e.audience != audience && !(strings.EqualFold(e.audience, VaultAppID) && slices.Contains(v.appID, audience)) {
		return rbac.Principal{}, refuse("AKV10022: Invalid audience. Expected " + audience + ", found: " + clip(e.audience) + ".")
	}
	return e.principal, nil
}

// CheckTenant refuses, with the service's text, a caller of another tenant than the vault's own.
func CheckTenant(p rbac.Principal, tenantID string) error {
	if tenantID != "" && strings.EqualFold(p.TenantID, tenantID) {
		return nil
	}
	return wrongIssuer("https://sts.windows.net/"+tenantID+"/", p.Issuer)
}

// current checks the times of an accepted token.
func (v *Validator) current(e *entry, now time.Time) error {
	switch {
	case now.Add(-v.skew).Unix() >= e.expires:
		return refuse("[TokenExpired] Error validating token: 'S2S12086'.")
	case now.Add(v.skew).Unix() < e.notBefore:
		return refuse("[TokenNotYetValid] Token not yet valid")
	}
	return nil
}

func refuse(message string) *akv.Error {
	return &akv.Error{Status: http.StatusUnauthorized, Code: "Unauthorized", Message: message}
}

func wrongIssuer(expected, found string) error {
	return refuse("AKV10032: Invalid issuer. Expected one of " + expected + ", found " + clip(found) + ".")
}

// clip bounds what an answer repeats of an untrusted token, and keeps control characters out of it.
func clip(s string) string {
	if len(s) > 200 {
		s = s[:200] + "..."
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, s)
}
