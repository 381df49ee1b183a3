package token

import (
	"context"
	"crypto/sha256"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"

	"latchkey/internal/jwks"
	"latchkey/vault/rbac"
)

// claims are what a vault reads of a token.
type claims struct {
	Issuer    string           `json:"iss"`
	Subject   string           `json:"sub"`
	Audience  jwt.Audience     `json:"aud"`
	Expires   *jwt.NumericDate `json:"exp"`
	NotBefore *jwt.NumericDate `json:"nbf"`
	Tenant    string           `json:"tid"`
	Object    string           `json:"oid"`
	AppID     string           `json:"appid"` // v1
	Party     string           `json:"azp"`   // v2
	IDType    string           `json:"idtyp"`
	Groups    []string         `json:"groups"`
}

const (
	textUnreadable = "AKV10000: Request is missing a Bearer or PoP token. The token is malformed."
	textNoKey      = "AKV10046: Unable to resolve the key used for signature validation."
	maxGroups      = 1000
	maxDate        = 253402300799 // the last second of the year 9999
)

// verify checks what does not change with time: form, algorithm, issuer, signature, tenant.
func (v *Validator) verify(ctx context.Context, raw string) (*entry, error) {
	tok, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.ES256})
	if err != nil || len(tok.Headers) != 1 {
		return nil, refuse(textUnreadable)
	}
	head := tok.Headers[0]
	for _, h := range []jose.HeaderKey{"crit", "b64"} { // nothing critical is understood here
		if _, ok := head.ExtraHeaders[h]; ok {
			return nil, refuse(textUnreadable)
		}
	}
	var c claims
	if err := tok.UnsafeClaimsWithoutVerification(&c); err != nil {
		return nil, refuse(textUnreadable)
	}
	is := v.issuer(&c)
	if is == nil {
		return nil, v.unknownIssuer(c.Issuer)
	}
	epoch := is.Keys.Epoch() // before the key is looked up: a key withdrawn in between makes the entry stale
	key, err := v.key(ctx, is, &head)
	if err != nil {
		return nil, err
	}
	c = claims{} // what was read before the check is not to be used after it
	if err := tok.Claims(key, &c); err != nil {
		return nil, refuse(textNoKey)
	}
	if !typeOK(&head, is.Foreign) {
		return nil, refuse(textUnreadable)
	}
	e, ok := makeEntry(&c, is)
	if !ok {
		return nil, refuse(textUnreadable)
	}
	e.epoch = epoch
	if is.TenantID != "" && !strings.EqualFold(e.principal.TenantID, is.TenantID) {
		return nil, wrongIssuer(is.ID, "https://sts.windows.net/"+e.principal.TenantID+"/")
	}
	return e, nil
}

// issuer finds the issuer that a token names; nil if it is not believed.
func (v *Validator) issuer(c *claims) *Issuer {
	for i := range v.issuers {
		is := &v.issuers[i]
		if is.ID == c.Issuer {
			if strings.Contains(is.ID, tenantMark) { // the mark itself is no tenant
				return nil
			}
			return is
		}
		if is.TenantID == "" && isGUID(c.Tenant) && strings.Replace(is.ID, tenantMark, c.Tenant, 1) == c.Issuer {
			return is
		}
	}
	return nil
}

func (v *Validator) unknownIssuer(found string) error {
	ids := make([]string, len(v.issuers))
	for i := range v.issuers {
		ids[i] = v.issuers[i].ID
	}
	return wrongIssuer(strings.Join(ids, ","), found)
}

// key finds the one key of the issuer that may have signed the token.
func (v *Validator) key(ctx context.Context, is *Issuer, head *jose.Header) (any, error) {
	kid := head.KeyID
	if kid == "" { // Entra's key ids are the certificate's thumbprint, and old tokens named only that
		kid, _ = head.ExtraHeaders["x5t"].(string)
	}
	if kid == "" || len(kid) > 256 {
		return nil, refuse(textNoKey)
	}
	keys, err := is.Keys.Key(ctx, kid)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	for i := range keys {
		if jwks.Fits(&keys[i], head.Algorithm) {
			return keys[i].Key, nil
		}
	}
	return nil, refuse(textNoKey)
}

func typeOK(head *jose.Header, foreign bool) bool {
	typ, _ := head.ExtraHeaders[jose.HeaderType].(string)
	switch strings.ToLower(strings.TrimPrefix(strings.ToLower(typ), "application/")) {
	case "jwt", "at+jwt":
		return true
	case "":
		_, present := head.ExtraHeaders[jose.HeaderType]
		return foreign && !present
	}
	return false
}

func makeEntry(c *claims, is *Issuer) (*entry, bool) {
	if len(c.Audience) != 1 || c.Audience[0] == "" || c.Expires == nil || len(c.Groups) > maxGroups {
		return nil, false
	}
	e := &entry{audience: c.Audience[0], expires: int64(*c.Expires), issuer: is}
	if c.NotBefore != nil {
		e.notBefore = int64(*c.NotBefore)
	} else if !is.Foreign {
		return nil, false
	}
	if e.expires <= 0 || e.expires > maxDate || e.notBefore < 0 || e.notBefore > e.expires {
		return nil, false
	}
	p := rbac.Principal{
		TenantID: strings.ToLower(c.Tenant), ObjectID: strings.ToLower(c.Object), AppID: strings.ToLower(c.AppID),
		Groups: c.Groups, Issuer: c.Issuer, AppOnly: c.IDType == "app",
	}
	if p.AppID == "" {
		p.AppID = strings.ToLower(c.Party)
	}
	if is.Foreign {
		if c.Subject == "" || len(c.Subject) > 1024 {
			return nil, false
		}
		p.TenantID, p.ObjectID, p.AppOnly = strings.ToLower(is.TenantID), ForeignObjectID(c.Issuer, c.Subject), false
	} else if !isGUID(p.TenantID) || !isGUID(p.ObjectID) {
		return nil, false
	}
	if len(p.AppID) > 256 {
		return nil, false
	}
	e.principal = p
	return e, true
}

// ForeignObjectID is the object id by which roles and policies name a subject of a Foreign issuer: a GUID made of both (RFC
// 9562 version 8, from SHA-256), so that no issuer can speak for another's subjects, nor for Entra's objects.
func ForeignObjectID(issuer, subject string) string {
	return uuid.NewHash(sha256.New(), uuid.Nil, []byte(issuer+"\x00"+subject), 8).String()
}

// isGUID bounds what stands for a tenant or an object.
func isGUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		c := s[i] | 0x20 // lower case; '-' and digits stay
		switch i {
		case 8, 13, 18, 23:
			if s[i] != '-' {
				return false
			}
		default:
			if (s[i] < '0' || s[i] > '9') && (c < 'a' || c > 'f') {
				return false
			}
		}
	}
	return true
}
