package source

import (
	"strconv"
	"strings"

	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/expr"
	"latchkey/engine/compile/names"
	"latchkey/engine/compile/plan"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// From compiles a FROM clause to the text behind FROM; its sources come into scope. Joins by comma bind last.
func (c *Compiler) From(list []ast.TableSource, r *names.Rows) (string, error) {
	texts := make([]string, len(list))
	for i, ts := range list {
		first := len(r.Sources)
		text, err := c.Source(ts, r)
		if err != nil {
			return "", err
		}
		if i > 0 {
			text = Grouped(text)
		}
		texts[i] = text
		if err := c.Exposed(r, first); err != nil {
			return "", err
		}
	}
	return joinTexts(texts, " JOIN "), nil
}

// Grouped puts joins in parentheses, and nothing else: SQLite loses the alias of a single source in them.
func Grouped(text string) string {
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

// Exposed refuses two sources of one name: 1011, 1012, 1013.
func (c *Compiler) Exposed(r *names.Rows, first int) error {
	for i := first; i < len(r.Sources); i++ {
		for _, o := range r.Sources[:i] {
			s := r.Sources[i]
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

// Source compiles one table source.
func (c *Compiler) Source(ts ast.TableSource, r *names.Rows) (string, error) {
	switch ts := ts.(type) {
	case *ast.Table:
		return c.table(ts, r)
	case *ast.TableVariable:
		o := c.Scope.TableVariable(ts.Name)
		if o == nil {
			return "", plan.Fail(c.Pos, 1087, ts.Name)
		}
		if err := c.TableHints(ts.Hints); err != nil {
			return "", err
		}
		return c.stored(o, Or(ts.Alias, ts.Name), ts.Alias != "", r), nil
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

// Or is the first of two texts that is not empty.
func Or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (c *Compiler) table(ts *ast.Table, r *names.Rows) (string, error) {
	switch {
	case ts.Temporal != "":
		return "", plan.Unsupported("FOR SYSTEM_TIME", ts.Name.Pos)
	case ts.Sample != "":
		return "", plan.Unsupported("TABLESAMPLE", ts.Name.Pos)
	}
	if err := c.TableHints(ts.Hints); err != nil {
		return "", err
	}
	if len(ts.Name.Parts) == 1 {
		if w := c.findCTE(ts.Name.Name()); w != nil {
			return c.useCTE(w, Or(ts.Alias, ts.Name.Name()), r)
		}
	}
	o, err := c.Object(ts.Name)
	if err != nil {
		return "", err
	}
	return c.named(o, Or(ts.Alias, o.Name), ts.Alias != "", ts.Name, r)
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
func (c *Compiler) named(o *plan.Object, name string, aliased bool, written ast.ObjectName, r *names.Rows) (string, error) {
	switch o.Kind {
	case plan.View:
		return c.view(o, name, aliased, nil, r)
	case plan.Function, plan.TableFunction:
		return "", plan.Fail(written.Pos, 216, o.Name)
	}
	return c.stored(o, name, aliased, r), nil
}

// stored is the text of a table or virtual view of SQLite's.
func (c *Compiler) stored(o *plan.Object, name string, aliased bool, r *names.Rows) string {
	s := c.Table(o, name, c.Alias())
	s.Aliased = aliased
	c.Watch(s, o)
	r.Add(s)
	return o.Source + " AS " + s.Alias
}

// view expands a view or inline function in place.
func (c *Compiler) view(o *plan.Object, name string, aliased bool, args map[string]bound.X, r *names.Rows) (string, error) {
	if o.Query == nil {
		return "", plan.Fail(c.Pos, 4413, o.Name)
	}
	c.Need(o, "SELECT")
	leave, err := c.Enter(o.Scope, args)
	if err != nil {
		return "", err
	}
	inner, err := c.definition(o.Query, args != nil, r)
	leave()
	if err != nil {
		return "", err
	}
	list := inner.Names()
	if len(o.Columns) > 0 {
		if len(o.Columns) != len(list) {
			return "", plan.Fail(c.Pos, 4502, o.Name)
		}
		for i := range list {
			list[i] = o.Columns[i].Name
		}
	}
	s := c.Of(inner, name, list)
	s.Object, s.Aliased = o, aliased
	c.Watch(s, o)
	r.Add(s)
	return "(" + inner.SQL + ") AS " + s.Alias, nil
}

// definition compiles the query of a view. lateral says that its arguments may name columns of r.
func (c *Compiler) definition(q *ast.SelectStmt, lateral bool, r *names.Rows) (*names.Result, error) {
	if q.With != nil {
		leave, err := c.Selects.With(q.With)
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
	return c.Selects.Nested(q.Query, nil)
}

// Of is the source that a nested query makes, its columns called c1, c2 ... in SQLite.
func (c *Compiler) Of(q *names.Result, name string, list []string) *names.Source {
	s := &names.Source{Name: name, Alias: c.Alias(), Aliased: true}
	for i, item := range q.Items {
		x := item.X
		x.SQL = s.Alias + ".c" + strconv.Itoa(i+1)
		x.Eval, x.Const, x.Flags = nil, false, 0
		if x.Type.Kind == sqltype.Null {
			x.Type = sqltype.Of(sqltype.Int)
		}
		if x.Column != nil {
			column := *x.Column
			column.Object, column.Source, column.Updatable = nil, "", false
			column.Name = list[i]
			x.Column = &column
		}
		if x.Type.Kind.IsText() && x.Label == bound.Default {
			x.Label = bound.Implicit
		}
		s.Cols = append(s.Cols, names.Col{Name: list[i], X: x})
	}
	return s
}

// ColumnNames checks and applies a list of column names: 8155, 8156, 8158, 8159.
func (c *Compiler) ColumnNames(list, given []string, of string) ([]string, error) {
	if len(given) > 0 {
		switch {
		case len(list) > len(given):
			return nil, plan.Fail(c.Pos, 8158, of)
		case len(list) < len(given):
			return nil, plan.Fail(c.Pos, 8159, of)
		}
		list = given
	}
	seen := make(map[string]bool, len(list))
	for i, n := range list {
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
	return list, nil
}

func (c *Compiler) derived(ts *ast.Derived, r *names.Rows) (string, error) {
	if ts.DML != nil {
		return "", plan.Unsupported("A NESTED INSERT, UPDATE, DELETE, OR MERGE STATEMENT", c.Pos)
	}
	if ts.Query == nil {
		return c.values(ts, r)
	}
	inner, err := c.Selects.Nested(ts.Query, r.Parent)
	if err != nil {
		return "", err
	}
	r.NoteOuter(inner.Outer)
	list, err := c.ColumnNames(inner.Names(), ts.Columns, ts.Alias)
	if err != nil {
		return "", err
	}
	s := c.Of(inner, ts.Alias, list)
	r.Add(s)
	return "(" + inner.SQL + ") AS " + s.Alias, nil
}

// values is (VALUES (...), (...)) AS alias (columns).
func (c *Compiler) values(ts *ast.Derived, r *names.Rows) (string, error) {
	at, done := r.Nested()
	rows, cols, err := c.Values(ts.Rows, expr.Place{Rows: at, Clause: "SELECT"})
	done()
	if err != nil {
		return "", err
	}
	list, err := c.ColumnNames(make([]string, len(cols)), ts.Columns, ts.Alias)
	if err != nil {
		return "", err
	}
	s := c.Of(&names.Result{Items: cols}, ts.Alias, list)
	texts := make([]string, len(rows))
	for i, row := range rows {
		texts[i] = "(" + strings.Join(Texts(row), ", ") + ")"
	}
	head := make([]string, len(cols)) // gives the columns their names, and no row
	for i := range head {
		head[i] = "NULL AS c" + strconv.Itoa(i+1)
	}
	r.Add(s)
	return "(SELECT " + strings.Join(head, ", ") + " WHERE 0 UNION ALL VALUES " + strings.Join(texts, ", ") + ") AS " + s.Alias, nil
}

// Texts are the texts of expressions.
func Texts(xs []bound.X) []string {
	out := make([]string, len(xs))
	for i, x := range xs {
		out[i] = x.SQL
	}
	return out
}

// Values compiles rows of expressions and brings each column to one type: 10709.
func (c *Compiler) Values(rows [][]ast.Expr, at expr.Place) ([][]bound.X, []names.Item, error) {
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
	var items []names.Item
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
		items = append(items, names.Item{X: bound.X{Type: common.Type, Label: common.Label, Other: common.Other}, Column: plan.Column{Type: common.Type}})
	}
	return out, items, nil
}

func (c *Compiler) join(ts *ast.Join, r *names.Rows) (string, error) {
	if ts.Hint == "REMOTE" {
		return "", plan.Unsupported("REMOTE JOIN", c.Pos)
	}
	first := len(r.Sources)
	left, err := c.Source(ts.L, r)
	if err != nil {
		return "", err
	}
	middle := len(r.Sources)
	if ts.Kind == "CROSS APPLY" || ts.Kind == "OUTER APPLY" {
		text, err := c.Selects.Apply(ts, left, first, r)
		if err != nil {
			return "", err
		}
		return text, c.Exposed(r, middle)
	}
	right, err := c.Source(ts.R, r)
	if err != nil {
		return "", err
	}
	if err := c.Exposed(r, middle); err != nil {
		return "", err
	}
	right = Grouped(right)
	on := ""
	if ts.On != nil {
		sub := &names.Rows{Base: c.Base, Parent: r.Parent, Depth: r.Depth, Sources: r.Sources[first:], Refs: r.Refs}
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
		r.Nullable(middle, len(r.Sources))
	}
	if ts.Kind == "RIGHT" || ts.Kind == "FULL" {
		r.Nullable(first, middle)
	}
	return left + kind + right + on, nil
}
