package lite

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/ncruces/go-sqlite3"

	"latchkey/engine/cell"
	"latchkey/engine/fn"
	"latchkey/engine/room"
	"latchkey/engine/tde"
)

// Conn is a connection.
type Conn struct {
	*tde.Conn
	ctx  context.Context //nolint:containedctx // of the statement that runs: SQLite's callbacks carry none
	env  *fn.Env
	none fn.Env // what env points to between statements

	sites    map[string]*site
	failed   []failure // of calls and views, until Err gives one back
	failures uint64

	kept     map[string]*kept // prepared, by text
	tick     uint64
	views    map[string]*view
	swollen  bool              // see Swollen
	place    func()            // of a connection with huge values: gives it back
	attached map[string]string // name to URI
	stand    stand
}

// Limits of a connection.
const (
	maxSQL    = 16 << 20         // bytes of a statement
	maxValue  = 2 * room.Largest // bytes of a value or row
	maxOps    = 5_000_000        // instructions of a compiled statement
	maxIdle   = 64               // prepared statements that are kept
	maxSites  = 1024             // calls that are kept parsed
	maxTmp    = 65536            // pages of a temporary database: 256 MiB
	callFlags = sqlite3.INNOCUOUS | sqlite3.DETERMINISTIC
)

// Open prepares a connection of tde for use; the result owns it and Close closes it.
func Open(ctx context.Context, c *tde.Conn) (*Conn, error) {
	l := &Conn{
		Conn: c, ctx: context.Background(), sites: map[string]*site{}, kept: map[string]*kept{}, views: map[string]*view{},
		attached: map[string]string{},
	}
	l.env = &l.none
	c.Limit(sqlite3.LIMIT_SQL_LENGTH, maxSQL)
	c.Limit(sqlite3.LIMIT_LENGTH, maxValue)
	c.Limit(sqlite3.LIMIT_VDBE_OP, maxOps)
	c.Limit(sqlite3.LIMIT_TRIGGER_DEPTH, 32)
	err := errors.Join(
		c.CollationNeeded(collationNeeded),
		c.CreateFunction("lk", -1, callFlags, l.scalar),
		c.CreateFunction("lkv", -1, sqlite3.DIRECTONLY, l.scalar),
		c.CreateFunction("lk_eliminated", 0, sqlite3.DIRECTONLY, l.eliminated),
		c.CreateWindowFunction("lk_agg", -1, callFlags, l.newAggregate),
	)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, errors.Join(c.Err(err), c.Close())
	}
	return l, nil
}

// Close closes the connection and all that was made with it.
func (c *Conn) Close() error {
	if c.place != nil {
		defer c.place() // its memory is gone only then
		c.place = nil
	}
	c.Idle()
	for _, s := range slices.Collect(c.Stmts()) {
		_ = s.Close() // repeats the last error of the statement
	}
	clear(c.kept)
	return c.Conn.Close()
}

func collationNeeded(db *sqlite3.Conn, name string) {
	c, national, err := cell.ParseCollation(name)
	if err != nil {
		return // SQLite says that there is no such sequence
	}
	// An error leaves the sequence missing, which SQLite reports.
	_ = db.CreateCollation(name, func(a, b []byte) int { return c.Compare(view8(a), view8(b), national) })
}

// Use says for which statement the connection works from now on: ctx interrupts it, env is what its functions ask. A nil env is an
// empty one.
func (c *Conn) Use(ctx context.Context, env *fn.Env) {
	if env == nil {
		env = &c.none
	}
	c.ctx, c.env, c.failed = ctx, env, nil
	c.SetInterrupt(ctx)
}

// Idle ends Use: nothing is interrupted and functions have no session.
func (c *Conn) Idle() { c.Use(context.Background(), nil) }

// Swollen reports whether the connection has held so much that its memory, which it keeps, is worth more than it is: close it rather than
// keep it idle.
func (c *Conn) Swollen() bool { return c.swollen }

// hold notes that the connection is about to hold a value of n bytes. A huge one takes a place among the connections that have such, for as
// long as the connection lives.
func (c *Conn) hold(n int) (err error) {
	if n < room.Large {
		return nil
	}
	c.swollen = true
	if n >= room.Huge && c.place == nil {
		c.place, err = room.Place(c.ctx)
	}
	return err
}

// Env is what Use gave.
func (c *Conn) Env() *fn.Env { return c.env }

// LockTimeout says how long to wait for another writer: 0 not at all, less than 0 until the context of Use ends.
func (c *Conn) LockTimeout(d time.Duration) error {
	if d < 0 {
		d = math.MaxInt32 * time.Millisecond
	}
	return c.Err(c.BusyTimeout(d))
}

// Exec runs SQL without results; it may be several statements.
func (c *Conn) Exec(sql string) error { return c.Err(c.Conn.Conn.Exec(sql)) }
