package query

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

	cols []col
	use  *use
}

type col struct {
	name   string
	x      bound.X
	hidden bool
}

// Rows are the sources that an expression sees, within those of the queries around it.
type Rows struct {
	c       *Compiler
	parent  *Rows
	depth   int
	sources []*Source
	windows []ast.NamedWindow

	grouped bool
	after   bool // grouping is done: columns must be keys
	clause  string
	keys    []groupKey
	absent  []bool // keys that the grouping set at hand leaves out

	refs *refs
}

// refs are the depths of the rows that names were found in.
type refs struct{ depths map[int]bool }

func (r *refs) add(depth int) {
	if r.depths == nil {
		r.depths = make(map[int]bool)
	}
	r.depths[depth] = true
}

// outer are the depths outside of rows at a depth.
func (r *refs) outer(depth int) []int {
	var out []int
	for d := range r.depths {
		if d < depth {
			out = append(out, d)
		}
	}
	return out
}

// nestedRows is where something in FROM sees no sources beside it but those of the rows around.
func (r *Rows) nestedRows() (*Rows, func()) {
	n := r.c.NewRows(r.parent)
	return n, func() { r.noteOuter(n.refs.outer(n.depth)) }
}

// noteOuter records that something nested in FROM named columns outside.
func (r *Rows) noteOuter(depths []int) {
	for _, d := range depths {
		r.refs.add(d)
	}
}

// groupKey is a key of GROUP BY.
type groupKey struct {
	e ast.Expr
	x bound.X
	// column is the SQL of a key that is a bare column.
	column string
}

// NewRows is an empty scope within parent, which may be nil.
func (c *Compiler) NewRows(parent *Rows) *Rows {
	r := &Rows{c: c, parent: parent, refs: &refs{}}
	if parent != nil {
		r.depth = parent.depth + 1
	}
	return r
}

// Add brings a source into scope.
func (r *Rows) Add(s *Source) { r.sources = append(r.sources, s) }

// Sources are those in scope.
func (r *Rows) Sources() []*Source { return r.sources }

// flags are those of a subquery's rows as seen from the rows around it.
func (r *Rows) flags() bound.Flags {
	var f bound.Flags
	for d := range r.refs.depths {
		switch {
		case d >= r.depth:
		case r.parent != nil && d == r.parent.depth:
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
	for level := r; level != nil; level = level.parent {
		src, c, err := level.find(name)
		if err != nil {
			return bound.X{}, err
		}
		if c == nil {
			continue
		}
		r.note(level)
		x := c.x
		if src.use != nil {
			src.use.columns[c.name] = true
		}
		if level == r {
			x.Flags |= bound.HasColumn
			if at.InAggregate {
				return x, nil
			}
		} else {
			x.Flags |= bound.HasOuter
		}
		return level.grouping(x, ref, src)
	}
	if len(name.Parts) > 1 {
		return bound.X{}, plan.Fail(name.Pos, 4104, name.String())
	}
	return bound.X{}, plan.Fail(name.Pos, 207, name.Name())
}

// note records at r and at the rows between it and level that a name was found in level.
func (r *Rows) note(level *Rows) {
	for s := r; s != nil; s = s.parent {
		s.refs.add(level.depth)
		if s == level {
			return
		}
	}
}

// grouping checks a column of a grouped query against its keys.
func (r *Rows) grouping(x bound.X, ref *ast.ColumnRef, src *Source) (bound.X, error) {
	if !r.grouped || !r.after {
		return x, nil
	}
	for i, k := range r.keys {
		if k.column != "" && k.column == x.SQL {
			return r.key(i, x.Flags), nil
		}
	}
	full := ref.Name.Name()
	if src.Name != "" {
		full = src.Name + "." + full
	}
	switch r.clause {
	case "HAVING":
		return x, plan.Fail(ref.Name.Pos, 8121, full)
	case "ORDER BY":
		return x, plan.Fail(ref.Name.Pos, 8127, full)
	}
	return x, plan.Fail(ref.Name.Pos, 8120, full)
}

// key is the value of key i: NULL where the grouping set leaves it out.
func (r *Rows) key(i int, flags bound.Flags) bound.X {
	x := r.keys[i].x
	x.Flags |= flags
	if len(r.absent) > 0 {
		x.Type.Nullable = true
		if r.absent[i] {
			x.SQL, x.Column = "NULL", nil
		}
	}
	return x
}

// Key finds an expression among the keys of GROUP BY that are no bare columns.
func (r *Rows) Key(e ast.Expr, at expr.Place) (bound.X, bool, error) {
	if !r.grouped || !r.after {
		return bound.X{}, false, nil
	}
	switch e.(type) {
	case *ast.Literal, *ast.Variable, *ast.ColumnRef:
		return bound.X{}, false, nil
	}
	for i, k := range r.keys {
		if k.column == "" && r.equal(k.e, e) {
			return r.key(i, bound.HasColumn), true, nil
		}
	}
	return bound.X{}, false, nil
}

// Window finds a named window.
func (r *Rows) Window(name string) (*ast.Window, error) {
	for _, w := range r.windows {
		if r.c.Same(w.Name, name) {
			return w.Window, nil
		}
	}
	return nil, plan.Fail(r.c.Pos, 5362, name)
}

// find looks a name up among the sources of one level. Nothing found is no error, but a prefix that fits without the column is.
func (r *Rows) find(name ast.ObjectName) (*Source, *col, error) {
	column := name.Name()
	prefixed := len(name.Parts) > 1
	var found *col
	var in *Source
	for _, s := range r.sources {
		if s.Hidden || prefixed && !r.fits(s, name) {
			continue
		}
		c := s.column(r.c, column)
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

// fits reports whether a name's prefix means a source.
func (r *Rows) fits(s *Source, name ast.ObjectName) bool {
	if len(name.Parts) == 2 {
		return r.c.Same(s.Name, name.Schema())
	}
	if s.Object == nil || s.Aliased {
		return false
	}
	if !r.c.Same(s.Object.Name, name.Schema()) || name.Database() != "" && !r.c.Same(s.Object.Schema, name.Database()) {
		return false
	}
	return name.Server() == "" || r.c.Same(s.Object.Database, name.Server())
}

func (s *Source) column(c *Compiler, name string) *col {
	for i := range s.cols {
		if s.cols[i].name == name {
			return &s.cols[i]
		}
	}
	for i := range s.cols {
		if s.cols[i].name != "" && c.Same(s.cols[i].name, name) {
			return &s.cols[i]
		}
	}
	return nil
}

// Find is a column of the source by name, as its table has it; nil if there is none.
func (s *Source) Find(c *Compiler, name string) *plan.ObjectColumn {
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
	for _, s := range r.sources {
		if s.Hidden || s.Object == nil || len(ref.Qualifier) > 0 && !r.c.Same(s.Name, ref.Qualifier[len(ref.Qualifier)-1]) {
			continue
		}
		for _, c := range s.Object.Columns {
			if strings.HasPrefix(strings.TrimPrefix(ref.Name, "$"), "IDENTITY") && c.Identity || strings.HasPrefix(strings.TrimPrefix(ref.Name, "$"), "ROWGUID") && c.RowGUID {
				return r.Column(&ast.ColumnRef{Name: ast.ObjectName{Parts: []string{s.Name, c.Name}, Pos: r.c.Pos}}, at)
			}
		}
	}
	return bound.X{}, plan.Fail(r.c.Pos, 207, ref.Name)
}

// Table makes a source of a table: its columns are named by alias and column, or by column alone.
func (c *Compiler) Table(o *plan.Object, name, alias string) *Source {
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
		s.cols = append(s.cols, col{name: oc.Name, x: x, hidden: oc.Hidden})
	}
	return s
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// nullable marks every column of sources from index on as one that may be NULL: the inner side of an outer join.
func (r *Rows) nullable(from, to int) {
	for _, s := range r.sources[from:to] {
		for i := range s.cols {
			s.cols[i].x.Type.Nullable = true
		}
	}
}
