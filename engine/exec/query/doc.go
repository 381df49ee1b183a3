// Package query runs queries and computes expressions for a session: SELECT, SET @v, DECLARE with a value, conditions.
//
// A plan is kept with the code that it belongs to (package unit) and is found again while the settings and the definitions that it was made
// from are the same. Permissions are asked for each run. [Runner.Select] sends rows to the client, [Runner.Run] hands them to a function,
// [Runner.Eval] and its kin compute one value, without the database where the expression needs none.
//
// It writes nothing: package change does.
package query

import (
	"latchkey/engine/exec/actor"
	"latchkey/engine/exec/define"
	"latchkey/engine/exec/reply"
	"latchkey/engine/exec/work"
)

// Runner runs queries for one session. All exported fields are to be set.
type Runner struct {
	Actor  *actor.Actor
	Work   *work.Session
	Define *define.Definer
	Answer *reply.Answer

	recents [8]recent
	oldest  int // of them
	spare   *buffers
}
