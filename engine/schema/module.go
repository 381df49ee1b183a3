package schema

import (
	"sync"

	"latchkey/engine/sqltype"
	"latchkey/engine/tsql"
	"latchkey/engine/tsql/ast"
)

// Module is what objects made of T-SQL text share.
type Module struct {
	// Text is the statement that made it, from CREATE to its end, as it was written (with ALTER and CREATE OR ALTER turned to CREATE).
	Text             string
	QuotedIdentifier bool // as it was set at creation: parse Text with it
	ANSINulls        bool
	SchemaBound      bool
	Recompile        bool
	NullOnNull       bool   `json:",omitempty"` // RETURNS NULL ON NULL INPUT
	ExecuteAs        string // EXECUTE AS of WITH: CALLER, OWNER, SELF or a user's name; "" is CALLER

	once sync.Once
	stmt ast.Statement
	err  error
}

// Tree is the statement in Text, parsed once and shared: it must not be changed.
func (m *Module) Tree() (ast.Statement, error) {
	m.once.Do(func() {
		b, err := tsql.Parse(m.Text, tsql.Options{QuotedIdentifier: m.QuotedIdentifier})
		if err != nil {
			m.err = err
			return
		}
		if len(b.Statements) > 0 {
			m.stmt = b.Statements[0]
		}
	})
	return m.stmt, m.err
}

// View is a view.
type View struct {
	Head
	*Module
	Columns     []*Column // names and types as they were bound when it was made
	CheckOption bool
	Triggers    []*Trigger `json:"-"`
}

// Kind is ViewKind.
func (*View) Kind() Kind { return ViewKind }

// Query is the view's query; nil if its text cannot be parsed any more.
func (v *View) Query() *ast.SelectStmt {
	if s, err := v.Tree(); err == nil {
		if c, ok := s.(*ast.CreateView); ok {
			return c.Query
		}
	}
	return nil
}

// Param is a parameter of a procedure or function.
type Param struct {
	Name      string       // with @
	ID        int          // from 1; 0 is a function's result
	Type      sqltype.Type `json:"-"`
	TableType int          // object id of the table type, else 0
	UserType  int
	Output    bool
	ReadOnly  bool
	Default   *Expr // nil without one
}

// Procedure is a stored procedure. Its body is in Tree, an *ast.CreateProc.
type Procedure struct {
	Head
	*Module
	Params []*Param
}

// Kind is ProcedureKind.
func (*Procedure) Kind() Kind { return ProcedureKind }

// Function is a user-defined function. Its body is in Tree, an *ast.CreateFunction.
type Function struct {
	Head
	*Module
	Form    Kind // ScalarFunction, InlineFunction or TableFunction
	Params  []*Param
	Returns sqltype.Type `json:"-"` // of a scalar function
	Columns []*Column    // of the others
}

// Kind is Form.
func (f *Function) Kind() Kind { return f.Form }

// Trigger is a DML trigger. Head.Parent is its table or view; its body is in Tree, an *ast.CreateTrigger.
type Trigger struct {
	Head
	*Module
	InsteadOf bool
	Events    []string // INSERT, UPDATE, DELETE
	Disabled  bool
}

// Kind is TriggerKind.
func (*Trigger) Kind() Kind { return TriggerKind }

// Sequence is a sequence. Its current value is a row of its own, which [Shared] counts.
type Sequence struct {
	Head
	Type             sqltype.Type `json:"-"`
	Start, Increment int64
	Min, Max         int64
	Cycle            bool
	Cache            int // 0 is NO CACHE, -1 the server's choice
	// Version differs whenever the sequence was made, changed or restarted.
	Version int64 `json:",omitempty"`
}

// Kind is SequenceKind.
func (*Sequence) Kind() Kind { return SequenceKind }

// Synonym is another name for an object.
type Synonym struct {
	Head
	Base []string // one to four parts, as written
}

// Kind is SynonymKind.
func (*Synonym) Kind() Kind { return SynonymKind }

// UserType is a type made by CREATE TYPE. It is no object: its name is in a namespace of its own.
type UserType struct {
	ID       int    // sys.types.user_type_id, from 257
	Schema   string `json:"-"`
	SchemaID int
	Name     string
	Base     sqltype.Type `json:"-"` // of an alias
	Table    *Table       // of a table type, else nil
}

// Expr is an expression of a definition: a default, the condition of a check or filter, a computed column.
type Expr struct {
	// Text is the expression as catalogue views show it, in parentheses.
	Text string
	// Condition says that it is a condition and not a value.
	Condition bool

	once sync.Once
	tree ast.Expr
	err  error
}

// Tree is the expression, parsed once and shared: it must not be changed.
func (e *Expr) Tree() (ast.Expr, error) {
	e.once.Do(func() { e.tree, e.err = parseExpr(e.Text, e.Condition) })
	return e.tree, e.err
}

func parseExpr(text string, condition bool) (ast.Expr, error) {
	src := "SELECT " + text
	if condition {
		src = "SELECT 1 WHERE " + text
	}
	b, err := tsql.Parse(src, tsql.Options{QuotedIdentifier: true})
	if err != nil {
		return nil, err
	}
	if len(b.Statements) == 1 {
		if s, ok := b.Statements[0].(*ast.SelectStmt); ok {
			if q, ok := s.Query.Body.(*ast.Select); ok {
				if condition {
					return q.Where, nil
				}
				return q.Items[0].X, nil
			}
		}
	}
	return nil, errNoExpr
}
