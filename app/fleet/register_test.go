package fleet

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/internal/clock"
	"latchkey/internal/secret"
)

// telling is a SQL Server that answers by what a question has in it, first found first.
type telling struct {
	mu      sync.Mutex
	answers []reply
}

type reply struct {
	has  string
	rows [][]driver.Value
}

func (s *telling) set(has string, rows ...[]driver.Value) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := slices.IndexFunc(s.answers, func(r reply) bool { return r.has == has }); n >= 0 {
		s.answers[n].rows = rows
		return
	}
	s.answers = append(s.answers, reply{has, rows})
}

func (s *telling) Connect(context.Context) (driver.Conn, error) { return s, nil }
func (s *telling) Driver() driver.Driver                        { return nil }
func (s *telling) Prepare(string) (driver.Stmt, error)          { return nil, driver.ErrSkip }
func (s *telling) Begin() (driver.Tx, error)                    { return nil, driver.ErrSkip }
func (s *telling) Close() error                                 { return nil }

func (s *telling) QueryContext(_ context.Context, q string, _ []driver.NamedValue) (driver.Rows, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.answers {
		if strings.Contains(q, a.has) {
			return &table{rows: a.rows}, nil
		}
	}
	return nil, fmt.Errorf("nobody answers %q", q)
}

type table struct{ rows [][]driver.Value }

func (a *table) Columns() []string {
	if len(a.rows) == 0 {
		return []string{"a"}
	}
	return make([]string, len(a.rows[0]))
}
func (a *table) Close() error { return nil }

func (a *table) Next(dest []driver.Value) error {
	if len(a.rows) == 0 {
		return io.EOF
	}
	copy(dest, a.rows[0])
	a.rows = a.rows[1:]
	return nil
}

// listing is a provider whose vaults have some keys, and keep a list of who needs them.
type listing struct {
	ekm.Provider
	mu   sync.Mutex
	keys map[string][]string // thumbprints, by vault
	fail error
	told []string
}

type listingSession struct {
	ekm.Session
	l     *listing
	vault string
}

func (l *listing) OpenSession(_ context.Context, c *ekm.Credential) (ekm.Session, error) {
	return &listingSession{l: l, vault: c.Identity}, nil
}

func (s *listingSession) Close(bool) error { return nil }

func (s *listingSession) KeyByThumbprint(_ context.Context, t ekm.Thumbprint) (ekm.KeyInfo, error) {
	s.l.mu.Lock()
	defer s.l.mu.Unlock()
	switch {
	case s.l.fail != nil:
		return ekm.KeyInfo{}, s.l.fail
	case slices.Contains(s.l.keys[s.vault], string(t)):
		return ekm.KeyInfo{URI: "https://" + s.vault + "/keys/k/" + string(t[:2])}, nil
	}
	return ekm.KeyInfo{}, code.New(code.NotFound, "finding", t.String())
}

func (l *listing) Register(_ context.Context, c *ekm.Credential, r ekm.Registration) ([]string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.Secret.Len() == 0 {
		return nil, errors.New("no secret")
	}
	text := fmt.Sprintf("%s: %s %s", c.Identity, r.ID, r.Lease)
	for _, n := range r.Needs {
		text += fmt.Sprintf(", %s %s %s", n.Kind, n.Database, n.URI[strings.LastIndex(n.URI, "/")+1:])
	}
	l.told = append(l.told, text)
	return nil, nil
}

func (l *listing) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := l.told
	l.told = nil
	return out
}

// A watcher registers what real servers need at the vaults that have their keys: at once, when it changes, and every hour; what cannot be told counts as needed, and what could not be
// found out is not taken for free.
func TestRegister(t *testing.T) {
	thumb := func(s string) []byte { return []byte(s + strings.Repeat("x", 18)) }
	sqlserver := &telling{}
	row := func(v ...driver.Value) []driver.Value { return v }
	sqlserver.set("latchkey_backupkey", row(int64(0)))
	sqlserver.set("@@SERVERNAME", row("PROD1"))
	sqlserver.set("k.encryption_state, ISNULL", row("Sales", int64(3), "ASYMMETRIC KEY", thumb("k1")), row("Old", int64(3), "CERTIFICATE", thumb("ce")))
	sqlserver.set("SELECT thumbprint FROM master.sys.asymmetric_keys", row(thumb("k1")), row(thumb("k2")))
	sqlserver.set("SELECT name FROM sys.databases WHERE state <> 0", row("Broken"))
	sqlserver.set("state <> 0", row("Broken", "RECOVERY_PENDING"))
	sqlserver.set("HAS_PERMS_BY_NAME", row(int64(1)))
	sqlserver.set("CONCAT('encryption state", row("Sales", thumb("k1"), "encryption state 3"))
	sqlserver.set("s.encryptor_thumbprint IS NOT NULL", row("Sales", thumb("k2"), `C:\sales.bak, set 1`))
	sqlserver.set("COUNT(*) FROM msdb.dbo.backupset", row(int64(1)))
	sqlserver.set("WHERE state = 0", row("Sales"))
	sqlserver.set("sys.asymmetric_keys ORDER BY name")
	sqlserver.set("sys.key_encryptions")
	l := &listing{keys: map[string][]string{"vault1": {string(thumb("k1")), string(thumb("k2"))}}}
	clk := clock.NewFake(time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC))
	f := New(Options{
		Config: &Config{Name: "w", Vaults: []Vault{
			{Name: "one", Identity: "vault1", Secret: "env:S", Keys: []string{"k"}},
			{Name: "again", Identity: "vault1", Secret: "env:S", Keys: []string{"k"}},
			{Name: "two", Identity: "vault2", Secret: "env:S", Keys: []string{"k"}},
		}},
		Provider: l, Clock: clk, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	f.kept["env:S"] = secret.FromString("s3cret")
	server := func(name string, cfg Server, c driver.Connector) {
		cfg.Name, cfg.DSN = name, "sqlserver://sql1"
		s := newServer(f, cfg)
		s.db = sql.OpenDB(c)
		f.servers = append(f.servers, s)
	}
	server("prod1", Server{}, sqlserver)
	server("left-out", Server{NoRegister: true}, sqlserver)
	own := &telling{}
	own.set("latchkey_backupkey", row(int64(1)))
	server("own", Server{}, own)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); f.Register(ctx) }()
	defer func() { cancel(); <-done; _ = f.Close() }()
	next := func(after time.Duration) []string {
		t.Helper()
		clk.Advance(after)
		if err := clk.BlockUntil(ctx, 1); err != nil { // it has looked, and waits
			t.Fatal(err)
		}
		return l.take()
	}
	const first = "vault1: PROD1:watch 24h0m0s, database Sales k1, not open Broken k1, not open Broken k2, sealed backup Sales k2"
	all := []string{first, "vault2: PROD1:watch 24h0m0s"}
	if d := cmp.Diff(all, next(0)); d != "" {
		t.Errorf("at the start: %s", d)
	}
	if got := next(time.Minute); got != nil {
		t.Errorf("nothing changed: %v", got)
	}
	sqlserver.set("SELECT name FROM sys.databases WHERE state <> 0")
	sqlserver.set("HAS_PERMS_BY_NAME", row(int64(0)))
	few := []string{"vault1: PROD1:watch 24h0m0s, database Sales k1", "vault2: PROD1:watch 24h0m0s"}
	if d := cmp.Diff(few, next(time.Minute)); d != "" {
		t.Errorf("it may see databases alone: %s", d)
	}
	// A vault that gives no answer is not told a part.
	sqlserver.set("k.encryption_state, ISNULL", row("Sales", int64(3), "ASYMMETRIC KEY", thumb("k3")))
	l.mu.Lock()
	l.fail = errors.New("no answer")
	l.mu.Unlock()
	if got := next(time.Minute); got != nil {
		t.Errorf("without an answer: %v", got)
	}
	l.mu.Lock()
	l.fail, l.keys["vault2"] = nil, []string{string(thumb("k3"))}
	l.mu.Unlock()
	moved := []string{"vault1: PROD1:watch 24h0m0s", "vault2: PROD1:watch 24h0m0s, database Sales k3"}
	if d := cmp.Diff(moved, next(time.Minute)); d != "" {
		t.Errorf("under another vault's key: %s", d)
	}
	if d := cmp.Diff(moved, next(time.Hour)); d != "" {
		t.Errorf("an hour later: %s", d)
	}
}
