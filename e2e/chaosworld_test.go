package e2e

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"

	"latchkey/akv"
)

// chaosWorld is `latchkey vault serve`, `latchkey engine` and a faultProxy between them, each in its own process but for the proxy.
type chaosWorld struct {
	dir, vaultConfig, engineConfig string
	vaultData, engineData          string
	vaultPort, entraPort           string
	vault, engine                  *server
	proxy                          *faultProxy
	keys                           *azkeys.Client
	tenant, client, secret         string   // of the database server's application
	secrets                        []string // ids of that application's secrets
	master                         *sql.DB
}

// chaosMonitor are the times of the monitor, in seconds.
type chaosMonitor struct {
	poll, retry, tries, over, window, budget int
	slack                                    time.Duration
}

// refusedWithin is how long a refusal takes at most to close a database, without checks that do not answer. In the short form the machine may be busy.
func (m chaosMonitor) refusedWithin() time.Duration {
	longer := func(n int) time.Duration { return time.Duration(n) * 1200 * time.Millisecond }
	return longer(m.poll) + max(time.Duration(m.tries-1)*longer(m.retry), time.Duration(m.over)*time.Second+longer(m.retry)) + m.slack
}

const chaosVault = "chaos"

// newChaosWorld starts everything: two keys k1 and k2, databases Ledger and Other under them, and Free without a key.
func newChaosWorld(t *testing.T, m chaosMonitor) *chaosWorld {
	t.Helper()
	dir := t.TempDir()
	w := &chaosWorld{
		dir: dir, vaultData: filepath.Join(dir, "vault"), engineData: filepath.Join(dir, "engine"), vaultPort: freePort(t), entraPort: freePort(t),
		vaultConfig: filepath.Join(dir, "vault.json"), engineConfig: filepath.Join(dir, "engine.json"),
	}
	w.writeVaultConfig(t)
	w.startVault(t)
	latchkey(t, "entra", "app", "create", "--name", "sql", "--data", w.vaultData)
	latchkey(t, "entra", "app", "create", "--name", "officer", "--data", w.vaultData)
	latchkey(t, "vault", "create", "--name", chaosVault, "--data", w.vaultData)
	latchkey(t, "vault", "access", "grant", "--name", chaosVault, "--to", "sql", "--role", "Key Vault Crypto Service Encryption User", "--data", w.vaultData)
	latchkey(t, "vault", "access", "grant", "--name", chaosVault, "--to", "officer", "--role", "Key Vault Crypto Officer", "--data", w.vaultData)
	w.tenant = tenantOf(t, w.vaultData)
	id, officer := w.newSecret(t, "officer")
	w.keys = w.keyClient(t, chaosVault, id, officer)
	w.client, w.secret = w.newSecret(t, "sql")
	for _, k := range []string{"k1", "k2"} {
		if _, err := w.keys.CreateKey(t.Context(), k, azkeys.CreateKeyParameters{Kty: ptr(azkeys.KeyTypeRSA), KeySize: ptr(int32(2048))}, nil); err != nil {
			t.Fatal(err)
		}
	}
	w.proxy = newFaultProxy(t, filepath.Join(w.vaultData, "ca.pem"))
	writeJSON(t, w.engineConfig, map[string]any{
		"data": w.engineData, "listen": []string{"127.0.0.1:" + freePort(t)}, "tls": map[string]any{"ownNames": []string{"127.0.0.1"}}, "name": "CHAOS",
		"provider": map[string]any{"budgetSeconds": m.budget, "vaults": map[string]any{"*": map[string]any{
			"caFile": w.proxy.caFile, "proxy": "http://" + w.proxy.addr, "authority": "https://login.example.org:" + w.entraPort,
		}}},
		"monitor": map[string]any{"pollSeconds": m.poll, "retrySeconds": m.retry, "tries": m.tries, "overSeconds": m.over, "windowSeconds": m.window},
	})
	w.startEngine(t)
	execAll(t, w.master,
		"EXEC sp_configure 'show advanced options', 1; RECONFIGURE; EXEC sp_configure 'EKM provider enabled', 1; RECONFIGURE",
		`CREATE CRYPTOGRAPHIC PROVIDER AKV FROM FILE = 'C:\Program Files\SQL Server Connector for Microsoft Azure Key Vault\Microsoft.AzureKeyVaultService.EKM.dll'`,
		"CREATE CREDENTIAL c WITH "+w.credential(chaosVault)+" FOR CRYPTOGRAPHIC PROVIDER AKV; ALTER LOGIN dba ADD CREDENTIAL c",
		"CREATE ASYMMETRIC KEY k1 FROM PROVIDER AKV WITH PROVIDER_KEY_NAME = 'k1', CREATION_DISPOSITION = OPEN_EXISTING",
		"CREATE ASYMMETRIC KEY k2 FROM PROVIDER AKV WITH PROVIDER_KEY_NAME = 'k2', CREATION_DISPOSITION = OPEN_EXISTING",
		"CREATE LOGIN l1 FROM ASYMMETRIC KEY k1; ALTER LOGIN dba DROP CREDENTIAL c; ALTER LOGIN l1 ADD CREDENTIAL c",
		"CREATE CREDENTIAL c2 WITH "+w.credential(chaosVault)+" FOR CRYPTOGRAPHIC PROVIDER AKV; CREATE LOGIN l2 FROM ASYMMETRIC KEY k2; ALTER LOGIN l2 ADD CREDENTIAL c2",
		"CREATE DATABASE Free", "CREATE TABLE Free.dbo.t (a int NOT NULL); INSERT INTO Free.dbo.t VALUES (1)",
	)
	w.encrypted(t, "Ledger", "k1")
	w.encrypted(t, "Other", "k2")
	execAll(t, w.master, "CREATE TABLE Ledger.dbo.entry (worker int NOT NULL, n int NOT NULL, PRIMARY KEY (worker, n))")
	return w
}

func writeJSON(t *testing.T, name string, v any) {
	t.Helper()
	b, err := json.Marshal(v)
	if err == nil {
		err = os.WriteFile(name, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (w *chaosWorld) writeVaultConfig(t *testing.T) {
	t.Helper()
	seal := filepath.Join(w.dir, "seal")
	root := make([]byte, 32)
	rand.Read(root)
	if err := os.WriteFile(seal, []byte(hex.EncodeToString(root)), 0o600); err != nil {
		t.Fatal(err)
	}
	writeJSON(t, w.vaultConfig, map[string]any{
		"data": w.vaultData, "seal": "file:" + seal, "tls": map[string]any{"ownNames": []string{"*.vault.example.org", "login.example.org"}},
		"vault": map[string]any{"listen": []string{"127.0.0.1:" + w.vaultPort}, "vaultHosts": []string{"vault.example.org"}, "authority": "https://login.example.org:" + w.entraPort},
		"entra": map[string]any{
			"listen": []string{"127.0.0.1:" + w.entraPort}, "hosts": []string{"login.example.org:" + w.entraPort},
			"resources": []string{"https://vault.example.org:" + w.vaultPort},
		},
	})
}

// started runs a server of the program and ends it with the test.
func started(t *testing.T, args ...string) *server {
	t.Helper()
	s, err := startCommand("", exec.Command(program, args...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		<-s.done
		if t.Failed() {
			logs := s.logs.String()
			if len(logs) > 20_000 {
				logs = "..." + logs[len(logs)-20_000:]
			}
			t.Logf("latchkey %s said:\n%s", strings.Join(args, " "), logs)
		}
	})
	return s
}

func (w *chaosWorld) startVault(t *testing.T) {
	t.Helper()
	w.vault = started(t, "vault", "serve", "--config", w.vaultConfig)
}

// startEngine starts the database server, which may have ended, and connects to master.
func (w *chaosWorld) startEngine(t *testing.T) {
	t.Helper()
	if w.master != nil {
		_ = w.master.Close()
	}
	w.engine = started(t, "engine", "--config", w.engineConfig, "--log", "warn")
	w.master = w.open(t, "")
}

func (w *chaosWorld) open(t *testing.T, database string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlserver", w.dsn(t, database))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func (w *chaosWorld) dsn(t *testing.T, database string) string {
	t.Helper()
	password, err := os.ReadFile(filepath.Join(w.engineData, "dba.password"))
	if err != nil {
		t.Fatal(err)
	}
	var c struct{ Listen []string }
	b, err := os.ReadFile(w.engineConfig)
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil {
		t.Fatal(err)
	}
	q := url.Values{"certificate": {filepath.Join(w.engineData, "tls", "ca.pem")}, "encrypt": {"true"}}
	if database != "" {
		q.Set("database", database)
	}
	return (&url.URL{Scheme: "sqlserver", User: url.UserPassword("dba", strings.TrimSpace(string(password))), Host: c.Listen[0], RawQuery: q.Encode()}).String()
}

func (w *chaosWorld) encrypted(t *testing.T, name, key string) {
	t.Helper()
	execAll(t, w.master, "CREATE DATABASE "+name,
		"USE "+name+"; CREATE TABLE dbo.t (a int NOT NULL); INSERT INTO dbo.t VALUES (7); CREATE DATABASE ENCRYPTION KEY WITH ALGORITHM = AES_256 ENCRYPTION BY SERVER ASYMMETRIC KEY "+key,
		"ALTER DATABASE "+name+" SET ENCRYPTION ON")
}

// credential is IDENTITY and SECRET for a vault.
func (w *chaosWorld) credential(vault string) string {
	return fmt.Sprintf("IDENTITY = '%s.vault.example.org:%s', SECRET = '%s%s'", vault, w.vaultPort, strings.ReplaceAll(w.client, "-", ""), w.secret)
}

// newSecret makes a client secret.
func (w *chaosWorld) newSecret(t *testing.T, app string, args ...string) (id, secret string) {
	t.Helper()
	var s struct{ ClientID, KeyID, Secret string }
	out := latchkey(t, append([]string{"entra", "secret", "add", "--app", app, "--data", w.vaultData, "--format", "json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatal(err)
	}
	if app == "sql" {
		w.secrets = append(w.secrets, s.KeyID)
	}
	return s.ClientID, s.Secret
}

// dropSecrets takes all secrets of the database server's application away.
func (w *chaosWorld) dropSecrets(t *testing.T) {
	t.Helper()
	for _, id := range w.secrets {
		latchkey(t, "entra", "secret", "remove", "--app", "sql", "--id", id, "--data", w.vaultData)
	}
	w.secrets = nil
}

// keyClient reaches a vault past the proxy.
func (w *chaosWorld) keyClient(t *testing.T, vault, id, secret string) *azkeys.Client {
	t.Helper()
	bundle, err := os.ReadFile(filepath.Join(w.vaultData, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(bundle)
	o := azcore.ClientOptions{
		Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: "https://login.example.org:" + w.entraPort},
		Transport: &http.Client{Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: pool},
			DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				_, port, err := net.SplitHostPort(addr)
				if err != nil {
					return nil, err
				}
				return (&net.Dialer{}).DialContext(ctx, network, "127.0.0.1:"+port)
			},
		}},
	}
	cred, err := azidentity.NewClientSecretCredential(w.tenant, id, secret, &azidentity.ClientSecretCredentialOptions{ClientOptions: o, DisableInstanceDiscovery: true})
	if err != nil {
		t.Fatal(err)
	}
	c, err := azkeys.NewClient(fmt.Sprintf("https://%s.vault.example.org:%s", vault, w.vaultPort), cred, &azkeys.ClientOptions{ClientOptions: o})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// enable switches a key on or off through the vault's API, whoever has registered that it needs it.
func (w *chaosWorld) enable(t *testing.T, key string, on bool) {
	t.Helper()
	ctx := policy.WithHTTPHeader(t.Context(), http.Header{akv.HeaderForceReason: {"a test of a revocation"}})
	if _, err := w.keys.UpdateKey(ctx, key, "", azkeys.UpdateKeyParameters{KeyAttributes: &azkeys.KeyAttributes{Enabled: &on}}, nil); err != nil {
		t.Fatal(err)
	}
}

// await waits for something, with no limit but patience. It gives the time that passed.
func await(t *testing.T, what string, so func() bool) time.Duration {
	t.Helper()
	for began := time.Now(); ; waitALittle() {
		if so() {
			return time.Since(began)
		}
		if t.Context().Err() != nil || time.Since(began) > patience {
			t.Fatalf("in vain until %s", what)
		}
	}
}

// access is what the monitor knows of a database: its state, cause, and whether there is an outage.
func (w *chaosWorld) access(database string) (state, cause string, outage bool) {
	var c sql.NullString
	var since sql.NullTime
	err := w.master.QueryRow("SELECT state_desc, cause, outage_since FROM sys.latchkey_key_access WHERE database_name = @p1", database).Scan(&state, &c, &since)
	if err != nil {
		return err.Error(), "", false
	}
	return state, c.String, since.Valid
}

// well is Online with an answer.
func (w *chaosWorld) well(database string) func() bool {
	return func() bool { s, _, outage := w.access(database); return s == "ONLINE" && !outage }
}

// state is sys.databases' word for a database.
func (w *chaosWorld) state(database string) (s string) {
	if err := w.master.QueryRow("SELECT state_desc FROM sys.databases WHERE name = @p1", database).Scan(&s); err != nil {
		return err.Error()
	}
	return s
}

// unwraps counts the vault's records of unwraps, done and refused.
func (w *chaosWorld) unwraps(t *testing.T) (n int) {
	t.Helper()
	for line := range strings.Lines(latchkey(t, "vault", "audit", "list", "--data", w.vaultData)) {
		if strings.Contains(line, " KeyUnwrap ") {
			n++
		}
	}
	return n
}

// writers write rows to Ledger until they are stopped, each acknowledged one noted.
type writers struct {
	db     *sql.DB
	stop   context.CancelFunc
	wg     sync.WaitGroup
	rows   atomic.Int64
	failed atomic.Int64 // writes that were answered with an error

	mu    sync.Mutex
	last  error
	acked []int // by worker: the last row
	holes []map[int]bool
}

func (w *chaosWorld) write(t *testing.T, workers int) *writers {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	x := &writers{db: w.open(t, "Ledger"), stop: cancel, acked: make([]int, workers), holes: make([]map[int]bool, workers)}
	for i := range workers {
		x.holes[i] = map[int]bool{}
		x.wg.Go(func() {
			for n := 1; ctx.Err() == nil; n++ {
				_, err := x.db.ExecContext(t.Context(), fmt.Sprintf("INSERT INTO dbo.entry (worker, n) VALUES (%d, %d)", i, n))
				x.mu.Lock()
				if x.acked[i] = n; err != nil {
					x.holes[i][n] = true // it may be there or not
					x.last = err
					x.failed.Add(1)
				} else {
					x.rows.Add(1)
				}
				x.mu.Unlock()
				waitALittle() // the machine has other work to do as well
			}
		})
	}
	t.Cleanup(func() { cancel(); x.wg.Wait() })
	return x
}

// progress waits until some more rows were acknowledged.
func (x *writers) progress(t *testing.T) {
	t.Helper()
	from := x.rows.Load()
	await(t, "more rows are written", func() bool { return x.rows.Load() >= from+8 })
}

// check stops the writers and looks for every row that was acknowledged.
func (x *writers) check(t *testing.T, db *sql.DB) int64 {
	t.Helper()
	x.stop()
	x.wg.Wait()
	rows, err := db.QueryContext(t.Context(), "SELECT worker, n FROM Ledger.dbo.entry")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	there := make([]map[int]bool, len(x.acked))
	for i := range there {
		there[i] = map[int]bool{}
	}
	for rows.Next() {
		var i, n int
		if err := rows.Scan(&i, &n); err != nil {
			t.Fatal(err)
		}
		there[i][n] = true
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for i, top := range x.acked {
		for n := 1; n <= top; n++ {
			if !there[i][n] && !x.holes[i][n] {
				t.Errorf("row %d of writer %d was acknowledged and is lost", n, i)
			}
		}
		for n := range there[i] {
			if n > top {
				t.Errorf("row %d of writer %d was never written", n, i)
			}
		}
	}
	return x.rows.Load()
}
