package query

import (
	"strconv"
	"strings"

	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/expr"
	"latchkey/engine/compile/plan"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// From compiles a FROM clause to the text behind FROM; its sources come into scope. Joins by comma bind last.
func (c *Compiler) From(list []ast.TableSource, r *Rows) (string, error) {
	texts := make([]string, len(list))
	for i, ts := range list {
		first := len(r.sources)
		text, err := c.source(ts, r)
		if err != nil {
			return "", err
		}
		if i > 0 {
			text = grouped(text)
		}
		texts[i] = text
		if err := c.exposed(r, first); err != nil {
			return "", err
		}
	}
	return joinTexts(texts, " JOIN "), nil
}

// grouped puts joins in parentheses, and nothing else: SQLite loses the alias of a single source in them.
func grouped(text string) string {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch ch := text[i]; ch {
		case '(':
			depth++
		case ')':
			depth--
		case '\'', '"':
			for i++; i < len(text) && text[i] != ch; i++ {
			}
		case 'J':
			if depth == 0 && i > 0 && text[i-1] == ' ' && strings.HasPrefix(text[i:], "JOIN ") {
				return "(" + text + ")"
			}
		}
	}
	return text
}

// joinTexts joins what is not empty.
func joinTexts(texts []string, by string) string {
	out := texts[:0:0]
	for _, t := range texts {
		if t != "" {
			out = append(out, t)
		}
	}
	return strings.Join(out, by)
}

// exposed refuses two sources of one name: 1011, 1012, 1013.
func (c *Compiler) exposed(r *Rows, first int) error {
	for i := first; i < len(r.sources); i++ {
		for _, o := range r.sources[:i] {
			s := r.sources[i]
			if s.Name == "" || !c.Same(s.Name, o.Name) {
				continue
			}
			switch {
			case s.Aliased && o.Aliased:
				return plan.Fail(c.Pos, 1011, s.Name)
			case s.Aliased || o.Aliased:
				return plan.Fail(c.Pos, 1012, s.Name, o.Name)
			case s.Object != nil && o.Object != nil && !(c.Same(s.Object.Schema, o.Object.Schema) && s.Object.DatabaseID == o.Object.DatabaseID):
				continue // told apart by their schemas
			}
			return plan.Fail(c.Pos, 1013, s.Name, o.Name)
		}
	}
	return nil
}

// source compiles one table source.
func (c *Compiler) source(ts ast.TableSource, r *Rows) (string, error) {
	switch ts := ts.(type) {
	case *ast.Table:
		return c.table(ts, r)
	case *ast.TableVariable:
		o := c.Scope.TableVariable(ts.Name)
		if o == nil {
			return "", plan.Fail(c.Pos, 1087, ts.Name)
		}
		if err := c.tableHints(ts.Hints); err != nil {
			return "", err
		}
		return c.stored(o, or(ts.Alias, ts.Name), ts.Alias != "", r), nil
	case *ast.Derived:
		return c.derived(ts, r)
	case *ast.Join:
		return c.join(ts, r)
	case *ast.FuncTable:
		return c.function(ts, r, false)
	case *ast.Pivot:
		return c.pivot(ts, r)
	case *ast.Unpivot:
		return c.unpivot(ts, r)
	case *ast.Rowset:
		return "", plan.Unsupported(ts.Function, c.Pos)
	}
	return "", plan.Unsupported("TABLE SOURCE", c.Pos)
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (c *Compiler) table(ts *ast.Table, r *Rows) (string, error) {
	switch {
	case ts.Temporal != "":
		return "", plan.Unsupported("FOR SYSTEM_TIME", ts.Name.Pos)
	case ts.Sample != "":
		return "", plan.Unsupported("TABLESAMPLE", ts.Name.Pos)
	}
	if err := c.tableHints(ts.Hints); err != nil {
		return "", err
	}
	if len(ts.Name.Parts) == 1 {
		if w := c.findCTE(ts.Name.Name()); w != nil {
			return c.useCTE(w, or(ts.Alias, ts.Name.Name()), r)
		}
	}
	o, err := c.Object(ts.Name)
	if err != nil {
		return "", err
	}
	return c.named(o, or(ts.Alias, o.Name), ts.Alias != "", ts.Name, r)
}

// Object resolves a name in FROM: 208.
func (c *Compiler) Object(name ast.ObjectName) (*plan.Object, error) {
	o, err := c.Scope.Object(name)
	if err != nil {
		return nil, plan.At(err, name.Pos)
	}
	if o == nil {
		return nil, plan.Fail(name.Pos, 208, name.String())
	}
	return o, nil
}

// named is the text of an object that was found by name.
func (c *Compiler) named(o *plan.Object, name string, aliased bool, written ast.ObjectName, r *Rows) (string, error) {
	switch o.Kind {
	case plan.View:
		return c.view(o, name, aliased, nil, r)
	case plan.Function, plan.TableFunction:
		return "", plan.Fail(written.Pos, 216, o.Name)
	}
	return c.stored(o, name, aliased, r), nil
}

// stored is the text of a table or virtual view of SQLite's.
func (c *Compiler) stored(o *plan.Object, name string, aliased bool, r *Rows) string {
	s := c.Table(o, name, c.Alias())
	s.Aliased = aliased
	c.attachUse(s, o)
	r.Add(s)
	return o.Source + " AS " + s.Alias
}

func (c *Compiler) attachUse(s *Source, o *plan.Object) {
	c.Need(o, "SELECT")
	if !o.Temporary && c.inView == 0 {
		s.use = c.useOf(o, "SELECT")
	}
}

// view expands a view or inline function in place.
func (c *Compiler) view(o *plan.Object, name string, aliased bool, args map[string]bound.X, r *Rows) (string, error) {
	if o.Query == nil {
		return "", plan.Fail(c.Pos, 4413, o.Name)
	}
	c.Need(o, "SELECT")
	leave, err := c.enter(o.Scope, args)
	if err != nil {
		return "", err
	}
	inner, err := c.definition(o.Query, args != nil, r)
	leave()
	if err != nil {
		return "", err
	}
	names := inner.names()
	if len(o.Columns) > 0 {
		if len(o.Columns) != len(names) {
			return "", plan.Fail(c.Pos, 4502, o.Name)
		}
		for i := range names {
			names[i] = o.Columns[i].Name
		}
	}
	s := c.sourceOf(inner, name, names)
	s.Object, s.Aliased = o, aliased
	if !o.Temporary && c.inView == 0 {
		s.use = c.useOf(o, "SELECT")
	}
	r.Add(s)
	return "(" + inner.sql + ") AS " + s.Alias, nil
}

// definition compiles the query of a view. lateral says that its arguments may name columns of r.
func (c *Compiler) definition(q *ast.SelectStmt, lateral bool, r *Rows) (*result, error) {
	if q.With != nil {
		leave, err := c.With(q.With)
		if err != nil {
			return nil, err
		}
		defer leave()
	}
	if len(q.Hints) > 0 {
		if err := c.Hints(q.Hints); err != nil {
			return nil, err
		}
	}
	return c.query(q.Query, nil, options{named: true})
}

// sourceOf is the source that a nested query makes, its columns called c1, c2 ... in SQLite.
func (c *Compiler) sourceOf(q *result, name string, names []string) *Source {
	s := &Source{Name: name, Alias: c.Alias(), Aliased: true}
	for i, item := range q.items {
		x := item.X
		x.SQL = s.Alias + ".c" + strconv.Itoa(i+1)
		x.Eval, x.Const, x.Flags = nil, false, 0
		if x.Type.Kind == sqltype.Null {
			x.Type = sqltype.Of(sqltype.Int)
		}
		if x.Column != nil {
			column := *x.Column
			column.Object, column.Source, column.Updatable = nil, "", false
			column.Name = names[i]
			x.Column = &column
		}
		if x.Type.Kind.IsText() && x.Label == bound.Default {
			x.Label = bound.Implicit
		}
		s.cols = append(s.cols, col{name: names[i], x: x})
	}
	return s
}

// columnNames checks and applies a list of column names: 8155, 8156, 8158, 8159.
func (c *Compiler) columnNames(names, given []string, of string) ([]string, error) {
	if len(given) > 0 {
		switch {
		case len(names) > len(given):
			return nil, plan.Fail(c.Pos, 8158, of)
		case len(names) < len(given):
			return nil, plan.Fail(c.Pos, 8159, of)
		}
		names = given
	}
	seen := make(map[string]bool, len(names))
	for i, n := range names {
		if n == "" {
			return nil, plan.Fail(c.Pos, 8155, i+1, of)
		}
		key := n
		if !c.Settings.Collation.CaseSensitive() {
			key = strings.ToLower(n)
		}
		if seen[key] {
			return nil, plan.Fail(c.Pos, 8156, n, of)
		}
		seen[key] = true
	}
	return names, nil
}

func (c *Compiler) derived(ts *ast.Derived, r *Rows) (string, error) {
	if ts.DML != nil {
		return "", plan.Unsupported("A NESTED INSERT, UPDATE, DELETE, OR MERGE STATEMENT", c.Pos)
	}
	if ts.Query == nil {
		return c.values(ts, r)
	}
	inner, err := c.query(ts.Query, r.parent, options{named: true})
	if err != nil {
		return "", err
	}
	r.noteOuter(inner.outer)
	names, err := c.columnNames(inner.names(), ts.Columns, ts.Alias)
	if err != nil {
		return "", err
	}
	s := c.sourceOf(inner, ts.Alias, names)
	r.Add(s)
	return "(" + inner.sql + ") AS " + s.Alias, nil
}

// values is (VALUES (...), (...)) AS alias (columns).
func (c *Compiler) values(ts *ast.Derived, r *Rows) (string, error) {
	at, done := r.nestedRows()
	rows, cols, err := c.Values(ts.Rows, expr.Place{Rows: at, Clause: "SELECT"})
	done()
	if err != nil {
		return "", err
	}
	names, err := c.columnNames(make([]string, len(cols)), ts.Columns, ts.Alias)
	if err != nil {
		return "", err
	}
	s := c.sourceOf(&result{items: cols}, ts.Alias, names)
	texts := make([]string, len(rows))
	for i, row := range rows {
		texts[i] = "(" + strings.Join(sqlOf(row), ", ") + ")"
	}
	head := make([]string, len(cols)) // gives the columns their names, and no row
	for i := range head {
		head[i] = "NULL AS c" + strconv.Itoa(i+1)
	}
	r.Add(s)
	return "(SELECT " + strings.Join(head, ", ") + " WHERE 0 UNION ALL VALUES " + strings.Join(texts, ", ") + ") AS " + s.Alias, nil
}

func sqlOf(xs []bound.X) []string {
	out := make([]string, len(xs))
	for i, x := range xs {
		out[i] = x.SQL
	}
	return out
}

// Values compiles rows of expressions and brings each column to one type: 10709.
func (c *Compiler) Values(rows [][]ast.Expr, at expr.Place) ([][]bound.X, []Item, error) {
	out := make([][]bound.X, len(rows))
	for i, row := range rows {
		if len(row) != len(rows[0]) {
			return nil, nil, plan.Fail(c.Pos, 10709)
		}
		xs, err := c.Exprs(row, at)
		if err != nil {
			return nil, nil, err
		}
		out[i] = xs
	}
	var items []Item
	for j := range rows[0] {
		column := make([]bound.X, len(out))
		for i := range out {
			column[i] = out[i][j]
		}
		common, err := bound.CommonType(column, "UNION operation", c.Pos)
		if err != nil {
			return nil, nil, err
		}
		if common.Type.Kind == sqltype.Null {
			common.Type = sqltype.Of(sqltype.Int)
		}
		for i := range out {
			if out[i][j], err = c.As(out[i][j], common, c.Pos); err != nil {
				return nil, nil, err
			}
		}
		items = append(items, Item{X: bound.X{Type: common.Type, Label: common.Label, Other: common.Other}, Column: plan.Column{Type: common.Type}})
	}
	return out, items, nil
}

func (c *Compiler) join(ts *ast.Join, r *Rows) (string, error) {
	if ts.Hint == "REMOTE" {
		return "", plan.Unsupported("REMOTE JOIN", c.Pos)
	}
	first := len(r.sources)
	left, err := c.source(ts.L, r)
	if err != nil {
		return "", err
	}
	middle := len(r.sources)
	if ts.Kind == "CROSS APPLY" || ts.Kind == "OUTER APPLY" {
		text, err := c.apply(ts, left, first, r)
		if err != nil {
			return "", err
		}
		return text, c.exposed(r, middle)
	}
	right, err := c.source(ts.R, r)
	if err != nil {
		return "", err
	}
	if err := c.exposed(r, middle); err != nil {
		return "", err
	}
	right = grouped(right)
	on := ""
	if ts.On != nil {
		sub := &Rows{c: c, parent: r.parent, depth: r.depth, sources: r.sources[first:], refs: r.refs}
		x, err := c.Condition(ts.On, expr.Place{Rows: sub, Clause: "ON"})
		if err != nil {
			return "", err
		}
		on = " ON " + x.SQL
	}
	kind := map[string]string{"INNER": " JOIN ", "CROSS": " JOIN ", "LEFT": " LEFT JOIN ", "RIGHT": " RIGHT JOIN ", "FULL": " FULL JOIN "}[ts.Kind]
	if kind == "" {
		return "", plan.Unsupported(ts.Kind+" JOIN", c.Pos)
	}
	if ts.Kind == "LEFT" || ts.Kind == "FULL" {
		r.nullable(middle, len(r.sources))
	}
	if ts.Kind == "RIGHT" || ts.Kind == "FULL" {
		r.nullable(first, middle)
	}
	return left + kind + right + on, nil
}
