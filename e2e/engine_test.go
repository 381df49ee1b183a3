package e2e

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/microsoft/go-mssqldb"
)

// dsn is how a SQL client reaches a running server.
func (s *server) dsn(t *testing.T) string {
	t.Helper()
	vars, err := readVariables(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	return vars["SQLSERVER_DSN"]
}

// What the database server acknowledged is there after it was killed amid the writes, several times over, also while a scan runs.
func TestEngineKeepsWhatItAcknowledged(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := up(t, dir, "--demo")
	open := func() *sql.DB {
		db, err := sql.Open("sqlserver", s.dsn(t))
		if err != nil {
			t.Fatal(err)
		}
		return db
	}
	db := open()
	for _, q := range []string{
		"CREATE DATABASE Ledger",
		"USE Ledger; CREATE TABLE dbo.entry (worker int NOT NULL, n int NOT NULL, PRIMARY KEY (worker, n))",
		"USE Ledger; CREATE DATABASE ENCRYPTION KEY WITH ALGORITHM = AES_256 ENCRYPTION BY SERVER ASYMMETRIC KEY LatchkeyDemoKey",
		"ALTER DATABASE Ledger SET ENCRYPTION ON",
	} {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	const workers = 4
	var acked [workers]int // the last one that was acknowledged
	for round := range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		var total atomic.Int64
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				for n := acked[w] + 1; ctx.Err() == nil; n++ {
					if _, err := db.ExecContext(ctx, fmt.Sprintf("INSERT INTO Ledger.dbo.entry (worker, n) VALUES (%d, %d)", w, n)); err != nil {
						return
					}
					acked[w] = n
					total.Add(1)
				}
			})
		}
		await(t, "40 rows are written", func() bool { return total.Load() >= 40 })
		s.kill(t)
		cancel()
		wg.Wait()
		_ = db.Close()
		s = up(t, dir)
		db = open()
		awaitState(t, db, "Ledger", "ONLINE")
		for w := range workers {
			var top, count int
			if err := db.QueryRowContext(t.Context(), fmt.Sprintf("SELECT ISNULL(MAX(n), 0), COUNT(*) FROM Ledger.dbo.entry WHERE worker = %d", w)).Scan(&top, &count); err != nil {
				t.Fatal(err)
			}
			// One more may be there: it was written and the word of it lost.
			if top < acked[w] || top > acked[w]+1 || count != top {
				t.Errorf("round %d: worker %d was told %d, %d is the last of %d", round, w, acked[w], top, count)
			}
			acked[w] = top
		}
	}
	_ = db.Close()
	s.stop(t)
}

// awaitState waits until a database is in a state of sys.databases, and gives the time that passed. After a start those with a key are RECOVERING until they were
// tried once.
func awaitState(t *testing.T, db *sql.DB, name, want string) time.Duration {
	t.Helper()
	return await(t, name+" is "+want, func() bool {
		var state string
		if err := db.QueryRowContext(t.Context(), "SELECT state_desc FROM sys.databases WHERE name = @p1", name).Scan(&state); err != nil {
			t.Fatalf("the state of %s: %v", name, err)
		}
		return state == want
	})
}

// awaitTried waits until every database was tried once after a start.
func awaitTried(t *testing.T, db *sql.DB) {
	t.Helper()
	await(t, "every database was tried", func() bool {
		return number(t, db, "SELECT COUNT(*) FROM sys.databases WHERE state_desc = N'RECOVERING'") == 0
	})
}

// awaitScans waits until no encryption scan runs.
func awaitScans(t *testing.T, db *sql.DB) {
	t.Helper()
	await(t, "no scan runs", func() bool {
		return number(t, db, "SELECT COUNT(*) FROM sys.dm_database_encryption_keys WHERE encryption_state NOT IN (1, 3)") == 0
	})
}

// A database whose key was disabled comes back by itself when the key does.
func TestEngineHealsByItself(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for the server's own clock")
	}
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	s := up(t, dir, "--demo")
	db, err := sql.Open("sqlserver", s.dsn(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{
		"CREATE DATABASE Ledger", "USE Ledger; CREATE TABLE dbo.t (a int NOT NULL PRIMARY KEY)",
		"USE Ledger; CREATE DATABASE ENCRYPTION KEY WITH ALGORITHM = AES_256 ENCRYPTION BY SERVER ASYMMETRIC KEY LatchkeyDemoKey",
		"ALTER DATABASE Ledger SET ENCRYPTION ON",
	} {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	_ = db.Close()
	enable := func(on bool) {
		latchkey(t, "key", "update", "--data", dir, "--name", "ContosoRSAKey0", fmt.Sprintf("--enabled=%t", on), "--force", "--reason", "a test of a lost key")
	}
	enable(false)
	s.stop(t)
	s = up(t, dir)
	if db, err = sql.Open("sqlserver", s.dsn(t)); err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	awaitState(t, db, "Ledger", "RECOVERY_PENDING") // it is tried once when the server is there already
	enable(true)
	took := awaitState(t, db, "Ledger", "ONLINE")
	if most := 25 * time.Second; took > most && os.Getenv("LATCHKEY_LONG") == "1" { // the second attempt at the latest: 5 s and 10 s, and a fifth
		t.Errorf("it healed within %v, want %v", took, most)
	}
	if _, err := db.ExecContext(t.Context(), "INSERT INTO Ledger.dbo.t VALUES (1)"); err != nil {
		t.Error(err)
	}
}

// The database server alone, over a vault of another process: its first login, its own authority, and a vault that is down at a start
// and comes back.
func TestEngineAlone(t *testing.T) {
	t.Parallel() // it waits for the server's own clock
	dir := t.TempDir()
	vaultDir, data := filepath.Join(dir, "vault"), filepath.Join(dir, "engine")
	proxy := "127.0.0.1:" + freePort(t)
	vault := up(t, vaultDir, "--sql", "none", "--proxy", proxy) // the later flag counts
	vars, err := readVariables(vaultDir)
	if err != nil {
		t.Fatal(err)
	}
	if _, there := vars["SQLSERVER_DSN"]; there {
		t.Error("--sql none has a database server")
	}
	config := filepath.Join(dir, "engine.json")
	b, err := json.Marshal(map[string]any{
		"data": data, "listen": []string{"127.0.0.1:0"}, "tls": map[string]any{"ownNames": []string{"localhost", "127.0.0.1"}}, "name": "ALONE",
		"provider": map[string]any{"vaults": map[string]any{"*": map[string]any{"caFile": vars["SSL_CERT_FILE"], "proxy": vars["HTTPS_PROXY"]}}, "budgetSeconds": 10},
	})
	if err == nil {
		err = os.WriteFile(config, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	start := func() (*server, *sql.DB) {
		t.Helper()
		s, err := startCommand("", exec.Command(program, "engine", "--config", config))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = s.cmd.Process.Kill()
			<-s.done
			if t.Failed() {
				t.Logf("the server said:\n%s", s.logs)
			}
		})
		_, rest, _ := strings.Cut(s.logs.String(), "latchkey: sql ")
		addr, _, _ := strings.Cut(rest, "\n")
		file := filepath.Join(data, "dba.password")
		fi, err := os.Stat(file)
		if err != nil || fi.Mode().Perm() != 0o600 {
			t.Fatalf("the password's file: %v, %v", fi, err)
		}
		password, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		u := url.URL{
			Scheme: "sqlserver", User: url.UserPassword("dba", strings.TrimSpace(string(password))), Host: addr,
			RawQuery: url.Values{"certificate": {filepath.Join(data, "tls", "ca.pem")}, "encrypt": {"true"}}.Encode(),
		}
		if strings.Contains(s.logs.String(), strings.TrimSpace(string(password))) {
			t.Error("the password is in the output")
		}
		db, err := sql.Open("sqlserver", u.String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return s, db
	}
	s, db := start()
	for _, q := range []string{
		"EXEC sp_configure 'show advanced options', 1; RECONFIGURE; EXEC sp_configure 'EKM provider enabled', 1; RECONFIGURE",
		`CREATE CRYPTOGRAPHIC PROVIDER AKV FROM FILE = 'C:\Program Files\SQL Server Connector for Microsoft Azure Key Vault\Microsoft.AzureKeyVaultService.EKM.dll'`,
		"CREATE CREDENTIAL c WITH IDENTITY = 'latchkey-dev', SECRET = '" + strings.ReplaceAll(vars["LATCHKEY_CONNECTOR_CLIENT_ID"], "-", "") + vars["LATCHKEY_CONNECTOR_CLIENT_SECRET"] + "' FOR CRYPTOGRAPHIC PROVIDER AKV; ALTER LOGIN dba ADD CREDENTIAL c",
		"CREATE ASYMMETRIC KEY k FROM PROVIDER AKV WITH PROVIDER_KEY_NAME = 'ContosoRSAKey0', CREATION_DISPOSITION = OPEN_EXISTING",
		"CREATE LOGIN kl FROM ASYMMETRIC KEY k; ALTER LOGIN dba DROP CREDENTIAL c; ALTER LOGIN kl ADD CREDENTIAL c",
		"CREATE DATABASE Closed", "CREATE DATABASE Free",
		"USE Closed; CREATE TABLE dbo.t (a int); INSERT INTO dbo.t VALUES (7); CREATE DATABASE ENCRYPTION KEY WITH ALGORITHM = AES_256 ENCRYPTION BY SERVER ASYMMETRIC KEY k",
		"ALTER DATABASE Closed SET ENCRYPTION ON",
	} {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	_ = db.Close()
	plain, err := sql.Open("sqlserver", "sqlserver://dba:x@"+strings.SplitN(strings.SplitN(s.logs.String(), "latchkey: sql ", 2)[1], "\n", 2)[0]+"?encrypt=disable&dial+timeout=5")
	if err != nil {
		t.Fatal(err)
	}
	if err := plain.PingContext(t.Context()); err == nil || strings.Contains(err.Error(), "Login failed") {
		t.Errorf("a client without TLS: %v", err)
	}
	_ = plain.Close()
	s.stop(t)
	vault.stop(t)
	s, db = start() // the vault is down
	awaitState(t, db, "Free", "ONLINE")
	var a int
	if err := db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM Free.sys.tables").Scan(&a); err != nil {
		t.Errorf("the other database: %v", err)
	}
	if err := db.QueryRowContext(t.Context(), "SELECT a FROM Closed.dbo.t").Scan(&a); err == nil {
		t.Error("the encrypted database opened without its vault")
	}
	up(t, vaultDir, "--sql", "none", "--proxy", proxy)
	awaitState(t, db, "Closed", "ONLINE")
	if n := number(t, db, "SELECT a FROM Closed.dbo.t"); n != 7 {
		t.Errorf("got %d", n)
	}
	_ = db.Close()
	s.stop(t)
}
