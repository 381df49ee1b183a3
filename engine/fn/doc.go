// Package fn has SQL Server's functions and operators: which types they take and give, and what they compute.
//
// The compiler asks for a call and gets it as SQL of SQLite's: [Lookup] finds a function by name, [Function.Resolve] takes its
// arguments, [Operator], [Cast], [Store] and [Aggregate] do the same for what has no name of that kind. The [Call] has the
// type of its result and, in [Call.SQL], the text to put into the statement. Where SQLite's own function or operator gives exactly
// SQL Server's result the text is that ([Call.Native]); elsewhere it is lk('SPEC', $1, ...), or lkv for what is volatile and lk_agg for
// aggregates, and package lite registers these three. SPEC carries the types, which SQLite does not know; [Parse] reads it back.
//
// Who evaluates in Go (constants, defaults, variables) uses [Call.Eval], which is never wrong where it is not nil.
//
// What functions want of the session is [Env], a struct of small interfaces, each of which may be missing. No function reads a
// clock, a locale or the environment.
//
// Errors are *sqltype.Error with SQL Server's number, or a *[Refusal] (message 40517) for what is known by name and not
// supported. [Features] lists every function with what differs from SQL Server; nothing that is not in it exists.
//
// No text expression carries its collation in SQLite: the compiler puts [cell.CollateClause] behind what it sorts, groups or
// compares by; comparisons by [Operator] have it already. Times and dates are those of [Env.Now], the same for a whole statement.
package fn
