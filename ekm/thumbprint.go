package ekm

import (
	"crypto/sha1" //nolint:gosec // identifies a key as SQL Server does; collision resistance is not relied upon
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ThumbprintLen is the length in bytes of the thumbprints that this provider makes.
const ThumbprintLen = 20

// Thumbprint identifies a key's material, raw, 1 to MaxThumbprintLen bytes. It is comparable; "" means none.
type Thumbprint string

// String is the form that SQL Server prints: 0x and upper-case hex.
func (t Thumbprint) String() string { return "0x" + t.Hex() }

// Hex is upper-case hex without a prefix.
func (t Thumbprint) Hex() string { return strings.ToUpper(hex.EncodeToString([]byte(t))) }

// ParseThumbprint reads hex in either case, with or without 0x, of any length that the interface allows.
func ParseThumbprint(s string) (Thumbprint, error) {
	h := strings.TrimPrefix(strings.TrimPrefix(s, "0x"), "0X")
	b, err := hex.DecodeString(h)
	if err != nil {
		return "", fmt.Errorf("thumbprint %q is not hexadecimal: %w", s, err)
	}
	if len(b) == 0 || len(b) > MaxThumbprintLen {
		return "", fmt.Errorf("thumbprint %q has %d bytes, want 1 to %d", s, len(b), MaxThumbprintLen)
	}
	return Thumbprint(b), nil
}

// ErrPublicKey means that a public key cannot have a thumbprint: an empty or implausibly large member.
var ErrPublicKey = errors.New("public key out of range")

// Thumbprint is the 20-byte form that SQL Server's engine and the connector since 1.0.5.0 compute: SHA-1 over the .NET
// strong-name layout of the public key (signature and hash algorithm, length, CAPI PUBLICKEYBLOB with a little-endian
// modulus), with the bytes of the hash reversed. It depends on the key's material alone: the same key restored into
// another vault keeps it, and each version of a key has its own.
func (k PublicKey) Thumbprint() (Thumbprint, error) {
	const (
		sigAlgRSASign = 0x2400
		hashAlgSHA1   = 0x8004
		keyAlgRSAKeyX = 0xA400
		header        = 32
	)
	n := k.N
	for len(n) > 0 && n[0] == 0 {
		n = n[1:]
	}
	if len(n) < 64 || len(n) > 2048 || k.E == 0 {
		return "", fmt.Errorf("%w: modulus of %d bytes, exponent %d", ErrPublicKey, len(n), k.E)
	}
	le := binary.LittleEndian
	b := make([]byte, 0, header+len(n))
	b = le.AppendUint32(b, sigAlgRSASign)
	b = le.AppendUint32(b, hashAlgSHA1)
	b = le.AppendUint32(b, uint32(20+len(n)))
	b = append(b, 0x06, 0x02, 0x00, 0x00) // PUBLICKEYBLOB, version 2
	b = le.AppendUint32(b, keyAlgRSAKeyX)
	b = append(b, "RSA1"...)
	b = le.AppendUint32(b, uint32(8*len(n)))
	b = le.AppendUint32(b, k.E)
	for _, c := range slices.Backward(n) {
		b = append(b, c)
	}
	sum := sha1.Sum(b) //nolint:gosec // see the import
	slices.Reverse(sum[:])
	return Thumbprint(sum[:]), nil
}
