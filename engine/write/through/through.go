// Package through lets UPDATE, DELETE and INSERT name a view or a common table expression instead of the table behind it.
//
// [Resolve] looks at what a statement names. Where that is a view or an expression over one table, it gives a [Target]: the table, the
// names of its columns as the view has them, and a WITH clause in which the view is an expression that has the row's id too, so
// that the caller compiles the statement as written and finds the rows again. What has more tables, groups or sets, or is over
// another view, is refused by name (message 40517).
//
// Who writes through a view needs the permissions on the view for writing, and that to read on the table behind it.
package through

import (
	"latchkey/engine/catalog/msg"
	"latchkey/engine/compile/plan"
	"latchkey/engine/schema"
	"latchkey/engine/schema/binding"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// RowID is the column by which the view's rows tell their row in the table.
const RowID = "latchkey$rowid"

// Target is what a statement writes by another name.
type Target struct {
	// Base is the table, View what the statement names: nil for a common table expression.
	Base, View *plan.Object
	// Name is what the statement calls it, Scope that in which it is to be compiled, With its common table expressions.
	Name  string
	Scope plan.Scope
	With  *ast.With

	columns []column
	same    func(a, b string) bool
}

// column is a column of the view; base is "" for one that is computed.
type column struct{ name, base string }

// Column is the table's column behind one of the view's: messages 207 and 4406.
func (t *Target) Column(name string) (string, error) {
	for _, c := range t.columns {
		if t.same(c.name, name) {
			if c.base == "" {
				return "", msg.New(4406, t.Name)
			}
			return c.base, nil
		}
	}
	return "", msg.New(207, name)
}

// Columns are the view's columns.
func (t *Target) Columns() []string {
	out := make([]string, len(t.columns))
	for i, c := range t.columns {
		out[i] = c.name
	}
	return out
}

// Resolve looks at the target of a statement. It is nil for a table, a table variable or a name that is none.
func Resolve(sc plan.Scope, with *ast.With, dst ast.TableSource) (*Target, error) {
	t, ok := dst.(*ast.Table)
	if !ok {
		return nil, nil
	}
	if len(t.Name.Parts) == 1 && with != nil {
		same := func(a, b string) bool { return sc.Settings().Collation.Equal(a, b, true) }
		for i, c := range with.CTEs {
			if same(c.Name, t.Name.Name()) {
				return expression(sc, with, i)
			}
		}
	}
	o, err := sc.Object(t.Name)
	if err != nil || o == nil || o.Kind != plan.View {
		return nil, err
	}
	ref := binding.Of(o)
	if ref == nil {
		return nil, nil
	}
	if v, ok := ref.Object.(*schema.View); ok && v.CheckOption {
		return nil, plan.Unsupported("writing through a view WITH CHECK OPTION", t.Name.Pos)
	}
	if o.Query == nil || o.Query.With != nil {
		return nil, plan.Unsupported("writing through a view with common table expressions", t.Name.Pos)
	}
	c := &ast.CTE{Name: o.Name, Query: o.Query.Query}
	for _, col := range o.Columns {
		c.Columns = append(c.Columns, col.Name)
	}
	r, err := build(o.Scope, c)
	if err != nil {
		return nil, err
	}
	r.View, r.Scope = o, withRowID(sc)
	r.With = &ast.With{CTEs: []*ast.CTE{c}}
	if with != nil {
		r.With.CTEs = append(r.With.CTEs, with.CTEs...)
		r.With.Namespaces, r.With.Context = with.Namespaces, with.Context
	}
	return r, nil
}

// expression is the target of a statement that names its common table expression i.
func expression(sc plan.Scope, with *ast.With, i int) (*Target, error) {
	c := *with.CTEs[i]
	c.Columns = append([]string(nil), c.Columns...)
	r, err := build(sc, &c)
	if err != nil {
		return nil, err
	}
	w := *with
	w.CTEs = append([]*ast.CTE(nil), with.CTEs...)
	w.CTEs[i] = &c
	r.With, r.Scope = &w, withRowID(sc)
	return r, nil
}

// build finds the table and the columns of an expression, whose query it replaces by one that has the row's id.
func build(sc plan.Scope, c *ast.CTE) (*Target, error) {
	refuse := func(what string) (*Target, error) {
		return nil, msg.New(40517, "writing through a view or expression with "+what)
	}
	sel, ok := c.Query.Body.(*ast.Select)
	switch {
	case !ok:
		return refuse("UNION, EXCEPT or INTERSECT")
	case c.Query.For != nil:
		return refuse("FOR JSON or FOR XML")
	case sel.Distinct:
		return refuse("DISTINCT")
	case sel.GroupBy != nil || sel.Having != nil:
		return refuse("GROUP BY")
	case len(sel.From) != 1:
		return refuse("more than one table")
	}
	from, ok := sel.From[0].(*ast.Table)
	if !ok {
		return refuse("more than one table")
	}
	base, err := sc.Object(from.Name)
	if err != nil {
		return nil, err
	}
	if base == nil {
		return nil, msg.New(208, from.Name.String())
	}
	if ref := binding.Of(base); ref == nil || ref.Table() == nil {
		return refuse("another view")
	}
	r := &Target{Base: base, Name: c.Name, same: func(a, b string) bool { return sc.Settings().Collation.Equal(a, b, true) }}
	r.list(sel, c.Columns)
	alias := from.Alias
	if alias == "" {
		alias = from.Name.Name()
	}
	n, f, q := *sel, *from, *c.Query
	if !base.Temporary { // found in the view's scope, whatever the caller's schema is
		f.Alias = alias
		f.Name.Parts = []string{base.Database, base.Schema, base.Name}
	}
	n.From = []ast.TableSource{&f}
	n.Items = append(append([]*ast.SelectItem(nil), sel.Items...), &ast.SelectItem{
		X: &ast.ColumnRef{Name: ast.ObjectName{Parts: []string{alias, RowID}}}, Alias: RowID,
	})
	q.Body = &n
	c.Query = &q
	if len(c.Columns) > 0 {
		c.Columns = append(c.Columns, RowID)
	}
	return r, nil
}

// list takes the columns of a select list, by the names given or their own.
func (t *Target) list(sel *ast.Select, names []string) {
	add := func(name, base string) {
		if i := len(t.columns); i < len(names) {
			name = names[i]
		}
		t.columns = append(t.columns, column{name, base})
	}
	for _, it := range sel.Items {
		switch x := it.X.(type) {
		case *ast.Star:
			for _, c := range t.Base.Columns {
				if !c.Hidden {
					add(c.Name, c.Name)
				}
			}
		case *ast.ColumnRef:
			name := it.Alias
			if name == "" {
				name = x.Name.Name()
			}
			add(name, t.baseColumn(x.Name.Name()))
		default:
			add(it.Alias, "")
		}
	}
}

func (t *Target) baseColumn(name string) string {
	for _, c := range t.Base.Columns {
		if t.same(c.Name, name) {
			return c.Name
		}
	}
	return ""
}

// scope shows tables with their row id as a hidden column.
type scope struct{ plan.Scope }

func withRowID(sc plan.Scope) plan.Scope { return scope{sc} }

// Object adds the row id to tables.
func (s scope) Object(n ast.ObjectName) (*plan.Object, error) {
	o, err := s.Scope.Object(n)
	if err != nil || o == nil {
		return o, err
	}
	if ref := binding.Of(o); o.Kind != plan.Table || ref == nil || ref.Table() == nil {
		return o, nil
	}
	x := *o
	id := sqltype.Of(sqltype.BigInt)
	x.Columns = append(append([]plan.ObjectColumn(nil), o.Columns...), plan.ObjectColumn{Name: RowID, SQL: "rowid", Type: id, Hidden: true})
	return &x, nil
}

// NamedType asks the scope around.
func (s scope) NamedType(n ast.ObjectName) (sqltype.Type, bool) {
	if t, ok := s.Scope.(plan.TypeNames); ok {
		return t.NamedType(n)
	}
	return sqltype.Type{}, false
}

// ScalarFunction asks the scope around.
func (s scope) ScalarFunction(n ast.ObjectName) (*plan.ScalarFunction, error) {
	if f, ok := s.Scope.(plan.Functions); ok {
		return f.ScalarFunction(n)
	}
	return nil, nil
}

// Sequence asks the scope around.
func (s scope) Sequence(n ast.ObjectName) (*plan.Sequence, error) {
	if q, ok := s.Scope.(plan.Sequences); ok {
		return q.Sequence(n)
	}
	return nil, nil
}
