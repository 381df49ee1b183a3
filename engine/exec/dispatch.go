package exec

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	"latchkey/engine/exec/change"
	"latchkey/engine/exec/feature"
	"latchkey/engine/exec/flow"
	"latchkey/engine/exec/handler"
	"latchkey/engine/exec/query"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/scope"
	"latchkey/engine/exec/setting"
	"latchkey/engine/schema/ddl"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// Run carries out one statement.
func (s *Session) Run(ctx context.Context, f *scope.Frame, st ast.Statement) (flow.Signal, error) {
	if s.work.Set.On&(setting.NoExec|setting.ParseOnly|setting.FmtOnly) != 0 {
		if skip, err := s.withoutRunning(ctx, f, st); skip || err != nil {
			return flow.Signal{}, err
		}
	}
	switch st := st.(type) {
	case *ast.SelectStmt:
		if query.Reads(st.Query.Body) {
			if err := s.transaction.Implicit(); err != nil {
				return flow.Signal{}, err
			}
		}
		if into := query.Into(st.Query.Body); into != nil {
			return flow.Signal{}, s.change.SelectInto(ctx, f, st, *into)
		}
		return flow.Signal{}, s.query.Select(ctx, f, st)
	case *ast.SetVariable:
		if done, err := s.cursors.Set(f, st); done || err != nil {
			return flow.Signal{}, err
		}
		return flow.Signal{}, s.query.Set(ctx, f, st)
	case *ast.If:
		return s.flow.IfElse(ctx, f, st)
	case *ast.Insert, *ast.Update, *ast.Delete, *ast.Merge, *ast.Truncate:
		return flow.Signal{}, s.changes(ctx, f, st)
	case *ast.Declare:
		return flow.Signal{}, s.query.Declare(ctx, f, st)
	case *ast.While:
		return s.flow.While(ctx, f, st)
	case *ast.Break:
		return flow.Signal{Kind: flow.Break}, nil
	case *ast.Continue:
		return flow.Signal{Kind: flow.Continue}, nil
	case *ast.Return:
		return s.returns(ctx, f, st)
	case *ast.Goto:
		return flow.Signal{Kind: flow.Jump, Label: st.Label}, nil
	case *ast.WaitFor:
		if err := s.waitFor(ctx, f, st); err != nil {
			return flow.Signal{}, err
		}
		return flow.Signal{}, s.answer.Complete(st, false, 0)
	case *ast.Throw:
		return flow.Signal{}, s.throw(ctx, f, st)
	case *ast.Print:
		return flow.Signal{}, s.printStatement(ctx, f, st)
	case *ast.RaisError:
		return flow.Signal{}, s.raisError(ctx, f, st)
	case *ast.Exec:
		return s.call.Exec(ctx, f, st)
	case *ast.Use:
		if err := s.parts.Use(ctx, f, st.Database); err != nil {
			return flow.Signal{}, err
		}
		return flow.Signal{}, s.answer.Complete(st, false, 0)
	case *ast.SetOption:
		return flow.Signal{}, s.setOption(ctx, f, st)
	case *ast.SetIdentityInsert:
		return flow.Signal{}, s.change.SetIdentityInsert(ctx, f, st)
	case *ast.BeginTran, *ast.CommitTran, *ast.RollbackTran, *ast.SaveTran:
		return flow.Signal{}, s.transaction.Execute(ctx, f, st)
	case *ast.DeclareCursor, *ast.CursorStmt, *ast.Fetch:
		if c, ok := st.(*ast.CursorStmt); ok && c.Action == "OPEN" {
			if err := s.transaction.Implicit(); err != nil {
				return flow.Signal{}, err
			}
		}
		return flow.Signal{}, s.cursors.Execute(ctx, f, st)
	case *ast.InsertBulk:
		b, err := s.change.Announce(ctx, f, st)
		if err != nil {
			return flow.Signal{}, err
		}
		s.bulk = b
		return flow.Signal{}, s.answer.Complete(st, false, 0)
	case *ast.Dbcc:
		return flow.Signal{}, s.dbcc(ctx, f, st)
	case *ast.Kill:
		return flow.Signal{}, s.kill(ctx, f, st)
	case *ast.Checkpoint: // the log is copied back by itself
		if !s.actor.Perm().Database("CHECKPOINT") {
			return flow.Signal{}, raise.New(262, "CHECKPOINT", s.actor.Database)
		}
		return flow.Signal{}, s.answer.Complete(st, false, 0)
	case *ast.Unsupported:
		return flow.Signal{}, raise.Unsupported(st.Feature)
	}
	return flow.Signal{}, s.plugged(ctx, f, st)
}

// plugged carries out what other packages do: definitions of objects, then the handlers.
func (s *Session) plugged(ctx context.Context, f *scope.Frame, st ast.Statement) error {
	if ddl.Handles(st) {
		if err := s.transaction.Implicit(); err != nil {
			return err
		}
		messages, err := s.define.Execute(ctx, f, st)
		for _, m := range messages {
			(&handler.Context{Parts: s.parts, Frame: f}).Info(m)
		}
		if err != nil {
			return err
		}
		return s.answer.Complete(st, false, 0)
	}
	c := &handler.Context{Parts: s.parts, Frame: f}
	for _, h := range s.server.cfg.Handlers {
		handled, err := h.Statement(ctx, c, st)
		if err != nil {
			return err
		}
		if handled {
			return s.answer.EndResult(st)
		}
	}
	return raise.Unsupported(featureOf(st))
}

// featureOf names a statement that nobody takes.
func featureOf(st ast.Statement) string {
	if d, ok := st.(*ast.Drop); ok {
		return "DROP " + d.Kind
	}
	if n, ok := feature.Statement(strings.TrimPrefix(fmt.Sprint(reflect.TypeOf(st)), "*ast.")); ok {
		return n
	}
	return strings.TrimPrefix(fmt.Sprint(reflect.TypeOf(st)), "*ast.")
}

// withoutRunning is what NOEXEC, PARSEONLY and FMTONLY leave of a statement. SET is always carried out.
func (s *Session) withoutRunning(ctx context.Context, f *scope.Frame, st ast.Statement) (skip bool, err error) {
	switch st := st.(type) {
	case *ast.SetOption:
		return false, nil
	case *ast.Declare:
		return false, nil
	case *ast.SelectStmt:
		if s.work.Set.Has(setting.FmtOnly) && s.work.Set.On&(setting.NoExec|setting.ParseOnly) == 0 {
			return true, s.query.FormatOnly(ctx, f, st)
		}
	case *ast.If: // both branches are looked at
		if s.work.Set.Has(setting.FmtOnly) {
			if _, err := s.flow.Statement(ctx, f, st.Then); err != nil {
				return true, err
			}
			if st.Else != nil {
				_, err = s.flow.Statement(ctx, f, st.Else)
			}
		}
		return true, err
	case *ast.Exec:
		if s.work.Set.Has(setting.FmtOnly) && s.work.Set.On&(setting.NoExec|setting.ParseOnly) == 0 {
			return false, nil
		}
	}
	return true, nil
}

func (s *Session) returns(ctx context.Context, f *scope.Frame, st *ast.Return) (flow.Signal, error) {
	if f.Returns != nil {
		v, err := s.query.Converted(ctx, f, st.Value, f.Returns)
		f.Returns.Value = v
		return flow.Signal{Kind: flow.Return}, err
	}
	if st.Value != nil {
		if f.Proc == "" {
			e := raise.New(178)
			e.Bind = true
			return flow.Signal{}, e
		}
		n, err := s.query.Integer(ctx, f, st.Value)
		if err != nil {
			return flow.Signal{}, err
		}
		f.Status = int32(n)
	}
	return flow.Signal{Kind: flow.Return}, nil
}

// kill is KILL.
func (s *Session) kill(ctx context.Context, f *scope.Frame, st *ast.Kill) error {
	if st.Kind != "" {
		return raise.Unsupported("KILL " + st.Kind)
	}
	if !s.actor.Perm().Server("ALTER ANY CONNECTION") {
		return raise.New(6102)
	}
	n, err := s.query.Integer(ctx, f, st.ID)
	if err != nil {
		return err
	}
	if st.StatusOnly {
		return raise.New(6120, n)
	}
	if err := s.server.cfg.Sessions.Kill(int(n), s.actor.ID); err != nil {
		return err
	}
	return s.answer.Complete(st, false, 0)
}

// dbcc is what there is of DBCC.
func (s *Session) dbcc(ctx context.Context, f *scope.Frame, st *ast.Dbcc) error {
	switch strings.ToUpper(st.Command) {
	case "USEROPTIONS":
		w, err := s.parts.BeginRows(f, []handler.Column{{Name: "Set Option", Type: sqltype.SysName()}, {Name: "Value", Type: sqltype.SysName()}})
		if err != nil {
			return err
		}
		for _, o := range s.work.Set.Shown() {
			if err := w.Row(text(o.Name), text(o.Value)); err != nil {
				return err
			}
		}
		return s.answer.EndResult(st)
	case "TRACEON", "TRACEOFF", "FREEPROCCACHE", "DROPCLEANBUFFERS", "FREESYSTEMCACHE", "FREESESSIONCACHE":
		if !s.actor.Perm().Server("ALTER SERVER STATE") {
			return raise.New(2571, s.actor.Identity().Name, strings.ToUpper(st.Command))
		}
		if !change.NoInfo(st) {
			s.answer.Info(f.Mark(raise.New(2528)))
		}
		return s.answer.Complete(st, false, 0)
	}
	if strings.EqualFold(st.Command, "CHECKIDENT") {
		if err := s.change.CheckIdent(ctx, f, st); err != nil {
			return err
		}
		if !change.NoInfo(st) {
			s.answer.Info(f.Mark(raise.New(2528)))
		}
		return s.answer.Complete(st, false, 0)
	}
	return raise.Unsupported("DBCC " + strings.ToUpper(st.Command))
}

// changes is INSERT, UPDATE, DELETE, MERGE and TRUNCATE.
func (s *Session) changes(ctx context.Context, f *scope.Frame, st ast.Statement) error {
	if err := s.transaction.Implicit(); err != nil {
		return err
	}
	var captured *change.Captured
	if ins, ok := st.(*ast.Insert); ok && ins.Exec != nil {
		var err error
		if captured, err = s.call.Capture(ctx, f, ins.Exec); err != nil {
			return err
		}
	}
	return s.change.Execute(ctx, f, st, captured)
}
