// Package cursor has the statements of cursors: DECLARE, OPEN, FETCH, CLOSE, DEALLOCATE and SET of a cursor variable.
//
// A cursor is static: OPEN reads all rows of its query into memory, at most [MaxBytes], and FETCH walks over them. Cursors that are LOCAL, or
// in variables, live in the scope that made them (package scope); the others in the session's [Cursors]. FOR UPDATE is refused.
package cursor

import (
	"latchkey/engine/exec/actor"
	"latchkey/engine/exec/define"
	"latchkey/engine/exec/query"
	"latchkey/engine/exec/reply"
	"latchkey/engine/exec/scope"
	"latchkey/engine/exec/work"
)

// Cursors are the cursors of one session. Its parts are to be set.
type Cursors struct {
	Actor  *actor.Actor
	Work   *work.Session
	Define *define.Definer
	Query  *query.Runner
	Answer *reply.Answer

	// Status is @@FETCH_STATUS, Rows @@CURSOR_ROWS.
	Status, Rows int64

	global map[string]*scope.Cursor
}

// Reset forgets all global cursors.
func (s *Cursors) Reset() { s.global = nil }
