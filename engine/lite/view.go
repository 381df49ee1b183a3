package lite

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"latchkey/engine/cell"
	"latchkey/engine/fn"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/convert"
)

// ViewColumn is a column of a view. A Hidden one is an argument of a table-valued function: FROM "name"(arguments).
type ViewColumn struct {
	Name   string
	Type   sqltype.Type
	Hidden bool
}

// Rows makes a view's rows. args are the values of the hidden columns, in order, NULL for those that were not given. A row has the
// columns that are not hidden; a value of another type is converted. It is called each time that a statement opens the view,
// with the context and Env of Use. An error ends the statement and comes back from Err as it is.
type Rows func(ctx context.Context, env *fn.Env, args []sqltype.Value) iter.Seq2[[]sqltype.Value, error]

// All makes all rows of a view at once, as [Rows] does. A statement that walks over them again with the same arguments, as the inner side of
// a join does, walks over those that were made.
type All func(ctx context.Context, env *fn.Env, args []sqltype.Value) ([][]sqltype.Value, error)

// view is one that a connection has; it is the virtual table too.
type view struct {
	conn    *Conn
	columns []ViewColumn
	hidden  []int // places of hidden columns
	at      []int // place of each column among the visible or the hidden ones
	rows    Rows
	all     All // in place of rows
}

// maxHidden is what a plan's number has room for.
const maxHidden = 30

// View makes a view by a name of SQLite's ("sys.databases"). It is cheap if the connection has it already with these columns; rows then
// replaces what made its rows before.
func (c *Conn) View(name string, columns []ViewColumn, rows Rows) error {
	return c.view(name, columns, rows, nil)
}

// ViewOfAll is View for rows that are made at once.
func (c *Conn) ViewOfAll(name string, columns []ViewColumn, all All) error {
	return c.view(name, columns, nil, all)
}

func (c *Conn) view(name string, columns []ViewColumn, rows Rows, all All) error {
	key := strings.ToLower(name)
	if v := c.views[key]; v != nil && slices.Equal(v.columns, columns) {
		v.rows, v.all = rows, all
		return nil
	}
	v := &view{conn: c, columns: slices.Clone(columns), rows: rows, all: all, at: make([]int, len(columns))}
	for i, col := range columns {
		v.at[i] = i - len(v.hidden)
		if col.Hidden {
			v.at[i] = len(v.hidden)
			v.hidden = append(v.hidden, i)
		}
	}
	if len(v.hidden) > maxHidden || len(columns) == 0 {
		return errors.New("a view has columns, and at most 30 arguments")
	}
	c.dropMentioning(name)
	declare := v.declaration()
	//lint:ignore SA1019 the method that replaces it needs a newer Go
	err := sqlite3.CreateModule(c.Conn.Conn, name, nil, func(db *sqlite3.Conn, _, _, _ string, _ ...string) (*view, error) {
		return v, errors.Join(db.DeclareVTab(declare), db.VTabConfig(sqlite3.VTAB_DIRECTONLY))
	})
	if err != nil {
		return c.Err(err)
	}
	c.views[key] = v
	return nil
}

// HasView reports whether View was called for a name.
func (c *Conn) HasView(name string) bool { return c.views[strings.ToLower(name)] != nil }

func (v *view) declaration() string {
	var b strings.Builder
	b.WriteString("CREATE TABLE x(")
	for i, col := range v.columns {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(cell.QuoteName(col.Name) + " " + cell.Affinity(col.Type))
		if col.Hidden { // a word of the type, to SQLite
			b.WriteString(" HIDDEN")
		}
		b.WriteString(cell.CollateClause(col.Type))
	}
	return b.String() + ")"
}

// BestIndex takes the arguments and leaves everything else to SQLite.
func (v *view) BestIndex(idx *sqlite3.IndexInfo) error {
	args := 0
	for i, con := range idx.Constraint {
		if con.Column < 0 || con.Column >= len(v.columns) || !v.columns[con.Column].Hidden || con.Op != sqlite3.INDEX_CONSTRAINT_EQ {
			continue
		}
		if !con.Usable {
			return sqlite3.CONSTRAINT // the argument comes from a table that must be read first
		}
		bit := 1 << v.at[con.Column]
		if idx.IdxNum&bit != 0 {
			continue
		}
		args++
		idx.IdxNum |= bit
		idx.ConstraintUsage[i] = sqlite3.IndexConstraintUsage{ArgvIndex: args, Omit: true}
		idx.IdxStr += string(rune('A' + v.at[con.Column]))
	}
	idx.EstimatedCost, idx.EstimatedRows = 1000, 100
	return nil
}

// Open makes a cursor.
func (v *view) Open() (sqlite3.VTabCursor, error) { return &cursor{view: v}, nil }

// cursor walks over the rows of a view.
type cursor struct {
	view *view
	args []sqltype.Value
	row  []sqltype.Value
	id   int64
	done bool
	next func() ([]sqltype.Value, error, bool)
	stop func()
	made [][]sqltype.Value // of All with args, nil before the first
}

// Filter begins anew with other arguments.
func (k *cursor) Filter(_ int, order string, args ...sqlite3.Value) error {
	_ = k.Close()
	v := k.view
	before := k.args
	k.args = make([]sqltype.Value, len(v.hidden))
	for i, a := range args {
		n := int(order[i] - 'A')
		t := v.columns[v.hidden[n]].Type
		x, err := cell.FromArg(a, t)
		if err != nil {
			return v.conn.keep(err)
		}
		k.args[n] = x
	}
	k.id, k.done = 0, false
	if v.all == nil {
		k.next, k.stop = iter.Pull2(v.rows(v.conn.ctx, v.conn.env, k.args))
		return k.Next()
	}
	if k.made == nil || !slices.Equal(before, k.args) {
		if err := k.make(); err != nil {
			return v.conn.keep(err)
		}
	}
	return k.Next()
}

// make makes all rows.
func (k *cursor) make() (err error) {
	defer k.barrier(&err)
	v := k.view
	k.made, err = v.all(v.conn.ctx, v.conn.env, k.args)
	if k.made == nil {
		k.made = [][]sqltype.Value{}
	}
	return err
}

// Next steps on.
func (k *cursor) Next() (err error) {
	if k.view.all != nil {
		if k.done = k.id >= int64(len(k.made)); !k.done {
			k.row = k.made[k.id]
		}
		k.id++
		return nil
	}
	defer k.barrier(&err)
	row, err, ok := k.next()
	if err != nil {
		return k.view.conn.keep(err)
	}
	k.row, k.done = row, !ok
	k.id++
	return nil
}

// barrier makes a panic, a fault of ours, an error of the one statement.
func (k *cursor) barrier(err *error) {
	if p := recover(); p != nil {
		*err = k.view.conn.keep(fmt.Errorf("panic in a view: %v\n%s", p, debug.Stack()))
	}
}

// EOF is true behind the last row.
func (k *cursor) EOF() bool { return k.done }

// RowID numbers the rows.
func (k *cursor) RowID() (int64, error) { return k.id, nil }

// Column gives a value.
func (k *cursor) Column(ctx sqlite3.Context, n int) error {
	col, at, from := k.view.columns[n], k.view.at[n], k.row
	if col.Hidden {
		from = k.args
	}
	if at >= len(from) {
		return k.view.conn.keep(errors.New("a view's row is too short: no column " + col.Name))
	}
	x := from[at]
	if kind := x.Kind(); kind != sqltype.Null && kind != col.Type.Kind && col.Type.Kind != sqltype.Variant {
		var err error
		if x, err = convert.Convert(x, sqltype.Type{Kind: kind, Length: sqltype.Max, Scale: uint8(x.Scale())}, col.Type, convert.Options{}); err != nil {
			return k.view.conn.keep(err)
		}
	}
	k.view.conn.result(ctx, col.Type, x)
	return nil
}

// Close ends the rows.
func (k *cursor) Close() (err error) {
	defer k.barrier(&err)
	if k.stop != nil {
		k.stop()
	}
	k.next, k.stop = nil, nil
	return nil
}
