package change

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"latchkey/engine/exec/argument"
	"latchkey/engine/exec/known"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/scope"
	"latchkey/engine/exec/work"
	"latchkey/engine/schema/binding"
	"latchkey/engine/schema/ddl"
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
		tell := func(text string) {
			if !NoInfo(st) {
				s.Answer.Info(f.Mark(raise.New(7998, text)))
			}
		}
		err = s.reseed(w, name, words, reseed, tell)
	}
	return w.Finish(err)
}

// NoInfo is WITH NO_INFOMSGS.
func NoInfo(st *ast.Dbcc) bool {
	return slices.ContainsFunc(st.Options, func(o *ast.Option) bool { return strings.EqualFold(o.Name, "NO_INFOMSGS") })
}

func (s *Changer) reseed(w *work.Statement, name ast.ObjectName, words []string, reseed bool, tell func(string)) error {
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
	now := shownIdentity(last, used)
	if reseed && len(words) == 3 {
		n, err := strconv.ParseInt(words[2], 10, 64)
		if err != nil {
			return raise.New(2583)
		}
		tell(now)
		return sh.Reseed(w.Hold.Conn, t, n)
	}
	source := "main"
	if o.Temporary {
		source = work.TempName
	}
	most, any, err := ddl.Furthest(w.Hold.Conn, source, t)
	if err != nil {
		return err
	}
	tell(now + ", current column value " + shownIdentity(most, any))
	if up := t.Identity().Identity.Increment > 0; reseed && any && (!used || up && most > last || !up && most < last) {
		return sh.Reseed(w.Hold.Conn, t, most)
	}
	return nil
}

// shownIdentity is a value as messages show it.
func shownIdentity(n int64, known bool) string {
	if !known {
		return "'NULL'"
	}
	return "'" + strconv.FormatInt(n, 10) + "'"
}
