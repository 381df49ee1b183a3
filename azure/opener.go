package azure

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"latchkey/akv"
	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/ekm/keystore"
	"latchkey/internal/clock"
	"latchkey/internal/secret"

	"golang.org/x/sync/singleflight"

	"latchkey/azure/challenge"
	"latchkey/azure/retryafter"
	"latchkey/azure/sqlcred"
)

// Opener opens vaults. It keeps one transport per vault, one challenge and one token per identity, for all who open the same.
// It is safe for concurrent use. Make one with New.
type Opener struct {
	cfg   Config
	clock clock.Clock
	env   func(string) string
	rand  func() float64

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup

	watch atomic.Pointer[func(keystore.Expiry)]

	mu     sync.Mutex
	closed bool
	hosts  map[string]*host // by Target.URL
}

// New makes an Opener.
func New(cfg Config) *Opener {
	o := &Opener{cfg: cfg, clock: cfg.Clock, env: cfg.Env, rand: cfg.Rand, hosts: map[string]*host{}}
	if o.clock == nil {
		o.clock = clock.System{}
	}
	if o.env == nil {
		o.env = func(string) string { return "" }
	}
	if o.rand == nil {
		o.rand = rand.Float64
	}
	if o.cfg.Settings == nil {
		o.cfg.Settings = func(string) Settings { return Settings{} }
	}
	o.ctx, o.cancel = context.WithCancel(context.Background())
	return o
}

// Watch makes f the function that is told of every expiry that passes by: certificates, client secrets, tokens whose renewal
// failed, keys. f must be quick and safe for concurrent use; the last one set counts.
func (o *Opener) Watch(f func(keystore.Expiry)) { o.watch.Store(&f) }

func (o *Opener) saw(e keystore.Expiry) {
	if f := o.watch.Load(); f != nil && *f != nil {
		(*f)(e)
	}
}

// Close ends requests for tokens that run in the background, waits for them, and closes idle connections.
func (o *Opener) Close() error {
	o.mu.Lock()
	o.closed = true
	hosts := o.hosts
	o.hosts = map[string]*host{}
	o.mu.Unlock()
	o.cancel()
	o.wg.Wait()
	for _, h := range hosts {
		h.close()
	}
	return nil
}

// background is a context with ctx's values that ends with the Opener or after d, not with ctx.
func (o *Opener) background(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	bg, cancel := context.WithTimeout(context.WithoutCancel(ctx), d)
	stop := context.AfterFunc(o.ctx, cancel)
	return bg, func() { stop(); cancel() }
}

var errClosed = errors.New("the client is closed")

// enter counts a goroutine among those that Close waits for; not once the Opener is closed.
func (o *Opener) enter() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.closed {
		o.wg.Add(1)
	}
	return !o.closed
}

func (o *Opener) goAsync(f func()) {
	o.wg.Add(1)
	go func() {
		defer o.wg.Done()
		f()
	}()
}

// host is what all identities share at one vault.
type host struct {
	o      *Opener
	target sqlcred.Target
	wire   atomic.Pointer[wire]
	skew   atomic.Int64 // the vault's clock less ours, nanoseconds
	// dependents says that the vault keeps a list of servers that need its keys.
	dependents atomic.Bool
	answer     atomic.Pointer[[]string]

	asking    singleflight.Group // for the challenge
	chMu      sync.Mutex
	asked     time.Time // when the last request for it began that has not ended
	challenge *challenge.Challenge

	mu         sync.Mutex
	identities map[string]*identity // by Credential.ID
	pending    map[string]*identity // that have no token yet
}

func (h *host) close() {
	h.wire.Load().close()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, id := range h.identities {
		id.tokens.forget()
		id.mu.Lock()
		id.cred.Destroy()
		id.mu.Unlock()
	}
}

// identity is one who asks at a vault. Its credential may be replaced by one of the same client with another secret.
type identity struct {
	tokens tokens

	mu   sync.Mutex
	cred *sqlcred.Credential

	// while it is not in host.identities, under host.mu
	users   int  // who wait for its first token
	adopted bool // another has taken over what it has
}

// snapshot is a copy of the credential for one request for a token, to be destroyed by the caller.
func (id *identity) snapshot() *sqlcred.Credential {
	id.mu.Lock()
	defer id.mu.Unlock()
	return id.cred.Clone()
}

// Open authenticates with a credential: it reads and checks the vault's challenge and gets a token, both from memory where they
// are there already. Where the SQL credential was changed (same vault, same client, another secret), the new secret must get a
// token before it takes the old one's place for all who opened with it; until then, and if it fails, the old one stays.
func (o *Opener) Open(ctx context.Context, cred *ekm.Credential) (*Vault, error) {
	c, err := sqlcred.Parse(cred, o.cfg.Suffix)
	if err != nil {
		return nil, err
	}
	h, err := o.host(c.Target)
	if err != nil {
		c.Destroy()
		return nil, err
	}
	if c.Method == sqlcred.ClientSecret && !h.wire.Load().settings.SecretExpires.IsZero() {
		o.saw(keystore.Expiry{Kind: "secret", Object: c.String(), NotAfter: h.wire.Load().settings.SecretExpires})
	}
	v := &Vault{h: h, who: c.Who()}
	ch, err := h.currentChallenge(ctx)
	if err != nil {
		c.Destroy()
		return nil, err
	}
	v.id, err = h.identify(ctx, c, ch)
	return v, err
}

// host finds or makes the state of a vault. Changed settings replace its connections and forget its challenge, not its tokens.
func (o *Opener) host(t sqlcred.Target) (*host, error) {
	s := o.cfg.Settings(t.Host)
	ca, err := s.readCA()
	if err != nil {
		return nil, err
	}
	key := s.key(ca)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return nil, code.Wrap(code.Failure, "opening", t.Host, errClosed)
	}
	h := o.hosts[t.URL]
	if h != nil && h.wire.Load().key == key {
		return h, nil
	}
	w, err := newWire(t, s, key, ca)
	if err != nil {
		return nil, err
	}
	if h == nil {
		o.forgetUnusedLocked()
		h = &host{o: o, target: t, identities: map[string]*identity{}, pending: map[string]*identity{}}
		o.hosts[t.URL] = h
	}
	if old := h.wire.Swap(w); old != nil {
		old.close() // requests under way finish on their connections
		h.forgetChallenge()
	}
	return h, nil
}

// maxHosts bounds the vaults that are remembered though nobody ever got a token for them.
const maxHosts = 1000

func (o *Opener) forgetUnusedLocked() {
	if len(o.hosts) < maxHosts {
		return
	}
	for url, h := range o.hosts {
		h.mu.Lock()
		unused := len(h.identities) == 0
		h.mu.Unlock()
		if unused {
			h.wire.Load().close()
			delete(o.hosts, url)
		}
	}
}

func (h *host) forgetChallenge() {
	h.chMu.Lock()
	defer h.chMu.Unlock()
	h.challenge = nil
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// identify finds the identity of c at the vault, or makes it, and sees to it that there is a token. It takes c over. Those who
// come with the same new credential at the same time share the request for its first token.
func (h *host) identify(ctx context.Context, c *sqlcred.Credential, ch challenge.Challenge) (*identity, error) {
	key := c.ID()
	h.mu.Lock()
	cur, next := h.identities[key], h.pending[key]
	switch {
	case cur.sameSecrets(c):
		h.mu.Unlock()
		c.Destroy()
		_, _, err := cur.tokens.get(ctx, ch, "")
		return cur, err
	case next.sameSecrets(c):
		c.Destroy()
	default:
		next = h.newIdentity(c)
		h.pending[key] = next
	}
	next.users++
	h.mu.Unlock()

	_, _, err := next.tokens.get(ctx, ch, "")

	h.mu.Lock()
	defer h.mu.Unlock()
	next.users--
	if h.pending[key] == next && (err == nil || next.users == 0) {
		delete(h.pending, key)
	}
	cur = h.identities[key]
	if err == nil && cur == nil {
		h.identities[key], cur = next, next
	}
	if err == nil && cur != next && !next.adopted {
		cur.adopt(next)
		next.adopted = true
	}
	if next.users == 0 && cur != next {
		next.retire()
	}
	if err != nil {
		return nil, err
	}
	return cur, nil
}

// sameSecrets reports whether id has the credential c; not if id is nil.
func (id *identity) sameSecrets(c *sqlcred.Credential) bool {
	if id == nil {
		return false
	}
	id.mu.Lock()
	defer id.mu.Unlock()
	return id.cred.SameSecrets(c)
}

// adopt takes over copies of the credential and the token of next, which was shown to work. What runs with the old token
// finishes with it.
func (id *identity) adopt(next *identity) {
	c := next.snapshot()
	id.mu.Lock()
	id.cred.Destroy()
	id.cred = c
	id.mu.Unlock()
	next.tokens.mu.Lock()
	t, ch := next.tokens.current, next.tokens.ch
	t.value = t.value.Clone()
	next.tokens.mu.Unlock()
	id.tokens.mu.Lock()
	defer id.tokens.mu.Unlock()
	id.tokens.current.value.Destroy()
	id.tokens.current, id.tokens.ch = t, ch
}

func (id *identity) retire() {
	id.tokens.forget()
	id.mu.Lock()
	defer id.mu.Unlock()
	id.cred.Destroy()
}

func (h *host) newIdentity(c *sqlcred.Credential) *identity {
	id := &identity{cred: c}
	id.tokens.o = h.o
	id.tokens.event = func(e keystore.Expiry, _ error) { h.o.saw(e) }
	id.tokens.fetch = func(ctx context.Context, ch challenge.Challenge, claims string) (*secret.Bytes, time.Time, error) {
		now := id.snapshot()
		defer now.Destroy()
		return h.fetchToken(ctx, now, ch, claims)
	}
	return id
}

// currentChallenge is the vault's challenge, read once with a request without a token; all who ask meanwhile share the request.
func (h *host) currentChallenge(ctx context.Context) (challenge.Challenge, error) {
	h.chMu.Lock()
	known := h.challenge
	if known == nil && !h.asked.IsZero() && h.o.clock.Now().Sub(h.asked) > joinFor {
		h.asking.Forget("")
		h.asked = time.Time{}
	}
	h.chMu.Unlock()
	if known != nil {
		return *known, nil
	}
	done := h.asking.DoChan("", func() (any, error) {
		bg, cancel := h.o.background(ctx, challengeTimeout)
		defer cancel()
		return h.askChallenge(bg)
	})
	select {
	case r := <-done:
		ch, _ := r.Val.(challenge.Challenge)
		return ch, r.Err
	case <-ctx.Done():
		return challenge.Challenge{}, canceled(ctx, "reading the challenge of", h.target.Host)
	}
}

func (h *host) asks(since time.Time) {
	h.chMu.Lock()
	defer h.chMu.Unlock()
	h.asked = since
}

// Challenge asks a vault for its challenge, parses and checks it, and tells how far the vault's clock is ahead of ours, to the
// second. It is what Open begins with, for diagnosis.
func (o *Opener) Challenge(ctx context.Context, t sqlcred.Target) (challenge.Challenge, time.Duration, error) {
	h, err := o.host(t)
	if err != nil {
		return challenge.Challenge{}, 0, err
	}
	h.forgetChallenge()
	ch, err := h.currentChallenge(ctx)
	return ch, time.Duration(h.skew.Load()), err
}

// Answer is what the vault answered to the last request for a challenge, for diagnosis: its status and the headers that tell who
// answers, a line each. It is nil before the first.
func (o *Opener) Answer(t sqlcred.Target) []string {
	o.mu.Lock()
	h := o.hosts[t.URL]
	o.mu.Unlock()
	if h == nil {
		return nil
	}
	if lines := h.answer.Load(); lines != nil {
		return *lines
	}
	return nil
}

func (h *host) noteAnswer(res *http.Response) {
	lines := []string{"it answered " + keystore.Clip(res.Status)}
	for _, name := range []string{"WWW-Authenticate", "Server", "Via"} {
		for _, v := range res.Header.Values(name) {
			if len(lines) < 8 {
				lines = append(lines, name+": "+keystore.Clip(v))
			}
		}
	}
	h.answer.Store(&lines)
}

// challengeTimeout bounds one request for a challenge.
const challengeTimeout = 15 * time.Second

func (h *host) askChallenge(ctx context.Context) (challenge.Challenge, error) {
	if !h.o.enter() { // it may come to run only after its caller gave up and the Opener was closed
		return challenge.Challenge{}, code.Wrap(code.Failure, "reading the challenge of", h.target.Host, errClosed)
	}
	defer h.o.wg.Done()
	h.asks(h.o.clock.Now())
	defer h.asks(time.Time{})
	res, body, err := h.send(ctx, request{op: "reading the challenge of", method: http.MethodGet, path: "/keys", query: "maxresults=1"})
	if err != nil {
		return challenge.Challenge{}, err
	}
	h.noteAnswer(res)
	if res.StatusCode != http.StatusUnauthorized {
		f := &keystore.Failure{Class: keystore.Unknown, Status: res.StatusCode, Sent: true, Detail: "a vault answers 401 to a request without a token"}
		if e := akv.ReadError(res.StatusCode, body); e.Message != "" {
			f.Detail = keystore.Clip(e.Message) + "; " + f.Detail
		}
		c := code.HTTPQueryHeaderNotFound
		switch {
		case res.StatusCode >= 500:
			c, f.Class = code.HTTPResponseCodeServerError, keystore.Outage
		case res.StatusCode == http.StatusTooManyRequests:
			c, f.Class, f.RetryAfter = code.HTTPResponseCodeThrottled, keystore.Throttled, retryafter.Read(res.Header, h.o.clock.Now())
		case res.StatusCode == http.StatusForbidden:
			c, f.Class = code.HTTPOperationForbidden, keystore.Suspect
		}
		return challenge.Challenge{}, code.Wrap(c, "reading the challenge of", h.target.Host, f)
	}
	return h.readChallenge(res.Header)
}

// readChallenge parses, checks and keeps the challenge of a 401.
func (h *host) readChallenge(header http.Header) (challenge.Challenge, error) {
	ch, err := challenge.Parse(header)
	if err != nil {
		return challenge.Challenge{}, err
	}
	if err := ch.Check(h.target, h.wire.Load().trusted); err != nil {
		return challenge.Challenge{}, err
	}
	keep := ch
	keep.Claims, keep.Error = "", ""
	h.chMu.Lock()
	h.challenge = &keep
	h.chMu.Unlock()
	return ch, nil
}

// drain reads what is left of a body so that its connection can be used again.
func drain(r io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, r, 4<<10)
	_ = r.Close()
}
