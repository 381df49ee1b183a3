package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"latchkey/internal/secret"
)

// saltLen is the length of the random bytes that give each value its key.
const saltLen = 16

// gcmOverhead is the nonce and the tag of cipher.NewGCMWithRandomNonce.
const gcmOverhead = 12 + 16

// expand derives 32 bytes from a uniformly random key (HKDF-Expand, RFC 5869 section 2.3).
func expand(key *secret.Bytes, info string) ([]byte, error) {
	if key.Len() != 32 { // a destroyed key must not become the key of nothing
		return nil, errors.New("deriving a key: the key is closed")
	}
	k, err := hkdf.Expand(sha256.New, key.Expose(), info, 32)
	if err != nil {
		return nil, fmt.Errorf("deriving a key: %w", err)
	}
	return k, nil
}

// aead is AES-256-GCM under a key that is derived for one use and wiped.
func aead(key *secret.Bytes, info string) (cipher.AEAD, error) {
	k, err := expand(key, info)
	if err != nil {
		return nil, err
	}
	defer secret.Wipe(k)
	b, err := aes.NewCipher(k)
	if err != nil {
		return nil, fmt.Errorf("preparing a cipher: %w", err)
	}
	g, err := cipher.NewGCMWithRandomNonce(b)
	if err != nil {
		return nil, fmt.Errorf("preparing a cipher: %w", err)
	}
	return g, nil
}

// domains of derived keys and of associated data.
const (
	domainValue  = "latchkey seal v1 value"
	domainBackup = "latchkey seal v1 backup"
	domainWrap   = "latchkey seal v1 wrap"
	domainCheck  = "latchkey seal v1 root check"
	domainDerive = "latchkey seal v1 derive"
	domainID     = "latchkey seal v1 backup key id"
)

// label joins strings unambiguously.
func label(parts ...string) string {
	var b []byte
	for _, p := range parts {
		b = binary.BigEndian.AppendUint32(b, uint32(len(p)))
		b = append(b, p...)
	}
	return string(b)
}

// box seals plaintext behind header, which is authenticated: header | salt | nonce | ciphertext | tag.
func box(key *secret.Bytes, domain, context string, header, plaintext []byte) ([]byte, error) {
	out := make([]byte, len(header)+saltLen, len(header)+saltLen+gcmOverhead+len(plaintext))
	copy(out, header)
	salt := out[len(header):]
	rand.Read(salt)
	g, err := aead(key, label(domain, context, string(salt)))
	if err != nil {
		return nil, err
	}
	return g.Seal(out, nil, plaintext, []byte(label(domain, context, string(header)))), nil
}

// unbox opens what box made; n is the header's length. ok is false when it does not open.
func unbox(key *secret.Bytes, domain, context string, b []byte, n int) (out *secret.Bytes, ok bool, err error) {
	if len(b) < n+saltLen+gcmOverhead {
		return nil, false, nil
	}
	g, err := aead(key, label(domain, context, string(b[n:n+saltLen])))
	if err != nil {
		return nil, false, err
	}
	p, err := g.Open(nil, nil, b[n+saltLen:], []byte(label(domain, context, string(b[:n]))))
	if err != nil {
		return nil, false, nil
	}
	return secret.Take(p), true, nil
}
