package sqlcred

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // names a certificate as every tool does
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	pkcs12 "software.sslmate.com/src/go-pkcs12"

	"latchkey/ekm/code"
	"latchkey/internal/secret"
)

// MaxCertificate bounds a certificate file in bytes.
const MaxCertificate = 1 << 20

// minRSABits is the least size of a certificate's key that Entra ID takes.
const minRSABits = 2048

// Signer is a certificate chain and its private key, ready to sign with.
type Signer struct {
	Chain []*x509.Certificate // the leaf first
	Key   *rsa.PrivateKey
}

// Name is the leaf's subject and SHA-1 thumbprint, as portals show it.
func (c Signer) Name() string {
	sum := sha1.Sum(c.Chain[0].Raw) //nolint:gosec // see the import
	return fmt.Sprintf("%s (%X)", c.Chain[0].Subject, sum)
}

// certCodes are the codes of one form of certificate.
type certCodes struct{ read, thumbprint, key, alg, sign code.Code }

func codesOf(form string) certCodes {
	if form == "pfx" {
		return certCodes{
			code.PFXCertAuthParamsImportPFX, code.PFXCertAuthParamsGetThumbprint,
			code.PFXCertAuthParamsGetPrivateKey, code.PFXCertAuthParamsSignAlg, code.PFXCertAuthParamsImportForSign,
		}
	}
	return certCodes{
		code.PEMCertAuthParamsGetPrivateKey, code.PEMCertAuthParamsGetThumbprint,
		code.PEMCertAuthParamsGetPrivateKey, code.PEMCertAuthParamsSignAlg, code.PEMCertAuthParamsImportForSign,
	}
}

// LoadCertificate reads the certificate of c, through read if it is in a file. Errors are codes 3809 to 3813 (PFX) and 3815 to
// 3818 (PEM).
func (c *Credential) LoadCertificate(read func(name string, limit int64) ([]byte, error)) (Signer, error) {
	const op = "loading the certificate for"
	codes := codesOf(c.Form)
	fail := func(k code.Code, err error) (Signer, error) {
		on := c.Target.Host
		if c.File != "" {
			on = c.File
		}
		return Signer{}, code.Wrap(k, op, on, err)
	}
	data := c.inline.Clone()
	if c.File != "" {
		b, err := read(c.File, MaxCertificate)
		if err != nil {
			return fail(codes.read, err)
		}
		data = secret.Take(b)
	}
	defer data.Destroy()
	var certs []*x509.Certificate
	var key crypto.PrivateKey
	var err error
	if c.Form == "pfx" {
		certs, key, err = parsePFX(data.Expose(), c.File == "", c.password)
	} else {
		certs, key, err = parsePEM(data.Expose())
	}
	switch {
	case errors.Is(err, errNoCertificate):
		return fail(codes.thumbprint, err)
	case errors.Is(err, errNoKey):
		return fail(codes.key, err)
	case err != nil:
		return fail(codes.read, err)
	}
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		return fail(codes.alg, fmt.Errorf("the certificate's key is %s; Entra ID takes RSA only", kindOfKey(key)))
	}
	if bits := private.N.BitLen(); bits < minRSABits {
		return fail(codes.sign, fmt.Errorf("the key has %d bits, want at least %d", bits, minRSABits))
	}
	for i, crt := range certs { // the leaf is the one whose key it is, wherever it stands
		if pub, ok := crt.PublicKey.(*rsa.PublicKey); ok && pub.Equal(&private.PublicKey) {
			certs[0], certs[i] = certs[i], certs[0]
			return Signer{Chain: certs, Key: private}, nil
		}
	}
	return fail(codes.sign, errors.New("the private key does not belong to the certificate"))
}

func kindOfKey(key crypto.PrivateKey) string {
	switch key.(type) {
	case *ecdsa.PrivateKey:
		return "of an elliptic curve"
	case ed25519.PrivateKey:
		return "Ed25519"
	}
	return fmt.Sprintf("%T", key)
}

var (
	errNoCertificate = errors.New("no certificate in it")
	errNoKey         = errors.New("no private key in it")
)

func parsePEM(data []byte) (certs []*x509.Certificate, key crypto.PrivateKey, err error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) // as some Windows editors write it
	if !bytes.Contains(data, []byte("-----BEGIN")) {      // inline PEM may come as base64 of the text
		b, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(data)))
		if err != nil {
			return nil, nil, fmt.Errorf("%w: neither PEM nor base64 of PEM", errNoKey)
		}
		defer secret.Wipe(b)
		data = b
	}
	for {
		var block *pem.Block
		block, data = pem.Decode(data)
		if block == nil {
			break
		}
		switch {
		case block.Type == "CERTIFICATE":
			c, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, nil, fmt.Errorf("%w that could be read: %w", errNoCertificate, err)
			}
			certs = append(certs, c)
		case strings.HasPrefix(block.Type, "ENCRYPTED") || block.Headers["DEK-Info"] != "":
			return nil, nil, fmt.Errorf("%w that could be read: it is encrypted", errNoKey)
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			if key != nil {
				return nil, nil, errors.New("more than one private key")
			}
			key, err = parseKey(block)
			secret.Wipe(block.Bytes)
			if err != nil {
				return nil, nil, err
			}
		}
	}
	switch {
	case key == nil:
		return nil, nil, errNoKey
	case len(certs) == 0:
		return nil, nil, errNoCertificate
	}
	return certs, key, nil
}

// parseKey reads the three forms of private keys in PEM. The library's errors may quote numbers of the key, so they are left out.
func parseKey(block *pem.Block) (key crypto.PrivateKey, err error) {
	switch block.Type {
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	}
	if err != nil {
		return nil, fmt.Errorf("%w that could be read: %q is damaged", errNoKey, block.Type)
	}
	return key, nil
}

func parsePFX(data []byte, inline bool, password *secret.Bytes) ([]*x509.Certificate, crypto.PrivateKey, error) {
	if inline {
		b, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(data)))
		if err != nil {
			return nil, nil, errors.New("not base64")
		}
		defer secret.Wipe(b)
		data = b
	}
	key, leaf, chain, err := pkcs12.DecodeChain(data, string(password.Expose()))
	switch {
	case err == nil && leaf != nil:
		return append([]*x509.Certificate{leaf}, chain...), key, nil
	case errors.Is(err, pkcs12.ErrIncorrectPassword):
		return nil, nil, errors.New("the password does not open it")
	case err != nil && strings.Contains(err.Error(), "certificate missing"):
		return nil, nil, errNoCertificate
	case err != nil && strings.Contains(err.Error(), "private key missing"):
		return nil, nil, errNoKey
	}
	return nil, nil, fmt.Errorf("not a PKCS #12 file that could be read: %w", err)
}
