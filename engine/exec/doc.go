// Package exec runs what clients send: batches, procedure calls, transactions, bulk loads, one [Session] for each connection.
//
// Make a [Server] with [New] and open a [Session] with [Server.Open] for each login that was let in; a Session is what package
// tds/conn serves. It interprets the statements of a batch one by one: control flow, variables, TRY, transactions, procedures and
// SET here; queries through package compile, changes of rows through write, definitions through schema/ddl.
//
// Everything that is not the session's own plugs in: statements through a [Handler], system procedures through [Procedure], databases
// through [Databases]. A handler sees the session as a [Context]. A statement that nobody takes is refused by its name (message
// 40517), never skipped.
//
// A statement is compiled when it is reached and not before: names that do not exist fail there, as on SQL Server, while a syntax error
// fails the whole batch. The parts in packages of their own: raise (errors and what they end), setting (SET), feature (what is
// supported), tran (transactions and leases), sysproc (system procedures).
package exec
