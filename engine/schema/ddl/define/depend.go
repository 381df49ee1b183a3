package define

import (
	"latchkey/engine/schema"
	"latchkey/engine/schema/ddl/routine"
	"latchkey/engine/tsql/ast"
)

// BoundBy is the name of a view or function that is bound to the object (SCHEMABINDING), "" if there is none.
func (c *Change) BoundBy(o schema.Object) string {
	h := o.Meta()
	for _, other := range c.Objects() {
		var m *schema.Module
		switch x := other.(type) {
		case *schema.View:
			m = x.Module
		case *schema.Function:
			m = x.Module
		}
		if m == nil || !m.SchemaBound || other.Meta().ID == h.ID {
			continue
		}
		tree, err := m.Tree()
		if err == nil && c.refers(tree, h) {
			return other.Meta().Name
		}
	}
	return ""
}

// CalledBy is the name of a constraint or computed column's table that calls a function, else what is bound to it; "" if there is none.
func (c *Change) CalledBy(f *schema.Function) string {
	in := func(e *schema.Expr) bool {
		tree, err := e.Tree()
		return err == nil && c.refers(tree, &f.Head)
	}
	for _, o := range c.Objects() {
		t, ok := o.(*schema.Table)
		if !ok {
			continue
		}
		for _, k := range t.Checks {
			if in(k.Expr) {
				return k.Name
			}
		}
		for _, col := range t.Columns {
			if col.Default != nil && in(col.Default.Expr) {
				return col.Default.Name
			}
			if col.Computed != nil && in(col.Computed.Expr) {
				return t.Name
			}
		}
	}
	return c.BoundBy(f)
}

// refers reports whether a tree refers to an object.
func (c *Change) refers(tree any, h *schema.Head) (found bool) {
	routine.References(tree, func(r routine.Reference) {
		found = found || c.isNamed(r.Name, h)
	})
	return found
}

func (c *Change) isNamed(n ast.ObjectName, h *schema.Head) bool {
	return c.Same(n.Name(), h.Name) && (n.Schema() == "" || c.Same(n.Schema(), h.Schema))
}
