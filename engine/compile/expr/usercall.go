package expr

import (
	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/plan"
	"latchkey/engine/fn"
	"latchkey/engine/tsql/ast"
)

// userCall is a call of a scalar function written in T-SQL. Messages 4121, 4113, 313 and 8144.
func (c *Compiler) userCall(e *ast.FuncCall, at Place) (bound.X, error) {
	none := plan.Fail(e.Name.Pos, 4121, e.Name.Parts[0], e.Name.String())
	s, ok := c.Scope.(plan.Functions)
	if !ok {
		return bound.X{}, none
	}
	f, err := s.ScalarFunction(e.Name)
	if err != nil {
		return bound.X{}, err
	}
	if f == nil {
		return bound.X{}, none
	}
	if e.Over != nil || e.Distinct || e.Star || len(e.Within) > 0 {
		return bound.X{}, plan.Fail(e.Name.Pos, 4113, e.Name.Name())
	}
	if len(e.Args) > len(f.Params) {
		return bound.X{}, plan.Fail(e.Name.Pos, 8144, e.Name.String())
	}
	if len(e.Args) < len(f.Params) {
		return bound.X{}, plan.Fail(e.Name.Pos, 313, e.Name.String())
	}
	args := make([]bound.X, len(e.Args))
	for i, p := range f.Params {
		if args[i], err = c.userArgument(e, i, p, at); err != nil {
			return bound.X{}, err
		}
	}
	call, err := fn.UserFunction(f.DatabaseID, f.ID, f.Returns, bound.ArgsOf(args))
	if err != nil {
		return bound.X{}, err
	}
	x, err := c.Call(call, args, e.Name.Pos)
	if err != nil {
		return x, err
	}
	c.Used = append(c.Used, plan.Use{Object: &f.Object, Permission: "EXECUTE"})
	const varies = bound.HasColumn | bound.HasOuter | bound.HasAggregate | bound.HasWindow | bound.HasSubquery | bound.HasVolatile | bound.HasRow
	if x.Flags&varies == 0 && !c.Inline {
		x.SQL = "(SELECT " + x.SQL + ")" // SQLite computes it once, and only if it is needed
	}
	x.Flags |= bound.HasVolatile
	if x.Type.Kind.IsText() {
		x.Label = bound.Default
	}
	return at.input(x), nil
}

// userArgument is an argument in its parameter's type: the default where the call says DEFAULT.
func (c *Compiler) userArgument(e *ast.FuncCall, i int, p plan.FunctionParam, at Place) (a bound.X, err error) {
	if _, ok := e.Args[i].(*ast.Default); !ok {
		a, err = c.Expr(e.Args[i], at)
	} else if p.Default == nil {
		return a, plan.Fail(e.Name.Pos, 313, e.Name.String())
	} else {
		a, err = c.Expr(p.Default, Place{})
	}
	if err != nil {
		return a, err
	}
	return c.Assign(a, bound.Target{Type: p.Type}, e.Name.Pos)
}
