package server_test

import (
	"bytes"
	"context"
	"crypto/sha512"
	"database/sql"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	mssql "github.com/microsoft/go-mssqldb"

	"latchkey/engine/catalog/authn"
	"latchkey/engine/catalog/catalogtest"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/catalog/principal"
	"latchkey/engine/server"
	"latchkey/engine/sessions"
	"latchkey/engine/sqltype/wtf8"
	"latchkey/engine/tds"
	"latchkey/engine/tds/conn"
)

const password = "Pä$$w0rd-of-a-test"

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

// fixture is a server whose sessions do as a batch's word says.
type fixture struct {
	*server.Server
	t        *testing.T
	addr     string
	log      *lockedBuffer
	sessions *sessions.Registry
	entered  chan struct{} // gets a value when a batch waits
	noDB     error
}

func start(t *testing.T, limits server.Limits) *fixture {
	t.Helper()
	limits.Login = time.Hour // a password takes seconds under the race detector
	cat := catalogtest.New(t, nil)
	cat.MustDo(model.Master,
		&principal.CreateLogin{Name: "dba", Password: &principal.Password{Hash: quick(password)}, Options: principal.LoginOptions{CheckPolicy: new(false)}},
		&principal.CreateLogin{Name: "admin", Password: &principal.Password{Hash: quick(password)}, Options: principal.LoginOptions{CheckPolicy: new(false)}},
		&principal.ServerMember{Role: "sysadmin", Member: "admin"},
		&principal.CreateLogin{Name: "gone", Password: &principal.Password{Hash: quick(password)}, Options: principal.LoginOptions{CheckPolicy: new(false)}})
	cat.MustDo(model.Master, &principal.AlterLogin{Name: "gone", State: "DISABLE"})
	f := &fixture{t: t, log: &lockedBuffer{}, sessions: sessions.New(nil), entered: make(chan struct{}, 10)}
	f.Server = server.New(server.Config{
		Catalog: cat.Catalog, Gate: authn.New(cat.Catalog), Sessions: f.sessions, Open: f.open, Name: "TEST", Limits: limits,
		Log: slog.New(slog.NewTextHandler(f.log, nil)),
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.addr = l.Addr().String()
	served := make(chan error, 1)
	go func() { served <- f.Serve(l) }()
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(f.log)
		}
		f.stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
		if n := len(f.sessions.List()); n != 0 {
			t.Errorf("%d sessions are left", n)
		}
	})
	return f
}

// quick is a hash in the form of 2012, which is made at once; that of today takes its time, and seconds under the race detector.
func quick(pw string) []byte {
	sum := sha512.Sum512(append(wtf8.AppendUTF16LE(nil, pw), "salt"...))
	return append([]byte("\x02\x00salt"), sum[:]...)
}

func (f *fixture) stop() {
	// A session that is still in a request is cut.
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := f.Shutdown(ctx); err != nil {
		f.t.Error(err)
	}
}

func (f *fixture) open(_ context.Context, l server.Login) (*conn.Accepted, error) {
	if f.noDB != nil {
		return nil, f.noDB
	}
	return &conn.Accepted{Session: &session{f: f, place: l.Session}, Database: l.Database, Language: l.Language}, nil
}

type session struct {
	f     *fixture
	place *sessions.Session
}

func (s *session) Batch(ctx context.Context, m *tds.Batch, out *conn.Reply) error {
	s.place.Begin("BATCH")
	defer s.place.End(0)
	switch {
	case strings.Contains(m.Text, "panic"):
		panic("secret-of-a-user")
	case strings.Contains(m.Text, "wait"):
		s.f.entered <- struct{}{}
		<-ctx.Done()
		return context.Cause(ctx)
	}
	return out.Token(&tds.Done{})
}
func (s *session) RPC(context.Context, *tds.RPC, *conn.Reply) error           { return nil }
func (s *session) TransMgr(context.Context, *tds.TransMgr, *conn.Reply) error { return nil }
func (s *session) Close()                                                     {}

func (f *fixture) connect(user, pw, database string) *sql.DB {
	f.t.Helper()
	q := url.Values{"encrypt": {"disable"}, "dial timeout": {"3600"}, "database": {database}}
	u := url.URL{Scheme: "sqlserver", User: url.UserPassword(user, pw), Host: f.addr, RawQuery: q.Encode()}
	db, err := sql.Open("sqlserver", u.String())
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = db.Close() })
	return db
}

// Who gives the right password gets a session; every other cause has one text, and the reason is in the log alone.
func TestLogins(t *testing.T) {
	f := start(t, server.Limits{})
	if err := f.connect("dba", password, "").PingContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	views := f.sessions.List()
	if len(views) != 1 || views[0].ID != sessions.First || views[0].LoginName != "dba" || views[0].Encrypted {
		t.Errorf("sessions %+v", views)
	}
	for _, c := range []struct{ user, password, reason string }{
		{"dba", "wrong", "Password did not match"},
		{"nobody", "wrong", "Could not find a login"},
		{"gone", password, "The account is disabled"},
		{"sysadmin", "wrong", "Could not find a login"},
	} {
		err := f.connect(c.user, c.password, "").PingContext(t.Context())
		var e mssql.Error
		if want := "Login failed for user '" + c.user + "'."; !errors.As(err, &e) || e.Number != 18456 || e.State != 1 || e.Class != 14 || !strings.HasPrefix(strings.TrimPrefix(e.Message, "login error: "), want) || strings.Contains(e.Message, c.reason) {
			t.Errorf("%s: %#v", c.user, err)
		}
		if !strings.Contains(f.log.String(), c.reason) {
			t.Errorf("%s: the log does not say %q:\n%s", c.user, c.reason, f.log)
		}
	}
	if strings.Contains(f.log.String(), password) {
		t.Error("the log holds a password")
	}
}

// After some failures an address waits, and then it is refused without a look.
func TestGuessingIsSlow(t *testing.T) {
	f := start(t, server.Limits{})
	began := time.Now()
	for range 7 {
		if err := f.connect("dba", "wrong", "").PingContext(t.Context()); err == nil {
			t.Fatal("a wrong password was taken")
		}
	}
	if took := time.Since(began); took < 750*time.Millisecond { // 250 ms and 500 ms
		t.Errorf("7 attempts took %v", took)
	}
}

func TestDatabaseOfALogin(t *testing.T) {
	f := start(t, server.Limits{})
	f.noDB = msg.New(911, "nope")
	for database, first := range map[string]int32{"nope": 4060, "": 4064} {
		err := f.connect("dba", password, database).PingContext(t.Context())
		var e mssql.Error
		if !errors.As(err, &e) || e.Number != 18456 || len(e.All) < 1 || e.All[0].Number != first {
			t.Errorf("%q: %+v", database, err)
		}
	}
	if n := len(f.sessions.List()); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}

// A session that panics ends; the server and the others go on, and what the panic held is not in the log.
func TestPanicEndsOneSession(t *testing.T) {
	f := start(t, server.Limits{})
	other := f.connect("dba", password, "")
	if err := other.PingContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := f.connect("dba", password, "").ExecContext(t.Context(), "do panic"); err == nil {
		t.Error("a panic was no error")
	}
	if _, err := other.ExecContext(t.Context(), "go on"); err != nil {
		t.Errorf("the other session: %v", err)
	}
	until(t, func() bool { return len(f.sessions.List()) == 1 })
	if log := f.log.String(); !strings.Contains(log, "stack=") || strings.Contains(log, "secret-of-a-user") {
		t.Errorf("the log:\n%s", log)
	}
}

func until(t *testing.T, done func() bool) {
	t.Helper()
	for !done() {
		select {
		case <-t.Context().Done():
			t.Fatal("waited in vain")
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// Connections that do not log in take a bounded number of places, and give them back.
func TestPendingIsBounded(t *testing.T) {
	f := start(t, server.Limits{Pending: 3, PendingPerAddress: 2})
	var held []net.Conn
	dial := func() net.Conn {
		c, err := net.Dial("tcp", f.addr)
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, c)
		return c
	}
	dial()
	dial()
	until(t, func() bool { _, pending := f.Connections(); return pending == 2 })
	third := dial()
	if _, err := third.Read(make([]byte, 1)); !errors.Is(err, io.EOF) && err == nil {
		t.Errorf("a third one is kept: %v", err)
	}
	for _, c := range held {
		_ = c.Close()
	}
	until(t, func() bool { open, _ := f.Connections(); return open == 0 })
	if err := f.connect("dba", password, "").PingContext(t.Context()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// Who is let in beyond the bound hears so; an administrator has a place kept, and who does not know the password hears nothing of it.
func TestConnectionsAreBounded(t *testing.T) {
	f := start(t, server.Limits{Connections: 1})
	first := f.connect("dba", password, "")
	if err := first.PingContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	number := func(user, pw string) int32 {
		var e mssql.Error
		switch err := f.connect(user, pw, "").PingContext(t.Context()); {
		case err == nil:
			return 0
		case errors.As(err, &e):
			if e.Number == 17809 && (e.Class != 20 || !strings.Contains(e.Message, "maximum number of '1' user connections has already been reached")) {
				t.Errorf("%+v", e)
			}
			return e.Number
		default:
			t.Fatal(err)
			return -1
		}
	}
	for _, c := range []struct {
		user, password string
		want           int32
	}{{"dba", password, 17809}, {"dba", "wrong", 18456}, {"admin", password, 0}, {"admin", password, 0}, {"admin", password, 17809}} {
		if got := number(c.user, c.password); got != c.want {
			t.Errorf("%s: %d, want %d", c.user, got, c.want)
		}
	}
	if err := first.PingContext(t.Context()); err != nil {
		t.Errorf("who was in: %v", err)
	}
	_ = first.Close()
	until(t, func() bool { return len(f.sessions.List()) == 2 })
	if got := number("dba", password); got != 17809 { // the administrators count too
		t.Errorf("%d", got)
	}
}

// Failures that a flood of clients causes are counted in the log, not written one by one; logins are not lost in it.
func TestLogIsNotFlooded(t *testing.T) {
	f := start(t, server.Limits{PendingPerAddress: 1})
	held, err := net.Dial("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	until(t, func() bool { _, pending := f.Connections(); return pending == 1 })
	for range 60 {
		c, err := net.Dial("tcp", f.addr)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.Read(make([]byte, 1)) // it is closed
		_ = c.Close()
	}
	_ = held.Close()
	until(t, func() bool { open, _ := f.Connections(); return open == 0 })
	f.stop()
	log := f.log.String()
	if n := strings.Count(log, "turned away"); n < 5 || n > 10 {
		t.Errorf("%d lines", n)
	}
	if !strings.Contains(log, "... and 55 more from 127.0.0.1") {
		t.Errorf("the log does not tell how many there were:\n%s", log)
	}
}

// Clients of other machines that do not log in take no place from who connects on this one.
func TestPlacesOfThisMachine(t *testing.T) {
	f := start(t, server.Limits{Pending: 1, PendingPerAddress: 3})
	for range 3 {
		c, err := net.Dial("tcp", f.addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	until(t, func() bool { _, pending := f.Connections(); return pending == 3 })
}

// KILL ends a session amid its request.
func TestKill(t *testing.T) {
	f := start(t, server.Limits{})
	failed := make(chan error)
	db := f.connect("dba", password, "")
	go func() {
		_, err := db.ExecContext(t.Context(), "do wait")
		failed <- err
	}()
	<-f.entered
	if err := f.sessions.Kill(sessions.First, 0); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err == nil {
		t.Error("the request went on")
	}
	until(t, func() bool { return len(f.sessions.List()) == 0 })
	if err := f.sessions.Kill(sessions.First, 0); msg.Messages(err)[0].Number != 6106 {
		t.Errorf("of nobody: %v", err)
	}
}

// A stop lets a request finish that does within its time, and cuts one that does not.
func TestShutdown(t *testing.T) {
	f := start(t, server.Limits{})
	failed := make(chan error, 1)
	db := f.connect("dba", password, "")
	go func() {
		_, err := db.ExecContext(context.Background(), "do wait")
		failed <- err
	}()
	<-f.entered
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := f.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if err := <-failed; err == nil {
		t.Error("the request went on")
	}
	if c, err := net.Dial("tcp", f.addr); err == nil {
		_ = c.Close()
		t.Error("it still accepts")
	}
}
