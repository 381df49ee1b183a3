package keywrap_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"

	"latchkey/keywrap"
)

// members takes a key apart with the standard library.
func members(t testing.TB, der []byte) keywrap.RSAMembers {
	t.Helper()
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		t.Fatal(err)
	}
	k := parsed.(*rsa.PrivateKey)
	return keywrap.RSAMembers{
		N: k.N.Bytes(), E: big.NewInt(int64(k.E)).Bytes(), D: k.D.Bytes(), P: k.Primes[0].Bytes(), Q: k.Primes[1].Bytes(),
		DP: k.Precomputed.Dp.Bytes(), DQ: k.Precomputed.Dq.Bytes(), QI: k.Precomputed.Qinv.Bytes(),
	}
}

func TestImportRSA(t *testing.T) {
	good := members(t, fixturePKCS8(t, 2048))
	want := fixtureRSA(t, 2048)
	plus2 := func(b []byte) []byte { return new(big.Int).Add(new(big.Int).SetBytes(b), big.NewInt(2)).Bytes() }
	big4 := new(big.Int).Lsh(big.NewInt(1), 4097).Bytes()
	// A composite "prime" for which all the other relations hold: p = r*s, with d the inverse of e modulo p-1 and q-1.
	composite := compositeMembers(t)
	for _, c := range []struct {
		name  string
		alter func(m *keywrap.RSAMembers)
		bad   string // part of the error, "" for good
	}{
		{"as is", func(*keywrap.RSAMembers) {}, ""},
		{"leading zeros", func(m *keywrap.RSAMembers) {
			for _, f := range []*[]byte{&m.N, &m.E, &m.D, &m.P, &m.Q, &m.DP, &m.DQ, &m.QI} {
				*f = append(make([]byte, 3), *f...)
			}
		}, ""},
		{"no CRT members", func(m *keywrap.RSAMembers) { m.DP, m.DQ, m.QI = nil, nil, nil }, ""},
		{"dp alone", func(m *keywrap.RSAMembers) { m.DQ, m.QI = nil, nil }, ""},
		{"primes swapped", func(m *keywrap.RSAMembers) { m.P, m.Q, m.DP, m.DQ, m.QI = m.Q, m.P, m.DQ, m.DP, nil }, ""},
		{"n missing", func(m *keywrap.RSAMembers) { m.N = nil }, `"n" is missing`},
		{"e missing", func(m *keywrap.RSAMembers) { m.E = nil }, `"e"`},
		{"d missing", func(m *keywrap.RSAMembers) { m.D = nil }, `"d" is missing`},
		{"p missing", func(m *keywrap.RSAMembers) { m.P = nil }, `"p" is missing`},
		{"q zero", func(m *keywrap.RSAMembers) { m.Q = []byte{0} }, `"q" is missing or zero`},
		{"n altered", func(m *keywrap.RSAMembers) { m.N = plus2(m.N) }, "do not fit"},
		{"n even", func(m *keywrap.RSAMembers) { m.N = flipped(m.N, len(m.N)-1) }, "even"},
		{"e altered", func(m *keywrap.RSAMembers) { m.E = []byte{3} }, "do not fit"},
		{"e even", func(m *keywrap.RSAMembers) { m.E = []byte{4} }, "exponent"},
		{"e one", func(m *keywrap.RSAMembers) { m.E = []byte{1} }, "exponent"},
		{"e huge", func(m *keywrap.RSAMembers) { m.E = []byte{0x80, 0, 0, 1} }, "2^31-1"},
		{"e 5 bytes", func(m *keywrap.RSAMembers) { m.E = []byte{1, 0, 0, 0, 1} }, `"e" is 5 bytes`},
		{"d altered", func(m *keywrap.RSAMembers) { m.D = plus2(m.D) }, "do not fit"},
		{"d too large", func(m *keywrap.RSAMembers) { m.D = big4 }, `"d" is 513 bytes`},
		{"p altered", func(m *keywrap.RSAMembers) { m.P = plus2(m.P) }, "do not fit"},
		{"q even", func(m *keywrap.RSAMembers) { m.Q = flipped(m.Q, len(m.Q)-1) }, "do not fit"},
		{"p is n, q is 1", func(m *keywrap.RSAMembers) { m.P, m.Q, m.DP, m.DQ, m.QI = m.N, []byte{1}, nil, nil, nil }, "do not fit"},
		{"dp altered", func(m *keywrap.RSAMembers) { m.DP = plus2(m.DP) }, "do not fit"},
		{"dp alone altered", func(m *keywrap.RSAMembers) { m.DP, m.DQ, m.QI = plus2(m.DP), nil, nil }, `"dp" does not match`},
		{"qi alone altered", func(m *keywrap.RSAMembers) { m.DP, m.DQ, m.QI = nil, nil, plus2(m.QI) }, `"qi" does not match`},
		{"qi altered", func(m *keywrap.RSAMembers) { m.QI = plus2(m.QI) }, "do not fit"},
		{"1024 bits", func(m *keywrap.RSAMembers) { m.N = m.N[:128] }, "1024 bits, want"},
		{"p composite", func(m *keywrap.RSAMembers) { *m = composite }, `not prime`},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := good
			c.alter(&m)
			key, err := keywrap.ImportRSA(m)
			if c.bad == "" {
				if err != nil || !key.Equal(want) {
					t.Fatalf("got %v, %v", key, err)
				}
				sealed, err := want.WrapKey(keywrap.RSAOAEP256, []byte("dek"))
				if err != nil {
					t.Fatal(err)
				}
				if got, err := key.UnwrapKey(keywrap.RSAOAEP256, sealed); err != nil || string(got) != "dek" {
					t.Errorf("unwrap: %q, %v", got, err)
				}
				return
			}
			if !errors.Is(err, keywrap.ErrInvalidKey) || key != nil || !strings.Contains(err.Error(), c.bad) {
				t.Errorf("got %v, %v, want ErrInvalidKey with %q", key, err, c.bad)
			}
		})
	}
}

// compositeMembers builds 2048 bits with p the product of two primes and every congruence that crypto/rsa checks true.
func compositeMembers(t *testing.T) keywrap.RSAMembers {
	t.Helper()
	one, e := big.NewInt(1), big.NewInt(65537)
	for {
		r, _ := rand.Prime(rand.Reader, 512)
		s, _ := rand.Prime(rand.Reader, 512)
		q, _ := rand.Prime(rand.Reader, 1024)
		p := new(big.Int).Mul(r, s)
		n := new(big.Int).Mul(p, q)
		p1, q1 := new(big.Int).Sub(p, one), new(big.Int).Sub(q, one)
		lambda := new(big.Int).Mul(p1, q1)
		lambda.Div(lambda, new(big.Int).GCD(nil, nil, p1, q1))
		d := new(big.Int).ModInverse(e, lambda)
		if d == nil || n.BitLen() != 2048 {
			continue
		}
		return keywrap.RSAMembers{
			N: n.Bytes(), E: e.Bytes(), D: d.Bytes(), P: p.Bytes(), Q: q.Bytes(),
			DP: new(big.Int).Mod(d, p1).Bytes(), DQ: new(big.Int).Mod(d, q1).Bytes(), QI: new(big.Int).ModInverse(q, p).Bytes(),
		}
	}
}

func TestImportEC(t *testing.T) {
	for _, curve := range []keywrap.Curve{keywrap.P256, keywrap.P384, keywrap.P521, keywrap.P256K} {
		x, y, d, n := peerEC(t, curve)
		other := generate(t, keywrap.Spec{Kind: keywrap.EC, Curve: curve})
		o, _ := other.Public().EC()
		for _, c := range []struct {
			name string
			m    keywrap.ECMembers
			bad  string
		}{
			{"as is", keywrap.ECMembers{X: x, Y: y, D: d}, ""},
			{"no point", keywrap.ECMembers{D: d}, ""},
			{"leading zeros", keywrap.ECMembers{X: append([]byte{0, 0}, x...), Y: append([]byte{0}, y...), D: append([]byte{0}, d...)}, ""},
			{"no leading zeros", keywrap.ECMembers{X: bytes.TrimLeft(x, "\x00"), Y: bytes.TrimLeft(y, "\x00"), D: bytes.TrimLeft(d, "\x00")}, ""},
			{"d missing", keywrap.ECMembers{X: x, Y: y}, `"d" is missing`},
			{"d zero", keywrap.ECMembers{D: make([]byte, len(d))}, `"d" is missing or zero`},
			{"d is n", keywrap.ECMembers{D: n.Bytes()}, "1..n-1"},
			{"d above n", keywrap.ECMembers{D: new(big.Int).Add(n, big.NewInt(1)).Bytes()}, "1..n-1"},
			{"d too long", keywrap.ECMembers{D: append([]byte{1}, make([]byte, len(d))...)}, `"d" is`},
			{"x altered", keywrap.ECMembers{X: flipped(x, len(x)-1), Y: y, D: d}, "not on curve"},
			{"point of another", keywrap.ECMembers{X: o.X, Y: o.Y, D: d}, "do not belong"},
			{"y missing", keywrap.ECMembers{X: x, D: d}, `"y" is missing`},
		} {
			c.m.Curve = curve
			key, err := keywrap.ImportEC(c.m)
			if c.bad != "" {
				if !errors.Is(err, keywrap.ErrInvalidKey) || key != nil || !strings.Contains(err.Error(), c.bad) {
					t.Errorf("%s, %s: got %v, want %q", curve, c.name, err, c.bad)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s, %s: %v", curve, c.name, err)
				continue
			}
			p, _ := key.Public().EC()
			if p.Curve != curve || !bytes.Equal(p.X, x) || !bytes.Equal(p.Y, y) {
				t.Errorf("%s, %s: point %x, %x, want %x, %x", curve, c.name, p.X, p.Y, x, y)
			}
		}
	}
	if _, err := keywrap.ImportEC(keywrap.ECMembers{Curve: "P-224", D: []byte{1}}); !errors.Is(err, keywrap.ErrInvalidKey) {
		t.Errorf("P-224: %v", err)
	}
}

// peerEC makes a key with the libraries directly.
func peerEC(t *testing.T, curve keywrap.Curve) (x, y, d []byte, n *big.Int) {
	t.Helper()
	if curve == keywrap.P256K {
		k, err := secp256k1.GeneratePrivateKey()
		if err != nil {
			t.Fatal(err)
		}
		point := k.PubKey().SerializeUncompressed()
		return point[1:33], point[33:], k.Serialize(), secp256k1.Params().N
	}
	c := map[keywrap.Curve]elliptic.Curve{keywrap.P256: elliptic.P256(), keywrap.P384: elliptic.P384(), keywrap.P521: elliptic.P521()}[curve]
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, _ := k.PublicKey.Bytes()
	d, _ = k.Bytes()
	return point[1 : 1+len(d)], point[1+len(d):], d, c.Params().N
}

func TestImportOct(t *testing.T) {
	for n := range 100 {
		k := bytes.Repeat([]byte{7}, n)
		key, err := keywrap.ImportOct(k)
		if good := n >= 16 && n <= 64; good != (err == nil) {
			t.Errorf("%d bytes: %v", n, err)
		}
		if err != nil {
			if !errors.Is(err, keywrap.ErrInvalidKey) {
				t.Errorf("%d bytes: %v", n, err)
			}
			continue
		}
		before, _ := key.Sign(keywrap.HS256, []byte("x"))
		clear(k) // the caller clears its copy
		if after, _ := key.Sign(keywrap.HS256, []byte("x")); !bytes.Equal(before, after) {
			t.Fatalf("%d bytes: the key shares memory with its source", n)
		}
	}
}

func TestPublicKeys(t *testing.T) {
	for _, key := range allKeys(t) {
		pub := key.Public()
		if pub == nil {
			if key.Kind() != keywrap.Oct {
				t.Errorf("%s has no public half", key)
			}
			continue
		}
		var again *keywrap.PublicKey
		var err error
		if m, ok := pub.RSA(); ok {
			again, err = keywrap.NewRSAPublicKey(append([]byte{0}, m.N...), m.E)
		} else if m, ok := pub.EC(); ok {
			again, err = keywrap.NewECPublicKey(m.Curve, m.X, m.Y)
			m.X[0] ^= 1 // what was handed out is a copy
		}
		if err != nil || !again.Equal(pub) || again.String() != pub.String() || again.Bits() != key.Bits() {
			t.Errorf("%s: got %v, %v", pub, again, err)
		}
	}
}

func TestGenerate(t *testing.T) {
	specs := map[keywrap.Spec]string{
		{Kind: keywrap.RSA}: "RSA-2048 key [redacted]",
		{Kind: keywrap.RSA, Bits: 2048, PublicExponent: 3}: "RSA-2048 key [redacted]",
		{Kind: keywrap.EC}:                       "EC-P-256 key [redacted]",
		{Kind: keywrap.EC, Curve: keywrap.P384}:  "EC-P-384 key [redacted]",
		{Kind: keywrap.EC, Curve: keywrap.P521}:  "EC-P-521 key [redacted]",
		{Kind: keywrap.EC, Curve: keywrap.P256K}: "EC-P-256K key [redacted]",
		{Kind: keywrap.Oct}:                      "oct-256 key [redacted]",
		{Kind: keywrap.Oct, Bits: 128}:           "oct-128 key [redacted]",
		{Kind: keywrap.Oct, Bits: 512}:           "oct-512 key [redacted]",
	}
	if long() {
		specs[keywrap.Spec{Kind: keywrap.RSA, Bits: 2048, PublicExponent: 17}] = "RSA-2048 key [redacted]"
		specs[keywrap.Spec{Kind: keywrap.RSA, Bits: 3072}] = "RSA-3072 key [redacted]"
		specs[keywrap.Spec{Kind: keywrap.RSA, Bits: 4096}] = "RSA-4096 key [redacted]"
	}
	for spec, want := range specs {
		key := generate(t, spec)
		if key.String() != want {
			t.Errorf("%v: got %s, want %s", spec, key, want)
		}
		if key.Equal(generate(t, keywrap.Spec{Kind: keywrap.Oct})) {
			t.Errorf("%v: equals another key", spec)
		}
		if key.Kind() == keywrap.RSA {
			m, _ := key.Public().RSA()
			e := spec.PublicExponent
			if e == 0 {
				e = keywrap.DefaultExponent
			}
			if new(big.Int).SetBytes(m.E).Int64() != int64(e) {
				t.Errorf("%v: exponent %x", spec, m.E)
			}
			// An import tests everything about the key, primality included.
			der, err := key.MarshalPKCS8()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := keywrap.ImportRSA(members(t, der)); err != nil {
				t.Errorf("%v: %v", spec, err)
			}
		}
	}
	for _, spec := range []keywrap.Spec{
		{},
		{Kind: "AKP"},
		{Kind: "rsa"},
		{Kind: keywrap.RSA, Bits: 1024},
		{Kind: keywrap.RSA, Bits: 2047},
		{Kind: keywrap.RSA, Bits: 8192},
		{Kind: keywrap.RSA, Bits: -1},
		{Kind: keywrap.RSA, Curve: keywrap.P256},
		{Kind: keywrap.RSA, PublicExponent: 1},
		{Kind: keywrap.RSA, PublicExponent: 4},
		{Kind: keywrap.RSA, PublicExponent: -3},
		{Kind: keywrap.RSA, PublicExponent: 1<<31 + 1},
		{Kind: keywrap.EC, Curve: "P-224"},
		{Kind: keywrap.EC, Bits: 256},
		{Kind: keywrap.EC, PublicExponent: 3},
		{Kind: keywrap.Oct, Bits: 64},
		{Kind: keywrap.Oct, Bits: 160},
		{Kind: keywrap.Oct, Bits: 1024},
		{Kind: keywrap.Oct, Curve: keywrap.P256},
	} {
		if key, err := keywrap.Generate(spec); !errors.Is(err, keywrap.ErrParameter) || key != nil {
			t.Errorf("%+v: got %v, %v", spec, key, err)
		}
	}
}
