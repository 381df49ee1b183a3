package expr

import (
	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/datatype"
	"latchkey/engine/fn"
	"latchkey/engine/tsql/ast"
)

// parse is PARSE and TRY_PARSE.
func (c *Compiler) parse(e *ast.Parse, at Place) (bound.X, error) {
	d, err := datatype.Of(c.Scope, e.Type, 1, "parse")
	if err != nil {
		return bound.X{}, err
	}
	exprs := []ast.Expr{e.X}
	if e.Culture != nil {
		exprs = append(exprs, e.Culture)
	}
	xs, err := c.Exprs(exprs, at)
	if err != nil {
		return bound.X{}, err
	}
	call, err := fn.ParseText(d.Type, e.Try, bound.ArgsOf(xs))
	if err != nil {
		return bound.X{}, c.refused(err)
	}
	return c.Call(call, xs, c.Pos)
}
