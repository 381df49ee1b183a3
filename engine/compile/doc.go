// Package compile is the typed transpiler from T-SQL queries and expressions to SQLite.
//
// [Query] compiles a SELECT to a [plan.Plan]. [Scalar] and [Condition] compile what control flow needs, which mostly runs in Go
// without SQLite (plan.Scalar.Eval). [Statement] is for the packages that write: it holds the sources, common table expressions and
// parameters of one statement and compiles expressions, conditions, FROM clauses and row sources for it. [Definition] compiles
// the expressions of checks, defaults and computed columns, which stand in SQLite's own schema.
//
// What a name means comes from a [plan.Scope]. Errors are *plan.Error around *sqltype.Error: a number, level, state, text and the
// line's place. A construct that is not supported is refused by name with message 40517; nothing in a tree is skipped.
//
// The parts, each importing only those before it: plan (what goes in and out), bound (typed expressions, coercion), expr (expressions and
// conditions), names (what names refer to), shape (looks at trees), source (FROM), query (SELECT). DESIGN.md has the decisions.
package compile
