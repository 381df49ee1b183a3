package keyfunc

import (
	"context"
	"crypto/sha256"
	"slices"

	"latchkey/engine/catalog/key"
	"latchkey/engine/catalog/msg"
	"latchkey/internal/secret"
	"latchkey/keywrap"
)

// CertEncoded is CERTENCODED(id): the certificate in DER.
func (f *Functions) CertEncoded(id int) []byte {
	l := f.look()
	c := l.state.Certificates.In(l.db(), id)
	if c == nil || !l.perm.Any(certSecurable(c)) {
		return nil
	}
	return slices.Clone(c.DER)
}

// sign is SIGNBYASYMKEY and SIGNBYCERT: RSA with SHA-256, PKCS #1 v1.5, least byte first. Keys of a provider do not sign.
func (f *Functions) sign(ctx context.Context, certificate bool, id int, text []byte, pw *secret.Bytes) ([]byte, error) {
	l := f.look()
	var k *keywrap.Key
	var err error
	kind := asymmetricKind
	if certificate {
		kind = certificateKind
		c := l.state.Certificates.In(l.db(), id)
		if c == nil || text == nil {
			return nil, nil
		}
		k, err = key.CertificateKey(ctx, f.Catalog, l.use(), c.Name, pw)
	} else {
		a := l.state.AsymmetricKeys.In(l.db(), id)
		if a == nil || text == nil {
			return nil, nil
		}
		k, err = key.Private(ctx, f.Catalog, l.use(), a.Name, pw)
	}
	if err != nil {
		return nil, unusable(err, kind)
	}
	h := sha256.Sum256(text)
	sig, err := k.Sign(keywrap.RS256, h[:])
	if err != nil {
		return nil, msg.New(15506).Because(err)
	}
	slices.Reverse(sig)
	return sig, nil
}

// verify is VERIFYSIGNEDBYASYMKEY and VERIFYSIGNEDBYCERT: one byte for a right signature, none for a wrong one, nil for NULL.
func (f *Functions) verify(certificate bool, id int, text, sig []byte) ([]byte, error) {
	l := f.look()
	var pub *keywrap.PublicKey
	var err error
	if certificate {
		c := l.state.Certificates.In(l.db(), id)
		if c == nil || !l.perm.Object(certSecurable(c), "VIEW DEFINITION") {
			return nil, nil
		}
		pub, err = key.CertificatePublic(c)
	} else {
		k := l.state.AsymmetricKeys.In(l.db(), id)
		if k == nil || !l.perm.Object(keySecurable(k), "VIEW DEFINITION") {
			return nil, nil
		}
		pub, err = key.PublicKey(k)
	}
	if err != nil || text == nil || sig == nil {
		return nil, err
	}
	sig = slices.Clone(sig)
	slices.Reverse(sig)
	h := sha256.Sum256(text)
	if pub.Verify(keywrap.RS256, h[:], sig) != nil {
		return []byte{}, nil
	}
	return []byte{1}, nil
}
