package expr

import (
	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/datatype"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// castLength is the length of char, varchar, binary ... without one in CAST and CONVERT.
const castLength = 30

func (c *Compiler) cast(e ast.Expr, t *ast.DataType, style ast.Expr, try bool, at Place) (bound.X, error) {
	d, err := datatype.Of(c.Scope, t, castLength, "")
	if err != nil {
		return bound.X{}, err
	}
	x, err := c.Expr(e, at)
	if err != nil {
		return x, err
	}
	var s *bound.X
	if style != nil {
		sx, err := c.Expr(style, at)
		if err != nil {
			return sx, err
		}
		if sx, err = c.Convert(sx, sqltype.Of(sqltype.Int), c.Pos); err != nil {
			return sx, err
		}
		s = &sx
	}
	return c.Cast(x, d.Type, s, try, c.Pos)
}
