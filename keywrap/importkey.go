package keywrap

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/big"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	kwp "github.com/tink-crypto/tink-go/v2/kwp/subtle"
)

// Sizes of symmetric keys in bytes.
const (
	// MinOctSize is the smallest symmetric key, 128 bits.
	MinOctSize = 16
	// MaxOctSize is the largest symmetric key, 512 bits. Keys of other sizes than 16, 24 and 32 serve HS* only.
	MaxOctSize = 64
)

// maxRSAMember bounds a number of an RSA key before any arithmetic is done with it: 4096 bits.
const maxRSAMember = 512

// primalityRounds of Miller-Rabin follow the Baillie-PSW test for primes that come from outside.
const primalityRounds = 8

// RSAMembers are the numbers of an RSA private key as in a JWK (RFC 7518 6.3), big-endian; leading zeros are ignored. DP, DQ
// and QI may be absent; what is present must be right.
type RSAMembers struct {
	N, E, D, P, Q []byte
	DP, DQ, QI    []byte
}

// Format prints no number, for any verb.
func (m RSAMembers) Format(f fmt.State, _ rune) { io.WriteString(f, "RSA members [redacted]") }

// LogValue makes slog print what Format prints.
func (m RSAMembers) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(m)) }

// ImportRSA makes a private key of 2048, 3072 or 4096 bits from its numbers. Everything is checked against everything:
// p and q are probable primes, p*q = n, d matches e, the CRT members match. Public exponents are odd, 3 to 2^31-1. The error is
// ErrInvalidKey. It takes some 10 ms, most of it for the primality of p and q.
func ImportRSA(m RSAMembers) (*Key, error) {
	pub, err := NewRSAPublicKey(m.N, m.E)
	if err != nil {
		return nil, err
	}
	priv := &rsa.PrivateKey{PublicKey: *pub.rsa, Primes: make([]*big.Int, 2)}
	for _, f := range []struct {
		name     string
		value    []byte
		to       **big.Int
		optional bool
	}{
		{"d", m.D, &priv.D, false},
		{"p", m.P, &priv.Primes[0], false},
		{"q", m.Q, &priv.Primes[1], false},
		{"dp", m.DP, &priv.Precomputed.Dp, true},
		{"dq", m.DQ, &priv.Precomputed.Dq, true},
		{"qi", m.QI, &priv.Precomputed.Qinv, true},
	} {
		if len(f.value) == 0 && f.optional {
			continue
		}
		n, err := member("RSA", f.name, f.value)
		if err != nil {
			return nil, err
		}
		*f.to = n
	}
	given := priv.Precomputed
	if given.Dp == nil || given.Dq == nil || given.Qinv == nil {
		priv.Precomputed = rsa.PrecomputedValues{} // else crypto/rsa takes the set as it is
	}
	key, err := newRSA(priv)
	if err != nil {
		return nil, err
	}
	for _, f := range []struct {
		name       string
		given, own *big.Int
	}{
		{"dp", given.Dp, priv.Precomputed.Dp},
		{"dq", given.Dq, priv.Precomputed.Dq},
		{"qi", given.Qinv, priv.Precomputed.Qinv},
	} {
		if f.given != nil && f.given.Cmp(f.own) != 0 {
			return nil, keyError("RSA member %q does not match p and q", f.name)
		}
	}
	if err := checkPrimes(priv); err != nil {
		return nil, err
	}
	return key, nil
}

// member reads one number, bounded and not zero.
func member(kind, name string, value []byte) (*big.Int, error) {
	value = trimZeros(value)
	if len(value) == 0 {
		return nil, keyError("%s member %q is missing or zero", kind, name)
	}
	if len(value) > maxRSAMember {
		return nil, keyError("%s member %q is %d bytes, at most %d are supported", kind, name, len(value), maxRSAMember)
	}
	return new(big.Int).SetBytes(value), nil
}

// newRSA checks, precomputes and keeps a key; it does not test primality.
func newRSA(priv *rsa.PrivateKey) (*Key, error) {
	if len(priv.Primes) != 2 {
		return nil, keyError("RSA key has %d primes, want 2", len(priv.Primes))
	}
	if err := checkRSAPublic(&priv.PublicKey); err != nil {
		return nil, err
	}
	priv.Precompute()
	if err := priv.Validate(); err != nil {
		return nil, keyError("RSA members do not fit together: %v", err)
	}
	return &Key{rsa: priv, public: &PublicKey{rsa: &rsa.PublicKey{N: priv.N, E: priv.E}}}, nil
}

// checkPrimes refuses a key with a composite "prime", which crypto/rsa does not look for.
func checkPrimes(priv *rsa.PrivateKey) error {
	for i, p := range priv.Primes {
		if !p.ProbablyPrime(primalityRounds) {
			return keyError("RSA member %q is not prime", string("pq"[i]))
		}
	}
	return nil
}

// NewRSAPublicKey makes a public key from modulus (2048, 3072 or 4096 bits) and exponent, big-endian; leading zeros are
// ignored. The error is ErrInvalidKey.
func NewRSAPublicKey(n, e []byte) (*PublicKey, error) {
	modulus, err := member("RSA", "n", n)
	if err != nil {
		return nil, err
	}
	if e = trimZeros(e); len(e) == 0 || len(e) > 4 {
		return nil, keyError("RSA member \"e\" is %d bytes, want 1 to 4", len(e))
	}
	exponent := binary.BigEndian.Uint32(append(make([]byte, 4-len(e), 8), e...))
	if exponent > math.MaxInt32 {
		return nil, keyError("RSA member \"e\" is above 2^31-1")
	}
	pub := &rsa.PublicKey{N: modulus, E: int(exponent)}
	if err := checkRSAPublic(pub); err != nil {
		return nil, err
	}
	return &PublicKey{rsa: pub}, nil
}

func checkRSAPublic(pub *rsa.PublicKey) error {
	if !isRSABits(pub.N.BitLen()) {
		return keyError("RSA modulus is %d bits, want 2048, 3072 or 4096", pub.N.BitLen())
	}
	if pub.N.Bit(0) == 0 {
		return keyError("RSA modulus is even")
	}
	if pub.E < 3 || pub.E&1 == 0 || pub.E > math.MaxInt32 {
		return keyError("RSA public exponent %d is not an odd number from 3 to 2^31-1", pub.E)
	}
	return nil
}

func isRSABits(bits int) bool { return bits == 2048 || bits == 3072 || bits == 4096 }

func exponentBytes(e int) []byte {
	return trimZeros(binary.BigEndian.AppendUint32(nil, uint32(e)))
}

func trimZeros(b []byte) []byte { return bytes.TrimLeft(b, "\x00") }

// ECMembers are the members of an EC private key as in a JWK (RFC 7518 6.2), big-endian. Wrong widths by zeros in front are
// accepted. X and Y may both be absent; if present they must be the point that belongs to D.
type ECMembers struct {
	Curve   Curve
	X, Y, D []byte
}

// Format prints no number, for any verb.
func (m ECMembers) Format(f fmt.State, _ rune) { io.WriteString(f, "EC members [redacted]") }

// LogValue makes slog print what Format prints.
func (m ECMembers) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(m)) }

// ImportEC makes a private key from its members. D must lie in 1..n-1. The error is ErrInvalidKey.
func ImportEC(m ECMembers) (*Key, error) {
	size := m.Curve.size()
	if size == 0 {
		return nil, keyError("unknown curve %q", string(m.Curve))
	}
	d, err := fixed("d", m.D, size)
	if err != nil {
		return nil, err
	}
	defer clear(d)
	key, err := ecFromScalar(m.Curve, d)
	if err != nil {
		return nil, err
	}
	if len(m.X) == 0 && len(m.Y) == 0 {
		return key, nil
	}
	given, err := NewECPublicKey(m.Curve, m.X, m.Y)
	if err != nil {
		return nil, err
	}
	if !given.Equal(key.public) {
		return nil, keyError("EC members \"x\" and \"y\" do not belong to \"d\"")
	}
	return key, nil
}

// ecFromScalar makes a key from a scalar of the curve's width, which it copies.
func ecFromScalar(curve Curve, d []byte) (*Key, error) {
	if curve == P256K {
		return k1FromScalar(d)
	}
	priv, err := ecdsa.ParseRawPrivateKey(nistCurve(curve), d)
	if err != nil {
		return nil, keyError("EC member \"d\" is not in 1..n-1 of curve %q", string(curve))
	}
	return newEC(priv)
}

// newEC keeps a checked NIST key.
func newEC(priv *ecdsa.PrivateKey) (*Key, error) {
	curve := curveName(priv.Curve)
	if curve == "" {
		return nil, keyError("curve is not supported")
	}
	point, err := priv.PublicKey.Bytes()
	if err != nil {
		return nil, keyError("EC public key: %v", err)
	}
	return &Key{ec: priv, public: &PublicKey{curve: curve, ec: &priv.PublicKey, point: point}}, nil
}

// NewECPublicKey makes a public key from a point, which must lie on the curve. The error is ErrInvalidKey.
func NewECPublicKey(curve Curve, x, y []byte) (*PublicKey, error) {
	size := curve.size()
	if size == 0 {
		return nil, keyError("unknown curve %q", string(curve))
	}
	fx, err := fixed("x", x, size)
	if err != nil {
		return nil, err
	}
	fy, err := fixed("y", y, size)
	if err != nil {
		return nil, err
	}
	p := &PublicKey{curve: curve, point: append(append([]byte{4}, fx...), fy...)}
	if curve == P256K {
		p.k1, err = secp256k1.ParsePubKey(p.point)
	} else {
		p.ec, err = ecdsa.ParseUncompressedPublicKey(nistCurve(curve), p.point)
	}
	if err != nil {
		return nil, keyError("point is not on curve %q", string(curve))
	}
	return p, nil
}

// fixed returns value as exactly size bytes in a new slice: zeros in front are dropped or added.
func fixed(name string, value []byte, size int) ([]byte, error) {
	value = trimZeros(value)
	if len(value) == 0 {
		return nil, keyError("EC member %q is missing or zero", name)
	}
	if len(value) > size {
		return nil, keyError("EC member %q is %d bytes, want %d", name, len(value), size)
	}
	out := make([]byte, size)
	copy(out[size-len(value):], value)
	return out, nil
}

func nistCurve(c Curve) elliptic.Curve {
	switch c {
	case P256:
		return elliptic.P256()
	case P384:
		return elliptic.P384()
	default:
		return elliptic.P521()
	}
}

func curveName(c elliptic.Curve) Curve {
	switch c {
	case elliptic.P256():
		return P256
	case elliptic.P384():
		return P384
	case elliptic.P521():
		return P521
	}
	return ""
}

// ImportOct makes a symmetric key of 16 to 64 bytes, which it copies. The error is ErrInvalidKey.
func ImportOct(k []byte) (*Key, error) {
	if len(k) < MinOctSize || len(k) > MaxOctSize {
		return nil, keyError("symmetric key is %d bytes, want %d to %d", len(k), MinOctSize, MaxOctSize)
	}
	key := &Key{oct: bytes.Clone(k)}
	if !isAESBits(key.Bits()) {
		return key, nil
	}
	var err error
	if key.block, err = aes.NewCipher(key.oct); err != nil {
		return nil, keyError("AES: %v", err)
	}
	// Nonces are the random ones of crypto/cipher: the only GCM that Go's FIPS 140-only mode allows.
	if key.gcm, err = cipher.NewGCMWithRandomNonce(key.block); err != nil {
		return nil, keyError("AES-GCM: %v", err)
	}
	if len(k) != 24 {
		if key.kwp, err = kwp.NewKWP(key.oct); err != nil {
			return nil, keyError("AES-KWP: %v", err)
		}
	}
	return key, nil
}
