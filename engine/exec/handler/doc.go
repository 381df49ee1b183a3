// Package handler is what plugs into a session from outside: statements ([Handler]), system procedures ([Procedure]) and system views
// ([View]).
//
// All three see the session as a [Context]: who runs the statement and with which settings, values of expressions, and the client, who is sent
// rows and told messages. A handler takes a statement or leaves it to the next one; a statement that nobody takes is refused by its name.
//
// The [Parts] of a session are for the executor's own procedures (package builtin): other packages need nothing of them.
package handler

import (
	"latchkey/engine/exec/actor"
	"latchkey/engine/exec/define"
	"latchkey/engine/exec/query"
	"latchkey/engine/exec/reply"
	"latchkey/engine/exec/transaction"
	"latchkey/engine/exec/unit"
	"latchkey/engine/exec/work"
	"latchkey/engine/sqltype"
)

// Parts are the parts of a session. All fields but Values and Locked are to be set.
type Parts struct {
	Actor       *actor.Actor
	Work        *work.Session
	Define      *define.Definer
	Query       *query.Runner
	Answer      *reply.Answer
	Transaction *transaction.Transactions
	Units       *unit.Cache
	// Version is the server's build.
	Version string
	// Kept is what handlers keep with the session; see [Context.Keep].
	Kept map[any]Kept
	// Values are those of sp_set_session_context by key in lower case; Locked are those that were set to be read only.
	Values map[string]sqltype.Value
	Locked map[string]bool
}

// Reset forgets what belongs to one user of the connection.
func (s *Parts) Reset() {
	for _, k := range s.Kept {
		k.Reset()
	}
	s.Values, s.Locked = nil, nil
}
