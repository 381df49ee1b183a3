package query

import (
	"strconv"
	"strings"

	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/names"
	"latchkey/engine/compile/plan"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// Select compiles a whole SELECT statement.
func (c *Compiler) Select(s *ast.SelectStmt) (*plan.Plan, error) {
	if err := c.Hints(s.Hints); err != nil {
		return nil, err
	}
	if s.With != nil {
		if _, err := c.With(s.With); err != nil {
			return nil, err
		}
	}
	res, err := c.query(s.Query, nil, options{top: true})
	if err != nil {
		return nil, err
	}
	cols := make([]plan.Column, len(res.Items))
	for i, item := range res.Items {
		cols[i] = Describe(item)
	}
	p, err := c.Plan(res.SQL, cols)
	if err != nil {
		return nil, err
	}
	if res.SQL == "" {
		p.SQL = ""
	}
	p.Assign, p.Into, p.Hints = res.Assign, res.Into, s.Hints
	p.Pieces = s.Query.For != nil && cols[0].Type.Kind != sqltype.XML
	p.Volatile = res.Flags&bound.HasVolatile != 0
	return p, nil
}

// Describe is what the client is told of a column: a bare NULL is an int.
func Describe(item names.Item) plan.Column {
	col := item.Column
	col.Type = item.Type
	if col.Type.Kind == sqltype.Null {
		col.Type.Kind = sqltype.Int
		col.Type.Nullable = true
	}
	return col
}

// Rows compiles a query whose columns are converted to targets, such as that of INSERT ... SELECT: 120 and 121. Without targets the
// columns keep their types.
func (c *Compiler) Rows(q *ast.Query, to []bound.Target) (string, []plan.Column, error) {
	o := options{}
	if to != nil {
		o.convert = func(i int, x bound.X) (bound.X, error) {
			if i >= len(to) {
				return x, plan.Fail(c.Pos, 121)
			}
			return c.Assign(x, to[i], c.Pos)
		}
	}
	res, err := c.query(q, nil, o)
	if err != nil {
		return "", nil, err
	}
	if to != nil && len(res.Items) != len(to) {
		if len(res.Items) > len(to) {
			return "", nil, plan.Fail(c.Pos, 121)
		}
		return "", nil, plan.Fail(c.Pos, 120)
	}
	cols := make([]plan.Column, len(res.Items))
	for i, item := range res.Items {
		cols[i] = Describe(item)
	}
	return res.SQL, cols, nil
}

// Outside is the text SELECT x AS c1, ... for values without rows.
func Outside(xs []bound.X) string {
	cols := make([]string, len(xs))
	for i, x := range xs {
		cols[i] = x.SQL + " AS c" + strconv.Itoa(i+1)
	}
	return "SELECT " + strings.Join(cols, ", ")
}
