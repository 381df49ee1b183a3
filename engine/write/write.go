package write

import (
	"context"

	"latchkey/engine/catalog/msg"
	"latchkey/engine/compile/plan"
	"latchkey/engine/lite"
	"latchkey/engine/schema"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
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

	run func(x *execution) error
}

// Run is what one execution needs of its session.
type Run struct {
	Conn      *lite.Conn
	Variables plan.Variables
	// Set sets a variable: UPDATE t SET @v = ... . The value has the variable's type.
	Set func(name string, v sqltype.Value) error
	// Row takes a row of OUTPUT for the client. The slice is used again after it returns.
	Row func(row []sqltype.Value) error
	// IdentityInsert reports whether SET IDENTITY_INSERT is ON for the table; [Config.IdentityInsert] must have said the same.
	IdentityInsert bool
	// RowCount is SET ROWCOUNT, 0 for none.
	RowCount int64
	// Exec gives the rows of INSERT ... EXEC one after another until ok is false, with the types of their columns.
	Exec func() (types []sqltype.Type, row []sqltype.Value, ok bool, err error)
}

// Result is what a run did.
type Result struct {
	// Rows is the number of rows affected.
	Rows int64
	// Identity is the last identity value that was put into a row, a numeric(38,0), for SCOPE_IDENTITY() and @@IDENTITY;
	// HasIdentity is false if there was none.
	Identity    sqltype.Value
	HasIdentity bool
	// Messages inform the client, such as 3604 of IGNORE_DUP_KEY.
	Messages []*msg.Error
}

// Config is what compiling depends on besides the names in Scope.
type Config struct {
	Scope plan.Scope
	// IdentityInsert reports whether SET IDENTITY_INSERT is ON for a table, by database and object id; nil means for none. A plan
	// depends on it: keep it in the key of a cache.
	IdentityInsert func(db, table int) bool
}

// Compile compiles an INSERT, UPDATE, DELETE, MERGE or TRUNCATE.
func Compile(c Config, st ast.Statement) (*Plan, error) {
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
func (p *Plan) Run(ctx context.Context, r Run) (Result, error) {
	x := newExecution(ctx, r)
	err := p.run(x)
	return x.result, err
}
