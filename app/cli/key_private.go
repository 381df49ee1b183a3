package cli

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"

	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"

	"latchkey/akv"
	"latchkey/internal/secret"
)

func readLimited(r io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("more than %d bytes", limit)
	}
	return b, err
}

// readPrivateKey reads a JWK or PEM into the API's form of a private key.
func readPrivateKey(raw []byte) (*azkeys.JSONWebKey, error) {
	if b := bytes.TrimSpace(raw); len(b) > 0 && b[0] == '{' {
		return readJWK(b)
	}
	for rest := raw; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, errors.New("neither a JSON Web Key nor PEM with a private key")
		}
		defer secret.Wipe(block.Bytes)
		switch block.Type {
		case "RSA PRIVATE KEY", "EC PRIVATE KEY", "PRIVATE KEY":
			return readDER(block)
		case "ENCRYPTED PRIVATE KEY":
			return nil, errors.New("the private key is encrypted; decrypt it first: openssl pkcs8 -in FILE, into latchkey key import --file -")
		}
	}
}

func readDER(block *pem.Block) (*azkeys.JSONWebKey, error) {
	if block.Headers["DEK-Info"] != "" {
		return nil, errors.New("the private key is encrypted; decrypt it first: openssl pkey -in FILE, into latchkey key import --file -")
	}
	var key any
	var err error
	switch block.Type {
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	}
	if err != nil {
		return nil, err
	}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return rsaJWK(k)
	case *ecdsa.PrivateKey:
		return ecJWK(k)
	}
	return nil, fmt.Errorf("a %T, which no vault holds: RSA or EC is needed", key)
}

func rsaJWK(k *rsa.PrivateKey) (*azkeys.JSONWebKey, error) {
	if len(k.Primes) != 2 {
		return nil, fmt.Errorf("the RSA key has %d primes; a vault takes two", len(k.Primes))
	}
	k.Precompute()
	kty := azkeys.KeyTypeRSA
	return &azkeys.JSONWebKey{
		Kty: &kty, N: k.N.Bytes(), E: big.NewInt(int64(k.E)).Bytes(), D: k.D.Bytes(), P: k.Primes[0].Bytes(), Q: k.Primes[1].Bytes(),
		DP: k.Precomputed.Dp.Bytes(), DQ: k.Precomputed.Dq.Bytes(), QI: k.Precomputed.Qinv.Bytes(),
	}, nil
}

func ecJWK(k *ecdsa.PrivateKey) (*azkeys.JSONWebKey, error) {
	d, err := k.Bytes()
	if err != nil {
		return nil, err
	}
	point, err := k.PublicKey.Bytes()
	if err != nil {
		return nil, err
	}
	xy := point[1:]
	kty, crv := azkeys.KeyTypeEC, azkeys.CurveName(k.Curve.Params().Name)
	return &azkeys.JSONWebKey{Kty: &kty, Crv: &crv, D: d, X: xy[:len(xy)/2], Y: xy[len(xy)/2:]}, nil
}

// readJWK reads a private JWK; members that are not the key's numbers are left out.
func readJWK(b []byte) (*azkeys.JSONWebKey, error) {
	var j akv.JWK
	if err := json.Unmarshal(b, &j); err != nil {
		return nil, fmt.Errorf("reading the JSON Web Key: %w", err)
	}
	if len(j.D) == 0 && len(j.K) == 0 {
		return nil, errors.New("the JSON Web Key has no private half (d or k)")
	}
	kty := azkeys.KeyType(j.Kty)
	k := &azkeys.JSONWebKey{
		Kty: &kty, N: j.N, E: j.E, D: j.D, P: j.P, Q: j.Q, DP: j.DP, DQ: j.DQ, QI: j.QI, K: j.K, X: j.X, Y: j.Y,
	}
	if j.Crv != "" {
		crv := azkeys.CurveName(j.Crv)
		k.Crv = &crv
	}
	return k, nil
}
