package exec

import (
	"context"
	"errors"
	"strings"

	"latchkey/engine/compile/plan"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/reply"
	"latchkey/engine/exec/setting"
	"latchkey/engine/tsql/ast"
)

// kind is how a statement goes on.
type kind uint8

const (
	next   kind = iota
	breaks      // BREAK
	continues
	returns
	jump // GOTO
	stop // the batch ends; its error was told
)

// signal is how a statement goes on; label of a jump.
type signal struct {
	kind  kind
	label string
}

// list runs statements. Errors are those that a TRY around catches, or that end the request.
func (s *Session) list(ctx context.Context, f *frame, list []ast.Statement) (signal, error) {
	for i := 0; i < len(list); i++ {
		if f.seek != "" && !holds(list[i], f.seek) {
			continue
		}
		sig, err := s.statement(ctx, f, list[i])
		if err != nil {
			return sig, err
		}
		if sig.kind == jump {
			to := labelIn(list, sig.label)
			if to < 0 {
				return sig, nil
			}
			f.seek, i = sig.label, to-1
			continue
		}
		if sig.kind != next {
			return sig, nil
		}
	}
	return signal{}, nil
}

// astray is the error of a jump that came to the end of its batch or module without a target.
func astray(sig signal) error {
	var e *raise.Error
	switch sig.kind {
	case breaks:
		e = raise.New(135)
	case continues:
		e = raise.New(136)
	case jump:
		e = raise.New(1026)
	default:
		return nil
	}
	e.Bind = true
	return e
}

func labelIn(list []ast.Statement, label string) int {
	for i, s := range list {
		if holds(s, label) {
			return i
		}
	}
	return -1
}

// holds reports whether a label is in a statement. A TRY cannot be entered by GOTO, so none is found in one.
func holds(s ast.Statement, label string) bool {
	switch s := s.(type) {
	case *ast.Label:
		return strings.EqualFold(s.Name, label)
	case *ast.Block:
		return labelIn(s.Body, label) >= 0
	case *ast.If:
		return holds(s.Then, label) || s.Else != nil && holds(s.Else, label)
	case *ast.While:
		return holds(s.Body, label)
	}
	return false
}

// statement runs one statement and decides what an error of it does.
func (s *Session) statement(ctx context.Context, f *frame, st ast.Statement) (signal, error) {
	if err := ctx.Err(); err != nil {
		return signal{}, err
	}
	switch st := st.(type) { // what only holds others has no errors of its own
	case *ast.Block:
		if st.Atomic != nil {
			break
		}
		return s.list(ctx, f, st.Body)
	case *ast.Label:
		if strings.EqualFold(f.seek, st.Name) {
			f.seek = ""
		}
		return signal{}, nil
	case *ast.TryCatch:
		return s.try(ctx, f, st)
	}
	f.at(st)
	sig, err := s.dispatch(ctx, f, st)
	if err == nil || err == errStop {
		if err == errStop {
			return signal{kind: stop}, nil
		}
		return sig, nil
	}
	return s.failed(ctx, f, st, err)
}

// caughtError travels to the CATCH that handles it.
type caughtError struct {
	list []*raise.Error
}

func (e *caughtError) Error() string { return e.list[len(e.list)-1].Error() }

// failed tells an error, or hands it to the TRY around, and says how the batch goes on.
func (s *Session) failed(ctx context.Context, f *frame, st ast.Statement, err error) (signal, error) {
	var caught *caughtError
	if errors.As(err, &caught) {
		return signal{}, err
	}
	if ctx.Err() != nil || s.broken(err) {
		return signal{}, err
	}
	list := s.errorsOf(f, err)
	last := list[len(list)-1]
	xact := s.set.Has(setting.XactAbort)
	effect := raise.Of(last, xact)
	opened, rows := s.out.Open(), uint64(0)
	if opened {
		rows = s.out.EndRows()
	}
	s.lastError = last.Number
	switch {
	case last.Info():
	case effect != raise.EndConnection && s.catchable(f, effect):
		if effect == raise.Rollback || s.tx.Lost() {
			s.tx.Doom()
		}
		if opened { // the rows that the client has seen are a result, which must end
			if err := s.out.Done(command(st), true, rows, s.set.Has(setting.NoCount)); err != nil {
				return signal{}, err
			}
		}
		return signal{}, &caughtError{list}
	}
	for _, e := range list {
		if err := s.out.Message(e); err != nil {
			return signal{}, err
		}
	}
	if terminates(st) && raise.Terminates(last) && !xact {
		if err := s.out.Message(raise.New(3621).At(f.line, f.proc)); err != nil {
			return signal{}, err
		}
	}
	if last.Info() {
		return signal{}, nil
	}
	if err := s.out.Failed(command(st)); err != nil {
		return signal{}, err
	}
	if (effect == raise.Rollback || s.tx.Lost()) && s.tx.Count() > 0 {
		if err := s.rollback(ctx); err != nil {
			return signal{}, err
		}
	}
	switch effect {
	case raise.EndStatement:
		return signal{}, nil
	case raise.EndModule:
		if f.module {
			f.status = -6
			return signal{kind: returns}, nil
		}
	}
	return signal{kind: stop}, nil
}

// broken reports errors of the connection itself: nothing can be told any more.
func (s *Session) broken(err error) bool { return errors.Is(err, errBroken) }

var errBroken = errors.New("the reply cannot be written")

// catchable reports whether a TRY around catches the error: one that did not compile only by a TRY of another frame.
func (s *Session) catchable(f *frame, effect raise.Effect) bool {
	if effect == raise.EndModule {
		return s.tries-f.tries > 0
	}
	return s.tries > 0
}

// errorsOf makes an error messages with their places. Texts of internal errors go to the log.
func (s *Session) errorsOf(f *frame, err error) []*raise.Error {
	if raise.Unknown(err) {
		s.server.cfg.Log.Error("a statement failed inside", "session", s.id, "line", f.line, "procedure", f.proc, "error", err)
	}
	list := raise.From(err)
	var at *plan.Error
	line := f.line
	if errors.As(err, &at) && at.Pos.Line > 0 {
		line = int(at.Pos.Line)
	}
	for _, e := range list {
		e.At(line, f.proc)
	}
	return list
}

// send tells a message at once.
func (s *Session) send(e *raise.Error) error { return s.out.Message(e) }

// refuse tells an error outside of any statement and ends the batch.
func (s *Session) refuse(f *frame, err error) error {
	if f == nil {
		f = &frame{line: 1}
	}
	list := s.errorsOf(f, err)
	s.lastError = list[len(list)-1].Number
	for _, e := range list {
		if err := s.out.Message(e); err != nil {
			return err
		}
	}
	if err := s.out.Failed(0); err != nil {
		return err
	}
	return errStop
}

// terminates reports statements behind whose errors message 3621 comes: those that change rows.
func terminates(st ast.Statement) bool {
	switch st.(type) {
	case *ast.Insert, *ast.Update, *ast.Delete, *ast.Merge:
		return true
	}
	return false
}

// command is the DONE's command of a statement.
func command(st ast.Statement) uint16 {
	switch st.(type) {
	case *ast.SelectStmt:
		return reply.Select
	case *ast.Insert:
		return reply.Insert
	case *ast.Update:
		return reply.Update
	case *ast.Delete:
		return reply.Delete
	case *ast.Merge:
		return reply.Merge
	}
	return 0xFD
}

// try runs BEGIN TRY ... BEGIN CATCH.
func (s *Session) try(ctx context.Context, f *frame, st *ast.TryCatch) (signal, error) {
	tries, frameTries, depth := s.tries, f.tries, s.depth
	s.tries, f.tries = s.tries+1, f.tries+1
	sig, err := s.list(ctx, f, st.Try)
	s.tries, f.tries, s.depth = tries, frameTries, depth
	var caught *caughtError
	if !errors.As(err, &caught) {
		return sig, err
	}
	last := caught.list[len(caught.list)-1]
	// A message of an inner module that did not compile is caught here; one of this module is not (see catchable).
	s.caught = append(s.caught, last)
	f.caught = append(f.caught, last)
	n, m := len(s.caught), len(f.caught)
	s.lastError = last.Number
	sig, err = s.list(ctx, f, st.Catch)
	s.caught, f.caught = s.caught[:n-1], f.caught[:m-1]
	return sig, err
}

// done ends a statement: its count, @@ROWCOUNT and @@ERROR.
func (s *Session) done(st ast.Statement, counted bool, n int64) error {
	s.rowCount, s.lastError = n, 0
	return s.out.Done(command(st), counted, uint64(n), s.set.Has(setting.NoCount))
}

// quiet ends a statement that has no DONE of its own and leaves @@ROWCOUNT at n.
func (s *Session) quiet(n int64) { s.rowCount, s.lastError = n, 0 }

func (s *Session) info(f *frame, e *raise.Error) {
	_ = s.out.Message(e.At(f.line, f.proc)) // a broken connection shows at the next token
}

func (s *Session) print(f *frame, text string) {
	s.info(f, &raise.Error{State: 1, Text: text})
}
