package keywrap

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/asn1"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
)

// k1FromScalar makes a secp256k1 key. The library would reduce a scalar that is too large; here it is refused.
func k1FromScalar(d []byte) (*Key, error) {
	var s secp256k1.ModNScalar
	defer s.Zero()
	if len(d) != 32 || s.SetByteSlice(d) || s.IsZero() {
		return nil, keyError("EC member \"d\" is not in 1..n-1 of curve %q", string(P256K))
	}
	return newK1(secp256k1.NewPrivateKey(&s)), nil
}

func newK1(priv *secp256k1.PrivateKey) *Key {
	pub := priv.PubKey()
	return &Key{k1: priv, public: &PublicKey{curve: P256K, k1: pub, point: pub.SerializeUncompressed()}}
}

// k1Sign signs deterministically (RFC 6979); the result is r || s.
func k1Sign(priv *secp256k1.PrivateKey, digest []byte) []byte {
	sig := ecdsa.Sign(priv, digest)
	r, s := sig.R(), sig.S()
	rb, sb := r.Bytes(), s.Bytes()
	return append(rb[:], sb[:]...)
}

func k1Verify(pub *secp256k1.PublicKey, digest, sig []byte) bool {
	var r, s secp256k1.ModNScalar
	if r.SetByteSlice(sig[:32]) || s.SetByteSlice(sig[32:]) || r.IsZero() || s.IsZero() {
		return false
	}
	return ecdsa.NewSignature(&r, &s).Verify(digest, pub)
}

// The DER of RFC 5208 and RFC 5915. crypto/x509 knows no secp256k1, so this one curve is read and written here.
type pkcs8 struct {
	Version    int
	Algo       pkix.AlgorithmIdentifier
	PrivateKey []byte
}

type ecPrivateKey struct {
	Version    int
	PrivateKey []byte
	Curve      asn1.ObjectIdentifier `asn1:"optional,explicit,tag:0"`
	Public     asn1.BitString        `asn1:"optional,explicit,tag:1"`
}

func oidECPublicKey() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1} }
func oidSecp256k1() asn1.ObjectIdentifier   { return asn1.ObjectIdentifier{1, 3, 132, 0, 10} }

func k1MarshalPKCS8(key *Key) ([]byte, error) {
	d := key.k1.Serialize()
	defer clear(d)
	inner, err := asn1.Marshal(ecPrivateKey{
		Version: 1, PrivateKey: d,
		Public: asn1.BitString{Bytes: key.public.point, BitLength: 8 * len(key.public.point)},
	})
	if err != nil {
		return nil, err
	}
	defer clear(inner)
	curve, err := asn1.Marshal(oidSecp256k1())
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(pkcs8{
		Algo:       pkix.AlgorithmIdentifier{Algorithm: oidECPublicKey(), Parameters: asn1.RawValue{FullBytes: curve}},
		PrivateKey: inner,
	})
}

// ecDER takes an EC private key apart: PKCS#8, or SEC 1 with a named curve. ok is false if der is something else.
func ecDER(der []byte) (curve asn1.ObjectIdentifier, inner ecPrivateKey, ok bool) {
	var outer pkcs8
	if _, err := asn1.Unmarshal(der, &outer); err != nil {
		rest, err := asn1.Unmarshal(der, &inner)
		return inner.Curve, inner, err == nil && len(rest) == 0
	}
	if !outer.Algo.Algorithm.Equal(oidECPublicKey()) {
		return nil, inner, false
	}
	if _, err := asn1.Unmarshal(outer.Algo.Parameters.FullBytes, &curve); err != nil {
		return nil, inner, false
	}
	rest, err := asn1.Unmarshal(outer.PrivateKey, &inner)
	return curve, inner, err == nil && len(rest) == 0
}

// checkECPoint refuses a DER key whose public point, if it has one, is not that of key: crypto/x509 does not look at it.
func checkECPoint(der []byte, key *Key) error {
	_, inner, ok := ecDER(der)
	if !ok {
		return keyError("EC private key is malformed")
	}
	if point := inner.Public.Bytes; len(point) != 0 && !bytes.Equal(point, key.public.point) {
		return keyError("EC public key is not the uncompressed point of the private key")
	}
	return nil
}

// k1ParseDER reads PKCS#8 or SEC 1 of a secp256k1 key. ok is false if der is something else.
func k1ParseDER(der []byte) (key *Key, ok bool, err error) {
	curve, inner, ok := ecDER(der)
	if !ok || !curve.Equal(oidSecp256k1()) {
		return nil, false, nil
	}
	if inner.Version != 1 {
		return nil, true, keyError("EC private key has version %d, want 1", inner.Version)
	}
	if key, err = ImportEC(ECMembers{Curve: P256K, D: inner.PrivateKey}); err != nil {
		return nil, true, err
	}
	if err := checkECPoint(der, key); err != nil {
		return nil, true, err
	}
	return key, true, nil
}
