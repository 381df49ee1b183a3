// Package sqlscript runs T-SQL scripts on a SQL Server, or on ours, and prints what comes back as sqlcmd does: tables with
// dashes under the names, "(n rows affected)", messages, and for errors a line "Msg n, Level c, State s, Server x, Line l" with
// the text below it.
//
// Split cuts a script into batches at lines that hold GO alone, as the server never sees them; GO inside a comment or a quoted text
// is none. Runner sends the batches over one connection, so that USE, SET, temporary tables and open keys last for the script.
// Variables $(NAME) are replaced before a batch is sent, and the lines ":setvar NAME VALUE", ":on error exit|ignore", ":exit" and
// ":quit" are obeyed; other lines that begin with a colon are refused, because sqlcmd would do something there.
//
// The order of messages, rows and counts is the server's. A failed batch does not stop the script unless StopOnError is set.
package sqlscript
