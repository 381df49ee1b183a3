// Package keystmttest is a whole server for tests of the dialect, but for queries: [New] makes one in memory, with real databases, a
// journal, a clock that stands and a provider whose keys are made at test time. [Server.Login] gives a [Client] that runs batches of the
// dialect and keeps what the client of a real server would see.
//
// For tests alone.
package keystmttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/engine/catalog"
	"latchkey/engine/catalog/authn"
	"latchkey/engine/catalog/catalogtest"
	"latchkey/engine/catalog/database"
	"latchkey/engine/catalog/journal"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/catalog/protect"
	"latchkey/engine/databases"
	"latchkey/engine/databases/system"
	"latchkey/engine/exec/raise"
	"latchkey/engine/keystmt"
	"latchkey/engine/keystmt/keyfile"
	"latchkey/engine/keystmt/keyfunc"
	"latchkey/engine/keystmt/keyview"
	"latchkey/engine/keystmt/provider"
	"latchkey/engine/keystmt/ring"
	"latchkey/engine/sessions"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql"
	"latchkey/engine/tsql/ast"
	"latchkey/internal/clock"
	"latchkey/internal/fsys"
)

// Server is a server without queries.
type Server struct {
	T         testing.TB
	FS        *fsys.Mem
	Clock     *clock.Fake
	Service   *protect.Key
	Library   *Library
	Providers *provider.Set
	Catalog   *catalog.Catalog
	Databases *databases.Manager
	Sessions  *sessions.Registry
	Runtime   *keyview.Server
	Keys      *provider.Keys
	Gate      *authn.Gate
	Dialect   *keystmt.Dialect
	Views     *keyview.Views
	ScanRate  int64 // of encryption scans from the next Start on, as in databases.Config; New makes it less than 0: without a bound

	log     lockedBuffer
	journal *journal.Journal
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// plugged makes a manager what package keystmt asks for, as package plug does for exec.
type plugged struct{ *databases.Manager }

func (d plugged) Set(ctx context.Context, caller catalog.Caller, o database.Set, t keystmt.Termination) (catalog.Result, error) {
	return d.Manager.Set(ctx, caller, o, databases.Termination(t))
}

// noObjects is databases without tables.
type noObjects struct{}

func (noObjects) FindObject(context.Context, catalog.Caller, ast.ObjectName) (keystmt.Object, bool, error) {
	return keystmt.Object{}, false, nil
}

// New makes a server that is started; it ends with the test.
func New(t testing.TB) *Server {
	t.Helper()
	s := &Server{
		T: t, FS: fsys.NewMem(), Clock: clock.NewFake(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)), Service: protect.Generate(),
		Library: &Library{Provider: &catalogtest.Provider{}}, ScanRate: -1,
	}
	if err := system.Make(t.Context(), system.Config{FS: s.FS, Dir: "/data", Service: s.Service}); err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(s.Stop)
	return s
}

// Clone is a server of its own with the same content and the same library, for tests that start from one state many times. s is
// stopped and stays so.
func (s *Server) Clone(t testing.TB) *Server {
	t.Helper()
	s.Stop()
	c := &Server{
		T: t, FS: s.FS.CrashClone(fsys.Crash{}), Clock: clock.NewFake(s.Clock.Now()), Service: s.Service, Library: s.Library, ScanRate: s.ScanRate,
	}
	c.Start()
	t.Cleanup(c.Stop)
	return c
}

// Start starts the server from its files.
func (s *Server) Start() {
	s.T.Helper()
	must := func(err error) {
		s.T.Helper()
		if err != nil {
			s.T.Fatal(err)
		}
	}
	ctx := context.Background()
	log := slog.New(slog.NewTextHandler(&s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	s.journal, err = journal.Open(ctx, journal.Config{FS: s.FS, Dir: "/catalog", Key: s.Service})
	must(err)
	s.Providers = provider.New(provider.Config{
		Builtin: []provider.Builtin{{Files: []string{"Microsoft.AzureKeyVaultService.EKM.dll"}, Provider: s.Library}}, Loader: Loader{}, Clock: s.Clock, Log: log,
	})
	s.Sessions = sessions.New(s.Clock)
	s.Runtime = &keyview.Server{Sessions: s.Sessions, Providers: s.Providers}
	s.Catalog, err = catalog.Open(ctx, catalog.Config{Store: s.journal, Service: s.Service, Clock: s.Clock, Runtime: s.Runtime, Providers: s.Providers})
	must(err)
	s.Keys = &provider.Keys{Catalog: s.Catalog, Set: s.Providers}
	s.Databases = databases.New(databases.Config{
		FS: s.FS, Dir: "/data", Catalog: s.Catalog, Service: s.Service, Sessions: s.Sessions, Keys: s.Keys, Clock: s.Clock, Log: log, ScanRate: s.ScanRate,
	})
	s.Runtime.Databases = s.Databases
	must(s.Databases.Start(ctx))
	<-s.Databases.Started()
	s.Gate = authn.New(s.Catalog)
	s.Dialect = keystmt.New(keystmt.Config{
		Catalog: s.Catalog, Databases: plugged{s.Databases}, Providers: s.Providers, Locks: s.Gate, Files: keyfile.Dir{FS: s.FS, Path: "/certificates"}, Objects: noObjects{},
		Clock: s.Clock, Retry: s.Databases.Retry, Log: log,
	})
	s.Views = &keyview.Views{Catalog: s.Catalog, Server: s.Runtime, Access: provider.Access{Catalog: s.Catalog, Set: s.Providers}}
}

// Stop stops the server; it may be started again.
func (s *Server) Stop() {
	if s.journal == nil {
		return
	}
	if err := errors.Join(s.Databases.Close(context.Background()), s.Providers.Close(), s.journal.Close()); err != nil {
		s.T.Error(err)
	}
	s.journal = nil
}

// Log is what the error log has so far.
func (s *Server) Log() string { return s.log.String() }

// Client is a session.
type Client struct {
	*Server
	session *sessions.Session
	keys    ring.Ring
	login   int
	acting  []acting
	vars    map[string]sqltype.Value
	out     []string
	InTran  bool
	// KeepNumbers leaves GUIDs in messages as they are.
	killed chan struct{}
}

type acting struct {
	keystmt.Identity
	noRevert bool
	cookie   string
}

// Login opens a session of a login in master.
func (s *Server) Login(name string) *Client {
	s.T.Helper()
	l := s.Catalog.State().FindLogin(name)
	if l == nil {
		s.T.Fatalf("no login %q", name)
	}
	id, release, err := s.Sessions.Reserve()
	if err != nil {
		s.T.Fatal(err)
	}
	c := &Client{Server: s, login: l.ID, vars: map[string]sqltype.Value{}, killed: make(chan struct{})}
	c.session = s.Sessions.Open(id, sessions.Who{Login: l.ID, LoginName: l.Name}, func(error) {
		close(c.killed)
		go func() { c.session.Close(); release() }() // the session's own goroutine ends it
	})
	c.session.Enter(model.Master, false)
	s.T.Cleanup(c.Close)
	return c
}

// Close ends the session.
func (c *Client) Close() {
	c.keys.Wipe()
	c.session.Close()
}

// Killed is closed when another session ended this one.
func (c *Client) Killed() <-chan struct{} { return c.killed }

// Caller is who runs the statement.
func (c *Client) Caller() catalog.Caller {
	out := catalog.Caller{Login: c.login, Database: c.session.Database(), Session: c.session.ID}
	if n := len(c.acting); n > 0 {
		out.Login, out.User, out.Impersonated = c.acting[n-1].Login, c.acting[n-1].User, true
	}
	return out
}

// Ring is the open keys.
func (c *Client) Ring() *ring.Ring { return &c.keys }

// Functions are the functions that use keys.
func (c *Client) Functions() *keyfunc.Functions {
	return &keyfunc.Functions{Catalog: c.Catalog, Provided: c.Views.Access, Ring: &c.keys, Caller: c.Caller}
}

// Impersonate pushes an identity.
func (c *Client) Impersonate(id keystmt.Identity, noRevert bool, cookie string) {
	c.acting = append(c.acting, acting{id, noRevert, cookie})
}

// Revert pops one.
func (c *Client) Revert(cookie string) bool {
	n := len(c.acting)
	if n == 0 || c.acting[n-1].noRevert && cookie == "" || c.acting[n-1].cookie != cookie {
		return false
	}
	c.acting = c.acting[:n-1]
	return true
}

// Info keeps a message.
func (c *Client) Info(m *msg.Error) {
	c.out = append(c.out, fmt.Sprintf("Info %d: %s", m.Number, m.Text))
}

// Message keeps a message with its place.
func (c *Client) Message(e *raise.Error) {
	c.out = append(c.out, fmt.Sprintf("Info %d, Procedure %s, Line %d: %s", e.Number, e.Proc, e.Line, e.Text))
}

// Print keeps a text.
func (c *Client) Print(text string) { c.out = append(c.out, "Print: "+text) }

// Eval computes constants and variables.
func (c *Client) Eval(_ context.Context, x ast.Expr) (sqltype.Value, error) {
	switch v := x.(type) {
	case *ast.Literal:
		if v.Kind == ast.IntLit {
			var n int64
			if _, err := fmt.Sscan(v.Text, &n); err != nil {
				return sqltype.NullValue, err
			}
			return sqltype.NewInt(sqltype.Int, n), nil
		}
		return sqltype.NewText(sqltype.NVarChar, v.Text), nil
	case *ast.Variable:
		return c.vars[v.Name], nil
	}
	return sqltype.NullValue, fmt.Errorf("no %T here", x)
}

// SetVariable sets a variable.
func (c *Client) SetVariable(name string, v sqltype.Value, _ sqltype.Type) error {
	c.vars[name] = v
	return nil
}

// InTransaction is as set.
func (c *Client) InTransaction() bool { return c.InTran }

// Use changes the database.
func (c *Client) Use(ctx context.Context, name string) error {
	_, err := c.Databases.Use(ctx, c.session, c.Caller(), name)
	return err
}

var goLine = regexp.MustCompile(`(?mi)^\s*GO\s*$`)

// Run runs a script with GO and gives what the client sees: "Msg n, Level l, State s: text", "Info n: text", "Print: text". Statements
// behind a failed one of the same batch run, as on a real server.
func (c *Client) Run(script string) []string {
	c.out = nil
	for _, batch := range goLine.Split(script, -1) {
		b, err := tsql.Parse(batch, tsql.Options{QuotedIdentifier: true})
		if err != nil {
			c.fail(err)
			continue
		}
		for _, s := range b.Statements {
			if err := c.statement(s); err != nil {
				c.fail(err)
			}
		}
	}
	return c.out
}

// Must runs a script that may not fail.
func (c *Client) Must(script string) []string {
	c.T.Helper()
	out := c.Run(script)
	for _, l := range out {
		if strings.HasPrefix(l, "Msg ") || strings.HasPrefix(l, "internal") {
			c.T.Fatalf("%s\n%s", script, strings.Join(out, "\n"))
		}
	}
	return out
}

func (c *Client) fail(err error) {
	for _, e := range raise.From(err) {
		l := e.Error()
		if e.Proc != "" {
			l = fmt.Sprintf("Msg %d, Level %d, State %d, Procedure %s, Line %d: %s", e.Number, e.Severity, e.State, e.Proc, e.Line, e.Text)
		}
		if raise.Unknown(err) {
			l = "internal: " + err.Error()
		}
		c.out = append(c.out, l)
	}
}

func (c *Client) statement(s ast.Statement) error {
	ctx := c.T.Context()
	switch t := s.(type) {
	case *ast.Use:
		return c.Use(ctx, t.Database)
	case *ast.Exec:
		return c.configure(ctx, t)
	}
	handled, err := c.Dialect.Run(ctx, c, s)
	if !handled {
		return fmt.Errorf("nobody takes a %T", s)
	}
	return err
}

func (c *Client) configure(ctx context.Context, s *ast.Exec) error {
	if !strings.EqualFold(s.Proc.Name(), "sp_configure") {
		return fmt.Errorf("no procedure %q here", s.Proc.Name())
	}
	var a keystmt.ConfigArgs
	for i, x := range s.Args {
		v, err := c.Eval(ctx, x.Value)
		if err != nil {
			return err
		}
		if i == 0 || x.Name == "@configname" {
			n := v.Text()
			a.Name = &n
			continue
		}
		n := v.Int()
		if v.Kind() == sqltype.NVarChar {
			if _, err := fmt.Sscan(v.Text(), &n); err != nil {
				return err
			}
		}
		a.Value = &n
	}
	rows, err := c.Dialect.Configure(ctx, c, a)
	for _, r := range rows {
		c.out = append(c.out, fmt.Sprintf("Row: %s|%d|%d|%d|%d", r.Name, r.Min, r.Max, r.Value, r.Run))
	}
	return err
}

// Rows gives some columns of a view's rows as texts, joined by "|".
func (c *Client) Rows(view string, columns ...string) []string {
	c.T.Helper()
	return c.RowsOf(view, nil, columns...)
}

// RowsOf is Rows of a function with arguments.
func (c *Client) RowsOf(view string, args []sqltype.Value, columns ...string) []string {
	c.T.Helper()
	rows, err := c.Views.Rows(c.T.Context(), c.Caller(), &c.keys, view, args...)
	if err != nil {
		c.out = nil
		c.fail(err)
		return c.out
	}
	var out []string
	for _, r := range rows {
		var cells []string
		for _, want := range columns {
			for i, col := range c.Views.Columns(view) {
				if col.Name == want {
					cells = append(cells, text(r[i]))
				}
			}
		}
		out = append(out, strings.Join(cells, "|"))
	}
	return out
}

func text(v sqltype.Value) string {
	switch k := v.Kind(); {
	case v.IsNull():
		return "NULL"
	case k.IsText():
		return v.Text()
	case k.IsBinary():
		return fmt.Sprintf("0x%X", v.Bytes())
	case k == sqltype.UniqueIdentifier:
		return sqltype.FormatGUID(v.Bytes())
	case k.IsApproximate():
		return fmt.Sprint(v.Float())
	}
	return fmt.Sprint(v.Int())
}
