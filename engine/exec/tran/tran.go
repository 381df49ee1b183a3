// Package tran is a session's transaction and the connections that its statements borrow.
//
// [Tran.Read] and [Tran.Write] give a statement its connection as a [Hold]; [Hold.Finish] gives it back. Outside of a transaction a read is
// its own snapshot and a write its own BEGIN IMMEDIATE and COMMIT. Inside one the first write takes the database's write lock and keeps
// the connection until the end; reads before it borrow as they go, as READ COMMITTED does, and with REPEATABLE READ and above they keep
// one snapshot. A transaction writes to one database: the second is refused ([ErrTwo]).
//
// Counts, names, savepoints and the doomed state are SQL Server's: only the outermost COMMIT commits, any ROLLBACK without a
// savepoint's name rolls back all. A savepoint set before the first write is one of the empty transaction.
//
// It is for the session's goroutine. It sends nothing to clients.
package tran

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"latchkey/engine/databases"
	"latchkey/engine/exec/raise"
	"latchkey/engine/fn"
	"latchkey/engine/lite"
)

// Source lends connections. Errors are messages: 911, 922, 926, 927, 942, 945.
type Source interface {
	Lease(ctx context.Context, id int) (*databases.Lease, error)
	// LeaseToRead is Lease for what only reads, which calls Lease.Stand first.
	LeaseToRead(ctx context.Context, id int) (*databases.Lease, error)
	// Attach keeps a database open under a name that ATTACH takes.
	Attach(ctx context.Context, id int) (*databases.Attached, error)
}

// Temp is the session's temporary database, attached as "tmp" to every connection that it borrows.
type Temp interface {
	// Attach adds it to a connection, nothing if there is none or it is there.
	Attach(c *lite.Conn) error
	// Detach removes it.
	Detach(c *lite.Conn) error
}

// Tran is a session's transaction. Make one with [New].
type Tran struct {
	source Source
	ids    *atomic.Uint64
	// Temp is the session's temporary database.
	Temp Temp
	// LockTimeout bounds the wait for another writer; less than 0 waits until the statement's context ends.
	LockTimeout time.Duration
	// Ended is called when a transaction is over, committed or not. May be nil.
	Ended func()
	// OneSnapshot makes the reads of a transaction see one state: REPEATABLE READ and above.
	OneSnapshot bool

	count  int
	id     uint64
	name   string
	doomed bool
	saves  []save
	number int // of savepoints, for their names

	alone    *Hold // a statement's own transaction that writes
	using    *Hold // borrowed last and not given back yet
	nested   *Hold // what code inside of a statement uses
	lease    *databases.Lease
	db       int
	began    bool // SQLite's transaction
	writes   bool
	lost     bool // SQLite rolled back by itself
	attached []attachment
}

type save struct {
	name string
	sql  string // "" if SQLite had no transaction yet
}

type attachment struct {
	name string
	a    *databases.Attached
}

// New makes a session's transaction state. ids gives descriptors, for all sessions of a server.
func New(s Source, ids *atomic.Uint64) *Tran {
	return &Tran{source: s, ids: ids, LockTimeout: -1}
}

// Count is @@TRANCOUNT.
func (t *Tran) Count() int { return t.count }

// Descriptor is the transaction's, 0 without one.
func (t *Tran) Descriptor() uint64 { return t.id }

// Doomed reports a transaction that can only be rolled back: XACT_STATE() is -1.
func (t *Tran) Doomed() bool { return t.count > 0 && t.doomed }

// Doom makes the transaction fit for a rollback only.
func (t *Tran) Doom() { t.doomed = t.count > 0 }

// Lost reports that SQLite ended the transaction by itself (an interrupted write, a full disk): what it wrote is gone.
func (t *Tran) Lost() bool { return t.count > 0 && t.lost }

// Database is the one that the transaction keeps a connection of, 0 for none.
func (t *Tran) Database() int {
	if t.lease == nil {
		return 0
	}
	return t.db
}

// Writes reports whether the transaction has written.
func (t *Tran) Writes() bool { return t.writes }

// Writer is the connection that holds a database's write lock for the session: the transaction's, or that of the statement under way. Nil
// if the session holds none.
func (t *Tran) Writer(db int) *lite.Conn {
	switch {
	case t.lease != nil && t.writes && t.db == db:
		return t.lease.Conn
	case t.alone != nil && t.alone.DB == db:
		return t.alone.Conn
	}
	return nil
}

// Begin begins a transaction, or nests in the one there is. first reports that it is the outermost.
func (t *Tran) Begin(name string) (first bool) {
	t.count++
	if t.count > 1 {
		return false
	}
	t.id, t.name, t.doomed, t.lost = t.ids.Add(1), name, false, false
	return true
}

// Commit commits, or leaves a nested transaction. last reports that it was the outermost. Errors: 3902 without a transaction, 3930
// if it is doomed.
func (t *Tran) Commit(ctx context.Context) (last bool, err error) {
	switch {
	case t.count == 0:
		return false, raise.New(3902)
	case t.doomed || t.lost:
		return false, raise.New(3930)
	case t.count > 1:
		t.count--
		return false, nil
	}
	if t.began {
		t.quiet()
		if err := t.lease.Commit(); err != nil {
			// A deferred check or a full disk: nothing was committed. Or a sync failed, and nobody knows.
			err = translate(err)
			_ = t.end()
			return true, err
		}
	}
	return true, t.end()
}

// Rollback rolls the whole transaction back; with the name of a savepoint only to it. all reports the whole, also with an error: then the transaction is
// over, and what it had read may be lost. Errors: 3903, 6401, 3931.
func (t *Tran) Rollback(_ context.Context, name string) (all bool, err error) {
	if t.count == 0 {
		return false, raise.New(3903)
	}
	if name != "" {
		for i := len(t.saves) - 1; i >= 0; i-- {
			if t.saves[i].name == name {
				return false, t.to(i)
			}
		}
		if name != t.name {
			return false, raise.New(6401, name)
		}
	}
	return true, translate(t.end())
}

// to rolls back to savepoint i, which stays.
func (t *Tran) to(i int) error {
	if t.doomed || t.lost {
		return raise.New(3931)
	}
	s := t.saves[i]
	t.saves = t.saves[:i+1]
	if !t.began {
		return nil
	}
	t.quiet()
	if s.sql == "" {
		sound, err := t.lease.Rollback()
		t.unpin(sound)
		return translate(err)
	}
	return translate(t.lease.Conn.Exec("ROLLBACK TO " + s.sql))
}

// quiet lets go of the context of the request that used the connection last: it is over, and what follows is not to be interrupted.
func (t *Tran) quiet() { t.lease.Conn.Use(context.Background(), &fn.Env{}) }

// Save sets a savepoint.
func (t *Tran) Save(name string) error {
	switch {
	case t.count == 0:
		return raise.New(628)
	case t.doomed || t.lost:
		return raise.New(3931)
	}
	s := save{name: name}
	if t.began {
		t.quiet()
		t.number++
		s.sql = "lk_save_" + strconv.Itoa(t.number)
		if err := t.lease.Conn.Exec("SAVEPOINT " + s.sql); err != nil {
			return translate(err)
		}
	}
	t.saves = append(t.saves, s)
	return nil
}

// end lets everything go, rolling back unless it was committed.
func (t *Tran) end() (err error) {
	sound := true
	if t.began && t.lease != nil {
		t.quiet()
		sound, err = t.lease.Rollback()
	}
	t.unpin(sound)
	t.count, t.id, t.name, t.doomed, t.lost, t.saves = 0, 0, "", false, false, nil
	if t.Ended != nil {
		t.Ended()
	}
	return err
}

// unpin gives the connection back.
func (t *Tran) unpin(sound bool) {
	if t.lease != nil {
		sound = t.detach(t.lease.Conn, t.attached) && sound
		giveBack(t.lease, sound)
		letGo(t.attached)
	}
	t.lease, t.db, t.began, t.writes, t.attached, t.number = nil, 0, false, false, nil, 0
	for i := range t.saves {
		t.saves[i].sql = ""
	}
}

func giveBack(l *databases.Lease, sound bool) {
	l.Conn.Idle()
	if sound {
		l.Release()
		return
	}
	l.Discard()
}

// detach removes what was attached and reports whether it could.
func (t *Tran) detach(c *lite.Conn, list []attachment) bool {
	sound := true
	for _, a := range list {
		if err := c.Detach(a.name); err != nil {
			sound = false
		}
	}
	if t.Temp != nil && t.Temp.Detach(c) != nil {
		sound = false
	}
	return sound // without, the attached databases stay in use until the connection is closed
}

// letGo lets attached databases go, once they were detached or the connection was closed.
func letGo(list []attachment) {
	for _, a := range list {
		a.a.Release()
	}
}

// translate makes errors of locks and snapshots messages.
func translate(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, lite.ErrSnapshot):
		return raise.New(3960, "", "")
	case errors.Is(err, lite.ErrBusy):
		return raise.New(1222)
	}
	return err
}

// Translate makes the connection's errors messages: 1222, 3960, 1105, 701, 8623; others stay.
func Translate(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, lite.ErrFull):
		return raise.New(1105)
	case errors.Is(err, lite.ErrMemory):
		return raise.New(701)
	case errors.Is(err, lite.ErrTooBig):
		return raise.New(8623)
	}
	return translate(err)
}

// ErrTwo means that a transaction would write to a second database.
var ErrTwo = errors.New("a transaction writes to one database")

var errNotHeld = errors.New("the connection was given back")

// Hold is a connection that a statement has borrowed.
type Hold struct {
	Conn *lite.Conn
	// DB is the database that is "main" on the connection.
	DB int

	t        *Tran
	lease    *databases.Lease // nil if the transaction keeps the connection
	own      bool             // it began a transaction of its own
	save     bool             // it set a savepoint
	attached []attachment
	done     bool
	outer    *Hold // whose connection it uses, for code inside of a statement
	before   *Hold // that was borrowed before it
}

// Read borrows a connection to read from a database. Inside a transaction that keeps one, that one is given, whatever its database.
func (t *Tran) Read(ctx context.Context, db int, env *fn.Env) (*Hold, error) {
	if t.lost {
		return nil, raise.New(3930)
	}
	if o := t.nested; o != nil && !o.done {
		o.Conn.Use(ctx, env)
		return t.use(&Hold{Conn: o.Conn, DB: o.DB, t: t, outer: o}), nil
	}
	if t.lease == nil && t.count > 0 && t.OneSnapshot {
		if err := t.pin(ctx, db, env, "BEGIN"); err != nil {
			return nil, err
		}
	}
	if t.lease != nil {
		if err := t.lease.Settle(); err != nil { // its rows may leave before the transaction ends
			return nil, err
		}
		t.lease.Conn.Use(ctx, env)
		return t.use(&Hold{Conn: t.lease.Conn, DB: t.db, t: t}), nil
	}
	l, err := t.source.LeaseToRead(ctx, db)
	if err != nil {
		return nil, err
	}
	if err := t.prepare(ctx, l, env); err != nil {
		return nil, err
	}
	if err := l.Stand(); err != nil {
		giveBack(l, t.detach(l.Conn, nil))
		return nil, translate(err)
	}
	return t.use(&Hold{Conn: l.Conn, DB: db, t: t, lease: l}), nil
}

func (t *Tran) prepare(ctx context.Context, l *databases.Lease, env *fn.Env) error {
	l.Conn.Use(ctx, env)
	if t.Temp != nil {
		if err := t.Temp.Attach(l.Conn); err != nil {
			giveBack(l, false)
			return fmt.Errorf("attaching the temporary database: %w", err)
		}
	}
	return nil
}

// pin keeps a connection for the transaction.
func (t *Tran) pin(ctx context.Context, db int, env *fn.Env, begin string) error {
	l, err := t.source.Lease(ctx, db)
	if err != nil {
		return err
	}
	if err := t.prepare(ctx, l, env); err != nil {
		return err
	}
	if err = t.lock(ctx, l, begin); err != nil {
		giveBack(l, t.detach(l.Conn, nil))
		return err
	}
	t.lease, t.db, t.began = l, db, true
	return nil
}

// immediate takes the database's write lock.
const immediate = "BEGIN IMMEDIATE"

func (t *Tran) lock(ctx context.Context, l *databases.Lease, begin string) error {
	if begin == immediate {
		return translate(l.Begin(ctx, t.LockTimeout))
	}
	if err := l.Conn.LockTimeout(t.LockTimeout); err != nil {
		return err
	}
	return translate(l.Conn.Run(begin))
}

// Write borrows a connection to write to a database. temporary says that only the session's temporary database is written: then
// no other writer is waited for. Errors: 1222, 3960, 3930 in a doomed transaction, [ErrTwo].
func (t *Tran) Write(ctx context.Context, db int, env *fn.Env, temporary bool) (*Hold, error) {
	if t.Doomed() || t.lost {
		return nil, raise.New(3930)
	}
	if t.nested != nil {
		return nil, errNested
	}
	if t.count == 0 {
		l, err := t.source.Lease(ctx, db)
		if err != nil {
			return nil, err
		}
		if err := t.prepare(ctx, l, env); err != nil {
			return nil, err
		}
		begin := immediate
		if temporary {
			begin = "BEGIN"
		}
		if err := t.lock(ctx, l, begin); err != nil {
			giveBack(l, t.detach(l.Conn, nil))
			return nil, err
		}
		h := &Hold{Conn: l.Conn, DB: db, t: t, lease: l, own: true}
		if !temporary {
			t.alone = h
		}
		return t.use(h), nil
	}
	if t.lease == nil {
		if err := t.pin(ctx, db, env, immediate); err != nil {
			return nil, err
		}
		t.writes = true
	}
	t.lease.Conn.Use(ctx, env)
	if t.db != db && !temporary {
		return nil, ErrTwo
	}
	h := &Hold{Conn: t.lease.Conn, DB: t.db, t: t}
	if err := t.lease.Conn.LockTimeout(t.LockTimeout); err != nil {
		return nil, err
	}
	return t.use(h), nil
}
