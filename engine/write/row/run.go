package row

import (
	"latchkey/engine/catalog/msg"
	"latchkey/engine/compile/plan"
	"latchkey/engine/lite"
	"latchkey/engine/sqltype"
)

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
