package write

import (
	"strings"

	"github.com/ncruces/go-sqlite3"

	"latchkey/engine/catalog/msg"
	"latchkey/engine/compile"
	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/plan"
	"latchkey/engine/schema"
	"latchkey/engine/schema/binding"
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/token"
)

const (
	integerType = sqlite3.INTEGER
	floatType   = sqlite3.FLOAT
	textType    = sqlite3.TEXT
	blobType    = sqlite3.BLOB
)

// target is the table that a statement writes.
type target struct {
	object *plan.Object
	snap   *schema.Snapshot
	table  *schema.Table
	// db is the table's database in SQLite, quoted.
	db string
	// full is db.schema.table, as messages 515 and 2628 have it.
	full string
}

// newTarget makes a target of an object that a statement names; what is no table is refused.
func newTarget(o *plan.Object, verb string, pos token.Pos) (*target, error) {
	if o == nil {
		return nil, plan.Unsupported(verb+" of a derived table", pos)
	}
	ref := binding.Of(o)
	switch {
	case ref == nil && o.Kind == plan.Virtual:
		return nil, plan.At(sqlError(259), pos)
	case ref == nil || ref.Table() == nil:
		return nil, plan.Unsupported(verb+" of a view or function", pos)
	}
	t := ref.Table()
	full := o.Database + "." + t.Schema + "." + t.Name
	switch {
	case strings.HasPrefix(o.Name, "@"):
		full = o.Name
	case o.Temporary:
		full = "tempdb.dbo." + t.Name
	}
	return &target{object: o, snap: ref.Snapshot, table: t, db: strings.TrimSuffix(o.Source, "."+schema.Quote(t.Stored)), full: full}, nil
}

// name is the table in messages 2627, 2601 and 547: schema.table.
func (t *target) name() string {
	if strings.HasPrefix(t.object.Name, "@") {
		return t.object.Name
	}
	return t.table.Schema + "." + t.table.Name
}

// shared has the counters.
func (t *target) shared() *schema.Shared { return t.snap.Shared }

// column finds a column by name: message 207.
func (t *target) column(name string, pos token.Pos) (*schema.Column, error) {
	c := t.snap.Column(t.table, name)
	if c == nil {
		return nil, plan.Fail(pos, 207, name)
	}
	return c, nil
}

// to is a column as something that a value is put into.
func (t *target) to(c *schema.Column) compile.Target {
	ty := c.Type
	ty.Nullable = true // NULL where it must not be is the table's to refuse, when it is written
	return compile.Target{Type: ty, Table: t.full, Column: c.Name}
}

// defaultOf compiles the default of a column as a value of it; the zero X if it has none.
func (t *target) defaultOf(s *compile.Statement, c *schema.Column) (bound.X, error) {
	if c.Default == nil {
		return bound.X{}, nil
	}
	e, err := c.Default.Tree()
	if err != nil {
		return bound.X{}, err
	}
	return t.value(s, e, c)
}

// value compiles an expression as a value of a column.
func (t *target) value(s *compile.Statement, e ast.Expr, c *schema.Column) (bound.X, error) {
	x, err := s.Expr(e)
	if err != nil {
		return bound.X{}, err
	}
	return s.Assign(x, t.to(c))
}

// selfReferencing reports a foreign key of the table to itself: checked when the statement has written all of its rows.
func (t *target) selfReferencing() bool {
	for _, f := range t.table.Foreign {
		if f.RefTable == t.table.ID && !f.Disabled {
			return true
		}
	}
	return false
}

// sqlError is a message whose words are in the table of messages, as the compiler's errors are.
func sqlError(number int, args ...any) error { return msg.New(number, args...) }

// names of columns.
func names(cols []*schema.Column) []string {
	out := make([]string, len(cols))
	for i, c := range cols {
		out[i] = c.Name
	}
	return out
}

// noHints refuses what the target's hints ask that would change the result; locks are SQLite's.
func noHints(src ast.TableSource) error {
	t, ok := src.(*ast.Table)
	if !ok {
		return nil
	}
	switch {
	case t.Temporal != "":
		return plan.Unsupported("FOR SYSTEM_TIME", t.Name.Pos)
	case t.Sample != "":
		return plan.Unsupported("TABLESAMPLE", t.Name.Pos)
	}
	return nil
}
