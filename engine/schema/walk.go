package schema

import (
	"latchkey/engine/tsql/ast"
)

// walkNames visits the last parts of the column names in an expression of a definition. Queries cannot stand in one.
func walkNames(e ast.Expr, visit func(string)) {
	all := func(list ...ast.Expr) {
		for _, x := range list {
			if x != nil {
				walkNames(x, visit)
			}
		}
	}
	switch e := e.(type) {
	case *ast.ColumnRef:
		visit(e.Name.Name())
	case *ast.Unary:
		all(e.X)
	case *ast.Binary:
		all(e.L, e.R)
	case *ast.Collate:
		all(e.X)
	case *ast.AtTimeZone:
		all(e.X, e.Zone)
	case *ast.Case:
		all(e.Input, e.Else)
		for _, w := range e.Whens {
			all(w.If, w.Then)
		}
	case *ast.IIf:
		all(e.Cond, e.Then, e.Else)
	case *ast.Cast:
		all(e.X)
	case *ast.Convert:
		all(e.X, e.Style)
	case *ast.Parse:
		all(e.X, e.Culture)
	case *ast.FuncCall:
		all(e.Args...)
	case *ast.Trim:
		all(e.Chars, e.X)
	case *ast.JSONConstructor:
		all(e.Keys...)
		all(e.Values...)
	case *ast.MethodCall:
		all(e.X)
		all(e.Args...)
	case *ast.ODBCFunc:
		all(e.Call)
	case *ast.Compare:
		all(e.L, e.R)
	case *ast.Quantified:
		all(e.X)
	case *ast.Logical:
		for _, x := range e.Terms {
			all(x)
		}
	case *ast.Not:
		all(e.X)
	case *ast.Between:
		all(e.X, e.Low, e.High)
	case *ast.In:
		all(e.X)
		all(e.List...)
	case *ast.Like:
		all(e.X, e.Pattern, e.Escape)
	case *ast.IsNull:
		all(e.X)
	case *ast.IsDistinct:
		all(e.L, e.R)
	case *ast.IsJSON:
		all(e.X)
	}
}

// Mentions reports whether an expression names a column.
func Mentions(e *Expr, name string, same func(a, b string) bool) bool {
	tree, err := e.Tree()
	if err != nil {
		return true // cannot be told: stay on the safe side
	}
	found := false
	walkNames(tree, func(n string) { found = found || same(n, name) })
	return found
}
