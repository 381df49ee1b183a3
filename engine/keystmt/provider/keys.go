package provider

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/engine/catalog"
	"latchkey/engine/catalog/database"
	"latchkey/engine/catalog/key"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/internal/secret"
	"latchkey/keywrap"
)

const providerKind = "cryptographic provider"

// Keys reaches the keys that protect databases as the engine itself: it is tde.Keys. Messages 33111 for a protector that is not in
// master, 33121 for a key without a login, 33046, 33047 and 33028 for its credential and session, 33049 for the key.
type Keys struct {
	Catalog *catalog.Catalog
	Set     *Set

	wraps, unwraps atomic.Int64
}

// Calls counts the calls so far, to show that reading and writing makes none.
func (k *Keys) Calls() (wraps, unwraps int64) { return k.wraps.Load(), k.unwraps.Load() }

// engine is the engine's own identity: it is nobody's session.
func engine() catalog.Caller { return catalog.Caller{Login: model.SA, Database: model.Master} }

// protector finds a key or certificate of master by its thumbprint.
func (k *Keys) protector(t ekm.Thumbprint) (database.Protector, error) {
	s := k.Catalog.State()
	p, err := database.ProtectorOf(s, database.ByAsymmetricKey, []byte(t))
	if err == nil || !errors.Is(err, code.Msg(33111)) {
		return p, err
	}
	if c, e := database.ProtectorOf(s, database.ByCertificate, []byte(t)); e == nil {
		return c, nil
	}
	return p, err
}

// Wrap encrypts a DEK under the protector of this thumbprint.
func (k *Keys) Wrap(ctx context.Context, t ekm.Thumbprint, plain *secret.Bytes) (ekm.Wrapped, error) {
	k.wraps.Add(1)
	p, err := k.protector(t)
	if err != nil {
		return ekm.Wrapped{}, err
	}
	if p.Certificate != nil {
		pub, err := key.CertificatePublic(p.Certificate)
		if err != nil {
			return ekm.Wrapped{}, msg.New(15297).Because(err)
		}
		b, err := pub.WrapKey(keywrap.RSAOAEP256, plain.Expose())
		if err != nil {
			return ekm.Wrapped{}, msg.New(15209).Because(err)
		}
		return ekm.Wrapped{Algorithm: string(keywrap.RSAOAEP256), Blob: b}, nil
	}
	var out ekm.Wrapped
	err = k.use(ctx, p, func(s ekm.Session) (err error) { out, err = s.Wrap(ctx, t, plain); return err })
	return out, err
}

// Unwrap decrypts what Wrap gave. The caller destroys the result.
func (k *Keys) Unwrap(ctx context.Context, t ekm.Thumbprint, w ekm.Wrapped) (*secret.Bytes, error) {
	k.unwraps.Add(1)
	p, err := k.protector(t)
	if err != nil {
		return nil, err
	}
	if p.Certificate != nil {
		return k.withCertificate(ctx, p.Certificate, w)
	}
	var out *secret.Bytes
	err = k.use(ctx, p, func(s ekm.Session) (err error) { out, err = s.Unwrap(ctx, t, w); return err })
	return out, err
}

func (k *Keys) withCertificate(ctx context.Context, c *model.Certificate, w ekm.Wrapped) (*secret.Bytes, error) {
	private, err := key.CertificateKey(ctx, k.Catalog, key.Use{Caller: engine()}, c.Name, nil)
	if err != nil {
		return nil, msg.New(33101, "certificate", c.Name, "certificate").Because(err)
	}
	alg := keywrap.Algorithm(w.Algorithm)
	if alg == "" {
		alg = keywrap.RSAOAEP256
	}
	b, err := private.UnwrapKey(alg, w.Blob)
	if err != nil {
		return nil, msg.New(15466).Because(err)
	}
	return secret.Take(b), nil
}

// use runs f in a session under the credential of the protector's login.
func (k *Keys) use(ctx context.Context, p database.Protector, f func(ekm.Session) error) error {
	cat, login, provider := k.Catalog, p.Login, p.Provider
	s := cat.State()
	if c := s.Configs.Get(catalog.OptionEKM); c == nil || c.InUse == 0 {
		return msg.New(33053)
	}
	cred, err := CredentialRow(s, login, provider)
	if err != nil {
		return err
	}
	lease, err := k.Set.Borrow(ctx, provider, cred, func() (*ekm.Credential, error) {
		return cat.CredentialFor(engine(), login, provider.ID)
	})
	if err != nil {
		return sessionError(ctx, err, provider)
	}
	err = f(lease)
	lease.Done(err)
	if err != nil {
		return keyError(ctx, err, ekm.Thumbprint(p.Thumbprint))
	}
	return nil
}

// sessionError is message 33028, unless the error is a message already or the caller gave up.
func sessionError(ctx context.Context, err error, p *model.Provider) error {
	if ctx.Err() != nil {
		return fmt.Errorf("opening a session with the cryptographic provider %q: %w", p.Name, errors.Join(ctx.Err(), err))
	}
	if m := new(msg.Error); errors.As(err, &m) {
		return err
	}
	return msg.Provider(33028, err, providerKind, p.Name)
}

// keyError is message 33049 for a key that a thumbprint names.
func keyError(ctx context.Context, err error, t ekm.Thumbprint) error {
	if ctx.Err() != nil {
		return fmt.Errorf("using the key %v: %w", t, errors.Join(ctx.Err(), err))
	}
	return msg.Provider(33049, err, "thumbprint", t.String())
}

// CredentialRow is the row of the credential that a login holds for a provider, as it is now: messages 33031, 33046.
func CredentialRow(s *model.State, login int, p *model.Provider) (*model.Credential, error) {
	l := s.Logins.Get(login)
	if !p.Enabled {
		return nil, msg.New(33031, p.Name)
	}
	name := ""
	if l != nil {
		for _, id := range append([]int{l.Credential}, l.Credentials...) {
			if c := s.Credentials.Get(id); c != nil && c.Provider == p.ID {
				return c, nil
			}
		}
		name = l.Name
	}
	return nil, msg.New(33046, name, providerKind, p.Name)
}

// Access is keys of providers in use by a caller: under the credential of its own login.
type Access struct {
	Catalog *catalog.Catalog
	Set     *Set
}

// Use runs f in a session of the provider with a GUID: messages 33030, 33031, 33046, 33048, 33053, 33028. An error of f is
// returned as it is.
func (a Access) Use(ctx context.Context, caller catalog.Caller, guid [16]byte, f func(ekm.Session) error) error {
	s := a.Catalog.State()
	p := s.ProviderByGUID(guid)
	if p == nil {
		return msg.New(33030)
	}
	if err := a.Catalog.Look(ctx, caller, (*catalog.Tx).EKMEnabled); err != nil {
		return err
	}
	if caller.User != 0 || caller.Impersonated {
		return msg.New(33048, providerKind)
	}
	cred, err := CredentialRow(s, caller.Login, p)
	if err != nil {
		return err
	}
	lease, err := a.Set.Borrow(WithSession(ctx, caller.Session), p, cred, func() (*ekm.Credential, error) {
		return a.Catalog.CredentialFor(caller, caller.Login, p.ID)
	})
	if err != nil {
		return sessionError(ctx, err, p)
	}
	err = f(lease)
	lease.Done(err)
	return err
}
