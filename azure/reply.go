package azure

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"strings"
	"time"

	"latchkey/akv"
	"latchkey/ekm/code"
	"latchkey/ekm/keystore"

	"latchkey/azure/sqlcred"
)

// The decoders here check each member on its own, because each has a code of its own that tells an operator what is odd
// about the vault or the gateway before it.

// object reads a JSON object's members without their values' types; nil if b is none.
func object(b []byte) map[string]json.RawMessage {
	var m map[string]json.RawMessage
	if json.Unmarshal(b, &m) != nil {
		return nil
	}
	return m
}

// text reads a member that must be a string that is not empty.
func text(m map[string]json.RawMessage, name string) (string, error) {
	var s string
	if raw, ok := m[name]; !ok || json.Unmarshal(raw, &s) != nil || s == "" {
		return "", fmt.Errorf("member %q is missing, empty or not a string", name)
	}
	return s, nil
}

// bundle is the part of a KeyBundle beside the key.
type bundle struct {
	Attributes attributes `json:"attributes"`
}

// attributes take numbers as the service writes them; a vault that writes others is not refused for it.
type attributes struct {
	Enabled *bool    `json:"enabled"`
	NBF     *float64 `json:"nbf"`
	Exp     *float64 `json:"exp"`
	Created *float64 `json:"created"`
}

func (a attributes) state() keystore.State {
	return keystore.State{Enabled: a.Enabled == nil || *a.Enabled, NotBefore: unix(a.NBF), Expires: unix(a.Exp)}
}

// unix reads seconds since 1970 up to the year 9999, zero if absent or beyond.
func unix(v *float64) time.Time {
	if v == nil || *v < 0 || *v > 253402300799 {
		return time.Time{}
	}
	return time.Unix(int64(*v), 0).UTC()
}

// decodeKey reads a KeyBundle of an RSA key from the vault t. Errors carry codes 3403 to 3412, and 3 for other kinds of keys.
func decodeKey(t sqlcred.Target, body []byte) (keystore.Key, error) {
	fail := func(c code.Code, format string, args ...any) (keystore.Key, error) {
		return keystore.Key{}, code.Wrap(c, "reading the key of", t.Host, fmt.Errorf(format, args...))
	}
	if len(strings.TrimSpace(string(body))) == 0 {
		return fail(code.GetKeyByNameNoResponse, "the reply is empty")
	}
	top := object(body)
	if top == nil {
		return fail(code.GetKeyByNameJSONParser, "the reply is not a JSON object")
	}
	jwk := object(top["key"])
	if jwk == nil {
		return fail(code.GetKeyByNameExtractKeyNode, "member %q is missing or not an object", "key")
	}
	kid, err := text(jwk, "kid")
	if err != nil {
		return fail(code.GetKeyByNameExtractKeyID, "%w", err)
	}
	kty, err := text(jwk, "kty")
	if err != nil {
		return fail(code.GetKeyByNameExtractKeyType, "%w", err)
	}
	switch kty {
	case "RSA", "RSA-HSM":
	case "EC", "EC-HSM", "oct", "oct-HSM", "AKP", "AKP-HSM":
		return fail(code.NotSupported, "the key is of type %q, want RSA or RSA-HSM", kty)
	default:
		return fail(code.GetKeyByNameExtractKeyType, "type %q is not known", keystore.Clip(kty))
	}
	k := keystore.Key{HSM: kty == "RSA-HSM"}
	if k.URI, k.Name, k.Version, err = parseKID(t, kid); err != nil {
		return fail(code.GetKeyByNameExtractKeyURI, "%w", err)
	}
	if k.Version == "" {
		return fail(code.GetKeyByNameExtractKeyURI, "key identifier %q names no version", keystore.Clip(kid))
	}
	n, err := text(jwk, "n")
	if err != nil {
		return fail(code.GetKeyByNameExtractKeyN, "%w", err)
	}
	if k.Public.N, err = akv.DecodeBytes(n); err != nil {
		return fail(code.GetKeyByNameBase64DecodeN, "member %q is not base64url", "n")
	}
	k.Public.N = trimZeros(k.Public.N)
	k.Bits = bitLen(k.Public.N)
	if k.Bits != 2048 && k.Bits != 3072 && k.Bits != 4096 || k.Public.N[len(k.Public.N)-1]&1 == 0 {
		return fail(code.GetKeyByNameBase64DecodeN, "the modulus has %d bits, want an odd one of 2048, 3072 or 4096", k.Bits)
	}
	e, err := text(jwk, "e")
	if err != nil {
		return fail(code.GetKeyByNameExtractKeyE, "%w", err)
	}
	if k.Public.E, err = exponent(e); err != nil {
		return fail(code.GetKeyByNameBase64DecodeE, "%w", err)
	}
	var ops []string
	if raw, ok := jwk["key_ops"]; ok && json.Unmarshal(raw, &ops) == nil && ops != nil {
		for _, op := range ops {
			k.Wrap = k.Wrap || strings.EqualFold(op, "wrapKey")
			k.Unwrap = k.Unwrap || strings.EqualFold(op, "unwrapKey")
		}
	} else {
		k.Wrap, k.Unwrap = true, true
	}
	var b bundle
	_ = json.Unmarshal(body, &b) // attributes of a strange form count as absent
	k.State = b.Attributes.state()
	return k, nil
}

func trimZeros(b []byte) []byte {
	for len(b) > 0 && b[0] == 0 {
		b = b[1:]
	}
	return b
}

func bitLen(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	return 8*(len(b)-1) + bits.Len8(b[0])
}

func exponent(s string) (uint32, error) {
	b, err := akv.DecodeBytes(s)
	if err != nil {
		return 0, errors.New("member \"e\" is not base64url")
	}
	b = trimZeros(b)
	var e uint64
	for _, c := range b {
		if len(b) > 4 {
			break
		}
		e = e<<8 | uint64(c)
	}
	if e < 3 || e > 1<<31-1 || e&1 == 0 {
		return 0, errors.New("member \"e\" is not an odd number from 3 to 2^31")
	}
	return uint32(e), nil
}

// parseKID takes a key identifier of the vault t apart and returns it with the host as t writes it.
func parseKID(t sqlcred.Target, kid string) (uri, name, version string, err error) {
	if len(kid) > 512 {
		return "", "", "", fmt.Errorf("the key identifier has %d bytes", len(kid))
	}
	id, err := akv.ParseKeyID(kid)
	if err != nil {
		return "", "", "", errors.New(keystore.Clip(err.Error()))
	}
	if sqlcred.HostPort(strings.ToLower(strings.TrimPrefix(id.Base, "https://"))) != sqlcred.HostPort(t.Host) {
		return "", "", "", fmt.Errorf("key identifier %q names another vault", keystore.Clip(kid))
	}
	if id.Collection != akv.Keys {
		return "", "", "", fmt.Errorf("%q does not name a key", keystore.Clip(kid))
	}
	uri = t.URL + "/" + akv.Keys + "/" + id.Name
	if id.Version != "" {
		uri += "/" + id.Version
	}
	return uri, id.Name, id.Version, nil
}

// valueCodes are the codes of a reply that holds a "value".
type valueCodes struct{ empty, json, value, decode code.Code }

// decodeValue reads the value of a reply to wrap, unwrap or backup, and its key identifier if it has one.
func decodeValue(t sqlcred.Target, body []byte, c valueCodes) (value []byte, kid string, err error) {
	fail := func(c code.Code, err error) ([]byte, string, error) {
		return nil, "", code.Wrap(c, "reading the reply of", t.Host, err)
	}
	if len(strings.TrimSpace(string(body))) == 0 {
		return fail(c.empty, errors.New("the reply is empty"))
	}
	m := object(body)
	if m == nil {
		return fail(c.json, errors.New("the reply is not a JSON object"))
	}
	s, err := text(m, "value")
	if err != nil {
		return fail(c.value, err)
	}
	if value, err = akv.DecodeBytes(s); err != nil {
		return fail(c.decode, errors.New("member \"value\" is not base64url"))
	}
	_ = json.Unmarshal(m["kid"], &kid)
	return value, kid, nil
}

// decodeList reads a page of keys or versions. Items whose identifier is not one of this vault are left out.
func decodeList(t sqlcred.Target, body []byte) (items []keystore.Version, next string, err error) {
	var page struct {
		Value []struct {
			KID        string     `json:"kid"`
			Attributes attributes `json:"attributes"`
		} `json:"value"`
		NextLink *string `json:"nextLink"`
	}
	if err := json.Unmarshal(body, &page); err != nil {
		return nil, "", code.Wrap(code.GetKeyByNameJSONParser, "reading the list of keys of", t.Host, errors.New("the reply is not a list of keys in JSON"))
	}
	for _, it := range page.Value {
		v := keystore.Version{Created: unix(it.Attributes.Created), State: it.Attributes.state()}
		if v.URI, v.Name, v.Version, err = parseKID(t, it.KID); err != nil {
			continue
		}
		items = append(items, v)
	}
	if page.NextLink != nil {
		next = *page.NextLink
	}
	return items, next, nil
}
