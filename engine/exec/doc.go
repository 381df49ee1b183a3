// Package exec runs what clients send: batches, procedure calls, transactions, bulk loads, one [Session] for each connection.
//
// Make a [Server] with [New] and open a [Session] with [Server.Open] for each login that was let in; a Session is what package
// tds/conn serves. A session is put together here from its parts, each a package beside, the lower ones first: actor (who), work (one
// statement's connection and names), define, query, change, cursor, transaction, flow (control flow and errors), call (procedures). What is
// left here is the request around them, the statements that need no part of their own (SET, PRINT, RAISERROR, KILL, DBCC), and what functions
// and system views ask of a session.
//
// What is not the session's own plugs in by package handler: statements, system procedures, system views; databases by [Databases]. A
// statement that nobody takes is refused by its name (message 40517), never skipped.
//
// A statement is compiled when it is reached and not before: names that do not exist fail there, as on SQL Server, while a syntax error
// fails the whole batch.
package exec
