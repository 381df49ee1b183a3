package compile

import (
	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/expr"
	"latchkey/engine/compile/names"
	"latchkey/engine/compile/plan"
	"latchkey/engine/compile/query"
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/token"
)

// Target is what a value is stored in.
type Target = bound.Target

// Source is one table source in scope: the T-SQL name, the SQLite alias, the object.
type Source = names.Source

// Item is an element of a compiled select list.
type Item = names.Item

// Statement compiles the pieces of one statement that writes: INSERT, UPDATE, DELETE, MERGE. Texts from one Statement share its parameters and
// names of sources, so they can be put together to one SQLite statement, which [Statement.Plan] makes.
//
// For UPDATE: With, then From (or Open alone), then Condition and Exprs, then Plan of "SELECT " + ... + " FROM " + ... .
type Statement struct {
	c    *query.Compiler
	rows *names.Rows
	// Clause names the place of expressions in messages: SET, VALUES, OUTPUT, WHERE.
	Clause string
	// NoQueries refuses subqueries, as OUTPUT does.
	NoQueries bool

	row int
}

// NextRow begins a list whose values are always computed together: a sequence gives them one value. It ends with the next, or with NoRow.
func (s *Statement) NextRow() { s.row = s.c.NextRow() }

// NoRow says that expressions are of no such list.
func (s *Statement) NoRow() { s.row = 0 }

// NewStatement begins a statement at a place (for messages without a better one).
func NewStatement(sc plan.Scope, pos token.Pos) *Statement {
	c := query.New(sc, pos)
	return &Statement{c: c, rows: c.NewRows(nil)}
}

// Hints applies OPTION (...): MAXRECURSION, and 40517 for what is not known.
func (s *Statement) Hints(h []*ast.Hint) error { return s.c.Hints(h) }

// With takes the common table expressions; they can be named from then on. Plan puts their text in front.
func (s *Statement) With(w *ast.With) error {
	if w == nil {
		return nil
	}
	_, err := s.c.With(w)
	return err
}

// WithText is the text of the common table expressions used so far, to stand in front of a text that is not made by Plan: "WITH ... " or "".
func (s *Statement) WithText() string { return s.c.WithText() }

// Alias is a name for a source that nothing else in the statement has.
func (s *Statement) Alias() string { return s.c.Alias() }

// Open adds a table under a name without a FROM text: the target of UPDATE t, or inserted and deleted of an OUTPUT clause. alias is how
// the SQLite text qualifies its columns ("" for not at all). No permission is noted: see Need.
func (s *Statement) Open(o *plan.Object, name, alias string) *Source {
	src := s.c.Table(o, name, alias)
	s.rows.Add(src)
	return src
}

// Hide takes a source out of scope again: inserted is no name in WHERE.
func (s *Statement) Hide(src *Source) { src.Hidden = true }

// Show undoes Hide.
func (s *Statement) Show(src *Source) { src.Hidden = false }

// From compiles a FROM clause to the text behind FROM and brings its sources into scope.
func (s *Statement) From(list []ast.TableSource) (string, error) { return s.c.From(list, s.rows) }

// Sources are those in scope in order.
func (s *Statement) Sources() []*Source { return s.rows.Sources }

// Find resolves the target of UPDATE or DELETE among the sources of FROM as T-SQL does: by alias, else by table. nil means that it is not
// among them. Several match: 8154.
func (s *Statement) Find(t ast.TableSource) (*Source, error) {
	var name ast.ObjectName
	switch t := t.(type) {
	case *ast.Table:
		name = t.Name
	case *ast.TableVariable:
		name = ast.ObjectName{Parts: []string{t.Name}}
	default:
		return nil, nil
	}
	if len(name.Parts) == 1 {
		for _, src := range s.rows.Sources {
			if src.Aliased && s.c.Same(src.Name, name.Name()) {
				return src, nil
			}
		}
	}
	o, err := s.Object(t)
	if err != nil {
		return nil, err
	}
	var found *Source
	for _, src := range s.rows.Sources {
		if src.Object == nil || src.Object != o && (src.Object.ID != o.ID || src.Object.DatabaseID != o.DatabaseID || src.Object.Source != o.Source) {
			continue
		}
		if found != nil {
			if !found.Aliased && src.Aliased {
				continue
			}
			if found.Aliased == src.Aliased {
				return nil, plan.Fail(name.Pos, 8154, name.String())
			}
		}
		found = src
	}
	return found, nil
}

// Object resolves a table source that is a name or table variable, with message 208 or 1087.
func (s *Statement) Object(t ast.TableSource) (*plan.Object, error) {
	switch t := t.(type) {
	case *ast.Table:
		return s.c.Object(t.Name)
	case *ast.TableVariable:
		if o := s.c.Scope.TableVariable(t.Name); o != nil {
			return o, nil
		}
		return nil, plan.Fail(s.c.Pos, 1087, t.Name)
	}
	return nil, plan.Unsupported("SUCH A TARGET", s.c.Pos)
}

// Column finds a column of a source's table by name: 207.
func (s *Statement) Column(src *Source, name string, pos token.Pos) (*plan.ObjectColumn, error) {
	if c := src.Find(s.c.Base, name); c != nil {
		return c, nil
	}
	return nil, plan.Fail(pos, 207, name)
}

// RowID is how to name SQLite's row id in a table's SQL, unqualified; "" if it has none.
func RowID(o *plan.Object) string { return names.RowID(o) }

func (s *Statement) place() expr.Place {
	return expr.Place{Rows: s.rows, Clause: s.Clause, NoQueries: s.NoQueries, Row: s.row}
}

// Expr compiles an expression over the sources in scope. Without sources there are no columns (207, 128).
func (s *Statement) Expr(e ast.Expr) (bound.X, error) {
	at := s.place()
	if len(s.rows.Sources) == 0 {
		at.Rows = nil
	}
	return s.c.Expr(e, at)
}

// Condition compiles a condition; the SQL is "1" for nil.
func (s *Statement) Condition(e ast.Condition) (bound.X, error) {
	if e == nil {
		return expr.Join("AND", nil), nil
	}
	at := s.place()
	at.Clause = "WHERE"
	return s.c.Condition(e, at)
}

// Top compiles TOP to the text of a LIMIT's count: "" for nil. PERCENT and WITH TIES are refused.
func (s *Statement) Top(t *ast.Top) (string, error) {
	switch {
	case t == nil:
		return "", nil
	case t.Percent:
		return "", plan.Unsupported("TOP PERCENT", s.c.Pos)
	case t.WithTies:
		return "", plan.Unsupported("TOP WITH TIES", s.c.Pos)
	}
	return s.c.RowCount(t.Count)
}

// Assign converts a compiled value to what a column or variable takes. The result has exactly the target's type. Conversion that is not
// implied is message 206 or 257; values that do not fit fail when they are computed (2628, 8152, 8115, 220, 245 ...).
func (s *Statement) Assign(x bound.X, to Target) (bound.X, error) { return s.c.Assign(x, to, s.c.Pos) }

// Op is the value of "target op= value", such as +=.
func (s *Statement) Op(op string, l, r bound.X) (bound.X, error) {
	if op == "=" || op == "" {
		return r, nil
	}
	return s.c.Binary(op, l, r)
}

// Constant, Variable and Hoist of the statement's parameters are those of package bound.
func (s *Statement) Builder() *bound.Builder { return s.c.Builder }

// Items compiles a select list, such as that of OUTPUT: stars are expanded (inserted.* too), names given.
func (s *Statement) Items(items []*ast.SelectItem) ([]Item, error) {
	return s.c.Items(items, s.place())
}

// Values compiles the rows of INSERT ... VALUES with each column converted to its target; a *ast.Default gives a zero X, which the caller
// fills. The number of values is checked: 109, 110.
func (s *Statement) Values(rows [][]ast.Expr, to []Target) ([][]bound.X, error) {
	out := make([][]bound.X, len(rows))
	for i, row := range rows {
		switch {
		case len(row) < len(to):
			return nil, plan.Fail(s.c.Pos, 109)
		case len(row) > len(to):
			return nil, plan.Fail(s.c.Pos, 110)
		}
		out[i] = make([]bound.X, len(row))
		at := expr.Place{Clause: "VALUES", Row: s.c.NextRow()}
		for j, e := range row {
			if _, ok := e.(*ast.Default); ok {
				continue
			}
			x, err := s.c.Expr(e, at)
			if err == nil {
				x, err = s.Assign(x, to[j])
			}
			if err != nil {
				return nil, err
			}
			out[i][j] = x
		}
	}
	return out, nil
}

// Select compiles the query of INSERT ... SELECT with each column converted to its target. The text is a whole SELECT. Too many or too few
// columns are messages 121 and 120. With nil targets the columns keep their types.
func (s *Statement) Select(q *ast.Query, to []Target) (sql string, cols []plan.Column, err error) {
	return s.c.Rows(q, to)
}

// Plan makes a plan of a text put together from the pieces; the common table expressions go in front.
func (s *Statement) Plan(sql string, cols []plan.Column) (*plan.Plan, error) {
	return s.c.Plan(sql, cols)
}

// Track notes from here on which columns of a source are named, in its Use, for a source that no permission was asked for.
func (s *Statement) Track(src *Source) {
	if src.Use == nil {
		src.Use = &names.Use{Columns: map[string]bool{}}
	}
}

// Need notes that the statement uses an object with a permission.
func (s *Statement) Need(o *plan.Object, permission string, columns ...string) {
	s.c.Need(o, permission, columns...)
}
