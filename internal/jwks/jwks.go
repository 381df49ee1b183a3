// Package jwks holds the public signing keys of token issuers (RFC 7517), for whoever checks a signature: the vault its
// callers' tokens, the token authority the assertions of federated identities.
//
// Use [Parse] for a document at hand, [Local] for keys that change inside this process, [NewRemote] for those of an issuer
// elsewhere. Local and Remote answer Key and Epoch: a key by its id, and a number that changes when a key is no longer to
// be trusted.
//
// Only public keys that can check RS256, PS256 or ES256 are kept: RSA of 2048 to 8192 bits and P-256, not marked for
// encryption. Others in a document are passed over, as RFC 7517 section 5 wants; one with a private part makes the whole
// document refused, as its publisher needs to know.
package jwks

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/go-jose/go-jose/v4"
)

// Bounds on what is read.
const (
	MaxDocument = 1 << 20 // bytes
	maxKeys     = 256
)

// Set is a set of public keys. It does not change.
type Set struct {
	keys []jose.JSONWebKey
}

// Parse reads a JWKS document.
func Parse(doc []byte) (*Set, error) {
	if len(doc) > MaxDocument {
		return nil, fmt.Errorf("reading a key set: %d bytes exceed the limit of %d", len(doc), MaxDocument)
	}
	var raw struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(doc, &raw); err != nil {
		return nil, fmt.Errorf("reading a key set: %w", err)
	}
	if len(raw.Keys) > maxKeys {
		return nil, fmt.Errorf("reading a key set: %d keys exceed the limit of %d", len(raw.Keys), maxKeys)
	}
	s := &Set{}
	for i, r := range raw.Keys {
		var secret struct {
			D json.RawMessage `json:"d"`
			K json.RawMessage `json:"k"`
		}
		if json.Unmarshal(r, &secret) == nil && (secret.D != nil || secret.K != nil) {
			return nil, fmt.Errorf("reading a key set: key %d has a private part, which must never be published", i)
		}
		var k jose.JSONWebKey
		if json.Unmarshal(r, &k) == nil && usable(&k) {
			s.keys = append(s.keys, k)
		}
	}
	if len(s.keys) == 0 {
		return nil, errors.New("reading a key set: it has no key that checks RS256, PS256 or ES256")
	}
	return s, nil
}

// NewSet makes a set of keys at hand; those that cannot be used are left out.
func NewSet(keys ...jose.JSONWebKey) *Set {
	s := &Set{}
	for _, k := range keys {
		if usable(&k) {
			s.keys = append(s.keys, k)
		}
	}
	return s
}

// Find lists the keys with that id.
func (s *Set) Find(kid string) []jose.JSONWebKey {
	var out []jose.JSONWebKey
	if s != nil && kid != "" {
		for _, k := range s.keys {
			if k.KeyID == kid {
				out = append(out, k)
			}
		}
	}
	return out
}

// Len is the number of keys.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return len(s.keys)
}

// holds reports whether every key of o is in s, so that nothing is lost by replacing o.
func (s *Set) holds(o *Set) bool {
	return !slices.ContainsFunc(o.keys, func(k jose.JSONWebKey) bool {
		return !slices.ContainsFunc(s.keys, func(have jose.JSONWebKey) bool {
			return have.KeyID == k.KeyID && have.Algorithm == k.Algorithm && samePublic(have.Key, k.Key)
		})
	})
}

func samePublic(a, b any) bool {
	switch a := a.(type) {
	case *rsa.PublicKey:
		o, ok := b.(*rsa.PublicKey)
		return ok && a.Equal(o)
	case *ecdsa.PublicKey:
		o, ok := b.(*ecdsa.PublicKey)
		return ok && a.Equal(o)
	}
	return false
}

func usable(k *jose.JSONWebKey) bool {
	if k.Use != "" && k.Use != "sig" || !k.IsPublic() || !k.Valid() {
		return false
	}
	switch key := k.Key.(type) {
	case *rsa.PublicKey:
		return key.N.BitLen() >= 2048 && key.N.BitLen() <= 8192 && key.E >= 3
	case *ecdsa.PublicKey:
		return key.Curve == elliptic.P256()
	}
	return false
}

// Fits reports whether a key may check a signature of that algorithm: RS256 and PS256 by RSA, ES256 by P-256, and nothing
// against the key's own "alg".
func Fits(k *jose.JSONWebKey, alg string) bool {
	if k.Algorithm != "" && k.Algorithm != alg {
		return false
	}
	switch jose.SignatureAlgorithm(alg) {
	case jose.RS256, jose.PS256:
		_, ok := k.Key.(*rsa.PublicKey)
		return ok
	case jose.ES256:
		_, ok := k.Key.(*ecdsa.PublicKey)
		return ok
	}
	return false
}

// Local is a set that its owner replaces. The zero value is empty. It is safe for concurrent use.
type Local struct {
	set   atomic.Pointer[Set]
	epoch atomic.Uint64
}

// Store replaces the set. When a key of the old one is gone, the epoch changes.
func (l *Local) Store(s *Set) {
	old := l.set.Swap(s)
	if old != nil && !s.holds(old) {
		l.epoch.Add(1)
	}
}

// Key lists the keys with that id. It never fails.
func (l *Local) Key(_ context.Context, kid string) ([]jose.JSONWebKey, error) {
	return l.set.Load().Find(kid), nil
}

// Epoch changes when a key was taken out.
func (l *Local) Epoch() uint64 { return l.epoch.Load() }
