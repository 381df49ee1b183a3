package exec

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"latchkey/engine/catalog/model"
	"latchkey/engine/compile/plan"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/setting"
	"latchkey/engine/exec/tran"
	"latchkey/engine/lite"
	"latchkey/engine/schema"
	"latchkey/engine/schema/binding"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/collation"
	"latchkey/engine/tsql/ast"
)

// work is one statement under way: the connection that it borrowed, and what its names mean. It is a plan.Scope.
type work struct {
	ctx  context.Context
	s    *Session
	f    *frame
	hold *tran.Hold
	main int // the database that is "main" on the connection
	set  plan.Settings
	// schema is looked at before the caller's default one: that of the procedure whose body runs.
	schema string

	versions []version // of the definitions that were looked at
	private  bool      // it names something of the session's own
	views    []*viewUse
}

// version says which definitions of a database a plan was made from.
type version struct {
	db int // 0 is the session's temporary database
	n  int64
	at seen
}

var (
	_ plan.Scope     = (*work)(nil)
	_ plan.TypeNames = (*work)(nil)
	_ plan.Functions = (*work)(nil)
)

// work makes the work of a statement that reads.
func (s *Session) work(ctx context.Context, f *frame) *work {
	main := s.db
	if db := s.tx.Database(); db != 0 {
		main = db
	}
	return &work{ctx: ctx, s: s, f: f, main: main, set: s.planSettings()}
}

// writing borrows the connection of a statement that writes to a database.
func (w *work) writing(db int, temporary bool) error {
	s := w.s
	if err := s.writable(db, temporary); err != nil {
		return err
	}
	s.statementEnv()
	h, err := s.tx.Write(w.ctx, db, &s.env, temporary)
	if err != nil {
		return w.twoDatabases(err, db)
	}
	w.hold, w.main = h, h.DB
	return nil
}

// twoDatabases puts names into the refusal of a second database.
func (w *work) twoDatabases(err error, db int) error {
	if !errors.Is(err, tran.ErrTwo) {
		return err
	}
	st := w.s.server.cfg.Catalog.State()
	name := func(id int) string {
		if d := st.Databases.Get(id); d != nil {
			return d.Name
		}
		return strconv.Itoa(id)
	}
	return raise.Unsupported("TRANSACTION THAT WRITES TO TWO DATABASES (" + name(w.s.tx.Database()) + ", " + name(db) + ")")
}

// writable is message 3906 for a database that may not be written.
func (s *Session) writable(db int, temporary bool) error {
	if d := s.server.cfg.Catalog.State().Databases.Get(db); !temporary && d != nil && d.ReadOnly {
		return raise.New(3906, d.Name)
	}
	return nil
}

// conn is the connection, borrowed for reading if it was not yet.
func (w *work) conn() (*lite.Conn, error) {
	if w.hold == nil {
		w.s.statementEnv()
		h, err := w.s.tx.Read(w.ctx, w.main, &w.s.env)
		if err != nil {
			return nil, err
		}
		w.hold, w.main = h, h.DB
	}
	return w.hold.Conn, nil
}

// finish gives the connection back; see tran.Hold.Finish.
func (w *work) finish(err error) error {
	if w.hold == nil {
		return tran.Translate(err)
	}
	h := w.hold
	w.hold = nil
	return h.Finish(err)
}

// shared is what connections of a database share.
func (s *Server) shared(db int) (*schema.Shared, error) {
	slot := s.cfg.Databases.Schema(db)
	if slot == nil {
		return nil, raise.New(911, strconv.Itoa(db))
	}
	v, at := slot.Load()
	if sh, ok := v.(*schema.Shared); ok {
		return sh, nil
	}
	coll := collation.Default
	if d := s.cfg.Catalog.State().Databases.Get(db); d != nil {
		if c, err := collation.Parse(d.Collation); err == nil {
			coll = c
		}
	}
	s.mu.Lock() // one Shared for each database: it counts identities
	defer s.mu.Unlock()
	if v, _ := slot.Load(); v != nil {
		if sh, ok := v.(*schema.Shared); ok {
			return sh, nil
		}
	}
	sh := schema.NewShared(schema.Config{Collation: coll, Clock: s.cfg.Clock})
	slot.Store(sh, at)
	return sh, nil
}

// snapshot is what a database holds, as this statement sees it.
func (w *work) snapshot(db int) (*schema.Snapshot, error) {
	c, err := w.conn()
	if err != nil {
		return nil, err
	}
	sh, err := w.s.server.shared(db)
	if err != nil {
		return nil, err
	}
	at := w.s.server.seen(db, sh)
	var snap *schema.Snapshot
	if db == w.main {
		snap, err = sh.Snapshot(w.ctx, c)
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
func (w *work) elsewhere(db int, sh *schema.Shared) (*schema.Snapshot, error) {
	l, err := w.s.server.cfg.Databases.Lease(w.ctx, db)
	if err != nil {
		return nil, err
	}
	defer l.Release()
	l.Conn.Use(w.ctx, &w.s.env)
	defer l.Conn.Idle()
	return sh.Snapshot(w.ctx, l.Conn)
}

func (w *work) saw(db int, n int64, at seen) {
	for _, v := range w.versions {
		if v.db == db {
			return
		}
	}
	w.versions = append(w.versions, version{db, n, at})
}

// current reports whether the definitions are those that a plan was made from.
func (w *work) current(list []version) (bool, error) {
	for _, v := range list {
		n, known, err := w.version(v)
		if err != nil || !known && n != v.n {
			return false, err
		}
	}
	return true, nil
}

// version is the present version of a database's definitions; known says that it need not be asked for.
func (w *work) version(v version) (n int64, known bool, err error) {
	if v.db == 0 {
		c, err := w.conn()
		if err != nil {
			return 0, false, err
		}
		snap, err := w.s.tmp.snapshot(w.ctx, c)
		if err != nil || snap == nil {
			return -1, false, err
		}
		return snap.Version, false, nil
	}
	sh, err := w.s.server.shared(v.db)
	if err != nil {
		return 0, false, err
	}
	if v.at.certain && len(w.s.defined) == 0 && w.s.tx.Database() == 0 && w.s.server.seen(v.db, sh) == v.at {
		return v.n, true, nil
	}
	if v.db != w.main {
		snap, err := w.elsewhere(v.db, sh)
		if err != nil {
			return 0, false, err
		}
		return snap.Version, false, nil
	}
	c, err := w.conn()
	if err != nil {
		return 0, false, err
	}
	n, err = sh.Version(c)
	return n, false, err
}

// source is a database's name on the connection.
func (w *work) source(db int) string {
	if db == w.main {
		return "main"
	}
	return "d" + strconv.Itoa(db)
}

// attach adds the databases that a plan reads to the connection, and registers the views that it reads.
func (w *work) attach(objects []*plan.Object, views []*viewUse) error {
	for _, o := range objects {
		if o.DatabaseID != w.main && o.DatabaseID != 0 && o.Kind == plan.Table && !o.Temporary {
			if err := w.hold.Attach(w.ctx, o.DatabaseID, w.source(o.DatabaseID)); err != nil {
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
func (w *work) Settings() plan.Settings { return w.set }

// planSettings are what a text's meaning depends on.
func (s *Session) planSettings() plan.Settings {
	key := settingsKey{s.server.cfg.Catalog.State(), s.set.Key(), s.db, s.identity()}
	if s.planned.key != key {
		s.planned.key, s.planned.is = key, s.makePlanSettings()
	}
	return s.planned.is
}

// settingsKey is what the settings of plans are made from.
type settingsKey struct {
	state *model.State
	set   setting.Key
	db    int
	who   Identity
}

func (s *Session) makePlanSettings() plan.Settings {
	x := &s.set
	return plan.Settings{
		AnsiNullsOff: !x.Has(setting.AnsiNulls), QuotedIdentifierOff: !x.Has(setting.QuotedIdentifier),
		ConcatNullYieldsNullOff: !x.Has(setting.ConcatNullYieldsNull), ArithAbortOff: !x.Has(setting.ArithAbort),
		AnsiWarningsOff: !x.Has(setting.AnsiWarnings), DateFirst: x.DateFirst, DateFormat: x.DateFormat,
		Collation: s.collation(), Database: s.dbName, DatabaseID: s.db, Schema: s.defaultSchema(),
	}
}

// Variable is the type of a variable.
func (w *work) Variable(name string) (sqltype.Type, bool) {
	v := w.f.find(name)
	if v == nil || v.decl != nil && (v.decl.Table != nil || v.decl.Cursor) {
		return sqltype.Type{}, false
	}
	if err := w.s.resolve(w.ctx, w.f, v); err != nil || v.table != nil {
		return sqltype.Type{}, false
	}
	return v.typ, true
}

// TableVariable finds a table variable.
func (w *work) TableVariable(name string) *plan.Object {
	v := w.f.find(name)
	if v == nil {
		return nil
	}
	if v.table == nil && v.decl != nil {
		if err := w.s.resolve(w.ctx, w.f, v); err != nil {
			return nil
		}
	}
	if v.table != nil {
		w.private = true
	}
	return v.table
}

// database finds the database that a name has in front, the current one for "". Errors: 911 and 916.
func (w *work) database(name string) (*model.Database, error) {
	st := w.s.server.cfg.Catalog.State()
	if name == "" {
		d := st.Databases.Get(w.s.db)
		if w.f.procDB != 0 {
			d = st.Databases.Get(w.f.procDB)
		}
		if d == nil {
			return nil, raise.New(911, w.s.dbName)
		}
		return d, nil
	}
	d := st.FindDatabase(name)
	if d == nil {
		return nil, raise.New(911, name)
	}
	if d.ID != w.s.db && d.ID != model.TempDB {
		if _, access := w.s.permIn(d.ID).User(); !access {
			return nil, raise.New(916, w.s.identity().Name, d.Name)
		}
	}
	return d, nil
}

// temporaryName reports #t, and ##t, which is refused.
func temporaryName(n ast.ObjectName) bool { return strings.HasPrefix(n.Name(), "#") }

// Object finds what a name in FROM stands for.
func (w *work) Object(name ast.ObjectName) (*plan.Object, error) {
	if name.Server() != "" && !strings.EqualFold(name.Server(), w.s.server.cfg.ServerName) {
		return nil, raise.New(7202, name.Server())
	}
	if temporaryName(name) {
		return w.temporaryObject(name)
	}
	if strings.HasPrefix(name.Name(), "@") { // where rows are put into a table variable
		return w.TableVariable(name.Name()), nil
	}
	d, err := w.database(name.Database())
	if err != nil {
		return nil, err
	}
	return w.inDatabase(d, name)
}

func (w *work) inDatabase(d *model.Database, name ast.ObjectName) (*plan.Object, error) {
	if v := w.systemView(d, name); v != nil {
		return v, nil
	}
	snap, err := w.snapshot(d.ID)
	if err != nil {
		return nil, err
	}
	o := w.lookup(snap, d.ID, name.Schema(), name.Name())
	for range 4 { // synonyms of synonyms do not exist, but the chain is bounded anyway
		syn, ok := o.(*schema.Synonym)
		if !ok {
			break
		}
		base := ast.ObjectName{Parts: syn.Base, Pos: name.Pos}
		if base.Server() != "" {
			return nil, raise.New(7202, base.Server())
		}
		if base.Database() != "" {
			if d, err = w.database(base.Database()); err != nil {
				return nil, err
			}
			if snap, err = w.snapshot(d.ID); err != nil {
				return nil, err
			}
		}
		if v := w.systemView(d, base); v != nil {
			return v, nil
		}
		o = w.lookup(snap, d.ID, base.Schema(), base.Name())
	}
	if o == nil {
		return nil, nil
	}
	return binding.Object(w.bound(d), snap, o), nil
}

// lookup finds an object: without a schema in the module's, then the caller's, then dbo.
func (w *work) lookup(snap *schema.Snapshot, db int, schemaName, name string) schema.Object {
	if schemaName != "" {
		return snap.Lookup(schemaName, name)
	}
	for _, n := range []string{w.schema, w.set.Schema, "dbo"} {
		if n == "" || n != "dbo" && n == w.set.Schema && db != w.s.db {
			continue
		}
		if o := snap.Lookup(n, name); o != nil {
			return o
		}
	}
	return nil
}

// bound is how package binding sees a database. Names in views are looked for in the view's schema and database first.
func (w *work) bound(d *model.Database) binding.Database {
	return binding.Database{ID: d.ID, Name: d.Name, Source: w.source(d.ID), Scope: func(name string) plan.Scope {
		return &inView{work: w, db: d, schema: name}
	}}
}

// inView is the scope of a view's text: it sees no variables.
type inView struct {
	*work
	db     *model.Database
	schema string
}

// Variable finds none.
func (v *inView) Variable(string) (sqltype.Type, bool) { return sqltype.Type{}, false }

// TableVariable finds none.
func (v *inView) TableVariable(string) *plan.Object { return nil }

// Object finds names as the view means them.
func (v *inView) Object(name ast.ObjectName) (*plan.Object, error) {
	if temporaryName(name) {
		return nil, raise.New(4508)
	}
	d := v.db
	if name.Database() != "" {
		if d = v.s.server.cfg.Catalog.State().FindDatabase(name.Database()); d == nil {
			return nil, raise.New(911, name.Database())
		}
	}
	if name.Schema() == "" {
		snap, err := v.snapshot(d.ID)
		if err != nil {
			return nil, err
		}
		if snap.Lookup(v.schema, name.Name()) != nil {
			name = ast.ObjectName{Parts: []string{d.Name, v.schema, name.Name()}, Pos: name.Pos}
		}
	}
	return v.inDatabase(d, name)
}

// NamedType finds an alias type.
func (w *work) NamedType(name ast.ObjectName) (sqltype.Type, bool) {
	d, err := w.database(name.Database())
	if err != nil {
		return sqltype.Type{}, false
	}
	snap, err := w.snapshot(d.ID)
	if err != nil {
		return sqltype.Type{}, false
	}
	if t := snap.Type(name.Schema(), name.Name()); t != nil && t.Table == nil {
		return t.Base, true
	}
	return sqltype.Type{}, false
}

// ScalarFunction: user-defined scalar functions in T-SQL are refused by name; see package feature.
func (w *work) ScalarFunction(name ast.ObjectName) (*plan.ScalarFunction, error) {
	if name.Schema() == "" {
		return nil, nil
	}
	d, err := w.database(name.Database())
	if err != nil {
		return nil, err
	}
	snap, err := w.snapshot(d.ID)
	if err != nil {
		return nil, err
	}
	if f, ok := snap.Lookup(name.Schema(), name.Name()).(*schema.Function); ok && f.Form == schema.ScalarFunction {
		return nil, raise.Unsupported("USER-DEFINED SCALAR FUNCTION " + name.String())
	}
	return nil, nil
}
