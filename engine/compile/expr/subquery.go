package expr

import (
	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/plan"
	"latchkey/engine/fn"
	"latchkey/engine/tsql/ast"
)

// single is the text of a subquery as a value: an error if it has more than one row (512).
func (c *Compiler) single(s Sub) (string, error) {
	call, err := fn.Operator("SINGLE", fn.Arg{Type: s.Columns[0].Type})
	if err != nil {
		return "", c.refused(err)
	}
	return "(SELECT " + call.SQLText([]string{"c1"}, "") + " FROM (" + s.SQL + "))", nil
}

func (c *Compiler) exists(e *ast.Exists, at Place) (bound.X, error) {
	if err := c.mayQuery(at); err != nil {
		return bound.X{}, err
	}
	s, err := c.Queries.Exists(e.Query, at.Rows)
	if err != nil {
		return bound.X{}, err
	}
	return at.input(bound.X{SQL: "EXISTS (" + s.SQL + ")", Flags: s.Flags | bound.HasSubquery}), nil
}

// inQuery is x IN (query).
func (c *Compiler) inQuery(x bound.X, e *ast.In, at Place) (bound.X, error) {
	if err := c.mayQuery(at); err != nil {
		return bound.X{}, err
	}
	s, err := c.Queries.Subquery(e.Query, at.Rows, 1)
	if err != nil {
		return bound.X{}, err
	}
	r := s.Columns[0]
	r.SQL, r.Column, r.Eval, r.Const = "c1", nil, nil, false
	p, err := c.Pair("=", hide(x), r, c.Pos)
	if err != nil {
		return bound.X{}, err
	}
	y := bound.X{Flags: x.Flags | s.Flags | bound.HasSubquery}
	if p.R == "c1" {
		y.SQL = "(" + p.L + " IN (" + s.SQL + "))"
	} else {
		y.SQL = "(" + p.L + " IN (SELECT " + p.R + " FROM (" + s.SQL + ")))"
	}
	y = at.input(y)
	if e.Not {
		y = negate(y)
	}
	return y, nil
}

// hide keeps x out of computation in Go, where the other side cannot be computed there.
func hide(x bound.X) bound.X {
	if x.Flags&bound.HasRow != 0 {
		x.Eval = nil
	}
	return x
}

// quantified is x op ALL|ANY (query): an aggregate over the outcomes, which are 1, 0 and NULL.
func (c *Compiler) quantified(e *ast.Quantified, at Place) (bound.X, error) {
	if err := c.mayQuery(at); err != nil {
		return bound.X{}, err
	}
	if e.Op == "=" && !e.All {
		return c.in(&ast.In{X: e.X, Query: e.Query}, at)
	}
	if e.Op == "<>" && e.All {
		return c.in(&ast.In{Not: true, X: e.X, Query: e.Query}, at)
	}
	x, err := c.Expr(e.X, at)
	if err != nil {
		return x, err
	}
	if x.Flags&(bound.HasAggregate|bound.HasWindow) != 0 {
		return x, plan.Unsupported("ALL AND ANY WITH AN AGGREGATE", c.Pos)
	}
	s, err := c.Queries.Subquery(e.Query, at.Rows, 1)
	if err != nil {
		return bound.X{}, err
	}
	r := s.Columns[0]
	r.SQL, r.Column, r.Eval, r.Const = "c1", nil, nil, false
	cmp, err := c.Compare(e.Op, hide(x), r, c.Pos)
	if err != nil {
		return bound.X{}, err
	}
	find, decided, otherwise := "max", "1", "0"
	if e.All {
		find, decided, otherwise = "min", "0", "1"
	}
	o := cmp.SQL
	y := bound.X{Flags: x.Flags | s.Flags | bound.HasSubquery}
	y.SQL = "(SELECT CASE WHEN " + find + "(" + o + ") = " + decided + " THEN " + decided + " WHEN count(" + o + ") < count(*) THEN NULL ELSE " + otherwise +
		" END FROM (" + s.SQL + "))"
	return at.input(y), nil
}
