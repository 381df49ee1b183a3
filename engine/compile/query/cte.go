package query

import (
	"reflect"
	"strconv"
	"strings"

	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/plan"
	"latchkey/engine/fn"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// cte is a common table expression that can be named.
type cte struct {
	next  *cte
	name  string
	sql   string // its name in SQLite
	items []Item
	names []string
	// level is the column that counts recursion, "" for none; open while its own recursive part is compiled.
	level string
	open  bool
	seen  *int
	alias *string // of the recursive reference
}

// With takes the common table expressions of a statement or view; leave takes them out of scope.
func (c *Compiler) With(w *ast.With) (leave func(), err error) {
	switch {
	case len(w.Namespaces) > 0:
		return nil, plan.Unsupported("WITH XMLNAMESPACES", c.Pos)
	case w.Context != nil:
		return nil, plan.Unsupported("WITH CHANGE_TRACKING_CONTEXT", c.Pos)
	}
	before := c.ctes
	for i, e := range w.CTEs {
		for _, o := range w.CTEs[:i] {
			if c.Same(o.Name, e.Name) {
				return nil, plan.Fail(c.Pos, 239, e.Name)
			}
		}
		if err := c.define(e); err != nil {
			c.ctes = before
			return nil, err
		}
	}
	return func() { c.ctes = before }, nil
}

func (c *Compiler) findCTE(name string) *cte {
	for w := c.ctes; w != nil; w = w.next {
		if c.Same(w.name, name) {
			return w
		}
	}
	return nil
}

// define compiles one common table expression.
func (c *Compiler) define(e *ast.CTE) error {
	c.aliases++
	w := &cte{name: e.Name, sql: "w" + strconv.Itoa(c.aliases)}
	if mentions(reflect.ValueOf(e.Query), e.Name, c) {
		return c.recursive(e, w)
	}
	res, err := c.query(e.Query, nil, options{named: true})
	if err != nil {
		return err
	}
	if w.names, err = c.columnNames(res.names(), e.Columns, e.Name); err != nil {
		return err
	}
	w.items = res.items
	c.with = append(c.with, w.sql+columnList(len(w.items), "")+" AS ("+res.sql+")")
	w.next, c.ctes = c.ctes, w
	return nil
}

func columnList(n int, more string) string {
	names := make([]string, n)
	for i := range names {
		names[i] = "c" + strconv.Itoa(i+1)
	}
	if more != "" {
		names = append(names, more)
	}
	return "(" + strings.Join(names, ", ") + ")"
}

// useCTE is the text of a common table expression in FROM.
func (c *Compiler) useCTE(w *cte, name string, r *Rows) (string, error) {
	s := c.sourceOf(&result{items: w.items}, name, w.names)
	if w.open {
		if *w.seen++; *w.seen > 1 {
			return "", plan.Fail(c.Pos, 253, w.name)
		}
		*w.alias = s.Alias
	}
	r.Add(s)
	return w.sql + " AS " + s.Alias, nil
}

// recursive compiles a common table expression that names itself: anchors, UNION ALL, and parts that refer to it once each.
func (c *Compiler) recursive(e *ast.CTE, w *cte) error {
	if len(e.Query.OrderBy) > 0 || e.Query.Offset != nil || e.Query.For != nil {
		return plan.Fail(c.Pos, 461, e.Name)
	}
	parts := unionAll(e.Query.Body)
	var anchors, steps []ast.Body
	for _, p := range parts {
		if mentions(reflect.ValueOf(p), e.Name, c) {
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
	first, err := c.query(&ast.Query{Body: chainOf(anchors)}, nil, options{named: true})
	if err != nil {
		return err
	}
	if w.names, err = c.columnNames(first.names(), e.Columns, e.Name); err != nil {
		return err
	}
	w.items = make([]Item, len(first.items))
	for i, item := range first.items {
		item.X.Type.Nullable = true
		w.items[i] = Item{X: bound.X{Type: item.Type, Label: item.Label, Other: item.Other}, Column: plan.Column{Name: w.names[i], Type: item.Type}}
	}
	if c.MaxRecursion > 0 {
		w.level = "level"
	}
	text := first.sql
	if w.level != "" {
		text = "SELECT *, 0 FROM (" + text + ")"
	}
	w.next, c.ctes = c.ctes, w
	for _, p := range steps {
		step, err := c.step(p, w)
		if err != nil {
			return err
		}
		text += " UNION ALL " + step
	}
	w.open = false
	c.with = append(c.with, w.sql+columnList(len(w.items), w.level)+" AS ("+text+")")
	return nil
}

// step compiles one recursive part: 460 to 467, 240.
func (c *Compiler) step(p ast.Body, w *cte) (string, error) {
	s, ok := p.(*ast.Select)
	if !ok {
		return "", plan.Unsupported("A SET OPERATION IN A RECURSIVE PART", c.Pos)
	}
	switch {
	case s.Distinct:
		return "", plan.Fail(c.Pos, 460, w.name)
	case s.Top != nil:
		return "", plan.Fail(c.Pos, 461, w.name)
	case outerJoined(s.From, w.name, c):
		return "", plan.Fail(c.Pos, 462, w.name)
	}
	q := &ast.Query{Body: s}
	if s.GroupBy != nil || s.Having != nil || hasAggregates(&selection{s: s, q: q}) {
		return "", plan.Fail(c.Pos, 467, w.name)
	}
	seen, alias := 0, ""
	w.open, w.seen, w.alias = true, &seen, &alias
	sel, err := c.begin(s, q, nil)
	if err != nil {
		return "", err
	}
	direct := false
	for _, src := range sel.rows.sources {
		direct = direct || src.Alias == alias
	}
	if !direct {
		return "", plan.Fail(c.Pos, 465)
	}
	if err := sel.body(); err != nil {
		return "", err
	}
	if len(sel.items) != len(w.items) {
		return "", plan.Fail(c.Pos, 205)
	}
	cols := make([]string, len(sel.items))
	for i := range sel.items {
		x, want := sel.items[i].X, w.items[i].Type
		if x.Flags&bound.HasWindow != 0 {
			return "", plan.Unsupported("WINDOW FUNCTIONS IN A RECURSIVE PART", c.Pos)
		}
		if x.Type.Kind == sqltype.Null {
			x.Type = want
		}
		if !sameType(x.Type, want) {
			return "", plan.Fail(c.Pos, 240, w.names[i], w.name)
		}
		cols[i] = x.SQL
	}
	if w.level != "" {
		call, err := fn.Operator("RECURSION", fn.Arg{Type: sqltype.Of(sqltype.BigInt)}, fn.Arg{Type: sqltype.Of(sqltype.Int)})
		if err != nil {
			return "", c.refusal(err)
		}
		cols = append(cols, call.SQLText([]string{alias + ".level + 1", strconv.Itoa(c.MaxRecursion)}, ""))
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

// unionAll is the list of what UNION ALL joins at the top.
func unionAll(b ast.Body) []ast.Body {
	if op, ok := b.(*ast.SetOp); ok && op.Op == "UNION ALL" {
		return append(unionAll(op.L), unionAll(op.R)...)
	}
	return []ast.Body{b}
}

func chainOf(parts []ast.Body) ast.Body {
	b := parts[0]
	for _, p := range parts[1:] {
		b = &ast.SetOp{Op: "UNION ALL", L: b, R: p}
	}
	return b
}

var tableType = reflect.TypeFor[*ast.Table]()

// mentions reports that a tree has a table of this name without a prefix.
func mentions(v reflect.Value, name string, c *Compiler) bool {
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		if v.IsNil() {
			return false
		}
		if v.Type() == tableType {
			t := v.Interface().(*ast.Table)
			if len(t.Name.Parts) == 1 && c.Same(t.Name.Name(), name) {
				return true
			}
		}
		return mentions(v.Elem(), name, c)
	case reflect.Struct:
		if v.Type() == posType {
			return false
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && mentions(v.Field(i), name, c) {
				return true
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			if mentions(v.Index(i), name, c) {
				return true
			}
		}
	}
	return false
}

// outerJoined reports that a name stands on the inner side of an outer join.
func outerJoined(list []ast.TableSource, name string, c *Compiler) bool {
	for _, ts := range list {
		j, ok := ts.(*ast.Join)
		if !ok {
			continue
		}
		l, r := mentions(reflect.ValueOf(j.L), name, c), mentions(reflect.ValueOf(j.R), name, c)
		switch j.Kind {
		case "FULL":
			if l || r {
				return true
			}
		case "LEFT", "OUTER APPLY":
			if r {
				return true
			}
		case "RIGHT":
			if l {
				return true
			}
		}
		if outerJoined([]ast.TableSource{j.L, j.R}, name, c) {
			return true
		}
	}
	return false
}
