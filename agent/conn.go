package agent

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"

	"latchkey/agent/frame"
	"latchkey/agent/peer"
	"latchkey/ekm"
	"latchkey/internal/clock"
	"latchkey/internal/secret"
)

// small is the length up to which a body lies in its connection's own buffer; a response's buffer holds every response that carries
// key material without growing, which would leave a copy behind.
const (
	small       = 2 << 10
	responseCap = 4 << 10
)

// conn is one connection. Its reader hands requests to its worker one at a time, and waits for the next meanwhile, so that it
// sees at once when the client goes away during a call.
type conn struct {
	s       *Server
	pc      *peer.Conn
	gen     *generation
	refusal *refusal // instead of an answer to hello

	ctx    context.Context
	cancel context.CancelFunc
	work   chan work
	state  atomic.Int32
	opened atomic.Bool // a session is open
	fresh  atomic.Bool // hello has not come yet

	// The reader's.
	in         []byte // read and not yet used: buf[from:to]
	from, to   int
	hasTimeout bool

	// Of the request being answered: the reader fills it, then it is the worker's until busy is false again.
	body []byte

	// The worker's.
	out     []byte
	session ekm.Session
	cred    *ekm.Credential
	keys    []ekm.KeyInfo
}

// The states of a connection. Only an idle one is closed from outside without cutting something off.
const (
	idle      int32 = iota // between a response and the next request
	answering              // a request is being read or carried out: another one is too early
	writing                // the response is being written: the next request is welcome, the worker comes to it
)

// begin marks a request as begun; false if the one before it is not answered.
func (c *conn) begin() bool {
	for {
		now := c.state.Load()
		if now == answering {
			return false
		}
		if c.state.CompareAndSwap(now, answering) {
			return true
		}
	}
}

type work struct {
	h    frame.Request
	body []byte
	big  int // bytes taken from the budget
}

func newConn(s *Server, pc *peer.Conn, g *generation) *conn {
	c := &conn{s: s, pc: pc, gen: g, work: make(chan work)}
	c.fresh.Store(true)
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// end closes the connection, from any goroutine.
func (c *conn) end() {
	c.cancel()
	c.pc.Close()
}

// serve runs the connection to its end.
func (c *conn) serve() {
	c.in, c.body, c.out = make([]byte, small), make([]byte, small), make([]byte, 0, responseCap)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case w := <-c.work:
				if !c.answer(w) {
					c.end()
				}
			case <-c.ctx.Done():
				return
			}
		}
	}()
	err := c.read()
	c.end()
	<-done
	if c.session != nil {
		if err := c.session.Close(true); err != nil {
			c.s.log.Debug("closing a session failed", "error", err.Error())
		}
		c.s.sessions.Add(-1)
		if c.cred != nil {
			c.cred.Secret.Destroy()
		}
	}
	secret.Wipe(c.in)
	secret.Wipe(c.body)
	secret.Wipe(c.out[:cap(c.out)])
	if err != nil && !errors.Is(err, io.EOF) && c.s.log.Enabled(context.Background(), -4) {
		c.s.log.Debug("a connection ended", "account", c.pc.Peer.Account, "pid", c.pc.Peer.PID, "error", err.Error())
	}
}

var errEarly = errors.New("a request came before the response to the one before it")

// read reads requests until the connection ends.
func (c *conn) read() error {
	for {
		if err := c.fill(1, true); err != nil {
			return err
		}
		if !c.begin() {
			return errEarly
		}
		if err := c.fill(frame.HeaderLen, false); err != nil {
			return err
		}
		h, err := frame.ParseRequest(c.in[c.from : c.from+frame.HeaderLen])
		if err != nil {
			return err
		}
		c.from += frame.HeaderLen
		w := work{h: h, body: c.body[:min(int(h.Length), small)]}
		if int(h.Length) > small {
			if c.fresh.Load() || !c.s.reserve(int64(h.Length)) {
				return errors.New("no room for a frame of this length")
			}
			w.big, w.body = int(h.Length), make([]byte, h.Length)
		}
		if err := c.fillBody(w.body); err != nil {
			secret.Wipe(w.body)
			c.s.bytes.Add(-int64(w.big))
			return err
		}
		select {
		case c.work <- w:
		case <-c.ctx.Done():
			secret.Wipe(w.body)
			c.s.bytes.Add(-int64(w.big))
			return c.ctx.Err()
		}
	}
}

// reserve takes n bytes from the budget for large frames.
func (s *Server) reserve(n int64) bool {
	if s.bytes.Add(n) > s.limits.Load().Bytes {
		s.bytes.Add(-n)
		return false
	}
	return true
}

// fill reads until n bytes are in the buffer. Between requests it waits for one to begin.
func (c *conn) fill(n int, between bool) error {
	if c.from == c.to {
		c.from, c.to = 0, 0
	}
	if c.to-c.from >= n {
		return nil
	}
	if c.from+n > len(c.in) {
		c.to = copy(c.in, c.in[c.from:c.to])
		c.from = 0
	}
	for c.to-c.from < n {
		c.timeout(between)
		m, err := c.pc.Read(c.in[c.to:])
		c.to += m
		if c.to-c.from >= n {
			return nil
		}
		if between && isTimeout(err) && (c.opened.Load() || c.state.Load() != idle) {
			continue // a session was opened while the wait ran
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// fillBody reads a body, from the buffer first, and overwrites what it took there.
func (c *conn) fillBody(body []byte) error {
	n := copy(body, c.in[c.from:c.to])
	secret.Wipe(c.in[c.from : c.from+n])
	c.from += n
	if n == len(body) {
		return nil
	}
	c.timeout(false)
	_, err := io.ReadFull(c.pc, body[n:])
	return err
}

// timeout sets how long the next read may take: for a request to begin, or for the rest of a frame.
func (c *conn) timeout(between bool) {
	limits := c.s.limits.Load()
	d := limits.Frame
	if between {
		switch {
		case c.fresh.Load():
			d = limits.Hello
		case c.opened.Load():
			d = 0
		default:
			d = limits.Idle
		}
	}
	if d == 0 {
		if c.hasTimeout {
			_ = c.pc.SetReadDeadline(time.Time{})
			c.hasTimeout = false
		}
		return
	}
	_ = c.pc.SetReadDeadline(clock.System{}.Now().Add(d))
	c.hasTimeout = true
}

// answer answers one request; false ends the connection.
func (c *conn) answer(w work) bool {
	out, more := c.respond(w)
	secret.Wipe(w.body)
	if w.big > 0 {
		c.s.bytes.Add(-int64(w.big))
	}
	if c.ctx.Err() != nil { // cut off: what the call came to then is not its outcome, which nobody knows
		secret.Wipe(out[min(len(out), frame.HeaderLen):])
		return false
	}
	more = more && !c.gen.closing.Load()
	_ = c.pc.SetWriteDeadline(clock.System{}.Now().Add(c.s.limits.Load().Frame))
	if more {
		c.state.Store(writing)
	}
	_, err := c.pc.Write(out)
	secret.Wipe(out[min(len(out), frame.HeaderLen):])
	if more && c.state.CompareAndSwap(writing, idle) && c.gen.closing.Load() && c.state.CompareAndSwap(idle, answering) {
		more = false // it began to close while the response was written
	}
	return err == nil && more
}

func isTimeout(err error) bool {
	n, ok := errors.AsType[net.Error](err)
	return ok && n.Timeout()
}
