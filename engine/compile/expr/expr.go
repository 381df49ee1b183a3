package expr

import (
	"strings"

	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/odbc"
	"latchkey/engine/compile/plan"
	"latchkey/engine/compile/xmlvalue"
	"latchkey/engine/fn"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/token"
)

// maxDepth bounds nesting: SQLite refuses expressions deeper than 1,000.
const maxDepth = 900

// maxText bounds the text of one expression, in bytes.
const maxText = 4 << 20

// Columns are the names that an expression may have.
type Columns interface {
	// Column resolves a name: 207, 209, 4104.
	Column(ref *ast.ColumnRef, at Place) (bound.X, error)
	// Pseudo resolves $IDENTITY, $ROWGUID, $ACTION.
	Pseudo(ref *ast.PseudoColumn, at Place) (bound.X, error)
	// Window finds a named window: message 5362.
	Window(name string) (*ast.Window, error)
}

// Keys are those of GROUP BY.
type Keys interface {
	// Key finds an expression among the keys. ok is false if it is none.
	Key(e ast.Expr, at Place) (x bound.X, ok bool, err error)
	// Grouping tells whether the grouping set at hand leaves out a key; ok is false if the expression is none.
	Grouping(e ast.Expr) (absent, ok bool)
}

// Rows is what an expression's names refer to.
type Rows interface {
	Columns
	Keys
}

// Sub is a compiled subquery.
type Sub struct {
	// SQL is a whole SELECT whose columns are called c1, c2 ... .
	SQL     string
	Columns []bound.X
	// Single reports that it cannot have more than one row.
	Single bool
	Flags  bound.Flags
}

// Queries compiles subqueries, which see the rows around them.
type Queries interface {
	// Subquery compiles a query inside rows. columns is how many it must have (116), 0 for any.
	Subquery(q *ast.Query, rows Rows, columns int) (Sub, error)
	// Exists compiles the query of EXISTS to a whole SELECT whose columns do not matter.
	Exists(q *ast.Query, rows Rows) (Sub, error)
}

// Place is where an expression stands.
type Place struct {
	Rows Rows // nil: there are no columns
	// Clause names the place in messages: WHERE, ON, SELECT, HAVING, ORDER BY, GROUP BY, SET, VALUES, DEFAULT ...
	Clause string
	// Aggregates and Windows say that these may stand here.
	Aggregates, Windows bool
	// InAggregate and InWindow are inside such a call.
	InAggregate, InWindow bool
	// Input, if set, makes a value that SQLite computes an input of an expression that Go computes.
	Input func(bound.X) bound.X
	// NoQueries refuses subqueries with message 1046.
	NoQueries bool
	// Quiet leaves message 8153 out: the NULLs that an aggregate skips are not the user's.
	Quiet bool
	// Row is the row that the expression is part of, by [Compiler.NextRow]: a sequence gives one value in it. 0 is none that is known.
	Row int
}

// Compiler compiles the expressions of one statement.
type Compiler struct {
	*bound.Builder
	Scope   plan.Scope
	Queries Queries
	// Pos is the statement's place, for messages about nodes without one.
	Pos token.Pos
	// Used collects user-defined functions and sequences.
	Used []plan.Use
	// rows counts select lists and rows of VALUES, taken is how often each asks a sequence.
	rows  int
	taken map[taking]int
	// Arguments are what a function's parameters stand for while its text is compiled, by name with @ in lower case.
	Arguments map[string]bound.X

	depth int
}

// Expr compiles a scalar expression.
func (c *Compiler) Expr(e ast.Expr, at Place) (bound.X, error) {
	if c.depth++; c.depth > maxDepth {
		return bound.X{}, plan.Fail(c.Pos, 191)
	}
	defer func() { c.depth-- }()
	if at.Rows != nil && !at.InAggregate {
		if x, ok, err := at.Rows.Key(e, at); ok || err != nil {
			return at.input(x), err
		}
	}
	x, err := c.expr(e, at)
	if err == nil && len(x.SQL) > maxText {
		err = plan.Fail(c.Pos, 8623)
	}
	return x, err
}

func (at Place) input(x bound.X) bound.X {
	if at.Input == nil || at.InAggregate || x.Eval != nil || x.SQL == "" {
		return x
	}
	return at.Input(x)
}

func (c *Compiler) expr(e ast.Expr, at Place) (bound.X, error) {
	switch e := e.(type) {
	case *ast.Literal:
		return c.literal(e)
	case *ast.Variable:
		return c.variable(e, at)
	case *ast.ColumnRef:
		return c.column(e, at)
	case *ast.PseudoColumn:
		if at.Rows == nil {
			return bound.X{}, plan.Fail(c.Pos, 207, e.Name)
		}
		x, err := at.Rows.Pseudo(e, at)
		return at.input(x), err
	case *ast.Unary:
		return c.unary(e, at)
	case *ast.Binary:
		return c.binary(e, at)
	case *ast.Collate:
		return c.collate(e, at)
	case *ast.AtTimeZone:
		return c.named("AT TIME ZONE", []ast.Expr{e.X, e.Zone}, at)
	case *ast.Subquery:
		return c.subquery(e, at)
	case *ast.Case:
		return c.caseOf(e, at)
	case *ast.IIf:
		return c.branches([]ast.When{{If: e.Cond, Then: e.Then}}, e.Else, nil, at)
	case *ast.Cast:
		return c.cast(e.X, e.Type, nil, e.Try, at)
	case *ast.Convert:
		return c.cast(e.X, e.Type, e.Style, e.Try, at)
	case *ast.Parse:
		return c.parse(e, at)
	case *ast.FuncCall:
		return c.call(e, at)
	case *ast.Trim:
		return c.trim(e, at)
	case *ast.ODBCFunc:
		x, err := odbc.Call(e)
		if err != nil {
			return bound.X{}, err
		}
		return c.Expr(x, at)
	case *ast.ODBCLiteral:
		return c.odbcLiteral(e)
	case *ast.JSONConstructor:
		return bound.X{}, plan.Unsupported(map[bool]string{false: "JSON_OBJECT", true: "JSON_ARRAY"}[e.Array], c.Pos)
	case *ast.MethodCall:
		if x, ok := xmlvalue.Of(e); ok {
			return c.Expr(x, at)
		}
		return bound.X{}, plan.Unsupported("METHOD "+e.Name, c.Pos)
	case *ast.StaticCall:
		return bound.X{}, plan.Unsupported(e.Type.String()+"::"+e.Name, c.Pos)
	case *ast.NextValue:
		return c.nextValue(e, at)
	case *ast.IdentityFunc:
		return bound.X{}, plan.Fail(c.Pos, 177)
	case *ast.Default:
		return bound.X{}, plan.Fail(c.Pos, 156, "DEFAULT")
	case *ast.Star:
		return bound.X{}, plan.Fail(c.Pos, 102, "*")
	case *ast.Word:
		return bound.X{}, plan.Fail(c.Pos, 207, e.Text)
	case nil:
		return bound.X{}, plan.Unsupported("EMPTY EXPRESSION", c.Pos)
	}
	if cond, ok := e.(ast.Condition); ok {
		_ = cond
		return bound.X{}, plan.Fail(c.Pos, 4145, "condition")
	}
	return bound.X{}, plan.Unsupported("EXPRESSION", c.Pos)
}

// Exprs compiles several.
func (c *Compiler) Exprs(es []ast.Expr, at Place) ([]bound.X, error) {
	out := make([]bound.X, len(es))
	for i, e := range es {
		x, err := c.Expr(e, at)
		if err != nil {
			return nil, err
		}
		out[i] = x
	}
	return out, nil
}

func (c *Compiler) variable(e *ast.Variable, at Place) (bound.X, error) {
	if len(e.Name) > 1 && e.Name[1] == '@' {
		return c.named(e.Name, nil, at)
	}
	if c.Arguments != nil {
		if x, ok := c.Arguments[strings.ToLower(e.Name)]; ok {
			return x, nil
		}
	}
	t, ok := c.Scope.Variable(e.Name)
	if !ok {
		return bound.X{}, plan.Fail(e.Pos, 137, e.Name)
	}
	if c.Inline {
		return bound.X{}, plan.Fail(e.Pos, 112)
	}
	return c.Variable(e.Name, t), nil
}

func (c *Compiler) column(e *ast.ColumnRef, at Place) (bound.X, error) {
	if at.Rows == nil {
		if len(e.Name.Parts) > 1 {
			return bound.X{}, plan.Fail(e.Name.Pos, 4104, e.Name.String())
		}
		if at.Clause == "VALUES" || at.Clause == "DEFAULT" {
			return bound.X{}, plan.Fail(e.Name.Pos, 128, e.Name.Name())
		}
		return bound.X{}, plan.Fail(e.Name.Pos, 207, e.Name.Name())
	}
	x, err := at.Rows.Column(e, at)
	return at.input(x), err
}

func (c *Compiler) collate(e *ast.Collate, at Place) (bound.X, error) {
	x, err := c.Expr(e.X, at)
	if err != nil {
		return x, err
	}
	coll, ok := c.collation(e.Collation)
	if !ok {
		return x, plan.Fail(c.Pos, 448, e.Collation)
	}
	switch {
	case x.Type.Kind == sqltype.Null:
		x = c.Constant(sqltype.NullValue, sqltype.Sized(sqltype.VarChar, 1))
	case !x.Type.Kind.IsText():
		return x, plan.Fail(c.Pos, 447, x.Type.Kind.String())
	}
	x.Type.Collation, x.Label, x.Other = coll, bound.Explicit, sqltype.Type{}
	x.Column = nil
	return x, nil
}

func (c *Compiler) subquery(e *ast.Subquery, at Place) (bound.X, error) {
	if err := c.mayQuery(at); err != nil {
		return bound.X{}, err
	}
	s, err := c.Queries.Subquery(e.Query, at.Rows, 1)
	if err != nil {
		return bound.X{}, err
	}
	x := s.Columns[0]
	x.Type.Nullable = true
	x.Eval, x.Const, x.Column = nil, false, nil
	x.Flags = s.Flags | bound.HasSubquery
	if s.Single {
		x.SQL = "(" + s.SQL + ")"
	} else if x.SQL, err = c.single(s); err != nil {
		return x, err
	}
	return at.input(x), nil
}

// nextValue is NEXT VALUE FOR: a call that gives another value for each row.
func (c *Compiler) nextValue(e *ast.NextValue, at Place) (bound.X, error) {
	seqs, ok := c.Scope.(plan.Sequences)
	switch {
	case !ok || c.Inline && at.Clause != "DEFAULT":
		return bound.X{}, plan.Unsupported("NEXT VALUE FOR", e.Sequence.Pos)
	case e.Over != nil:
		return bound.X{}, plan.Unsupported("NEXT VALUE FOR ... OVER", e.Sequence.Pos)
	case at.InAggregate || at.InWindow:
		return bound.X{}, plan.Fail(e.Sequence.Pos, 11720)
	}
	s, err := seqs.Sequence(e.Sequence)
	if err != nil {
		return bound.X{}, plan.At(err, e.Sequence.Pos)
	}
	if s == nil {
		return bound.X{}, plan.Fail(e.Sequence.Pos, 208, e.Sequence.String())
	}
	c.Used = append(c.Used, plan.Use{Object: &s.Object, Permission: "UPDATE"})
	var xs []bound.X
	var args []fn.Arg
	row, nth := c.take(at, s)
	for _, n := range []int64{int64(s.DatabaseID), int64(s.ID), s.Version, int64(row), int64(nth)} {
		x := c.Constant(sqltype.NewInt(sqltype.BigInt, n), sqltype.Of(sqltype.BigInt))
		xs, args = append(xs, x), append(args, bound.ArgOf(x))
	}
	call, err := fn.Operator("NEXT VALUE FOR", args...)
	if err != nil {
		return bound.X{}, c.refused(err)
	}
	x, err := c.Call(call, xs, c.Pos)
	if err != nil {
		return x, err
	}
	x.Flags |= bound.HasVolatile
	return c.Cast(x, s.Type, nil, false, e.Sequence.Pos)
}

// taking is a sequence that a row asks.
type taking struct{ row, database, sequence int }

// NextRow is a number for a list whose values are always computed together: a select list, a row of VALUES.
func (c *Compiler) NextRow() int {
	c.rows++
	return c.rows
}

// take counts the calls for a sequence in a row; row 0 is one of its own.
func (c *Compiler) take(at Place, s *plan.Sequence) (row, nth int) {
	k := taking{at.Row, s.DatabaseID, s.ID}
	nth = c.taken[k]
	if at.Row == 0 || nth >= 64 {
		return 0, 0
	}
	if c.taken == nil {
		c.taken = make(map[taking]int)
	}
	c.taken[k]++
	return at.Row, nth
}

func (c *Compiler) mayQuery(at Place) error {
	switch {
	case at.NoQueries || c.Queries == nil:
		return plan.Fail(c.Pos, 1046)
	case at.InAggregate:
		return plan.Fail(c.Pos, 130)
	case at.Clause == "GROUP BY":
		return plan.Fail(c.Pos, 144)
	}
	return nil
}
