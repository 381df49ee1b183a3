package call

import (
	"context"

	"latchkey/engine/compile"
	"latchkey/engine/exec/argument"
	"latchkey/engine/exec/flow"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/scope"
	"latchkey/engine/exec/unit"
	"latchkey/engine/exec/work"
	"latchkey/engine/sqltype"
	"latchkey/engine/tds"
	"latchkey/engine/tsql/ast"
)

// recent is a call of sp_executesql that a client made a little while ago: a text that comes again need not be decoded to be found.
type recent struct {
	stmt, params string // as they came, in UTF-16
	quoted       bool
	unit         *unit.Unit
	types        parameterTypes
}

// maxRecent is the longest text that is kept so, in bytes.
const maxRecent = 4096

// parameterTypes are those that a dynamic batch declares, under the settings of plans of a number.
type parameterTypes struct {
	at   uint64 // work.Session.PlanNumber; 0 is never one
	list []sqltype.Type
}

// plainText reports a call of sp_executesql by place with a text and a declaration, as drivers make it.
func plainText(c *tds.Call) bool {
	if c == nil || c.Proc != "" || c.ProcID != tds.ProcExecuteSQL || len(c.Params) < 2 {
		return false
	}
	for i := range 2 {
		p := &c.Params[i]
		if p.Name != "" || p.Output || p.Default || p.Type.ID != tds.TypeNVarChar || p.Value == nil {
			return false
		}
	}
	return true
}

// recently finds a call like c; nil if there was none.
func (s *Caller) recently(c *tds.Call) *recent {
	if !plainText(c) {
		return nil
	}
	quoted := s.Parts.Quoted()
	for i := range s.recents {
		r := &s.recents[i]
		if r.unit != nil && r.quoted == quoted && r.stmt == string(c.Params[0].Value) && r.params == string(c.Params[1].Value) {
			return r
		}
	}
	return nil
}

// remember keeps the unit of a call's text, in the place of what was kept first. nil for what must not be kept, or is long.
func (s *Caller) remember(c *tds.Call, u *unit.Unit) *recent {
	if !u.Kept || !plainText(c) || len(c.Params[0].Value)+len(c.Params[1].Value) > maxRecent {
		return nil
	}
	r := &s.recents[s.oldest]
	s.oldest = (s.oldest + 1) % len(s.recents)
	*r = recent{stmt: string(c.Params[0].Value), params: string(c.Params[1].Value), quoted: s.Parts.Quoted(), unit: u}
	return r
}

// executeSQL is sp_executesql: a dynamic batch with parameters, whose types are kept.
func (s *Caller) executeSQL(ctx context.Context, f *scope.Frame, u *unit.Unit, args []argument.Arg, types *parameterTypes) (outcome, error) {
	in := s.Work.NewFrame(f, u)
	var matched []*argument.Arg
	ordered := argument.InOrder(u.Names, args)
	if !ordered {
		var err error
		if matched, err = argument.Match("sp_executesql", u.Names, args); err != nil {
			return outcome{}, err
		}
	}
	of := func(i int) *argument.Arg {
		if ordered {
			return &args[i]
		}
		return matched[i]
	}
	if err := s.parameters(ctx, in, of, types); err != nil {
		return outcome{}, err
	}
	out, err := s.enterModule(ctx, f, in)
	if err != nil || out.sig.Kind == flow.Stop {
		return out, err
	}
	for i, p := range u.Params {
		if a := of(i); a != nil && a.Output && p.Output && a.Set != nil {
			v := in.Find(p.Name)
			if err := a.Set(v.Value, v.Type); err != nil {
				return out, err
			}
		}
	}
	return out, nil
}

// parameters makes the variables of a dynamic batch's parameters.
func (s *Caller) parameters(ctx context.Context, in *scope.Frame, of func(i int) *argument.Arg, types *parameterTypes) error {
	u := in.Unit
	number := s.Work.PlanNumber()
	known := types.at == number
	var w *work.Statement
	begin := func() *work.Statement {
		if w == nil {
			w = s.Work.Begin(ctx, in)
		}
		return w
	}
	finish := func(err error) error {
		if w == nil {
			return err
		}
		return w.Finish(err)
	}
	var list []sqltype.Type
	for i, p := range u.Params {
		a := of(i)
		switch {
		case a == nil && p.Default == nil:
			return finish(raise.New(8178, "("+u.ParamText+")"+u.Text, p.Name))
		case a == nil:
			a = &argument.Arg{Default: true}
		}
		if known && a.Table == nil && a.Rows == nil && !a.Default {
			v := in.Define(p.Name, types.list[i], sqltype.NullValue)
			var err error
			if v.Value, err = s.Query.FitParameter(a, v.Type); err != nil {
				return finish(err)
			}
			continue
		}
		t, err := s.dynamicParameter(ctx, begin(), in, p, a)
		if err != nil {
			return finish(err)
		}
		if t != nil {
			list = append(list, *t)
		}
	}
	if w != nil && !known && len(list) == len(u.Params) && len(w.Versions) == 0 && !w.Private { // they are the same for all values
		types.at, types.list = number, list
	}
	return finish(nil)
}

// dynamicParameter makes the variable of one parameter. The type is nil where it depends on more than the settings.
func (s *Caller) dynamicParameter(ctx context.Context, w *work.Statement, in *scope.Frame, p *ast.Param, a *argument.Arg) (*sqltype.Type, error) {
	if a.Table != nil || a.Rows != nil {
		return nil, s.Change.DynamicTable(ctx, w, in, p, a)
	}
	if a.Default {
		return nil, s.Query.DeclareParameter(ctx, w, in, p)
	}
	d, err := compile.TypeOf(w, p.Type, p.Name)
	if err != nil {
		return nil, err
	}
	v := in.Define(p.Name, d.Type, sqltype.NullValue)
	v.Type.Nullable = true
	v.Value, err = s.Query.FitParameter(a, v.Type)
	return &v.Type, err
}
