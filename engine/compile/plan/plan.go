package plan

import (
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// Plan is a compiled query.
type Plan struct {
	// SQL is one SQLite SELECT, "" if Assign alone is to be done (SELECT @a = 1).
	SQL string
	// Params are the values of ?1, ?2 ... in order.
	Params []Param
	// Columns are those of the result in order. Of a plan with Assign, they are the inputs of its expressions.
	Columns []Column
	// Assign is SELECT @v = ...: for each row, in order, each Eval is computed with the row in Frame.Row and its value (already of the
	// variable's type) is set. Without rows nothing is set.
	Assign []Assignment
	// Into is the target of SELECT ... INTO, nil if there is none. Columns has the types of the new table.
	Into *ast.ObjectName
	// Uses are the objects that the caller needs permissions on, views instead of what is behind them.
	Uses []Use
	// Objects are all that the text reads, those behind views included: what to attach, to register and to watch for changes.
	Objects []*Object
	// Volatile plans call a function whose value changes from row to row (NEWID).
	Volatile bool
	// Pieces says that the one value is the text of FOR JSON or FOR XML: clients get it in rows of 2,033 characters, and no row for NULL.
	Pieces bool
	// Hints are query hints that mean something to the executor, by name: MAXRECURSION is applied already.
	Hints []*ast.Hint
}

// Param is the value of one parameter. Exactly one of Variable, Eval and Value counts, in this order.
type Param struct {
	// Variable is a variable's name with its signs.
	Variable string
	// Eval computes the value from the frame.
	Eval Eval
	// Value is a constant.
	Value sqltype.Value
	// Type is what the value has.
	Type sqltype.Type
	// Check bounds the value: rows of TOP, OFFSET and FETCH.
	Check Check
}

// Check is a rule that a parameter's value must fulfil when it is bound.
type Check uint8

// The checks.
const (
	NoCheck      Check = iota
	TopRows            // an integer that is not NULL (1060) and not negative (127)
	TopPercent         // 0 to 100 (1031)
	OffsetRows         // not negative (10742)
	FetchRows          // greater than zero (10744)
	NotNullTop         // not NULL alone
	maxCheckKind = NotNullTop
)

// Column is a column of a result.
type Column struct {
	Name string // "" if it has none
	Type sqltype.Type
	// Object and Source say which column of which table it is; nil and "" for expressions.
	Object *Object
	Source string
	// Identity and Computed are the table column's. RowVersion columns are computed for clients.
	Identity, Computed bool
	// Updatable reports a column of a base table that is neither computed nor an identity.
	Updatable bool
	// Hidden columns carry the order or the like and are not sent. They stand behind all others.
	Hidden bool
}

// Assignment sets one variable.
type Assignment struct {
	Variable string // with @
	Type     sqltype.Type
	Eval     Eval
}

// Use is an object with the permission that it is used with.
type Use struct {
	Object *Object
	// Permission is SELECT, INSERT, UPDATE, DELETE, EXECUTE or REFERENCES.
	Permission string
	// Columns that are touched, in the object's order.
	Columns []string
}

// Scalar is a compiled expression or condition without rows around it: of SET, IF, RETURN, an argument.
type Scalar struct {
	// Type of the value. Conditions are bit: 1, 0, or NULL for unknown.
	Type sqltype.Type
	// Eval computes it without SQLite; nil if it holds a query.
	Eval Eval
	// Plan is SELECT expression: one row of one column. It is nil if Eval is not.
	Plan *Plan
	// Uses are what Eval needs permissions on; those of a Plan are its own.
	Uses []Use
}
