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
	loan *pool.Loan
	who  int  // the session
	turn bool // to write
	once sync.Once

	writes bool     // Begin was called, and neither Commit nor Rollback ended it
	before tde.Mark // what a transaction of Begin may have read
}

// Lease lends a connection to a database, waiting for one if all are out. The error is a message: 911 without such a database, 922
// while it is being recovered, 945 when it could not be opened, 926 for a damaged one, 942 for one that is offline.
func (m *Manager) Lease(ctx context.Context, id int) (*Lease, error) {
	l, err := m.LeaseToRead(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := l.Conn.Fresh(); err != nil {
		l.Discard()
		return nil, err
	}
	return l, nil
}

// LeaseToRead is Lease for a statement that only reads: the connection may have a snapshot that stands, and Stand is to be called before
// anything is read.
func (m *Manager) LeaseToRead(ctx context.Context, id int) (*Lease, error) {
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
	return &Lease{Conn: c.Conn, m: m, e: e, p: p, loan: c, who: who}, nil
}

// Stand is lite.Conn.Stand: what is read sees all that is committed, and may leave its snapshot to the next.
func (l *Lease) Stand() error { return l.Conn.Stand(l.p.Era()) }

// Write waits for the turn to write, which Commit, Rollback, Release and Discard give back, among all leases of the database that ask for it; call it
// before BEGIN IMMEDIATE, or leave both to Begin. A wait over timeout ends with lite.ErrBusy; less than 0 waits until ctx ends.
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

// Begin begins a transaction that holds the database's write lock, waiting for its turn as Write does. It sees, and builds on, commits whose sync is
// still under way, so what it read must not leave the server before Settle, Commit or Rollback has returned without an error.
func (l *Lease) Begin(ctx context.Context, timeout time.Duration) error {
	if err := l.Write(ctx, timeout); err != nil {
		return err
	}
	if err := l.Conn.LockTimeout(timeout); err != nil {
		return err
	}
	l.writes = true
	l.Conn.Ahead(true)
	err := l.Conn.Run("BEGIN IMMEDIATE")
	l.before = l.p.DB.Mark()
	return err
}

// Settle waits until what the transaction of Begin may have read of others is durable. It does nothing without one.
func (l *Lease) Settle() error { return l.Conn.Err(l.p.DB.Durable(l.before)) }

// Commit commits the connection's transaction; it is durable when Commit returns nil. One of Begin's lets the next writer go on as soon as it is in the
// log, and shares its sync with others. After an error it is still open if nothing was committed; else, after an error of the disk, it is not known whether it was.
func (l *Lease) Commit() error {
	if !l.writes {
		return l.Conn.Run("COMMIT")
	}
	m, err := l.Conn.CommitEarly(func() error { return l.Conn.Run("COMMIT") })
	if err != nil {
		return err
	}
	l.pass()
	if err := l.p.DB.Durable(m); err != nil {
		return l.Conn.Err(err)
	}
	return l.Settle() // if it changed nothing it depends on those before all the same
}

// Rollback rolls the connection's transaction back, if it is open, and settles what it had read; err is Settle's. A connection that is not sound is to be
// discarded, which rolls back too.
func (l *Lease) Rollback() (sound bool, err error) {
	if !l.Conn.GetAutocommit() && l.Conn.Run("ROLLBACK") != nil {
		return false, l.Settle()
	}
	if !l.writes {
		return true, nil
	}
	l.Conn.Ahead(false)
	l.pass()
	err = l.Settle()
	return err == nil, err
}

// pass ends writing: the next one's turn.
func (l *Lease) pass() {
	l.writes = false
	if l.turn {
		l.turn = false
		<-l.p.Turn()
	}
}

// Release gives the connection back. A transaction that is still open is rolled back.
func (l *Lease) Release() { l.once.Do(func() { l.end(true) }) }

// Discard closes the connection instead of keeping it.
func (l *Lease) Discard() { l.once.Do(func() { l.end(false) }) }

func (l *Lease) end(sound bool) {
	if l.writes { // the connection's own cache must not be another's before it is durable
		l.Conn.Idle()
		ok, _ := l.Rollback() // after an error the database is opened anew
		sound = sound && ok
	}
	broken := l.p.DB.Failed()
	l.p.Put(l.loan, sound && broken == nil)
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
