package lite

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"latchkey/engine/cell"
	"latchkey/engine/sqltype"
)

// Stmt is a prepared statement, for one goroutine, until Release.
type Stmt struct {
	*sqlite3.Stmt
	conn *Conn
	kept *kept
	fail error // the last step found no memory
}

// kept is a compiled statement in the cache. It outlives the Stmt that uses it: who still holds that one after its Release cannot use it
// any more.
type kept struct {
	*sqlite3.Stmt
	sql  string
	used uint64 // when it was released last
	busy bool
	stay bool // it is in the cache
	gone bool // it must not come back into it
}

// maxSchema is how often a statement is compiled anew because definitions changed meanwhile, of whichever database that is attached: SQLite itself
// does so once for a name that it does not find, and this often for one that it has compiled (SQLITE_MAX_SCHEMA_RETRY).
const maxSchema = 50

// errOne refuses what is not one statement.
var errOne = errors.New("not one statement of SQL")

// Prepare takes a statement out of the cache or compiles it. SQL is one statement.
func (c *Conn) Prepare(sql string) (_ *Stmt, err error) {
	defer noMemory(&err)
	k := c.kept[sql]
	if k != nil && !k.busy {
		k.busy = true
		return &Stmt{Stmt: k.Stmt, conn: c, kept: k}, nil
	}
	s, tail, err := c.Conn.PrepareFlags(sql, sqlite3.PREPARE_PERSISTENT)
	for n := 0; n < maxSchema && errors.Is(err, sqlite3.SCHEMA); n++ {
		s, tail, err = c.Conn.PrepareFlags(sql, sqlite3.PREPARE_PERSISTENT)
	}
	if err != nil {
		return nil, c.Err(err)
	}
	if s == nil || strings.Trim(tail, " \t\r\n;") != "" {
		if s != nil {
			_ = s.Close()
		}
		return nil, errOne
	}
	return &Stmt{Stmt: s, conn: c, kept: &kept{Stmt: s, sql: sql, busy: true}}, nil
}

// Run runs one statement without results that is run often, such as BEGIN: it stays compiled.
func (c *Conn) Run(sql string) error {
	s, err := c.Prepare(sql)
	if err != nil {
		return err
	}
	err = s.Exec()
	s.Release()
	return err
}

// Bind gives parameter i (from 1) a value. A connection that has no memory for it gives message 701.
func (s *Stmt) Bind(i int, t sqltype.Type, v sqltype.Value) error {
	if err := s.conn.hold(len(v.Text())); err != nil {
		return err
	}
	return cell.Bind(s.Stmt, i, t, v)
}

// BindRaw gives parameter i (from 1) a cell. A connection that has no memory for it gives message 701.
func (s *Stmt) BindRaw(i int, r cell.Raw) error {
	if err := s.conn.hold(len(r.S)); err != nil {
		return err
	}
	return cell.BindRaw(s.Stmt, i, r)
}

// Step goes to the next row; false at the end and after an error, which Err has.
func (s *Stmt) Step() (row bool) {
	defer noMemory(&s.fail)
	s.fail = nil
	return s.Stmt.Step()
}

// Err is the statement's error after Step was false, typed as Conn.Err does; nil at the end of the rows.
func (s *Stmt) Err() error {
	if s.fail != nil {
		return s.fail
	}
	return s.conn.Err(s.Stmt.Err())
}

// Exec runs the statement to its end and resets it.
func (s *Stmt) Exec() (err error) {
	defer noMemory(&err)
	return s.conn.Err(s.Stmt.Exec())
}

// reset resets the statement whatever its last step met; the driver panics where that was a lack of memory.
func (s *Stmt) reset() (err error) {
	defer noMemory(&err)
	_ = s.Reset() // repeats the error of the last step
	return s.ClearBindings()
}

// noMemory turns the driver's panic about memory into ErrMemory: SQLite itself gave up the one statement and is in order.
func noMemory(err *error) {
	switch p := recover().(type) {
	case nil:
	case error:
		if !cell.OutOfMemory(p) {
			panic(p)
		}
		*err = fmt.Errorf("%w: %w", ErrMemory, p)
	default:
		panic(p)
	}
}

// Release resets the statement, forgets its parameters and puts it back into the cache. Call it once, also after errors.
func (s *Stmt) Release() {
	if s.Stmt == nil {
		return
	}
	c, k := s.conn, s.kept
	sound := s.reset() == nil
	s.Stmt, k.busy = nil, false
	switch {
	case k.stay && sound:
	case k.stay:
		c.drop(k)
		return
	case k.gone || !sound || c.kept[k.sql] != nil:
		_ = k.Close()
		return
	default:
		c.evict()
		c.kept[k.sql], k.stay = k, true
	}
	c.tick++
	k.used = c.tick
}

// evict makes room for one more.
func (c *Conn) evict() {
	if len(c.kept) < maxIdle {
		return
	}
	var oldest *kept
	for _, o := range c.kept {
		if !o.busy && (oldest == nil || o.used < oldest.used) {
			oldest = o
		}
	}
	if oldest != nil {
		c.drop(oldest)
	}
}

// drop forgets a statement; one in use is closed when it is released.
func (c *Conn) drop(k *kept) {
	delete(c.kept, k.sql)
	k.stay, k.gone = false, true
	if !k.busy {
		_ = k.Close() // it was reset: no error
	}
}

// dropMentioning forgets the kept statements whose text has a name in it; "" all of them.
func (c *Conn) dropMentioning(name string) {
	name = strings.ToLower(name)
	for sql, k := range c.kept {
		if strings.Contains(strings.ToLower(sql), name) {
			c.drop(k)
		}
	}
}
