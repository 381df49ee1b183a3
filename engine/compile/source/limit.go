package source

import (
	"latchkey/engine/compile/expr"
	"latchkey/engine/compile/plan"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// Limit is TOP, OFFSET and FETCH.
type Limit struct {
	Count, Offset, Percent string
	Ties                   bool
}

// Text is LIMIT ... OFFSET.
func (l Limit) Text() string {
	switch {
	case l.Count == "" && l.Offset == "":
		return ""
	case l.Offset == "":
		return " LIMIT " + l.Count
	case l.Count == "":
		return " LIMIT -1 OFFSET " + l.Offset
	}
	return " LIMIT " + l.Count + " OFFSET " + l.Offset
}

// Limits compiles TOP, OFFSET and FETCH, whose counts are constants or parameters checked when they are bound.
func (c *Compiler) Limits(top *ast.Top, q *ast.Query) (Limit, error) {
	var l Limit
	var err error
	if top != nil {
		if q.Offset != nil {
			return l, plan.Fail(c.Pos, 10741)
		}
		if top.WithTies && len(q.OrderBy) == 0 {
			return l, plan.Fail(c.Pos, 1062)
		}
		l.Ties = top.WithTies
		if top.Percent {
			l.Percent, err = c.rowCount(top.Count, plan.TopPercent)
			return l, err
		}
		l.Count, err = c.rowCount(top.Count, plan.TopRows)
		return l, err
	}
	if q.Offset != nil {
		if l.Offset, err = c.rowCount(q.Offset, plan.OffsetRows); err != nil {
			return l, err
		}
		if q.Fetch != nil {
			l.Count, err = c.rowCount(q.Fetch, plan.FetchRows)
		}
	}
	return l, err
}

// RowCount compiles a number of rows: a constant or a parameter.
func (c *Compiler) RowCount(e ast.Expr) (string, error) { return c.rowCount(e, plan.TopRows) }

func (c *Compiler) rowCount(e ast.Expr, check plan.Check) (string, error) {
	x, err := c.Expr(e, expr.Place{Clause: "TOP"})
	if err != nil {
		return "", err
	}
	to := sqltype.Of(sqltype.BigInt)
	switch {
	case check == plan.TopPercent:
		to = sqltype.Of(sqltype.Float)
	case !x.Type.Kind.IsInteger() && x.Type.Kind != sqltype.Null && !x.Type.Kind.IsNumeric():
		return "", plan.Fail(c.Pos, 1060)
	case x.Const && !x.Type.Kind.IsInteger():
		return "", plan.Fail(c.Pos, 1060)
	}
	if x, err = c.Convert(x, to, c.Pos); err != nil {
		return "", err
	}
	if x.Const {
		if err := check.Validate(x.Value); err != nil {
			return "", plan.At(err, c.Pos)
		}
		return x.SQL, nil
	}
	if !x.Early() {
		return "", plan.Unsupported("TOP (SUBQUERY)", c.Pos)
	}
	if c.Inline {
		return "", plan.Fail(c.Pos, 112)
	}
	return c.Param(plan.Param{Eval: x.Eval, Type: to, Check: check}), nil
}
