// Package msg makes SQL Server's messages: an [Error] has number, severity, state and the exact text, ready for the wire.
//
// [New] fills a message by its number. Texts come from ekm/code, and for messages that the catalogue of codes does not have
// from data/*.txt here, which wins where both have one. [All] lists both, as sys.messages shows them. A severity of 10 or less
// is information: it is sent, but nothing failed; see [Error.Info].
//
// errors.Is(err, code.Msg(33049)) works on an Error at any depth, as does errors.As to *Error. An Error may carry a cause for
// the log ([Error.Because]); the cause is never part of the text that a client sees.
//
// States are 1 where nothing else is known; they stand in the tables, so that a correction is one line. Use [Error.At] where
// one message has several states with a meaning.
package msg
