package expr

import (
	"slices"
	"strings"

	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/plan"
	"latchkey/engine/fn"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// call is a call by name.
func (c *Compiler) call(e *ast.FuncCall, at Place) (bound.X, error) {
	if len(e.Name.Parts) > 1 && !(len(e.Name.Parts) == 2 && strings.EqualFold(e.Name.Schema(), "sys")) {
		return c.userCall(e, at)
	}
	name := strings.ToUpper(e.Name.Name())
	switch name {
	case "COALESCE", "ISNULL", "NULLIF", "CHOOSE":
		if e.Over == nil && !e.Star && !e.Distinct {
			return c.control(name, e, at)
		}
	case "GROUPING", "GROUPING_ID":
		return c.groupingOf(name, e, at)
	}
	f, ok := fn.Lookup(name)
	if !ok {
		if len(e.Name.Parts) == 1 {
			return bound.X{}, plan.Fail(e.Name.Pos, 195, e.Name.Name(), "built-in function name")
		}
		return c.userCall(e, at)
	}
	if f.Refused != "" {
		return bound.X{}, plan.Unsupported(name, e.Name.Pos)
	}
	switch f.Kind {
	case fn.AggFunc, fn.WindowFunc:
		return c.aggregate(f, e, at)
	case fn.TableFunc:
		return bound.X{}, plan.Fail(e.Name.Pos, 195, e.Name.Name(), "built-in function name")
	}
	switch {
	case e.Over != nil:
		return bound.X{}, plan.Fail(e.Name.Pos, 4113, e.Name.Name())
	case e.Distinct || e.Star || len(e.Within) > 0 || e.Nulls != "":
		return bound.X{}, plan.Fail(e.Name.Pos, 102, e.Name.Name())
	}
	return c.resolve(f, name, e.Args, at)
}

// groupingOf is GROUPING and GROUPING_ID: constants of the grouping set at hand.
func (c *Compiler) groupingOf(name string, e *ast.FuncCall, at Place) (bound.X, error) {
	if at.Rows == nil || !at.Aggregates || len(e.Args) == 0 || name == "GROUPING" && len(e.Args) != 1 {
		return bound.X{}, plan.Fail(e.Name.Pos, 8161, 1, name)
	}
	n := int64(0)
	for i, a := range e.Args {
		absent, ok := at.Rows.Grouping(a)
		if !ok {
			return bound.X{}, plan.Fail(e.Name.Pos, 8161, i+1, name)
		}
		n <<= 1
		if absent {
			n |= 1
		}
	}
	k := sqltype.TinyInt
	if name == "GROUPING_ID" {
		k = sqltype.Int
	}
	x := c.Constant(sqltype.NewInt(k, n), sqltype.Of(k))
	x.SQL = "CAST(" + x.SQL + " AS INTEGER)" // a bare number would be a position in ORDER BY
	x.Const, x.Eval, x.Flags = false, nil, bound.HasAggregate
	x.Type.Nullable = false
	return at.input(x), nil
}

// named calls a function or @@variable by its name in upper case.
func (c *Compiler) named(name string, args []ast.Expr, at Place) (bound.X, error) {
	f, ok := fn.Lookup(name)
	if !ok {
		if strings.HasPrefix(name, "@@") {
			return bound.X{}, plan.Fail(c.Pos, 137, name)
		}
		return bound.X{}, plan.Unsupported(name, c.Pos)
	}
	if f.Refused != "" {
		return bound.X{}, plan.Unsupported(name, c.Pos)
	}
	return c.resolve(f, strings.ToUpper(name), args, at)
}

// perRow are the functions whose value is another for each row; other volatile ones keep theirs during a statement.
func perRow(name string) bool {
	return name == "NEWID" || name == "NEWSEQUENTIALID" || name == "CRYPT_GEN_RANDOM" || strings.HasPrefix(name, "ENCRYPTBY")
}

func (c *Compiler) resolve(f *fn.Function, name string, args []ast.Expr, at Place) (bound.X, error) {
	if c.Inline && f.Kind == fn.Variable {
		return bound.X{}, plan.Fail(c.Pos, 128, name)
	}
	var xs []bound.X
	described := make([]fn.Arg, len(args))
	for i, a := range args {
		if slices.Contains(f.Words, i) {
			if ref, ok := a.(*ast.ColumnRef); ok && len(ref.Name.Parts) == 1 {
				described[i] = fn.Arg{Word: ref.Name.Name()}
				continue
			}
		}
		x, err := c.Expr(a, at)
		if err != nil {
			return x, err
		}
		described[i] = bound.ArgOf(x)
		xs = append(xs, x)
	}
	call, err := f.Resolve(described)
	if err != nil {
		return bound.X{}, c.refused(err)
	}
	x, err := c.Call(call, xs, c.Pos)
	if err != nil {
		return x, err
	}
	if perRow(name) {
		x.Flags |= bound.HasVolatile
	}
	if x.Type.Kind.IsText() && x.Label == bound.NoLabel {
		x.Label = bound.Default
	}
	if x.Type.Kind.IsText() && x.Label == bound.Default && !slices.ContainsFunc(xs, func(a bound.X) bool { return a.Type.Kind.IsText() }) {
		x.Type.Collation = c.Settings.Collation
	}
	return x, nil
}

// control are the functions that do not compute all of their arguments.
func (c *Compiler) control(name string, e *ast.FuncCall, at Place) (bound.X, error) {
	n := len(e.Args)
	switch {
	case (name == "ISNULL" || name == "NULLIF") && n != 2:
		return bound.X{}, plan.Fail(e.Name.Pos, 174, strings.ToLower(name), 2)
	case n < 2:
		return bound.X{}, plan.Fail(e.Name.Pos, 102, ")")
	}
	xs, err := c.Exprs(e.Args, at)
	if err != nil {
		return bound.X{}, err
	}
	switch name {
	case "ISNULL":
		return c.isnull(xs[0], xs[1])
	case "NULLIF":
		if xs[0].Type.Kind == sqltype.Null {
			return bound.X{}, plan.Fail(e.Name.Pos, 4151)
		}
		eq, err := c.Compare("=", xs[0], xs[1], e.Name.Pos)
		if err != nil {
			return bound.X{}, err
		}
		x, err := c.choose([]branch{{cond: eq}}, []bound.X{c.Constant(sqltype.NullValue, xs[0].Type), xs[0]})
		x.Type.Nullable = true
		return x, err
	case "CHOOSE":
		index, err := c.Convert(xs[0], sqltype.Of(sqltype.Int), e.Name.Pos)
		if err != nil {
			return bound.X{}, err
		}
		list := make([]branch, n-1)
		for i := range list {
			if list[i].cond, err = c.Compare("=", index, c.Constant(sqltype.NewInt(sqltype.Int, int64(i+1)), sqltype.Of(sqltype.Int)), e.Name.Pos); err != nil {
				return bound.X{}, err
			}
		}
		return c.choose(list, append(slices.Clone(xs[1:]), c.Null()))
	}
	return c.coalesce(xs)
}

func (c *Compiler) isnull(a, b bound.X) (bound.X, error) {
	if a.Type.Kind == sqltype.Null {
		return b, nil
	}
	t := a.Type
	if b.Type.Kind != sqltype.Null {
		t.Nullable = a.Type.Nullable && b.Type.Nullable
	}
	r, err := c.Assign(b, bound.Target{Type: a.Type}, c.Pos)
	if err != nil {
		return a, err
	}
	return c.firstOf([]bound.X{a, r}, t), nil
}

func (c *Compiler) coalesce(xs []bound.X) (bound.X, error) {
	common, err := bound.CommonType(xs, "COALESCE operator", c.Pos)
	if err != nil {
		return bound.X{}, err
	}
	if common.Type.Kind == sqltype.Null {
		return bound.X{}, plan.Fail(c.Pos, 4127)
	}
	t := common.Type
	t.Nullable = true
	for i := range xs {
		if !xs[i].Type.Nullable && xs[i].Type.Kind != sqltype.Null {
			t.Nullable = false
		}
		if xs[i], err = c.As(xs[i], common, c.Pos); err != nil {
			return bound.X{}, err
		}
	}
	x := c.firstOf(xs, t)
	x.Label, x.Other = common.Label, common.Other
	return x, nil
}

// firstOf is the first of values of one type that is not NULL.
func (c *Compiler) firstOf(xs []bound.X, t sqltype.Type) bound.X {
	x := bound.X{Type: t, Label: xs[0].Label, Other: xs[0].Other}
	texts := make([]string, len(xs))
	evals := make([]plan.Eval, len(xs))
	computable := true
	for i, a := range xs {
		texts[i], evals[i] = a.SQL, a.Eval
		x.Flags |= a.Flags
		computable = computable && a.Eval != nil
	}
	x.SQL = "coalesce(" + strings.Join(texts, ", ") + ")"
	if computable {
		x.Eval = func(f *plan.Frame) (sqltype.Value, error) {
			for _, e := range evals {
				if v, err := e(f); err != nil || !v.IsNull() {
					return v, err
				}
			}
			return sqltype.NullValue, nil
		}
	}
	return x
}
