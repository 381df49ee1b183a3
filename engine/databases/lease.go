package databases

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/lite"
	"latchkey/engine/tde"
)

// Lease is a connection on loan, for one goroutine. Give it back with Release, or with Discard if it may be unusable.
type Lease struct {
	Conn *lite.Conn
	m    *Manager
	e    *entry
	p    *pool
	once sync.Once
}

// Lease lends a connection to a database, waiting for one if all are out. The error is a message: 911 without such a database, 922
// while it is being recovered, 945 when it could not be opened, 926 for a damaged one, 942 for one that is offline.
func (m *Manager) Lease(ctx context.Context, id int) (*Lease, error) {
	e, p, err := m.acquire(ctx, id)
	if err != nil {
		return nil, err
	}
	c, err := p.get(ctx)
	if err != nil {
		e.release()
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		m.Report(id, err)
		return nil, fmt.Errorf("connecting to database %d: %w", id, err)
	}
	return &Lease{Conn: c, m: m, e: e, p: p}, nil
}

// Release gives the connection back. A transaction that is still open is rolled back.
func (l *Lease) Release() { l.once.Do(func() { l.end(true) }) }

// Discard closes the connection instead of keeping it.
func (l *Lease) Discard() { l.once.Do(func() { l.end(false) }) }

func (l *Lease) end(sound bool) {
	broken := l.p.db.Failed()
	l.p.put(l.Conn, sound && broken == nil)
	l.e.release()
	if broken != nil {
		l.m.renew(l.e, broken)
	}
}

// Attached is a database that another one's connection may attach (lite.Conn.Attach). It stays open until Release.
type Attached struct {
	DB   *tde.DB
	e    *entry
	once sync.Once
}

// Attach keeps a database open for a statement that reads two databases. Errors are those of Lease.
func (m *Manager) Attach(ctx context.Context, id int) (*Attached, error) {
	e, p, err := m.acquire(ctx, id)
	if err != nil {
		return nil, err
	}
	return &Attached{DB: p.db, e: e}, nil
}

// Release lets the database go. It must be detached before.
func (a *Attached) Release() { a.once.Do(a.e.release) }

// acquire finds an open database and counts a user, who must call release.
func (m *Manager) acquire(ctx context.Context, id int) (*entry, *pool, error) {
	e := m.entry(id)
	if e == nil {
		return nil, nil, msg.New(911, m.name(id))
	}
	if err := m.await(ctx, e); err != nil {
		return nil, nil, err
	}
	p, state := e.use()
	if p == nil {
		return nil, nil, unavailable(state, m.name(id))
	}
	return e, p, nil
}

// await waits for a database that is being opened.
func (m *Manager) await(ctx context.Context, e *entry) error {
	ready := e.ready()
	select {
	case <-ready:
		return nil
	default:
	}
	t := m.cfg.Clock.NewTimer(m.cfg.StartWait)
	defer t.Stop()
	select {
	case <-ready:
		return nil
	case <-t.C():
		return msg.New(922, m.name(e.id))
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// unavailable is what a session hears of a database that is not open.
func unavailable(state int, name string) error {
	switch state {
	case model.Restoring:
		return msg.New(927, name)
	case model.Recovering:
		return msg.New(922, name)
	case model.Suspect:
		return msg.New(926, name)
	case model.Offline:
		return msg.New(942, name)
	}
	return msg.New(945, name)
}

// pool is the connections of one open database.
type pool struct {
	db    *tde.DB
	slots chan struct{} // one for each connection that is out

	mu     sync.Mutex
	idle   []*lite.Conn // the last one used is the last
	spare  int          // how many were idle all the time since the last trim
	closed bool
}

func newPool(db *tde.DB, bound int) *pool { return &pool{db: db, slots: make(chan struct{}, bound)} }

func (p *pool) get(ctx context.Context) (*lite.Conn, error) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
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
	c, err := connect(ctx, p.db)
	if err != nil {
		<-p.slots
		return nil, err
	}
	return c, nil
}

func (p *pool) put(c *lite.Conn, sound bool) {
	defer func() { <-p.slots }()
	c.Idle()
	if sound && !c.GetAutocommit() {
		sound = c.Exec("ROLLBACK") == nil
	}
	if sound && p.keep(c) {
		return
	}
	_ = c.Close()
}

func (p *pool) keep(c *lite.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.idle = append(p.idle, c)
	return true
}

// trim closes the connections that nobody needed since the last trim, but for one.
func (p *pool) trim() {
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

// close ends the idle connections; those that are out end when they come back.
func (p *pool) close() error {
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
