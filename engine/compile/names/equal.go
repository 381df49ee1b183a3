package names

import (
	"reflect"
	"strings"

	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/expr"
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/token"
)

var posType = reflect.TypeFor[token.Pos]()

// Equal reports that two expressions are the same but for case and place of names; columns are compared by what they refer to.
func (r *Rows) Equal(a, b ast.Expr) bool {
	return r.equalValue(reflect.ValueOf(a), reflect.ValueOf(b))
}

func (r *Rows) equalValue(a, b reflect.Value) bool {
	if a.IsValid() != b.IsValid() {
		return false
	}
	if !a.IsValid() {
		return true
	}
	if a.Type() != b.Type() {
		return false
	}
	if a.Type() == posType {
		return true
	}
	switch a.Kind() {
	case reflect.Interface, reflect.Pointer:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() == b.IsNil()
		}
		switch x := a.Interface().(type) {
		case *ast.ColumnRef:
			y, ok := b.Interface().(*ast.ColumnRef)
			return ok && r.sameColumn(x, y)
		case *ast.Literal:
			y, ok := b.Interface().(*ast.Literal)
			return ok && *x == *y
		}
		return r.equalValue(a.Elem(), b.Elem())
	case reflect.Struct:
		for i := range a.NumField() {
			if !a.Type().Field(i).IsExported() {
				continue
			}
			if !r.equalValue(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Slice:
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !r.equalValue(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	case reflect.String:
		return strings.EqualFold(a.String(), b.String())
	}
	return a.Equal(b)
}

func (r *Rows) sameColumn(a, b *ast.ColumnRef) bool {
	x, errX := r.raw(a)
	y, errY := r.raw(b)
	if errX != nil || errY != nil { // a word, such as a date part
		return errX != nil && errY != nil && strings.EqualFold(a.Name.String(), b.Name.String())
	}
	return x.SQL == y.SQL
}

// raw resolves a column as before grouping.
func (r *Rows) raw(ref *ast.ColumnRef) (bound.X, error) {
	after := r.After
	r.After = false
	defer func() { r.After = after }()
	return r.Column(ref, expr.Place{Rows: r})
}
