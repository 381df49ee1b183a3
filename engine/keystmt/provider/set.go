package provider

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"latchkey/ekm"
	"latchkey/engine/catalog"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/internal/clock"
)

// Builtin is a provider that is part of the program. The composer closes it, after the Set.
type Builtin struct {
	// Files are the names of the library files that stand for it, without folders: case does not count.
	Files    []string
	Provider ekm.Provider
}

// Loader loads shared libraries.
type Loader interface {
	// Load loads and initialises the library at a path of this machine. A provider's code in the error becomes message 33029, another
	// error 33027; one with Missing() int, a function that the library lacks, has 33085 in front.
	Load(ctx context.Context, path string) (ekm.Provider, error)
}

// CredentialChanger is a provider that can give a changed credential to sessions that are open.
type CredentialChanger interface {
	ChangeCredential(ctx context.Context, cred *ekm.Credential) error
}

// Defaults of Config.
const (
	DefaultIdle        = 5 * time.Minute
	DefaultMaxSessions = 64
)

// Config says what a Set is made of.
type Config struct {
	Builtin []Builtin
	Loader  Loader // nil: no file is loaded, which is message 33027
	Clock   clock.Clock
	// Idle is how long a shared session is kept without use; 0 means DefaultIdle.
	Idle time.Duration
	// MaxSessions bounds the shared sessions that are kept; 0 means DefaultMaxSessions. Beyond it sessions are closed after each use.
	MaxSessions int
	Log         *slog.Logger // nil means none
}

// Set is the providers of a server. It is safe for concurrent use.
type Set struct {
	cfg Config

	mu     sync.Mutex
	loaded map[string]ekm.Provider // by path
	pool   map[poolKey]*shared
	open   map[*tracked]struct{}
	handle uint64
	closed bool
}

// New makes a Set.
func New(cfg Config) *Set {
	if cfg.Clock == nil {
		cfg.Clock = clock.System{}
	}
	if cfg.Idle == 0 {
		cfg.Idle = DefaultIdle
	}
	if cfg.MaxSessions == 0 {
		cfg.MaxSessions = DefaultMaxSessions
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Set{cfg: cfg, loaded: make(map[string]ekm.Provider), pool: make(map[poolKey]*shared), open: make(map[*tracked]struct{})}
}

// file is the last part of a path, whichever system wrote it.
func file(path string) string { return path[strings.LastIndexAny(path, `\/`)+1:] }

// Builtin finds the provider that a path is a name for, and its friendly name.
func (s *Set) Builtin(path string) (p ekm.Provider, name string, ok bool) {
	for _, b := range s.cfg.Builtin {
		for _, f := range b.Files {
			if strings.EqualFold(f, file(path)) {
				return b.Provider, b.Provider.Info().Name, true
			}
		}
	}
	return nil, "", false
}

var errNoLibrary = errors.New("no provider of this program has this file name, and no library can be loaded")

// at gives the provider at a path, loading it at the first use.
func (s *Set) at(ctx context.Context, path string) (ekm.Provider, error) {
	if p, _, ok := s.Builtin(path); ok {
		return p, nil
	}
	s.mu.Lock()
	p, closed := s.loaded[path], s.closed
	s.mu.Unlock()
	switch {
	case p != nil:
		return p, nil
	case closed:
		return nil, errClosed
	case s.cfg.Loader == nil:
		return nil, fmt.Errorf("loading %q: %w", path, errNoLibrary)
	}
	p, err := s.cfg.Loader.Load(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("loading %q: %w", path, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if first := s.loaded[path]; first != nil || s.closed {
		_ = p.Close() // somebody else was first
		if first == nil {
			return nil, errClosed
		}
		return first, nil
	}
	s.loaded[path] = p
	return p, nil
}

// Load loads the library at a path, with messages 33090 and 33080 to the log.
func (s *Set) Load(ctx context.Context, path string) (catalog.Library, error) {
	s.note(msg.New(33090, path))
	p, err := s.at(ctx, path)
	if err != nil {
		s.cfg.Log.Warn("a cryptographic provider cannot be loaded", "path", path, "error", err)
		return catalog.Library{}, err
	}
	s.note(msg.New(33080, path))
	return catalog.Library{Info: p.Info(), Algorithms: p.Algorithms()}, nil
}

func (s *Set) note(m *msg.Error) { s.cfg.Log.Info(m.Text, "number", m.Number) }

// provider is the library of a row: message 33027 if it cannot be loaded, 33082 if it is another's now.
func (s *Set) provider(ctx context.Context, p *model.Provider) (ekm.Provider, error) {
	lib, err := s.at(ctx, p.Path)
	if err != nil {
		return nil, msg.New(33027, p.Path).Because(err)
	}
	if lib.Info().GUID != p.GUID {
		return nil, msg.New(33082, guidText(p.GUID))
	}
	return lib, nil
}

func guidText(g [16]byte) string {
	return strings.ToUpper(fmt.Sprintf("%x-%x-%x-%x-%x", g[:4], g[4:6], g[6:8], g[8:10], g[10:]))
}

// OpenSession opens a session for one statement. An error of the provider is returned as it is, with its code; others are messages.
func (s *Set) OpenSession(ctx context.Context, p *model.Provider, cred *ekm.Credential) (ekm.Session, error) {
	return s.start(ctx, p, cred)
}

func (s *Set) start(ctx context.Context, p *model.Provider, cred *ekm.Credential) (*tracked, error) {
	lib, err := s.provider(ctx, p)
	if err != nil {
		return nil, err
	}
	sess, err := lib.OpenSession(ctx, cred)
	if err != nil {
		return nil, err
	}
	t := &tracked{Session: sess, set: s, provider: p.ID, spid: SessionOf(ctx)}
	if cred != nil {
		t.identity = cred.Identity
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = sess.Close(true)
		return nil, errClosed
	}
	s.handle++
	t.handle = s.handle
	s.open[t] = struct{}{}
	return t, nil
}

// tracked is an open session that the Set knows of.
type tracked struct {
	ekm.Session
	set      *Set
	provider int
	handle   uint64
	identity string
	spid     int
}

// Close ends the session.
func (t *tracked) Close(abort bool) error {
	t.set.mu.Lock()
	_, open := t.set.open[t]
	delete(t.set.open, t)
	t.set.mu.Unlock()
	if !open {
		return nil
	}
	return t.Session.Close(abort)
}

// Open is a session that is open.
type Open struct {
	Provider int
	Handle   uint64
	Identity string
	Session  int // of the server, 0 for the engine's own
}

// Sessions lists the open sessions by handle.
func (s *Set) Sessions() []Open {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Open, 0, len(s.open))
	for t := range s.open {
		out = append(out, Open{Provider: t.provider, Handle: t.handle, Identity: t.identity, Session: t.spid})
	}
	sortBy(out, func(o Open) uint64 { return o.Handle })
	return out
}

// Count is the number of open sessions of a provider.
func (s *Set) Count(provider int) int {
	n := 0
	for _, o := range s.Sessions() {
		if o.Provider == provider {
			n++
		}
	}
	return n
}

// Close ends all sessions and closes the libraries that were loaded, not those that are built in.
func (s *Set) Close() error {
	s.mu.Lock()
	s.closed = true
	var open []*tracked
	for t := range s.open {
		open = append(open, t)
	}
	loaded := s.loaded
	s.loaded = map[string]ekm.Provider{}
	for _, e := range s.pool {
		e.stopTimer()
	}
	s.pool = map[poolKey]*shared{}
	s.mu.Unlock()
	for _, t := range open {
		_ = t.Close(true)
	}
	var errs []error
	for path, p := range loaded {
		if err := p.Close(); err != nil {
			errs = append(errs, fmt.Errorf("closing the provider %q: %w", path, err))
		}
	}
	return errors.Join(errs...)
}

type sessionKey struct{}

// WithSession says in a context which session of the server opens sessions with providers, for
// sys.dm_cryptographic_provider_sessions.
func WithSession(ctx context.Context, spid int) context.Context {
	return context.WithValue(ctx, sessionKey{}, spid)
}

// SessionOf is what WithSession said, 0 if nothing: the engine itself.
func SessionOf(ctx context.Context) int {
	spid, _ := ctx.Value(sessionKey{}).(int)
	return spid
}
