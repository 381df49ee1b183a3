package row

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

// Target is the table that a statement writes.
type Target struct {
	Object *plan.Object
	Snap   *schema.Snapshot
	Table  *schema.Table
	// db is the table's database in SQLite, quoted.
	db string
	// full is db.schema.table, as messages 515 and 2628 have it.
	full   string
	checks checks
}

// NewTarget makes a target of an object that a statement names; what is no table is refused.
func NewTarget(o *plan.Object, verb string, pos token.Pos) (*Target, error) {
	if o == nil {
		return nil, plan.Unsupported(verb+" of a derived table", pos)
	}
	ref := binding.Of(o)
	switch {
	case ref == nil && o.Kind == plan.Virtual:
		return nil, plan.At(Message(259), pos)
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
	return &Target{Object: o, Snap: ref.Snapshot, Table: t, db: strings.TrimSuffix(o.Source, "."+schema.Quote(t.Stored)), full: full}, nil
}

// name is the table in messages 2627, 2601 and 547: schema.table.
func (t *Target) name() string {
	if strings.HasPrefix(t.Object.Name, "@") {
		return t.Object.Name
	}
	return t.Table.Schema + "." + t.Table.Name
}

// Shared has the counters.
func (t *Target) Shared() *schema.Shared { return t.Snap.Shared }

// Column finds a column by name: message 207.
func (t *Target) Column(name string, pos token.Pos) (*schema.Column, error) {
	c := t.Snap.Column(t.Table, name)
	if c == nil {
		return nil, plan.Fail(pos, 207, name)
	}
	return c, nil
}

// To is a column as something that a value is put into.
func (t *Target) To(c *schema.Column) compile.Target {
	ty := c.Type
	ty.Nullable = true // NULL where it must not be is the table's to refuse, when it is written
	return compile.Target{Type: ty, Table: t.full, Column: c.Name}
}

// DefaultOf compiles the default of a column as a value of it; the zero X if it has none.
func (t *Target) DefaultOf(s *compile.Statement, c *schema.Column) (bound.X, error) {
	if c.Default == nil {
		return bound.X{}, nil
	}
	e, err := c.Default.Tree()
	if err != nil {
		return bound.X{}, err
	}
	return t.Value(s, e, c)
}

// Value compiles an expression as a value of a column.
func (t *Target) Value(s *compile.Statement, e ast.Expr, c *schema.Column) (bound.X, error) {
	x, err := s.Expr(e)
	if err != nil {
		return bound.X{}, err
	}
	return s.Assign(x, t.To(c))
}

// SelfReferencing reports a foreign key of the table to itself: checked when the statement has written all of its rows.
func (t *Target) SelfReferencing() bool {
	for _, f := range t.Table.Foreign {
		if f.RefTable == t.Table.ID && !f.Disabled {
			return true
		}
	}
	return false
}

// Message is one whose words are in the table of messages, as the compiler's errors are.
func Message(number int, args ...any) error { return msg.New(number, args...) }

// Names of columns.
func Names(cols []*schema.Column) []string {
	out := make([]string, len(cols))
	for i, c := range cols {
		out[i] = c.Name
	}
	return out
}

// NoHints refuses what the target's hints ask that would change the result; locks are SQLite's.
func NoHints(src ast.TableSource) error {
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
