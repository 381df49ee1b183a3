package conn

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"latchkey/engine/tds"
)

// request is one message of the client on its way from the reader to the session.
type request struct {
	typ    tds.PacketType
	status tds.Status // of the first packet
	body   []byte
	taken  int         // bytes of the budget
	chunks chan []byte // of a bulk load, closed at its end
	// ignored means that the client gave the message up at its end.
	ignored bool
	refused *refusedError // the message was too large: it was read and thrown away

	ctx    context.Context
	cancel context.CancelFunc

	mu        sync.Mutex
	attention bool
	done      bool
}

// attend notes an attention; false if the request was answered already.
func (r *request) attend() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done {
		return false
	}
	r.attention = true
	r.cancel()
	return true
}

// finish ends the request and says whether an attention came before.
func (r *request) finish() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done = true
	if r.chunks != nil { // its context is its own
		r.cancel()
	}
	return r.attention
}

// watchAfter is how long a request runs before somebody looks for what the client sends meanwhile; it may be twice that.
const watchAfter = 20 * time.Millisecond

// packets reads what the client sends. The session's goroutine reads each request itself: two goroutines that wake each other for every
// one cost more than a short statement. While a request takes long, a second goroutine, the watcher, reads on, so that an attention and
// the end of the connection are seen. It ends with the next message, which waits for the session; there is never more than one.
type packets struct {
	c     *conn
	in    *bufio.Reader
	stop  context.Context // the server's
	base  context.Context // parent of the requests'
	ended chan struct{}   // closed when the session's side is over
	out   chan taken      // from the watcher
	wait  sync.WaitGroup  // for the watcher
	spare []byte          // a body that is over

	// Of one request after the other, until one is cancelled.
	ctx    context.Context //nolint:containedctx // handed on with each request
	cancel context.CancelFunc

	mu      sync.Mutex
	timer   *time.Timer // looks whether a request takes long
	armed   uint64      // the request that it was set for, 0 if it is not set
	number  uint64      // of the last request
	current *request    // nil between requests
	watched bool        // the watcher reads, or its message waits
	inside  bool        // of a message that is being read
	bounded bool        // the socket has a deadline for reading
	over    bool
}

// taken is what the watcher read.
type taken struct {
	r   *request
	err error
}

func newPackets(ctx context.Context, c *conn) *packets {
	p := &packets{c: c, stop: ctx, base: ctx, ended: make(chan struct{}), out: make(chan taken, 1)}
	if in, ok := c.stream.(*peeked); ok {
		p.in = in.r
	} else {
		p.in = bufio.NewReaderSize(c.stream, tds.DefaultPacketSize)
	}
	return p
}

// take is the next request, for the session to serve now.
func (p *packets) take() (*request, error) {
	p.mu.Lock()
	p.current = nil
	watched := p.watched
	if watched && !p.inside { // it began to wait for a message while a request ran, which is as long as it takes
		p.boundLocked(p.c.cfg.IdleTimeout)
	}
	p.mu.Unlock()
	var r *request
	var err error
	if watched {
		t := <-p.out
		r, err = t.r, t.err
	} else {
		for r == nil && err == nil {
			r, err = p.next(p.c.cfg.IdleTimeout)
		}
	}
	if err != nil {
		return nil, err
	}
	if r.ctx == nil {
		if p.ctx == nil || p.ctx.Err() != nil {
			p.ctx, p.cancel = context.WithCancel(p.base)
		}
		r.ctx, r.cancel = p.ctx, p.cancel
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.number++
	p.current = r
	p.watched = r.chunks != nil
	switch {
	case r.chunks != nil && !watched:
		p.watchLocked(r)
	case p.armed != 0:
	case p.timer == nil:
		p.armed = p.number
		p.timer = time.AfterFunc(watchAfter, p.look)
	default:
		p.armed = p.number
		p.timer.Reset(watchAfter)
	}
	return r, nil
}

// look starts the watcher if the request for which the timer was set still runs. The timer is not stopped with each request: that would
// cost each of them something, and so this runs no more than once in watchAfter.
func (p *packets) look() {
	p.mu.Lock()
	defer p.mu.Unlock()
	was := p.armed
	p.armed = 0
	switch {
	case p.over || p.watched || p.current == nil:
	case p.number != was:
		p.armed = p.number
		p.timer.Reset(watchAfter)
	default:
		p.watchLocked(nil)
	}
}

func (p *packets) watchLocked(r *request) {
	p.watched = true
	p.wait.Go(func() { p.watch(r) })
}

// watch reads up to the end of the next message. r is a bulk load whose rest is read first.
func (p *packets) watch(r *request) {
	for {
		if r != nil {
			err := p.stream(r)
			if err != nil {
				r.cancel()
			}
			close(r.chunks)
			if err != nil {
				p.deliver(taken{err: err})
				return
			}
		}
		var err error
		if r, err = p.next(0); err != nil {
			p.mu.Lock()
			if p.current != nil {
				p.current.cancel() // nobody waits for the answer
			}
			p.mu.Unlock()
		}
		if err == nil && r == nil {
			continue
		}
		if !p.deliver(taken{r, err}) || err != nil || r.chunks == nil {
			return
		}
	}
}

func (p *packets) deliver(t taken) bool {
	select {
	case p.out <- t:
		return true
	case <-p.ended:
		p.drop(t)
		return false
	}
}

func (p *packets) drop(t taken) {
	if t.r != nil {
		p.c.share.give(t.r.taken)
	}
}

// end ends the watcher and gives back what the connection has of the budget. The socket is closed already.
func (p *packets) end() {
	close(p.ended)
	p.mu.Lock()
	p.over = true
	if p.timer != nil {
		p.timer.Stop()
	}
	p.mu.Unlock()
	p.wait.Wait()
	select {
	case t := <-p.out:
		p.drop(t)
	default:
	}
	if p.cancel != nil {
		p.cancel()
	}
	p.c.share.end()
}

// header reads a packet's header. wait bounds the time up to its first byte.
func (p *packets) header(wait time.Duration, first bool) (tds.Header, error) {
	c := p.c
	if p.in.Buffered() == 0 {
		p.bound(wait, !first)
		if _, err := p.in.Peek(1); err != nil {
			return tds.Header{}, err
		}
	}
	p.expect(tds.HeaderSize)
	b, err := p.in.Peek(tds.HeaderSize)
	if err != nil {
		return tds.Header{}, unexpected(err)
	}
	h, err := tds.DecodeHeader(b, max(c.size, tds.DefaultPacketSize))
	if err != nil {
		return h, err
	}
	_, err = p.in.Discard(tds.HeaderSize)
	p.expect(h.Length - tds.HeaderSize)
	return h, err
}

// expect bounds the time for bytes of a packet, unless they are there.
func (p *packets) expect(n int) {
	if p.in.Buffered() < n {
		p.bound(p.c.cfg.ReadTimeout, true)
	}
}

// bound sets the deadline of the next read; 0 is forever.
func (p *packets) bound(wait time.Duration, inside bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inside = inside
	if p.watched && !inside && p.current == nil {
		wait = p.c.cfg.IdleTimeout // the request ended meanwhile
	}
	p.boundLocked(wait)
}

func (p *packets) boundLocked(wait time.Duration) {
	if wait <= 0 && !p.bounded {
		return
	}
	t := time.Time{}
	if wait > 0 {
		t = p.c.cfg.Clock.Now().Add(wait)
	}
	p.bounded = wait > 0
	if !p.over {
		_ = p.c.socket.SetReadDeadline(t)
		if p.stop.Err() != nil { // Serve's own deadline may have been overwritten just now
			_ = p.c.socket.SetReadDeadline(time.Unix(1, 0))
		}
	}
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// next reads a message up to its end, or up to its first packet for a bulk load. nil means that the packet was an attention and is
// dealt with. idle bounds the time until it begins.
func (p *packets) next(idle time.Duration) (*request, error) {
	h, err := p.header(idle, true)
	if err != nil {
		return nil, err
	}
	r := &request{typ: h.Type, status: h.Status}
	switch h.Type {
	case tds.PacketAttention:
		if _, err := io.CopyN(io.Discard, p.in, int64(h.Length-tds.HeaderSize)); err != nil {
			return nil, unexpected(err)
		}
		p.mu.Lock()
		current := p.current
		p.mu.Unlock()
		if current != nil && current.attend() {
			return nil, nil
		}
		return r, nil
	case tds.PacketBulk:
		r.chunks = make(chan []byte, 2)
		r.ctx, r.cancel = context.WithCancel(p.base)
		first := make([]byte, h.Length-tds.HeaderSize)
		if _, err := io.ReadFull(p.in, first); err != nil {
			r.cancel()
			return nil, unexpected(err)
		}
		r.body = first
		r.ignored = h.Status&tds.StatusIgnore != 0
		return r, nil
	case tds.PacketBatch, tds.PacketRPC, tds.PacketTransMgr:
		p.mu.Lock()
		if p.current == nil {
			r.body, p.spare = p.spare, nil
		}
		p.mu.Unlock()
		return r, p.body(r, h)
	}
	return nil, fmt.Errorf("packet type %#02x after login", uint8(h.Type))
}

// reuse takes the body of a request that is over.
func (p *packets) reuse(r *request) {
	const much = 16 << 10
	if r.chunks == nil && cap(r.body) <= much {
		p.spare = r.body[:0]
	}
}

// body reads the packets of a message. A message over its limit is read to its end without being kept, so that the client can be
// told and the connection lives on; it must not go on for ever, though.
func (p *packets) body(r *request, h tds.Header) error {
	const patience = 4 // times the limit that a message too large may have
	total := 0
	for {
		n := h.Length - tds.HeaderSize
		total += n
		switch {
		case r.refused == nil && total > p.c.cfg.MaxMessage:
			p.giveUp(r, tooLarge(p.c.cfg.MaxMessage))
		case r.refused == nil && !p.c.share.take(n):
			p.giveUp(r, noMemory())
		}
		if total > patience*p.c.cfg.MaxMessage {
			return fmt.Errorf("a message of over %d bytes", patience*p.c.cfg.MaxMessage)
		}
		if r.refused != nil {
			if _, err := io.CopyN(io.Discard, p.in, int64(n)); err != nil {
				return unexpected(err)
			}
		} else {
			r.taken += n
			if err := p.read(r, n); err != nil {
				p.c.share.give(r.taken)
				return err
			}
		}
		if h.Status&tds.StatusEnd != 0 {
			r.ignored = h.Status&tds.StatusIgnore != 0
			return nil
		}
		typ := h.Type
		var err error
		if h, err = p.header(p.c.cfg.ReadTimeout, false); err == nil && h.Type != typ {
			err = fmt.Errorf("packet type %#02x inside a message of type %#02x", uint8(h.Type), uint8(typ))
		}
		if err != nil {
			p.c.share.give(r.taken)
			return unexpected(err)
		}
	}
}

func (p *packets) read(r *request, n int) error {
	start := len(r.body)
	if start+n > cap(r.body) {
		r.body = append(make([]byte, 0, max(2*start, start+n)), r.body...)
	}
	r.body = r.body[:start+n]
	_, err := io.ReadFull(p.in, r.body[start:])
	return unexpected(err)
}

func (p *packets) giveUp(r *request, m *refusedError) {
	r.refused = m
	p.c.share.give(r.taken)
	r.taken, r.body = 0, nil
}

// refusedError is a request that is too large for the connection or the server.
type refusedError struct{ m tds.Message }

// Error is the message's text.
func (e *refusedError) Error() string { return e.m.Text }

func tooLarge(limit int) *refusedError {
	return &refusedError{tds.Message{Number: 7119, State: 1, Class: 16, Text: fmt.Sprintf("The request is over the limit of %d bytes.", limit)}}
}

func noMemory() *refusedError {
	return &refusedError{tds.Message{Number: 701, State: 1, Class: 17, Text: "There is insufficient system memory in resource pool 'default' to run this query."}}
}

// stream passes the packets of a bulk load on, at the session's pace.
func (p *packets) stream(r *request) error {
	if !p.chunk(r, r.body) {
		return errClosing
	}
	last := r.status
	for last&tds.StatusEnd == 0 {
		h, err := p.header(p.c.cfg.ReadTimeout, false)
		if err != nil {
			return unexpected(err)
		}
		if h.Type == tds.PacketAttention {
			if _, err := io.CopyN(io.Discard, p.in, int64(h.Length-tds.HeaderSize)); err != nil {
				return unexpected(err)
			}
			r.attend()
			return nil // whatever its status says, no more rows come behind it
		}
		if h.Type != tds.PacketBulk {
			return fmt.Errorf("packet type %#02x inside a bulk load", uint8(h.Type))
		}
		b := make([]byte, h.Length-tds.HeaderSize)
		if _, err := io.ReadFull(p.in, b); err != nil {
			return unexpected(err)
		}
		if last = h.Status; last&tds.StatusIgnore != 0 {
			r.mu.Lock()
			r.ignored = true
			r.mu.Unlock()
			r.cancel()
		}
		if !p.chunk(r, b) {
			return errClosing
		}
	}
	return nil
}

func (p *packets) chunk(r *request, b []byte) bool {
	select {
	case r.chunks <- b:
		return true
	case <-p.ended:
		return false
	}
}
