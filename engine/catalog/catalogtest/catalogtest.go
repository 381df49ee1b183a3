// Package catalogtest has a whole catalogue for tests: [New] makes one in memory with a journal, a clock that stands, a provider
// whose keys are made at test time ([Provider]), and sessions that a test invents ([Runtime]).
//
// For tests alone: nothing here protects anything.
package catalogtest

import (
	"context"
	"iter"
	"maps"
	"sync"
	"testing"
	"time"

	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/engine/catalog"
	"latchkey/engine/catalog/database"
	"latchkey/engine/catalog/journal"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/protect"
	"latchkey/internal/clock"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
	"latchkey/keywrap"
)

// Path is the path under which the Provider is found.
const Path = `C:\Program Files\SQL Server Connector for Microsoft Azure Key Vault\Microsoft.AzureKeyVaultService.EKM.dll`

// Fixture is a catalogue with what is around it.
type Fixture struct {
	*catalog.Catalog
	FS       fsys.FS
	Key      *protect.Key
	Clock    *clock.Fake
	Provider *Provider
	Runtime  *Runtime
	Journal  *journal.Journal
	t        testing.TB
}

// New makes a catalogue in memory; it ends with the test. fs may be nil.
func New(t testing.TB, fs fsys.FS) *Fixture {
	t.Helper()
	if fs == nil {
		fs = fsys.NewMem()
	}
	f := &Fixture{
		FS: fs, Key: protect.Generate(), Clock: clock.NewFake(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)), Provider: &Provider{}, Runtime: &Runtime{}, t: t,
	}
	f.Reopen()
	return f
}

// Clone is an independent catalogue with the same content and the same keys in its provider, for tests that start from one state
// many times. f must have been made in memory.
func (f *Fixture) Clone(t testing.TB) *Fixture {
	t.Helper()
	mem, ok := f.FS.(*fsys.Mem)
	if !ok {
		t.Fatal("the catalogue is not in memory")
	}
	f.Provider.mu.Lock()
	keys := maps.Clone(f.Provider.keys)
	f.Provider.mu.Unlock()
	c := &Fixture{
		FS: mem.CrashClone(fsys.Crash{}), Key: f.Key, Clock: clock.NewFake(f.Clock.Now()), Provider: &Provider{keys: keys}, Runtime: &Runtime{}, t: t,
	}
	c.Reopen()
	return c
}

// Reopen closes the catalogue and opens it from its files.
func (f *Fixture) Reopen() {
	f.t.Helper()
	if f.Journal != nil {
		if err := f.Journal.Close(); err != nil {
			f.t.Fatal(err)
		}
	}
	j, err := journal.Open(f.t.Context(), journal.Config{FS: f.FS, Dir: "/data", Key: f.Key})
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = j.Close() })
	c, err := catalog.Open(f.t.Context(), catalog.Config{Store: j, Service: f.Key, Clock: f.Clock, Runtime: f.Runtime, Providers: f.Provider})
	if err != nil {
		f.t.Fatal(err)
	}
	f.Journal, f.Catalog = j, c
}

// SA is sa in master, before whom nothing is closed.
func SA() catalog.Caller { return catalog.Caller{Login: model.SA, Database: model.Master} }

// MustDo carries operations out as sa in a database, or ends the test.
func (f *Fixture) MustDo(db int, ops ...catalog.Operation) catalog.Result {
	f.t.Helper()
	r, err := f.Do(f.t.Context(), catalog.Caller{Login: model.SA, Database: db}, ops...)
	if err != nil {
		f.t.Fatalf("%T: %v", ops[0], err)
	}
	return r
}

// EnableEKM switches the server option on.
func (f *Fixture) EnableEKM() {
	f.t.Helper()
	f.MustDo(model.Master, &database.Configure{Name: "show advanced options", Value: 1}, &database.Reconfigure{})
	f.MustDo(model.Master, &database.Configure{Name: "EKM provider enabled", Value: 1}, &database.Reconfigure{})
}

// Secret makes a secret of a text.
func Secret(s string) *secret.Bytes { return secret.FromString(s) }

// Runtime is a server whose sessions a test sets.
type Runtime struct {
	mu       sync.Mutex
	Logins   map[int]int
	InDB     map[int]int
	Provider int
	Scan     map[int]bool
	Change   map[int]bool
}

// LoginSessions is as set.
func (r *Runtime) LoginSessions(login int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.Logins[login]
}

// DatabaseSessions is as set.
func (r *Runtime) DatabaseSessions(db, _ int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.InDB[db]
}

// ProviderSessions is as set.
func (r *Runtime) ProviderSessions(int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.Provider
}

// Scanning is as set.
func (r *Runtime) Scanning(db int) (scan, protector bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.Scan[db], r.Change[db]
}

// Provider is a provider with RSA keys in memory: keys exist under the names in Names, each made at its first use.
type Provider struct {
	// Info changes what the library says of itself; nil leaves it.
	Info func(*ekm.ProviderInfo)
	// LoadError, OpenError, KeyError and DropError fail the call; nil means success.
	LoadError, OpenError, KeyError, DropError error
	// Credentials are those that sessions were opened with, secrets left out.
	Credentials []ekm.Credential
	Names       map[string]bool // nil means every name exists

	mu   sync.Mutex
	keys map[string]*keywrap.Key
}

// GUID is the provider's.
func GUID() [16]byte { return [16]byte{0xEB, 1, 2, 3, 4, 5, 0x46, 7, 0x88, 9, 10, 11, 12, 13, 14, 15} }

// Load loads the provider from Path, and nothing from elsewhere.
func (p *Provider) Load(_ context.Context, path string) (catalog.Library, error) {
	if p.LoadError != nil {
		return catalog.Library{}, p.LoadError
	}
	if path != Path {
		return catalog.Library{}, code.In(code.Latchkey, 1)
	}
	info := ekm.ProviderInfo{
		Name: "Test EKM", GUID: GUID(), Version: ekm.Version{Major: 1, Build: 5}, API: ekm.Version{Major: 1, Minor: 1}, Auth: ekm.AuthBasic,
		Symmetric: ekm.Supported, Asymmetric: ekm.Supported | ekm.Exportable, ThumbprintLen: ekm.ThumbprintLen, AcceptsKeyName: true,
	}
	if p.Info != nil {
		p.Info(&info)
	}
	return catalog.Library{Info: info, Algorithms: []ekm.Algorithm{{ID: 1, Tag: "RSA_2048", Bits: 2048, Asymmetric: true}, {ID: 2, Tag: "RSA_3072", Bits: 3072, Asymmetric: true}}}, nil
}

// OpenSession opens a session unless OpenError says otherwise.
func (p *Provider) OpenSession(_ context.Context, _ *model.Provider, c *ekm.Credential) (ekm.Session, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.OpenError != nil {
		return nil, p.OpenError
	}
	p.Credentials = append(p.Credentials, ekm.Credential{Name: c.Name, Identity: c.Identity})
	return &session{p}, nil
}

type session struct{ p *Provider }

func (s *session) key(name string) (*keywrap.Key, error) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	if s.p.KeyError != nil {
		return nil, s.p.KeyError
	}
	if s.p.Names != nil && !s.p.Names[name] {
		return nil, code.In(code.Provider, 3112)
	}
	if k := s.p.keys[name]; k != nil {
		return k, nil
	}
	k, err := keywrap.Generate(keywrap.Spec{Kind: keywrap.RSA})
	if err != nil {
		return nil, err
	}
	if s.p.keys == nil {
		s.p.keys = make(map[string]*keywrap.Key)
	}
	s.p.keys[name] = k
	return k, nil
}

func public(k *keywrap.Key) ekm.PublicKey {
	m, _ := k.Public().RSA()
	var e uint32
	for _, b := range m.E {
		e = e<<8 | uint32(b)
	}
	return ekm.PublicKey{N: m.N, E: e}
}

// KeyByName finds a key.
func (s *session) KeyByName(_ context.Context, name string) (ekm.KeyInfo, error) {
	k, err := s.key(name)
	if err != nil {
		return ekm.KeyInfo{}, err
	}
	t, err := public(k).Thumbprint()
	return ekm.KeyInfo{Name: name, Thumbprint: t, Algorithm: 1, Bits: 2048, URI: "test:" + name}, err
}

func (s *session) byThumbprint(t ekm.Thumbprint) (string, *keywrap.Key) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	for name, k := range s.p.keys {
		if have, err := public(k).Thumbprint(); err == nil && have == t {
			return name, k
		}
	}
	return "", nil
}

// KeyByThumbprint finds a key.
func (s *session) KeyByThumbprint(ctx context.Context, t ekm.Thumbprint) (ekm.KeyInfo, error) {
	name, k := s.byThumbprint(t)
	if k == nil {
		return ekm.KeyInfo{}, code.NotFound
	}
	return s.KeyByName(ctx, name)
}

// PublicKey exports a key.
func (s *session) PublicKey(_ context.Context, t ekm.Thumbprint) (ekm.PublicKey, error) {
	_, k := s.byThumbprint(t)
	if k == nil {
		return ekm.PublicKey{}, code.NotFound
	}
	return public(k), nil
}

// Keys enumerates nothing.
func (s *session) Keys(context.Context) iter.Seq2[ekm.KeyInfo, error] {
	return func(func(ekm.KeyInfo, error) bool) {}
}

// CreateKey makes a key.
func (s *session) CreateKey(ctx context.Context, name string, _ ekm.AlgorithmID) (ekm.Thumbprint, error) {
	i, err := s.KeyByName(ctx, name)
	return i.Thumbprint, err
}

// DropKey forgets a key.
func (s *session) DropKey(_ context.Context, t ekm.Thumbprint) error {
	name, _ := s.byThumbprint(t)
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	delete(s.p.keys, name)
	return s.p.DropError
}

// ImportKey is not supported.
func (s *session) ImportKey(context.Context, string, []byte) (ekm.Thumbprint, error) {
	return "", code.NotSupported
}

// Wrap wraps with RSA-OAEP-256.
func (s *session) Wrap(_ context.Context, t ekm.Thumbprint, plain *secret.Bytes) (ekm.Wrapped, error) {
	_, k := s.byThumbprint(t)
	if k == nil {
		return ekm.Wrapped{}, code.NotFound
	}
	b, err := k.WrapKey(keywrap.RSAOAEP256, plain.Expose())
	return ekm.Wrapped{Algorithm: string(keywrap.RSAOAEP256), Blob: b}, err
}

// Unwrap undoes Wrap.
func (s *session) Unwrap(_ context.Context, t ekm.Thumbprint, w ekm.Wrapped) (*secret.Bytes, error) {
	_, k := s.byThumbprint(t)
	if k == nil {
		return nil, code.NotFound
	}
	b, err := k.UnwrapKey(keywrap.RSAOAEP256, w.Blob)
	if err != nil {
		return nil, code.Failure
	}
	return secret.Take(b), nil
}

// Close ends the session.
func (s *session) Close(bool) error { return nil }
