package keywrap

import (
	"errors"
	"fmt"
)

// The errors of this package. All but ErrDecrypt and ErrSignature arrive wrapped, with what was found and what is wanted; test with errors.Is.
var (
	// ErrDecrypt is the one answer to a ciphertext that does not open: wrong key, altered data, bad padding or tag. It is
	// returned as it is, without detail.
	ErrDecrypt = errors.New("keywrap: decryption failed")
	// ErrSignature says that a signature or MAC does not verify, wrong length included.
	ErrSignature = errors.New("keywrap: signature does not verify")
	// ErrAlgorithm says that the algorithm is unknown, not for this operation, or not allowed in FIPS 140-only mode.
	ErrAlgorithm = errors.New("keywrap: algorithm not usable")
	// ErrKeyType says that the algorithm wants another kind, size or curve of key.
	ErrKeyType = errors.New("keywrap: wrong key for algorithm")
	// ErrLength says that a value has a length the algorithm does not take (data, digest, iv, tag, ciphertext).
	ErrLength = errors.New("keywrap: wrong length")
	// ErrParameter says that a parameter was given which the algorithm does not use, or that the key specification is not supported.
	ErrParameter = errors.New("keywrap: wrong parameter")
	// ErrInvalidKey says that key material is malformed, inconsistent, or of a size or curve that is not supported.
	ErrInvalidKey = errors.New("keywrap: invalid key material")
)

func lengthError(alg Algorithm, what string, got int, want string) error {
	return fmt.Errorf("%w: %s for %q is %d bytes, want %s", ErrLength, what, string(alg), got, want)
}

func keyError(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalidKey, fmt.Sprintf(format, args...))
}
