package query

import (
	"strconv"
	"strings"

	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/expr"
	"latchkey/engine/compile/names"
	"latchkey/engine/compile/plan"
	"latchkey/engine/compile/shape"
	"latchkey/engine/compile/source"
	"latchkey/engine/tsql/ast"
)

// apply compiles left CROSS APPLY right and left OUTER APPLY right. SQLite has no lateral queries, so each form becomes a join of another
// shape; what has none is refused.
func (c *Compiler) apply(ts *ast.Join, left string, first int, r *names.Rows) (string, error) {
	outer := ts.Kind == "OUTER APPLY"
	kind := " JOIN "
	if outer {
		kind = " LEFT JOIN "
	}
	lateral := &names.Rows{Base: c.Base, Parent: r.Parent, Depth: r.Depth, Sources: r.Sources[first:], Refs: r.Refs}
	switch right := ts.R.(type) {
	case *ast.FuncTable:
		return c.applyFunction(right, left, kind, lateral, r, outer)
	case *ast.Derived:
		if right.Query != nil {
			return c.applyQuery(right, left, kind, lateral, r, outer)
		}
		return c.applyValues(right, left, kind, lateral, r)
	}
	middle := len(r.Sources)
	text, err := c.Source(ts.R, r)
	if err != nil {
		return "", err
	}
	if outer {
		r.Nullable(middle, len(r.Sources))
	}
	return left + kind + source.Grouped(text) + " ON 1", nil
}

func (c *Compiler) refuseApply(outer bool, what string) error {
	return plan.Unsupported(map[bool]string{false: "CROSS APPLY ", true: "OUTER APPLY "}[outer]+what, c.Pos)
}

// applyQuery is APPLY (query).
func (c *Compiler) applyQuery(ts *ast.Derived, left, kind string, lateral, r *names.Rows, outer bool) (string, error) {
	res, err := c.query(ts.Query, lateral, options{named: true})
	if err != nil {
		return "", err
	}
	list, err := c.ColumnNames(res.Names(), ts.Columns, ts.Alias)
	if err != nil {
		return "", err
	}
	if res.Flags&bound.HasColumn == 0 && !source.HasColumns(c.Arguments) {
		s := c.Of(res, ts.Alias, list)
		c.addApplied(r, s, outer)
		return left + kind + "(" + res.SQL + ") AS " + s.Alias + " ON 1", nil
	}
	if ts.Query.For != nil { // one row of one value
		item := res.Items[0]
		item.SQL = "(" + res.SQL + ")"
		r.Add(names.Inline(ts.Alias, list, []names.Item{item}))
		return left, nil
	}
	s, ok := ts.Query.Body.(*ast.Select)
	if !ok {
		return "", c.refuseApply(outer, "OF A CORRELATED SET OPERATION")
	}
	sel, err := c.begin(s, ts.Query, lateral)
	if err != nil {
		return "", err
	}
	if err := sel.body(); err != nil {
		return "", err
	}
	limited := s.Top != nil || ts.Query.Offset != nil
	windows := false
	for _, item := range sel.items {
		windows = windows || item.Flags&bound.HasWindow != 0
	}
	switch {
	case s.Distinct:
		return "", c.refuseApply(outer, "OF A CORRELATED SELECT DISTINCT")
	case sel.grouped && (s.GroupBy != nil || s.Having != nil):
		return "", c.refuseApply(outer, "OF A CORRELATED GROUP BY")
	case sel.grouped:
		return c.applyScalar(sel, ts, list, left, r), nil
	case windows:
		return "", c.refuseApply(outer, "OF CORRELATED WINDOW FUNCTIONS")
	case limited && sel.from != "":
		return c.applyTop(sel, ts, list, left, kind, lateral, r, outer)
	case limited:
		return "", c.refuseApply(outer, "OF TOP WITHOUT FROM")
	}
	return c.applyJoin(sel, ts, list, left, kind, r, outer)
}

// addApplied brings the source of an applied query into scope.
func (c *Compiler) addApplied(r *names.Rows, s *names.Source, outer bool) {
	r.Add(s)
	if outer {
		r.Nullable(len(r.Sources)-1, len(r.Sources))
	}
}

// applyScalar: one row of aggregates; each column is a subquery of its own.
func (c *Compiler) applyScalar(sel *selection, ts *ast.Derived, list []string, left string, r *names.Rows) string {
	items := make([]names.Item, len(sel.items))
	for i, item := range sel.items {
		var b strings.Builder
		b.WriteString("(SELECT " + item.SQL)
		sel.tail(&b)
		items[i] = item
		items[i].SQL = b.String() + ")"
		if item.Flags&bound.HasAggregate == 0 { // a constant beside aggregates
			items[i].SQL = item.SQL
		}
	}
	r.Add(names.Inline(ts.Alias, list, items))
	return left
}

// applyJoin: correlation in WHERE becomes the condition of a join; without FROM there is nothing to join.
func (c *Compiler) applyJoin(sel *selection, ts *ast.Derived, list []string, left, kind string, r *names.Rows, outer bool) (string, error) {
	if sel.from != "" && c.fromCorrelated(sel) {
		return "", c.refuseApply(outer, "WITH CORRELATION INSIDE FROM")
	}
	on := source.Or(sel.where, "1")
	if sel.from == "" && sel.where == "" {
		r.Add(names.Inline(ts.Alias, list, sel.items))
		return left, nil
	}
	from := sel.from
	marker := ""
	if from == "" || outer {
		marker = c.Alias()
		one := "(SELECT 1 AS m) AS " + marker
		if from == "" {
			from = one
		} else {
			from = "(" + one + " JOIN " + source.Grouped(from) + ")"
		}
	} else {
		from = source.Grouped(from)
	}
	items := sel.items
	if outer {
		items = guarded(items, marker+".m")
	}
	c.addApplied(r, names.Inline(ts.Alias, list, items), outer)
	return left + kind + from + " ON " + on, nil
}

// guarded makes what is computed of a missing row NULL.
func guarded(items []names.Item, marker string) []names.Item {
	out := make([]names.Item, len(items))
	for i, item := range items {
		out[i] = item
		if item.X.Column == nil || item.X.Column.Object == nil {
			out[i].SQL = "(CASE WHEN " + marker + " IS NOT NULL THEN " + item.SQL + " END)"
		}
		out[i].Type.Nullable = true
	}
	return out
}

// fromCorrelated reports that FROM itself names columns outside: compiled without the rows around it, it fails.
func (c *Compiler) fromCorrelated(sel *selection) bool {
	probe := c.NewRows(nil)
	args := c.Arguments
	defer func() { c.Arguments = args }()
	c.Arguments = make(map[string]bound.X, len(args))
	for name, x := range args {
		if x.Flags&(bound.HasColumn|bound.HasOuter) == 0 {
			c.Arguments[name] = x
		}
	}
	if _, err := c.From(sel.s.From, probe); err != nil {
		return true
	}
	return false
}

// applyTop: TOP over tables joins them again by the row ids of those that TOP chose.
func (c *Compiler) applyTop(sel *selection, ts *ast.Derived, list []string, left, kind string, lateral, r *names.Rows, outer bool) (string, error) {
	lim, err := sel.limits()
	if err != nil {
		return "", err
	}
	if lim.Ties || lim.Percent != "" || c.fromCorrelated(sel) || !shape.InnerOnly(sel.s.From) {
		return "", c.refuseApply(outer, "OF SUCH A CORRELATED TOP")
	}
	ids, ok := names.RowIDs(sel.rows.Sources)
	if !ok {
		return "", c.refuseApply(outer, "OF A CORRELATED TOP OVER ANYTHING BUT TABLES")
	}
	for i := range sel.order {
		sel.order[i].item = 0
	}
	chosen := sel.text(ids, sel.orderText()) + lim.Text()
	again, err := c.begin(&ast.Select{Items: sel.s.Items, From: sel.s.From}, &ast.Query{}, lateral)
	if err != nil {
		return "", err
	}
	if err := again.body(); err != nil {
		return "", err
	}
	own, _ := names.RowIDs(again.rows.Sources)
	key := own[0]
	if len(own) > 1 {
		key = "(" + strings.Join(own, ", ") + ")"
	}
	items := again.items
	if outer {
		items = guarded(items, own[0])
	}
	c.addApplied(r, names.Inline(ts.Alias, list, items), outer)
	return left + kind + source.Grouped(again.from) + " ON " + key + " IN (" + chosen + ")", nil
}

// applyValues is APPLY (VALUES ...): a join with numbers, each column a CASE over them.
func (c *Compiler) applyValues(ts *ast.Derived, left, kind string, lateral, r *names.Rows) (string, error) {
	rows, cols, err := c.Values(ts.Rows, expr.Place{Rows: lateral, Clause: "SELECT"})
	if err != nil {
		return "", err
	}
	list, err := c.ColumnNames(make([]string, len(cols)), ts.Columns, ts.Alias)
	if err != nil {
		return "", err
	}
	alias := c.Alias()
	numbers := make([]string, len(rows))
	for i := range rows {
		numbers[i] = "(" + strconv.Itoa(i+1) + ")"
	}
	for j := range cols {
		if len(rows) == 1 {
			cols[j].SQL = rows[0][j].SQL
			continue
		}
		var b strings.Builder
		b.WriteString("(CASE " + alias + ".column1")
		for i := range rows {
			b.WriteString(" WHEN " + strconv.Itoa(i+1) + " THEN " + rows[i][j].SQL)
		}
		cols[j].SQL = b.String() + " END)"
	}
	r.Add(names.Inline(ts.Alias, list, cols))
	if len(rows) == 1 {
		return left, nil
	}
	return left + kind + "(VALUES " + strings.Join(numbers, ", ") + ") AS " + alias + " ON 1", nil
}

// applyInline is APPLY of an inline function with columns among its arguments: its query is applied as one written in place. ok is false for
// every other function.
func (c *Compiler) applyInline(ts *ast.FuncTable, left, kind string, lateral, r *names.Rows, outer bool) (text string, ok bool, err error) {
	call, isCall := ts.Call.(*ast.FuncCall)
	if !isCall {
		return "", false, nil
	}
	o, err := c.Scope.Object(call.Name)
	if err != nil || o == nil || o.Kind != plan.Function || o.Query == nil {
		return "", false, plan.At(err, call.Name.Pos)
	}
	xs, correlated, err := c.Args(call, o, lateral)
	if err != nil || !correlated {
		return "", false, err
	}
	if o.Query.With != nil {
		return "", true, c.refuseApply(outer, "OF AN INLINE FUNCTION WITH COMMON TABLE EXPRESSIONS")
	}
	for i := range xs {
		if xs[i].Flags&bound.HasColumn != 0 {
			xs[i].Flags = xs[i].Flags&^bound.HasColumn | bound.HasOuter
		}
	}
	c.Need(o, "SELECT")
	leave, err := c.Enter(o.Scope, source.Variables(o, xs))
	if err != nil {
		return "", true, err
	}
	defer leave()
	d := &ast.Derived{Query: o.Query.Query, Alias: source.Or(ts.Alias, o.Name), Columns: ts.Columns}
	if len(d.Columns) == 0 {
		for _, col := range o.Columns {
			d.Columns = append(d.Columns, col.Name)
		}
	}
	text, err = c.applyQuery(d, left, kind, lateral, r, outer)
	return text, true, err
}

func (c *Compiler) applyFunction(ts *ast.FuncTable, left, kind string, lateral, r *names.Rows, outer bool) (string, error) {
	if text, ok, err := c.applyInline(ts, left, kind, lateral, r, outer); ok || err != nil {
		return text, err
	}
	before := len(r.Sources)
	text, _, err := c.FunctionText(ts, lateral, r)
	if err != nil {
		return "", err
	}
	if outer {
		r.Nullable(before, len(r.Sources))
	}
	return left + kind + text + " ON 1", nil
}
