package bound

import "latchkey/engine/sqltype"

// Target is what a value is stored in: a column, a variable or a parameter.
type Target struct {
	Type sqltype.Type
	// Table ("db.schema.table") and Column name a column, for message 2628. A variable has neither: what is too long is cut.
	Table, Column string
}

// Declared is a type as a declaration gives it.
type Declared struct {
	Type sqltype.Type
	// SysName reports sysname, Alias the name of an alias type.
	SysName bool
	Alias   string
}
