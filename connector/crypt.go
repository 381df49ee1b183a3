package connector

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"latchkey/connector/keyname"
	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/ekm/keystore"
	"latchkey/internal/secret"
	"latchkey/keywrap"
)

// wrap encrypts plain, in the vault or with the public key.
func (st *store) wrap(ctx context.Context, t ekm.Thumbprint, plain *secret.Bytes) (ekm.Wrapped, error) {
	const op = "wrapping with"
	alg := st.p.cfg.Algorithm
	if plain.Len() == 0 {
		return ekm.Wrapped{}, code.Wrap(code.WrapKeyBase64EncodeKey, op, t.String(), errors.New("the secret is empty"))
	}
	uri, err := st.uri(ctx, t)
	if err != nil {
		return ekm.Wrapped{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, st.p.cfg.Budget) // for reading the key and wrapping together
	defer cancel()
	k, err := st.at(ctx, uri, t)
	if err != nil {
		return ekm.Wrapped{}, err
	}
	if room := k.Bits/8 - overhead(alg); plain.Len() > room {
		return ekm.Wrapped{}, code.Wrap(code.WrapKeyBase64EncodeKey, op, k.URI, fmt.Errorf("the secret has %d bytes, %s with %d bits takes at most %d", plain.Len(), alg, k.Bits, room))
	}
	var blob []byte
	if st.p.cfg.LocalWrap {
		blob, err = st.wrapLocal(ctx, k, alg, plain)
	} else {
		blob, err = run(ctx, st.p, st.call("wrap", k.URI, true), func(ctx context.Context) ([]byte, error) {
			return st.vault().Wrap(ctx, k.Name, k.Version, string(alg), plain)
		})
	}
	if err != nil {
		return ekm.Wrapped{}, err
	}
	if len(blob) != k.Bits/8 {
		return ekm.Wrapped{}, code.Wrap(code.WrapKeyBase64DecodeValue, op, k.URI, fmt.Errorf("the wrapped secret has %d bytes, the modulus %d", len(blob), k.Bits/8))
	}
	return ekm.Wrapped{Algorithm: string(alg), Blob: blob}, nil
}

// overhead is what a padding takes of the modulus, in bytes (RFC 8017, 7.1.1 and 7.2.1).
func overhead(alg keywrap.Algorithm) int {
	switch alg {
	case keywrap.RSAOAEP256:
		return 2*32 + 2
	case keywrap.RSAOAEP:
		return 2*20 + 2
	default:
		return 11
	}
}

// freshFor is how long what the vault said of a key's state is believed by wrapLocal.
const freshFor = 5 * time.Minute

// wrapLocal encrypts with the public key after the vault has said, not long ago, that the key may wrap.
func (st *store) wrapLocal(ctx context.Context, k keystore.Key, alg keywrap.Algorithm, plain *secret.Bytes) ([]byte, error) {
	const op = "wrapping locally with"
	var err error
	if st.age(k.URI) > freshFor {
		if k, err = st.fetch(ctx, k.Name, k.Version); err != nil {
			return nil, err
		}
	}
	if reason := barred(k, st.p.clock.Now()); reason != "" {
		f := &keystore.Failure{Class: keystore.Refused, Reason: reason, Detail: "the key's own attributes do not allow wrapping"}
		return nil, code.Wrap(code.HTTPOperationForbidden, op, k.URI, f)
	}
	pub, err := publicKey(k.Public)
	if err != nil {
		return nil, code.Wrap(code.GetKeyByNameBase64DecodeN, op, k.URI, err)
	}
	blob, err := pub.WrapKey(alg, plain.Expose())
	if err != nil {
		return nil, code.Wrap(code.WrapKeyBase64EncodeKey, op, k.URI, err)
	}
	return blob, nil
}

// unwrap decrypts a blob in the vault. Identical unwraps of one identity at the same time are one request.
func (st *store) unwrap(ctx context.Context, t ekm.Thumbprint, w ekm.Wrapped) (*secret.Bytes, error) {
	const op = "unwrapping with"
	uri, err := st.uri(ctx, t)
	if err != nil {
		return nil, err
	}
	name, version, err := keyname.ParseURI(st.url, uri)
	if err != nil {
		return nil, err
	}
	if n := len(w.Blob); n != 256 && n != 384 && n != 512 {
		return nil, code.Wrap(code.UnwrapKeyBase64EncodeKey, op, uri, fmt.Errorf("the wrapped secret has %d bytes, want the length of an RSA modulus: 256, 384 or 512", n))
	}
	algs, err := st.order(uri, w.Algorithm)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(w.Blob)
	key := uri + " " + w.Algorithm + " " + hex.EncodeToString(sum[:])
	s, shared, err := st.opening.Do(ctx, key, st.p.goAsync, func(ctx context.Context) (*secret.Bytes, error) {
		ctx, stop := st.p.bind(ctx)
		defer stop()
		return st.unwrapAny(ctx, uri, name, version, w, algs)
	})
	if shared && st.p.observed {
		st.p.emit(Event{Kind: Coalesced, Op: "unwrap", Vault: st.url, Identity: st.identity, Key: uri})
	}
	if err != nil && ctx.Err() != nil && code.Of(err) == 0 {
		return nil, gaveUp(ctx, op, uri)
	}
	if err == nil {
		st.lookAgain(uri, name, version)
	}
	return s, coded(op, err)
}

// lookEvery is how often a key in use is asked when it ends.
const lookEvery = 6 * time.Hour

// lookAgain reads a key's attributes in the background, for the Watch: who only unwraps would never see when a key ends.
func (st *store) lookAgain(uri, name, version string) {
	p, now := st.p, st.p.clock.Now()
	st.mu.Lock()
	last, ok := st.looked[uri]
	due := p.observed && p.cfg.Watch != nil && (ok || len(st.looked) < maxCached) && now.Sub(last) >= lookEvery
	if due {
		st.looked[uri] = now
	}
	st.mu.Unlock()
	if due && p.enter() {
		p.goAsync(func() {
			defer p.wg.Done()
			ctx, cancel := context.WithTimeout(p.ctx, p.cfg.TryTimeout)
			_, _ = st.vault().GetKey(ctx, name, version) // a failure is the next unwrap's to tell
			cancel()
		})
	}
}

// order is the algorithms to try: what the blob says, then what has opened such blobs before, then the others. RSA1_5 comes
// last unless the blob says it: its padding is found by chance in about one of 400 blobs made with OAEP, and would open them
// to garbage. OAEP does not err.
func (st *store) order(uri, recorded string) ([]string, error) {
	all := []string{string(keywrap.RSAOAEP256), string(keywrap.RSAOAEP), string(keywrap.RSA15)}
	if recorded != "" && !slices.Contains(all, recorded) {
		return nil, code.Wrap(code.NotSupported, "unwrapping with", uri, fmt.Errorf("the blob says algorithm %q", recorded))
	}
	st.mu.Lock()
	known := st.algs[uri]
	st.mu.Unlock()
	out := make([]string, 0, len(all))
	for _, a := range append([]string{recorded, known}, all...) {
		if a != "" && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out, nil
}

func (st *store) unwrapAny(ctx context.Context, uri, name, version string, w ekm.Wrapped, algs []string) (*secret.Bytes, error) {
	ctx, cancel := context.WithTimeout(ctx, st.p.cfg.Budget) // for all algorithms together
	defer cancel()
	var first error
	for i, alg := range algs {
		s, err := run(ctx, st.p, st.call("unwrap", uri, true), func(ctx context.Context) (*secret.Bytes, error) {
			return st.vault().Unwrap(ctx, name, version, alg, w.Blob)
		})
		if err == nil {
			if i > 0 && w.Algorithm != "" && st.p.observed {
				st.p.emit(Event{Kind: OtherAlgorithm, Vault: st.url, Identity: st.identity, Key: uri, Text: w.Algorithm + " was recorded, " + alg + " opened it"})
			}
			if alg != string(keywrap.RSA15) {
				st.mu.Lock()
				st.algs[uri] = alg
				st.mu.Unlock()
			}
			return s, nil
		}
		if first == nil {
			first = err
		}
		if f := keystore.FailureOf(err); f == nil || f.Class != keystore.Invalid || f.Status != 400 {
			return nil, err
		}
	}
	return nil, fmt.Errorf("no algorithm opens it, %v were tried: %w", algs, first)
}

// barred names why a key's own attributes do not let it wrap now, in the vault's words; "" if they do.
func barred(k keystore.Key, now time.Time) string {
	switch {
	case !k.Enabled:
		return "KeyDisabled"
	case !k.NotBefore.IsZero() && now.Before(k.NotBefore):
		return "KeyNotYetValid"
	case !k.Expires.IsZero() && !now.Before(k.Expires):
		return "KeyExpired"
	case !k.Wrap:
		return "KeyOperationForbidden"
	}
	return ""
}

// publicKey makes a key of the standard library's kind out of ours.
func publicKey(k ekm.PublicKey) (*keywrap.PublicKey, error) {
	return keywrap.NewRSAPublicKey(k.N, binary.BigEndian.AppendUint32(nil, k.E))
}
