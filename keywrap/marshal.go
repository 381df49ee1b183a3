package keywrap

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
)

// The private form, version 1: "LKK", the version byte 1, one byte for what follows, and that:
//
//	1  RSA: PKCS#8 DER, CRT members included
//	2  EC on a NIST curve: PKCS#8 DER
//	3  EC P-256K: the scalar, 32 bytes big-endian
//	4  oct: the key, 16 to 64 bytes
//
// It carries no integrity of its own; store it sealed.
const (
	privateMagic   = "LKK"
	privateVersion = 1
	privateHeader  = len(privateMagic) + 2

	formRSA = 1
	formEC  = 2
	formK1  = 3
	formOct = 4
)

// MarshalPrivate returns the key in the versioned binary form for sealed storage. It is the secret in clear: seal it, then clear it.
func (k *Key) MarshalPrivate() ([]byte, error) {
	var form byte
	var body []byte
	var err error
	switch {
	case k.rsa != nil:
		form = formRSA
		body, err = x509.MarshalPKCS8PrivateKey(k.rsa)
	case k.ec != nil:
		form = formEC
		body, err = x509.MarshalPKCS8PrivateKey(k.ec)
	case k.k1 != nil:
		form = formK1
		body = k.k1.Serialize()
	case k.oct != nil:
		form = formOct
		body = bytes.Clone(k.oct)
	default:
		return nil, keyError("empty key")
	}
	if err != nil {
		return nil, keyError("marshalling: %v", err)
	}
	defer clear(body)
	out := make([]byte, 0, privateHeader+len(body))
	out = append(out, privateMagic...)
	out = append(out, privateVersion, form)
	return append(out, body...), nil
}

// ParsePrivate reads what MarshalPrivate wrote. RSA members are checked against each other but primality is not tested
// again, so that loading is fast: some 0.1 ms for RSA-2048, 0.6 ms for RSA-4096, less for the rest. It keeps no
// reference to data. The error is ErrInvalidKey; an unknown version is named in it.
func ParsePrivate(data []byte) (*Key, error) {
	if len(data) < privateHeader || string(data[:len(privateMagic)]) != privateMagic {
		return nil, keyError("not a stored private key")
	}
	if v := data[len(privateMagic)]; v != privateVersion {
		return nil, keyError("stored private key has format version %d, this program reads %d", v, privateVersion)
	}
	form, body := data[privateHeader-1], data[privateHeader:]
	switch form {
	case formRSA, formEC:
		if err := oneElement(body); err != nil {
			return nil, err
		}
		parsed, err := x509.ParsePKCS8PrivateKey(body)
		if err != nil {
			return nil, keyError("stored private key: %v", err)
		}
		switch priv := parsed.(type) {
		case *rsa.PrivateKey:
			if form == formRSA {
				return newRSA(priv)
			}
		case *ecdsa.PrivateKey:
			if form == formEC {
				return newECFromDER(body, priv)
			}
		}
		return nil, keyError("stored private key is marked %d but holds another kind", form)
	case formK1:
		return k1FromScalar(body)
	case formOct:
		return ImportOct(body)
	}
	return nil, keyError("stored private key has the unknown kind %d", form)
}

// MarshalPKCS8 returns an RSA or EC private key as PKCS#8 DER (RFC 5208), P-256K included. It is the secret in clear: clear it after use.
func (k *Key) MarshalPKCS8() ([]byte, error) {
	var der []byte
	var err error
	switch {
	case k.rsa != nil:
		der, err = x509.MarshalPKCS8PrivateKey(k.rsa)
	case k.ec != nil:
		der, err = x509.MarshalPKCS8PrivateKey(k.ec)
	case k.k1 != nil:
		der, err = k1MarshalPKCS8(k)
	default:
		return nil, keyError("a symmetric key has no PKCS#8 form")
	}
	if err != nil {
		return nil, keyError("marshalling PKCS#8: %v", err)
	}
	return der, nil
}

// ParseDER reads an RSA or EC private key that comes from outside: unencrypted DER of PKCS#8 (RFC 5208), PKCS#1 (RFC 8017) or
// SEC 1 (RFC 5915), P-256K included. It checks like ImportRSA and ImportEC. The error is ErrInvalidKey.
func ParseDER(der []byte) (*Key, error) {
	if err := oneElement(der); err != nil {
		return nil, err
	}
	if key, ok, err := k1ParseDER(der); ok {
		return key, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		if priv, err1 := x509.ParsePKCS1PrivateKey(der); err1 == nil {
			parsed, err = priv, nil
		} else if priv, err2 := x509.ParseECPrivateKey(der); err2 == nil {
			parsed, err = priv, nil
		}
	}
	if err != nil {
		return nil, keyError("DER private key: %v", err)
	}
	switch priv := parsed.(type) {
	case *rsa.PrivateKey:
		key, err := newRSA(priv)
		if err != nil {
			return nil, err
		}
		if err := checkPrimes(priv); err != nil {
			return nil, err
		}
		return key, nil
	case *ecdsa.PrivateKey:
		return newECFromDER(der, priv)
	}
	return nil, keyError("DER private key is neither RSA nor EC")
}

func newECFromDER(der []byte, priv *ecdsa.PrivateKey) (*Key, error) {
	key, err := newEC(priv)
	if err != nil {
		return nil, err
	}
	if err := checkECPoint(der, key); err != nil {
		return nil, err
	}
	return key, nil
}

// maxDER bounds a private key in DER; RSA-4096 takes about 2,400 bytes. It keeps crypto/x509 from computing with huge numbers.
const maxDER = 4096

// oneElement refuses what is too long, and bytes after the DER value, which crypto/x509 would ignore.
func oneElement(der []byte) error {
	if len(der) > maxDER {
		return keyError("DER private key is %d bytes, at most %d are read", len(der), maxDER)
	}
	var v asn1.RawValue
	rest, err := asn1.Unmarshal(der, &v)
	if err != nil {
		return keyError("not DER: %v", err)
	}
	if len(rest) != 0 {
		return keyError("%d bytes follow the DER private key", len(rest))
	}
	return nil
}
