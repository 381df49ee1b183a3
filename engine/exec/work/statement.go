package work

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"latchkey/engine/catalog/model"
	"latchkey/engine/compile/plan"
	"latchkey/engine/exec/actor"
	"latchkey/engine/exec/known"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/scope"
	"latchkey/engine/exec/setting"
	"latchkey/engine/exec/tran"
	"latchkey/engine/exec/unit"
	"latchkey/engine/lite"
	"latchkey/engine/schema"
	"latchkey/engine/schema/binding"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/collation"
	"latchkey/engine/tsql/ast"
)

// Statement is one statement under way: the connection that it borrowed, and what its names mean. It is a plan.Scope.
type Statement struct {
	Ctx   context.Context
	s     *Session
	Frame *scope.Frame
	Hold  *tran.Hold
	Main  int // the database that is "main" on the connection
	Set   plan.Settings
	// schema is looked at before the caller's default one: that of the procedure whose body runs.
	Schema string

	Versions []Version // of the definitions that were looked at
	Private  bool      // it names something of the session's own
	Views    []*ViewUse
}

// Version says which definitions of a database a plan was made from, or which database a name in it stood for.
type Version struct {
	db   int // 0 is the session's temporary database
	n    int64
	at   known.Seen
	name string // that the database had, if it was found by it; n and at say nothing then
}

var (
	_ plan.Scope     = (*Statement)(nil)
	_ plan.TypeNames = (*Statement)(nil)
	_ plan.Functions = (*Statement)(nil)
)

// Begin makes the work of a statement that reads.
func (s *Session) Begin(ctx context.Context, f *scope.Frame) *Statement {
	main := s.Actor.DB
	if db := s.Tx.Database(); db != 0 {
		main = db
	} else if db := s.Tx.Inside(); db != 0 {
		main = db
	}
	return &Statement{Ctx: ctx, s: s, Frame: f, Main: main, Set: s.PlanSettings()}
}

// Write borrows the connection of a statement that writes to a database.
func (w *Statement) Write(db int, temporary bool) error {
	s := w.s
	if err := s.writable(db, temporary); err != nil {
		return err
	}
	s.StatementEnv()
	h, err := s.Tx.Write(w.Ctx, db, &s.Env, temporary)
	if err != nil {
		return w.twoDatabases(err, db)
	}
	w.Hold, w.Main = h, h.DB
	return nil
}

// twoDatabases puts names into the refusal of a second database.
func (w *Statement) twoDatabases(err error, db int) error {
	if !errors.Is(err, tran.ErrTwo) {
		return err
	}
	st := w.s.Actor.Catalog.State()
	name := func(id int) string {
		if d := st.Databases.Get(id); d != nil {
			return d.Name
		}
		return strconv.Itoa(id)
	}
	return raise.Unsupported("TRANSACTION THAT WRITES TO TWO DATABASES (" + name(w.s.Tx.Database()) + ", " + name(db) + ")")
}

// Conn is the connection, borrowed for reading if it was not yet.
func (w *Statement) Conn() (*lite.Conn, error) {
	if w.Hold == nil {
		w.s.StatementEnv()
		h, err := w.s.Tx.Read(w.Ctx, w.Main, &w.s.Env)
		if err != nil {
			return nil, err
		}
		w.Hold, w.Main = h, h.DB
	}
	return w.Hold.Conn, nil
}

// Finish gives the connection back; see tran.Hold.Finish.
func (w *Statement) Finish(err error) error {
	if w.Hold == nil {
		return tran.Translate(err)
	}
	h := w.Hold
	w.Hold = nil
	return h.Finish(err)
}

// Snapshot is what a database holds, as this statement sees it.
func (w *Statement) Snapshot(db int) (*schema.Snapshot, error) {
	c, err := w.Conn()
	if err != nil {
		return nil, err
	}
	sh, err := w.s.Known.Shared(db)
	if err != nil {
		return nil, err
	}
	at := w.s.Known.Seen(db, sh)
	var snap *schema.Snapshot
	if db == w.Main {
		snap, err = sh.Snapshot(w.Ctx, c)
	} else {
		snap, err = w.elsewhere(db, sh)
	}
	if err != nil {
		return nil, err
	}
	w.saw(db, snap.Version, at)
	return snap, nil
}

// elsewhere reads the definitions of a database that is not main by a connection of its own.
func (w *Statement) elsewhere(db int, sh *schema.Shared) (*schema.Snapshot, error) {
	l, err := w.s.Known.Databases.Lease(w.Ctx, db)
	if err != nil {
		return nil, err
	}
	defer l.Release()
	l.Conn.Use(w.Ctx, &w.s.Env)
	defer l.Conn.Idle()
	return sh.Snapshot(w.Ctx, l.Conn)
}

func (w *Statement) saw(db int, n int64, at known.Seen) {
	for _, v := range w.Versions {
		if v.db == db && v.name == "" {
			return
		}
	}
	w.Versions = append(w.Versions, Version{db: db, n: n, at: at})
}

// named notes that a database was found by its name: another may have it later.
func (w *Statement) named(d *model.Database) {
	v := Version{db: d.ID, name: d.Name}
	if !slices.Contains(w.Versions, v) {
		w.Versions = append(w.Versions, v)
	}
}

// Current reports whether the definitions are those that a plan was made from, and names of databases stand for the same ones.
func (w *Statement) Current(list []Version) (bool, error) {
	for _, v := range list {
		if v.name != "" {
			if d := w.s.Actor.Catalog.State().Databases.Get(v.db); d == nil || d.Name != v.name {
				return false, nil
			}
			continue
		}
		n, known, err := w.version(v)
		if err != nil || !known && n != v.n {
			return false, err
		}
	}
	return true, nil
}

// version is the present version of a database's definitions; known says that it need not be asked for.
func (w *Statement) version(v Version) (n int64, known bool, err error) {
	if v.db == 0 {
		c, err := w.Conn()
		if err != nil {
			return 0, false, err
		}
		snap, err := w.s.Temp.snapshot(w.Ctx, c)
		if err != nil || snap == nil {
			return -1, false, err
		}
		return snap.Version, false, nil
	}
	sh, err := w.s.Known.Shared(v.db)
	if err != nil {
		return 0, false, err
	}
	if v.at.Certain && len(w.s.defined) == 0 && w.s.Tx.Database() == 0 && w.s.Known.Seen(v.db, sh) == v.at {
		return v.n, true, nil
	}
	if v.db != w.Main {
		snap, err := w.elsewhere(v.db, sh)
		if err != nil {
			return 0, false, err
		}
		return snap.Version, false, nil
	}
	c, err := w.Conn()
	if err != nil {
		return 0, false, err
	}
	n, err = sh.Version(c)
	return n, false, err
}

// source is a database's name on the connection.
func (w *Statement) source(db int) string {
	if db == w.Main {
		return "main"
	}
	return "d" + strconv.Itoa(db)
}

// attach adds the databases that a plan reads to the connection, and registers the views that it reads.
func (w *Statement) attach(objects []*plan.Object, views []*ViewUse) error {
	for _, o := range objects {
		if o.DatabaseID != w.Main && o.DatabaseID != 0 && o.Kind == plan.Table && !o.Temporary {
			if err := w.Hold.Attach(w.Ctx, o.DatabaseID, w.source(o.DatabaseID)); err != nil {
				return err
			}
		}
	}
	for _, v := range views {
		if err := w.register(v); err != nil {
			return err
		}
	}
	return nil
}

// Settings of the session.
func (w *Statement) Settings() plan.Settings { return w.Set }

// PlanSettings are what a text's meaning depends on.
func (s *Session) PlanSettings() plan.Settings {
	s.PlanNumber()
	return s.planned.is
}

// Collation is the present database's.
func (s *Session) Collation() collation.Collation {
	s.PlanNumber()
	return s.planned.is.Collation
}

// PlanNumber is another one, never 0, whenever the PlanSettings are others: cheaper to compare.
func (s *Session) PlanNumber() uint64 {
	key := settingsKey{s.Actor.Catalog.State(), s.Set.Key(), s.Actor.DB, s.Actor.Identity()}
	if s.planned.key != key {
		s.planned.key, s.planned.is = key, s.makePlanSettings()
		s.planned.number++
	}
	return s.planned.number
}

// settingsKey is what the settings of plans are made from.
type settingsKey struct {
	state *model.State
	set   setting.Key
	db    int
	who   actor.Identity
}

func (s *Session) makePlanSettings() plan.Settings {
	x := &s.Set
	return plan.Settings{
		AnsiNullsOff: !x.Has(setting.AnsiNulls), QuotedIdentifierOff: !x.Has(setting.QuotedIdentifier),
		ConcatNullYieldsNullOff: !x.Has(setting.ConcatNullYieldsNull), ArithAbortOff: !x.Has(setting.ArithAbort),
		AnsiWarningsOff: !x.Has(setting.AnsiWarnings), DateFirst: x.DateFirst, DateFormat: x.DateFormat,
		Collation: s.Actor.Collation(), Database: s.Actor.Database, DatabaseID: s.Actor.DB, Schema: s.Actor.DefaultSchema(),
	}
}

// Variable is the type of a variable.
func (w *Statement) Variable(name string) (sqltype.Type, bool) {
	v := w.Frame.Find(name)
	if v == nil || v.Decl != nil && (v.Decl.Table != nil || v.Decl.Cursor) {
		return sqltype.Type{}, false
	}
	if err := w.s.Variables.Resolve(w.Ctx, w.Frame, v); err != nil || v.Table != nil {
		return sqltype.Type{}, false
	}
	return v.Type, true
}

// TableVariable finds a table variable.
func (w *Statement) TableVariable(name string) *plan.Object {
	v := w.Frame.Find(name)
	if v == nil {
		return nil
	}
	if v.Table == nil && v.Decl != nil {
		if err := w.s.Variables.Resolve(w.Ctx, w.Frame, v); err != nil {
			return nil
		}
	}
	if v.Table != nil {
		w.Private = true
	}
	return v.Table
}

// Database finds the database that a name has in front, the current one for "". Errors: 911 and 916.
func (w *Statement) Database(name string) (*model.Database, error) {
	st := w.s.Actor.Catalog.State()
	if name == "" {
		d := st.Databases.Get(w.s.Actor.DB)
		if w.Frame.ProcDB != 0 {
			d = st.Databases.Get(w.Frame.ProcDB)
		}
		if d == nil {
			return nil, raise.New(911, w.s.Actor.Database)
		}
		return d, nil
	}
	d := st.FindDatabase(name)
	if d == nil {
		return nil, raise.New(911, name)
	}
	if d.ID != w.s.Actor.DB && d.ID != model.TempDB {
		if _, access := w.s.Actor.PermIn(d.ID).User(); !access {
			return nil, raise.New(916, w.s.Actor.Identity().Name, d.Name)
		}
	}
	w.named(d)
	return d, nil
}

// TemporaryName reports #t, and ##t, which is refused.
func TemporaryName(n ast.ObjectName) bool { return strings.HasPrefix(n.Name(), "#") }

// Object finds what a name in FROM stands for.
func (w *Statement) Object(name ast.ObjectName) (*plan.Object, error) {
	if name.Server() != "" && !strings.EqualFold(name.Server(), w.s.ServerName) {
		return nil, raise.New(7202, name.Server())
	}
	if TemporaryName(name) {
		return w.temporaryObject(name)
	}
	if strings.HasPrefix(name.Name(), "@") { // where rows are put into a table variable
		return w.TableVariable(name.Name()), nil
	}
	d, err := w.Database(name.Database())
	if err != nil {
		if errors.Is(err, sqltype.Number(911)) { // SQL Server has not got so far as to look for the database alone
			return nil, nil
		}
		return nil, err
	}
	return w.inDatabase(d, name)
}

func (w *Statement) inDatabase(d *model.Database, name ast.ObjectName) (*plan.Object, error) {
	if v := w.systemView(d, name); v != nil {
		return v, nil
	}
	snap, err := w.Snapshot(d.ID)
	if err != nil {
		return nil, err
	}
	o := w.Lookup(snap, d.ID, name.Schema(), name.Name())
	synonym := false
	for range 4 { // synonyms of synonyms do not exist, but the chain is bounded anyway
		syn, ok := o.(*schema.Synonym)
		if !ok {
			break
		}
		synonym = true
		base := ast.ObjectName{Parts: syn.Base, Pos: name.Pos}
		if base.Server() != "" {
			return nil, raise.New(7202, base.Server())
		}
		if base.Database() != "" {
			if d, err = w.Database(base.Database()); err != nil {
				return nil, err
			}
			if snap, err = w.Snapshot(d.ID); err != nil {
				return nil, err
			}
		}
		if v := w.systemView(d, base); v != nil {
			return v, nil
		}
		o = w.Lookup(snap, d.ID, base.Schema(), base.Name())
	}
	if o == nil && synonym {
		return nil, raise.New(5313, name.String())
	}
	if o == nil && w.s.Views.Refused(name) {
		return nil, raise.Unsupported(name.String())
	}
	if o == nil {
		return nil, nil
	}
	return binding.Object(w.bound(d), snap, o), nil
}

// Lookup finds an object: without a schema in the module's, then the caller's, then dbo.
func (w *Statement) Lookup(snap *schema.Snapshot, db int, schemaName, name string) schema.Object {
	if schemaName != "" {
		return snap.Lookup(schemaName, name)
	}
	for _, n := range []string{w.Schema, w.Set.Schema, "dbo"} {
		if n == "" || n != "dbo" && n == w.Set.Schema && db != w.s.Actor.DB {
			continue
		}
		if o := snap.Lookup(n, name); o != nil {
			return o
		}
	}
	return nil
}

// bound is how package binding sees a database. Names in views are looked for in the view's schema and database first.
func (w *Statement) bound(d *model.Database) binding.Database {
	return binding.Database{ID: d.ID, Name: d.Name, Source: w.source(d.ID), Scope: func(name string) plan.Scope {
		return &inView{Statement: w, db: d, schema: name}
	}}
}

// NamedType finds an alias type.
func (w *Statement) NamedType(name ast.ObjectName) (sqltype.Type, bool) {
	d, err := w.Database(name.Database())
	if err != nil {
		return sqltype.Type{}, false
	}
	snap, err := w.Snapshot(d.ID)
	if err != nil {
		return sqltype.Type{}, false
	}
	if t := snap.Type(name.Schema(), name.Name()); t != nil && t.Table == nil {
		return t.Base, true
	}
	return sqltype.Type{}, false
}

// Variables knows the types of variables.
type Variables interface {
	// Resolve finds a variable's declared type, and makes a table variable's table.
	Resolve(ctx context.Context, f *scope.Frame, v *scope.Variable) error
}

// Target is the database that a name is in, by id and name.
func (w *Statement) Target(n ast.ObjectName) (int, string, error) {
	if TemporaryName(n) || strings.HasPrefix(n.Name(), "@") {
		return w.Main, "", nil
	}
	d, err := w.Database(n.Database())
	if err != nil {
		return 0, "", err
	}
	return d.ID, d.Name, nil
}

// Ready makes the connection ready for a plan.
func (w *Statement) Ready(objects []*plan.Object, views []*ViewUse) error {
	if len(objects) == 0 && len(views) == 0 {
		return nil
	}
	if _, err := w.Conn(); err != nil {
		return err
	}
	return w.attach(objects, views)
}

// NewFrame makes a scope for a unit.
func (s *Session) NewFrame(parent *scope.Frame, u *unit.Unit) *scope.Frame {
	return scope.New(parent, u, s.Set, s.Actor.Impersonations())
}
