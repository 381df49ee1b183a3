package exec

import (
	"context"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"latchkey/engine/exec/feature"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/setting"
	"latchkey/engine/schema/binding"
	"latchkey/engine/schema/ddl"
	"latchkey/engine/tds"
	"latchkey/engine/tsql/ast"
)

// dispatch carries out one statement.
func (s *Session) dispatch(ctx context.Context, f *frame, st ast.Statement) (signal, error) {
	if s.set.On&(setting.NoExec|setting.ParseOnly|setting.FmtOnly) != 0 {
		if skip, err := s.withoutRunning(ctx, f, st); skip || err != nil {
			return signal{}, err
		}
	}
	switch st := st.(type) {
	case *ast.SelectStmt:
		return signal{}, s.query(ctx, f, st)
	case *ast.SetVariable:
		return signal{}, s.setVariable(ctx, f, st)
	case *ast.If:
		return s.ifElse(ctx, f, st)
	case *ast.Insert, *ast.Update, *ast.Delete, *ast.Merge, *ast.Truncate:
		return signal{}, s.change(ctx, f, st)
	case *ast.Declare:
		return signal{}, s.declare(ctx, f, st)
	case *ast.While:
		return s.while(ctx, f, st)
	case *ast.Break:
		return signal{kind: breaks}, nil
	case *ast.Continue:
		return signal{kind: continues}, nil
	case *ast.Return:
		return s.returns(ctx, f, st)
	case *ast.Goto:
		return signal{kind: jump, label: st.Label}, nil
	case *ast.WaitFor:
		if err := s.waitFor(ctx, f, st); err != nil {
			return signal{}, err
		}
		return signal{}, s.done(st, false, 0)
	case *ast.Throw:
		return signal{}, s.throw(ctx, f, st)
	case *ast.Print:
		return signal{}, s.printStatement(ctx, f, st)
	case *ast.RaisError:
		return signal{}, s.raisError(ctx, f, st)
	case *ast.Exec:
		return s.exec(ctx, f, st)
	case *ast.Use:
		if err := s.use(ctx, f, st.Database); err != nil {
			return signal{}, err
		}
		return signal{}, s.done(st, false, 0)
	case *ast.SetOption:
		return signal{}, s.setOption(ctx, f, st)
	case *ast.SetIdentityInsert:
		return signal{}, s.setIdentityInsert(ctx, f, st)
	case *ast.BeginTran, *ast.CommitTran, *ast.RollbackTran, *ast.SaveTran:
		return signal{}, s.transaction(ctx, f, st)
	case *ast.DeclareCursor, *ast.CursorStmt, *ast.Fetch:
		return signal{}, s.cursorStatement(ctx, f, st)
	case *ast.InsertBulk:
		return signal{}, s.insertBulk(ctx, f, st)
	case *ast.Dbcc:
		return signal{}, s.dbcc(ctx, f, st)
	case *ast.Kill:
		return signal{}, s.kill(ctx, f, st)
	case *ast.Checkpoint:
		return signal{}, s.done(st, false, 0)
	case *ast.Unsupported:
		return signal{}, raise.Unsupported(st.Feature)
	}
	return signal{}, s.plugged(ctx, f, st)
}

// plugged carries out what other packages do: definitions of objects, then the handlers.
func (s *Session) plugged(ctx context.Context, f *frame, st ast.Statement) error {
	if ddl.Handles(st) {
		if err := s.define(ctx, f, st); err != nil {
			return err
		}
		return s.done(st, false, 0)
	}
	c := &Context{s: s, f: f}
	for _, h := range s.server.cfg.Handlers {
		handled, err := h.Statement(ctx, c, st)
		if err != nil {
			return err
		}
		if handled {
			return s.endResult(st)
		}
	}
	return raise.Unsupported(featureOf(st))
}

// endResult ends the rows that a handler or procedure sent last, or the statement without rows.
func (s *Session) endResult(st ast.Statement) error {
	if s.out.Open() {
		n := int64(s.out.EndRows())
		s.rowCount, s.lastError = n, 0
		return s.out.Done(tds.CommandSelect, true, uint64(n), s.set.Has(setting.NoCount))
	}
	return s.done(st, false, 0)
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
func (s *Session) withoutRunning(ctx context.Context, f *frame, st ast.Statement) (skip bool, err error) {
	switch st := st.(type) {
	case *ast.SetOption:
		return false, nil
	case *ast.Declare:
		return false, nil
	case *ast.SelectStmt:
		if s.set.Has(setting.FmtOnly) && s.set.On&(setting.NoExec|setting.ParseOnly) == 0 {
			return true, s.formatOnly(ctx, f, st)
		}
	case *ast.If: // both branches are looked at
		if s.set.Has(setting.FmtOnly) {
			if _, err := s.statement(ctx, f, st.Then); err != nil {
				return true, err
			}
			if st.Else != nil {
				_, err = s.statement(ctx, f, st.Else)
			}
		}
		return true, err
	case *ast.Exec:
		if s.set.Has(setting.FmtOnly) && s.set.On&(setting.NoExec|setting.ParseOnly) == 0 {
			return false, nil
		}
	}
	return true, nil
}

func (s *Session) returns(ctx context.Context, f *frame, st *ast.Return) (signal, error) {
	if st.Value != nil {
		if f.proc == "" {
			e := raise.New(178)
			e.Bind = true
			return signal{}, e
		}
		n, err := s.integer(ctx, f, st.Value)
		if err != nil {
			return signal{}, err
		}
		f.status = int32(n)
	}
	return signal{kind: returns}, nil
}

// use changes the current database.
func (s *Session) use(ctx context.Context, f *frame, name string) error {
	old := s.dbName
	d, err := s.server.cfg.Databases.Use(ctx, s.place, s.caller(), name)
	if err != nil {
		return err
	}
	s.db, s.dbName = d.ID, d.Name
	if err := s.out.Token(&tds.EnvChange{Type: tds.EnvDatabase, New: d.Name, Old: old}); err != nil {
		return err
	}
	s.info(f, raise.New(5701, d.Name))
	return nil
}

// enter brings the session into a database without telling the client.
func (s *Session) enter(ctx context.Context, name string) error {
	d, err := s.server.cfg.Databases.Use(ctx, s.place, s.caller(), name)
	if err != nil {
		return err
	}
	s.db, s.dbName = d.ID, d.Name
	return nil
}

func (s *Session) languageChanged(f *frame) error {
	if err := s.out.Token(&tds.EnvChange{Type: tds.EnvLanguage, New: s.set.Language, Old: f.saved.Language}); err != nil {
		return err
	}
	s.info(f, raise.New(5703, s.set.Language))
	return nil
}

// kill is KILL.
func (s *Session) kill(ctx context.Context, f *frame, st *ast.Kill) error {
	if st.Kind != "" {
		return raise.Unsupported("KILL " + st.Kind)
	}
	if !s.perm().Server("ALTER ANY CONNECTION") {
		return raise.New(6102)
	}
	n, err := s.integer(ctx, f, st.ID)
	if err != nil {
		return err
	}
	if st.StatusOnly {
		return raise.New(6120, n)
	}
	if err := s.server.cfg.Sessions.Kill(int(n), s.id); err != nil {
		return err
	}
	return s.done(st, false, 0)
}

// dbcc is what there is of DBCC.
func (s *Session) dbcc(ctx context.Context, f *frame, st *ast.Dbcc) error {
	switch strings.ToUpper(st.Command) {
	case "USEROPTIONS":
		w, err := s.beginRows(f, []Column{{"Set Option", sysname}, {"Value", sysname}})
		if err != nil {
			return err
		}
		for _, o := range s.set.Shown() {
			if err := w.Row(text(o.Name), text(o.Value)); err != nil {
				return err
			}
		}
		return s.endResult(st)
	case "TRACEON", "TRACEOFF", "FREEPROCCACHE", "DROPCLEANBUFFERS", "FREESYSTEMCACHE", "FREESESSIONCACHE":
		if !s.perm().Server("ALTER SERVER STATE") {
			return raise.New(2571, s.identity().Name, strings.ToUpper(st.Command))
		}
		s.info(f, raise.New(2528))
		return s.done(st, false, 0)
	}
	if strings.EqualFold(st.Command, "CHECKIDENT") {
		if err := s.checkIdent(ctx, f, st); err != nil {
			return err
		}
		s.info(f, raise.New(2528))
		return s.done(st, false, 0)
	}
	return raise.Unsupported("DBCC " + strings.ToUpper(st.Command))
}

// checkIdent is DBCC CHECKIDENT (table [, NORESEED | RESEED [, value]]).
func (s *Session) checkIdent(ctx context.Context, f *frame, st *ast.Dbcc) error {
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
			t, err := s.text(ctx, f, x, 800)
			if err != nil {
				return err
			}
			words = append(words, t)
		}
	}
	if len(words) == 0 || len(words) > 3 {
		return raise.New(2583)
	}
	name, err := splitName(words[0])
	if err != nil {
		return err
	}
	reseed := len(words) < 2 || strings.EqualFold(words[1], "RESEED")
	w := s.work(ctx, f)
	db, _, err := w.target(name)
	if err == nil {
		err = w.writing(db, temporaryName(name))
	}
	if err == nil {
		err = s.reseed(w, f, name, words, reseed)
	}
	return w.finish(err)
}

func (s *Session) reseed(w *work, f *frame, name ast.ObjectName, words []string, reseed bool) error {
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
	if !o.Temporary && !s.permIn(w.main).Object(securable(ref), "ALTER") {
		return raise.New(229, "ALTER", o.Name, o.Database, o.Schema)
	}
	sh := ref.Snapshot.Shared
	last, used, err := sh.Identity(w.hold.Conn, t)
	if err != nil {
		return err
	}
	now := "NULL"
	if used {
		now = itoa(last)
	}
	if reseed && len(words) == 3 {
		n, err := strconv.ParseInt(words[2], 10, 64)
		if err != nil {
			return raise.New(2583)
		}
		s.info(f, raise.New(7998, now))
		return sh.Reseed(w.hold.Conn, t, n)
	}
	s.info(f, raise.New(7998, now))
	return nil
}
