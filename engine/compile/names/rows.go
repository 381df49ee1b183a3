package names

import (
	"strings"

	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/expr"
	"latchkey/engine/compile/plan"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// Source is a table source in scope.
type Source struct {
	// Name is what T-SQL calls it: its alias, or the table's name.
	Name string
	// Object is the table or view, nil for a derived table.
	Object *plan.Object
	// Aliased reports that Name is an alias, so that the table's own name is no prefix.
	Aliased bool
	// Alias qualifies its columns in SQLite; "" for not at all.
	Alias string
	// Hidden sources are out of scope for now.
	Hidden bool

	// Cols are its columns; Use, if there is one, notes which of them are named.
	Cols []Col
	Use  *Use
}

// Col is a column of a source.
type Col struct {
	Name string
	X    bound.X
	// Hidden columns are not in *.
	Hidden bool
}

// Rows are the sources that an expression sees, within those of the queries around it.
type Rows struct {
	Base    *Base
	Parent  *Rows
	Depth   int // of queries around
	Sources []*Source
	Windows []ast.NamedWindow

	Grouped bool
	After   bool // grouping is done: columns must be keys
	Clause  string
	Keys    []Key
	Absent  []bool // keys that the grouping set at hand leaves out

	Refs *Refs
}

// Refs are the depths of the rows that names were found in.
type Refs struct{ Depths map[int]bool }

func (r *Refs) add(depth int) {
	if r.Depths == nil {
		r.Depths = make(map[int]bool)
	}
	r.Depths[depth] = true
}

// Outer are the depths outside of rows at a depth.
func (r *Refs) Outer(depth int) []int {
	var out []int
	for d := range r.Depths {
		if d < depth {
			out = append(out, d)
		}
	}
	return out
}

// Nested is where something in FROM sees no sources beside it but those of the rows around.
func (r *Rows) Nested() (*Rows, func()) {
	n := r.Base.NewRows(r.Parent)
	return n, func() { r.NoteOuter(n.Refs.Outer(n.Depth)) }
}

// NoteOuter records that something nested in FROM named columns outside.
func (r *Rows) NoteOuter(depths []int) {
	for _, d := range depths {
		r.Refs.add(d)
	}
}

// Key is a key of GROUP BY.
type Key struct {
	Expr ast.Expr
	X    bound.X
	// Column is the SQL of a key that is a bare column.
	Column string
}

// NewRows is an empty scope within parent, which may be nil.
func (c *Base) NewRows(parent *Rows) *Rows {
	r := &Rows{Base: c, Parent: parent, Refs: &Refs{}}
	if parent != nil {
		r.Depth = parent.Depth + 1
	}
	return r
}

// Add brings a source into scope.
func (r *Rows) Add(s *Source) { r.Sources = append(r.Sources, s) }

// Flags are those of a subquery's rows as seen from the rows around it.
func (r *Rows) Flags() bound.Flags {
	var f bound.Flags
	for d := range r.Refs.Depths {
		switch {
		case d >= r.Depth:
		case r.Parent != nil && d == r.Parent.Depth:
			f |= bound.HasColumn
		default:
			f |= bound.HasOuter
		}
	}
	return f
}

// Column resolves a name.
func (r *Rows) Column(ref *ast.ColumnRef, at expr.Place) (bound.X, error) {
	name := ref.Name
	if len(name.Parts) > 4 {
		return bound.X{}, plan.Fail(name.Pos, 4104, name.String())
	}
	for level := r; level != nil; level = level.Parent {
		src, c, err := level.Lookup(name)
		if err != nil {
			return bound.X{}, err
		}
		if c == nil {
			continue
		}
		r.Note(level)
		x := c.X
		if src.Use != nil {
			src.Use.Columns[c.Name] = true
		}
		if level == r {
			x.Flags |= bound.HasColumn
			if at.InAggregate {
				return x, nil
			}
		} else {
			x.Flags |= bound.HasOuter
		}
		return level.Check(x, ref, src)
	}
	if len(name.Parts) > 1 {
		return bound.X{}, plan.Fail(name.Pos, 4104, name.String())
	}
	return bound.X{}, plan.Fail(name.Pos, 207, name.Name())
}

// Note records at r and at the rows between it and level that a name was found in level.
func (r *Rows) Note(level *Rows) {
	for s := r; s != nil; s = s.Parent {
		s.Refs.add(level.Depth)
		if s == level {
			return
		}
	}
}

// Check checks a column of a grouped query against its keys.
func (r *Rows) Check(x bound.X, ref *ast.ColumnRef, src *Source) (bound.X, error) {
	if !r.Grouped || !r.After {
		return x, nil
	}
	for i, k := range r.Keys {
		if k.Column != "" && k.Column == x.SQL {
			return r.key(i, x.Flags), nil
		}
	}
	full := ref.Name.Name()
	if src.Name != "" {
		full = src.Name + "." + full
	}
	switch r.Clause {
	case "HAVING":
		return x, plan.Fail(ref.Name.Pos, 8121, full)
	case "ORDER BY":
		return x, plan.Fail(ref.Name.Pos, 8127, full)
	}
	return x, plan.Fail(ref.Name.Pos, 8120, full)
}

// key is the value of key i: NULL where the grouping set leaves it out.
func (r *Rows) key(i int, flags bound.Flags) bound.X {
	x := r.Keys[i].X
	x.Flags |= flags
	if len(r.Absent) > 0 {
		x.Type.Nullable = true
		if r.Absent[i] {
			x.SQL, x.Column = "NULL", nil
		}
	}
	return x
}

// Key finds an expression among the keys of GROUP BY that are no bare columns.
func (r *Rows) Key(e ast.Expr, at expr.Place) (bound.X, bool, error) {
	if !r.Grouped || !r.After {
		return bound.X{}, false, nil
	}
	switch e.(type) {
	case *ast.Literal, *ast.Variable, *ast.ColumnRef:
		return bound.X{}, false, nil
	}
	for i, k := range r.Keys {
		if k.Column == "" && r.Equal(k.Expr, e) {
			return r.key(i, bound.HasColumn), true, nil
		}
	}
	return bound.X{}, false, nil
}

// Grouping implements expr.Keys: whether the set at hand leaves out a key; ok is false if it is no key.
func (r *Rows) Grouping(e ast.Expr) (absent, ok bool) {
	if !r.Grouped || !r.After {
		return false, false
	}
	for i, k := range r.Keys {
		if r.Equal(k.Expr, e) {
			return len(r.Absent) > 0 && r.Absent[i], true
		}
	}
	return false, false
}

// Window finds a named window.
func (r *Rows) Window(name string) (*ast.Window, error) {
	for _, w := range r.Windows {
		if r.Base.Same(w.Name, name) {
			return w.Window, nil
		}
	}
	return nil, plan.Fail(r.Base.Pos, 5362, name)
}

// Lookup looks a name up among the sources of one level. Nothing found is no error, but a prefix that fits without the column is.
func (r *Rows) Lookup(name ast.ObjectName) (*Source, *Col, error) {
	column := name.Name()
	prefixed := len(name.Parts) > 1
	var found *Col
	var in *Source
	for _, s := range r.Sources {
		if s.Hidden || prefixed && !r.Fits(s, name) {
			continue
		}
		c := s.column(r.Base, column)
		switch {
		case c == nil:
			if prefixed {
				return nil, nil, plan.Fail(name.Pos, 207, column)
			}
		case found != nil:
			return nil, nil, plan.Fail(name.Pos, 209, column)
		default:
			found, in = c, s
		}
	}
	return in, found, nil
}

// Fits reports whether a name's prefix means a source.
func (r *Rows) Fits(s *Source, name ast.ObjectName) bool {
	if len(name.Parts) == 2 {
		return r.Base.Same(s.Name, name.Schema())
	}
	if s.Object == nil || s.Aliased {
		return false
	}
	if !r.Base.Same(s.Object.Name, name.Schema()) || name.Database() != "" && !r.Base.Same(s.Object.Schema, name.Database()) {
		return false
	}
	return name.Server() == "" || r.Base.Same(s.Object.Database, name.Server())
}

func (s *Source) column(c *Base, name string) *Col {
	for i := range s.Cols {
		if s.Cols[i].Name == name {
			return &s.Cols[i]
		}
	}
	for i := range s.Cols {
		if s.Cols[i].Name != "" && c.Same(s.Cols[i].Name, name) {
			return &s.Cols[i]
		}
	}
	return nil
}

// Find is a column of the source by name, as its table has it; nil if there is none.
func (s *Source) Find(c *Base, name string) *plan.ObjectColumn {
	if s.Object == nil {
		return nil
	}
	for i := range s.Object.Columns {
		if c.Same(s.Object.Columns[i].Name, name) {
			return &s.Object.Columns[i]
		}
	}
	return nil
}

// Pseudo resolves $IDENTITY, $ROWGUID and their older forms.
func (r *Rows) Pseudo(ref *ast.PseudoColumn, at expr.Place) (bound.X, error) {
	for _, s := range r.Sources {
		if s.Hidden || s.Object == nil || len(ref.Qualifier) > 0 && !r.Base.Same(s.Name, ref.Qualifier[len(ref.Qualifier)-1]) {
			continue
		}
		for _, c := range s.Object.Columns {
			if strings.HasPrefix(strings.TrimPrefix(ref.Name, "$"), "IDENTITY") && c.Identity || strings.HasPrefix(strings.TrimPrefix(ref.Name, "$"), "ROWGUID") && c.RowGUID {
				return r.Column(&ast.ColumnRef{Name: ast.ObjectName{Parts: []string{s.Name, c.Name}, Pos: r.Base.Pos}}, at)
			}
		}
	}
	return bound.X{}, plan.Fail(r.Base.Pos, 207, ref.Name)
}

// Table makes a source of a table: its columns are named by alias and column, or by column alone.
func (c *Base) Table(o *plan.Object, name, alias string) *Source {
	s := &Source{Name: name, Object: o, Alias: alias}
	for i := range o.Columns {
		oc := &o.Columns[i]
		sql := oc.SQL
		if sql == "" {
			sql = quote(oc.Name)
		}
		if alias != "" {
			sql = alias + "." + sql
		}
		x := bound.X{SQL: sql, Type: oc.Type, Column: &plan.Column{
			Name: oc.Name, Type: oc.Type, Object: o, Source: oc.Name, Identity: oc.Identity,
			Computed: oc.Computed || oc.Type.Kind == sqltype.RowVersion, Updatable: !oc.Identity && !oc.Computed && oc.Type.Kind != sqltype.RowVersion && o.Kind == plan.Table,
		}}
		if oc.Type.Kind.IsText() {
			x.Label = bound.Implicit
		}
		s.Cols = append(s.Cols, Col{Name: oc.Name, X: x, Hidden: oc.Hidden})
	}
	return s
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// Nullable marks every column of sources from index on as one that may be NULL: the inner side of an outer join.
func (r *Rows) Nullable(from, to int) {
	for _, s := range r.Sources[from:to] {
		for i := range s.Cols {
			s.Cols[i].X.Type.Nullable = true
		}
	}
}
