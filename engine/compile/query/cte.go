package query

import (
	"strconv"

	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/names"
	"latchkey/engine/compile/plan"
	"latchkey/engine/compile/shape"
	"latchkey/engine/compile/source"
	"latchkey/engine/fn"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// With takes the common table expressions of a statement or view; leave takes them out of scope.
func (c *Compiler) With(w *ast.With) (leave func(), err error) {
	switch {
	case len(w.Namespaces) > 0:
		return nil, plan.Unsupported("WITH XMLNAMESPACES", c.Pos)
	case w.Context != nil:
		return nil, plan.Unsupported("WITH CHANGE_TRACKING_CONTEXT", c.Pos)
	}
	restore := c.Mark()
	for i, e := range w.CTEs {
		for _, o := range w.CTEs[:i] {
			if c.Same(o.Name, e.Name) {
				return nil, plan.Fail(c.Pos, 239, e.Name)
			}
		}
		if err := c.define(e); err != nil {
			restore()
			return nil, err
		}
	}
	return restore, nil
}

// define compiles one common table expression.
func (c *Compiler) define(e *ast.CTE) error {
	w := &source.CTE{Name: e.Name, SQL: "w" + c.Number()}
	if shape.Mentions(e.Query, e.Name, c) {
		return c.recursive(e, w)
	}
	res, err := c.query(e.Query, nil, options{named: true})
	if err != nil {
		return err
	}
	if w.Columns, err = c.ColumnNames(res.Names(), e.Columns, e.Name); err != nil {
		return err
	}
	w.Items = res.Items
	c.AddWith(w.SQL + source.ColumnList(len(w.Items), "") + " AS (" + res.SQL + ")")
	c.Define(w)
	return nil
}

// recursive compiles a common table expression that names itself: anchors, UNION ALL, and parts that refer to it once each.
func (c *Compiler) recursive(e *ast.CTE, w *source.CTE) error {
	if len(e.Query.OrderBy) > 0 || e.Query.Offset != nil || e.Query.For != nil {
		return plan.Fail(c.Pos, 461, e.Name)
	}
	parts := shape.UnionAll(e.Query.Body)
	var anchors, steps []ast.Body
	for _, p := range parts {
		if shape.Mentions(p, e.Name, c) {
			steps = append(steps, p)
		} else if len(steps) > 0 {
			return plan.Fail(c.Pos, 252, e.Name)
		} else {
			anchors = append(anchors, p)
		}
	}
	if len(anchors) == 0 || len(parts) < 2 {
		return plan.Fail(c.Pos, 252, e.Name)
	}
	first, err := c.query(&ast.Query{Body: shape.Chain(anchors)}, nil, options{named: true})
	if err != nil {
		return err
	}
	if w.Columns, err = c.ColumnNames(first.Names(), e.Columns, e.Name); err != nil {
		return err
	}
	w.Items = make([]names.Item, len(first.Items))
	for i, item := range first.Items {
		item.X.Type.Nullable = true
		w.Items[i] = names.Item{X: bound.X{Type: item.Type, Label: item.Label, Other: item.Other}, Column: plan.Column{Name: w.Columns[i], Type: item.Type}}
	}
	level := ""
	if c.MaxRecursion > 0 {
		level = "level"
	}
	text := first.SQL
	if level != "" {
		text = "SELECT *, 0 FROM (" + text + ")"
	}
	c.Define(w)
	for _, p := range steps {
		step, err := c.step(p, w)
		if err != nil {
			return err
		}
		text += " UNION ALL " + step
	}
	w.Open = false
	c.AddWith(w.SQL + source.ColumnList(len(w.Items), level) + " AS (" + text + ")")
	return nil
}

// step compiles one recursive part: 460 to 467, 240.
func (c *Compiler) step(p ast.Body, w *source.CTE) (string, error) {
	s, ok := p.(*ast.Select)
	if !ok {
		return "", plan.Unsupported("A SET OPERATION IN A RECURSIVE PART", c.Pos)
	}
	switch {
	case s.Distinct:
		return "", plan.Fail(c.Pos, 460, w.Name)
	case s.Top != nil:
		return "", plan.Fail(c.Pos, 461, w.Name)
	case shape.OuterJoined(s.From, w.Name, c):
		return "", plan.Fail(c.Pos, 462, w.Name)
	}
	q := &ast.Query{Body: s}
	if s.GroupBy != nil || s.Having != nil || shape.Aggregates(s, q) {
		return "", plan.Fail(c.Pos, 467, w.Name)
	}
	w.Open, w.Seen = true, 0
	sel, err := c.begin(s, q, nil)
	if err != nil {
		return "", err
	}
	direct := false
	for _, src := range sel.rows.Sources {
		direct = direct || src.Alias == w.Alias
	}
	if !direct {
		return "", plan.Fail(c.Pos, 465)
	}
	if err := sel.body(); err != nil {
		return "", err
	}
	if len(sel.items) != len(w.Items) {
		return "", plan.Fail(c.Pos, 205)
	}
	cols := make([]string, len(sel.items))
	for i := range sel.items {
		x, want := sel.items[i].X, w.Items[i].Type
		if x.Flags&bound.HasWindow != 0 {
			return "", plan.Unsupported("WINDOW FUNCTIONS IN A RECURSIVE PART", c.Pos)
		}
		if x.Type.Kind == sqltype.Null {
			x.Type = want
		}
		if !sameType(x.Type, want) {
			return "", plan.Fail(c.Pos, 240, w.Columns[i], w.Name)
		}
		cols[i] = x.SQL
	}
	if c.MaxRecursion > 0 {
		call, err := fn.Operator("RECURSION", fn.Arg{Type: sqltype.Of(sqltype.BigInt)}, fn.Arg{Type: sqltype.Of(sqltype.Int)})
		if err != nil {
			return "", c.refusal(err)
		}
		cols = append(cols, call.SQLText([]string{w.Alias + ".level + 1", strconv.Itoa(c.MaxRecursion)}, ""))
	}
	return sel.text(cols, ""), nil
}

func (c *Compiler) refusal(err error) error {
	if r, ok := err.(*fn.Refusal); ok {
		return plan.Unsupported(r.Name, c.Pos)
	}
	return plan.At(err, c.Pos)
}

// sameType compares types as the anchor and the recursive part must agree.
func sameType(a, b sqltype.Type) bool {
	a.Nullable, b.Nullable = false, false
	a.Collation, b.Collation = sqltype.Type{}.Collation, sqltype.Type{}.Collation
	return a == b
}
