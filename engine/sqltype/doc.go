// Package sqltype has SQL Server's data types and values: what a column, variable or expression is ([Type]) and what it holds
// ([Value]), with exact decimals, SQL Server's calendars and its typed errors.
//
// A [Value] is small, immutable and comparable with ==, which is identity (same kind, same scale, same bytes). For SQL's
// equality and order use [Compare], which takes the collation. NULL is the zero Value; its type is known by whoever holds it.
// Text is WTF-8 in memory (package wtf8) whatever its kind: encoding into a code page happens at the edges, in package
// collation. Values are made by the constructors here ([NewInt], [NewText] ...), which do not check a declared length: fitting a
// value to a type is [latchkey/engine/sqltype/convert]. Arithmetic with SQL Server's result types is
// [latchkey/engine/sqltype/arith].
//
// Every failure is an [*Error] with SQL Server's message number, level, state and words, so that the server can send it as it
// is: errors.As for the number, errors.Is with [Number] to ask for one. No function here panics on any input, reads a clock,
// a locale or the environment.
//
// xml is kept and compared as nvarchar(max) and never checked. text, ntext and image are the max types by another name. There is
// no float that is not finite: constructors and arithmetic refuse it as overflow. User-defined, spatial, hierarchyid, json and
// vector types do not exist here.
package sqltype
