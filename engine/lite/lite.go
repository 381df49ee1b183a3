package lite

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/ncruces/go-sqlite3"

	"latchkey/engine/fn"
	"latchkey/engine/sqltype"
	"latchkey/engine/tde"
)

// Conn is a connection.
type Conn struct {
	*tde.Conn
	ctx context.Context
	env *fn.Env
}

// Open prepares a connection of tde for use; the result owns it and Close closes it.
func Open(ctx context.Context, c *tde.Conn) (*Conn, error) {
	return &Conn{Conn: c, ctx: ctx, env: &fn.Env{}}, nil
}

// Use says for which statement the connection works from now on: ctx interrupts it, env is what its functions ask. A nil env is an
// empty one.
func (c *Conn) Use(ctx context.Context, env *fn.Env) { c.ctx, c.env = ctx, env }

// Idle ends Use: nothing is interrupted and functions have no session.
func (c *Conn) Idle() {}

// LockTimeout says how long to wait for another writer: 0 not at all, less than 0 until the context of Use ends.
func (c *Conn) LockTimeout(d time.Duration) error { return errors.ErrUnsupported }

// Stmt is a prepared statement, for one goroutine, until Release.
type Stmt struct {
	*sqlite3.Stmt
	conn *Conn
	sql  string
}

// Prepare takes a statement out of the cache or compiles it. SQL is one statement.
func (c *Conn) Prepare(sql string) (*Stmt, error) { return nil, errors.ErrUnsupported }

// Err is the statement's error after Step was false, typed as Conn.Err does; nil at the end of the rows.
func (s *Stmt) Err() error { return s.conn.Err(s.Stmt.Err()) }

// Release resets the statement, forgets its parameters and puts it back into the cache. Call it once, also after errors.
func (s *Stmt) Release() {}

// Exec runs SQL without results; it may be several statements.
func (c *Conn) Exec(sql string) error { return c.Err(c.Conn.Conn.Exec(sql)) }

// Err gives an error of SQLite its type.
func (c *Conn) Err(err error) error { return err }

// The errors of a statement that are not about values; errors.Is finds them.
var (
	ErrBusy        = errors.New("lock request timed out")                        // 1222
	ErrSnapshot    = errors.New("data was changed since the transaction's read") // 3960
	ErrInterrupted = errors.New("statement was interrupted")                     // matches the context's error too
	ErrFull        = errors.New("no space for the database")                     // 1105
	ErrTooBig      = errors.New("value or statement is too big")
	ErrMemory      = errors.New("out of memory") // 701
	ErrReadOnly    = errors.New("database is read-only")
)

// ConstraintKind is what was violated.
type ConstraintKind uint8

// The kinds of constraints.
const (
	Unique ConstraintKind = iota // also a primary key
	NotNull
	Check
	ForeignKey
	DataType // a cell of the wrong class: an error of ours
	RowID
	Trigger // RAISE in a trigger of ours
)

// Constraint is a violated constraint.
type Constraint struct {
	Kind ConstraintKind
	// Detail is what SQLite says behind the colon: "table.column, table.column", "index 'name'", the name of a CHECK, or "".
	Detail string
}

// Error names the constraint.
func (e *Constraint) Error() string { return "constraint violated: " + e.Detail }

// Columns reports whether the constraint is over exactly these columns of a table, in this order.
func (e *Constraint) Columns(table string, columns ...string) bool { return false }

// Index is the name of the unique index on expressions that was violated, "" if SQLite named columns instead.
func (e *Constraint) Index() string { return "" }

// ViewColumn is a column of a view. A Hidden one is an argument of a table-valued function: FROM "name"(arguments).
type ViewColumn struct {
	Name   string
	Type   sqltype.Type
	Hidden bool
}

// Rows makes a view's rows. args are the values of the hidden columns, in order, NULL for those that were not given. A row has the
// columns that are not hidden. It is called each time that a statement opens the view, with the context and Env of Use.
type Rows func(ctx context.Context, env *fn.Env, args []sqltype.Value) iter.Seq2[[]sqltype.Value, error]

// View makes a view by a name of SQLite's ("sys.databases"). It is cheap if the connection has it already with these columns; rows then
// replaces what made its rows before.
func (c *Conn) View(name string, columns []ViewColumn, rows Rows) error { return errors.ErrUnsupported }

// Attach adds another database under a name; nothing happens if it is there already. Outside transactions only.
func (c *Conn) Attach(name string, db *tde.DB) error { return errors.ErrUnsupported }

// Detach removes an attached database. Outside transactions only; prepared statements that use it must have been released.
func (c *Conn) Detach(name string) error { return errors.ErrUnsupported }

// Temp is a session's temporary database. It is in memory and outlives connections.
type Temp struct{}

// NewTemp makes an empty temporary database.
func NewTemp() (*Temp, error) { return nil, errors.ErrUnsupported }

// Close forgets the database. It must not be attached any more.
func (t *Temp) Close() error { return nil }

// AttachTemp adds a temporary database under a name, as Attach.
func (c *Conn) AttachTemp(name string, t *Temp) error { return errors.ErrUnsupported }
