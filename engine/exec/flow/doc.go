// Package flow runs lists of statements: blocks, IF, WHILE, GOTO, TRY, and what an error does.
//
// [Machine.List] runs statements one by one. What a statement does is not its business: it hands each to a [Runner] and goes on as the
// returned [Signal] says. An error has one way, [Machine.Failed]: it is told to the client, or travels as a [CaughtError] to the TRY around;
// raise.Of decides what it ends. An error of compiling passes by the TRY of its own module, as SQL Server's does.
package flow

import (
	"context"
	"log/slog"

	"latchkey/engine/exec/query"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/reply"
	"latchkey/engine/exec/scope"
	"latchkey/engine/exec/transaction"
	"latchkey/engine/exec/work"
	"latchkey/engine/tsql/ast"
)

// Runner carries out the statements that are no control flow.
type Runner interface {
	// Run carries out one statement.
	Run(ctx context.Context, f *scope.Frame, st ast.Statement) (Signal, error)
}

// Machine runs the statements of one session. Its parts are to be set.
type Machine struct {
	Work        *work.Session
	Query       *query.Runner
	Transaction *transaction.Transactions
	Answer      *reply.Answer
	Runner      Runner
	Log         *slog.Logger

	// Tries counts the TRY blocks under way in all scopes, Depth the procedures and dynamic batches.
	Tries, Depth int
	// Caught are the errors of the CATCH blocks under way, the innermost last.
	Caught []*raise.Error
}

// Begin forgets the request before.
func (s *Machine) Begin() { s.Tries, s.Depth, s.Caught = 0, 0, s.Caught[:0] }
