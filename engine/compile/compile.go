package compile

import (
	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/datatype"
	"latchkey/engine/compile/expr"
	"latchkey/engine/compile/plan"
	"latchkey/engine/compile/query"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/token"
)

// Query compiles a SELECT statement. Columns, types and flags are those that the client is told.
func Query(sc plan.Scope, s *ast.SelectStmt) (*plan.Plan, error) {
	return query.New(sc, s.Pos).Select(s)
}

// Scalar compiles an expression that has no rows around it. Subqueries are allowed: then the result has a Plan.
func Scalar(sc plan.Scope, e ast.Expr) (*plan.Scalar, error) {
	c := query.New(sc, token.Pos{})
	x, err := c.Expr(e, expr.Place{})
	if err != nil {
		return nil, err
	}
	return scalar(c, x)
}

// Condition compiles a condition that has no rows around it, as a bit.
func Condition(sc plan.Scope, e ast.Condition) (*plan.Scalar, error) {
	c := query.New(sc, token.Pos{})
	x, err := c.Condition(e, expr.Place{})
	if err != nil {
		return nil, err
	}
	x.Type = sqltype.Of(sqltype.Bit)
	return scalar(c, x)
}

// Convert compiles an expression and its implied conversion to a type: DECLARE @x t = e, SET, an argument of a procedure. Errors are
// messages 206 and 257; text is cut silently, as variables do.
func Convert(sc plan.Scope, e ast.Expr, to Target) (*plan.Scalar, error) {
	c := query.New(sc, token.Pos{})
	x, err := c.Expr(e, expr.Place{})
	if err == nil {
		x, err = c.Assign(x, to, c.Pos)
	}
	if err != nil {
		return nil, err
	}
	return scalar(c, x)
}

// Operation compiles "variable op= expression" with its conversion back to the variable's type: SET @x += 1.
func Operation(sc plan.Scope, variable, op string, e ast.Expr) (*plan.Scalar, error) {
	c := query.New(sc, token.Pos{})
	t, ok := sc.Variable(variable)
	if !ok {
		return nil, plan.Fail(c.Pos, 137, variable)
	}
	x, err := c.Expr(e, expr.Place{})
	if err != nil {
		return nil, err
	}
	if op != "=" && op != "" {
		if x, err = c.Binary(op, c.Variable(variable, t), x); err != nil {
			return nil, err
		}
	}
	if x, err = c.Assign(x, Target{Type: t}, c.Pos); err != nil {
		return nil, err
	}
	return scalar(c, x)
}

// scalar is a value without rows: in Go if it can be, else a plan of one row.
func scalar(c *query.Compiler, x bound.X) (*plan.Scalar, error) {
	s := &plan.Scalar{Type: x.Type}
	if s.Type.Kind == sqltype.Null {
		s.Type = sqltype.Of(sqltype.Int)
	}
	if x.Eval != nil {
		s.Eval, s.Uses = x.Eval, c.Used
		return s, nil
	}
	p, err := c.Plan(query.Outside([]bound.X{x}), []plan.Column{{Type: s.Type}})
	if err != nil {
		return nil, err
	}
	p.Volatile = x.Flags&bound.HasVolatile != 0
	s.Plan = p
	return s, nil
}

// Definition compiles a default, computed column or check of a table for SQLite's schema: columns are named without a table,
// everything is in the text (no parameters), subqueries and variables are refused (1046, 128). A check's X is a condition. columns is nil
// where no column may be named: a default.
func Definition(sc plan.Scope, columns *plan.Object, e ast.Expr) (bound.X, error) {
	c := query.New(sc, token.Pos{})
	c.Inline = true
	at := expr.Place{NoQueries: true, Clause: "DEFAULT"}
	if columns != nil {
		r := c.NewRows(nil)
		r.Add(c.Table(columns, columns.Name, ""))
		at.Rows, at.Clause = r, "CHECK"
	}
	var x bound.X
	var err error
	if cond, ok := e.(ast.Condition); ok {
		x, err = c.Condition(cond, at)
	} else {
		x, err = c.Expr(e, at)
	}
	if err == nil && bound.TooDeep(x.SQL, 0) {
		err = plan.Fail(c.Pos, 191)
	}
	return x, err
}

// TypeOf is the type that a declaration names: messages 243, 2715, 2716 and those of sqltype.Type.Check. name is the column's or variable's,
// for messages. char, binary and their like without a length have length 1.
func TypeOf(sc plan.Scope, t *ast.DataType, name string) (bound.Declared, error) {
	return datatype.Of(sc, t, 1, name)
}
