// Package pool keeps the connections to one open database.
//
// A bounded number is out at once; who wants one more waits. Those that come back are kept, the last one used first; [Pool.Trim],
// called now and then, closes the ones that nobody needed in between, all but one. After [Pool.Close] what comes back is closed.
package pool

import (
	"context"
	"errors"
	"sync"

	"latchkey/engine/lite"
	"latchkey/engine/room"
	"latchkey/engine/tde"
)

// Pool is the connections of one open database. It is safe for concurrent use.
type Pool struct {
	DB    *tde.DB
	slots chan struct{} // one for each connection that is out
	turn  chan struct{} // of the one that writes
	room  *room.Room

	mu     sync.Mutex
	idle   []*lite.Conn // the last one used is the last
	spare  int          // how many were idle all the time since the last trim
	closed bool
}

// New makes an empty one that lends at most so many connections at once. While r is tight, or after large values, those that come back are
// not kept: a connection gives no memory back that it once had. r may be nil.
func New(db *tde.DB, bound int, r *room.Room) *Pool {
	return &Pool{DB: db, room: r, slots: make(chan struct{}, bound), turn: make(chan struct{}, 1)}
}

// Get lends a connection, waiting until one is there or ctx ends.
func (p *Pool) Get(ctx context.Context) (*lite.Conn, error) {
	select {
	case p.slots <- struct{}{}: // most often, and then ctx need not be looked at
	default:
		select {
		case p.slots <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	p.mu.Lock()
	if n := len(p.idle); n > 0 {
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.spare = min(p.spare, n-1)
		p.mu.Unlock()
		return c, nil
	}
	p.mu.Unlock()
	c, err := connect(ctx, p.DB)
	if err != nil {
		<-p.slots
		return nil, err
	}
	return c, nil
}

// Turn is where those who write wait for each other, in the order in which they came: sending takes the turn, receiving gives it back.
// SQLite's lock decides in any case, but who waits for that alone asks again and again.
func (p *Pool) Turn() chan struct{} { return p.turn }

// Put takes one back: a sound one is kept for the next, its transaction rolled back; another is closed.
func (p *Pool) Put(c *lite.Conn, sound bool) {
	defer func() { <-p.slots }()
	c.Idle()
	if sound && !c.GetAutocommit() {
		sound = c.Exec("ROLLBACK") == nil
	}
	if sound && !c.Swollen() && !p.room.Tight() && p.keep(c) {
		return
	}
	_ = c.Close()
}

func (p *Pool) keep(c *lite.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.idle = append(p.idle, c)
	return true
}

// Trim closes the connections that nobody needed since the last trim, but for one.
func (p *Pool) Trim() {
	p.mu.Lock()
	n := max(0, min(p.spare, len(p.idle)-1))
	old := append([]*lite.Conn(nil), p.idle[:n]...)
	p.idle = append(p.idle[:0], p.idle[n:]...)
	p.spare = len(p.idle)
	p.mu.Unlock()
	for _, c := range old {
		_ = c.Close()
	}
}

// Close ends the idle connections; those that are out end when they come back.
func (p *Pool) Close() error {
	p.mu.Lock()
	p.closed = true
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	var errs []error
	for _, c := range idle {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// connect opens a connection.
func connect(ctx context.Context, db *tde.DB) (*lite.Conn, error) {
	raw, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	c, err := lite.Open(ctx, raw)
	if err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	return c, nil
}
