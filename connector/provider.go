package connector

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/internal/clock"
)

// guid identifies the provider in SQL Server's metadata for ever.
func guid() [16]byte {
	return [16]byte{0x6c, 0x61, 0x74, 0x63, 0x68, 0x6b, 0x4e, 0x79, 0x8e, 0x4b, 0x4d, 0x31, 0x2e, 0x30, 0x00, 0x01}
}

// The algorithms' numbers, by the size of the key.
const (
	algRSA2048 ekm.AlgorithmID = 1
	algRSA3072 ekm.AlgorithmID = 2
	algRSA4096 ekm.AlgorithmID = 3
)

// Provider is the EKM provider. Make one with New.
type Provider struct {
	cfg   Config
	clock clock.Clock
	rand  func() float64

	observers []func(Event)
	observed  bool
	watch     expiryWatch

	ctx    context.Context // ends with Close
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup // goroutines of the Provider
	work   chan func()    // to goroutines that have nothing to do
	idle   atomic.Int32   // how many these are

	mu       sync.Mutex
	closed   bool
	stores   map[string]*store   // by URL and identity
	breakers map[string]*breaker // by URL, and by credential for openings
	sessions map[*Session]struct{}
}

var (
	errClosed  = errors.New("the provider is closed")
	errSession = errors.New("the session is closed")
	errAborted = errors.New("the session was closed while the call ran")
)

// New makes a Provider. Errors are code.ConfigInvalid.
func New(cfg Config) (*Provider, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	p := &Provider{
		cfg: cfg, clock: cfg.Clock, rand: cfg.Rand, work: make(chan func()),
		stores: map[string]*store{}, breakers: map[string]*breaker{}, sessions: map[*Session]struct{}{},
	}
	if p.clock == nil {
		p.clock = clock.System{}
	}
	if p.rand == nil {
		p.rand = rand.Float64
	}
	if cfg.Log != nil && cfg.LogLevel != LogNone {
		p.observers = append(p.observers, logTo(cfg.Log, cfg.LogLevel))
	}
	if cfg.Metrics != nil {
		m, err := newMetrics(cfg.Metrics)
		if err != nil {
			return nil, code.Wrap(code.ConfigInvalid, "registering metrics", "", err)
		}
		p.observers = append(p.observers, m.observe)
	}
	if cfg.OnEvent != nil {
		p.observers = append(p.observers, cfg.OnEvent)
	}
	p.observed = len(p.observers) > 0
	p.ctx, p.cancel = context.WithCancelCause(context.Background())
	p.watch = expiryWatch{p: p, wake: make(chan struct{}, 1)}
	if p.observed && cfg.Watch != nil {
		cfg.Watch(p.watch.see)
		p.goAsync(func() { p.watch.run(p.ctx) })
	}
	return p, nil
}

// maxIdle bounds the goroutines that wait for work.
const maxIdle = 8

// goAsync runs f on a goroutine of the Provider, if it can on one that is there: a new one would grow its stack again for
// every request, which is more work than all the rest that the connector adds to it.
func (p *Provider) goAsync(f func()) {
	select {
	case p.work <- f:
		return
	default:
	}
	p.wg.Add(1)
	go func() {
		defer p.wg.Done()
		for {
			f()
			if p.idle.Add(1) > maxIdle {
				p.idle.Add(-1)
				return
			}
			select {
			case f = <-p.work:
				p.idle.Add(-1)
			case <-p.ctx.Done():
				p.idle.Add(-1)
				return
			}
		}
	}()
}

// enter counts a goroutine that is not of goAsync among those that Close waits for; not once the Provider is closed.
func (p *Provider) enter() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.wg.Add(1)
	}
	return !p.closed
}

// Info describes the provider.
func (p *Provider) Info() ekm.ProviderInfo {
	return ekm.ProviderInfo{
		Name: "Latchkey EKM Provider", GUID: guid(),
		Version: ekm.Version{Major: 1}, API: ekm.Version{Major: 1, Minor: 1},
		Auth: ekm.AuthBasic, Symmetric: p.cfg.Symmetric, Asymmetric: ekm.Supported,
		ThumbprintLen: ekm.ThumbprintLen, AcceptsKeyName: true,
	}
}

// Algorithms lists the key algorithms.
func (p *Provider) Algorithms() []ekm.Algorithm {
	return []ekm.Algorithm{
		{ID: algRSA2048, Tag: "RSA_2048", Bits: 2048, Asymmetric: true},
		{ID: algRSA3072, Tag: "RSA_3072", Bits: 3072, Asymmetric: true},
		{ID: algRSA4096, Tag: "RSA_4096", Bits: 4096, Asymmetric: true},
	}
}

func algorithmOf(bits int) (ekm.AlgorithmID, error) {
	switch bits {
	case 2048:
		return algRSA2048, nil
	case 3072:
		return algRSA3072, nil
	case 4096:
		return algRSA4096, nil
	}
	return 0, code.New(code.NotSupported, "using the key", "")
}

// OpenSession authenticates with a credential. A credential whose secret was changed takes the old one's place, for open sessions
// of the same identity too, once it has been shown to work.
func (p *Provider) OpenSession(ctx context.Context, cred *ekm.Credential) (ekm.Session, error) {
	s, err := p.open(ctx, cred)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (p *Provider) open(ctx context.Context, cred *ekm.Credential) (*Session, error) {
	st, err := p.authenticate(ctx, cred)
	if err != nil {
		return nil, err
	}
	s := &Session{p: p}
	if cred != nil {
		s.credential = cred.Name
	}
	s.store.Store(st)
	s.ctx, s.abort = context.WithCancelCause(p.ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		s.abort(errClosed)
		return nil, code.Wrap(code.Failure, "opening a session", "", errClosed)
	}
	p.sessions[s] = struct{}{}
	return s, nil
}

// authenticate opens the vault that a credential names and finds what is shared for its identity.
func (p *Provider) authenticate(ctx context.Context, cred *ekm.Credential) (*store, error) {
	ctx, stop := p.bind(ctx)
	defer stop()
	on := ""
	if cred != nil {
		on = cred.Identity + "\x00" + cred.Name
	}
	c := call{op: "open", repeat: true, breaker: p.breakerOf(opening + on)}
	v, err := run(ctx, p, c, func(ctx context.Context) (Vault, error) { return p.cfg.Open(ctx, cred) })
	if err != nil {
		return nil, err
	}
	if p.observed {
		p.emit(Event{Kind: SessionOpened, Op: "open", Vault: v.URL(), Identity: v.Identity()})
	}
	return p.storeOf(v), nil
}

// bind makes ctx end with the Provider too.
func (p *Provider) bind(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(p.ctx, func() { cancel(errClosed) })
	return ctx, func() { stop(); cancel(nil) }
}

// opening begins the name of a breaker for a credential, whose vault is not known yet.
const opening = "open\x00"

func (p *Provider) breakerOf(name string) *breaker {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.breakers[name]
	if b == nil {
		p.forgetQuietLocked()
		vault := strings.TrimPrefix(name, opening)
		vault, _, _ = strings.Cut(vault, "\x00")
		b = newBreaker(p, vault)
		p.breakers[name] = b
	}
	return b
}

// maxBreakers bounds what is remembered of names that somebody tried to open.
const maxBreakers = 1000

// forgetQuietLocked makes room by dropping breakers that know of no outage; another is made where one is needed.
func (p *Provider) forgetQuietLocked() {
	if len(p.breakers) < maxBreakers {
		return
	}
	for name, b := range p.breakers {
		if b.quiet() {
			delete(p.breakers, name)
		}
	}
}

// storeOf finds or makes what the sessions of one identity at one vault share.
func (p *Provider) storeOf(v Vault) *store {
	key := v.URL() + "\x00" + v.Identity()
	b := p.breakerOf(v.URL())
	p.mu.Lock()
	defer p.mu.Unlock()
	st := p.stores[key]
	if st == nil {
		st = &store{p: p, url: v.URL(), identity: v.Identity(), breaker: b, keys: map[string]cached{}, algs: map[string]string{}, looked: map[string]time.Time{}}
		p.stores[key] = st
	}
	st.setVault(v)
	return st
}

// ChangeCredential gives a changed credential to all open sessions whose credential has the same Name: for ALTER CREDENTIAL. It
// authenticates first; if that fails, the sessions keep what they have. Calls under way finish as they began.
func (p *Provider) ChangeCredential(ctx context.Context, cred *ekm.Credential) error {
	st, err := p.authenticate(ctx, cred)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for s := range p.sessions {
		if s.credential == cred.Name {
			s.store.Store(st)
		}
	}
	if p.observed {
		p.emit(Event{Kind: CredentialChanged, Vault: st.url, Identity: st.identity, Text: cred.Name})
	}
	return nil
}

// Close ends the provider and waits for its goroutines. Sessions that are open fail afterwards.
func (p *Provider) Close() error {
	p.mu.Lock()
	p.closed = true
	open := p.sessions
	p.sessions = map[*Session]struct{}{}
	p.mu.Unlock()
	for s := range open {
		_ = s.Close(true)
	}
	p.cancel(errClosed)
	p.wg.Wait()
	return nil
}

var _ ekm.Provider = (*Provider)(nil)
