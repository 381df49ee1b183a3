package call

import (
	"context"
	"strings"

	"latchkey/engine/exec/argument"
	"latchkey/engine/exec/feature"
	"latchkey/engine/exec/flow"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/scope"
	"latchkey/engine/exec/unit"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// maxDepth is how deep procedures and dynamic batches nest: message 217.
const maxDepth = 32

// outcome is what a call leaves: its status, and the parameters that came back.
type outcome struct {
	status int32
	sig    flow.Signal
	result *result // of a function
}

// result is what a function returned.
type result struct {
	value sqltype.Value
	is    sqltype.Type
}

// Exec is EXEC.
func (s *Caller) Exec(ctx context.Context, f *scope.Frame, st *ast.Exec) (flow.Signal, error) {
	if st.Linked != "" {
		return flow.Signal{}, raise.New(7202, st.Linked)
	}
	if r := st.ResultSets; r != "" && r != "NONE" && r != "UNDEFINED" {
		return flow.Signal{}, raise.Unsupported("WITH RESULT SETS")
	}
	if st.Number > 1 {
		return flow.Signal{}, raise.Unsupported("NUMBERED PROCEDURE")
	}
	if st.Strings != nil {
		return s.execString(ctx, f, st)
	}
	args, err := s.arguments(ctx, f, st.Args)
	if err != nil {
		return flow.Signal{}, err
	}
	name := st.Proc
	if st.ProcVariable != "" {
		v := f.Find(st.ProcVariable)
		if v == nil {
			return flow.Signal{}, raise.NotDeclared(st.ProcVariable)
		}
		if name, err = argument.SplitName(v.Value.Text()); err != nil {
			return flow.Signal{}, err
		}
	}
	var ret *scope.Variable
	if st.Return != "" {
		if ret = f.Find(st.Return); ret == nil {
			return flow.Signal{}, raise.NotDeclared(st.Return)
		}
		if err := s.Define.Resolve(ctx, f, ret); err != nil {
			return flow.Signal{}, err
		}
	}
	out, err := s.call(ctx, f, name, args)
	if err != nil {
		return flow.Signal{}, err
	}
	if out.result != nil {
		if ret != nil {
			if ret.Value, err = s.Query.Fit(out.result.value, out.result.is, ret.Type); err != nil {
				return flow.Signal{}, err
			}
		}
		return flow.Signal{}, s.Answer.ProcDone(nil, false)
	}
	if ret != nil {
		if ret.Value, err = s.Query.Fit(sqltype.NewInt(sqltype.Int, int64(out.status)), sqltype.Of(sqltype.Int), ret.Type); err != nil {
			return flow.Signal{}, err
		}
	}
	if out.sig.Kind == flow.Stop {
		return out.sig, nil
	}
	status := out.status
	return flow.Signal{}, s.Answer.ProcDone(&status, false)
}

// arguments computes the arguments of EXEC.
func (s *Caller) arguments(ctx context.Context, f *scope.Frame, list []*ast.ExecArg) ([]argument.Arg, error) {
	args := make([]argument.Arg, len(list))
	named := false
	for i, a := range list {
		x := argument.Arg{Name: a.Name, Output: a.Output, Ordinal: i}
		if named = named || a.Name != ""; named && a.Name == "" {
			return nil, raise.New(119, i+1)
		}
		if err := s.argument(ctx, f, a, &x); err != nil {
			return nil, err
		}
		args[i] = x
	}
	return args, nil
}

// argument computes one argument of EXEC.
func (s *Caller) argument(ctx context.Context, f *scope.Frame, a *ast.ExecArg, x *argument.Arg) (err error) {
	var vr *scope.Variable
	switch v := a.Value.(type) {
	case *ast.Default:
		x.Default = true
		return nil
	case *ast.Variable:
		if !strings.HasPrefix(v.Name, "@@") {
			vr = f.Find(v.Name)
		}
	}
	if vr == nil {
		if a.Output {
			return raise.New(179)
		}
		x.Value, x.Type, err = s.Query.Eval(ctx, f, a.Value)
		return err
	}
	if err := s.Define.Resolve(ctx, f, vr); err != nil {
		return err
	}
	x.Value, x.Type, x.Table = vr.Value, vr.Type, vr.Table
	if a.Output {
		x.Set = func(val sqltype.Value, t sqltype.Type) error {
			n, err := s.Query.Fit(val, t, vr.Type)
			if err == nil {
				vr.Value = n
			}
			return err
		}
	}
	return nil
}

// execString is EXEC ('text').
func (s *Caller) execString(ctx context.Context, f *scope.Frame, st *ast.Exec) (flow.Signal, error) {
	if len(st.StringArgs) > 0 {
		return flow.Signal{}, raise.Unsupported("EXEC (string, arguments)")
	}
	var b strings.Builder
	for _, x := range st.Strings {
		t, err := s.Query.Text(ctx, f, x, sqltype.Max)
		if err != nil {
			return flow.Signal{}, err
		}
		b.WriteString(t)
	}
	if st.Context != "" {
		return flow.Signal{}, raise.Unsupported("EXEC (string) AS " + st.Context)
	}
	u, err := s.Parts.Units.Get(unit.Key{Text: b.String(), QuotedIdentifier: s.Parts.Quoted()})
	if err != nil {
		return flow.Signal{}, raise.InModule(err)
	}
	in := s.Work.NewFrame(f, u)
	in.ProcDB, in.Owner, in.Proc = 0, 0, ""
	out, err := s.enterModule(ctx, f, in)
	if err != nil || out.sig.Kind == flow.Stop {
		return out.sig, err
	}
	return flow.Signal{}, s.Answer.ProcDone(nil, false)
}

// enterModule runs a frame as a procedure or dynamic batch.
func (s *Caller) enterModule(ctx context.Context, parent, in *scope.Frame) (outcome, error) {
	if s.Flow.Depth >= maxDepth {
		return outcome{}, raise.New(217)
	}
	in.Module = true
	set, db, dbName := s.Work.Set, s.Actor.DB, s.Actor.Database
	count := s.Work.Tx.Count()
	inScope := s.Change.Identity.Scope
	s.Change.Identity.Scope = sqltype.NullValue
	outer, procID := s.Work.Frame, s.ProcID
	s.Work.Frame, s.ProcID = in, in.ProcID
	s.Flow.Depth++
	s.Answer.Enter()
	sig, err := s.Flow.List(ctx, in, in.Unit.Statements)
	s.Answer.Leave()
	s.Flow.Depth--
	s.Work.Frame, s.ProcID = outer, procID
	s.Define.Leave(ctx, in)
	s.Change.Identity.Scope = inScope
	s.Actor.TruncateActing(in.Acting)
	lang := s.Work.Set.Language
	s.Work.Set = set
	if lang != set.Language {
		_ = s.Parts.LanguageChanged(&scope.Frame{Saved: s.Work.Set, Line: 1})
	}
	s.Work.Apply()
	if s.Actor.DB != db { // USE in a dynamic batch ends with it
		if e := s.Parts.Use(context.WithoutCancel(ctx), parent, dbName); e != nil && err == nil {
			err = e
		}
	}
	if err != nil {
		return outcome{status: -6}, err
	}
	out := outcome{status: in.Status}
	switch sig.Kind {
	case flow.Stop:
		out.sig = sig
		return out, nil
	}
	if err := flow.Astray(sig); err != nil {
		return out, err
	}
	if now := s.Work.Tx.Count(); now != count {
		if _, err := s.Flow.Failed(ctx, parent, nil, raise.New(266, count, now).In(in.Proc)); err != nil {
			return out, err
		}
	}
	return out, nil
}

// call runs a procedure by name.
func (s *Caller) call(ctx context.Context, f *scope.Frame, name ast.ObjectName, args []argument.Arg) (outcome, error) {
	if s.Flow.Depth >= maxDepth {
		return outcome{}, raise.New(217)
	}
	inside := f != nil && f.Returns != nil // of a function
	if p := s.findSystem(name); p != nil && !inside {
		return s.callSystem(ctx, f, p, args)
	}
	p, called, err := s.findModule(ctx, f, name)
	if err != nil {
		return outcome{}, err
	}
	if called != nil {
		v, t, err := s.Functions.Execute(ctx, called.db, called.ID, args)
		return outcome{result: &result{v, t}}, err
	}
	if inside && p != nil {
		return outcome{}, raise.New(557)
	}
	if p == nil && feature.Refused(name.Name()) {
		return outcome{}, raise.Unsupported(name.Name())
	}
	if p == nil {
		return outcome{}, raise.New(2812, name.String())
	}
	return s.callUser(ctx, f, p, args)
}
