package e2e

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// drill are the commands of docs/lost-vault.md by their step.
func drill(t *testing.T) map[string]string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "docs", "lost-vault.md"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, m := range regexp.MustCompile("(?ms)^```sh drill=([a-z]+)\n(.*?)^```").FindAllStringSubmatch(string(b), -1) {
		out[m[1]] = m[2]
	}
	if len(out) != 6 {
		t.Fatalf("the page has %d steps", len(out))
	}
	return out
}

// lostWorld is the vault of `latchkey up`, and a database server over it whose vault can be lost.
type lostWorld struct {
	dir, config string
	env         []string
	vault       *server
	engine      *server
	db          *sql.DB
	steps       map[string]string
}

const oldVaultURL, newVaultURL = "https://latchkey-dev.vault.azure.net", "https://rescue.vault.azure.net"

func newLostWorld(t *testing.T) *lostWorld {
	t.Helper()
	need(t, "sh", "grep")
	w := &lostWorld{dir: t.TempDir(), steps: drill(t)}
	vaultDir, data := filepath.Join(w.dir, "vault"), filepath.Join(w.dir, "engine")
	w.vault, w.config = up(t, vaultDir, "--sql", "none"), filepath.Join(w.dir, "engine.json")
	vars, err := readVariables(vaultDir)
	if err != nil {
		t.Fatal(err)
	}
	addr := "127.0.0.1:" + freePort(t)
	writeJSON(t, w.config, map[string]any{
		"data": data, "listen": []string{addr}, "tls": map[string]any{"ownNames": []string{"127.0.0.1"}}, "name": "LOST",
		"provider": map[string]any{"budgetSeconds": 2, "vaults": map[string]any{"*": map[string]any{"caFile": vars["SSL_CERT_FILE"], "proxy": vars["HTTPS_PROXY"]}}},
		"monitor":  map[string]any{"pollSeconds": 1, "retrySeconds": 1, "tries": 3, "overSeconds": 2},
	})
	w.engine = started(t, "engine", "--config", w.config, "--log", "warn")
	password, err := os.ReadFile(filepath.Join(data, "dba.password"))
	if err != nil {
		t.Fatal(err)
	}
	dsn := (&url.URL{
		Scheme: "sqlserver", User: url.UserPassword("dba", strings.TrimSpace(string(password))), Host: addr,
		RawQuery: url.Values{"certificate": {filepath.Join(data, "tls", "ca.pem")}, "encrypt": {"true"}}.Encode(),
	}).String()
	vars["SQLSERVER_DSN"], vars["ENGINE_CONFIG"], vars["VAULT_DATA"], vars["OLD"], vars["NEW"] = dsn, w.config, vaultDir, oldVaultURL, newVaultURL
	vars["LATCHKEY_EKM_SECRET"] = strings.ReplaceAll(vars["LATCHKEY_CONNECTOR_CLIENT_ID"], "-", "") + vars["LATCHKEY_CONNECTOR_CLIENT_SECRET"]
	vars["PATH"] = filepath.Dir(program) + string(filepath.ListSeparator) + os.Getenv("PATH")
	w.env = os.Environ()
	for name, value := range vars {
		w.env = append(w.env, name+"="+value)
	}
	if w.db, err = sql.Open("sqlserver", dsn); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.db.Close() })
	execAll(t, w.db,
		"EXEC sp_configure 'show advanced options', 1; RECONFIGURE; EXEC sp_configure 'EKM provider enabled', 1; RECONFIGURE",
		`CREATE CRYPTOGRAPHIC PROVIDER AKV FROM FILE = 'C:\Program Files\SQL Server Connector for Microsoft Azure Key Vault\Microsoft.AzureKeyVaultService.EKM.dll'`,
		"CREATE CREDENTIAL EKM_credential WITH IDENTITY = 'latchkey-dev', SECRET = '"+vars["LATCHKEY_EKM_SECRET"]+"' FOR CRYPTOGRAPHIC PROVIDER AKV; ALTER LOGIN dba ADD CREDENTIAL EKM_credential",
		"CREATE ASYMMETRIC KEY k FROM PROVIDER AKV WITH PROVIDER_KEY_NAME = 'ContosoRSAKey0', CREATION_DISPOSITION = OPEN_EXISTING",
		"CREATE LOGIN l FROM ASYMMETRIC KEY k; ALTER LOGIN dba DROP CREDENTIAL EKM_credential; ALTER LOGIN l ADD CREDENTIAL EKM_credential",
		"CREATE DATABASE Free")
	for _, name := range []string{"Shop", "Store"} {
		execAll(t, w.db, "CREATE DATABASE "+name,
			"USE "+name+"; CREATE TABLE dbo.t (a int NOT NULL); INSERT INTO dbo.t VALUES (7); CREATE DATABASE ENCRYPTION KEY WITH ALGORITHM = AES_256 ENCRYPTION BY SERVER ASYMMETRIC KEY k",
			"ALTER DATABASE "+name+" SET ENCRYPTION ON")
	}
	return w
}

// do runs a step of the page as it is printed, and gives what it said.
func (w *lostWorld) do(t *testing.T, step string) string {
	t.Helper()
	out, err := w.shell(t.Context(), w.steps[step])
	if err != nil {
		t.Fatalf("step %q: %v\n%s", step, err, out)
	}
	return out
}

func (w *lostWorld) shell(ctx context.Context, script string) (string, error) {
	cmd := exec.CommandContext(ctx, "sh", "-eu", "-c", script)
	cmd.Dir, cmd.Env = w.dir, w.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (w *lostWorld) destroy(t *testing.T) {
	t.Helper()
	data := filepath.Join(w.dir, "vault")
	const reason = "drill of the lost vault" // the database server is registered there
	latchkey(t, "vault", "delete", "--name", "latchkey-dev", "--force", "--reason", reason, "--data", data)
	latchkey(t, "vault", "purge", "--name", "latchkey-dev", "--yes", "--force", "--reason", reason, "--data", data)
}

func (w *lostWorld) state(name string) (s string) {
	if err := w.db.QueryRow("SELECT state_desc FROM sys.databases WHERE name = @p1", name).Scan(&s); err != nil {
		return err.Error()
	}
	return s
}

func (w *lostWorld) open(t *testing.T) {
	t.Helper()
	for _, name := range []string{"Shop", "Store"} {
		await(t, name+" is open", func() bool { return w.state(name) == "ONLINE" })
		if n := number(t, w.db, "SELECT a FROM "+name+".dbo.t"); n != 7 {
			t.Errorf("%s has %d", name, n)
		}
	}
	await(t, "the monitor has an answer", func() bool {
		var n int
		return w.db.QueryRow("SELECT COUNT(*) FROM sys.latchkey_key_access WHERE state_desc = N'ONLINE' AND cause IS NULL AND outage_since IS NULL AND last_check IS NOT NULL").Scan(&n) == nil && n == 2
	})
}

// The drill of docs/lost-vault.md, command by command, while the database server runs and is written to.
func TestLostVaultDrill(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a vault and a server")
	}
	t.Parallel()
	w := newLostWorld(t)
	w.do(t, "before")
	w.destroy(t)
	var rows atomic.Int64
	stop := make(chan struct{})
	written := make(chan struct{})
	go func() {
		defer close(written)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := w.db.Exec("INSERT INTO Shop.dbo.t VALUES (8)"); err == nil {
				rows.Add(1)
			}
			waitALittle()
		}
	}()
	if out, err := w.shell(t.Context(), w.steps["plan"]); err == nil {
		t.Errorf("a plan without a vault: %s", out)
	}
	w.do(t, "vault")
	if out := w.do(t, "plan"); !strings.Contains(out, "to be added") || !strings.Contains(out, "1 of 1 keys would be mapped") {
		t.Errorf("the plan is\n%s", out)
	}
	if out := w.do(t, "map"); !strings.Contains(out, "the map was written and read back: 1 of 1") {
		t.Errorf("it said\n%s", out)
	}
	if out := w.do(t, "map"); !strings.Contains(out, "there already") {
		t.Errorf("again, it said\n%s", out)
	}
	journal, err := os.ReadFile(filepath.Join(w.dir, "relocate.journal"))
	if err != nil || strings.Count(string(journal), `"what":"begin"`) != 1 || strings.Count(string(journal), `"what":"done"`) != 1 {
		t.Errorf("the journal is %q, %v", journal, err)
	}
	w.do(t, "credential")
	w.open(t)
	if out := w.do(t, "look"); strings.Count(out, "ONLINE") != 2 {
		t.Errorf("it looks like\n%s", out)
	}
	close(stop)
	<-written
	if n := number(t, w.db, "SELECT COUNT(*) FROM Shop.dbo.t WHERE a = 8"); int64(n) < rows.Load() || n == 0 {
		t.Errorf("%d rows of %d acknowledged", n, rows.Load())
	}
	w.engine.kill(t)
	w.engine = started(t, "engine", "--config", w.config, "--log", "warn")
	w.open(t) // the new vault is all that it needs
	// The new vault hears what is needed of it, though files and catalogue have the key under its old address.
	await(t, "the new vault knows who needs the key", func() bool {
		out := latchkey(t, "key", "dependents", "--data", filepath.Join(w.dir, "vault"), "--vault", newVaultURL)
		return strings.Contains(out, "database  Shop ") && strings.Contains(out, "database  Store ")
	})
	if out := fails(t, "key", "disable", "--data", filepath.Join(w.dir, "vault"), "--vault", newVaultURL, "--name", "ContosoRSAKey0"); !strings.Contains(out, "KeyStillNeeded") {
		t.Errorf("the new vault said: %s", out)
	}
}

// The same when the server went down with its vault: killed again and again amid the repair, and amid the databases' coming back.
func TestLostVaultWithTheServerDown(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a vault and a server")
	}
	t.Parallel()
	w := newLostWorld(t)
	w.do(t, "before")
	w.destroy(t)
	w.engine.kill(t)
	w.do(t, "vault")
	if out := w.do(t, "plan"); !strings.Contains(out, "to be added") {
		t.Errorf("the plan is\n%s", out)
	}
	rounds := 4
	if os.Getenv("LATCHKEY_LONG") == "1" {
		rounds = 100
	}
	killed := 0
	for range rounds {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(5+rand.IntN(80))*time.Millisecond)
		if _, err := w.shell(ctx, "exec "+strings.TrimSpace(w.steps["map"])); err != nil {
			killed++
		}
		cancel()
	}
	if out := w.do(t, "map"); !strings.Contains(out, "the map was written and read back: 1 of 1") {
		t.Errorf("it said\n%s", out)
	}
	w.engine = started(t, "engine", "--config", w.config, "--log", "warn")
	await(t, "Shop waits for its key", func() bool { return w.state("Shop") == "RECOVERY_PENDING" })
	if s := w.state("Free"); s != "ONLINE" {
		t.Errorf("Free is %s", s)
	}
	w.do(t, "credential")
	for i := range rounds { // the server dies while its databases come back
		<-time.After(time.Duration(rand.IntN(200)) * time.Millisecond)
		w.engine.kill(t)
		w.engine = started(t, "engine", "--config", w.config, "--log", "warn")
		if i%4 == 3 {
			w.open(t)
		}
	}
	w.open(t)
	t.Logf("the repair was killed %d times of %d, the server %d times", killed, rounds, rounds)
	var causes int
	if err := w.db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM sys.latchkey_key_access WHERE state_desc <> N'ONLINE'").Scan(&causes); err != nil || causes != 0 {
		t.Errorf("%d are not online, %v", causes, err)
	}
}
