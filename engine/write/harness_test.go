package write_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"latchkey/engine/catalog/msg"
	"latchkey/engine/cell"
	"latchkey/engine/compile"
	"latchkey/engine/compile/plan"
	"latchkey/engine/fn"
	"latchkey/engine/lite"
	"latchkey/engine/schema"
	"latchkey/engine/schema/binding"
	"latchkey/engine/schema/ddl"
	"latchkey/engine/schema/sysview"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/convert"
	"latchkey/engine/tde"
	"latchkey/engine/tsql"
	"latchkey/engine/tsql/ast"
	"latchkey/engine/write"
	"latchkey/internal/clock"
)

var update = flag.Bool("update", false, "write the results of the scripts anew")

// store is a database with its shared part.
type store struct {
	db     *tde.DB
	shared *schema.Shared
}

func newStore(t testing.TB, path string) *store {
	t.Helper()
	cfg := tde.Config{Path: path, NormalSync: true}
	var db *tde.DB
	var err error
	if _, serr := os.Stat(path); serr == nil {
		db, err = tde.Open(t.Context(), cfg, nil)
	} else {
		db, err = tde.Create(t.Context(), cfg)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &store{db, schema.NewShared(schema.Config{Clock: clock.NewFake(time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC))})}
}

// session is a connection with variables: a small stand-in for the executor.
type session struct {
	t     testing.TB
	store *store
	conn  *lite.Conn
	temp  *schema.Shared
	tmp   *lite.Temp
	snap  *schema.Snapshot
	tsnap *schema.Snapshot
	vars  map[string]sqltype.Type
	vals  map[string]sqltype.Value
	tvars map[string]*plan.Object
	ident string // table of IDENTITY_INSERT
	inTx  bool
	rows  int64 // SET ROWCOUNT
}

func (s *store) session(t testing.TB) *session {
	t.Helper()
	raw, err := s.db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c, err := lite.Open(t.Context(), raw)
	if err != nil {
		t.Fatal(err)
	}
	c.Use(t.Context(), &fn.Env{Now: time.Date(2024, 2, 29, 13, 14, 15, 0, time.UTC)})
	tmp, err := lite.NewTemp()
	if err == nil {
		err = c.AttachTemp("tmp", tmp)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &session{
		t: t, store: s, conn: c, tmp: tmp, temp: schema.NewShared(schema.Config{DB: "tmp", Temporary: true}),
		vars: map[string]sqltype.Type{}, vals: map[string]sqltype.Value{}, tvars: map[string]*plan.Object{},
	}
}

func (s *session) close() {
	if err := s.conn.Close(); err != nil {
		s.t.Error(err)
	}
}

func (s *session) Settings() plan.Settings { return plan.Settings{Database: "db", DatabaseID: 5} }

func (s *session) Object(n ast.ObjectName) (*plan.Object, error) {
	snap, db := s.snap, binding.Database{ID: 5, Name: "db", Scope: func(string) plan.Scope { return s }}
	schemaName := n.Schema()
	if strings.HasPrefix(n.Name(), "#") {
		snap, db, schemaName = s.tsnap, binding.Database{ID: 2, Name: "tempdb", Source: "tmp"}, "dbo"
	}
	o := snap.Lookup(schemaName, n.Name())
	if o == nil {
		return nil, nil
	}
	p := binding.Object(db, snap, o)
	return p, nil
}

func (s *session) Variable(name string) (sqltype.Type, bool) {
	t, ok := s.vars[strings.ToLower(name)]
	return t, ok
}

func (s *session) TableVariable(name string) *plan.Object { return s.tvars[strings.ToLower(name)] }

func (s *session) VariableValue(name string) (sqltype.Value, error) {
	return s.vals[strings.ToLower(name)], nil
}

func (s *session) NamedType(n ast.ObjectName) (sqltype.Type, bool) {
	if u := s.snap.Type(n.Schema(), n.Name()); u != nil && u.Table == nil {
		return u.Base, true
	}
	return sqltype.Type{}, false
}

func (s *session) refresh() {
	s.t.Helper()
	var err error
	if s.snap, err = s.store.shared.Snapshot(s.t.Context(), s.conn); err != nil {
		s.t.Fatal(err)
	}
	if s.tsnap, err = s.temp.Snapshot(s.t.Context(), s.conn); err != nil {
		s.t.Fatal(err)
	}
}

func (s *session) sql(q string) {
	s.t.Helper()
	if err := s.conn.Exec(q); err != nil {
		s.t.Fatalf("%s: %v", q, err)
	}
}

// run runs a batch and shows what a client would see.
func (s *session) run(batch string) string {
	s.t.Helper()
	b, err := tsql.Parse(batch, tsql.Options{QuotedIdentifier: true})
	if err != nil {
		return errorText(err)
	}
	var out strings.Builder
	for _, st := range b.Statements {
		s.refresh()
		text, err := s.statement(st, batch)
		out.WriteString(text)
		if err != nil {
			out.WriteString(errorText(err))
		}
	}
	return out.String()
}

func errorText(err error) string {
	if l := msg.Messages(err); l != nil {
		var b strings.Builder
		for _, e := range l {
			fmt.Fprintf(&b, "Msg %d, Level %d, State %d: %s\n", e.Number, e.Severity, e.State, e.Text)
		}
		return b.String()
	}
	var e *sqltype.Error
	if errors.As(err, &e) {
		return fmt.Sprintf("Msg %d, Level %d, State %d: %s\n", e.Number, e.Level, e.State, e.Message)
	}
	return fmt.Sprintf("ERROR %v\n", err)
}

// statement runs one statement in a transaction, its own unless the script began one.
func (s *session) statement(st ast.Statement, source string) (string, error) {
	switch st := st.(type) {
	case *ast.BeginTran:
		s.sql("BEGIN IMMEDIATE")
		s.inTx = true
		return "", nil
	case *ast.CommitTran:
		s.sql("COMMIT")
		s.inTx = false
		return "", nil
	case *ast.RollbackTran:
		s.sql("ROLLBACK")
		s.inTx = false
		return "", nil
	case *ast.SelectStmt:
		return s.query(st)
	case *ast.SetIdentityInsert:
		s.ident = ""
		if st.On {
			s.ident = st.Table.Name()
		}
		return "", nil
	case *ast.SetOption:
		if st.Names[0] == "ROWCOUNT" {
			_, _ = fmt.Sscan(st.Value.(*ast.Literal).Text, &s.rows)
		}
		return "", nil
	case *ast.Declare:
		return s.declare(st, source)
	}
	if !s.inTx {
		s.sql("BEGIN IMMEDIATE")
	}
	s.refresh()
	s.sql("SAVEPOINT s")
	text, err := s.change(st, source)
	if err != nil && !s.conn.GetAutocommit() {
		s.sql("ROLLBACK TO s")
	}
	s.sql("RELEASE s")
	if !s.inTx {
		s.sql("COMMIT")
	}
	return text, err
}

func (s *session) env(sh *schema.Shared, source string) *ddl.Env {
	return &ddl.Env{Conn: s.conn, Shared: sh, Scope: s, Database: "db", Source: source}
}

func (s *session) declare(st *ast.Declare, source string) (string, error) {
	for _, v := range st.Variables {
		name := strings.ToLower(v.Name)
		if v.Table != nil {
			s.sql("BEGIN IMMEDIATE")
			t, err := ddl.CreateTableVariable(s.t.Context(), s.env(s.temp, source), v.Name, v.Table)
			s.sql("COMMIT")
			if err != nil {
				return "", err
			}
			s.refresh()
			s.tvars[name] = binding.Object(binding.Database{ID: 2, Name: "tempdb", Source: "tmp"}, s.tsnap, t)
			continue
		}
		d, err := compile.TypeOf(s, v.Type, v.Name)
		if err != nil {
			return "", err
		}
		s.vars[name], s.vals[name] = d.Type, sqltype.NullValue
		if v.Value == nil {
			continue
		}
		x, err := compile.Convert(s, v.Value, compile.Target{Type: d.Type})
		if err != nil {
			return "", err
		}
		if s.vals[name], err = x.Eval(s.frame()); err != nil {
			return "", err
		}
	}
	return "", nil
}

func (s *session) frame() *plan.Frame {
	return &plan.Frame{Context: s.t.Context(), Env: s.conn.Env(), Variables: s}
}

func (s *session) change(st ast.Statement, source string) (string, error) {
	ctx := s.t.Context()
	if e, ok := st.(*ast.Exec); ok && strings.EqualFold(e.Proc.Name(), "sp_rename") {
		var a [3]string
		for i, x := range e.Args {
			a[i] = x.Value.(*ast.Literal).Text
		}
		r, err := ddl.Rename(ctx, s.env(s.store.shared, source), a[0], a[1], a[2])
		return notes(r.Messages), err
	}
	if ddl.Handles(st) {
		sh := s.store.shared
		if n := ddl.Targets(st); len(n) > 0 && strings.HasPrefix(n[0].Name(), "#") {
			sh = s.temp
		}
		r, err := ddl.Run(ctx, s.env(sh, source), st)
		return notes(r.Messages), err
	}
	p, err := write.Compile(s.config(), st)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	r, err := p.Run(ctx, s.runner(p, &out))
	if err != nil {
		return out.String(), err
	}
	out.WriteString(notes(r.Messages))
	fmt.Fprintf(&out, "(%d rows)", r.Rows)
	if r.HasIdentity {
		fmt.Fprintf(&out, " identity %s", show(r.Identity, sqltype.DecimalType(38, 0)))
	}
	return out.String() + "\n", nil
}

func (s *session) config() write.Config {
	return write.Config{Scope: s, IdentityInsert: func(_, id int) bool {
		t := s.snap.TableByID(id)
		return t != nil && strings.EqualFold(t.Name, s.ident)
	}}
}

func (s *session) runner(p *write.Plan, out *strings.Builder) write.Run {
	return write.Run{
		Conn: s.conn, Variables: s, RowCount: s.rows,
		Set: func(name string, v sqltype.Value) error {
			s.vals[strings.ToLower(name)] = v
			return nil
		},
		Row: func(row []sqltype.Value) error {
			for i, v := range row {
				if i > 0 {
					out.WriteString("|")
				}
				out.WriteString(show(v, p.Columns[i].Type))
			}
			out.WriteString("\n")
			return nil
		},
	}
}

func notes(l []*msg.Error) string {
	var b strings.Builder
	for _, m := range l {
		fmt.Fprintf(&b, "info %d: %s\n", m.Number, m.Text)
	}
	return b.String()
}

func show(v sqltype.Value, t sqltype.Type) string {
	if v.IsNull() {
		return "NULL"
	}
	o := convert.Options{}
	if v.Kind() == sqltype.RowVersion {
		v, t = v.As(sqltype.VarBinary), sqltype.Sized(sqltype.VarBinary, 8)
	}
	if v.Kind().IsBinary() {
		o = convert.Options{Style: 1, HasStyle: true}
	}
	x, err := convert.Convert(v, t, sqltype.Sized(sqltype.NVarChar, sqltype.Max), o)
	if err != nil {
		return err.Error()
	}
	return x.Text()
}

// query runs a SELECT; SELECT ... FROM [view of sysview] WHERE is done by making the view a table.
func (s *session) query(st *ast.SelectStmt) (string, error) {
	p, err := compile.Query(s, st)
	if err != nil {
		return "", err
	}
	values, err := p.Bind(s.frame())
	if err != nil {
		return "", err
	}
	q, err := s.conn.Prepare(p.SQL)
	if err != nil {
		return "", err
	}
	defer q.Release()
	for i, v := range values {
		if err := cell.Bind(q.Stmt, i+1, p.Params[i].Type, v); err != nil {
			return "", err
		}
	}
	var out strings.Builder
	for q.Step() {
		for i, c := range p.Columns {
			if c.Hidden {
				continue
			}
			if i > 0 {
				out.WriteString("|")
			}
			v, err := cell.Column(q.Stmt, i, c.Type)
			if err != nil {
				return "", err
			}
			out.WriteString(show(v, c.Type))
		}
		out.WriteString("\n")
	}
	return out.String(), q.Err()
}

// view shows a catalogue view: the columns named, of the rows of user objects.
func (s *session) view(name string, columns ...string) string {
	s.t.Helper()
	s.refresh()
	rows, err := sysview.Rows(s.t.Context(), name, sysview.Env{
		System:   sysview.NewSystem([]sysview.SystemObject{{Name: "sys.tables", Code: "V", Columns: sysview.Columns("sys.objects")[:2]}}, time.Time{}),
		Snapshot: s.snap, DatabaseID: 5, Database: "db",
		Count: func(_ context.Context, t *schema.Table) (int64, error) {
			st, err := s.conn.Prepare("SELECT count(*) FROM " + t.SQL("main"))
			if err != nil {
				return 0, err
			}
			defer st.Release()
			st.Step()
			return st.ColumnInt64(0), st.Err()
		},
		LastIdentity: func(_ context.Context, t *schema.Table) (int64, bool, error) {
			return s.store.shared.Identity(s.conn, t)
		},
	})
	if err != nil {
		return "ERROR " + err.Error() + "\n"
	}
	cols := sysview.Columns(name)
	var out strings.Builder
	for _, r := range rows {
		for k, want := range columns {
			at := -1
			for i, c := range cols {
				if c.Name == want {
					at = i
				}
			}
			if k > 0 {
				out.WriteString("|")
			}
			if at < 0 {
				s.t.Fatalf("%s has no column %s", name, want)
			}
			out.WriteString(show(r[at], cols[at].Type))
		}
		out.WriteString("\n")
	}
	return out.String()
}

// TestScripts runs the scripts in testdata: batches with what they show, between lines of "-- >". "-- view NAME COLUMNS" shows a catalogue
// view in place of a batch.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".sql"), func(t *testing.T) {
			raw, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			st := newStore(t, filepath.Join(t.TempDir(), "x.db"))
			s := st.session(t)
			got := script(s, string(raw))
			s.close()
			if err := st.db.Close(); err != nil {
				t.Error(err)
			}
			if *update {
				if err := os.WriteFile(f, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(raw) {
				t.Errorf("results differ:\n%s", diff(string(raw), got))
			}
		})
	}
}

// script runs the batches of a script, which "GO" ends, and gives it with the results that it has now.
func script(s *session, text string) string {
	var out, batch strings.Builder
	flush := func() {
		if b := strings.TrimSpace(batch.String()); b != "" {
			for l := range strings.Lines(s.run(batch.String())) {
				out.WriteString("-- > " + l)
			}
		}
		batch.Reset()
	}
	for l := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(l, "-- >"):
		case strings.TrimSpace(l) == "GO":
			out.WriteString(l)
			flush()
		case strings.HasPrefix(l, "-- view "):
			out.WriteString(l)
			f := strings.Fields(l)[2:]
			for r := range strings.Lines(s.view(f[0], f[1:]...)) {
				out.WriteString("-- > " + r)
			}
		default:
			out.WriteString(l)
			batch.WriteString(l)
		}
	}
	return out.String()
}

func diff(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		a, b := "", ""
		if i < len(w) {
			a = w[i]
		}
		if i < len(g) {
			b = g[i]
		}
		if a != b {
			return fmt.Sprintf("line %d\nwant %s\ngot  %s", i+1, a, b)
		}
	}
	return ""
}
