package databases

import (
	"context"
	"fmt"
	"sync"
	"time"

	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/databases/pool"
	"latchkey/engine/lite"
	"latchkey/engine/sessions"
	"latchkey/engine/tde"
)

// Lease is a connection on loan, for one goroutine. Give it back with Release, or with Discard if it may be unusable.
type Lease struct {
	Conn *lite.Conn
	m    *Manager
	e    *entry
	p    *pool.Pool
	who  int  // the session
	turn bool // to write
	once sync.Once
}

// Lease lends a connection to a database, waiting for one if all are out. The error is a message: 911 without such a database, 922
// while it is being recovered, 945 when it could not be opened, 926 for a damaged one, 942 for one that is offline.
func (m *Manager) Lease(ctx context.Context, id int) (*Lease, error) {
	e, p, err := m.acquire(ctx, id)
	if err != nil {
		return nil, err
	}
	who := sessions.Of(ctx)
	c, err := p.Get(ctx)
	if err != nil {
		e.release(who)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		m.Report(id, err)
		return nil, fmt.Errorf("connecting to database %d: %w", id, err)
	}
	return &Lease{Conn: c, m: m, e: e, p: p, who: who}, nil
}

// Write waits for the turn to write, which Release and Discard give back, among all leases of the database that ask for it; call it before
// BEGIN IMMEDIATE. A wait over timeout ends with lite.ErrBusy; less than 0 waits until ctx ends.
func (l *Lease) Write(ctx context.Context, timeout time.Duration) error {
	turn := l.p.Turn()
	if l.turn {
		return nil
	}
	select {
	case turn <- struct{}{}:
		l.turn = true
		return nil
	default:
	}
	if timeout == 0 {
		return lite.ErrBusy
	}
	var over <-chan time.Time
	if timeout > 0 {
		t := l.m.cfg.Clock.NewTimer(timeout)
		defer t.Stop()
		over = t.C()
	}
	select {
	case turn <- struct{}{}:
		l.turn = true
		return nil
	case <-over:
		return lite.ErrBusy
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Release gives the connection back. A transaction that is still open is rolled back.
func (l *Lease) Release() { l.once.Do(func() { l.end(true) }) }

// Discard closes the connection instead of keeping it.
func (l *Lease) Discard() { l.once.Do(func() { l.end(false) }) }

func (l *Lease) end(sound bool) {
	broken := l.p.DB.Failed()
	l.p.Put(l.Conn, sound && broken == nil)
	if l.turn {
		<-l.p.Turn()
	}
	l.e.release(l.who)
	if broken != nil {
		l.m.renew(l.e, broken)
	}
}

// Attached is a database that another one's connection may attach (lite.Conn.Attach). It stays open until Release.
type Attached struct {
	DB   *tde.DB
	e    *entry
	who  int
	once sync.Once
}

// Attach keeps a database open for a statement that reads two databases. Errors are those of Lease.
func (m *Manager) Attach(ctx context.Context, id int) (*Attached, error) {
	e, p, err := m.acquire(ctx, id)
	if err != nil {
		return nil, err
	}
	return &Attached{DB: p.DB, e: e, who: sessions.Of(ctx)}, nil
}

// Release lets the database go. It must be detached before.
func (a *Attached) Release() { a.once.Do(func() { a.e.release(a.who) }) }

// acquire finds an open database and counts its user, which is the session of ctx, who must call release.
func (m *Manager) acquire(ctx context.Context, id int) (*entry, *pool.Pool, error) {
	e := m.entry(id)
	if e == nil {
		return nil, nil, msg.New(911, m.name(id))
	}
	who := sessions.Of(ctx)
	if p := e.useReady(who); p != nil {
		return e, p, nil
	}
	if err := m.await(ctx, e); err != nil {
		return nil, nil, err
	}
	p, state := e.use(who)
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
