package query

import (
	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/names"
	"latchkey/engine/compile/plan"
	"latchkey/engine/compile/source"
	"latchkey/engine/sqltype"
)

// assignment compiles SELECT @v = ...: SQLite computes the columns, aggregates and subqueries of each row, and Go what is around them, so that a
// variable may depend on what the row before set.
func (sel *selection) assignment() (*names.Result, error) {
	c, s := sel.c, sel.s
	if s.Into != nil || s.Distinct {
		return nil, plan.Unsupported("SELECT DISTINCT OR INTO WITH ASSIGNMENT", c.Pos)
	}
	if len(sel.sets()) > 0 {
		return nil, plan.Unsupported("GROUPING SETS WITH ASSIGNMENT", c.Pos)
	}
	res := &names.Result{}
	sel.input = func(x bound.X) bound.X {
		if x.Type.Kind == sqltype.Null { // a condition
			x.Type = sqltype.Of(sqltype.Bit)
		}
		n := len(res.Inputs)
		for i, have := range res.Inputs {
			if have.SQL == x.SQL && have.Type == x.Type {
				n = i
				break
			}
		}
		if n == len(res.Inputs) {
			in := x
			in.Eval = nil
			res.Inputs = append(res.Inputs, in)
		}
		x.Eval = func(f *plan.Frame) (sqltype.Value, error) { return f.Row[n], nil }
		x.Flags |= bound.HasRow
		x.Column = nil
		return x
	}
	for _, it := range s.Items {
		if it.Variable == "" {
			return nil, plan.Fail(c.Pos, 141)
		}
	}
	if err := sel.body(); err != nil {
		return nil, err
	}
	for i, it := range s.Items {
		t, ok := c.Scope.Variable(it.Variable)
		if !ok {
			return nil, plan.Fail(c.Pos, 137, it.Variable)
		}
		x := sel.items[i].X
		var err error
		if it.Op != "=" && it.Op != "" {
			if x, err = c.Binary(it.Op, c.Variable(it.Variable, t), x); err != nil {
				return nil, err
			}
		}
		if x, err = c.Assign(x, bound.Target{Type: t}, c.Pos); err != nil {
			return nil, err
		}
		if x.Eval == nil {
			return nil, plan.Unsupported("SELECT "+it.Variable+" = OF SUCH AN EXPRESSION", c.Pos)
		}
		res.Assign = append(res.Assign, plan.Assignment{Variable: it.Variable, Type: t, Eval: x.Eval})
	}
	lim, err := sel.limits()
	if err != nil {
		return nil, err
	}
	if lim.Ties || lim.Percent != "" {
		return nil, plan.Unsupported("TOP WITH TIES OR PERCENT WITH ASSIGNMENT", c.Pos)
	}
	if sel.from == "" && sel.where == "" && len(res.Inputs) == 0 && lim == (source.Limit{}) && sel.having == "" {
		return res, nil
	}
	cols := []string{"1"}
	if len(res.Inputs) > 0 {
		cols = source.Texts(res.Inputs)
	}
	for i := range sel.order {
		sel.order[i].item = 0
	}
	if sel.grouped && sel.group == "" {
		sel.order = nil
	}
	if sel.grouped && sel.group == "" && !anyAggregate(inputItems(res.Inputs)) {
		cols = append(cols, "count(*)")
	}
	res.SQL = sel.text(cols, sel.orderText()) + lim.Text()
	for _, x := range res.Inputs {
		res.Items = append(res.Items, names.Item{X: x, Column: plan.Column{Type: x.Type}})
	}
	if len(res.Items) == 0 {
		t := sqltype.Of(sqltype.Int)
		res.Items = []names.Item{{X: bound.X{Type: t}, Column: plan.Column{Type: t}}}
	}
	return res, nil
}

func inputItems(xs []bound.X) []names.Item {
	out := make([]names.Item, len(xs))
	for i, x := range xs {
		out[i] = names.Item{X: x}
	}
	return out
}
