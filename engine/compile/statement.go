package compile

import (
	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/plan"
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/token"
)

// Target is what a value is stored in.
type Target = bound.Target

// Statement compiles the pieces of one statement that writes: INSERT, UPDATE, DELETE, MERGE. Texts from one Statement share its parameters and
// names of sources, so they can be put together to one SQLite statement, which [Statement.Plan] makes.
//
// For UPDATE: With, then From (or Target alone), then Where and Exprs, then Plan of "SELECT " + ... + " FROM " + ... .
type Statement struct {
	sc plan.Scope
}

// NewStatement begins a statement at a place (for messages without a better one).
func NewStatement(sc plan.Scope, pos token.Pos) *Statement { return &Statement{sc: sc} }

// Source is one table source in scope.
type Source struct {
	// Object is the table or view; nil for a derived table.
	Object *plan.Object
	// Alias is its name in the SQLite text, such as t3, unquoted and unique in the statement.
	Alias string
	// Name is what T-SQL calls it.
	Name string
}

// With takes the common table expressions; they can be named from then on. The result is the text to put in front ("WITH ... ", with
// a blank at its end, or ""). It is complete only after everything else is compiled, so Plan puts it there.
func (s *Statement) With(w *ast.With) error { return plan.Unsupported("WITH", token.Pos{}) }

// Open adds a table under a name without a FROM text: the target of UPDATE t, or inserted and deleted of an OUTPUT clause. alias is how
// the SQLite text qualifies its columns ("" for not at all).
func (s *Statement) Open(o *plan.Object, name, alias string) *Source { return nil }

// Hide takes a source out of scope again, and Show brings it back: inserted is no name in WHERE.
func (s *Statement) Hide(src *Source) {}

// Show undoes Hide.
func (s *Statement) Show(src *Source) {}

// From compiles a FROM clause to the text behind FROM and brings its sources into scope.
func (s *Statement) From(list []ast.TableSource) (string, error) {
	return "", plan.Unsupported("FROM", token.Pos{})
}

// Sources are those in scope in order, without those of common table expressions.
func (s *Statement) Sources() []*Source { return nil }

// Find resolves the target of UPDATE or DELETE as T-SQL does: the alias or table of a source in scope, else nil. Several match: 8154.
func (s *Statement) Find(t ast.TableSource) (*Source, error) { return nil, nil }

// Object resolves a table source that is a name or table variable, with message 208 or 1087.
func (s *Statement) Object(t ast.TableSource) (*plan.Object, error) { return nil, nil }

// Column finds a column of a source by name: 207.
func (s *Statement) Column(src *Source, name string, pos token.Pos) (*plan.ObjectColumn, error) {
	return nil, plan.Fail(pos, 207, name)
}

// Expr compiles an expression over the sources in scope.
func (s *Statement) Expr(e ast.Expr) (bound.X, error) { return bound.X{}, nil }

// Condition compiles a condition; the SQL is "1" for nil.
func (s *Statement) Condition(c ast.Condition) (bound.X, error) { return bound.X{}, nil }

// Top compiles TOP to the text of a LIMIT: "" for nil. PERCENT is refused.
func (s *Statement) Top(t *ast.Top) (string, error) { return "", nil }

// Assign converts a compiled value to what a column or variable takes. The result has exactly the target's type. Conversion that is not
// implied is message 206 or 257; values that do not fit fail when they are computed (2628, 8152, 8115, 220, 245 ...).
func (s *Statement) Assign(x bound.X, to Target) (bound.X, error) { return bound.X{}, nil }

// Op is the value of "target op= value", such as +=.
func (s *Statement) Op(op string, l, r bound.X, pos token.Pos) (bound.X, error) {
	return bound.X{}, nil
}

// Items compiles a select list, such as that of OUTPUT: stars are expanded (inserted.* too), names given.
func (s *Statement) Items(items []*ast.SelectItem) ([]Item, error) { return nil, nil }

// Item is an element of a compiled select list.
type Item struct {
	bound.X
	Column plan.Column
}

// Select compiles the query of INSERT ... SELECT with each column converted to its target. The text is a whole SELECT. Too many or too few
// columns are messages 121 and 120. With no targets the columns keep their types.
func (s *Statement) Select(q *ast.Query, to []Target) (sql string, cols []plan.Column, err error) {
	return "", nil, nil
}

// Plan makes a plan of a text put together from the pieces; the common table expressions go in front.
func (s *Statement) Plan(sql string, cols []plan.Column) *plan.Plan { return nil }

// Need notes that the statement uses an object with a permission.
func (s *Statement) Need(o *plan.Object, permission string, columns ...string) {}
