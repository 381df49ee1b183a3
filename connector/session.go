package connector

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"

	"latchkey/connector/keyname"
	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/ekm/keystore"
	"latchkey/internal/secret"
)

// Session is an authenticated use of the Provider. It implements ekm.Session.
type Session struct {
	p          *Provider
	credential string // the SQL credential's name
	store      atomic.Pointer[store]
	ctx        context.Context // ends with an abort or with the Provider
	abort      context.CancelCauseFunc

	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup
}

// begin starts a call: its context ends when the session is aborted. done must be called.
func (s *Session) begin(ctx context.Context, op string) (context.Context, func(), error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, nil, code.Wrap(code.Failure, op, "", errSession)
	}
	s.running.Add(1)
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(s.ctx, func() { cancel(context.Cause(s.ctx)) })
	return ctx, func() { stop(); cancel(nil); s.running.Done() }, nil
}

// during runs f as a call of the session, and says so if it ended because the session did.
func during[T any](ctx context.Context, s *Session, op string, f func(context.Context, *store) (T, error)) (T, error) {
	ctx, done, err := s.begin(ctx, op)
	if err != nil {
		var none T
		return none, err
	}
	defer done()
	out, err := f(ctx, s.store.Load())
	if err != nil && s.ctx.Err() != nil && !errors.Is(err, errAborted) && !errors.Is(err, errClosed) {
		err = code.Wrap(code.Failure, op, "", fmt.Errorf("%w: %w", context.Cause(s.ctx), err))
	}
	return out, coded(op, err)
}

// KeyByName finds a key by "name" or "name/version", pins the version and registers its thumbprint.
func (s *Session) KeyByName(ctx context.Context, name string) (ekm.KeyInfo, error) {
	return during(ctx, s, "finding the key", func(ctx context.Context, st *store) (ekm.KeyInfo, error) {
		n, version, err := keyname.Parse(name, s.p.cfg.StrictNames)
		if err != nil {
			return ekm.KeyInfo{}, err
		}
		k, err := st.fetch(ctx, n, version)
		if err != nil {
			return ekm.KeyInfo{}, err
		}
		info, err := infoOf(k, name)
		if err != nil {
			return ekm.KeyInfo{}, err
		}
		if err := st.register(ctx, info); err != nil {
			return ekm.KeyInfo{}, err
		}
		return info, nil
	})
}

// KeyByThumbprint finds a key that was registered before. A thumbprint that the map lacks is looked for in the vault.
func (s *Session) KeyByThumbprint(ctx context.Context, t ekm.Thumbprint) (ekm.KeyInfo, error) {
	return during(ctx, s, "finding the key", func(ctx context.Context, st *store) (ekm.KeyInfo, error) {
		k, err := st.byThumbprint(ctx, t)
		if err != nil {
			return ekm.KeyInfo{}, err
		}
		return infoOf(k, k.Name)
	})
}

// PublicKey exports the public half.
func (s *Session) PublicKey(ctx context.Context, t ekm.Thumbprint) (ekm.PublicKey, error) {
	return during(ctx, s, "exporting the key", func(ctx context.Context, st *store) (ekm.PublicKey, error) {
		k, err := st.byThumbprint(ctx, t)
		return k.Public, err
	})
}

// Keys yields nothing: the provider does not enumerate.
func (s *Session) Keys(context.Context) iter.Seq2[ekm.KeyInfo, error] {
	return func(func(ekm.KeyInfo, error) bool) {}
}

// CreateKey is left to the vault's own tools: code 3.
func (s *Session) CreateKey(_ context.Context, name string, _ ekm.AlgorithmID) (ekm.Thumbprint, error) {
	return "", code.New(code.NotSupported, "creating the key", name)
}

// DropKey is left to the vault's own tools: code 3.
func (s *Session) DropKey(_ context.Context, t ekm.Thumbprint) error {
	return code.New(code.NotSupported, "dropping the key", t.String())
}

// ImportKey is never called by SQL Server: code 3.
func (s *Session) ImportKey(_ context.Context, name string, _ []byte) (ekm.Thumbprint, error) {
	return "", code.New(code.NotSupported, "importing the key", name)
}

// Wrap encrypts a small secret under the version that the thumbprint stands for.
func (s *Session) Wrap(ctx context.Context, t ekm.Thumbprint, plain *secret.Bytes) (ekm.Wrapped, error) {
	return during(ctx, s, "wrapping", func(ctx context.Context, st *store) (ekm.Wrapped, error) { return st.wrap(ctx, t, plain) })
}

// Unwrap decrypts what Wrap, or another provider under the same key, made.
func (s *Session) Unwrap(ctx context.Context, t ekm.Thumbprint, w ekm.Wrapped) (*secret.Bytes, error) {
	return during(ctx, s, "unwrapping", func(ctx context.Context, st *store) (*secret.Bytes, error) { return st.unwrap(ctx, t, w) })
}

// BackupKey returns the vault's own backup of the key that the thumbprint stands for, with all its versions.
func (s *Session) BackupKey(ctx context.Context, t ekm.Thumbprint) ([]byte, error) {
	return during(ctx, s, "backing up the key", func(ctx context.Context, st *store) ([]byte, error) { return st.backup(ctx, t) })
}

// RestoreKey puts a backup into the session's vault and registers what came back under its thumbprint.
func (s *Session) RestoreKey(ctx context.Context, blob []byte) (ekm.KeyInfo, error) {
	return during(ctx, s, "restoring the key", func(ctx context.Context, st *store) (ekm.KeyInfo, error) {
		k, err := run(ctx, s.p, st.call("restore", "", false), func(ctx context.Context) (keystore.Key, error) { return st.vault().Restore(ctx, blob) })
		if err != nil {
			return ekm.KeyInfo{}, err
		}
		info, err := infoOf(k, k.Name)
		if err == nil {
			err = st.register(ctx, info)
		}
		return info, err
	})
}

// ChangeCredential authenticates with another credential and uses it from the next call on. If that fails, nothing changes.
func (s *Session) ChangeCredential(ctx context.Context, cred *ekm.Credential) error {
	_, err := during(ctx, s, "changing the credential", func(ctx context.Context, _ *store) (struct{}, error) {
		st, err := s.p.authenticate(ctx, cred)
		if err == nil {
			s.store.Store(st)
		}
		return struct{}{}, err
	})
	return err
}

// Close ends the session. With abort, calls in flight are cut short and fail with code 1; without, it waits for them.
func (s *Session) Close(abort bool) error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	if abort {
		s.abort(errAborted)
	}
	s.running.Wait()
	s.abort(errSession)
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	delete(s.p.sessions, s)
	return nil
}

func infoOf(k keystore.Key, name string) (ekm.KeyInfo, error) {
	t, err := k.Public.Thumbprint()
	if err != nil {
		return ekm.KeyInfo{}, code.Wrap(code.GetKeyByNameBase64DecodeN, "computing the thumbprint of", k.URI, err)
	}
	alg, err := algorithmOf(k.Bits)
	if err != nil {
		return ekm.KeyInfo{}, err
	}
	return ekm.KeyInfo{Name: name, Thumbprint: t, Algorithm: alg, Bits: k.Bits, URI: k.URI, Flags: ekm.Supported}, nil
}

var _ ekm.Session = (*Session)(nil)
