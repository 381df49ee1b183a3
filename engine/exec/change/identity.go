package change

import (
	"context"
	"strconv"
	"strings"

	"latchkey/engine/exec/argument"
	"latchkey/engine/exec/known"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/scope"
	"latchkey/engine/exec/work"
	"latchkey/engine/schema/binding"
	"latchkey/engine/tsql/ast"
)

// CheckIdent is DBCC CHECKIDENT (table [, NORESEED | RESEED [, value]]).
func (s *Changer) CheckIdent(ctx context.Context, f *scope.Frame, st *ast.Dbcc) error {
	var words []string
	for _, a := range st.Args {
		switch x := a.Value.(type) {
		case nil:
			words = append(words, a.Name)
		case *ast.Word:
			words = append(words, x.Text)
		case *ast.ColumnRef:
			words = append(words, x.Name.String())
		default:
			t, err := s.Query.Text(ctx, f, x, 800)
			if err != nil {
				return err
			}
			words = append(words, t)
		}
	}
	if len(words) == 0 || len(words) > 3 {
		return raise.New(2583)
	}
	name, err := argument.SplitName(words[0])
	if err != nil {
		return err
	}
	reseed := len(words) < 2 || strings.EqualFold(words[1], "RESEED")
	w := s.Work.Begin(ctx, f)
	db, _, err := w.Target(name)
	if err == nil {
		err = w.Write(db, work.TemporaryName(name))
	}
	if err == nil {
		err = s.reseed(w, f, name, words, reseed)
	}
	return w.Finish(err)
}

func (s *Changer) reseed(w *work.Statement, f *scope.Frame, name ast.ObjectName, words []string, reseed bool) error {
	o, err := w.Object(name)
	if err != nil {
		return err
	}
	ref := binding.Of(o)
	if ref == nil || ref.Table() == nil {
		return raise.New(2501, name.String())
	}
	t := ref.Table()
	if t.Identity() == nil {
		return raise.New(7997, name.String())
	}
	if !o.Temporary && !s.Actor.PermIn(w.Main).Object(known.Securable(ref), "ALTER") {
		return raise.New(229, "ALTER", o.Name, o.Database, o.Schema)
	}
	sh := ref.Snapshot.Shared
	last, used, err := sh.Identity(w.Hold.Conn, t)
	if err != nil {
		return err
	}
	now := "NULL"
	if used {
		now = strconv.FormatInt(last, 10)
	}
	if reseed && len(words) == 3 {
		n, err := strconv.ParseInt(words[2], 10, 64)
		if err != nil {
			return raise.New(2583)
		}
		s.Answer.Info(f.Mark(raise.New(7998, now)))
		return sh.Reseed(w.Hold.Conn, t, n)
	}
	s.Answer.Info(f.Mark(raise.New(7998, now)))
	return nil
}
