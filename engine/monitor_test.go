package engine_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/ekm/keystore"
	"latchkey/engine"
	"latchkey/engine/catalog/catalogtest"
	"latchkey/engine/keystmt/keystmttest"
	"latchkey/engine/keystmt/provider"
	"latchkey/internal/secret"
	"latchkey/monitor"
)

// moody is a provider whose keys a test takes away.
type moody struct {
	*keystmttest.Library
	mu      sync.Mutex
	err     error
	hold    chan struct{} // if set, unwraps wait until it is closed
	once    bool          // err is what one unwrap gets; those after it wait for hold, which is made then
	unwraps atomic.Int64
	refused atomic.Int64  // of the unwraps
	wraps   chan struct{} // while it is there, wraps wait for it or their end
}

func (m *moody) say(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

// sayOnce refuses one unwrap; those after it get no answer until the result is called.
func (m *moody) sayOnce(err error) (goOn func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err, m.once = err, true
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.err, m.once = nil, false
		if m.hold != nil {
			close(m.hold)
			m.hold = nil
		}
	}
}

func (m *moody) OpenSession(ctx context.Context, c *ekm.Credential) (ekm.Session, error) {
	s, err := m.Library.OpenSession(ctx, c)
	if err != nil {
		return nil, err
	}
	return &moodySession{s, m}, nil
}

type moodySession struct {
	ekm.Session
	m *moody
}

func (s *moodySession) Unwrap(ctx context.Context, t ekm.Thumbprint, w ekm.Wrapped) (*secret.Bytes, error) {
	s.m.unwraps.Add(1)
	s.m.mu.Lock()
	err, hold := s.m.err, s.m.hold
	if s.m.once {
		s.m.err, s.m.once, s.m.hold = nil, false, make(chan struct{})
	}
	s.m.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if err != nil {
		s.m.refused.Add(1)
		return nil, err
	}
	return s.Session.Unwrap(ctx, t, w)
}

func (s *moodySession) Wrap(ctx context.Context, t ekm.Thumbprint, plain *secret.Bytes) (ekm.Wrapped, error) {
	s.m.mu.Lock()
	wait := s.m.wraps
	s.m.mu.Unlock()
	if wait != nil {
		select {
		case wait <- struct{}{}: // somebody sees it wait
		case <-ctx.Done():
		}
		<-ctx.Done()
		return ekm.Wrapped{}, context.Cause(ctx)
	}
	return s.Session.Wrap(ctx, t, plain)
}

func disabled() error {
	return code.Wrap(code.HTTPOperationForbidden, "unwrapping with", "a test's key",
		&keystore.Failure{Class: keystore.Refused, Status: 403, Reason: "KeyDisabled", Detail: "the key is disabled"})
}

func down() error { return code.New(code.HTTPConnectSession, "unwrapping with", "a test's key") }

// watched is a server with an encrypted database Shop of one row, whose key m gives.
func watched(t *testing.T, window time.Duration, change ...func(*engine.Config)) (*running, *moody, engine.Config, *sql.DB) {
	t.Helper()
	m := &moody{Library: &keystmttest.Library{Provider: &catalogtest.Provider{}}}
	c := config(t.TempDir())
	c.Providers = []provider.Builtin{{Files: []string{"Microsoft.AzureKeyVaultService.EKM.dll"}, Provider: m}}
	c.Monitor.Profile = monitor.Profile{Name: "test", Poll: time.Second, Retry: 100 * time.Millisecond, Tries: 3, Over: 300 * time.Millisecond, Window: window}
	c.Monitor.Timeout = 2 * time.Second
	for _, f := range change {
		f(&c)
	}
	r := start(t, c)
	db := r.connect(t, "dba", password, "")
	for _, q := range []string{
		"EXEC sp_configure 'show advanced options', 1; RECONFIGURE", "EXEC sp_configure 'EKM provider enabled', 1; RECONFIGURE",
		"CREATE CRYPTOGRAPHIC PROVIDER p FROM FILE = '" + catalogtest.Path + "'",
		"CREATE CREDENTIAL a WITH IDENTITY = 'v', SECRET = 'EF5C8E094D2A4A769998D93440D8115Dcanary-client-secret' FOR CRYPTOGRAPHIC PROVIDER p; ALTER LOGIN dba ADD CREDENTIAL a",
		"CREATE ASYMMETRIC KEY k FROM PROVIDER p WITH PROVIDER_KEY_NAME = 'ContosoRSAKey0', CREATION_DISPOSITION = OPEN_EXISTING",
		"ALTER LOGIN dba DROP CREDENTIAL a; CREATE LOGIN l FROM ASYMMETRIC KEY k; ALTER LOGIN l ADD CREDENTIAL a",
		"CREATE DATABASE Shop", "USE Shop; CREATE DATABASE ENCRYPTION KEY WITH ALGORITHM = AES_256 ENCRYPTION BY SERVER ASYMMETRIC KEY k",
		"USE Shop; ALTER DATABASE Shop SET ENCRYPTION ON; CREATE TABLE dbo.t(a int NOT NULL PRIMARY KEY); INSERT dbo.t VALUES (1)", "USE master",
	} {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("%.60s: %v", q, err)
		}
	}
	return r, m, c, db
}

func state(r *running) string {
	for _, i := range r.KeyAccess() {
		return i.State.String()
	}
	return ""
}

func wait(t *testing.T, what string, so func() bool) {
	t.Helper()
	end, limited := t.Deadline()
	for !so() {
		if limited && time.Until(end) < 5*time.Second { // said before the test is ended
			t.Fatalf("in vain until %s", what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// outage is since when the only database's key store gives no answer.
func outage(r *running) time.Time {
	for _, i := range r.KeyAccess() {
		return i.Outage
	}
	return time.Time{}
}

func log(r *running) string {
	var out []string
	for _, a := range r.Activity() {
		out = append(out, a.Event+" "+a.Status+" "+a.Description)
	}
	return strings.Join(out, "\n")
}

const (
	closedLog = "MakeDatabaseInaccessible Started Database has lost access to Azure key vault key and is now inaccessible: " +
		"409 ServerKeyDoesNotExists - The server key does not exist. (KeyDisabled: the key is disabled)\n" +
		"MakeDatabaseInaccessible InProgress Database is waiting for Azure key vault key access to be reestablished by user"
	onlineLog = "MakeDatabaseAccessible Succeeded Database access to Azure key vault key has been reestablished and database is now online."
	wantsLog  = "MakeDatabaseInaccessible Succeeded Database is inaccessible and requires user to resolve Azure key vault errors and reestablish access to Azure key vault key using Re-validate key."
)

// An outage and a refusal for a moment close nothing, and no write fails; a refusal that stays closes the database within the bound, ends its
// sessions without losing a committed row, allows DROP alone, and is over by itself when the key is back.
func TestKeyTakenAway(t *testing.T) {
	r, m, _, db := watched(t, 0)
	wait(t, "it is watched", func() bool { return state(r) == "ONLINE" })
	ctx, cancel := context.WithCancel(t.Context())
	var rows, failed atomic.Int64
	rows.Store(1)
	writer := r.connect(t, "dba", password, "Shop")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 2; ctx.Err() == nil; n++ {
			if _, err := writer.ExecContext(t.Context(), fmt.Sprintf("INSERT dbo.t VALUES (%d)", n)); err != nil {
				failed.Add(1)
				<-time.After(time.Millisecond)
				continue
			}
			rows.Add(1)
		}
	}()
	m.say(down())
	before, calls := rows.Load(), m.unwraps.Load()
	wait(t, "the outage is seen many times, and rows are written in it", func() bool { return m.unwraps.Load() > calls+10 && rows.Load() > before })
	m.say(nil)
	wait(t, "it is over", func() bool { return state(r) == "ONLINE" && outage(r).IsZero() })
	goOn := m.sayOnce(disabled())
	wait(t, "it is suspected", func() bool { return state(r) == "SUSPECT" })
	goOn()
	wait(t, "it is not", func() bool { return state(r) == "ONLINE" })
	if failed.Load() != 0 || log(r) != "" {
		t.Errorf("%d failed, %d written, %q", failed.Load(), rows.Load()-before, log(r))
	}

	tx, err := r.connect(t, "dba", password, "Shop").BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := tx.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM dbo.t").Scan(&n); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	m.say(disabled())
	wait(t, "it is closed", func() bool {
		var s string
		return db.QueryRowContext(t.Context(), "SELECT state_desc FROM sys.databases WHERE name = 'Shop'").Scan(&s) == nil && s == "RECOVERY_PENDING"
	})
	p := monitor.Profile{Poll: time.Second, Retry: 100 * time.Millisecond, Tries: 3, Over: 300 * time.Millisecond}
	if took, bound := time.Since(began), p.Bound(2*time.Second)+time.Minute; took > bound { // to the second it is tested with a clock that stands
		t.Errorf("it took %s, bound %s", took, bound)
	}
	if err := tx.QueryRowContext(t.Context(), "SELECT 1").Scan(&n); err == nil {
		t.Error("a session in the database goes on")
	}
	_ = tx.Rollback()
	cancel()
	<-done
	refused(t, db, "945", "USE Shop")
	refused(t, db, "945", "SELECT * FROM Shop.dbo.t")
	refused(t, db, "945 5069", "ALTER DATABASE Shop SET READ_ONLY")
	refused(t, db, "945 5069", "ALTER DATABASE Shop MODIFY NAME = Other")
	refused(t, db, "33049 945 5069", "ALTER DATABASE Shop SET ONLINE")
	if err := r.connect(t, "dba", password, "Shop").PingContext(t.Context()); err == nil || !strings.Contains(err.Error(), "Shop") {
		t.Errorf("a new connection: %v", err)
	}
	m.say(nil)
	wait(t, "it is back", func() bool { return db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM Shop.dbo.t").Scan(&n) == nil })
	if int64(n) < rows.Load() {
		t.Errorf("%d rows, %d were acknowledged", n, rows.Load())
	}
	got := log(r)
	if !strings.HasPrefix(got, closedLog+".\n") || !strings.HasSuffix(got, onlineLog) {
		t.Errorf("the activity log:\n%s", got)
	}
	if err := db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM sys.latchkey_activity_log WHERE resource = 'Shop'").Scan(&n); err != nil || n < 3 {
		t.Errorf("%d events in the view, %v", n, err)
	}
	var s string
	if err := db.QueryRowContext(t.Context(), "SELECT state_desc FROM sys.latchkey_key_access WHERE database_name = 'Shop'").Scan(&s); err != nil || s != "ONLINE" {
		t.Errorf("%q, %v", s, err)
	}
}

// After the window a database stays closed although its key is back, also over a restart, until somebody asks.
func TestRevalidation(t *testing.T) {
	r, m, c, _ := watched(t, 500*time.Millisecond)
	wait(t, "it is watched", func() bool { return state(r) == "ONLINE" })
	m.say(disabled())
	wait(t, "the window is over and all is told", func() bool { return log(r) == closedLog+" within 500ms.\n"+wantsLog })
	if s := state(r); s != "NEEDS_REVALIDATION" {
		t.Error(s)
	}
	r.stop()
	m.say(nil)
	c.Admin = nil
	r = start(t, c)
	<-r.Ready()
	db := r.connect(t, "dba", password, "")
	n := m.unwraps.Load()
	wait(t, "the key was granted some times", func() bool { return m.unwraps.Load() > n+2 })
	refused(t, db, "945", "USE Shop")
	if _, err := db.ExecContext(t.Context(), "ALTER DATABASE Shop SET ONLINE"); err != nil {
		t.Fatal(err)
	}
	var a int
	if err := db.QueryRowContext(t.Context(), "SELECT a FROM Shop.dbo.t").Scan(&a); err != nil || a != 1 {
		t.Error(a, err)
	}
	want := "MakeDatabaseAccessible Started Restoring database access to Azure key vault key has started.\n" + onlineLog
	if got := log(r); !strings.HasSuffix(got, want) {
		t.Errorf("got\n%s", got)
	}
}

// A database that finds its key gone at the start is inaccessible, and can be dropped.
func TestKeyGoneAtStart(t *testing.T) {
	r, m, c, _ := watched(t, 0)
	r.stop()
	m.say(down())
	c.Admin = nil
	r = start(t, c)
	wait(t, "it is inaccessible", func() bool { return state(r) == "INACCESSIBLE" })
	db := r.connect(t, "dba", password, "")
	if _, err := db.ExecContext(t.Context(), "DROP DATABASE Shop"); err != nil {
		t.Error(err)
	}
	wait(t, "it is told", func() bool { return strings.Contains(log(r), "503 AzureKeyVaultConnectionFailed") })
	wait(t, "it is forgotten", func() bool { return state(r) == "" })
}
