// Package plan has what compiling a T-SQL query needs and gives: [Scope] and [Object] come from the executor and the schema, [Plan]
// and [Scalar] go back to the executor.
//
// A [Plan] is one SQLite SELECT with its parameters by number (?1 is Params[0]), the columns that the client is told about, the
// objects it reads with the permission each needs, and what must be attached or registered before SQLite can prepare it.
// Parameters are variables, constants too long for the text, or expressions without columns that [Plan.Bind] computes in Go
// before the statement runs; an error of theirs is an error of the running statement, not of compiling.
//
// Nothing here runs SQL or knows a session. Plans are immutable once made and may be shared by sessions whose [Settings] are equal and
// whose objects have not changed.
package plan
