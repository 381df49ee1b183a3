// Package binding shows the objects of a snapshot to package compile: a table as the columns and the SQLite name that a FROM clause
// needs, a view or inline function as its query.
//
// [Object] makes a [plan.Object]; its Handle is a [*Ref], by which packages write and ddl find the table again.
package binding

import (
	"latchkey/engine/compile/plan"
	"latchkey/engine/schema"
	"latchkey/engine/tsql/ast"
)

// Ref is the Handle of an object: what it was made from.
type Ref struct {
	Snapshot *schema.Snapshot
	Object   schema.Object
}

// Table is the table of a Ref, nil if it is something else.
func (r *Ref) Table() *schema.Table {
	t, _ := r.Object.(*schema.Table)
	return t
}

// Of is the Ref of an object, nil if it has none: a system view.
func Of(o *plan.Object) *Ref {
	if o == nil {
		return nil
	}
	r, _ := o.Handle.(*Ref)
	return r
}

// Database is what objects are told of the database that they are in.
type Database struct {
	ID   int
	Name string
	// Source is its name in SQLite on the connection at hand; "" means that of the snapshot.
	Source string
	// Scope is that in which the text of a view or function is compiled: names without a schema are looked for in the object's
	// schema, then in dbo.
	Scope func(schemaName string) plan.Scope
}

// Object shows an object to compile: a table, view, inline function or the table of a table type. Nil for any other.
func Object(db Database, s *schema.Snapshot, o schema.Object) *plan.Object {
	h := o.Meta()
	p := &plan.Object{
		DatabaseID: db.ID, Database: db.Name, Schema: h.Schema, Name: h.Name, ID: h.ID, Temporary: s.Temporary(), Handle: &Ref{s, o},
	}
	switch o := o.(type) {
	case *schema.Table:
		source := db.Source
		if source == "" {
			source = s.DB()
		}
		p.Kind, p.RowID, p.Source, p.Columns = plan.Table, true, o.SQL(source), columns(o)
	case *schema.View:
		st, err := o.Tree()
		v, ok := st.(*ast.CreateView)
		if err != nil || !ok {
			return nil
		}
		p.Kind, p.Query, p.Columns = plan.View, v.Query, named(o.Columns)
		p.Scope = db.Scope(h.Schema)
	case *schema.Function:
		st, err := o.Tree()
		f, ok := st.(*ast.CreateFunction)
		if err != nil || !ok || o.Form != schema.InlineFunction {
			return nil
		}
		p.Kind, p.Query, p.Columns = plan.Function, f.Query, named(o.Columns)
		p.Scope = db.Scope(h.Schema)
		for _, a := range o.Params {
			fp := plan.FunctionParam{Name: a.Name, Type: a.Type}
			if a.Default != nil {
				if fp.Default, err = a.Default.Tree(); err != nil {
					return nil
				}
			}
			p.Params = append(p.Params, fp)
		}
	default:
		return nil
	}
	return p
}

// columns of a table. Key marks columns that alone are unique.
func columns(t *schema.Table) []plan.ObjectColumn {
	unique := map[int]bool{}
	for _, k := range t.Keys() {
		if len(k.Columns) == 1 {
			unique[k.Columns[0].Column] = true
		}
	}
	out := make([]plan.ObjectColumn, len(t.Columns))
	for i, c := range t.Columns {
		out[i] = plan.ObjectColumn{
			Name: c.Name, SQL: c.Quoted(), Type: c.Type, Identity: c.Identity != nil, Computed: c.Computed != nil, RowGUID: c.RowGUID,
			Key: unique[c.ID],
		}
	}
	return out
}

// named are columns of which only names and types count.
func named(cols []*schema.Column) []plan.ObjectColumn {
	out := make([]plan.ObjectColumn, len(cols))
	for i, c := range cols {
		out[i] = plan.ObjectColumn{Name: c.Name, Type: c.Type}
	}
	return out
}
