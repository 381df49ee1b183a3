package key

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"math/big"
	"slices"

	"latchkey/ekm"
	"latchkey/engine/catalog"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/catalog/protect"
	"latchkey/internal/secret"
	"latchkey/keywrap"
)

// CertificatePublic takes the public key out of a certificate.
func CertificatePublic(c *model.Certificate) (*keywrap.PublicKey, error) {
	x, err := x509.ParseCertificate(c.DER)
	if err != nil {
		return nil, err
	}
	pub, ok := x.PublicKey.(*rsa.PublicKey)
	if !ok {
		return nil, errors.New("the certificate's key is not RSA")
	}
	return keywrap.NewRSAPublicKey(pub.N.Bytes(), big.NewInt(int64(pub.E)).Bytes())
}

// wrapRSA encrypts a small secret under a certificate's public key.
func wrapRSA(c *model.Certificate, plain *secret.Bytes) ([]byte, error) {
	k, err := CertificatePublic(c)
	if err != nil {
		return nil, err
	}
	return k.WrapKey(oaep, plain.Expose())
}

// PublicKey takes the public key of an asymmetric key out of its row.
func PublicKey(k *model.AsymmetricKey) (*keywrap.PublicKey, error) { return parsePublic(k.Public) }

// parsePublic reads what publicBlob made.
func parsePublic(b []byte) (*keywrap.PublicKey, error) {
	if len(b) < 32 || len(b) > 32+1024 || string(b[20:24]) != "RSA1" {
		return nil, errors.New("not a public key")
	}
	n := slices.Clone(b[32:])
	slices.Reverse(n)
	return keywrap.NewRSAPublicKey(n, binary.BigEndian.AppendUint32(nil, binary.LittleEndian.Uint32(b[28:])))
}

func wrapPublic(blob []byte, plain *secret.Bytes) ([]byte, error) {
	k, err := parsePublic(blob)
	if err != nil {
		return nil, err
	}
	return k.WrapKey(oaep, plain.Expose())
}

// Use is who uses a key, with what the session has.
type Use struct {
	Caller catalog.Caller
	Open   *protect.Key // the session's open master key, or nil
}

// Private opens the private key of a native asymmetric key of the caller's database for DECRYPTBYASYMKEY: messages 15151 without
// CONTROL, 33038 for a provider's key, 15334, 15465, 15563.
func Private(ctx context.Context, c *catalog.Catalog, u Use, name string, pw *secret.Bytes) (*keywrap.Key, error) {
	var out *keywrap.Key
	err := c.Look(ctx, u.Caller, func(tx *catalog.Tx) (err error) {
		k := tx.State.FindAsymmetricKey(u.Caller.Database, name)
		if k == nil || !tx.Perm.Object(securable(k), "CONTROL") {
			return catalog.Missing("find", asymmetric, name)
		}
		if k.FromProvider() {
			return msg.New(33038)
		}
		out, err = private(tx, k.Protection, k.Private, hexOf(k.Thumbprint), asymmetric, pw, u.Open)
		return err
	})
	return out, err
}

// CertificateKey opens the private key of a certificate, as Private does.
func CertificateKey(ctx context.Context, c *catalog.Catalog, u Use, name string, pw *secret.Bytes) (*keywrap.Key, error) {
	var out *keywrap.Key
	err := c.Look(ctx, u.Caller, func(tx *catalog.Tx) (err error) {
		k := tx.State.FindCertificate(u.Caller.Database, name)
		if k == nil || !tx.Perm.Object(certificateSecurable(k), "CONTROL") {
			return catalog.Missing("find", certificate, name)
		}
		out, err = private(tx, k.Protection, k.Private, certificatePlace(k.DER), certificate, pw, u.Open)
		return err
	})
	return out, err
}

// OpenSymmetric is OPEN SYMMETRIC KEY: it gives the key, for the session to keep and destroy. Needs a permission on the key and
// CONTROL on the decryptor. Messages 33084 for a provider's key, 15313 for a wrong decryptor or password, 15315 for a decrypting
// key that is not open, 15334, 15465, 15556.
func OpenSymmetric(ctx context.Context, c *catalog.Catalog, u Use, name string, by Encryptor) (*secret.Bytes, error) {
	var out *secret.Bytes
	err := c.Look(ctx, u.Caller, func(tx *catalog.Tx) (err error) {
		k := tx.State.FindSymmetricKey(u.Caller.Database, name)
		if k == nil || k.ID < model.FirstKeyID || !tx.Perm.Any(symmetricSecurable(k)) || tx.Perm.DeniedOn(symmetricSecurable(k), "VIEW DEFINITION") {
			return catalog.Missing("find", symmetric, name)
		}
		if k.FromProvider() {
			return msg.New(33084)
		}
		out, err = by.decrypt(ctx, tx, k, u.Open)
		return err
	})
	return out, err
}

// decrypt undoes encrypt.
func (e Encryptor) decrypt(ctx context.Context, tx *catalog.Tx, k *model.SymmetricKey, open *protect.Key) (*secret.Bytes, error) {
	db := tx.Caller.Database
	var with *keywrap.Key
	var err error
	var provided *model.AsymmetricKey
	switch e.Kind {
	case "CERTIFICATE":
		c := tx.State.FindCertificate(db, e.Name)
		if c == nil || !tx.Perm.Object(certificateSecurable(c), "CONTROL") {
			return nil, catalog.Missing("find", certificate, e.Name)
		}
		if matching(tx, k, e) != 0 {
			with, err = private(tx, c.Protection, c.Private, certificatePlace(c.DER), certificate, e.Password, open)
		}
	case "ASYMMETRIC KEY":
		a := tx.State.FindAsymmetricKey(db, e.Name)
		if a == nil || !tx.Perm.Object(securable(a), "CONTROL") {
			return nil, catalog.Missing("find", asymmetric, e.Name)
		}
		if a.FromProvider() {
			provided = a
		} else if matching(tx, k, e) != 0 {
			with, err = private(tx, a.Protection, a.Private, hexOf(a.Thumbprint), asymmetric, e.Password, open)
		}
	case "SYMMETRIC KEY":
		s := tx.State.FindSymmetricKey(db, e.Name)
		if s == nil || !tx.Perm.Any(symmetricSecurable(s)) {
			return nil, catalog.Missing("find", symmetric, e.Name)
		}
		if e.Key == nil {
			return nil, msg.New(15315, s.Name)
		}
	case "PASSWORD":
	default:
		return nil, msg.New(15288)
	}
	if err != nil {
		return nil, err
	}
	id := matching(tx, k, e)
	if id == 0 {
		return nil, msg.New(15313)
	}
	sealed := tx.State.KeyEncryptions.In(db, id).Property
	var plain *secret.Bytes
	switch {
	case provided != nil:
		return unwrapProvided(ctx, tx, provided, sealed)
	case with != nil:
		raw, e := with.UnwrapKey(oaep, sealed)
		if err = e; err == nil {
			plain = secret.Take(raw)
		}
	case e.Kind == "PASSWORD":
		plain, err = protect.OpenWithPassword(e.Password, symmetric, keyPlace(k), sealed)
	default:
		m, e := asMaster(e.Key)
		if err = e; err == nil {
			plain, err = m.Open(symmetric, keyPlace(k), sealed)
			m.Destroy()
		}
	}
	if err != nil {
		return nil, msg.New(15466).Because(err)
	}
	return plain, nil
}

func unwrapProvided(ctx context.Context, tx *catalog.Tx, a *model.AsymmetricKey, sealed []byte) (*secret.Bytes, error) {
	w, ok := unpackWrapped(sealed)
	if !ok {
		return nil, msg.New(15507)
	}
	s, _, err := providerSession(ctx, tx, a)
	if err != nil {
		return nil, err
	}
	defer s.Close(false)
	plain, err := s.Unwrap(ctx, ekm.Thumbprint(a.Thumbprint), w)
	if err != nil {
		return nil, msg.New(15556, asymmetric).Because(err)
	}
	return plain, nil
}
