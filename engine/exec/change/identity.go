package change

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"latchkey/engine/cell"
	"latchkey/engine/exec/argument"
	"latchkey/engine/exec/known"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/scope"
	"latchkey/engine/exec/work"
	"latchkey/engine/lite"
	"latchkey/engine/schema"
	"latchkey/engine/schema/binding"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/convert"
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
	most, any, err := furthest(w.Hold.Conn, t, o.Temporary)
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

// furthest is the value of a table's identity column that is furthest on; false for none.
func furthest(c *lite.Conn, t *schema.Table, temporary bool) (int64, bool, error) {
	source, of, col := "main", "max", t.Identity()
	if temporary {
		source = work.TempName
	}
	if col.Identity.Increment < 0 {
		of = "min"
	}
	q, err := c.Prepare("SELECT " + of + "(" + schema.Quote(col.Stored) + ") FROM " + t.SQL(source))
	if err != nil {
		return 0, false, err
	}
	defer q.Release()
	if !q.Step() {
		return 0, false, q.Err()
	}
	v, err := cell.Column(q.Stmt, 0, col.Type)
	if err != nil || v.IsNull() {
		return 0, false, err
	}
	v, err = convert.Convert(v, col.Type, sqltype.Of(sqltype.BigInt), convert.Options{})
	return v.Int(), err == nil, err
}
