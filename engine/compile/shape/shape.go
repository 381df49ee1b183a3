// Package shape looks at trees of queries without knowing what names mean.
package shape

import (
	"reflect"

	"latchkey/engine/fn"
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/token"
)

var (
	posType   = reflect.TypeFor[token.Pos]()
	tableType = reflect.TypeFor[*ast.Table]()
	queryType = reflect.TypeFor[ast.Query]()
)

// Aggregates reports aggregates of a query, not of queries inside it, in its list, HAVING and ORDER BY.
func Aggregates(s *ast.Select, q *ast.Query) bool {
	for _, it := range s.Items {
		if hasAggregate(reflect.ValueOf(it.X)) {
			return true
		}
	}
	for _, o := range q.OrderBy {
		if hasAggregate(reflect.ValueOf(o.X)) {
			return true
		}
	}
	return s.Having != nil && hasAggregate(reflect.ValueOf(s.Having))
}

func hasAggregate(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		if v.IsNil() {
			return false
		}
		if call, ok := v.Interface().(*ast.FuncCall); ok && len(call.Name.Parts) == 1 && call.Over == nil {
			if f, ok := fn.Lookup(call.Name.Name()); ok && f.Kind == fn.AggFunc {
				return true
			}
		}
		return hasAggregate(v.Elem())
	case reflect.Struct:
		if v.Type() == queryType || v.Type() == posType {
			return false
		}
		return anyField(v, hasAggregate)
	case reflect.Slice:
		return anyElement(v, hasAggregate)
	}
	return false
}

func anyField(v reflect.Value, f func(reflect.Value) bool) bool {
	for i := range v.NumField() {
		if v.Type().Field(i).IsExported() && f(v.Field(i)) {
			return true
		}
	}
	return false
}

func anyElement(v reflect.Value, f func(reflect.Value) bool) bool {
	for i := range v.Len() {
		if f(v.Index(i)) {
			return true
		}
	}
	return false
}

// Names compares names as a database does.
type Names interface{ Same(a, b string) bool }

// Mentions reports that a tree has a table of this name without a prefix.
func Mentions(tree any, name string, c Names) bool {
	var visit func(v reflect.Value) bool
	visit = func(v reflect.Value) bool {
		switch v.Kind() {
		case reflect.Interface, reflect.Pointer:
			if v.IsNil() {
				return false
			}
			if v.Type() == tableType {
				t := v.Interface().(*ast.Table)
				if len(t.Name.Parts) == 1 && c.Same(t.Name.Name(), name) {
					return true
				}
			}
			return visit(v.Elem())
		case reflect.Struct:
			return v.Type() != posType && anyField(v, visit)
		case reflect.Slice:
			return anyElement(v, visit)
		}
		return false
	}
	return visit(reflect.ValueOf(tree))
}

// OuterJoined reports that a name stands on the inner side of an outer join.
func OuterJoined(list []ast.TableSource, name string, c Names) bool {
	for _, ts := range list {
		j, ok := ts.(*ast.Join)
		if !ok {
			continue
		}
		l, r := Mentions(j.L, name, c), Mentions(j.R, name, c)
		switch j.Kind {
		case "FULL":
			if l || r {
				return true
			}
		case "LEFT", "OUTER APPLY":
			if r {
				return true
			}
		case "RIGHT":
			if l {
				return true
			}
		}
		if OuterJoined([]ast.TableSource{j.L, j.R}, name, c) {
			return true
		}
	}
	return false
}

// InnerOnly reports that a FROM has no outer joins and nothing but tables.
func InnerOnly(list []ast.TableSource) bool {
	for _, ts := range list {
		switch ts := ts.(type) {
		case *ast.Table, *ast.TableVariable:
		case *ast.Join:
			if ts.Kind != "INNER" && ts.Kind != "CROSS" || !InnerOnly([]ast.TableSource{ts.L, ts.R}) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// UnionAll is the list of what UNION ALL joins at the top.
func UnionAll(b ast.Body) []ast.Body {
	var out []ast.Body
	for {
		op, ok := b.(*ast.SetOp)
		if !ok || op.Op != "UNION ALL" {
			out = append(out, b)
			break
		}
		out = append(out, reversed(UnionAll(op.R))...)
		b = op.L
	}
	return reversed(out)
}

func reversed(list []ast.Body) []ast.Body {
	for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
		list[i], list[j] = list[j], list[i]
	}
	return list
}

// Chain joins parts by UNION ALL.
func Chain(parts []ast.Body) ast.Body {
	b := parts[0]
	for _, p := range parts[1:] {
		b = &ast.SetOp{Op: "UNION ALL", L: b, R: p}
	}
	return b
}

// First is the leftmost SELECT of a body.
func First(b ast.Body) *ast.Select {
	for {
		switch x := b.(type) {
		case *ast.Select:
			return x
		case *ast.SetOp:
			b = x.L
		default:
			return &ast.Select{}
		}
	}
}

// Assigns reports SELECT @v = ... .
func Assigns(s *ast.Select) bool {
	for _, it := range s.Items {
		if it.Variable != "" {
			return true
		}
	}
	return false
}

// GroupingExprs are all expressions of GROUP BY, in order.
func GroupingExprs(items []*ast.Grouping) []ast.Expr {
	var out []ast.Expr
	for _, g := range items {
		if g.Kind == "" && g.X != nil {
			out = append(out, g.X)
		}
		out = append(out, GroupingExprs(g.Items)...)
	}
	return out
}
