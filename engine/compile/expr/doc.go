// Package expr compiles scalar expressions and conditions.
//
// A [Compiler] belongs to one statement. What columns mean is asked of [Rows], what subqueries are of [Queries]: package query is
// both. [Place] says where the expression stands, and so what is allowed in it.
//
// Conditions are three-valued integers in SQLite (1, 0, NULL), as SQL Server's logic is. Every node of the tree that is not known here
// is refused by name.
package expr
