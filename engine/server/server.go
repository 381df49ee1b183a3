package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"time"

	"latchkey/engine/catalog"
	"latchkey/engine/catalog/authn"
	"latchkey/engine/room"
	"latchkey/engine/sessions"
	"latchkey/engine/tds/conn"
	"latchkey/internal/clock"
)

// Defaults of Limits.
const (
	DefaultConnections       = 2000
	DefaultPending           = 256
	DefaultPendingPerAddress = 64
	DefaultMemory            = 512 << 20
	// adminPlaces are beyond Connections, for members of sysadmin, who may have to see to it that there are too many.
	adminPlaces = 2
)

// Limits bounds what clients may take. Zero values mean the defaults.
type Limits struct {
	// Connections is the most that are logged in at once; who is let in beyond it hears message 17809, but for two members of sysadmin.
	// PerAddress is that for one address; 0 means no bound but Connections, since applications have pools.
	Connections, PerAddress int
	// Pending is the most connections that are not logged in yet, but for those from this machine, which have places of their own;
	// PendingPerAddress that for one address. Those beyond are closed without a word.
	Pending, PendingPerAddress int
	// Memory bounds the bytes of all requests that are being read or served.
	Memory int64
	// Login is how long a connection may take from its first byte to the answer to its login; 0 means 15 s.
	Login time.Duration
}

func (l *Limits) defaults() {
	set := func(n *int, to int) {
		if *n <= 0 {
			*n = to
		}
	}
	set(&l.Connections, DefaultConnections)
	set(&l.PerAddress, l.Connections)
	set(&l.Pending, DefaultPending)
	set(&l.PendingPerAddress, DefaultPendingPerAddress)
	if l.Memory <= 0 {
		l.Memory = DefaultMemory
	}
}

// Config says how to serve. Catalog, Gate, Sessions and Open are required.
type Config struct {
	Catalog  *catalog.Catalog
	Gate     *authn.Gate
	Sessions *sessions.Registry
	// Open makes the session of a login that was let in. Messages say that its database cannot be had. After an error the session
	// of l is closed by the server.
	Open func(ctx context.Context, l Login) (*conn.Accepted, error)

	TLS *tls.Config // nil means that the server cannot encrypt
	// ForceEncryption refuses clients that do not encrypt everything.
	ForceEncryption bool
	Name            string // of the server, in messages
	Limits          Limits
	// Room is what statements ask before they make large values; nil has room for all.
	Room  *room.Room
	Clock clock.Clock  // nil means the machine's
	Log   *slog.Logger // the error log; nil discards
}

// Server serves TDS clients. It is safe for concurrent use.
type Server struct {
	cfg      Config
	throttle *throttle
	notices  *notices
	budget   *conn.Budget
	ctx      context.Context // of all connections
	cancel   context.CancelCauseFunc
	work     sync.WaitGroup

	mu        sync.Mutex
	stopping  bool
	listeners map[net.Listener]bool
	open      map[*client]bool
	pending   int // of other machines
	inside    int // logged in
	per       map[netip.Prefix]*count
}

// count is what one address has.
type count struct{ open, pending, inside int }

// client is one connection.
type client struct {
	s      *Server
	socket net.Conn
	from   netip.Prefix
	spid   int
	cancel context.CancelCauseFunc

	mu      sync.Mutex
	session conn.Session // once logged in
	place   *sessions.Session
	waiting bool // for its login
	inside  bool // logged in
}

var (
	errStopping = errors.New("the server is stopping")
	errOver     = errors.New("the connection is over")
)

// New makes a Server.
func New(cfg Config) *Server {
	if cfg.Clock == nil {
		cfg.Clock = clock.System{}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cfg.Limits.defaults()
	s := &Server{
		cfg: cfg, throttle: newThrottle(cfg.Clock), notices: newNotices(cfg.Clock, cfg.Log), budget: conn.NewBudget(cfg.Limits.Memory),
		listeners: make(map[net.Listener]bool), open: make(map[*client]bool), per: make(map[netip.Prefix]*count),
	}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	return s
}

// acceptPause is how long to wait after Accept failed for want of files or memory.
const acceptPause = 50 * time.Millisecond

// Serve accepts connections from l until Shutdown, then returns nil. It closes l.
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	if s.stopping {
		s.mu.Unlock()
		return l.Close()
	}
	s.listeners[l] = true
	s.mu.Unlock()
	for {
		c, err := l.Accept()
		if err == nil {
			s.accept(c)
			continue
		}
		s.mu.Lock()
		stopping := s.stopping
		s.mu.Unlock()
		switch {
		case stopping:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accepting SQL clients: %w", err)
		}
		s.notices.warn(netip.Prefix{}, "accepting a client failed", "accepting a client failed", "err", err)
		if clock.Sleep(s.ctx, s.cfg.Clock, acceptPause) != nil {
			return nil
		}
	}
}

// accept serves a connection in its own goroutine, or closes it if there are too many.
func (s *Server) accept(socket net.Conn) {
	from := network(socket.RemoteAddr())
	spid, release, err := s.cfg.Sessions.Reserve()
	if err != nil {
		s.turnedAway(from, socket, err.Error())
		return
	}
	ctx, cancel := context.WithCancelCause(sessions.With(room.With(s.ctx, s.cfg.Room), spid))
	c := &client{s: s, socket: socket, from: from, spid: spid, cancel: cancel, waiting: true}
	if why := s.admit(c); why != "" {
		cancel(errOver)
		release()
		s.turnedAway(from, socket, why)
		return
	}
	go func() {
		defer s.work.Done()
		defer release()
		defer s.leave(c)
		defer cancel(errOver)
		c.serve(ctx)
	}()
}

// turnedAway closes a connection that is not served. The log has it first, so that who is turned away is in it.
func (s *Server) turnedAway(from netip.Prefix, socket net.Conn, why string) {
	defer socket.Close()
	s.notices.warn(from, "turned away: "+why, "a connection was turned away", "client", fmt.Sprint(socket.RemoteAddr()), "reason", why)
}

// here reports whether a connection comes from this machine.
func here(from netip.Prefix) bool { return from.IsValid() && from.Addr().IsLoopback() }

// admit counts a connection in, or says why not.
func (s *Server) admit(c *client) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.per[c.from]
	if n == nil {
		n = &count{}
	}
	l := s.cfg.Limits
	switch {
	case s.stopping:
		return "the server is stopping"
	case s.pending >= l.Pending && !here(c.from):
		return "too many connections are not logged in"
	case n.pending >= l.PendingPerAddress:
		return "too many connections from this address are not logged in"
	}
	s.per[c.from] = n
	n.open++
	n.pending++
	if !here(c.from) {
		s.pending++
	}
	s.open[c] = true
	s.work.Add(1)
	return ""
}

// leave counts a connection out.
func (s *Server) leave(c *client) {
	c.settled()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
	n := s.per[c.from]
	n.open--
	if c.inside {
		c.inside = false
		s.inside--
		n.inside--
	}
	if n.open == 0 {
		delete(s.per, c.from)
	}
}

// settled says that the connection does not wait for its login any more.
func (c *client) settled() {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if c.waiting {
		c.waiting = false
		if !here(c.from) {
			c.s.pending--
		}
		c.s.per[c.from].pending--
	}
}

// enter takes one of the places of who is logged in, and reports whether there was one.
func (c *client) enter(admin bool) bool {
	s := c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	n, l := s.per[c.from], s.cfg.Limits
	free := s.inside < l.Connections && n.inside < l.PerAddress
	if !free && (!admin || s.inside >= l.Connections+adminPlaces) {
		return false
	}
	c.inside = true
	s.inside++
	n.inside++
	return true
}

// serve serves the connection to its end.
func (c *client) serve(ctx context.Context) {
	defer c.recovered()
	err := conn.Serve(ctx, c.socket, conn.Config{
		TLS: c.s.cfg.TLS, ForceEncryption: c.s.cfg.ForceEncryption, ServerName: c.s.cfg.Name, SPID: uint16(c.spid),
		Budget: c.s.budget, Clock: c.s.cfg.Clock, LoginTimeout: c.s.cfg.Limits.Login,
	}, c)
	c.mu.Lock()
	place := c.place
	c.mu.Unlock()
	if place != nil {
		place.Close()
	}
	var refused *conn.Refusal
	if err == nil || errors.As(err, &refused) || ctx.Err() != nil {
		return
	}
	args := []any{"session", c.spid, "client", fmt.Sprint(c.socket.RemoteAddr()), "err", err}
	if place == nil {
		c.s.notices.warn(c.from, "ended before its login", "a connection ended", args...)
		return
	}
	c.s.cfg.Log.Warn("a connection ended", args...)
}

// recovered ends what a panic left. The message may hold a user's data, so the log has its kind and the stack.
func (c *client) recovered() {
	p := recover()
	if p == nil {
		return
	}
	what := fmt.Sprintf("%T", p)
	if err, ok := p.(error); ok {
		what = err.Error() // of the runtime: an index, a nil pointer
	}
	c.s.cfg.Log.Error("a session failed and was ended; the server goes on", "session", c.spid, "panic", what, "stack", string(debug.Stack()))
	c.cancel(errOver)
	_ = c.socket.Close()
	c.mu.Lock()
	session, place := c.session, c.place
	c.mu.Unlock()
	if session != nil {
		func() {
			defer func() {
				if p := recover(); p != nil {
					c.s.cfg.Log.Error("closing the failed session failed too", "session", c.spid, "panic", fmt.Sprintf("%T", p))
				}
			}()
			session.Close()
		}()
	}
	if place != nil {
		place.Close()
	}
}

// drainEvery is how often Shutdown looks for sessions that have come to rest.
const drainEvery = 20 * time.Millisecond

// Shutdown stops accepting, ends idle sessions, waits for the others until ctx ends, then cuts them, and returns when none is left.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.stopping = true
	var errs []error
	for l := range s.listeners {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	s.mu.Unlock()
	for s.endIdle() > 0 {
		if clock.Sleep(ctx, clock.System{}, drainEvery) != nil {
			break
		}
	}
	s.cancel(errStopping)
	s.work.Wait()
	s.notices.close()
	return errors.Join(errs...)
}

// endIdle ends the connections that do nothing, and says how many others there are.
func (s *Server) endIdle() int {
	busy := make(map[int]bool)
	for _, v := range s.cfg.Sessions.List() {
		busy[v.ID] = v.Running
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	left := 0
	for c := range s.open {
		if busy[c.spid] {
			left++
			continue
		}
		c.cancel(errStopping)
	}
	return left
}

// Connections is how many connections there are, and how many of them are not logged in yet.
func (s *Server) Connections() (open, pending int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		if c.waiting {
			pending++
		}
	}
	return len(s.open), pending
}
