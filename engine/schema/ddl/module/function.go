package module

import (
	"slices"
	"strings"

	"latchkey/engine/catalog/msg"
	"latchkey/engine/compile"
	"latchkey/engine/compile/plan"
	"latchkey/engine/schema"
	"latchkey/engine/schema/ddl/define"
	"latchkey/engine/schema/ddl/routine"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/format/phrase"
	"latchkey/engine/tsql/token"
)

// withParams is a scope that knows a function's parameters.
type withParams struct {
	plan.Scope
	params []*schema.Param
	same   func(a, b string) bool
}

// Variable finds a parameter.
func (s withParams) Variable(name string) (sqltype.Type, bool) {
	for _, p := range s.params {
		if s.same(p.Name, name) && p.TableType == 0 {
			return p.Type, true
		}
	}
	return sqltype.Type{}, false
}

// NamedType asks the scope around.
func (s withParams) NamedType(n ast.ObjectName) (sqltype.Type, bool) {
	if t, ok := s.Scope.(plan.TypeNames); ok {
		return t.NamedType(n)
	}
	return sqltype.Type{}, false
}

// ScalarFunction asks the scope around.
func (s withParams) ScalarFunction(n ast.ObjectName) (*plan.ScalarFunction, error) {
	if f, ok := s.Scope.(plan.Functions); ok {
		return f.ScalarFunction(n)
	}
	return nil, nil
}

// CreateFunction carries out CREATE and ALTER FUNCTION.
func (c *Maker) CreateFunction(st *ast.CreateFunction) error {
	form := schema.ScalarFunction
	switch {
	case st.External != nil:
		return define.Refuse("CREATE FUNCTION AS EXTERNAL NAME")
	case st.TableVariable != "":
		form = schema.TableFunction
	case st.Query != nil:
		form = schema.InlineFunction
	}
	if form == schema.TableFunction {
		return define.Refuse("MULTI-STATEMENT TABLE-VALUED FUNCTION")
	}
	m := c.module(st)
	if err := moduleOptions(m, "CREATE FUNCTION", st.Options); err != nil {
		return err
	}
	h, err := c.place(st.Mode, st.Name, func(o schema.Object) bool { return o.Kind() == form })
	if err != nil {
		return err
	}
	if old, ok := c.ByID(h.ID).(*schema.Function); ok {
		if by := c.CalledBy(old); by != "" {
			return msg.New(3729, "ALTER", st.Name.String(), by)
		}
	}
	f := &schema.Function{Head: h, Module: m, Form: form}
	if f.Params, err = c.functionParams(st.Params); err != nil {
		return err
	}
	if m.ExecuteAs != "" && !strings.EqualFold(m.ExecuteAs, "CALLER") {
		return define.Refuse("CREATE FUNCTION WITH EXECUTE AS " + m.ExecuteAs)
	}
	if m.SchemaBound {
		if err := c.bindable(st, &f.Head); err != nil {
			return err
		}
	}
	switch form {
	case schema.ScalarFunction:
		decl, err := compile.TypeOf(c.Scope, st.Returns, st.Name.Name())
		if err != nil {
			return define.MissingType(err, 0, st.Returns)
		}
		if k := decl.Type.Kind; k.IsLegacyLOB() || k == sqltype.RowVersion {
			return plan.Fail(st.Pos, 2715, 0, phrase.DataType(st.Returns))
		}
		if err := routine.Scalar(st.Body); err != nil {
			return err
		}
		f.Returns = decl.Type
		f.Returns.Nullable = true
	case schema.InlineFunction:
		if err := routine.Pure(st.Query); err != nil {
			return err
		}
		f.Columns, err = c.queryColumns(withParams{c.Scope, f.Params, c.Same}, st.Query, nil, st.Name.Name())
	}
	if err != nil {
		return err
	}
	return c.Put(f)
}

// functionParams are the parameters of a function.
func (c *Maker) functionParams(list []*ast.Param) ([]*schema.Param, error) {
	params, err := c.params(list)
	for _, p := range params {
		if p.TableType != 0 {
			return nil, define.Refuse("TABLE-VALUED PARAMETER OF A FUNCTION")
		}
		if p.Output {
			return nil, plan.Fail(token.Pos{}, 102, "OUTPUT")
		}
	}
	return params, err
}

// bindable checks what a function WITH SCHEMABINDING refers to: messages 4512 and 208.
func (c *Maker) bindable(st *ast.CreateFunction, h *schema.Head) (err error) {
	local := routine.CTEs(st)
	routine.References(st, func(r routine.Reference) {
		n := r.Name
		if err != nil || len(n.Parts) == 1 && slices.ContainsFunc(local, func(s string) bool { return c.Same(s, n.Name()) }) {
			return
		}
		switch o := schema.Object(nil); {
		case len(n.Parts) != 2, c.Same(n.Name(), h.Name) && c.Same(n.Schema(), h.Schema):
			err = plan.Fail(n.Pos, 4512, "function", st.Name.String(), n.String())
		case strings.EqualFold(n.Schema(), "sys"):
		default:
			if o = c.Lookup(n.Schema(), n.Name()); o == nil {
				err = plan.Fail(n.Pos, 208, n.String())
			}
		}
	})
	return err
}
