package flow

import (
	"context"
	"errors"
	"strings"

	"latchkey/engine/compile/plan"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/reply"
	"latchkey/engine/exec/scope"
	"latchkey/engine/exec/setting"
	"latchkey/engine/tsql/ast"
)

// Kind is how a statement goes on.
type Kind uint8

// The ways on.
const (
	Next     Kind = iota
	Break         // BREAK
	Continue      // CONTINUE
	Return        // RETURN
	Jump          // GOTO
	Stop          // the batch ends; its error was told
)

// Signal is how a statement goes on; label of a jump.
type Signal struct {
	Kind  Kind
	Label string
}

// List runs statements. Errors are those that a TRY around catches, or that end the request.
func (s *Machine) List(ctx context.Context, f *scope.Frame, list []ast.Statement) (Signal, error) {
	for i := 0; i < len(list); i++ {
		if f.Seek != "" && !holds(list[i], f.Seek) {
			continue
		}
		sig, err := s.Statement(ctx, f, list[i])
		if err != nil {
			return sig, err
		}
		if sig.Kind == Jump {
			to := labelIn(list, sig.Label)
			if to < 0 {
				return sig, nil
			}
			f.Seek, i = sig.Label, to-1
			continue
		}
		if sig.Kind != Next {
			return sig, nil
		}
	}
	return Signal{}, nil
}

// Astray is the error of a jump that came to the end of its batch or module without a target.
func Astray(sig Signal) error {
	var e *raise.Error
	switch sig.Kind {
	case Break:
		e = raise.New(135)
	case Continue:
		e = raise.New(136)
	case Jump:
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

// Statement runs one statement and decides what an error of it does.
func (s *Machine) Statement(ctx context.Context, f *scope.Frame, st ast.Statement) (Signal, error) {
	if err := ctx.Err(); err != nil {
		return Signal{}, err
	}
	switch st := st.(type) { // what only holds others has no errors of its own
	case *ast.Block:
		if st.Atomic != nil {
			break
		}
		return s.List(ctx, f, st.Body)
	case *ast.Label:
		if strings.EqualFold(f.Seek, st.Name) {
			f.Seek = ""
		}
		return Signal{}, nil
	case *ast.TryCatch:
		return s.try(ctx, f, st)
	}
	f.At(st)
	sig, err := s.Runner.Run(ctx, f, st)
	if err == nil || err == ErrStop {
		if err == ErrStop {
			return Signal{Kind: Stop}, nil
		}
		return sig, nil
	}
	return s.Failed(ctx, f, st, err)
}

// CaughtError travels to the CATCH that handles it.
type CaughtError struct {
	List []*raise.Error
}

// Error is the text of the last message.
func (e *CaughtError) Error() string { return e.List[len(e.List)-1].Error() }

// Failed tells an error, or hands it to the TRY around, and says how the batch goes on.
func (s *Machine) Failed(ctx context.Context, f *scope.Frame, st ast.Statement, err error) (Signal, error) {
	var caught *CaughtError
	if errors.As(err, &caught) {
		return Signal{}, err
	}
	if ctx.Err() != nil || s.broken(err) {
		return Signal{}, err
	}
	s.Work.Env.Eliminated = false
	list := s.errorsOf(f, err)
	last := list[len(list)-1]
	xact := s.Work.Set.Has(setting.XactAbort)
	effect := raise.Of(last, xact)
	opened, rows := s.Answer.Open(), uint64(0)
	if opened {
		rows = s.Answer.EndRows()
	}
	s.Answer.LastError = last.Number
	switch {
	case last.Info():
	case effect != raise.EndConnection && s.catchable(f, effect):
		if effect == raise.Rollback || s.Work.Tx.Lost() {
			s.Work.Tx.Doom()
		}
		if opened { // the rows that the client has seen are a result, which must end
			if err := s.Answer.Done(reply.Command(st), true, rows, s.Work.Set.Has(setting.NoCount)); err != nil {
				return Signal{}, err
			}
		}
		return Signal{}, &CaughtError{list}
	}
	for _, e := range list {
		if err := s.Answer.Message(e); err != nil {
			return Signal{}, err
		}
	}
	if (terminates(st) && raise.Terminates(last) || definesKey(st, list[0])) && !xact {
		if err := s.Answer.Message(raise.New(3621).At(f.Line, f.Proc)); err != nil {
			return Signal{}, err
		}
	}
	if last.Info() {
		return Signal{}, nil
	}
	if err := s.Answer.Failed(reply.Command(st)); err != nil {
		return Signal{}, err
	}
	if (effect == raise.Rollback || s.Work.Tx.Lost()) && s.Work.Tx.Count() > 0 {
		if err := s.Transaction.Rollback(ctx); err != nil {
			return Signal{}, err
		}
	}
	switch effect {
	case raise.EndStatement:
		return Signal{}, nil
	case raise.EndModule:
		if f.Module {
			f.Status = -6
			return Signal{Kind: Return}, nil
		}
	}
	return Signal{Kind: Stop}, nil
}

// broken reports errors of the connection itself: nothing can be told any more.
func (s *Machine) broken(err error) bool { return errors.Is(err, errBroken) }

var errBroken = errors.New("the reply cannot be written")

// catchable reports whether a TRY around catches the error: one that did not compile only by a TRY of another frame.
func (s *Machine) catchable(f *scope.Frame, effect raise.Effect) bool {
	if effect == raise.EndModule {
		return s.Tries-f.Tries > 0
	}
	return s.Tries > 0
}

// errorsOf makes an error messages with their places. Texts of internal errors go to the log.
func (s *Machine) errorsOf(f *scope.Frame, err error) []*raise.Error {
	if raise.Unknown(err) {
		s.Log.Error("a statement failed inside", "session", s.Work.Actor.ID, "line", f.Line, "procedure", f.Proc, "error", err)
	}
	list := raise.From(err)
	var at *plan.Error
	line := f.Line
	if errors.As(err, &at) && at.Pos.Line > 0 {
		line = int(at.Pos.Line)
	}
	for _, e := range list {
		e.At(line, f.Proc)
	}
	return list
}

// Refuse tells an error outside of any statement and ends the batch.
func (s *Machine) Refuse(f *scope.Frame, err error) error {
	if f == nil {
		f = &scope.Frame{Line: 1}
	}
	list := s.errorsOf(f, err)
	s.Answer.LastError = list[len(list)-1].Number
	for _, e := range list {
		if err := s.Answer.Message(e); err != nil {
			return err
		}
	}
	if err := s.Answer.Failed(0); err != nil {
		return err
	}
	return ErrStop
}

// terminates reports statements behind whose errors message 3621 comes: those that change rows.
func terminates(st ast.Statement) bool {
	switch st.(type) {
	case *ast.Insert, *ast.Update, *ast.Delete, *ast.Merge:
		return true
	}
	return false
}

// definesKey reports definitions that stopped at a row of the table: one key that is there twice, a NULL where none may be any more.
func definesKey(st ast.Statement, first *raise.Error) bool {
	switch st.(type) {
	case *ast.CreateIndex, *ast.AlterTable:
		return first.Number == 1505 || first.Number == 515
	}
	return false
}

// try runs BEGIN TRY ... BEGIN CATCH.
func (s *Machine) try(ctx context.Context, f *scope.Frame, st *ast.TryCatch) (Signal, error) {
	tries, frameTries, depth := s.Tries, f.Tries, s.Depth
	s.Tries, f.Tries = s.Tries+1, f.Tries+1
	sig, err := s.List(ctx, f, st.Try)
	s.Tries, f.Tries, s.Depth = tries, frameTries, depth
	var caught *CaughtError
	if !errors.As(err, &caught) {
		return sig, err
	}
	last := caught.List[len(caught.List)-1]
	// A message of an inner module that did not compile is caught here; one of this module is not (see catchable).
	s.Caught = append(s.Caught, last)
	f.Caught = append(f.Caught, last)
	n, m := len(s.Caught), len(f.Caught)
	s.Answer.LastError = last.Number
	sig, err = s.List(ctx, f, st.Catch)
	s.Caught, f.Caught = s.Caught[:n-1], f.Caught[:m-1]
	return sig, err
}

// ErrStop ends a batch whose error was told already.
var ErrStop = errors.New("the batch was ended")
