package source

import (
	"strings"

	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/datatype"
	"latchkey/engine/compile/expr"
	"latchkey/engine/compile/names"
	"latchkey/engine/compile/plan"
	"latchkey/engine/fn"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// function compiles a table-valued function in FROM.
func (c *Compiler) function(ts *ast.FuncTable, r *names.Rows, lateral bool) (string, error) {
	at, done := r.Nested()
	defer done()
	text, _, err := c.FunctionText(ts, at, r)
	return text, err
}

// FunctionText compiles a function whose arguments see args.
func (c *Compiler) FunctionText(ts *ast.FuncTable, args, r *names.Rows) (string, bool, error) {
	call, ok := ts.Call.(*ast.FuncCall)
	if !ok {
		return "", false, plan.Unsupported("A METHOD IN FROM", c.Pos)
	}
	lookup := call.Name
	if len(ts.With) > 0 { // the parser takes it behind OPENJSON alone
		lookup = ast.ObjectName{Parts: []string{"OPENJSON WITH"}, Pos: lookup.Pos}
	}
	o, err := c.Scope.Object(lookup)
	if err != nil {
		return "", false, plan.At(err, call.Name.Pos)
	}
	if o == nil || o.Kind != plan.Function && o.Kind != plan.TableFunction {
		if f, ok := fn.Lookup(call.Name.Name()); ok && f.Kind == fn.TableFunc {
			return "", false, plan.Unsupported(f.Name, call.Name.Pos)
		}
		if o != nil {
			return "", false, plan.Fail(call.Name.Pos, 215, call.Name.Name())
		}
		return "", false, plan.Fail(call.Name.Pos, 208, call.Name.String())
	}
	xs, correlated, err := c.Args(call, o, args)
	if err != nil {
		return "", false, err
	}
	name := Or(ts.Alias, o.Name)
	if o.Kind == plan.Function {
		if correlated {
			return "", true, plan.Unsupported("AN INLINE FUNCTION WITH COLUMNS AS ARGUMENTS OUTSIDE APPLY", call.Name.Pos)
		}
		text, err := c.view(o, name, ts.Alias != "", Variables(o, xs), r)
		return text, false, err
	}
	c.Need(o, "SELECT")
	s := c.Table(o, name, c.Alias())
	from := o.Source + "(" + strings.Join(Texts(xs), ", ") + ") AS " + s.Alias
	if len(ts.With) > 0 {
		if s, err = c.jsonColumns(ts, s, Or(ts.Alias, call.Name.Name())); err != nil {
			return "", false, err
		}
	}
	s.Aliased = ts.Alias != ""
	if len(ts.Columns) > 0 {
		list := make([]string, len(s.Cols))
		for i := range s.Cols {
			list[i] = s.Cols[i].Name
		}
		if list, err = c.ColumnNames(list, ts.Columns, name); err != nil {
			return "", false, err
		}
		for i := range s.Cols {
			s.Cols[i].Name = list[i]
		}
	}
	r.Add(s)
	return from, correlated, nil
}

// jsonColumns are the columns of OPENJSON ... WITH, made of the rows' texts: 13618.
func (c *Compiler) jsonColumns(ts *ast.FuncTable, rows *names.Source, name string) (*names.Source, error) {
	long := sqltype.Sized(sqltype.NVarChar, sqltype.Max)
	list, items := make([]string, len(ts.With)), make([]names.Item, len(ts.With))
	for i, col := range ts.With {
		d, err := datatype.Of(c.Scope, col.Type, 1, col.Name)
		if err != nil {
			return nil, err
		}
		path, op := col.Path, "JSON MEMBER"
		switch {
		case col.AsJSON && (d.Type.Kind != sqltype.NVarChar || !d.Type.IsMax()):
			return nil, plan.Fail(c.Pos, 13618)
		case col.AsJSON:
			op = "JSON PART"
		case d.Type.Kind == sqltype.VarBinary || d.Type.Kind == sqltype.Binary || d.Type.Kind.IsLegacyLOB():
			return nil, plan.Unsupported("OPENJSON WITH "+strings.ToUpper(d.Type.Kind.String()), c.Pos)
		}
		if path == "" {
			path = `$."` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(col.Name) + `"`
		}
		call, err := fn.Operator(op, fn.Arg{Type: long}, fn.Arg{Type: sqltype.Sized(sqltype.NVarChar, sqltype.MaxNational)})
		if err != nil {
			return nil, err
		}
		at := c.Constant(sqltype.NewText(sqltype.NVarChar, path), sqltype.Sized(sqltype.NVarChar, sqltype.MaxNational))
		x, err := c.Call(call, []bound.X{rows.Cols[0].X, at}, c.Pos)
		if err == nil {
			x, err = c.Cast(x, d.Type, nil, false, c.Pos)
		}
		if err != nil {
			return nil, err
		}
		x.Type.Nullable = true
		list[i], items[i] = col.Name, names.Item{X: x}
	}
	return names.Inline(name, list, items), nil
}

// Variables are what the parameters of an inline function stand for.
func Variables(o *plan.Object, xs []bound.X) map[string]bound.X {
	vars := make(map[string]bound.X, len(xs))
	for i, p := range o.Params {
		vars[strings.ToLower(p.Name)] = xs[i]
	}
	return vars
}

// HasColumns reports that a column is among arguments.
func HasColumns(args map[string]bound.X) bool {
	for _, x := range args {
		if x.Flags&(bound.HasColumn|bound.HasOuter) != 0 {
			return true
		}
	}
	return false
}

// Args compiles the arguments of a function in FROM, converted to its parameters: 313, 8144.
func (c *Compiler) Args(call *ast.FuncCall, o *plan.Object, args *names.Rows) ([]bound.X, bool, error) {
	if len(call.Args) > len(o.Params) {
		return nil, false, plan.Fail(call.Name.Pos, 8144, call.Name.String())
	}
	var xs []bound.X
	correlated := false
	for i, p := range o.Params {
		var x bound.X
		var err error
		_, isDefault := ast.Expr(nil), false
		if i < len(call.Args) {
			_, isDefault = call.Args[i].(*ast.Default)
		}
		switch {
		case i < len(call.Args) && !isDefault:
			x, err = c.Expr(call.Args[i], expr.Place{Rows: args, Clause: "FROM"})
		case p.Default != nil:
			x, err = c.Expr(p.Default, expr.Place{})
		case o.Kind == plan.TableFunction && i >= len(call.Args):
			x = c.Null()
		default:
			return nil, false, plan.Fail(call.Name.Pos, 313, call.Name.String())
		}
		if err != nil {
			return nil, false, err
		}
		correlated = correlated || x.Flags&(bound.HasColumn|bound.HasOuter) != 0
		if p.Type.Kind != sqltype.Null {
			if x, err = c.Assign(x, bound.Target{Type: p.Type}, call.Name.Pos); err != nil {
				return nil, false, err
			}
		}
		xs = append(xs, x)
	}
	return xs, correlated, nil
}
