package query

import (
	"strconv"
	"strings"

	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/document"
	"latchkey/engine/compile/expr"
	"latchkey/engine/compile/names"
	"latchkey/engine/compile/plan"
	"latchkey/engine/compile/shape"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// options say how a query stands in its statement.
type options struct {
	// named calls the columns c1, c2 ... in SQLite.
	named bool
	// top is the statement's own query: INTO and assignments may stand there.
	top bool
	// convert brings column i to what it must be.
	convert func(i int, x bound.X) (bound.X, error)
}

// Subquery implements expr.Queries.
func (c *Compiler) Subquery(q *ast.Query, rows expr.Rows, columns int) (expr.Sub, error) {
	parent, _ := rows.(*names.Rows)
	res, err := c.query(q, parent, options{named: true})
	if err != nil {
		return expr.Sub{}, err
	}
	if columns > 0 && len(res.Items) != columns {
		return expr.Sub{}, plan.Fail(c.Pos, 116)
	}
	s := expr.Sub{SQL: res.SQL, Single: res.Single, Flags: res.Flags}
	for _, item := range res.Items {
		x := item.X
		if x.Type.Kind == sqltype.Null {
			x.Type = sqltype.Of(sqltype.Int)
		}
		s.Columns = append(s.Columns, x)
	}
	return s, nil
}

// Exists implements expr.Queries.
func (c *Compiler) Exists(q *ast.Query, rows expr.Rows) (expr.Sub, error) {
	return c.Subquery(q, rows, 0)
}

// query compiles a query inside parent's rows.
func (c *Compiler) query(q *ast.Query, parent *names.Rows, o options) (*names.Result, error) {
	leave, err := c.Deeper()
	if err != nil {
		return nil, err
	}
	defer leave()
	if q.For != nil {
		return document.Compile(c.Base, q, document.Place{Top: o.top, Inside: o.named}, func(q *ast.Query) (*names.Result, error) {
			return c.query(q, parent, options{named: true})
		})
	}
	if op, ok := q.Body.(*ast.SetOp); ok {
		return c.setQuery(op, q, parent, o)
	}
	s, ok := q.Body.(*ast.Select)
	if !ok {
		return nil, plan.Unsupported("QUERY", c.Pos)
	}
	return c.selectQuery(s, q, parent, o)
}

// selection is a SELECT on its way.
type selection struct {
	c       *Compiler
	s       *ast.Select
	q       *ast.Query
	rows    *names.Rows
	from    string
	where   string
	items   []names.Item
	having  string
	group   string
	order   []orderKey
	input   func(bound.X) bound.X
	grouped bool
	keyed   bool // WHERE fixes a unique column
}

func (c *Compiler) selectQuery(s *ast.Select, q *ast.Query, parent *names.Rows, o options) (*names.Result, error) {
	sel, err := c.begin(s, q, parent)
	if err != nil {
		return nil, err
	}
	if s.Into != nil && !o.top {
		return nil, plan.Fail(c.Pos, 156, "INTO")
	}
	if shape.Assigns(s) {
		if !o.top {
			return nil, plan.Fail(c.Pos, 102, "=")
		}
		return sel.assignment()
	}
	var res *names.Result
	var from []string
	if len(sel.sets()) > 0 {
		res, err = sel.unionOfSets(o)
	} else {
		if err := sel.body(); err != nil {
			return nil, err
		}
		from = document.Origins(sel.items, sel.rows.Sources)
		res, err = sel.render(o)
	}
	if err != nil {
		return nil, err
	}
	res.Into, res.From = s.Into, from
	res.Flags = sel.rows.Flags()
	res.Outer = sel.rows.Refs.Outer(sel.rows.Depth)
	return res, nil
}

// begin compiles FROM, WHERE and the keys of GROUP BY.
func (c *Compiler) begin(s *ast.Select, q *ast.Query, parent *names.Rows) (*selection, error) {
	if c.work++; c.work > maxWork {
		return nil, plan.Fail(c.Pos, 8623)
	}
	sel := &selection{c: c, s: s, q: q, rows: c.NewRows(parent)}
	sel.rows.Windows = s.Windows
	var err error
	if sel.from, err = c.From(s.From, sel.rows); err != nil {
		return nil, err
	}
	if s.Where != nil {
		x, err := c.Condition(s.Where, expr.Place{Rows: sel.rows, Clause: "WHERE"})
		if err != nil {
			return nil, err
		}
		sel.where = x.SQL
		sel.keyed = sel.fixesKey(s.Where)
	}
	if err := sel.groupKeys(); err != nil {
		return nil, err
	}
	return sel, nil
}

// body compiles what is behind grouping: HAVING, the list, ORDER BY.
func (sel *selection) body() error {
	r := sel.rows
	r.After = true
	defer func() { r.After = false }()
	var err error
	r.Clause = "SELECT"
	at := sel.at("SELECT")
	at.Row = sel.c.NextRow()
	if sel.items, err = sel.c.items(sel.s.Items, at); err != nil {
		return err
	}
	if sel.s.Having != nil {
		r.Clause = "HAVING"
		at := sel.at("HAVING")
		at.Windows = false
		x, err := sel.c.Condition(sel.s.Having, at)
		if err != nil {
			return err
		}
		sel.having = x.SQL
	}
	r.Clause = "ORDER BY"
	sel.order, err = sel.orderKeys()
	return err
}

func (sel *selection) at(clause string) expr.Place {
	return expr.Place{Rows: sel.rows, Clause: clause, Aggregates: true, Windows: true, Input: sel.input}
}

// items compiles a select list; stars are expanded.
func (c *Compiler) items(list []*ast.SelectItem, at expr.Place) ([]names.Item, error) {
	var out []names.Item
	for _, it := range list {
		if star, ok := it.X.(*ast.Star); ok {
			cols, err := c.star(star, at)
			if err != nil {
				return nil, err
			}
			out = append(out, cols...)
			continue
		}
		x, err := c.Expr(it.X, at)
		if err != nil {
			return nil, err
		}
		out = append(out, c.item(it, x))
	}
	return out, nil
}

// item names a column of a result.
func (c *Compiler) item(it *ast.SelectItem, x bound.X) names.Item {
	item := names.Item{X: x}
	if x.Column != nil {
		item.Column = *x.Column
	}
	item.Column.Name = it.Alias
	if it.Alias == "" {
		switch e := it.X.(type) {
		case *ast.ColumnRef:
			item.Column.Name = e.Name.Name() // as it was written, whatever the case of the column's own name
			if x.Column != nil && !c.Same(item.Column.Name, x.Column.Name) {
				item.Column.Name = x.Column.Name // IDENTITYCOL, ROWGUIDCOL
			}
		case *ast.PseudoColumn:
			if x.Column != nil {
				item.Column.Name = x.Column.Name
			}
		}
	}
	item.Column.Type, item.JSON = x.Type, document.IsJSON(it.X)
	return item
}

// star expands * and t.*: 107 and 263.
func (c *Compiler) star(star *ast.Star, at expr.Place) ([]names.Item, error) {
	r, ok := at.Rows.(*names.Rows)
	if !ok || len(r.Sources) == 0 {
		return nil, plan.Fail(c.Pos, 263)
	}
	prefixed := len(star.Qualifier.Parts) > 0
	var out []names.Item
	matched := false
	for _, s := range r.Sources {
		if s.Hidden && !prefixed {
			continue
		}
		if prefixed {
			full := ast.ObjectName{Parts: append(append([]string{}, star.Qualifier.Parts...), "*"), Pos: star.Qualifier.Pos}
			if s.Hidden || !r.Fits(s, full) {
				continue
			}
		}
		matched = true
		for i := range s.Cols {
			if s.Cols[i].Hidden {
				continue
			}
			name := ast.ObjectName{Parts: []string{s.Name, s.Cols[i].Name}, Pos: c.Pos}
			ref := &ast.ColumnRef{Name: name}
			x := s.Cols[i].X
			x.Flags |= bound.HasColumn
			r.Note(r)
			if s.Use != nil {
				s.Use.Columns[s.Cols[i].Name] = true
			}
			x, err := r.Check(x, ref, s)
			if err != nil {
				return nil, err
			}
			if at.Input != nil {
				x = at.Input(x)
			}
			out = append(out, c.item(&ast.SelectItem{X: ref}, x))
			out[len(out)-1].Column.Name = s.Cols[i].Name
		}
	}
	if !matched {
		return nil, plan.Fail(star.Qualifier.Pos, 107, star.Qualifier.String())
	}
	return out, nil
}

// Items compiles a select list over rows: that of OUTPUT.
func (c *Compiler) Items(list []*ast.SelectItem, at expr.Place) ([]names.Item, error) {
	return c.items(list, at)
}

// render writes the SELECT.
func (sel *selection) render(o options) (*names.Result, error) {
	c, s := sel.c, sel.s
	outside := o.convert
	if s.Distinct { // distinct by its own types, converted around it
		o.convert = nil
	}
	for i := range sel.items {
		if o.convert != nil {
			x, err := o.convert(i, sel.items[i].X)
			if err != nil {
				return nil, err
			}
			sel.items[i].X = x
			sel.items[i].Column.Type = x.Type
		}
		if s.Distinct {
			if k := sel.items[i].Type.Kind; k.IsLegacyLOB() || k == sqltype.XML {
				return nil, plan.Fail(c.Pos, 421, k.String())
			}
			if err := bound.Resolved(sel.items[i].X, "DISTINCT", c.Pos); err != nil {
				return nil, err
			}
		}
	}
	if s.Distinct && outside != nil {
		res, err := sel.render(options{named: true})
		if err != nil {
			return nil, err
		}
		return c.convertAround(res, outside)
	}
	res := &names.Result{Items: sel.items, Single: sel.isSingle()}
	lim, err := sel.limits()
	if err != nil {
		return nil, err
	}
	if lim.Ties || lim.Percent != "" {
		return sel.ranked(lim)
	}
	if err := sel.distinctOrder(); err != nil {
		return nil, err
	}
	if sel.grouped && sel.group == "" { // one row at most: there is nothing to order
		sel.order = nil
		if !anyAggregate(sel.items) {
			res.SQL = sel.bareAggregate() + lim.Text()
			return res, nil
		}
	}
	res.SQL = sel.text(sel.columns(o.named), sel.orderText()) + lim.Text()
	return res, nil
}

// convertAround converts the columns of a query, called c1, c2 ..., outside of it.
func (c *Compiler) convertAround(res *names.Result, convert func(int, bound.X) (bound.X, error)) (*names.Result, error) {
	cols := make([]string, len(res.Items))
	for i := range res.Items {
		name := "c" + strconv.Itoa(i+1)
		x := res.Items[i].X
		x.SQL, x.Column, x.Eval, x.Const = name, nil, nil, false
		x, err := convert(i, x)
		if err != nil {
			return nil, err
		}
		cols[i] = x.SQL + " AS " + name
		res.Items[i].X, res.Items[i].Column.Type = x, x.Type
	}
	res.SQL = "SELECT " + strings.Join(cols, ", ") + " FROM (" + res.SQL + ")"
	return res, nil
}

// bareAggregate writes a list without aggregates over rows that HAVING or ORDER BY make one of, which SQLite would not see.
func (sel *selection) bareAggregate() string {
	list := make([]string, len(sel.items))
	for i := range list {
		list[i] = "c" + strconv.Itoa(i+1)
	}
	return "SELECT " + strings.Join(list, ", ") + " FROM (" + sel.text(append(sel.columns(true), "count(*)"), "") + ")"
}

// columns are the texts of the select list.
func (sel *selection) columns(named bool) []string {
	out := make([]string, len(sel.items))
	for i, item := range sel.items {
		out[i] = item.SQL
		if sel.s.Distinct {
			out[i] = bound.Collate(item.X)
		}
		if named {
			out[i] += " AS c" + strconv.Itoa(i+1)
		}
	}
	return out
}

// text is the SELECT around its parts.
func (sel *selection) text(columns []string, order string) string {
	var b strings.Builder
	b.WriteString("SELECT ")
	if sel.s.Distinct {
		b.WriteString("DISTINCT ")
	}
	b.WriteString(strings.Join(columns, ", "))
	sel.tail(&b)
	b.WriteString(order)
	return b.String()
}

// tail writes FROM to HAVING.
func (sel *selection) tail(b *strings.Builder) {
	if sel.from != "" {
		b.WriteString(" FROM " + sel.from)
	}
	if sel.where != "" {
		b.WriteString(" WHERE " + sel.where)
	}
	if sel.group != "" {
		b.WriteString(" GROUP BY " + sel.group)
	}
	if sel.having != "" {
		b.WriteString(" HAVING " + sel.having)
	}
}

// isSingle reports that there cannot be two rows.
func (sel *selection) isSingle() bool {
	switch {
	case sel.grouped && sel.group == "" && sel.s.GroupBy == nil, sel.from == "":
		return true
	case sel.keyed && sel.s.GroupBy == nil:
		return true
	}
	top := sel.s.Top
	if top == nil || top.Percent || top.WithTies {
		return false
	}
	lit, ok := top.Count.(*ast.Literal)
	return ok && (lit.Text == "1" || lit.Text == "0")
}

// fixesKey reports that a condition sets a unique column of the only source equal to something that the row does not change.
func (sel *selection) fixesKey(cond ast.Condition) bool {
	switch e := cond.(type) {
	case *ast.Logical:
		if e.Op == "AND" {
			for _, t := range e.Terms {
				if sel.fixesKey(t) {
					return true
				}
			}
		}
	case *ast.Compare:
		if e.Op != "=" || len(sel.rows.Sources) != 1 {
			return false
		}
		return sel.isKey(e.L) && sel.fixed(e.R) || sel.isKey(e.R) && sel.fixed(e.L)
	}
	return false
}

func (sel *selection) isKey(e ast.Expr) bool {
	ref, ok := e.(*ast.ColumnRef)
	if !ok {
		return false
	}
	s, col, err := sel.rows.Lookup(ref.Name)
	if err != nil || col == nil || s.Object == nil {
		return false
	}
	oc := s.Find(sel.c.Base, col.Name)
	return oc != nil && oc.Key && s.Object.Kind == plan.Table && !oc.Type.Kind.IsText()
}

// fixed reports an expression without columns of these rows.
func (sel *selection) fixed(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Literal, *ast.Variable:
		return true
	case *ast.ColumnRef:
		_, col, err := sel.rows.Lookup(e.Name)
		return err == nil && col == nil
	}
	return false
}
