package call

import (
	"context"
	"strings"

	"latchkey/engine/exec/argument"
	"latchkey/engine/exec/handler"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/scope"
	"latchkey/engine/exec/sysproc"
	"latchkey/engine/exec/unit"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// system is a system procedure: in Go, in T-SQL or one that runs text.
type system struct {
	name    string
	code    *handler.Procedure
	text    *ast.CreateProc
	dynamic func(context.Context, *scope.Frame, []argument.Arg) (outcome, error)
}

// findSystem finds a system procedure: of any schema that is not a user's.
func (s *Caller) findSystem(n ast.ObjectName) *system {
	switch strings.ToLower(n.Schema()) {
	case "", "sys", "dbo":
	default:
		return nil
	}
	name := strings.ToLower(n.Name())
	if !strings.HasPrefix(name, "sp_") && !strings.HasPrefix(name, "xp_") {
		return nil
	}
	if d := s.dynamic(name); d != nil {
		return &system{name: name, dynamic: d}
	}
	if p := s.Procedure(name); p != nil {
		return &system{name: p.Name, code: p}
	}
	if p := sysproc.Find(name); p != nil {
		return &system{name: name, text: p}
	}
	return nil
}

func (s *Caller) callSystem(ctx context.Context, f *scope.Frame, p *system, args []argument.Arg) (outcome, error) {
	switch {
	case p.dynamic != nil:
		return p.dynamic(ctx, f, args)
	case p.text != nil:
		return s.callText(ctx, f, p, args)
	}
	return s.callGo(ctx, f, p.code, args)
}

// callText runs a procedure of package sysproc.
func (s *Caller) callText(ctx context.Context, f *scope.Frame, p *system, args []argument.Arg) (outcome, error) {
	u, err := s.Modules.Get(p.text, p.text.Body)
	if err != nil {
		return outcome{}, err
	}
	in := s.Work.NewFrame(f, u)
	in.Proc, in.Line = p.name, 1
	names := make([]string, len(p.text.Params))
	for i, x := range p.text.Params {
		names[i] = x.Name
	}
	matched, err := argument.Match(p.name, names, args)
	if err != nil {
		return outcome{}, err
	}
	w := s.Work.Begin(ctx, in)
	for i, x := range p.text.Params {
		a := matched[i]
		if a == nil || a.Default {
			if x.Default == nil {
				return outcome{}, w.Finish(raise.New(201, p.name, x.Name).In(p.name))
			}
			a = &argument.Arg{Default: true}
		}
		if _, err := s.dynamicParameter(ctx, w, in, x, a); err != nil {
			return outcome{}, w.Finish(err)
		}
	}
	if err := w.Finish(nil); err != nil {
		return outcome{}, err
	}
	saved := s.Work.Set
	s.Work.ModuleSettings(true, true)
	out, err := s.enterModule(ctx, f, in)
	s.Work.Set = saved
	return out, err
}

// callGo runs a procedure in Go.
func (s *Caller) callGo(ctx context.Context, f *scope.Frame, p *handler.Procedure, args []argument.Arg) (outcome, error) {
	n := len(p.Params)
	a := &handler.Args{Values: make([]sqltype.Value, n), Given: make([]bool, n)}
	given := args
	if p.Variadic && len(args) > n {
		given, a.Rest = args[:n], args[n:]
	}
	names := make([]string, n)
	for i, x := range p.Params {
		names[i] = x.Name
	}
	matched, err := argument.Match(p.Name, names, given)
	if err != nil {
		return outcome{}, err
	}
	for i, x := range p.Params {
		m := matched[i]
		if m == nil || m.Default {
			if !x.Optional {
				return outcome{}, raise.New(201, p.Name, x.Name).In(p.Name)
			}
			continue
		}
		a.Given[i] = true
		if a.Values[i], err = s.Query.FitParameter(m, x.Type); err != nil {
			return outcome{}, err
		}
	}
	in := &scope.Frame{Parent: f, Unit: &unit.Unit{}, Proc: p.Name, Line: 1, Saved: s.Work.Set, Acting: s.Actor.Impersonations(), Module: true}
	if f != nil {
		in.Line = f.Line
	}
	s.Flow.Depth++
	s.Answer.Enter()
	status, err := p.Run(ctx, &handler.Context{Parts: s.Parts, Frame: in}, a)
	if err == nil && s.Answer.Open() {
		err = s.Answer.EndResult(nil)
	}
	s.Answer.Leave()
	s.Flow.Depth--
	if err != nil {
		return outcome{status: int32(status)}, err
	}
	for i, x := range p.Params {
		if m := matched[i]; m != nil && m.Output && m.Set != nil && x.Output {
			if err := m.Set(a.Values[i], x.Type); err != nil {
				return outcome{}, err
			}
		}
	}
	return outcome{status: int32(status)}, nil
}
