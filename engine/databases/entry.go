package databases

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"

	"latchkey/engine/catalog/model"
	"latchkey/engine/databases/pool"
	"latchkey/engine/tde"
)

// entry is one database of the server, open or not.
type entry struct {
	id     int
	path   string
	schema Slot
	turn   chan struct{} // held by who opens or closes it
	keys   tde.Keys      // what unwraps its key; nil means the manager's
	sealed bool          // it must be encrypted, and the catalogue has nothing of its key: a system database

	users   usage
	serving atomic.Pointer[pool.Pool] // pool, while nobody opens it: what a statement needs to know without the lock
	leaving atomic.Bool               // somebody waits until nobody uses it

	mu       sync.Mutex
	state    int
	reason   error
	pool     *pool.Pool    // nil unless it is open
	barred   bool          // its key is refused: it stays closed
	renewing bool          // it is being closed to be opened anew
	idle     chan struct{} // closed when nobody uses it any more; nil unless somebody waits for that
	settled  chan struct{} // closed unless it is being opened
}

func (m *Manager) newEntry(id int, path string) *entry {
	return &entry{id: id, path: path, turn: make(chan struct{}, 1), state: model.Recovering, settled: make(chan struct{})}
}

// take waits for the turn to open or close it; give it back by calling the result.
func (e *entry) take(ctx context.Context) (func(), error) {
	give := func() { <-e.turn }
	select {
	case e.turn <- struct{}{}: // also when ctx has ended: a server that goes down closes what it can
		return give, nil
	default:
	}
	select {
	case e.turn <- struct{}{}:
		return give, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// begin says that it is being opened.
func (e *entry) begin() {
	e.mu.Lock()
	defer e.mu.Unlock()
	select {
	case <-e.settled:
		e.settled = make(chan struct{})
	default:
	}
	e.state = model.Recovering
	e.publishLocked()
}

// publishLocked renews serving.
func (e *entry) publishLocked() {
	if e.state == model.Recovering {
		e.serving.Store(nil)
	} else {
		e.serving.Store(e.pool)
	}
}

// settle says what came of it.
func (e *entry) settle(state int, reason error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.state, e.reason = state, reason
	e.publishLocked()
	select {
	case <-e.settled:
	default:
		close(e.settled)
	}
}

// opened installs an open database.
func (e *entry) opened(p *pool.Pool, state int) {
	e.schema.Invalidate()
	e.mu.Lock()
	e.pool = p
	e.publishLocked()
	e.mu.Unlock()
	e.settle(state, nil)
}

func (e *entry) ready() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.settled
}

// use counts a user of the open database, a session or 0; nil and the state if it is not open.
func (e *entry) use(session int) (*pool.Pool, int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.pool == nil {
		return nil, e.state
	}
	e.users.enter(session, func() bool { return true })
	return e.pool, e.state
}

// useReady is use of a database that nobody is opening; nil if it is not open, or being opened.
func (e *entry) useReady(session int) (p *pool.Pool) {
	e.users.enter(session, func() bool {
		p = e.serving.Load()
		return p != nil
	})
	return p
}

func (e *entry) release(session int) {
	e.users.leave(session)
	if !e.leaving.Load() {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.idle != nil && e.users.none() {
		close(e.idle)
		e.idle = nil
	}
}

func (e *entry) info() Info {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, k := range e.users.by() {
		n += k
	}
	return Info{ID: e.id, State: e.state, Reason: e.reason, Path: e.path, Leases: n}
}

// holders are the sessions that use the open database.
func (e *entry) holders() []int {
	users := e.users.by()
	out := make([]int, 0, len(users))
	for s := range users {
		if s != 0 {
			out = append(out, s)
		}
	}
	return out
}

func (e *entry) status() (tde.Status, bool) {
	e.mu.Lock()
	p := e.pool
	e.mu.Unlock()
	if p == nil {
		return tde.Status{}, false
	}
	return p.DB.Status(), true
}

// close lets nobody in any more, waits until the last user is gone, and closes the database; then it is in state. When ctx ends
// before, the database stays open.
func (e *entry) close(ctx context.Context, state int, reason error) error {
	give, err := e.take(ctx)
	if err != nil {
		return err
	}
	defer give()
	return e.closeHeld(ctx, state, reason)
}

func (e *entry) closeHeld(ctx context.Context, state int, reason error) error {
	e.mu.Lock()
	p, before := e.pool, e.state
	if p == nil {
		e.mu.Unlock()
		e.settle(state, reason)
		return nil
	}
	e.pool, e.state = nil, state
	e.publishLocked()
	e.leaving.Store(true) // before the look at who is there: who leaves from now on says so
	var idle chan struct{}
	if !e.users.none() {
		idle = make(chan struct{})
		e.idle = idle
	}
	e.mu.Unlock()
	defer e.leaving.Store(false)
	if idle != nil {
		select {
		case <-idle:
		case <-ctx.Done():
			e.mu.Lock()
			e.pool, e.state, e.idle = p, before, nil
			e.publishLocked()
			e.mu.Unlock()
			return context.Cause(ctx)
		}
	}
	err := errors.Join(p.Close(), p.DB.Close())
	e.schema.Invalidate()
	e.settle(state, reason)
	return err
}

// files are what a database may consist of, besides its log in the directory logDir.
func (e *entry) files() []string {
	return []string{e.path, e.path + "-wal", e.path + "-scan", e.path + "-roll", e.path + ".lock"}
}

func (e *entry) logDir() string { return e.path + "-log" }

func (e *entry) dir() string { return filepath.Dir(e.path) }
