// Package argument is the arguments of a call and how they find their parameters.
//
// An [Arg] is a value by position or by name, from EXEC or from a client's call; [Match] finds the argument of each parameter as SQL Server
// does, [SplitName] takes a procedure's name apart that came as text.
package argument
