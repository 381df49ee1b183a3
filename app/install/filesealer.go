package install

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"

	"latchkey/internal/secret"
)

// sealedVersion is the first byte of what a FileSealer makes.
const sealedVersion = 1

// FileSealer seals the few small files that lie beside the store: the token authority's state, the local authority's key,
// the clients' secrets. Its key is derived by the seal for the life of the store (AES-256-GCM, random nonces: these files are written some
// thousand times in a life, far below 2^32), so a change of the data key need not know about them.
type FileSealer struct{ aead cipher.AEAD }

// newFiles takes over key, 32 bytes, and destroys it.
func newFiles(key *secret.Bytes) (*FileSealer, error) {
	defer key.Destroy()
	block, err := aes.NewCipher(key.Expose())
	if err != nil {
		return nil, fmt.Errorf("preparing the seal of files: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("preparing the seal of files: %w", err)
	}
	return &FileSealer{aead}, nil
}

// Seal makes version | nonce | ciphertext | tag; name is authenticated.
func (s *FileSealer) Seal(name string, plain []byte) ([]byte, error) {
	return s.aead.Seal([]byte{sealedVersion}, nil, plain, []byte(name)), nil
}

var errUnseal = errors.New("it was changed, belongs to another name, or was sealed by another installation")

// Open opens what Seal made for name.
func (s *FileSealer) Open(name string, sealed []byte) ([]byte, error) {
	if len(sealed) == 0 || sealed[0] != sealedVersion {
		return nil, fmt.Errorf("unsealing %q: not of version %d", name, sealedVersion)
	}
	plain, err := s.aead.Open(nil, nil, sealed[1:], []byte(name))
	if err != nil {
		return nil, fmt.Errorf("unsealing %q: %w", name, errUnseal)
	}
	return plain, nil
}
