package exec

import (
	"context"
	"strings"

	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/perm"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/setting"
	"latchkey/engine/schema"
	"latchkey/engine/schema/binding"
	"latchkey/engine/schema/ddl"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
	"latchkey/engine/write"
)

// identities are what @@IDENTITY and SCOPE_IDENTITY() give.
type identities struct{ session, scope sqltype.Value }

// insertInto is SET IDENTITY_INSERT ON of a table.
type insertInto struct {
	table int
	name  string
}

// target is the database that a name is in, by id and name.
func (w *work) target(n ast.ObjectName) (int, string, error) {
	if temporaryName(n) || strings.HasPrefix(n.Name(), "@") {
		return w.main, "", nil
	}
	d, err := w.database(n.Database())
	if err != nil {
		return 0, "", err
	}
	return d.ID, d.Name, nil
}

// targetOf is the name that a statement writes to, and whether it is temporary. UPDATE and DELETE may name an alias of FROM.
func targetOf(st ast.Statement) (n ast.ObjectName, temporary bool) {
	var src ast.TableSource
	var from []ast.TableSource
	switch st := st.(type) {
	case *ast.Insert:
		src = st.Target
	case *ast.Update:
		src, from = st.Target, st.From
	case *ast.Delete:
		src, from = st.Target, st.From
	case *ast.Merge:
		src = st.Target
	case *ast.Truncate:
		return st.Table, temporaryName(st.Table)
	}
	switch t := src.(type) {
	case *ast.TableVariable:
		return ast.ObjectName{Parts: []string{t.Name}}, true
	case *ast.Table:
		n = t.Name
		if len(n.Parts) == 1 {
			if real, variable, ok := aliased(from, n.Name()); ok {
				if variable {
					return n, true
				}
				n = real
			}
		}
	}
	return n, temporaryName(n)
}

// aliased finds the table that an alias of FROM stands for.
func aliased(from []ast.TableSource, alias string) (n ast.ObjectName, variable, ok bool) {
	for _, s := range from {
		switch s := s.(type) {
		case *ast.Table:
			if strings.EqualFold(s.Alias, alias) || s.Alias == "" && strings.EqualFold(s.Name.Name(), alias) {
				return s.Name, false, true
			}
		case *ast.TableVariable:
			if strings.EqualFold(s.Alias, alias) {
				return n, true, true
			}
		case *ast.Join:
			if n, variable, ok = aliased([]ast.TableSource{s.L, s.R}, alias); ok {
				return n, variable, ok
			}
		}
	}
	return n, false, false
}

// change is INSERT, UPDATE, DELETE, MERGE and TRUNCATE.
func (s *Session) change(ctx context.Context, f *frame, st ast.Statement) error {
	if err := s.implicit(); err != nil {
		return err
	}
	ins, _ := st.(*ast.Insert)
	var captured *capturedRows
	if ins != nil && ins.Exec != nil {
		var err error
		if captured, err = s.captureExec(ctx, f, ins.Exec); err != nil {
			return err
		}
	}
	w := s.work(ctx, f)
	n, temporary := targetOf(st)
	db, _, err := w.target(n)
	if err == nil {
		err = s.touchVariables(ctx, f)
	}
	if v := f.find(n.Name()); err == nil && v != nil && v.readOnly {
		err = bind(raise.New(10700, v.name))
	}
	if err == nil {
		err = w.writing(db, temporary)
	}
	if err != nil {
		return w.finish(err)
	}
	r, sent, err := s.changeRows(w, st, captured)
	if err = w.finish(err); err != nil {
		return err
	}
	if r.HasIdentity {
		s.identity_ = identities{r.Identity, r.Identity}
	}
	if sent {
		s.out.EndRows()
	}
	_, truncate := st.(*ast.Truncate)
	return s.done(st, !truncate, r.Rows)
}

// touchVariables makes the table variables that a statement names, before the connection is borrowed for it.
func (s *Session) touchVariables(ctx context.Context, f *frame) error {
	for _, v := range f.vars {
		if v.decl != nil && !v.known && (v.decl.Table != nil || len(v.decl.Type.Name.Parts) > 0) {
			if err := s.resolve(ctx, f, v); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Session) changeRows(w *work, st ast.Statement, captured *capturedRows) (r write.Result, sent bool, err error) {
	k, err := s.writePlan(w, st)
	if err != nil {
		return r, false, err
	}
	if err := s.allowed(w, k.w.Uses, k.w.Objects); err != nil {
		return r, false, err
	}
	run := s.writeRun(w, k.w)
	if k.result != nil {
		if err := s.out.Rows(k.result); err != nil {
			return r, false, err
		}
		run.Row, sent = s.out.Row, true
	}
	if captured != nil {
		run.Exec = captured.next
	}
	r, err = k.w.Run(w.ctx, run)
	return r, sent, err
}

// changeKey finds a plan of a change in its unit.
type changeKey struct {
	planKey
	identity insertInto
}

func (s *Session) writePlan(w *work, st ast.Statement) (*keptPlan, error) {
	key := changeKey{planKey{st, w.set, w.main}, s.idInsert[w.main]}
	if k, ok := w.f.unit.Plan(key).(*keptPlan); ok {
		fresh, err := w.current(k.versions)
		if err != nil {
			return nil, err
		}
		if fresh {
			return k, w.attached(k.w.Objects, k.views)
		}
	}
	w.versions, w.views, w.private = nil, nil, false
	p, err := write.Compile(write.Config{Scope: w, IdentityInsert: s.identityInsert}, st)
	if err != nil {
		return nil, bind(err)
	}
	k := &keptPlan{w: p, versions: w.versions, views: w.views}
	if p.Columns != nil {
		k.result = resultOf(p.Columns)
	}
	if !w.private {
		w.f.unit.Keep(key, k)
	}
	return k, w.attached(p.Objects, k.views)
}

func (s *Session) identityInsert(db, table int) bool {
	i, ok := s.idInsert[db]
	return ok && i.table == table
}

func (s *Session) writeRun(w *work, p *write.Plan) write.Run {
	r := write.Run{
		Conn: w.hold.Conn, Variables: w.f, RowCount: s.set.RowCount,
		Set: func(name string, v sqltype.Value) error {
			x := w.f.find(name)
			if x == nil {
				return notDeclared(name)
			}
			x.value = v
			return nil
		},
	}
	if p != nil && p.Table != nil {
		r.IdentityInsert = s.identityInsert(w.main, p.Table.ID)
	}
	return r
}

// setIdentityInsert is SET IDENTITY_INSERT table ON|OFF: one table of a session at a time.
func (s *Session) setIdentityInsert(ctx context.Context, f *frame, st *ast.SetIdentityInsert) error {
	w := s.work(ctx, f)
	o, err := w.Object(st.Table)
	if err = w.finish(err); err != nil {
		return err
	}
	ref := binding.Of(o)
	if ref == nil || ref.Table() == nil {
		return raise.New(1088, st.Table.String())
	}
	t := ref.Table()
	if t.Identity() == nil {
		return raise.New(8106, st.Table.String())
	}
	db := o.DatabaseID
	if o.Temporary {
		db = w.main
	} else if !s.permIn(db).Object(securable(ref), "ALTER") {
		return raise.New(1088, st.Table.String())
	}
	full := o.Database + "." + o.Schema + "." + o.Name
	for _, i := range s.idInsert {
		if i.table != t.ID && st.On {
			return raise.New(8107, i.name, full)
		}
	}
	s.idInsert = nil
	if st.On {
		s.idInsert = map[int]insertInto{db: {t.ID, full}}
	}
	return s.done(st, false, s.rowCount)
}

// securable is an object for permissions.
func securable(ref *binding.Ref) perm.Securable {
	h := ref.Object.Meta()
	sec := perm.Securable{Class: perm.Object, ID: h.ID, Schema: h.SchemaID}
	for _, x := range ref.Snapshot.Schemas() {
		if x.ID == h.SchemaID {
			sec.Owner = x.Owner
		}
	}
	return sec
}

// ddlEnv is what a definition is carried out with.
func (s *Session) ddlEnv(w *work, sh *schema.Shared) *ddl.Env {
	st := s.server.cfg.Catalog.State()
	user, _ := s.permIn(w.main).User()
	name := ""
	if d := st.Databases.Get(w.main); d != nil {
		name = d.Name
	}
	def := s.defaultSchema()
	if w.main != s.db {
		def = ""
	}
	return &ddl.Env{
		Conn: w.hold.Conn, Shared: sh, Scope: w, Database: name, Schema: def, Owner: user, Source: w.f.source(),
		QuotedIdentifierOff: !s.set.Has(setting.QuotedIdentifier), ANSINullsOff: !s.set.Has(setting.AnsiNulls),
		NotNullByDefault: s.set.Has(setting.AnsiNullDfltOff),
		Principal: func(n string) (int, bool) {
			p := st.FindPrincipal(w.main, n)
			if p == nil {
				return 0, false
			}
			return p.ID, true
		},
	}
}

// source is the text that a frame's statements were parsed from.
func (f *frame) source() string { return f.unit.Text }

// define is CREATE, ALTER and DROP of what is in a database.
func (s *Session) define(ctx context.Context, f *frame, st ast.Statement) error {
	if err := s.implicit(); err != nil {
		return err
	}
	w := s.work(ctx, f)
	db, temporary := w.main, false
	names := ddl.Targets(st)
	for _, n := range names {
		d, _, err := w.target(n)
		if err != nil {
			return err
		}
		db, temporary = d, temporaryName(n)
		if strings.HasPrefix(n.Name(), "##") {
			return raise.Unsupported("GLOBAL TEMPORARY TABLE")
		}
	}
	if !temporary && w.main == s.db && len(names) == 0 {
		db = s.db
	}
	if db == model.TempDB && !temporary {
		temporary = false
	}
	if temporary {
		if err := s.tmp.make(s, nil); err != nil {
			return err
		}
		db = w.main
	}
	if err := w.writing(db, temporary); err != nil {
		return w.finish(err)
	}
	schemas := w.droppedSchemas(db, st)
	if !temporary {
		s.defining(db)
		defer s.settleAlone()
	}
	r, err := s.defineIn(w, st, db, temporary)
	if err = w.finish(err); err != nil {
		return err
	}
	if len(schemas) > 0 {
		if _, err := s.server.cfg.Catalog.Do(ctx, s.caller(), &forgetSchemas{db, schemas}); err != nil {
			return err
		}
	}
	if temporary {
		s.noteTemps(f, st)
	}
	c := &Context{s: s, f: f}
	for _, m := range r.Messages {
		c.Info(m)
	}
	if len(r.Dropped) > 0 && !temporary {
		return s.server.forgetObjects(ctx, s.caller(), db, r.Dropped)
	}
	return nil
}

func (s *Session) defineIn(w *work, st ast.Statement, db int, temporary bool) (ddl.Result, error) {
	sh, err := s.server.shared(db)
	if temporary {
		sh = s.tmp.shared
		if err == nil {
			err = s.tmp.Attach(w.hold.Conn)
		}
	} else if err == nil {
		err = s.mayDefine(w, st, db)
	}
	if err == nil {
		err = w.hold.Savepoint()
	}
	if err != nil {
		return ddl.Result{}, err
	}
	return ddl.Run(w.ctx, s.ddlEnv(w, sh), st)
}

// noteTemps remembers the temporary tables of a procedure, which end with it.
func (s *Session) noteTemps(f *frame, st ast.Statement) {
	if c, ok := st.(*ast.CreateTable); ok {
		f.temps = append(f.temps, c.Name.Name())
	}
}
