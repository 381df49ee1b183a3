package sqlscript_test

import (
	"bytes"
	"context"
	"database/sql"
	"log/slog"
	"net"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/microsoft/go-mssqldb/msdsn"

	"latchkey/app/sqlscript"
	"latchkey/engine"
	"latchkey/engine/server"
	"latchkey/internal/secret"
)

// A connection that ends amid a statement, as when the server is killed, ends the script with an error.
func TestLostConnection(t *testing.T) {
	const password = "Canary-Password-1"
	e, err := engine.Open(t.Context(), engine.Config{
		Dir: t.TempDir(), Name: "S", Log: slog.New(slog.DiscardHandler), Admin: &engine.Admin{Name: "dba", Password: secret.FromString(password)},
		Limits: server.Limits{Login: time.Hour},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{Listener: inner}
	go func() { _ = e.Serve(l) }()
	u := url.URL{Scheme: "sqlserver", User: url.UserPassword("dba", password), Host: inner.Addr().String(), RawQuery: "encrypt=disable"}
	cfg, err := msdsn.Parse(u.String())
	if err != nil {
		t.Fatal(err)
	}
	for _, script := range []string{"DECLARE @i int; WHILE 1 = 1 SET @i = 0", "PRINT 'before'; SELECT 1 AS n; WAITFOR DELAY '10:00'"} {
		c, err := sqlscript.Connect(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		theirs := l.last()
		db, err := sql.Open("sqlserver", u.String())
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		done := make(chan error, 1)
		go func() {
			done <- sqlscript.New(c, &out, sqlscript.Options{}).Script(t.Context(), strings.NewReader(script))
		}()
		for n := 0; n == 0; runtime.Gosched() {
			if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM sys.dm_exec_requests WHERE session_id <> @@SPID").Scan(&n); err != nil {
				t.Fatal(err)
			}
		}
		_ = theirs.Close()
		if err := <-done; err == nil || !strings.Contains(err.Error(), "running the batch") {
			t.Errorf("%s: error %v", script, err)
		}
		_ = c.Close()
		_ = db.Close()
	}
}

// listener keeps the last connection.
type listener struct {
	net.Listener
	mu sync.Mutex
	c  net.Conn
}

func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.c = c
	return c, err
}

func (l *listener) last() net.Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.c
}
