package conn

import (
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
	r.cancel()
	return r.attention
}

// packets reads what the client sends, in a goroutine of its own, so that an attention is seen at any time. No more than one
// message waits for the session.
type packets struct {
	c     *conn
	stop  context.Context // the server's
	out   chan *request
	ended chan struct{} // closed when the session's side is over
	last  *request
	err   error // why out was closed
}

func (p *packets) run(ctx context.Context) {
	defer close(p.out)
	for {
		r, err := p.next(ctx)
		if err != nil {
			p.err = err
			if p.last != nil {
				p.last.cancel() // nobody waits for the answer
			}
			return
		}
		if r == nil {
			continue
		}
		if !p.deliver(r) {
			return
		}
		if r.chunks != nil {
			if err := p.stream(r); err != nil {
				p.err = err
				r.cancel()
				close(r.chunks)
				return
			}
			close(r.chunks)
		}
	}
}

func (p *packets) deliver(r *request) bool {
	p.last = r
	select {
	case p.out <- r:
		return true
	case <-p.ended:
		r.cancel()
		return false
	}
}

// header reads a packet's header.
func (p *packets) header(wait time.Duration) (tds.Header, error) {
	var b [tds.HeaderSize]byte
	c := p.c
	p.deadline(wait)
	if _, err := io.ReadFull(c.stream, b[:1]); err != nil {
		return tds.Header{}, err
	}
	p.deadline(c.cfg.ReadTimeout)
	if _, err := io.ReadFull(c.stream, b[1:]); err != nil {
		return tds.Header{}, unexpected(err)
	}
	return tds.DecodeHeader(b[:], max(c.size, tds.DefaultPacketSize))
}

// deadline bounds the next read; 0 is forever.
func (p *packets) deadline(wait time.Duration) {
	t := time.Time{}
	if wait > 0 {
		t = p.c.cfg.Clock.Now().Add(wait)
	}
	select {
	case <-p.ended:
	default:
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
// dealt with.
func (p *packets) next(ctx context.Context) (*request, error) {
	h, err := p.header(p.c.cfg.IdleTimeout)
	if err != nil {
		return nil, err
	}
	r := &request{typ: h.Type, status: h.Status}
	r.ctx, r.cancel = context.WithCancel(ctx)
	switch h.Type {
	case tds.PacketAttention:
		if _, err := io.CopyN(io.Discard, p.c.stream, int64(h.Length-tds.HeaderSize)); err != nil {
			return nil, unexpected(err)
		}
		if p.last != nil && p.last.attend() {
			r.cancel()
			return nil, nil
		}
		return r, nil
	case tds.PacketBulk:
		r.chunks = make(chan []byte, 2)
		first := make([]byte, h.Length-tds.HeaderSize)
		if _, err := io.ReadFull(p.c.stream, first); err != nil {
			return nil, unexpected(err)
		}
		r.body = first
		r.ignored = h.Status&tds.StatusIgnore != 0
		return r, nil
	case tds.PacketBatch, tds.PacketRPC, tds.PacketTransMgr:
		return r, p.body(r, h)
	}
	return nil, fmt.Errorf("packet type %#02x after login", uint8(h.Type))
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
		case r.refused == nil && !p.c.cfg.Budget.take(n):
			p.giveUp(r, noMemory())
		}
		if total > patience*p.c.cfg.MaxMessage {
			return fmt.Errorf("a message of over %d bytes", patience*p.c.cfg.MaxMessage)
		}
		if r.refused != nil {
			if _, err := io.CopyN(io.Discard, p.c.stream, int64(n)); err != nil {
				return unexpected(err)
			}
		} else {
			r.taken += n
			if err := p.read(r, n); err != nil {
				p.c.cfg.Budget.give(r.taken)
				return err
			}
		}
		if h.Status&tds.StatusEnd != 0 {
			r.ignored = h.Status&tds.StatusIgnore != 0
			return nil
		}
		typ := h.Type
		var err error
		if h, err = p.header(p.c.cfg.ReadTimeout); err == nil && h.Type != typ {
			err = fmt.Errorf("packet type %#02x inside a message of type %#02x", uint8(h.Type), uint8(typ))
		}
		if err != nil {
			p.c.cfg.Budget.give(r.taken)
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
	_, err := io.ReadFull(p.c.stream, r.body[start:])
	return unexpected(err)
}

func (p *packets) giveUp(r *request, m *refusedError) {
	r.refused = m
	p.c.cfg.Budget.give(r.taken)
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
		h, err := p.header(p.c.cfg.ReadTimeout)
		if err != nil {
			return unexpected(err)
		}
		if h.Type == tds.PacketAttention {
			r.attend()
			last = h.Status
			continue
		}
		if h.Type != tds.PacketBulk {
			return fmt.Errorf("packet type %#02x inside a bulk load", uint8(h.Type))
		}
		b := make([]byte, h.Length-tds.HeaderSize)
		if _, err := io.ReadFull(p.c.stream, b); err != nil {
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
