// Package bound has compiled expressions: SQLite text with its SQL Server type, collation and, where it has no columns, a way to
// compute it in Go. It knows how one becomes another's type: for comparison, for CASE and UNION, for a column.
package bound

import (
	"latchkey/engine/compile/plan"
	"latchkey/engine/sqltype"
)

// Label is how strongly an expression has its collation: collation precedence.
type Label uint8

// The labels in ascending strength.
const (
	NoLabel  Label = iota // not character data
	Default               // constants, variables, functions of such: the database's collation
	Implicit              // columns
	Conflict              // two implicit collations met: an error where a collation is needed
	Explicit              // COLLATE
)

// Flags say what an expression holds.
type Flags uint16

// The flags.
const (
	HasAggregate Flags = 1 << iota
	HasWindow
	HasSubquery
	HasColumn   // of the query at hand
	HasOuter    // a column of a query around
	HasVariable //
	HasVolatile // NEWID and the like: no two evaluations give the same
	HasRow      // Eval reads Frame.Row
)

// Early reports that x can be computed in Go before the statement runs.
func (x X) Early() bool { return x.Eval != nil && x.Flags&(HasRow|HasVolatile) == 0 }

// X is a compiled expression. The zero X is no expression.
type X struct {
	// SQL is the text, safe to stand as an operand of anything. For a condition it is 1, 0 or NULL.
	SQL string
	// Type is the exact type; Kind Null is a bare NULL. Conditions have the zero Type.
	Type sqltype.Type
	// Label and Other tell the collation; Type.Collation is the collation, Other the second of a conflict.
	Label Label
	Other sqltype.Type
	// Const reports a constant: its value is Value.
	Const bool
	Value sqltype.Value
	// Eval computes it in Go; nil if it has columns or queries. Constants have one.
	Eval  plan.Eval
	Flags Flags
	// Column is set for a bare column of a source.
	Column *plan.Column
}
