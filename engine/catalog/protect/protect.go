// Package protect is the hierarchy of keys at rest: the service master key over the credentials' secrets and the database master
// keys, those over private keys, and passwords as an alternative at each step.
//
// A [Key] is a master key: it seals and opens small secrets for a purpose and a place, so that a sealed value that was moved to another
// row, or taken for something else, does not open. [New] makes one from 32 bytes. [SealWithPassword] and [OpenWithPassword] do the
// same under a password. Sealing is AES-256-GCM under a key of its own for each value (HKDF-SHA-256 with a random salt), so that no
// limit of nonces is ever near; passwords go through PBKDF2-HMAC-SHA-512. Everything is of the standard library, and all but very
// short passwords work in Go's FIPS 140-only mode.
//
// What does not open is ErrOpen, whatever the reason, and nothing else is told. The forms carry a version.
package protect

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"

	"latchkey/internal/secret"
)

// KeySize is the size of a master key in bytes.
const KeySize = 32

// Versions of the sealed forms, the first byte. Never reuse one.
const (
	versionKey      = 1 // version, salt of 16, nonce and AES-256-GCM
	versionPassword = 2 // the same, under PBKDF2 of a password
)

const (
	saltSize = 16
	rounds   = 100_000
	// MaxSecret bounds what is sealed, in bytes.
	MaxSecret = 64 << 20
)

var (
	// ErrOpen means that a sealed value does not open: another key, password or place, or it was changed.
	ErrOpen = errors.New("sealed value does not open")
	// ErrSize means that a key or secret has a size that is not taken.
	ErrSize = errors.New("wrong size")
)

// Key is a master key. It is safe for concurrent use; Destroy it when nobody uses it any more.
type Key struct{ key *secret.Bytes }

// New makes a Key of 32 bytes, which it takes over.
func New(key *secret.Bytes) (*Key, error) {
	if key.Len() != KeySize {
		return nil, fmt.Errorf("making a master key of %d bytes: %w", key.Len(), ErrSize)
	}
	return &Key{key}, nil
}

// Generate makes a random Key.
func Generate() *Key { return &Key{secret.Random(KeySize)} }

// Destroy wipes the key.
func (k *Key) Destroy() { k.key.Destroy() }

// Clone is an independent copy.
func (k *Key) Clone() *Key { return &Key{k.key.Clone()} }

// Seal seals a secret for a purpose and a place, such as "credential" and "7".
func (k *Key) Seal(purpose, place string, plain *secret.Bytes) ([]byte, error) {
	return seal(versionKey, k.key, purpose, place, plain)
}

// Open opens what Seal made for the same purpose and place. The caller destroys the result.
func (k *Key) Open(purpose, place string, sealed []byte) (*secret.Bytes, error) {
	return open(versionKey, k.key, purpose, place, sealed)
}

// SealKey seals another master key.
func (k *Key) SealKey(purpose, place string, other *Key) ([]byte, error) {
	return k.Seal(purpose, place, other.key)
}

// OpenKey opens another master key.
func (k *Key) OpenKey(purpose, place string, sealed []byte) (*Key, error) {
	return asKey(k.Open(purpose, place, sealed))
}

// SealKeyWithPassword seals the master key under a password.
func (k *Key) SealKeyWithPassword(pw *secret.Bytes, purpose, place string) ([]byte, error) {
	return SealWithPassword(pw, purpose, place, k.key)
}

// OpenKeyWithPassword opens a master key that was sealed under a password.
func OpenKeyWithPassword(pw *secret.Bytes, purpose, place string, sealed []byte) (*Key, error) {
	return asKey(OpenWithPassword(pw, purpose, place, sealed))
}

func asKey(b *secret.Bytes, err error) (*Key, error) {
	if err != nil {
		return nil, err
	}
	k, err := New(b)
	if err != nil {
		b.Destroy()
		return nil, ErrOpen
	}
	return k, nil
}

// SealWithPassword seals a secret under a password.
func SealWithPassword(pw *secret.Bytes, purpose, place string, plain *secret.Bytes) ([]byte, error) {
	return seal(versionPassword, pw, purpose, place, plain)
}

// OpenWithPassword opens what SealWithPassword made. The caller destroys the result.
func OpenWithPassword(pw *secret.Bytes, purpose, place string, sealed []byte) (*secret.Bytes, error) {
	return open(versionPassword, pw, purpose, place, sealed)
}

// Stretch makes n bytes of a passphrase, always the same ones: KEY_SOURCE and IDENTITY_VALUE of a symmetric key.
func Stretch(pass *secret.Bytes, purpose string, n int) (*secret.Bytes, error) {
	out, err := pbkdf2.Key(sha512.New, string(pass.Expose()), []byte("latchkey catalog "+purpose), rounds, n)
	if err != nil {
		return nil, fmt.Errorf("stretching a passphrase: %w", err)
	}
	return secret.Take(out), nil
}

func gcm(version byte, key *secret.Bytes, salt []byte, purpose string) (cipher.AEAD, error) {
	var sub []byte
	var err error
	if version == versionPassword {
		sub, err = pbkdf2.Key(sha512.New, string(key.Expose()), salt, rounds, KeySize)
	} else {
		sub, err = hkdf.Key(sha256.New, key.Expose(), salt, "latchkey catalog "+purpose, KeySize)
	}
	if err != nil {
		return nil, err
	}
	defer secret.Wipe(sub)
	block, err := aes.NewCipher(sub)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func seal(version byte, key *secret.Bytes, purpose, place string, plain *secret.Bytes) ([]byte, error) {
	if plain.Len() > MaxSecret || key.Len() == 0 {
		return nil, fmt.Errorf("sealing %d bytes for %q: %w", plain.Len(), purpose, ErrSize)
	}
	out := make([]byte, 1+saltSize, 1+saltSize+plain.Len()+28)
	out[0] = version
	rand.Read(out[1:])
	a, err := gcm(version, key, out[1:], purpose)
	if err != nil {
		return nil, fmt.Errorf("sealing for %q: %w", purpose, err)
	}
	return a.Seal(out, nil, plain.Expose(), aad(version, purpose, place)), nil
}

func open(version byte, key *secret.Bytes, purpose, place string, sealed []byte) (*secret.Bytes, error) {
	if len(sealed) < 1+saltSize+28 || len(sealed) > 1+saltSize+28+MaxSecret || sealed[0] != version || key.Len() == 0 {
		return nil, fmt.Errorf("opening for %q: %w", purpose, ErrOpen)
	}
	a, err := gcm(version, key, sealed[1:1+saltSize], purpose)
	if err != nil {
		return nil, fmt.Errorf("opening for %q: %w", purpose, err)
	}
	plain, err := a.Open(nil, nil, sealed[1+saltSize:], aad(version, purpose, place))
	if err != nil {
		return nil, fmt.Errorf("opening for %q: %w", purpose, ErrOpen)
	}
	return secret.Take(plain), nil
}

func aad(version byte, purpose, place string) []byte {
	return fmt.Appendf(nil, "%d\x00%s\x00%s", version, purpose, place)
}
