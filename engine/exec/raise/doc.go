// Package raise is what a session says when something goes wrong, and what that does to it: the messages of the executor itself
// ([New]), one form for the errors of all layers ([From]), the table of what each number ends ([Of]), and RAISERROR's formatting
// ([Format]).
//
// An [Error] is a message on its way to the client with line and procedure. Lower layers return *sqltype.Error, *msg.Error,
// msg.List or *token.SyntaxError; [From] knows them all and never shows the text of any other error: that is for the log.
//
// Not here: sending (package exec) and the texts of the catalogue's messages (package msg).
package raise
