package engine_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/microsoft/go-mssqldb"

	"latchkey/engine"
	"latchkey/engine/server"
	"latchkey/engine/servicekey"
	"latchkey/internal/secret"
)

const password = "Pass-w0rd-of-a-test"

// running is a server on a port of this machine.
type running struct {
	*engine.Engine
	addr   string
	dir    string
	served chan error
	stop   func()
	// abandon is stop of a server that cannot end well.
	abandon func()
}

func config(dir string) engine.Config {
	return engine.Config{
		Dir: dir, Name: "TESTSRV", Log: slog.New(slog.DiscardHandler), Admin: &engine.Admin{Name: "dba", Password: secret.FromString(password)},
		Limits: server.Limits{Login: time.Hour}, // a password takes seconds under the race detector
	}
}

func start(t *testing.T, c engine.Config) *running {
	t.Helper()
	e, err := engine.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &running{Engine: e, dir: c.Dir, addr: l.Addr().String(), served: make(chan error, 1)}
	go func() { r.served <- e.Serve(l) }()
	stopped := false
	r.stop = func() {
		if stopped {
			return
		}
		stopped = true
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute) // a busy machine takes its time
		defer cancel()
		if err := e.Close(ctx); err != nil {
			t.Error(err)
		}
		if err := <-r.served; err != nil {
			t.Error(err)
		}
	}
	r.abandon = func() { // its disk is gone: what it says of that is no news
		if stopped {
			return
		}
		stopped = true
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = e.Close(ctx)
		<-r.served
	}
	t.Cleanup(r.stop)
	return r
}

func (r *running) connect(t *testing.T, user, pw, database string) *sql.DB {
	t.Helper()
	u := url.URL{Scheme: "sqlserver", User: url.UserPassword(user, pw), Host: r.addr, RawQuery: url.Values{"encrypt": {"disable"}, "database": {database}}.Encode()}
	db, err := sql.Open("sqlserver", u.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func TestSelectOne(t *testing.T) {
	r := start(t, config(t.TempDir()))
	var n int
	if err := r.connect(t, "dba", password, "").QueryRowContext(t.Context(), "SELECT 1").Scan(&n); err != nil || n != 1 {
		t.Fatalf("%d, %v", n, err)
	}
}

// What was written is there after a restart.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	r := start(t, config(dir))
	db := r.connect(t, "dba", password, "")
	for _, s := range []string{"CREATE DATABASE Shop", "USE Shop; CREATE TABLE dbo.t(a int NOT NULL PRIMARY KEY, b nvarchar(20)); INSERT INTO dbo.t VALUES(1, N'one')"} {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	_ = db.Close()
	r.stop()
	r = start(t, config(dir))
	var b string
	if err := r.connect(t, "dba", password, "Shop").QueryRowContext(t.Context(), "SELECT b FROM dbo.t WHERE a = 1").Scan(&b); err != nil || b != "one" {
		t.Fatalf("%q, %v", b, err)
	}
}

// A second server on the same folder is told who has it.
func TestFolderIsLocked(t *testing.T) {
	dir := t.TempDir()
	start(t, config(dir))
	_, err := engine.Open(t.Context(), config(dir))
	if !errors.Is(err, engine.ErrInUse) || !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
		t.Errorf("got %v", err)
	}
}

// What is lost is said by its name, and nothing is made in its place.
func TestLostParts(t *testing.T) {
	made := func(t *testing.T) string {
		dir := t.TempDir()
		r := start(t, config(dir))
		db := r.connect(t, "dba", password, "")
		if _, err := db.ExecContext(t.Context(), "CREATE DATABASE Shop"); err != nil {
			t.Fatal(err)
		}
		_ = db.Close()
		r.stop()
		return dir
	}
	for _, c := range []struct {
		name  string
		files []string
		want  error
	}{
		{"service master key", []string{"service-key/" + servicekey.FileName}, servicekey.ErrLost},
		{"catalogue", []string{"catalog/catalog.snapshot", "catalog/catalog.journal"}, engine.ErrLost},
		{"master", []string{"system/master.mdf"}, engine.ErrLost},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := made(t)
			for _, f := range c.files {
				if err := os.Rename(filepath.Join(dir, filepath.FromSlash(f)), filepath.Join(dir, filepath.Base(f)+".away")); err != nil && !errors.Is(err, os.ErrNotExist) {
					t.Fatal(err)
				}
			}
			if _, err := engine.Open(t.Context(), config(dir)); !errors.Is(err, c.want) {
				t.Fatalf("got %v", err)
			}
			for _, f := range c.files {
				if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(f))); err == nil {
					t.Errorf("%s was made anew", f)
				}
				if err := os.Rename(filepath.Join(dir, filepath.Base(f)+".away"), filepath.Join(dir, filepath.FromSlash(f))); err != nil && !errors.Is(err, os.ErrNotExist) {
					t.Fatal(err)
				}
			}
			start(t, config(dir))
		})
	}
	t.Run("damaged key", func(t *testing.T) {
		dir := made(t)
		file := filepath.Join(dir, "service-key", servicekey.FileName)
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		b[12] ^= 1
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := engine.Open(t.Context(), config(dir)); !errors.Is(err, servicekey.ErrDamaged) {
			t.Errorf("got %v", err)
		}
		if err := os.Chmod(file, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := engine.Open(t.Context(), config(dir)); !errors.Is(err, servicekey.ErrOpenToOthers) {
			t.Errorf("got %v", err)
		}
	})
}

// The error log has the failures, and no line that a client wrote.
func TestErrorLog(t *testing.T) {
	dir := t.TempDir()
	r := start(t, config(dir))
	user := "mallory\n2026-01-01 00:00:00.00 server      all is well"
	if err := r.connect(t, user, "wrong", "").PingContext(t.Context()); err == nil {
		t.Fatal("mallory is in")
	}
	b, err := os.ReadFile(filepath.Join(dir, "log", "errorlog"))
	if err != nil || !strings.Contains(string(b), "Login failed for user 'mallory") || strings.Contains(string(b), "\n2026-01-01") {
		t.Errorf("%v:\n%s", err, b)
	}
}

// sp_readerrorlog shows the log to who may see it.
func TestReadErrorLog(t *testing.T) {
	began := time.Now().Add(-time.Second) // what the log has of it is rounded
	r := start(t, config(t.TempDir()))
	_ = r.connect(t, "nobody", "wrong", "").PingContext(t.Context())
	db := r.connect(t, "dba", password, "")
	var when time.Time
	var who, text string
	if err := db.QueryRowContext(t.Context(), "EXEC sp_readerrorlog 0, 1, N'LOGIN failed', N'nobody'").Scan(&when, &who, &text); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(who, "spid") || !strings.Contains(text, "Login failed for user 'nobody'") || when.Before(began) || when.After(time.Now().Add(time.Second)) {
		t.Errorf("%v %q %q", when, who, text)
	}
	if err := db.QueryRowContext(t.Context(), "EXEC xp_readerrorlog 5").Scan(&when, &who, &text); err == nil {
		t.Error("an older log that is not there was read")
	}
	if _, err := db.ExecContext(t.Context(), "CREATE LOGIN guest1 WITH PASSWORD = '"+password+"'"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.connect(t, "guest1", password, "").ExecContext(t.Context(), "EXEC sp_readerrorlog 0"); err == nil {
		t.Error("a login without rights read the log")
	}
	if _, err := r.connect(t, "guest1", password, "").ExecContext(t.Context(), "EXEC sp_cycle_errorlog"); err == nil {
		t.Error("a login without rights began a new log")
	}
	if _, err := db.ExecContext(t.Context(), "EXEC sp_cycle_errorlog"); err != nil {
		t.Fatal(err)
	}
	if err := db.QueryRowContext(t.Context(), "EXEC sp_readerrorlog 1, 1, N'nobody'").Scan(&when, &who, &text); err != nil {
		t.Errorf("the log before: %v", err)
	}
	if err := db.QueryRowContext(t.Context(), "EXEC sp_readerrorlog 0, 1, N'reinitialized'").Scan(&when, &who, &text); err != nil {
		t.Errorf("the present log: %v", err)
	}
}

// Large constants that are folded into a smaller one leave no place in SQLite's text; they are no error.
func TestLargeConstants(t *testing.T) {
	r := start(t, config(t.TempDir()))
	db := r.connect(t, "dba", password, "")
	var a, b int
	err := db.QueryRowContext(t.Context(), "SELECT LEN(STR(1, 8000, 20)), LEN(a) FROM (SELECT REPLICATE('x', 8000) AS a) AS x WHERE REPLICATE('a', 8000) NOT LIKE '%b'").Scan(&a, &b)
	if err != nil || a != 8000 || b != 8000 {
		t.Errorf("%d, %d, %v", a, b, err)
	}
}
