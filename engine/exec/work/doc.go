// Package work is one statement at work: the connection that it borrowed, and what its names mean.
//
// A [Session] is what the statements of one session have in common: its settings, its transaction, its temporary database, what functions
// ask of it. [Session.Begin] makes the [Statement] that compiling resolves names with (it is the plan.Scope); reading borrows the connection
// at the first need, [Statement.Write] for a change, and [Statement.Finish] gives it back, whatever happened between.
//
// Database "main" on the connection is the one that is written, or the session's; others are attached as "d5", the temporary one as "tmp".
// What it saw of definitions is kept in the statement, so a plan can be found fresh ([Statement.Current]) without compiling it again.
//
// It runs no plan: package query does. It belongs to the goroutine of its session.
package work

import (
	"latchkey/engine/compile/plan"
	"latchkey/engine/exec/actor"
	"latchkey/engine/exec/known"
	"latchkey/engine/exec/scope"
	"latchkey/engine/exec/setting"
	"latchkey/engine/exec/tran"
	"latchkey/engine/fn"
	"latchkey/engine/schema"
	"latchkey/internal/clock"
)

// Session is what the statements of one session share. All fields but Frame and what is private are to be set.
type Session struct {
	Actor *actor.Actor
	Known *known.Definitions
	Set   setting.Settings
	Tx    *tran.Tran
	// Env is what functions ask of the session.
	Env  fn.Env
	Temp Temporary
	// Variables resolves the types of variables, Views finds system views.
	Variables  Variables
	Views      Views
	Clock      clock.Clock
	ServerName string
	// Frame is the scope under way, nil between requests.
	Frame *scope.Frame

	planned struct { // the settings of plans
		key    settingsKey
		is     plan.Settings
		number uint64
	}
	nested  int                            // calls of functions under way
	defined []*known.Generation            // changes of definitions under way
	own     map[*schema.Run]schema.Reserve // of sequences, in the transaction of the statement under way
	rows    map[rowOf]rowValue             // of sequences, in the row under way
}
