package handler

import (
	"context"

	"latchkey/engine/fn"
	"latchkey/engine/sqltype"
)

// View is a system view or function of another package.
type View struct {
	Name    string // in lower case with its schema: sys.asymmetric_keys
	Columns []Column
	Params  int // arguments of a function, integers
	// Args are the types of a function's arguments in place of Params; those left out are NULL.
	Args []sqltype.Type
	// Table is a function that needs nothing but its arguments, in place of Params and Rows.
	Table *fn.Table
	// Rows makes the rows as the session may see them, in a database: that of the name, or the session's. Values are of the columns' kinds.
	Rows func(ctx context.Context, c *Context, db int, args []sqltype.Value) ([][]sqltype.Value, error)
}
