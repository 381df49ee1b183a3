package names

import (
	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/plan"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// Item is a column of a query.
type Item struct {
	bound.X
	Column plan.Column
	JSON   bool // its text is JSON, for FOR JSON
}

// Result is a compiled query.
type Result struct {
	SQL    string
	Items  []Item
	Single bool // cannot have more than one row
	Flags  bound.Flags
	Outer  []int // depths of rows around it that it names columns of
	Into   *ast.ObjectName
	From   []string // the source of each column, "" for expressions; may be nil
	// Assign is SELECT @v = ..., over Inputs.
	Assign []plan.Assignment
	Inputs []bound.X
}

// Names are the names of the columns, "" for those without.
func (q *Result) Names() []string {
	out := make([]string, len(q.Items))
	for i, item := range q.Items {
		out[i] = item.Column.Name
	}
	return out
}

// Inline is a source whose columns are expressions over what is in FROM already.
func Inline(name string, columns []string, items []Item) *Source {
	s := &Source{Name: name, Aliased: true}
	for i, item := range items {
		x := item.X
		x.Eval, x.Const, x.Column = nil, false, nil
		x.Flags &^= bound.HasColumn | bound.HasOuter
		if x.Type.Kind == sqltype.Null {
			x.Type = sqltype.Of(sqltype.Int)
		}
		if x.Type.Kind.IsText() && x.Label == bound.Default {
			x.Label = bound.Implicit
		}
		s.Cols = append(s.Cols, Col{Name: columns[i], X: x})
	}
	return s
}
