// Package pool keeps the connections to one open database.
//
// A bounded number is lent at once; who wants one more waits, in the order in which they came. Those that come back are kept, and
// [Pool.Get] gives one that was used on the caller's processor before if it can: what a connection has in memory is then still in that
// processor's caches, which is worth a third of a short statement on two processors. For the same reason lending one that is there
// writes nothing that all callers share. [Pool.Trim], called now and then, closes the ones that nobody needed in between, all but one. After
// [Pool.Close] what comes back is closed.
package pool

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"latchkey/engine/lite"
	"latchkey/engine/room"
	"latchkey/engine/tde"
)

// Pool is the connections of one open database. It is safe for concurrent use.
type Pool struct {
	DB    *tde.DB
	bound int
	turn  chan struct{} // of the one that writes
	room  *room.Room

	era     atomic.Uint64 // of snapshots that stand
	tending atomic.Bool   // tend's timer is set
	ending  sync.Mutex    // held while idle connections' snapshots are ended

	near    sync.Pool    // of *Loan that came back on a processor; each may be lent again, or gone
	waiting atomic.Int32 // how many wait in line
	closed  atomic.Bool

	mu     sync.Mutex
	all    []*Loan
	making int          // connections that are being opened
	line   []chan *Loan // of those who wait: a loan, or nil to open one
}

// Loan is a connection of the pool, lent by [Pool.Get] until [Pool.Put].
type Loan struct {
	Conn  *lite.Conn
	state atomic.Int32
	used  atomic.Bool // since the last trim
	reads atomic.Bool // idle with a snapshot that stands
	_     [112]byte   // two would share a cache line
}

// Who changes a loan's state from idle has it.
const (
	lent int32 = iota
	idle
	gone
)

func (l *Loan) take() bool {
	if !l.state.CompareAndSwap(idle, lent) {
		return false
	}
	if !l.used.Load() {
		l.used.Store(true)
	}
	return true
}

// New makes an empty one that lends at most so many connections at once. While r is tight, or after large values, those that come back are
// not kept: a connection gives no memory back that it once had. r may be nil.
func New(db *tde.DB, bound int, r *room.Room) *Pool {
	return &Pool{DB: db, room: r, bound: bound, turn: make(chan struct{}, 1)}
}

// Get lends a connection, waiting until one is there or ctx ends.
func (p *Pool) Get(ctx context.Context) (*Loan, error) {
	for p.waiting.Load() == 0 {
		l, ok := p.near.Get().(*Loan)
		if !ok {
			break
		}
		if l.take() {
			return l, nil
		}
	}
	l, line := p.find()
	if line != nil {
		select {
		case l = <-line:
		case <-ctx.Done():
			p.leave(line)
			return nil, ctx.Err()
		}
	}
	if l == nil {
		return p.connect(ctx)
	}
	return l, nil
}

// find is an idle connection, or a place in the line; neither means that one more is to be opened, which is counted already.
func (p *Pool) find() (*Loan, chan *Loan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting.Add(1)      // before looking: who gives one back from now on looks for who waits
	if len(p.line) == 0 { // else what is idle, or will be in a moment, is for those
		if l := p.takeAny(); l != nil {
			p.waiting.Add(-1)
			return l, nil
		}
		if len(p.all)+p.making < p.bound {
			p.waiting.Add(-1)
			p.making++
			return nil, nil
		}
	}
	line := make(chan *Loan, 1)
	p.line = append(p.line, line)
	return nil, line
}

// takeAny takes the first one that is idle; nil if there is none. The caller holds mu.
func (p *Pool) takeAny() *Loan {
	for _, l := range p.all {
		if l.take() {
			return l
		}
	}
	return nil
}

// leave takes a waiter out of the line. What it was given meanwhile is for the next.
func (p *Pool) leave(line chan *Loan) {
	p.mu.Lock()
	i := slices.Index(p.line, line)
	if i >= 0 {
		p.line = slices.Delete(p.line, i, i+1)
		p.waiting.Add(-1)
	}
	p.mu.Unlock()
	if i >= 0 {
		return
	}
	if l := <-line; l != nil {
		p.keep(l)
		return
	}
	p.unmade()
}

// unmade says that a connection which was counted is not opened.
func (p *Pool) unmade() {
	p.mu.Lock()
	p.making--
	p.mu.Unlock()
	p.next()
}

// next serves the first in the line, if something is there for it.
func (p *Pool) next() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.line) == 0 {
		return
	}
	found := p.takeAny()
	if found == nil {
		if len(p.all)+p.making >= p.bound {
			return
		}
		p.making++
	}
	p.line[0] <- found // of size 1, and used once
	p.line = slices.Delete(p.line, 0, 1)
	p.waiting.Add(-1)
}

// connect opens a connection, which find or next counted.
func (p *Pool) connect(ctx context.Context) (*Loan, error) {
	c, err := connect(ctx, p.DB)
	if err != nil {
		p.unmade()
		return nil, err
	}
	l := &Loan{Conn: c}
	l.used.Store(true)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.making--
	p.all = append(p.all, l)
	return l, nil
}

// Turn is where those who write wait for each other, in the order in which they came: sending takes the turn, receiving gives it back.
// SQLite's lock decides in any case, but who waits for that alone asks again and again.
func (p *Pool) Turn() chan struct{} { return p.turn }

// Put takes one back: a sound one is kept for the next, its transaction rolled back; another is closed.
func (p *Pool) Put(l *Loan, sound bool) {
	c := l.Conn
	c.Idle()
	if sound && !c.Stands() && !c.GetAutocommit() {
		sound = c.Exec("ROLLBACK") == nil
	}
	if sound && !c.Swollen() && !p.room.Tight() {
		stands := c.Stands()
		if l.reads.Load() != stands {
			l.reads.Store(stands)
		}
		p.keep(l)
		if stands {
			p.tend()
		}
		return
	}
	l.state.Store(gone)
	_ = p.drop(l)
}

// keep makes a loan idle, and the one to be taken next on this processor.
func (p *Pool) keep(l *Loan) {
	p.rest(l)
	p.near.Put(l)
}

// rest makes a loan idle. From then on others may take it, or Close and Trim end it.
func (p *Pool) rest(l *Loan) {
	l.state.Store(idle)
	switch {
	case p.closed.Load():
		if l.state.CompareAndSwap(idle, gone) {
			_ = p.drop(l)
		}
	case p.waiting.Load() > 0:
		p.next()
	}
}

// standFor is for how long a snapshot stands on an idle connection, at most twice that: a scan's end and a full log wait for it. Long enough to
// cost nothing beside the statements that share it, and short beside any wait that a user would notice.
const standFor = 10 * time.Millisecond

// Era is for lite.Conn.Stand.
func (p *Pool) Era() uint64 { return p.era.Load() }

// tend sees to it that snapshots are ended that stand too long. It is no deadline of anybody's, so it goes by the machine's clock.
func (p *Pool) tend() {
	if !p.tending.Load() && p.tending.CompareAndSwap(false, true) {
		time.AfterFunc(standFor, p.endSnapshots)
	}
}

// endSnapshots ends those of idle connections. One that is lent ends with the next statement, as the era is another.
func (p *Pool) endSnapshots() {
	p.ending.Lock()
	defer p.ending.Unlock()
	p.tending.Store(false)
	p.era.Add(1)
	if p.closed.Load() {
		return
	}
	p.mu.Lock()
	all := slices.Clone(p.all)
	p.mu.Unlock()
	for _, l := range all {
		if !l.reads.Load() || !l.state.CompareAndSwap(idle, lent) {
			continue
		}
		if l.Conn.Fresh() != nil {
			l.state.Store(gone)
			_ = p.drop(l)
			continue
		}
		l.reads.Store(false)
		p.rest(l) // it is still where the last one who had it left it
	}
}

// drop closes one that is gone.
func (p *Pool) drop(l *Loan) error {
	err := l.Conn.Close()
	l.Conn = nil // a hint may last longer
	p.mu.Lock()
	if i := slices.Index(p.all, l); i >= 0 {
		p.all = slices.Delete(p.all, i, i+1)
	}
	p.mu.Unlock()
	p.next()
	return err
}

// Trim closes the connections that nobody needed since the last trim, but for one.
func (p *Pool) Trim() {
	p.mu.Lock()
	var old []*Loan
	spared := false
	for _, l := range p.all {
		switch {
		case l.used.Swap(false) || l.state.Load() != idle:
			spared = true // it was needed, so it stays, and is the one
		case !l.state.CompareAndSwap(idle, gone):
			spared = true
		default:
			old = append(old, l)
		}
	}
	if !spared && len(old) > 0 {
		old[0].state.Store(idle) // its hint may have been dropped meanwhile; find sees it
		old = old[1:]
	}
	p.mu.Unlock()
	for _, l := range old {
		_ = p.drop(l)
	}
}

// Close ends the idle connections; those that are out end when they come back.
func (p *Pool) Close() error {
	p.closed.Store(true)
	p.ending.Lock() // endSnapshots has none out from here on
	defer p.ending.Unlock()
	p.mu.Lock()
	var ended []*Loan
	for _, l := range p.all {
		if l.state.CompareAndSwap(idle, gone) {
			ended = append(ended, l)
		}
	}
	p.mu.Unlock()
	var errs []error
	for _, l := range ended {
		errs = append(errs, p.drop(l))
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
