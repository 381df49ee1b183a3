package keyfunc

import (
	"context"
	"errors"
	"slices"

	"latchkey/ekm"
	"latchkey/engine/catalog/key"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/catalog/perm"
	"latchkey/internal/secret"
	"latchkey/keywrap"
)

const (
	asymmetricKind  = "asymmetric key"
	certificateKind = "certificate"
)

func keySecurable(k *model.AsymmetricKey) perm.Securable {
	return perm.Securable{Class: perm.AsymmetricKey, ID: k.ID, Owner: k.Owner}
}

func certSecurable(c *model.Certificate) perm.Securable {
	return perm.Securable{Class: perm.Certificate, ID: c.ID, Owner: c.Owner}
}

// AsymKeyID is ASYMKEY_ID(name).
func (f *Functions) AsymKeyID(name string) (int, bool) {
	l := f.look()
	k := l.state.FindAsymmetricKey(l.db(), name)
	if k == nil || !l.perm.Any(keySecurable(k)) {
		return 0, false
	}
	return k.ID, true
}

// CertID is CERT_ID(name).
func (f *Functions) CertID(name string) (int, bool) {
	l := f.look()
	c := l.state.FindCertificate(l.db(), name)
	if c == nil || !l.perm.Any(certSecurable(c)) {
		return 0, false
	}
	return c.ID, true
}

// EncryptByAsymKey is ENCRYPTBYASYMKEY(id, text): nil for a text that is too long for the key.
func (f *Functions) EncryptByAsymKey(ctx context.Context, id int, text []byte) ([]byte, error) {
	l := f.look()
	k := l.state.AsymmetricKeys.In(l.db(), id)
	if k == nil || text == nil || !l.perm.Object(keySecurable(k), "VIEW DEFINITION") {
		return nil, nil
	}
	if !k.FromProvider() {
		pub, err := key.PublicKey(k)
		if err != nil {
			return nil, msg.New(15297).Because(err)
		}
		return encryptRSA(pub, text)
	}
	plain := secret.New(text)
	defer plain.Destroy()
	var w ekm.Wrapped
	err := f.Provided.Use(ctx, l.caller, k.ProviderGUID, func(s ekm.Session) (err error) {
		w, err = s.Wrap(ctx, ekm.Thumbprint(k.Thumbprint), plain)
		return err
	})
	if err != nil {
		return nil, failed(err, 15556, asymmetricKind)
	}
	return w.Blob, nil
}

// encryptRSA pads by PKCS #1 v1.5 and writes the least byte first, as CryptoAPI does.
func encryptRSA(pub *keywrap.PublicKey, text []byte) ([]byte, error) {
	if len(text) == 0 || len(text) > pub.Bits()/8-11 {
		return nil, nil
	}
	b, err := pub.WrapKey(keywrap.RSA15, text)
	if err != nil {
		return nil, msg.New(15209).Because(err)
	}
	slices.Reverse(b)
	return b, nil
}

func decryptRSA(k *keywrap.Key, ct []byte) []byte {
	b := slices.Clone(ct)
	slices.Reverse(b)
	plain, err := k.UnwrapKey(keywrap.RSA15, b)
	if err != nil {
		return nil
	}
	return notNil(plain)
}

// DecryptByAsymKey is DECRYPTBYASYMKEY(id, ciphertext [, password]): message 15556 without a private key, for a wrong password, and
// where the provider denies the key. The password stays the caller's.
func (f *Functions) DecryptByAsymKey(ctx context.Context, id int, ct []byte, pw *secret.Bytes) ([]byte, error) {
	l := f.look()
	k := l.state.AsymmetricKeys.In(l.db(), id)
	if k == nil || ct == nil || !l.perm.Object(keySecurable(k), "CONTROL") {
		return nil, nil
	}
	if k.FromProvider() {
		return l.unwrapAsym(ctx, k, ct)
	}
	private, err := key.Private(ctx, f.Catalog, l.use(), k.Name, pw)
	if err != nil {
		return nil, unusable(err, asymmetricKind)
	}
	return decryptRSA(private, ct), nil
}

// use is who uses a key, with the master key if the session has it open.
func (l look) use() key.Use {
	return key.Use{Caller: l.caller, Open: l.Ring.Master(l.db(), l.state.SymmetricKeys.In(l.db(), model.DatabaseMasterKeyID))}
}

func (l look) unwrapAsym(ctx context.Context, k *model.AsymmetricKey, ct []byte) ([]byte, error) {
	var plain *secret.Bytes
	err := l.Provided.Use(ctx, l.caller, k.ProviderGUID, func(s ekm.Session) (err error) {
		plain, err = s.Unwrap(ctx, ekm.Thumbprint(k.Thumbprint), ekm.Wrapped{Blob: ct})
		return err
	})
	if err != nil {
		return nil, failed(err, 15556, asymmetricKind)
	}
	defer plain.Destroy()
	return append([]byte{}, plain.Expose()...), nil
}

// unusable is message 15556 for a private key that is not there or does not open, nil for one that the caller may not have.
func unusable(err error, kind string) error {
	if m := new(msg.Error); errors.As(err, &m) {
		switch m.Number {
		case 15151:
			return nil
		case 15465, 15466, 15563:
			return msg.New(15556, kind).Because(err)
		}
	}
	return err
}

// EncryptByCert is ENCRYPTBYCERT(id, text).
func (f *Functions) EncryptByCert(id int, text []byte) ([]byte, error) {
	l := f.look()
	c := l.state.Certificates.In(l.db(), id)
	if c == nil || text == nil || !l.perm.Object(certSecurable(c), "VIEW DEFINITION") {
		return nil, nil
	}
	pub, err := key.CertificatePublic(c)
	if err != nil {
		return nil, msg.New(15297).Because(err)
	}
	return encryptRSA(pub, text)
}

// DecryptByCert is DECRYPTBYCERT(id, ciphertext [, password]). The password stays the caller's.
func (f *Functions) DecryptByCert(ctx context.Context, id int, ct []byte, pw *secret.Bytes) ([]byte, error) {
	l := f.look()
	c := l.state.Certificates.In(l.db(), id)
	if c == nil || ct == nil || !l.perm.Object(certSecurable(c), "CONTROL") {
		return nil, nil
	}
	private, err := key.CertificateKey(ctx, f.Catalog, l.use(), c.Name, pw)
	if err != nil {
		return nil, unusable(err, certificateKind)
	}
	return decryptRSA(private, ct), nil
}
