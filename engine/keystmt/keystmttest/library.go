package keystmttest

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"

	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/engine/catalog"
	"latchkey/engine/catalog/catalogtest"
	"latchkey/internal/secret"
)

// Library is a provider in memory, as the built-in connector is one. Its errors and keys are those of the fixture in it.
type Library struct {
	*catalogtest.Provider

	// Fail makes a method of sessions fail, by its name: KeyByName, CreateKey, PublicKey, Wrap, Unwrap. OpenError and DropError of the
	// Provider do that for OpenSession and DropKey. Set it between statements.
	Fail map[string]error
	// Key changes what KeyByName and KeyByThumbprint tell; nil leaves it.
	Key func(*ekm.KeyInfo)
	// More algorithms than those of the fixture.
	More []ekm.Algorithm

	mu      sync.Mutex
	Changed []string // names of credentials that ChangeCredential was called with
	Secrets []string // of the sessions that were opened, to show that they are found nowhere else
	closed  int      // sessions
}

// Info describes the library.
func (l *Library) Info() ekm.ProviderInfo { return l.load().Info }

// Algorithms lists what it serves.
func (l *Library) Algorithms() []ekm.Algorithm { return append(l.load().Algorithms, l.More...) }

func (l *Library) load() catalog.Library {
	lib, err := l.Provider.Load(context.Background(), catalogtest.Path)
	if err != nil {
		panic(err)
	}
	return lib
}

// OpenSession opens a session.
func (l *Library) OpenSession(ctx context.Context, cred *ekm.Credential) (ekm.Session, error) {
	s, err := l.Provider.OpenSession(ctx, nil, cred)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Secrets = append(l.Secrets, string(cred.Secret.Expose()))
	return &librarySession{s, l}, nil
}

// ChangeCredential notes that it was called.
func (l *Library) ChangeCredential(_ context.Context, c *ekm.Credential) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Changed = append(l.Changed, c.Name)
	return nil
}

// Close does nothing.
func (l *Library) Close() error { return nil }

// Count tells how many sessions were opened and closed.
func (l *Library) Count() (opened, closed int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.Secrets), l.closed
}

type librarySession struct {
	ekm.Session
	l *Library
}

func (s *librarySession) KeyByName(ctx context.Context, name string) (ekm.KeyInfo, error) {
	if err := s.l.Fail["KeyByName"]; err != nil {
		return ekm.KeyInfo{}, err
	}
	return s.told(s.Session.KeyByName(ctx, name))
}

func (s *librarySession) KeyByThumbprint(ctx context.Context, t ekm.Thumbprint) (ekm.KeyInfo, error) {
	return s.told(s.Session.KeyByThumbprint(ctx, t))
}

func (s *librarySession) told(i ekm.KeyInfo, err error) (ekm.KeyInfo, error) {
	if err == nil && s.l.Key != nil {
		s.l.Key(&i)
	}
	return i, err
}

func (s *librarySession) PublicKey(ctx context.Context, t ekm.Thumbprint) (ekm.PublicKey, error) {
	if err := s.l.Fail["PublicKey"]; err != nil {
		return ekm.PublicKey{}, err
	}
	return s.Session.PublicKey(ctx, t)
}

func (s *librarySession) CreateKey(ctx context.Context, name string, alg ekm.AlgorithmID) (ekm.Thumbprint, error) {
	if err := s.l.Fail["CreateKey"]; err != nil {
		return "", err
	}
	return s.Session.CreateKey(ctx, name, alg)
}

func (s *librarySession) Wrap(ctx context.Context, t ekm.Thumbprint, plain *secret.Bytes) (ekm.Wrapped, error) {
	if err := s.l.Fail["Wrap"]; err != nil {
		return ekm.Wrapped{}, err
	}
	return s.Session.Wrap(ctx, t, plain)
}

func (s *librarySession) Unwrap(ctx context.Context, t ekm.Thumbprint, w ekm.Wrapped) (*secret.Bytes, error) {
	if err := s.l.Fail["Unwrap"]; err != nil {
		return nil, err
	}
	return s.Session.Unwrap(ctx, t, w)
}

func (s *librarySession) Close(abort bool) error {
	s.l.mu.Lock()
	s.l.closed++
	s.l.mu.Unlock()
	return s.Session.Close(abort)
}

// Loader loads libraries of other paths: none, and the errors of Load.
type Loader struct{}

// ErrLoad is what loading a library fails with, but for one under a path with "code" and a number, and for one with "missing", which
// lacks function 7.
var ErrLoad = errors.New("cannot open shared object file")

type missing struct{}

func (missing) Error() string { return "function 7 is missing" }
func (missing) Missing() int  { return 7 }

// Load fails.
func (Loader) Load(_ context.Context, path string) (ekm.Provider, error) {
	if _, digits, ok := strings.Cut(path, "code"); ok {
		n, err := strconv.Atoi(digits)
		if err != nil {
			return nil, err
		}
		return nil, code.New(code.In(code.Provider, n), "loading", path)
	}
	if strings.Contains(path, "missing") {
		return nil, missing{}
	}
	return nil, ErrLoad
}
