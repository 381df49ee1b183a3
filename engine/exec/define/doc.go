// Package define carries out definitions for a session: CREATE, ALTER and DROP of what is in a database, sp_rename, and the tables that a
// session makes for itself (#t, DECLARE @t TABLE).
//
// What a definition does is package schema/ddl's; here are the permissions that it needs, its transaction, the announcement that
// definitions change (package known), and the permissions on what is gone, which end with it. [Definer.Resolve] gives a declared variable
// its type, which for a table variable means making its table.
package define

import (
	"log/slog"

	"latchkey/engine/exec/actor"
	"latchkey/engine/exec/work"
)

// Definer carries out definitions for one session. All fields are to be set.
type Definer struct {
	Actor *actor.Actor
	Work  *work.Session
	Log   *slog.Logger
}
