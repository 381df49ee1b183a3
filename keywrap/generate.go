package keywrap

import (
	"crypto/ecdsa"
	"crypto/fips140"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"math"
	"math/big"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

// DefaultExponent is the public exponent of RSA keys unless another is asked for.
const DefaultExponent = 65537

// Spec says what key to generate. Fields that the kind does not use must be zero.
type Spec struct {
	Kind Kind
	// Bits is the size: RSA 2048 (default), 3072 or 4096; oct 128, 192, 256 (default), 384 or 512.
	Bits int
	// Curve is for EC, default P-256.
	Curve Curve
	// PublicExponent is for RSA, default 65537; odd, 3 to 2^31-1. See Generate.
	PublicExponent int
}

// Generate makes a new key from the system's random source. RSA takes some 50 ms (2048 bits), 0.2 s (3072) or 0.7 s (4096)
// on average, at times several times that, and cannot be interrupted. The error is ErrParameter for a Spec that is not supported.
//
// crypto/rsa generates for the exponent 65537 only. For another exponent e the primes of its keys are kept where e is coprime to p-1, and the private
// exponent is computed anew; crypto/rsa then checks the whole. It takes about twice as long for e = 3, and the one
// inversion with math/big is not constant-time. FIPS 140-only mode refuses exponents below 65537 and P-256K.
func Generate(s Spec) (*Key, error) {
	switch s.Kind {
	case RSA:
		return generateRSA(s)
	case EC:
		return generateEC(s)
	case Oct:
		return generateOct(s)
	}
	return nil, fmt.Errorf("%w: unknown kind of key %q", ErrParameter, string(s.Kind))
}

func generateRSA(s Spec) (*Key, error) {
	if s.Curve != "" {
		return nil, fmt.Errorf("%w: RSA takes no curve, %q given", ErrParameter, string(s.Curve))
	}
	if s.Bits == 0 {
		s.Bits = 2048
	}
	if !isRSABits(s.Bits) {
		return nil, fmt.Errorf("%w: RSA size %d bits, want 2048, 3072 or 4096", ErrParameter, s.Bits)
	}
	e := s.PublicExponent
	if e == 0 {
		e = DefaultExponent
	}
	if e < 3 || e&1 == 0 || e > math.MaxInt32 {
		return nil, fmt.Errorf("%w: RSA public exponent %d, want an odd number from 3 to 2^31-1", ErrParameter, e)
	}
	if e < DefaultExponent && fips140.Enforced() {
		return nil, fmt.Errorf("%w: RSA public exponent %d is not allowed in FIPS 140-only mode, want at least 65537", ErrParameter, e)
	}
	if e != DefaultExponent {
		return generateRSAExponent(s.Bits, e)
	}
	priv, err := rsa.GenerateKey(rand.Reader, s.Bits)
	if err != nil {
		return nil, fmt.Errorf("generating an RSA key: %w", err)
	}
	return newRSA(priv)
}

// generateRSAExponent pairs primes of crypto/rsa that suit e. Primes of different keys are as random as those of one, and
// each has its two top bits set, so that the product has the full size.
func generateRSAExponent(bits, e int) (*Key, error) {
	one, exponent := big.NewInt(1), big.NewInt(int64(e))
	var primes []*big.Int
	for len(primes) < 2 {
		// Of e's prime factors 3 rules out half of all primes, 5 a quarter, and so on: at least one prime in five suits any e below 2^31.
		priv, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			return nil, fmt.Errorf("generating an RSA key: %w", err)
		}
		for _, p := range priv.Primes {
			if new(big.Int).GCD(nil, nil, exponent, new(big.Int).Sub(p, one)).Cmp(one) == 0 {
				primes = append(primes, p)
			}
		}
	}
	p, q := primes[0], primes[1]
	p1, q1 := new(big.Int).Sub(p, one), new(big.Int).Sub(q, one)
	lambda := new(big.Int).Mul(p1, q1)
	lambda.Div(lambda, new(big.Int).GCD(nil, nil, p1, q1)) // lcm(p-1, q-1), FIPS 186-5 A.1.1
	return newRSA(&rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: e},
		D:         new(big.Int).ModInverse(exponent, lambda),
		Primes:    []*big.Int{p, q},
	})
}

func generateEC(s Spec) (*Key, error) {
	if s.Bits != 0 || s.PublicExponent != 0 {
		return nil, fmt.Errorf("%w: EC takes a curve, not a size or an exponent", ErrParameter)
	}
	switch s.Curve {
	case "":
		s.Curve = P256
	case P256, P384, P521:
	case P256K:
		if fips140.Enforced() {
			return nil, fmt.Errorf("%w: curve %q is not allowed in FIPS 140-only mode", ErrParameter, string(P256K))
		}
		priv, err := secp256k1.GeneratePrivateKey()
		if err != nil {
			return nil, fmt.Errorf("generating an EC key: %w", err)
		}
		return newK1(priv), nil
	default:
		return nil, fmt.Errorf("%w: unknown curve %q", ErrParameter, string(s.Curve))
	}
	priv, err := ecdsa.GenerateKey(nistCurve(s.Curve), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generating an EC key: %w", err)
	}
	return newEC(priv)
}

func generateOct(s Spec) (*Key, error) {
	if s.Curve != "" || s.PublicExponent != 0 {
		return nil, fmt.Errorf("%w: oct takes a size, not a curve or an exponent", ErrParameter)
	}
	switch s.Bits {
	case 0:
		s.Bits = 256
	case 128, 192, 256, 384, 512:
	default:
		return nil, fmt.Errorf("%w: oct size %d bits, want 128, 192, 256, 384 or 512", ErrParameter, s.Bits)
	}
	k := make([]byte, s.Bits/8)
	defer clear(k)
	if _, err := rand.Read(k); err != nil {
		return nil, fmt.Errorf("generating a symmetric key: %w", err)
	}
	return ImportOct(k)
}
