package query

import (
	"latchkey/engine/compile/names"
	"latchkey/engine/compile/plan"
	"latchkey/engine/compile/source"
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/token"
)

// maxWork bounds the SELECTs of one statement.
const maxWork = 5000

// Compiler compiles the queries of one statement.
type Compiler struct {
	*source.Compiler

	work int // SELECTs compiled so far: APPLY compiles some more than once
}

// New begins a statement.
func New(sc plan.Scope, pos token.Pos) *Compiler {
	base := names.New(sc, pos)
	c := &Compiler{Compiler: &source.Compiler{Base: base}}
	base.Queries, c.Selects = c, c
	return c
}

// Nested implements source.Selects.
func (c *Compiler) Nested(q *ast.Query, parent *names.Rows) (*names.Result, error) {
	return c.query(q, parent, options{named: true})
}

// Apply implements source.Selects.
func (c *Compiler) Apply(j *ast.Join, left string, first int, r *names.Rows) (string, error) {
	return c.apply(j, left, first, r)
}
