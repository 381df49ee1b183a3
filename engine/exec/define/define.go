package define

import (
	"context"
	"strings"

	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/scope"
	"latchkey/engine/exec/setting"
	"latchkey/engine/exec/work"
	"latchkey/engine/schema"
	"latchkey/engine/schema/ddl"
	"latchkey/engine/tsql/ast"
)

// Env is what a definition is carried out with.
func (s *Definer) Env(w *work.Statement, sh *schema.Shared) *ddl.Env {
	st := s.Actor.Catalog.State()
	user, _ := s.Actor.PermIn(w.Main).User()
	name := ""
	if d := st.Databases.Get(w.Main); d != nil {
		name = d.Name
	}
	def := s.Actor.DefaultSchema()
	if w.Main != s.Actor.DB {
		def = ""
	}
	return &ddl.Env{
		Conn: w.Hold.Conn, Shared: sh, Scope: w, Database: name, Schema: def, Owner: user, Source: w.Frame.Source(),
		QuotedIdentifierOff: !s.Work.Set.Has(setting.QuotedIdentifier), ANSINullsOff: !s.Work.Set.Has(setting.AnsiNulls),
		NotNullByDefault: s.Work.Set.Has(setting.AnsiNullDfltOff),
		Principal: func(n string) (int, bool) {
			p := st.FindPrincipal(w.Main, n)
			if p == nil {
				return 0, false
			}
			return p.ID, true
		},
	}
}

// Execute is CREATE, ALTER and DROP of what is in a database.
func (s *Definer) Execute(ctx context.Context, f *scope.Frame, st ast.Statement) ([]*msg.Error, error) {
	if d, ok := st.(*ast.Drop); ok && mixed(d.Names) { // each lies in another place
		var all []*msg.Error
		for _, n := range d.Names {
			one := *d
			one.Names = []ast.ObjectName{n}
			messages, err := s.Execute(ctx, f, &one)
			if all = append(all, messages...); err != nil {
				return all, err
			}
		}
		return all, nil
	}
	w := s.Work.Begin(ctx, f)
	db, temporary := w.Main, false
	if err := temporaryModule(st); err != nil {
		return nil, err
	}
	switch st.(type) {
	case *ast.CreateView, *ast.CreateFunction:
		if err := work.NoSequences(st); err != nil {
			return nil, err
		}
	}
	names := ddl.Targets(st)
	for _, n := range names {
		d, _, err := w.Target(n)
		if err != nil {
			return nil, err
		}
		db, temporary = d, work.TemporaryName(n)
		if strings.HasPrefix(n.Name(), "##") {
			return nil, raise.Unsupported("GLOBAL TEMPORARY TABLE")
		}
	}
	if !temporary && w.Main == s.Actor.DB && len(names) == 0 {
		db = s.Actor.DB
	}
	if db == model.TempDB && !temporary {
		temporary = false
	}
	if temporary {
		if err := s.Work.MakeTemporary(); err != nil {
			return nil, err
		}
		db = w.Main
	}
	if err := w.Write(db, temporary); err != nil {
		return nil, w.Finish(err)
	}
	schemas := droppedSchemas(w, db, st)
	if !temporary {
		s.Work.Defining(db)
		defer s.Work.SettleAlone()
	}
	r, err := s.defineIn(w, st, db, temporary)
	if err = w.Finish(err); err != nil {
		return nil, err
	}
	if len(schemas) > 0 {
		if _, err := s.Actor.Catalog.Do(ctx, s.Actor.Caller(), &forgetSchemas{db, schemas}); err != nil {
			return nil, err
		}
	}
	if temporary {
		s.noteTemps(f, st)
	}
	if len(r.Dropped) > 0 && !temporary {
		err = s.forgetObjects(ctx, s.Actor.Caller(), db, r.Dropped)
	}
	return r.Messages, err
}

func (s *Definer) defineIn(w *work.Statement, st ast.Statement, db int, temporary bool) (ddl.Result, error) {
	sh, err := s.Work.Known.Shared(db)
	if temporary {
		sh = s.Work.Temp.Shared
		if err == nil {
			err = s.Work.Temp.Attach(w.Hold.Conn)
		}
	} else if err == nil {
		err = s.mayDefine(w, st, db)
	}
	if err == nil {
		err = w.Hold.Savepoint()
	}
	if err != nil {
		return ddl.Result{}, err
	}
	return ddl.Run(w.Ctx, s.Env(w, sh), st)
}

// noteTemps remembers the temporary tables of a procedure, which end with it.
func (s *Definer) noteTemps(f *scope.Frame, st ast.Statement) {
	if c, ok := st.(*ast.CreateTable); ok {
		f.Temps = append(f.Temps, c.Name.Name())
	}
}

// Rename is sp_rename of the object that n is. The messages inform.
func (s *Definer) Rename(ctx context.Context, f *scope.Frame, n ast.ObjectName, object, name, kind string) ([]*msg.Error, error) {
	w := s.Work.Begin(ctx, f)
	if err := w.Write(s.Actor.DB, false); err != nil {
		return nil, w.Finish(err)
	}
	s.Work.Defining(w.Main)
	defer s.Work.SettleAlone()
	var r ddl.Result
	sh, err := s.Work.Known.Shared(w.Main)
	if err == nil {
		target := n
		if kind == "COLUMN" || kind == "INDEX" {
			target = ast.ObjectName{Parts: n.Parts[:max(len(n.Parts)-1, 0)]}
		}
		err = s.mayDefine(w, &ast.AlterTable{Name: target}, w.Main)
	}
	if err == nil {
		err = w.Hold.Savepoint()
	}
	if err == nil {
		r, err = ddl.Rename(ctx, s.Env(w, sh), object, name, kind)
	}
	return r.Messages, w.Finish(err)
}

// mixed reports names of which some and not all are of temporary tables.
func mixed(names []ast.ObjectName) bool {
	temporary := 0
	for _, n := range names {
		if work.TemporaryName(n) {
			temporary++
		}
	}
	return temporary > 0 && temporary < len(names)
}

// temporaryModule refuses what cannot be temporary: #t is a table and nothing else.
func temporaryModule(st ast.Statement) error {
	switch st := st.(type) {
	case *ast.CreateProc:
		if work.TemporaryName(st.Name) {
			return raise.Unsupported("TEMPORARY PROCEDURE")
		}
	case *ast.CreateView:
		if work.TemporaryName(st.Name) {
			return raise.New(4103, st.Name.Name())
		}
	case *ast.CreateFunction:
		if work.TemporaryName(st.Name) {
			return raise.New(1074)
		}
	case *ast.CreateTrigger:
		if work.TemporaryName(st.On) || work.TemporaryName(st.Name) {
			return raise.Unsupported("TRIGGER ON A TEMPORARY TABLE")
		}
	case *ast.Sequence:
		if work.TemporaryName(st.Name) {
			return raise.Unsupported("TEMPORARY SEQUENCE")
		}
	case *ast.CreateSynonym:
		if work.TemporaryName(st.Name) {
			return raise.Unsupported("TEMPORARY SYNONYM")
		}
	case *ast.CreateType:
		if work.TemporaryName(st.Name) {
			return raise.Unsupported("TEMPORARY TYPE")
		}
	}
	return nil
}
