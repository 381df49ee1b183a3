package e2e

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"latchkey/app/compose"

	mssql "github.com/microsoft/go-mssqldb"
)

// The database server runs the documented scripts over the shared library that a SQL Server would load: server, loader, library, agent, vault
// are five processes. A library that dies takes no connection of a client with it, and databases open again over it.
func TestEngineLoadsTheLibrary(t *testing.T) {
	t.Parallel() // it waits for the server's own clock
	library, _ := buildLibrary(t)
	dir := t.TempDir()
	tool := filepath.Join(filepath.Dir(library), "latchkey-ekm-loader")
	if out, err := exec.Command("make", "-C", filepath.Join("..", "shim"), "OUT="+filepath.Dir(library), "loader").CombinedOutput(); err != nil {
		t.Fatalf("building the loader: %v\n%s", err, out)
	}
	vault := up(t, filepath.Join(dir, "vault"))
	vars, err := readVariables(vault.dir)
	if err != nil {
		t.Fatal(err)
	}
	password := strings.ReplaceAll(vars["LATCHKEY_CONNECTOR_CLIENT_ID"], "-", "") + vars["LATCHKEY_CONNECTOR_CLIENT_SECRET"]
	socket := filepath.Join(dir, "agent.sock")
	agentArgs := []string{"--data", vault.dir, "--listen", "unix:" + socket, "--map", filepath.Join(dir, "keymap")}
	a := startAgent(t, agentArgs...)

	data := filepath.Join(dir, "engine")
	config := filepath.Join(dir, "engine.json")
	b, err := json.Marshal(compose.EngineConfig{
		Data: data, Listen: []string{"127.0.0.1:0"}, TLS: compose.ServeTLS{OwnNames: []string{"127.0.0.1"}}, Provider: compose.EngineProvider{Loader: tool},
	})
	if err == nil {
		err = os.WriteFile(config, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	startEngine := func() (*exec.Cmd, *lockedBuffer, *sql.DB) {
		t.Helper()
		cmd := exec.Command(program, "engine", "--config", config)
		cmd.Env = append(os.Environ(), "LATCHKEY_AGENT=unix:"+socket)
		log := &lockedBuffer{}
		cmd.Stderr = log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			if t.Failed() {
				t.Logf("the database server said:\n%s", log.String())
			}
		})
		await(t, "the database server is ready", func() bool { return strings.Contains(log.String(), readyLine) })
		addr := regexp.MustCompile(`sql (127\.0\.0\.1:\d+)`).FindStringSubmatch(log.String())
		secret, err := os.ReadFile(filepath.Join(data, "dba.password"))
		if err != nil || addr == nil {
			t.Fatalf("%v %v\n%s", err, addr, log.String())
		}
		q := url.Values{"encrypt": {"true"}, "certificate": {filepath.Join(data, "tls", "ca.pem")}}
		dsn := url.URL{Scheme: "sqlserver", User: url.UserPassword("dba", strings.TrimSpace(string(secret))), Host: addr[1], RawQuery: q.Encode()}
		db, err := sql.Open("sqlserver", dsn.String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		return cmd, log, db
	}
	server, log, db := startEngine()
	run := func(q string) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	number := func(q string) int32 {
		t.Helper()
		_, err := db.ExecContext(t.Context(), q)
		if e, ok := err.(mssql.Error); ok { //nolint:errorlint // the driver's own, not wrapped
			return e.Number
		}
		t.Errorf("%s: %v", q, err)
		return 0
	}
	run("EXEC sp_configure 'show advanced options', 1; RECONFIGURE")
	run("EXEC sp_configure 'EKM provider enabled', 1; RECONFIGURE")
	if n := number("CREATE CRYPTOGRAPHIC PROVIDER Missing FROM FILE = '/nowhere/other-ekm.so'"); n != 33027 {
		t.Errorf("a library that is not there is message %d", n)
	}
	run("CREATE CRYPTOGRAPHIC PROVIDER Ekm FROM FILE = '" + library + "'")
	run("CREATE CREDENTIAL cred WITH IDENTITY = '" + compose.VaultName + "', SECRET = '" + password + "' FOR CRYPTOGRAPHIC PROVIDER Ekm")
	run("ALTER LOGIN [dba] ADD CREDENTIAL cred")
	if n := number("CREATE ASYMMETRIC KEY k0 FROM PROVIDER Ekm WITH PROVIDER_KEY_NAME = 'no-such-key', CREATION_DISPOSITION = OPEN_EXISTING"); n != 33049 {
		t.Errorf("a key that is not there is message %d", n)
	}
	run("CREATE ASYMMETRIC KEY k FROM PROVIDER Ekm WITH PROVIDER_KEY_NAME = '" + compose.KeyName + "', CREATION_DISPOSITION = OPEN_EXISTING")
	run("CREATE LOGIN TDE_Login FROM ASYMMETRIC KEY k")
	run("ALTER LOGIN [dba] DROP CREDENTIAL cred")
	run("ALTER LOGIN TDE_Login ADD CREDENTIAL cred")
	run("CREATE DATABASE Ledger")
	run("USE Ledger; CREATE TABLE dbo.t (a int NOT NULL PRIMARY KEY, b nvarchar(50)); INSERT INTO dbo.t VALUES (1, N'canary-in-the-file')")
	run("USE Ledger; CREATE DATABASE ENCRYPTION KEY WITH ALGORITHM = AES_256 ENCRYPTION BY SERVER ASYMMETRIC KEY k")
	run("ALTER DATABASE Ledger SET ENCRYPTION ON")
	read := func(when string) {
		t.Helper()
		var got string
		if err := db.QueryRowContext(t.Context(), "SELECT b FROM Ledger.dbo.t").Scan(&got); err != nil || got != "canary-in-the-file" {
			t.Errorf("%s: %q, %v", when, got, err)
		}
	}
	read("encrypted")
	awaitScans(t, db) // the scan holds the database

	// The library's process dies: the server lives, and the next use of the key works.
	killed := killChildren(t, server.Process.Pid)
	if killed == 0 {
		t.Error("no process of the library was there")
	}
	read("after the library died")
	run("USE master; ALTER DATABASE Ledger SET OFFLINE WITH ROLLBACK IMMEDIATE")
	run("ALTER DATABASE Ledger SET ONLINE")
	read("opened again")

	// Without an agent a database does not open, and says why; with one it does.
	a.kill()
	run("USE master; ALTER DATABASE Ledger SET OFFLINE WITH ROLLBACK IMMEDIATE")
	if _, err := db.ExecContext(t.Context(), "ALTER DATABASE Ledger SET ONLINE"); err == nil {
		t.Error("a database opened without its key")
	}
	startAgent(t, agentArgs...)
	await(t, "the database opens with the agent back", func() bool { // the server heals it by itself as well
		_, err := db.ExecContext(t.Context(), "ALTER DATABASE Ledger SET ONLINE")
		return err == nil
	})
	read("with the agent back")
	if strings.Contains(log.String(), password) {
		t.Error("the log holds the secret")
	}
}

// killChildren kills the direct children of a process and tells how many there were.
func killChildren(t *testing.T, pid int) int {
	t.Helper()
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	n := 0
	for _, task := range tasks {
		out, err := os.ReadFile(task)
		if err != nil {
			continue // the thread has gone
		}
		for child := range strings.FieldsSeq(string(out)) {
			if exec.Command("kill", "-9", child).Run() == nil {
				n++
			}
		}
	}
	return n
}
