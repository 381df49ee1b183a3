// Package call runs procedures and dynamic batches: EXEC, remote procedure calls, sp_executesql, prepared handles.
//
// [Caller.Exec] is the statement, [Caller.Remote] a call that a client sent. A name is looked for among the procedures that run text (the
// family of sp_executesql), the system procedures in Go and in T-SQL (package sysproc), then those of users. Each runs in a scope of its own;
// what it changed of the session (SET, USE, impersonation) ends with it.
//
// INSERT ... EXEC runs the call first and keeps its rows ([Caller.Capture]), bounded as a cursor's.
package call

import (
	"latchkey/engine/exec/actor"
	"latchkey/engine/exec/argument"
	"latchkey/engine/exec/change"
	"latchkey/engine/exec/define"
	"latchkey/engine/exec/flow"
	"latchkey/engine/exec/function"
	"latchkey/engine/exec/handler"
	"latchkey/engine/exec/query"
	"latchkey/engine/exec/reply"
	"latchkey/engine/exec/scope"
	"latchkey/engine/exec/unit"
	"latchkey/engine/exec/work"
)

// Caller runs the procedures of one session. Its parts are to be set.
type Caller struct {
	Actor  *actor.Actor
	Work   *work.Session
	Define *define.Definer
	Query  *query.Runner
	Change *change.Changer
	Flow   *flow.Machine
	Parts  *handler.Parts
	Answer *reply.Answer
	// Functions runs scalar functions.
	Functions *function.Runner
	// Modules keeps the code of procedures, Procedure finds a system procedure in Go by its name in lower case, nil for none.
	Modules   *unit.Modules
	Procedure func(name string) *handler.Procedure

	// ProcID is @@PROCID.
	ProcID int

	prepared map[int32]*prepared
	handle   int32

	recents [4]recent
	oldest  int            // of them
	args    []argument.Arg // of the call before
	outer   scope.Frame    // of a remote call
	nothing unit.Unit      // what it runs itself
}

// Reset forgets all prepared handles.
func (s *Caller) Reset() { s.prepared = nil }
