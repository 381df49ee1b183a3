package keywrap

import (
	"bytes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	kwp "github.com/tink-crypto/tink-go/v2/kwp/subtle"
)

// Kind is the kind of a key, spelled as the API's kty without "-HSM".
type Kind string

// The kinds.
const (
	RSA Kind = "RSA"
	EC  Kind = "EC"
	Oct Kind = "oct"
)

// Curve is an elliptic curve by the API's name.
type Curve string

// The curves.
const (
	P256  Curve = "P-256"
	P384  Curve = "P-384"
	P521  Curve = "P-521"
	P256K Curve = "P-256K" // secp256k1
)

// size is the length in bytes of a coordinate, a scalar and half a signature; 0 for an unknown curve.
func (c Curve) size() int {
	switch c {
	case P256, P256K:
		return 32
	case P384:
		return 48
	case P521:
		return 66
	}
	return 0
}

func (c Curve) bits() int {
	if c == P521 {
		return 521
	}
	return c.size() * 8
}

// Key is a private (RSA, EC) or symmetric (oct) key. It is immutable and safe for concurrent use. Make one with Generate, an
// Import function or ParsePrivate; the zero value refuses every operation.
type Key struct {
	public *PublicKey // nil for oct

	rsa *rsa.PrivateKey // precomputed
	ec  *ecdsa.PrivateKey
	k1  *secp256k1.PrivateKey
	oct []byte

	// For oct of an AES size only; all are safe for concurrent use.
	block cipher.Block
	gcm   cipher.AEAD
	kwp   *kwp.KWP // 128 and 256 bits only
}

// PublicKey is the public half of an RSA or EC key. It is immutable and safe for concurrent use.
type PublicKey struct {
	rsa   *rsa.PublicKey
	curve Curve
	ec    *ecdsa.PublicKey
	k1    *secp256k1.PublicKey
	point []byte // EC: 04 || x || y
}

// Kind returns the kind of key.
func (k *Key) Kind() Kind {
	if k.public != nil {
		return k.public.Kind()
	}
	return Oct
}

// Curve returns the curve of an EC key, "" for other kinds.
func (k *Key) Curve() Curve {
	if k.public != nil {
		return k.public.curve
	}
	return ""
}

// Bits returns the size in bits: of the modulus (RSA), the field (EC) or the key itself (oct).
func (k *Key) Bits() int {
	if k.public != nil {
		return k.public.Bits()
	}
	return len(k.oct) * 8
}

// Public returns the public half, nil for a symmetric key.
func (k *Key) Public() *PublicKey { return k.public }

// Equal reports in constant time (for keys of the same kind and size) whether both are the same key.
func (k *Key) Equal(o *Key) bool {
	if k.public != nil || o.public != nil {
		return k.public != nil && o.public != nil && k.public.Equal(o.public)
	}
	return subtle.ConstantTimeCompare(k.oct, o.oct) == 1
}

// String describes the key without its secret, for example "RSA-2048 key [redacted]".
func (k *Key) String() string { return describe(k.Kind(), k.Curve(), k.Bits()) + " key [redacted]" }

// Format prints String for every verb, so that no secret reaches a log by way of %v or %#v.
func (k *Key) Format(f fmt.State, _ rune) { io.WriteString(f, k.String()) }

// LogValue makes slog print String.
func (k *Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// Kind returns the kind of key: RSA or EC.
func (p *PublicKey) Kind() Kind {
	if p.rsa != nil {
		return RSA
	}
	return EC
}

// Curve returns the curve of an EC key, "" for RSA.
func (p *PublicKey) Curve() Curve { return p.curve }

// Bits returns the size in bits of the modulus (RSA) or the field (EC).
func (p *PublicKey) Bits() int {
	if p.rsa != nil {
		return p.rsa.N.BitLen()
	}
	return p.curve.bits()
}

// Equal reports whether both are the same key.
func (p *PublicKey) Equal(o *PublicKey) bool {
	if p.rsa != nil {
		return o.rsa != nil && p.rsa.Equal(o.rsa)
	}
	return o.rsa == nil && p.curve == o.curve && bytes.Equal(p.point, o.point)
}

// String describes the key by kind and size.
func (p *PublicKey) String() string {
	return describe(p.Kind(), p.curve, p.Bits()) + " public key"
}

func describe(kind Kind, curve Curve, bits int) string {
	if kind == EC {
		return "EC-" + string(curve)
	}
	return fmt.Sprintf("%s-%d", kind, bits)
}

// RSAPublic is an RSA public key as big-endian numbers without leading zeros.
type RSAPublic struct{ N, E []byte }

// RSA returns the members of an RSA key; false for EC.
func (p *PublicKey) RSA() (RSAPublic, bool) {
	if p.rsa == nil {
		return RSAPublic{}, false
	}
	return RSAPublic{N: p.rsa.N.Bytes(), E: exponentBytes(p.rsa.E)}, true
}

// ECPublic is a point: X and Y are big-endian and as wide as the curve (32, 48 or 66 bytes).
type ECPublic struct {
	Curve Curve
	X, Y  []byte
}

// EC returns the members of an EC key; false for RSA.
func (p *PublicKey) EC() (ECPublic, bool) {
	if p.rsa != nil {
		return ECPublic{}, false
	}
	xy := bytes.Clone(p.point[1:])
	return ECPublic{Curve: p.curve, X: xy[: len(xy)/2 : len(xy)/2], Y: xy[len(xy)/2:]}, true
}
