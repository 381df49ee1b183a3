package exec

import (
	"context"
	"strings"
	"time"

	"latchkey/engine/catalog/msg"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/scope"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/convert"
	"latchkey/engine/tsql/ast"
	"latchkey/internal/clock"
)

func (s *Session) waitFor(ctx context.Context, f *scope.Frame, st *ast.WaitFor) error {
	v, t, err := s.query.Eval(ctx, f, st.Value)
	if err != nil {
		return err
	}
	var d time.Duration
	clk := s.work.Clock
	switch {
	case v.Kind().IsText():
		x, err := convert.Convert(v, t, sqltype.Of(sqltype.DateTime), convert.Options{})
		if err != nil {
			return raise.New(148, v.Text())
		}
		d = time.Duration(x.Ticks()) * 100
	case v.Kind() == sqltype.DateTime || v.Kind() == sqltype.Time:
		d = time.Duration(v.Ticks()) * 100
	default:
		return raise.New(148, v.Text())
	}
	if st.Kind == "TIME" {
		now := clk.Now()
		midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
		if d -= now.Sub(midnight); d < 0 {
			d += 24 * time.Hour
		}
	}
	if err := s.answer.Flush(); err != nil {
		return err
	}
	return clock.Sleep(ctx, clk, d)
}

func (s *Session) printStatement(ctx context.Context, f *scope.Frame, st *ast.Print) error {
	text, err := s.query.Text(ctx, f, st.X, 4000)
	if err != nil {
		return err
	}
	if text == "" {
		text = " "
	}
	s.answer.Info(f.Mark(&raise.Error{State: 1, Text: text}))
	return s.answer.Complete(st, false, 0)
}

// raisError is RAISERROR.
func (s *Session) raisError(ctx context.Context, f *scope.Frame, st *ast.RaisError) error {
	log, noWait, setError := false, false, false
	for _, o := range st.Options {
		switch o {
		case "LOG":
			log = true
		case "NOWAIT":
			noWait = true
		case "SETERROR":
			setError = true
		}
	}
	values := make([]sqltype.Value, len(st.Args))
	for i, a := range st.Args {
		v, _, err := s.query.Eval(ctx, f, a)
		if err != nil {
			return err
		}
		values[i] = v
	}
	if len(values) < 3 {
		return raise.New(2787, "")
	}
	severity, state := values[1].Int(), values[2].Int()
	admin := s.actor.Perm().Sysadmin()
	switch {
	case log && !admin && !s.actor.Perm().Server("ALTER TRACE"):
		return raise.New(2778)
	case severity > 18 && (!log || !admin):
		return raise.New(2754)
	case state > 255:
		return raise.New(2756, state, 0, 255)
	}
	if state < 0 {
		state = 1
	}
	e := &raise.Error{Number: 50000, Severity: uint8(min(max(severity, 0), 25)), State: uint8(state), Raised: true}
	args := values[3:]
	format := ""
	switch first := values[0]; {
	case first.Kind().IsText():
		format = first.Text()
	case first.Kind().IsInteger():
		n := int(first.Int())
		if n < 13000 || n == 50000 {
			return raise.New(2732, n, 13000, 2147483647)
		}
		found := false
		for _, m := range msg.All() {
			if m.Code.Number() == n {
				format, found = systemFormat.Replace(m.Text), true
				if severity < 0 {
					e.Severity = uint8(m.Severity)
				}
			}
		}
		if !found {
			format, found = raise.Text(n)
		}
		if !found {
			return raise.New(18054, n, e.Severity, e.State)
		}
		e.Number = n
	case !first.IsNull():
		return raise.New(2786, 1)
	}
	text, err := raise.Format(format, args)
	if err != nil {
		return err
	}
	e.Text = text
	if log {
		s.server.cfg.Log.Warn("RAISERROR WITH LOG", "session", s.actor.ID, "number", e.Number, "severity", e.Severity, "state", e.State)
	}
	if e.Severity > 10 {
		return e
	}
	s.answer.Info(f.Mark(e))
	if noWait {
		if err := s.answer.Flush(); err != nil {
			return err
		}
	}
	if err := s.answer.Complete(st, false, 0); err != nil {
		return err
	}
	if setError {
		s.answer.LastError = e.Number
	}
	return nil
}

// systemFormat turns the inserts of the server's own messages into those of RAISERROR.
var systemFormat = strings.NewReplacer("%.*ls", "%s", "%.*s", "%s", "%S_MSG", "%s", "%ls", "%s", "%hs", "%s", "%lx", "%x", "%ld", "%d")

// throw is THROW, with arguments or within a CATCH without.
func (s *Session) throw(ctx context.Context, f *scope.Frame, st *ast.Throw) error {
	if st.Number == nil {
		if len(f.Caught) == 0 {
			e := raise.New(10704)
			e.Bind = true
			return e
		}
		e := *f.Caught[len(f.Caught)-1]
		e.Thrown, e.Raised, e.Bind = true, false, false
		return &e
	}
	number, _, err := s.query.Eval(ctx, f, st.Number)
	if err != nil {
		return err
	}
	text, err := s.query.Text(ctx, f, st.Message, 2048)
	if err != nil {
		return err
	}
	state, _, err := s.query.Eval(ctx, f, st.State)
	if err != nil {
		return err
	}
	if n := number.Int(); n < 50000 || n > 2147483647 {
		return raise.New(35100, n)
	}
	return &raise.Error{Number: int(number.Int()), Severity: 16, State: uint8(state.Int()), Text: text, Thrown: true}
}

// setOption is SET name ON|OFF and SET name value.
func (s *Session) setOption(ctx context.Context, f *scope.Frame, st *ast.SetOption) error {
	if len(st.Names) == 0 {
		return raise.Unsupported("SET")
	}
	if w, ok := st.Value.(*ast.Word); ok {
		for _, n := range st.Names {
			if err := s.setWord(f, n, w.Text); err != nil {
				return err
			}
		}
		return s.answer.Complete(st, false, s.answer.RowCount)
	}
	v, t, err := s.query.Eval(ctx, f, st.Value)
	if err != nil {
		return err
	}
	name := st.Names[0]
	switch {
	case name == "CONTEXT_INFO":
		b, err := convert.Convert(v, t, sqltype.Sized(sqltype.VarBinary, 128), convert.Options{})
		if err != nil {
			return err
		}
		s.work.Set.ContextInfo = b.Bytes() + strings.Repeat("\x00", 128-len(b.Bytes()))
	case v.IsNull():
		return raise.New(2769, "NULL", name)
	case v.Kind().IsText():
		err = s.work.Set.AssignText(name, v.Text())
	default:
		var n sqltype.Value
		if n, err = convert.Convert(v, t, sqltype.Of(sqltype.BigInt), convert.Options{}); err == nil {
			err = s.work.Set.Assign(name, n.Int())
		}
	}
	if err != nil {
		return err
	}
	if name == "LANGUAGE" {
		if err := s.parts.LanguageChanged(f); err != nil {
			return err
		}
	}
	s.work.Apply()
	return s.answer.Complete(st, false, s.answer.RowCount)
}

func (s *Session) setWord(f *scope.Frame, name, word string) error {
	switch word {
	case "ON", "OFF":
		if name == "DEADLOCK_PRIORITY" || name == "FIPS_FLAGGER" {
			return s.work.Set.AssignText(name, word)
		}
		if name == "QUOTED_IDENTIFIER" && f.Proc != "" {
			return nil // a module keeps the setting of its creation
		}
		if err := s.work.Set.Switch(name, word == "ON"); err != nil {
			return err
		}
	default:
		if name == "TRANSACTION ISOLATION LEVEL" {
			if err := s.work.Set.Level(word); err != nil {
				return err
			}
			break
		}
		if err := s.work.Set.AssignText(name, word); err != nil {
			return err
		}
		if name == "LANGUAGE" {
			return s.parts.LanguageChanged(f)
		}
	}
	s.work.Apply()
	return nil
}

// turnsOn reports whether a batch under PARSEONLY has the SET that ends it.
func turnsOn(list []ast.Statement) bool {
	for _, st := range list {
		if o, ok := st.(*ast.SetOption); ok {
			for _, n := range o.Names {
				if n == "PARSEONLY" {
					return true
				}
			}
		}
	}
	return false
}
