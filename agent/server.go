package agent

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"latchkey/agent/frame"
	"latchkey/agent/peer"
	"latchkey/ekm"
	"latchkey/internal/clock"
)

// Server serves a provider. Make one with New.
type Server struct {
	cfg      Config
	log      *slog.Logger
	started  time.Time
	instance [16]byte
	limits   atomic.Pointer[Limits]
	calls    chan struct{} // holds one for each call that runs
	running  atomic.Int32
	sessions atomic.Int32
	bytes    atomic.Int64
	going    atomic.Bool

	mu        sync.Mutex
	closed    bool
	listeners []*peer.Listener
	current   *generation
	conns     map[*conn]struct{}
	changed   chan struct{}        // closed and replaced whenever a connection ends
	refused   map[string]time.Time // accounts, and when their refusal was last logged
	wg        sync.WaitGroup       // goroutines of the Server
}

// generation is a provider with the connections that use it.
type generation struct {
	provider ekm.Provider
	conns    int         // guarded by Server.mu
	retired  bool        // guarded by Server.mu: no connection joins any more
	going    atomic.Bool // its connections are told to come again
	closing  atomic.Bool // its connections end after what they are doing
}

// ErrClosed is what Serve returns once the Server leaves.
var ErrClosed = errors.New("the agent has closed")

// extra is how many connections over the limit are answered with a code instead of silence.
const extra = 64

// Serve accepts connections from l until the Server leaves or l fails; it closes l.
func (s *Server) Serve(l *peer.Listener) error {
	defer l.Close()
	s.mu.Lock()
	if s.closed || s.going.Load() {
		s.mu.Unlock()
		return ErrClosed
	}
	s.listeners = append(s.listeners, l)
	s.mu.Unlock()
	wait := time.Duration(0)
	for {
		c, err := l.Next()
		if err == nil {
			wait = 0
			s.take(c)
			continue
		}
		if s.going.Load() || s.isClosed() || errors.Is(err, net.ErrClosed) {
			return ErrClosed
		}
		// No descriptors, no memory: those who hold them end some time.
		wait = min(max(2*wait, 5*time.Millisecond), time.Second)
		s.log.Error("accepting a connection failed", "address", l.Address.String(), "error", err.Error())
		if err := clock.Sleep(context.Background(), clock.System{}, wait); err != nil {
			return err
		}
	}
}

func (s *Server) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// take starts to serve a connection.
func (s *Server) take(pc *peer.Conn) {
	limits := s.limits.Load()
	s.mu.Lock()
	open := len(s.conns)
	if s.closed || open >= limits.Connections+extra {
		s.mu.Unlock()
		pc.Close()
		return
	}
	c := newConn(s, pc, s.current)
	switch {
	case !pc.Peer.Allowed:
		c.refusal = denied(pc.Peer)
	case open >= limits.Connections:
		c.refusal = busy("%d connections are open, which is the limit (limits.connections)", open)
	}
	c.gen.conns++
	s.conns[c] = struct{}{}
	s.wg.Add(1)
	s.mu.Unlock()
	if c.refusal != nil {
		s.logRefusal(pc.Peer, c.refusal)
	}
	go func() {
		defer s.wg.Done()
		c.serve()
		s.ended(c)
	}()
}

// logRefusal logs a refusal, once a minute for an account: a server that asks again and again must not fill a disk.
func (s *Server) logRefusal(p peer.Identity, r *refusal) {
	now := s.cfg.Clock.Now()
	s.mu.Lock()
	last, seen := s.refused[p.Account]
	if len(s.refused) > 1000 {
		clear(s.refused)
	}
	quiet := seen && now.Sub(last) < time.Minute
	if !quiet {
		s.refused[p.Account] = now
	}
	s.mu.Unlock()
	if !quiet {
		s.log.Warn("a connection was refused", "account", p.Account, "pid", p.PID, "code", r.code.Number(), "reason", r.text)
	}
}

// ended forgets a connection, and closes the provider that it used if that is no longer the current one and it was the last.
func (s *Server) ended(c *conn) {
	s.mu.Lock()
	delete(s.conns, c)
	c.gen.conns--
	last := c.gen.retired && c.gen.conns == 0
	close(s.changed)
	s.changed = make(chan struct{})
	s.mu.Unlock()
	if last {
		s.closeProvider(c.gen)
	}
}

func (s *Server) closeProvider(g *generation) {
	if err := g.provider.Close(); err != nil {
		s.log.Error("closing the provider failed", "error", err.Error())
	}
}

// Change serves p from now on, with limits as they are given. Connections that are open go on with the provider that they have; they
// are told to come again with their next response, and closed when they are idle after Limits.Grace. The old provider is closed
// with the last of them. Limits.Calls cannot be changed. After Leave it only closes p.
func (s *Server) Change(p ekm.Provider, limits Limits) error {
	if err := limits.defaults(); err != nil {
		return err
	}
	s.mu.Lock()
	if s.closed || s.going.Load() {
		s.mu.Unlock()
		return errors.Join(ErrClosed, p.Close())
	}
	s.limits.Store(&limits)
	old := s.current
	s.current = &generation{provider: p}
	old.retired = true
	unused := old.conns == 0
	s.wg.Add(1)
	s.mu.Unlock()
	old.going.Store(true)
	go func() {
		defer s.wg.Done()
		if unused {
			s.closeProvider(old)
			return
		}
		ctx, cancel := s.untilClosed()
		defer cancel()
		_ = clock.Sleep(ctx, clock.System{}, limits.Grace)
		old.closing.Store(true)
		s.closeIdle(old)
	}()
	return nil
}

// untilClosed is a context that ends when the Server is closed.
func (s *Server) untilClosed() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer cancel()
		for {
			s.mu.Lock()
			closed, changed := s.closed, s.changed
			s.mu.Unlock()
			if closed {
				return
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}()
	return ctx, cancel
}

// closeIdle closes the connections of g on which no call runs; others close after their response, as g is closing.
func (s *Server) closeIdle(g *generation) {
	s.mu.Lock()
	var quiet []*conn
	for c := range s.conns {
		if c.gen == g && c.state.CompareAndSwap(idle, answering) { // from now on a request is one too early, and not read
			quiet = append(quiet, c)
		}
	}
	s.mu.Unlock()
	for _, c := range quiet {
		c.end()
	}
}

// StopAccepting closes the listeners, so that a successor alone gets what comes. Connections that are open are told to come again.
func (s *Server) StopAccepting() {
	s.mu.Lock()
	s.going.Store(true)
	s.current.going.Store(true)
	listeners := s.listeners
	s.listeners = nil
	s.mu.Unlock()
	for _, l := range listeners {
		l.Close()
	}
}

// Leave ends the Server without cutting a call off: it stops accepting, tells its clients to come again, closes idle connections
// after grace, lets calls finish, and closes the provider. When ctx ends, it cuts off what still runs and returns ctx's error.
func (s *Server) Leave(ctx context.Context, grace time.Duration) error {
	s.StopAccepting()
	if s.connections() > 0 {
		_ = clock.Sleep(ctx, clock.System{}, grace)
	}
	s.mu.Lock()
	gens := map[*generation]bool{s.current: true}
	for c := range s.conns {
		gens[c.gen] = true
	}
	s.mu.Unlock()
	for g := range gens {
		g.going.Store(true)
		g.closing.Store(true)
		s.closeIdle(g)
	}
	for {
		s.mu.Lock()
		left, changed := len(s.conns), s.changed
		s.mu.Unlock()
		if left == 0 {
			return s.Close()
		}
		select {
		case <-changed:
		case <-ctx.Done():
			s.log.Warn("leaving with calls that still run", "connections", left)
			return errors.Join(ctx.Err(), s.Close())
		}
	}
}

func (s *Server) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// Close ends everything now: calls that run are cut off. It waits for its goroutines and closes the provider.
func (s *Server) Close() error {
	s.StopAccepting()
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		s.wg.Wait()
		return nil
	}
	s.closed = true
	close(s.changed)
	s.changed = make(chan struct{})
	open := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		open = append(open, c)
	}
	current := s.current
	s.mu.Unlock()
	for _, c := range open {
		c.end()
	}
	s.wg.Wait()
	return current.provider.Close()
}

// Status is what the Server does at the moment.
func (s *Server) Status() frame.PingResponse {
	return frame.PingResponse{
		Uptime:      uint64(s.cfg.Clock.Now().Sub(s.started).Milliseconds()),
		Connections: uint32(s.connections()), Sessions: uint32(s.sessions.Load()), Running: uint32(s.running.Load()), Going: s.going.Load(),
	}
}
