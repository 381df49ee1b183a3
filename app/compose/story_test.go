package compose_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/microsoft/go-mssqldb"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"latchkey/app/compose"
	"latchkey/app/install"
	"latchkey/azure/azuretest"
	"latchkey/internal/clock"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
	"latchkey/monitor/expiry"
	"latchkey/monitor/notify/webhook"
)

const (
	hookSecret = "test-only-canary-webhook-secret-01"
	newSecret  = "canary-renewed-secret-9c1b~Z.y"
)

// pager is the telephone of who is on call.
type pager struct {
	t    *testing.T
	mu   sync.Mutex
	got  []webhook.Body
	raw  bytes.Buffer
	down bool
}

func (p *pager) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down || err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	if v, err := standardwebhooks.NewWebhookRaw([]byte(hookSecret)); err != nil || v.VerifyIgnoringTimestamp(b, r.Header) != nil {
		p.t.Error("a notification has no good signature")
	}
	p.raw.Write(b)
	var body webhook.Body
	if err := json.Unmarshal(b, &body); err != nil {
		p.t.Error(err)
	}
	if body.Data.Event != "Heartbeat" {
		p.got = append(p.got, body)
	}
	w.WriteHeader(http.StatusNoContent)
}

func (p *pager) list() []webhook.Body {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.got)
}

func (p *pager) setDown(down bool) {
	p.mu.Lock()
	p.down = down
	p.mu.Unlock()
}

// story is a database server over a vault that a test has in its hand, with a clock of its own.
type story struct {
	t      *testing.T
	peer   *azuretest.Peer
	clock  *clock.Fake
	pager  *pager
	dir    string
	end    time.Time
	logs   *logs
	engine *compose.Engine
	db     *sql.DB
}

// logs collects what a server says, while a test reads it.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// run lets the clock run while f does something that waits for it.
func (s *story) run(f func()) {
	done := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-done:
				return
			case <-time.After(time.Millisecond):
				s.clock.Advance(20 * time.Millisecond)
			}
		}
	}()
	defer func() { close(done); <-stopped }()
	f()
}

func (s *story) start() { s.run(s.open) }

func (s *story) open() {
	s.t.Helper()
	hook := httptest.NewServer(s.pager)
	s.t.Cleanup(hook.Close)
	secretFile := filepath.Join(s.dir, "hook.secret")
	if err := os.WriteFile(secretFile, []byte(hookSecret+"\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
	text := fmt.Sprintf(`{"data": %q, "listen": ["127.0.0.1:0"], "tls": {"ownNames": ["localhost"]}, "allowPlain": true, "name": "SRV",
		"provider": {"budgetSeconds": 55, "vaults": {"*": {"authority": %q, "caFile": %q, "proxy": "direct", "secretExpires": %q}}},
		"notify": {"webhooks": [{"name": "pager", "url": %q, "secrets": [%q]}], "metrics": "127.0.0.1:0"}}`,
		filepath.Join(s.dir, "engine"), s.peer.Authority.URL, s.peer.CAFile, s.end.Format(time.DateOnly), hook.URL, "file:"+secretFile)
	file := filepath.Join(s.dir, "engine.json")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	c, err := compose.ReadEngineConfig(fsys.OS{}, file)
	if err != nil {
		s.t.Fatal(err)
	}
	s.engine, err = compose.StartEngine(s.t.Context(), compose.EngineStart{
		Process:  install.Process{Clock: s.clock, Log: slog.New(slog.NewTextHandler(s.logs, nil)), LookupEnv: func(string) (string, bool) { return "", false }},
		Password: secret.FromString("Test-Only-1-password"),
	}, c)
	if err != nil {
		s.t.Fatal(err)
	}
	u := url.URL{Scheme: "sqlserver", User: url.UserPassword("dba", "Test-Only-1-password"), Host: s.engine.Addresses[0], RawQuery: "encrypt=disable"}
	if s.db, err = sql.Open("sqlserver", u.String()); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(s.stop)
}

func (s *story) stop() {
	if s.engine == nil {
		return
	}
	_ = s.db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	s.run(func() {
		if err := s.engine.Stop(ctx); err != nil {
			s.t.Error(err)
		}
	})
	s.engine = nil
}

func (s *story) exec(statements ...string) {
	s.t.Helper()
	s.run(func() {
		for _, q := range statements {
			if _, err := s.db.ExecContext(s.t.Context(), q); err != nil {
				s.t.Fatalf("%.80s: %v", q, err)
			}
		}
	})
}

// until lets the clock run, a second at a time, until what is awaited.
func (s *story) until(what string, ok func() bool) {
	s.t.Helper()
	for !ok() {
		select {
		case <-s.t.Context().Done():
			s.t.Fatalf("in vain until %s; told were %v", what, s.pager.list())
		case <-time.After(2 * time.Millisecond):
		}
		s.clock.Advance(time.Second)
	}
}

// told gives the n-th notification once it is there.
func (s *story) told(n int) webhook.Body {
	s.t.Helper()
	s.until(fmt.Sprint("notification ", n), func() bool { return len(s.pager.list()) > n })
	return s.pager.list()[n]
}

// Databases go down at three in the morning because a secret expired, and nobody was told: here somebody is. Warnings come at each stage, each once, over a restart and while the receiver
// is away; when the secret has ended after all, one notification says in a sentence what broke; once it is renewed, the database is back by itself.
func TestSecretExpiresAtThreeInTheMorning(t *testing.T) {
	now := clock.System{}.Now().UTC()
	end := now.Truncate(24 * time.Hour).Add(92 * 24 * time.Hour)
	s := &story{t: t, peer: azuretest.New(t), clock: clock.NewFake(now), pager: &pager{t: t}, dir: t.TempDir(), end: end, logs: &logs{}}
	s.peer.AddKey(t, "ContosoRSAKey0", 2048)
	s.start()
	s.exec(
		"EXEC sp_configure 'show advanced options', 1; RECONFIGURE", "EXEC sp_configure 'EKM provider enabled', 1; RECONFIGURE",
		"CREATE CRYPTOGRAPHIC PROVIDER p FROM FILE = 'latchkey-ekm.dll'",
		fmt.Sprintf("CREATE CREDENTIAL a WITH IDENTITY = '%s', SECRET = '%s' FOR CRYPTOGRAPHIC PROVIDER p; ALTER LOGIN dba ADD CREDENTIAL a", s.peer.Vault.URL, azuretest.ClientHex+azuretest.Secret),
		"CREATE ASYMMETRIC KEY k FROM PROVIDER p WITH PROVIDER_KEY_NAME = 'ContosoRSAKey0', CREATION_DISPOSITION = OPEN_EXISTING",
		"ALTER LOGIN dba DROP CREDENTIAL a; CREATE LOGIN l FROM ASYMMETRIC KEY k; ALTER LOGIN l ADD CREDENTIAL a",
		"CREATE DATABASE Shop", "USE Shop; CREATE DATABASE ENCRYPTION KEY WITH ALGORITHM = AES_256 ENCRYPTION BY SERVER ASYMMETRIC KEY k",
		"USE Shop; ALTER DATABASE Shop SET ENCRYPTION ON; CREATE TABLE dbo.t(a int NOT NULL PRIMARY KEY); INSERT dbo.t VALUES (1)",
	)
	at := func(before time.Duration) { s.clock.Set(end.Add(-before)) }
	for n, stage := range expiry.DefaultStages() {
		switch n {
		case 3: // while the telephone is off: it comes when that is on again
			s.pager.setDown(true)
			at(stage)
			s.until("it was tried", func() bool { return strings.Contains(s.logs.String(), "could not be sent") })
			s.pager.setDown(false)
		case 5: // a restart between two stages tells nothing twice
			s.stop()
			s.start()
			fallthrough
		default:
			at(stage)
		}
		b := s.told(n)
		if b.Type != "latchkey.CredentialExpiring" || !strings.Contains(b.Data.Object, "client secret "+azuretest.ClientID) || b.Data.Server != "SRV" || !b.Data.Ends.Equal(end) || b.Data.Time.Before(end.Add(-stage)) {
			t.Fatalf("stage %s: %+v", stage, b)
		}
		if n == 0 && (b.Data.Status != "90 days" || !strings.Contains(b.Data.Description, "ALTER CREDENTIAL")) {
			t.Errorf("%+v", b.Data)
		}
	}
	var left int64
	if err := s.db.QueryRowContext(t.Context(), "SELECT seconds_left FROM sys.latchkey_expirations WHERE kind = 'secret'").Scan(&left); err != nil || left > 3600 || left < 0 {
		t.Errorf("the view says %d s, %v", left, err)
	}

	// Nobody did anything.
	s.peer.SetHook(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token") || r.FormValue("client_secret") == newSecret {
			return false
		}
		azuretest.AuthorityError(w, http.StatusUnauthorized, "invalid_client", 7000222, "The provided client secret keys are expired.")
		return true
	})
	s.peer.SetSecrets(newSecret)
	s.peer.RevokeTokens()
	s.clock.Set(end)
	var ended, closed webhook.Body
	s.until("it is told that the database is closed", func() bool {
		for _, b := range s.pager.list() {
			switch b.Data.Event + b.Data.Status {
			case "CredentialExpiredFailed":
				ended = b
			case "MakeDatabaseInaccessibleStarted":
				closed = b
			}
		}
		return ended.ID != "" && closed.ID != ""
	})
	if closed.Data.Resource != "Shop" || closed.Data.Cause != "AzureKeyVaultNoServerIdentity" || closed.Data.Code != 3303 ||
		!strings.Contains(closed.Data.Description, "7000222") || !strings.Contains(closed.Explanation, "secret") {
		t.Errorf("%+v", closed)
	}
	t.Logf("told: %s\nmeans: %s", closed.Data.Description, closed.Explanation)
	s.until("it is closed", func() bool {
		_, err := s.db.ExecContext(t.Context(), "USE Shop")
		return err != nil
	})

	// Somebody renews the secret, and does nothing else.
	s.exec(fmt.Sprintf("USE master; ALTER CREDENTIAL a WITH IDENTITY = '%s', SECRET = '%s'", s.peer.Vault.URL, azuretest.ClientHex+newSecret))
	s.until("it is told that the database is open", func() bool {
		return slices.ContainsFunc(s.pager.list(), func(b webhook.Body) bool {
			return b.Data.Event == "MakeDatabaseAccessible" && b.Data.Status == "Succeeded" && b.Data.Resource == "Shop"
		})
	})
	var n int
	s.until("the row is there", func() bool {
		return s.db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM Shop.dbo.t").Scan(&n) == nil
	})
	if n != 1 {
		t.Errorf("%d rows", n)
	}

	// Each was told once, and no secret went anywhere.
	seen := map[string]bool{}
	for _, b := range s.pager.list() {
		if seen[b.ID] {
			t.Errorf("told twice: %+v", b.Data)
		}
		seen[b.ID] = true
	}
	res, err := http.Get("http://" + s.engine.Metrics + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil || !bytes.Contains(metrics, []byte(`latchkey_database_state{database="Shop",state="ONLINE"} 1`)) || !bytes.Contains(metrics, []byte(`latchkey_expires_seconds{kind="secret"`)) {
		t.Errorf("%v\n%s", err, metrics)
	}
	s.stop()
	s.pager.mu.Lock()
	all := map[string][]byte{"notifications": s.pager.raw.Bytes(), "metrics": metrics, "the log": []byte(s.logs.String())}
	s.pager.mu.Unlock()
	err = filepath.WalkDir(filepath.Join(s.dir, "engine"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		all[path] = b
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for where, b := range all {
		for _, canary := range []string{hookSecret, newSecret, azuretest.Secret, "canary-access-token"} {
			if bytes.Contains(b, []byte(canary)) {
				t.Errorf("%s is in %s", canary, where)
			}
		}
	}
}
