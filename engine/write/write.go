package write

import (
	"context"

	"latchkey/engine/compile/plan"
	"latchkey/engine/schema"
	"latchkey/engine/tsql/ast"
	"latchkey/engine/write/row"
)

// Plan is a statement that writes, compiled. It is immutable and may be run by many, one connection each.
type Plan struct {
	// Columns are those of the rows that OUTPUT sends to the client; nil without.
	Columns []plan.Column
	// Uses are the objects with the permissions that the statement needs; Objects all that it touches.
	Uses    []plan.Use
	Objects []*plan.Object
	// Table is the table that is written.
	Table *schema.Table
	// Exec is the EXEC of INSERT ... EXEC, which the caller runs: its rows come in by Run.Exec.
	Exec *ast.Exec

	run func(x *row.Execution) error
}

// Run is what one execution needs of its session.
type Run = row.Run

// Result is what a run did.
type Result = row.Result

// Config is what compiling depends on besides the names in Scope.
type Config = row.Config

// Compile compiles an INSERT, UPDATE, DELETE, MERGE or TRUNCATE.
func Compile(c row.Config, st ast.Statement) (*Plan, error) {
	switch st := st.(type) {
	case *ast.Insert:
		return compileInsert(c, st)
	case *ast.Update:
		return compileUpdate(c, st)
	case *ast.Delete:
		return compileDelete(c, st)
	case *ast.Merge:
		return compileMerge(c, st)
	case *ast.Truncate:
		return compileTruncate(c, st)
	}
	return nil, plan.Unsupported("DML", st.At())
}

// Run runs the statement. Errors are *msg.Error, *sqltype.Error, *plan.Error or those of the connection; then nothing of the
// statement remains but the identity values that it used.
func (p *Plan) Run(ctx context.Context, r row.Run) (row.Result, error) {
	x := row.NewExecution(ctx, r)
	err := p.run(x)
	return x.Result, err
}
