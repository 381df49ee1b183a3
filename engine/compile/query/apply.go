package query

import (
	"strconv"
	"strings"

	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/expr"
	"latchkey/engine/compile/plan"
	"latchkey/engine/fn"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// apply compiles left CROSS APPLY right and left OUTER APPLY right. SQLite has no lateral queries, so each form becomes a join of another
// shape; what has none is refused.
func (c *Compiler) apply(ts *ast.Join, left string, first int, r *Rows) (string, error) {
	outer := ts.Kind == "OUTER APPLY"
	kind := " JOIN "
	if outer {
		kind = " LEFT JOIN "
	}
	lateral := &Rows{c: c, parent: r.parent, depth: r.depth, sources: r.sources[first:], refs: r.refs}
	switch right := ts.R.(type) {
	case *ast.FuncTable:
		return c.applyFunction(right, left, kind, lateral, r, outer)
	case *ast.Derived:
		if right.Query != nil {
			return c.applyQuery(right, left, kind, lateral, r, outer)
		}
		return c.applyValues(right, left, kind, lateral, r)
	}
	middle := len(r.sources)
	text, err := c.source(ts.R, r)
	if err != nil {
		return "", err
	}
	if outer {
		r.nullable(middle, len(r.sources))
	}
	return left + kind + grouped(text) + " ON 1", nil
}

func (c *Compiler) refuseApply(outer bool, what string) error {
	return plan.Unsupported(map[bool]string{false: "CROSS APPLY ", true: "OUTER APPLY "}[outer]+what, c.Pos)
}

// applyQuery is APPLY (query).
func (c *Compiler) applyQuery(ts *ast.Derived, left, kind string, lateral, r *Rows, outer bool) (string, error) {
	res, err := c.query(ts.Query, lateral, options{named: true})
	if err != nil {
		return "", err
	}
	names, err := c.columnNames(res.names(), ts.Columns, ts.Alias)
	if err != nil {
		return "", err
	}
	if res.flags&bound.HasColumn == 0 && !hasColumns(c.Arguments) {
		s := c.sourceOf(res, ts.Alias, names)
		c.addApplied(r, s, outer)
		return left + kind + "(" + res.sql + ") AS " + s.Alias + " ON 1", nil
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
		return c.applyScalar(sel, ts, names, left, r), nil
	case windows:
		return "", c.refuseApply(outer, "OF CORRELATED WINDOW FUNCTIONS")
	case limited && sel.from != "":
		return c.applyTop(sel, ts, names, left, kind, lateral, r, outer)
	case limited:
		return "", c.refuseApply(outer, "OF TOP WITHOUT FROM")
	}
	return c.applyJoin(sel, ts, names, left, kind, r, outer)
}

// addApplied brings the source of an applied query into scope.
func (c *Compiler) addApplied(r *Rows, s *Source, outer bool) {
	r.Add(s)
	if outer {
		r.nullable(len(r.sources)-1, len(r.sources))
	}
}

// inline is a source whose columns are expressions over what is in FROM already.
func inline(name string, names []string, items []Item) *Source {
	s := &Source{Name: name, Aliased: true}
	for i, item := range items {
		x := item.X
		x.Eval, x.Const, x.Column = nil, false, nil
		x.Flags &^= bound.HasColumn | bound.HasOuter
		if x.Type.Kind == sqltype.Null {
			x.Type = sqltype.Of(sqltype.Int)
		}
		if x.Type.Kind.IsText() && x.Label == bound.Default {
			x.Label = bound.Implicit
		}
		s.cols = append(s.cols, col{name: names[i], x: x})
	}
	return s
}

// applyScalar: one row of aggregates; each column is a subquery of its own.
func (c *Compiler) applyScalar(sel *selection, ts *ast.Derived, names []string, left string, r *Rows) string {
	items := make([]Item, len(sel.items))
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
	r.Add(inline(ts.Alias, names, items))
	return left
}

// applyJoin: correlation in WHERE becomes the condition of a join; without FROM there is nothing to join.
func (c *Compiler) applyJoin(sel *selection, ts *ast.Derived, names []string, left, kind string, r *Rows, outer bool) (string, error) {
	if sel.from != "" && c.fromCorrelated(sel) {
		return "", c.refuseApply(outer, "WITH CORRELATION INSIDE FROM")
	}
	on := or(sel.where, "1")
	if sel.from == "" && sel.where == "" {
		r.Add(inline(ts.Alias, names, sel.items))
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
			from = "(" + one + " JOIN " + grouped(from) + ")"
		}
	} else {
		from = grouped(from)
	}
	items := sel.items
	if outer {
		items = guarded(items, marker+".m")
	}
	c.addApplied(r, inline(ts.Alias, names, items), outer)
	return left + kind + from + " ON " + on, nil
}

// guarded makes what is computed of a missing row NULL.
func guarded(items []Item, marker string) []Item {
	out := make([]Item, len(items))
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
func (c *Compiler) applyTop(sel *selection, ts *ast.Derived, names []string, left, kind string, lateral, r *Rows, outer bool) (string, error) {
	lim, err := sel.limits()
	if err != nil {
		return "", err
	}
	if lim.ties || lim.percent != "" || c.fromCorrelated(sel) || !innerOnly(sel.s.From) {
		return "", c.refuseApply(outer, "OF SUCH A CORRELATED TOP")
	}
	ids, ok := rowIDs(sel.rows.sources)
	if !ok {
		return "", c.refuseApply(outer, "OF A CORRELATED TOP OVER ANYTHING BUT TABLES")
	}
	for i := range sel.order {
		sel.order[i].item = 0
	}
	chosen := sel.text(ids, sel.orderText()) + lim.text()
	again, err := c.begin(&ast.Select{Items: sel.s.Items, From: sel.s.From}, &ast.Query{}, lateral)
	if err != nil {
		return "", err
	}
	if err := again.body(); err != nil {
		return "", err
	}
	own, _ := rowIDs(again.rows.sources)
	key := own[0]
	if len(own) > 1 {
		key = "(" + strings.Join(own, ", ") + ")"
	}
	items := again.items
	if outer {
		items = guarded(items, own[0])
	}
	c.addApplied(r, inline(ts.Alias, names, items), outer)
	return left + kind + grouped(again.from) + " ON " + key + " IN (" + chosen + ")", nil
}

// innerOnly reports that a FROM has no outer joins and nothing but tables.
func innerOnly(list []ast.TableSource) bool {
	for _, ts := range list {
		switch ts := ts.(type) {
		case *ast.Table, *ast.TableVariable:
		case *ast.Join:
			if ts.Kind != "INNER" && ts.Kind != "CROSS" || !innerOnly([]ast.TableSource{ts.L, ts.R}) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// rowIDs names the row id of each source; false if one has none.
func rowIDs(sources []*Source) ([]string, bool) {
	var out []string
	for _, s := range sources {
		name := RowID(s.Object)
		if name == "" || s.Alias == "" {
			return nil, false
		}
		out = append(out, s.Alias+"."+name)
	}
	return out, len(out) > 0
}

// RowID is a name for SQLite's row id that no column of the table hides, "" if there is none.
func RowID(o *plan.Object) string {
	if o == nil || o.Kind != plan.Table || !o.RowID {
		return ""
	}
	for _, name := range []string{"rowid", "_rowid_", "oid"} {
		free := true
		for _, c := range o.Columns {
			if strings.EqualFold(strings.Trim(or(c.SQL, c.Name), `"`), name) {
				free = false
			}
		}
		if free {
			return name
		}
	}
	return ""
}

// applyValues is APPLY (VALUES ...): a join with numbers, each column a CASE over them.
func (c *Compiler) applyValues(ts *ast.Derived, left, kind string, lateral, r *Rows) (string, error) {
	rows, cols, err := c.Values(ts.Rows, expr.Place{Rows: lateral, Clause: "SELECT"})
	if err != nil {
		return "", err
	}
	names, err := c.columnNames(make([]string, len(cols)), ts.Columns, ts.Alias)
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
	r.Add(inline(ts.Alias, names, cols))
	if len(rows) == 1 {
		return left, nil
	}
	return left + kind + "(VALUES " + strings.Join(numbers, ", ") + ") AS " + alias + " ON 1", nil
}

// function compiles a table-valued function in FROM.
func (c *Compiler) function(ts *ast.FuncTable, r *Rows, lateral bool) (string, error) {
	at, done := r.nestedRows()
	defer done()
	text, _, err := c.functionText(ts, at, r)
	return text, err
}

// functionText compiles a function whose arguments see args.
func (c *Compiler) functionText(ts *ast.FuncTable, args, r *Rows) (string, bool, error) {
	call, ok := ts.Call.(*ast.FuncCall)
	if !ok {
		return "", false, plan.Unsupported("A METHOD IN FROM", c.Pos)
	}
	if len(ts.With) > 0 {
		return "", false, plan.Unsupported(strings.ToUpper(call.Name.Name())+" WITH", call.Name.Pos)
	}
	o, err := c.Scope.Object(call.Name)
	if err != nil {
		return "", false, plan.At(err, call.Name.Pos)
	}
	if o == nil || o.Kind != plan.Function && o.Kind != plan.TableFunction {
		if f, ok := fn.Lookup(call.Name.Name()); ok && f.Kind == fn.TableFunc {
			return "", false, plan.Unsupported(f.Name, call.Name.Pos)
		}
		if o != nil {
			return "", false, plan.Fail(call.Name.Pos, 215, call.Name.Name())
		}
		return "", false, plan.Fail(call.Name.Pos, 208, call.Name.String())
	}
	xs, correlated, err := c.arguments(call, o, args)
	if err != nil {
		return "", false, err
	}
	name := or(ts.Alias, o.Name)
	if o.Kind == plan.Function {
		if correlated {
			return "", true, plan.Unsupported("AN INLINE FUNCTION WITH COLUMNS AS ARGUMENTS OUTSIDE APPLY", call.Name.Pos)
		}
		text, err := c.view(o, name, ts.Alias != "", variables(o, xs), r)
		return text, false, err
	}
	c.Need(o, "SELECT")
	s := c.Table(o, name, c.Alias())
	s.Aliased = ts.Alias != ""
	if len(ts.Columns) > 0 {
		names := make([]string, len(s.cols))
		for i := range s.cols {
			names[i] = s.cols[i].name
		}
		if names, err = c.columnNames(names, ts.Columns, name); err != nil {
			return "", false, err
		}
		for i := range s.cols {
			s.cols[i].name = names[i]
		}
	}
	r.Add(s)
	return o.Source + "(" + strings.Join(sqlOf(xs), ", ") + ") AS " + s.Alias, correlated, nil
}

// variables are what the parameters of an inline function stand for.
func variables(o *plan.Object, xs []bound.X) map[string]bound.X {
	vars := make(map[string]bound.X, len(xs))
	for i, p := range o.Params {
		vars[strings.ToLower(p.Name)] = xs[i]
	}
	return vars
}

func hasColumns(args map[string]bound.X) bool {
	for _, x := range args {
		if x.Flags&(bound.HasColumn|bound.HasOuter) != 0 {
			return true
		}
	}
	return false
}

// applyInline is APPLY of an inline function with columns among its arguments: its query is applied as one written in place. ok is false for
// every other function.
func (c *Compiler) applyInline(ts *ast.FuncTable, left, kind string, lateral, r *Rows, outer bool) (text string, ok bool, err error) {
	call, isCall := ts.Call.(*ast.FuncCall)
	if !isCall {
		return "", false, nil
	}
	o, err := c.Scope.Object(call.Name)
	if err != nil || o == nil || o.Kind != plan.Function || o.Query == nil {
		return "", false, plan.At(err, call.Name.Pos)
	}
	xs, correlated, err := c.arguments(call, o, lateral)
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
	leave, err := c.enter(o.Scope, variables(o, xs))
	if err != nil {
		return "", true, err
	}
	defer leave()
	d := &ast.Derived{Query: o.Query.Query, Alias: or(ts.Alias, o.Name), Columns: ts.Columns}
	if len(d.Columns) == 0 {
		for _, col := range o.Columns {
			d.Columns = append(d.Columns, col.Name)
		}
	}
	text, err = c.applyQuery(d, left, kind, lateral, r, outer)
	return text, true, err
}

// arguments compiles the arguments of a function in FROM, converted to its parameters: 313, 8144.
func (c *Compiler) arguments(call *ast.FuncCall, o *plan.Object, args *Rows) ([]bound.X, bool, error) {
	if len(call.Args) > len(o.Params) {
		return nil, false, plan.Fail(call.Name.Pos, 8144, call.Name.String())
	}
	var xs []bound.X
	correlated := false
	for i, p := range o.Params {
		var x bound.X
		var err error
		_, isDefault := ast.Expr(nil), false
		if i < len(call.Args) {
			_, isDefault = call.Args[i].(*ast.Default)
		}
		switch {
		case i < len(call.Args) && !isDefault:
			x, err = c.Expr(call.Args[i], expr.Place{Rows: args, Clause: "FROM"})
		case p.Default != nil:
			x, err = c.Expr(p.Default, expr.Place{})
		case o.Kind == plan.TableFunction && i >= len(call.Args):
			x = c.Null()
		default:
			return nil, false, plan.Fail(call.Name.Pos, 313, call.Name.String())
		}
		if err != nil {
			return nil, false, err
		}
		correlated = correlated || x.Flags&(bound.HasColumn|bound.HasOuter) != 0
		if p.Type.Kind != sqltype.Null {
			if x, err = c.Assign(x, bound.Target{Type: p.Type}, call.Name.Pos); err != nil {
				return nil, false, err
			}
		}
		xs = append(xs, x)
	}
	return xs, correlated, nil
}

func (c *Compiler) applyFunction(ts *ast.FuncTable, left, kind string, lateral, r *Rows, outer bool) (string, error) {
	if text, ok, err := c.applyInline(ts, left, kind, lateral, r, outer); ok || err != nil {
		return text, err
	}
	before := len(r.sources)
	text, _, err := c.functionText(ts, lateral, r)
	if err != nil {
		return "", err
	}
	if outer {
		r.nullable(before, len(r.sources))
	}
	return left + kind + text + " ON 1", nil
}
