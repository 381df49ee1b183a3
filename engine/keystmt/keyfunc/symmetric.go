package keyfunc

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"

	"latchkey/ekm"
	"latchkey/engine/catalog"
	"latchkey/engine/catalog/key"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/catalog/perm"
	"latchkey/engine/keystmt/ring"
	"latchkey/engine/sqltype"
	"latchkey/internal/secret"
)

// Provided uses keys of providers under the caller's credential; provider.Access does.
type Provided interface {
	Use(ctx context.Context, caller catalog.Caller, guid [16]byte, f func(ekm.Session) error) error
}

// Functions answers for one session, one call at a time. Caller is asked at each call.
type Functions struct {
	Catalog  *catalog.Catalog
	Provided Provided
	Ring     *ring.Ring
	Caller   func() catalog.Caller

	last look // a query calls for each row, and who calls is the same for all of them
}

// look is a call's view of the metadata.
type look struct {
	*Functions
	caller catalog.Caller
	state  *model.State
	perm   *perm.Eval
}

func (f *Functions) look() look {
	c, s := f.Caller(), f.Catalog.State()
	if f.last.state != s || f.last.caller != c {
		f.last = look{f, c, s, c.Eval(s)}
	}
	return f.last
}

func (l look) db() int { return l.caller.Database }

func (l look) seesSymmetric(k *model.SymmetricKey) bool {
	return l.perm.Any(perm.Securable{Class: perm.SymmetricKey, ID: k.ID, Owner: k.Owner})
}

// symmetric finds a key of the caller's database that the caller may see, by its GUID as SQL Server stores it.
func (l look) symmetric(stored []byte) *model.SymmetricKey {
	if len(stored) != guidLen {
		return nil
	}
	g := storedGUID([16]byte(stored))
	_, k := l.state.SymmetricKeys.Find(l.db(), func(k *model.SymmetricKey) bool { return k.GUID == g && k.ID >= model.FirstKeyID })
	if k == nil || !l.seesSymmetric(k) || l.perm.DeniedOn(perm.Securable{Class: perm.SymmetricKey, ID: k.ID, Owner: k.Owner}, "VIEW DEFINITION") {
		return nil
	}
	return k
}

// KeyGUID is KEY_GUID(name): the 16 bytes as SQL Server stores a uniqueidentifier.
func (f *Functions) KeyGUID(name string) (stored [16]byte, ok bool) {
	l := f.look()
	k := l.state.FindSymmetricKey(l.db(), name)
	if k == nil || !l.seesSymmetric(k) {
		return stored, false
	}
	return storedGUID(k.GUID), true
}

// KeyID is KEY_ID(name).
func (f *Functions) KeyID(name string) (int, bool) {
	l := f.look()
	k := l.state.FindSymmetricKey(l.db(), name)
	if k == nil || !l.seesSymmetric(k) {
		return 0, false
	}
	return k.ID, true
}

// KeyName is KEY_NAME of a GUID as stored, or of a ciphertext.
func (f *Functions) KeyName(b []byte) (string, bool) {
	if len(b) < guidLen {
		return "", false
	}
	k := f.look().symmetric(b[:guidLen])
	if k == nil {
		return "", false
	}
	return k.Name, true
}

// EncryptByKey is ENCRYPTBYKEY(guid, text [, add, authenticator]): nil where the key is not open. authenticator is used if add is set.
func (f *Functions) EncryptByKey(ctx context.Context, guid [16]byte, text []byte, add bool, authenticator []byte) ([]byte, error) {
	l := f.look()
	k := l.symmetric(guid[:])
	if k == nil || text == nil || add && authenticator == nil {
		return nil, nil
	}
	a := auth{add, authenticator}
	if k.FromProvider() {
		return l.wrap(ctx, k, guid, text, a)
	}
	open := f.Ring.Key(l.db(), k)
	if open == nil {
		return nil, nil
	}
	return sealMessage(guid[:], open, text, a)
}

// wrap encrypts under a provider's symmetric key.
func (l look) wrap(ctx context.Context, k *model.SymmetricKey, guid [16]byte, text []byte, a auth) ([]byte, error) {
	plain := secret.New(append(a.hash(text), text...))
	defer plain.Destroy()
	var w ekm.Wrapped
	err := l.Provided.Use(ctx, l.caller, k.ProviderGUID, func(s ekm.Session) (err error) {
		w, err = s.Wrap(ctx, ekm.Thumbprint(k.Thumbprint), plain)
		return err
	})
	if err != nil {
		return nil, failed(err, 15209)
	}
	out := append(append(append([]byte(nil), guid[:]...), version...), w.Blob...)
	if len(out) > maxResult {
		return nil, sqltype.NewError(8152)
	}
	return out, nil
}

// failed is an error of a provider as a message: the one that it is already, or number.
func failed(err error, number int, args ...any) error {
	if m := new(msg.Error); errors.As(err, &m) {
		return err
	}
	return msg.New(number, args...).Because(err)
}

// DecryptByKey is DECRYPTBYKEY(ciphertext [, add, authenticator]): nil where the key is not open or the ciphertext does not open.
func (f *Functions) DecryptByKey(ctx context.Context, ct []byte, add bool, authenticator []byte) ([]byte, error) {
	if len(ct) < guidLen+versionLen || add && authenticator == nil {
		return nil, nil
	}
	l := f.look()
	k := l.symmetric(ct[:guidLen])
	if k == nil {
		return nil, nil
	}
	a := auth{add, authenticator}
	if k.FromProvider() {
		return l.unwrap(ctx, k, ct[guidLen:], a)
	}
	open := f.Ring.Key(l.db(), k)
	if open == nil {
		return nil, nil
	}
	return openMessage(ct[guidLen:], open, a), nil
}

func (l look) unwrap(ctx context.Context, k *model.SymmetricKey, b []byte, a auth) ([]byte, error) {
	if !bytes.Equal(b[:versionLen], version) {
		return nil, nil
	}
	var plain *secret.Bytes
	err := l.Provided.Use(ctx, l.caller, k.ProviderGUID, func(s ekm.Session) (err error) {
		plain, err = s.Unwrap(ctx, ekm.Thumbprint(k.Thumbprint), ekm.Wrapped{Blob: b[versionLen:]})
		return err
	})
	if err != nil {
		if m := new(msg.Error); errors.As(err, &m) {
			return nil, err // no session: the caller can do something about it
		}
		return nil, ctx.Err()
	}
	defer plain.Destroy()
	text := plain.Expose()
	if a.given {
		if len(text) < sha256.Size || !bytes.Equal(text[:sha256.Size], a.hash(text[sha256.Size:])) {
			return nil, nil
		}
		text = text[sha256.Size:]
	}
	return append([]byte{}, text...), nil
}

// Auto is the private key that DECRYPTBYKEYAUTOASYMKEY and DECRYPTBYKEYAUTOCERT open the symmetric key with.
type Auto struct {
	Certificate bool
	ID          int
	Password    *secret.Bytes // nil for NULL; stays the caller's
}

// DecryptByKeyAuto is DECRYPTBYKEYAUTOASYMKEY and DECRYPTBYKEYAUTOCERT.
func (f *Functions) DecryptByKeyAuto(ctx context.Context, by Auto, ct []byte, add bool, authenticator []byte) ([]byte, error) {
	if len(ct) < guidLen+versionLen || add && authenticator == nil {
		return nil, nil
	}
	l := f.look()
	k := l.symmetric(ct[:guidLen])
	e := key.Encryptor{Kind: "ASYMMETRIC KEY", Password: by.Password}
	if by.Certificate {
		e.Kind = "CERTIFICATE"
		if c := l.state.Certificates.In(l.db(), by.ID); c != nil {
			e.Name = c.Name
		}
	} else if a := l.state.AsymmetricKeys.In(l.db(), by.ID); a != nil {
		e.Name = a.Name
	}
	if k == nil || e.Name == "" || k.FromProvider() {
		return nil, nil
	}
	open := f.Ring.Key(l.db(), k)
	if open == nil {
		s, err := key.OpenSymmetric(ctx, f.Catalog, l.use(), k.Name, e)
		if err != nil {
			return nil, silent(err)
		}
		defer s.Destroy()
		open = s
	}
	return openMessage(ct[guidLen:], open, auth{add, authenticator}), nil
}

// silent is nil for the refusals that a function answers with NULL.
func silent(err error) error {
	for _, m := range msg.Messages(err) {
		switch m.Number {
		case 15151, 15313, 15466:
			return nil
		case 15465, 15563:
			return msg.New(15556, "key").Because(err)
		}
	}
	return err
}

// EncryptByPassPhrase is ENCRYPTBYPASSPHRASE(pass, text [, add, authenticator]). pass is the bytes of the argument: UTF-16LE for nvarchar.
func EncryptByPassPhrase(pass, text []byte, add bool, authenticator []byte) ([]byte, error) {
	if pass == nil || text == nil || add && authenticator == nil {
		return nil, nil
	}
	k := passKey(pass)
	defer k.Destroy()
	return sealMessage(nil, k, text, auth{add, authenticator})
}

// DecryptByPassPhrase is DECRYPTBYPASSPHRASE(pass, ciphertext [, add, authenticator]).
func DecryptByPassPhrase(pass, ct []byte, add bool, authenticator []byte) []byte {
	if pass == nil || add && authenticator == nil {
		return nil
	}
	k := passKey(pass)
	defer k.Destroy()
	return openMessage(ct, k, auth{add, authenticator})
}

func passKey(pass []byte) *secret.Bytes {
	h := sha256.Sum256(pass)
	return secret.Take(h[:])
}
