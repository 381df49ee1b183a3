package unit

import (
	"reflect"
	"strings"

	"latchkey/engine/exec/raise"
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/token"
)

// undeclared is message 137 or 1087 for the first variable of a batch that is used in front of its DECLARE or has none: such a batch does not
// begin, and such a procedure is not made.
func undeclared(list []ast.Statement, params []*ast.Param) error {
	d := &declared{names: make(map[string]bool)}
	d.params(params)
	for _, st := range list {
		d.module = ""
		d.pos = st.At()
		d.walk(reflect.ValueOf(st))
		if d.err != nil {
			return d.err
		}
	}
	return nil
}

// declared follows a tree in the order of its text.
type declared struct {
	names  map[string]bool // in lower case
	module string          // the procedure or function being made
	pos    token.Pos       // of the statement
	err    error
}

func (d *declared) params(list []*ast.Param) {
	for _, p := range list {
		d.names[strings.ToLower(p.Name)] = true
	}
}

// use is one use of a variable; number says what is missing if it is not declared.
func (d *declared) use(name string, pos token.Pos, number int) {
	if d.err != nil || !strings.HasPrefix(name, "@") || strings.HasPrefix(name, "@@") || d.names[strings.ToLower(name)] {
		return
	}
	if pos.Line == 0 {
		pos = d.pos
	}
	e := raise.New(number, name)
	e.Bind = true
	d.err = e.At(int(pos.Line), d.module)
}

func (d *declared) visit(n any) {
	if st, ok := n.(ast.Statement); ok {
		d.pos = st.At()
	}
	switch n := n.(type) {
	case *ast.Declare:
		for _, v := range n.Variables {
			d.names[strings.ToLower(v.Name)] = true
		}
	case *ast.CreateProc:
		d.module = n.Name.Name()
		d.params(n.Params)
	case *ast.CreateFunction:
		d.module = n.Name.Name()
		d.params(n.Params)
		d.names[strings.ToLower(n.TableVariable)] = true
	case *ast.Variable:
		d.use(n.Name, n.Pos, 137)
	case *ast.SetVariable:
		d.use(n.Name, n.Pos, 137)
	case *ast.SelectItem:
		d.use(n.Variable, token.Pos{}, 137)
	case *ast.Assignment:
		d.use(n.Variable, token.Pos{}, 137)
	case *ast.Exec:
		d.use(n.Return, n.Pos, 137)
		d.use(n.ProcVariable, n.Pos, 137)
	case *ast.TableVariable:
		d.use(n.Name, token.Pos{}, 1087)
	}
}

func (d *declared) walk(v reflect.Value) {
	if d.err != nil {
		return
	}
	switch v.Kind() {
	case reflect.Interface:
		d.walk(v.Elem())
	case reflect.Pointer:
		if !v.IsNil() && v.Elem().Kind() == reflect.Struct {
			d.visit(v.Interface())
			d.walk(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			d.walk(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				d.walk(v.Field(i))
			}
		}
	}
}
