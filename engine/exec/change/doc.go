// Package change carries out what changes rows for a session: INSERT, UPDATE, DELETE, MERGE, TRUNCATE, SELECT INTO, bulk loads, and the
// rows that a client sends as a table-valued parameter.
//
// How rows are changed is package write's; here are the plans that are kept, permissions, identity values (@@IDENTITY, SET
// IDENTITY_INSERT, DBCC CHECKIDENT), and the rows of table variables, which a ROLLBACK must not take away ([Changer.Keep],
// [Changer.Restore]).
package change

import (
	"latchkey/engine/exec/actor"
	"latchkey/engine/exec/define"
	"latchkey/engine/exec/query"
	"latchkey/engine/exec/reply"
	"latchkey/engine/exec/scope"
	"latchkey/engine/exec/work"
)

// Changer changes rows for one session. Its parts are to be set.
type Changer struct {
	Actor  *actor.Actor
	Work   *work.Session
	Define *define.Definer
	Query  *query.Runner
	Answer *reply.Answer

	// Identity is what @@IDENTITY and SCOPE_IDENTITY() give.
	Identity Identities

	inserting map[int]insertInto // SET IDENTITY_INSERT, by database
	touched   *scope.Frame       // whose variables all have types
}

// Reset forgets what belongs to one user of the connection.
func (s *Changer) Reset() { s.inserting, s.Identity, s.touched = nil, Identities{}, nil }
