package retire_test

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/microsoft/go-mssqldb"

	"latchkey/engine"
	"latchkey/engine/catalog/catalogtest"
	"latchkey/engine/keystmt/keystmttest"
	"latchkey/engine/keystmt/provider"
	serving "latchkey/engine/server"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
	"latchkey/ops/retire"
	"latchkey/ops/runbook"
)

// server is one of ours, with keys that another one may share.
type server struct {
	t  *testing.T
	db *sql.DB
	e  *engine.Engine
}

const password = "Pass-w0rd-of-a-test"

func start(t *testing.T, name string, keys *catalogtest.Provider) *server {
	t.Helper()
	e, err := engine.Open(t.Context(), engine.Config{
		Dir: t.TempDir(), Name: name, Log: slog.New(slog.DiscardHandler), Admin: &engine.Admin{Name: "dba", Password: secret.FromString(password)},
		Limits:    serving.Limits{Login: time.Hour}, // a busy machine is in no hurry
		Providers: []provider.Builtin{{Files: []string{"Microsoft.AzureKeyVaultService.EKM.dll"}, Provider: &keystmttest.Library{Provider: keys}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = e.Serve(l) }()
	u := url.URL{Scheme: "sqlserver", User: url.UserPassword("dba", password), Host: l.Addr().String(), RawQuery: "encrypt=disable"}
	db, err := sql.Open("sqlserver", u.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = db.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		if err := e.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	s := &server{t, db, e}
	s.do("EXEC sp_configure 'show advanced options', 1; RECONFIGURE", "EXEC sp_configure 'EKM provider enabled', 1; RECONFIGURE",
		"CREATE CRYPTOGRAPHIC PROVIDER p FROM FILE = '"+catalogtest.Path+"'")
	return s
}

func (s *server) do(statements ...string) {
	s.t.Helper()
	for _, q := range statements {
		if _, err := s.db.ExecContext(s.t.Context(), q); err != nil {
			s.t.Fatalf("%.120s: %v", q, err)
		}
	}
}

// key makes an asymmetric key with its login and credential.
func (s *server) key(n string) {
	s.t.Helper()
	s.do("CREATE CREDENTIAL c"+n+" WITH IDENTITY = 'v', SECRET = 'EF5C8E094D2A4A769998D93440D8115Dcanary-client-secret' FOR CRYPTOGRAPHIC PROVIDER p; ALTER LOGIN dba ADD CREDENTIAL c"+n,
		"CREATE ASYMMETRIC KEY "+n+" FROM PROVIDER p WITH PROVIDER_KEY_NAME = '"+n+"', CREATION_DISPOSITION = OPEN_EXISTING",
		"ALTER LOGIN dba DROP CREDENTIAL c"+n+"; CREATE LOGIN l"+n+" FROM ASYMMETRIC KEY "+n+"; ALTER LOGIN l"+n+" ADD CREDENTIAL c"+n)
}

// encrypted makes a database with a row and encrypts it.
func (s *server) encrypted(name, key string) {
	s.t.Helper()
	s.do("CREATE DATABASE "+name, "USE "+name+"; CREATE TABLE dbo.t(a int NOT NULL PRIMARY KEY); INSERT dbo.t VALUES (1); CREATE DATABASE ENCRYPTION KEY WITH ALGORITHM = AES_256 ENCRYPTION BY SERVER ASYMMETRIC KEY "+key+
		"; ALTER DATABASE "+name+" SET ENCRYPTION ON")
	s.settled(name)
}

// settled waits until no scan runs.
func (s *server) settled(name string) {
	s.t.Helper()
	for {
		var state int
		if err := s.db.QueryRowContext(s.t.Context(), "SELECT encryption_state FROM sys.dm_database_encryption_keys WHERE database_id = DB_ID(@p1)", name).Scan(&state); err != nil {
			s.t.Fatal(err)
		}
		if state == 3 || state == 1 {
			return
		}
		<-time.After(5 * time.Millisecond)
	}
}

func (s *server) thumbprint(key string) []byte {
	s.t.Helper()
	b, err := runbook.Server{DB: s.db}.KeyThumbprint(s.t.Context(), key)
	if err != nil || b == nil {
		s.t.Fatalf("thumbprint of %s: %v", key, err)
	}
	return b
}

// look is the report's data, a line each: the objects that name the key are left out.
func (s *server) look(thumbprint []byte, folders ...string) (*retire.Report, string) {
	s.t.Helper()
	r, err := retire.Look(s.t.Context(), runbook.Server{DB: s.db}, thumbprint)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, f := range folders {
		if err := r.Scan(s.t.Context(), fsys.OS{}, f); err != nil {
			s.t.Fatal(err)
		}
	}
	var lines []string
	for _, n := range r.Needs {
		if !slices.Contains([]string{retire.AsymmetricKey, retire.Login, retire.Credential}, n.Kind) {
			lines = append(lines, n.Kind+" "+filepath.Base(n.Name))
		}
	}
	for _, u := range r.Unknown {
		lines = append(lines, "unknown "+u)
	}
	slices.Sort(lines)
	if r.Free != (len(r.Needs) == 0 && len(r.Unknown) == 0) {
		s.t.Errorf("free %t with %d needs, %d unknown", r.Free, len(r.Needs), len(r.Unknown))
	}
	return r, strings.Join(lines, "\n")
}

func (s *server) expect(what string, thumbprint []byte, want string, folders ...string) {
	s.t.Helper()
	if _, got := s.look(thumbprint, folders...); got != want {
		s.t.Errorf("%s:\n%s\nwant\n%s", what, got, want)
	}
}

// The life of three keys, step by step, on two servers: what needs each is told exactly.
func TestLedger(t *testing.T) {
	shared := &catalogtest.Provider{}
	a := start(t, "A", shared)
	for _, k := range []string{"k1", "k2", "k3"} {
		a.key(k)
	}
	k1, k2, k3 := a.thumbprint("k1"), a.thumbprint("k2"), a.thumbprint("k3")
	dir := t.TempDir()
	at := func(name string) string { return "'" + filepath.Join(dir, name) + "'" }
	a.encrypted("Shop", "k1")
	a.expect("encrypted", k1, "database Shop")
	a.expect("not yet in use", k2, "")
	a.do("BACKUP DATABASE Shop TO DISK = "+at("full.bak"), "INSERT Shop.dbo.t VALUES (2)")
	a.expect("backed up", k1, "backup Shop\ndatabase Shop\nkept log Shop")

	// A new generation of the database's key under the same protector, then another protector: the log has parts from before.
	a.do("USE Shop; ALTER DATABASE ENCRYPTION KEY REGENERATE WITH ALGORITHM = AES_128")
	a.settled("Shop")
	a.do("INSERT Shop.dbo.t VALUES (3)", "USE Shop; ALTER DATABASE ENCRYPTION KEY ENCRYPTION BY SERVER ASYMMETRIC KEY k2", "INSERT Shop.dbo.t VALUES (4)")
	a.expect("regenerated and rotated, the old one", k1, "backup Shop\nkept log Shop")
	a.expect("regenerated and rotated, the new one", k2, "database Shop\nkept log Shop")
	a.do("BACKUP LOG Shop TO DISK = " + at("log.trn"))
	a.expect("log backed up, the old one", k1, "backup Shop\nbackup Shop")
	a.expect("log backed up, the new one", k2, "backup Shop\ndatabase Shop")

	// Sealed under a third, of a database without encryption.
	a.do("CREATE DATABASE Plain", "BACKUP DATABASE Plain TO DISK = "+at("sealed.bak")+" WITH FORMAT, COPY_ONLY, ENCRYPTION (ALGORITHM = AES_256, SERVER ASYMMETRIC KEY = k3)")
	a.expect("sealed", k3, "sealed backup Plain")

	// Offline, restoring, with a file that tells; with one that does not.
	a.do("USE master; ALTER DATABASE Shop SET OFFLINE WITH ROLLBACK IMMEDIATE")
	a.expect("offline", k2, "backup Shop\ndatabase Shop")
	a.do("ALTER DATABASE Shop SET ONLINE", "RESTORE DATABASE Copy FROM DISK = "+at("full.bak")+" WITH NORECOVERY")
	a.expect("restoring", k1, "backup Shop\nbackup Shop\ndatabase Copy")
	a.do("RESTORE LOG Copy FROM DISK = " + at("log.trn"))
	a.settled("Copy")
	var n int
	if err := a.db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM Copy.dbo.t").Scan(&n); err != nil || n != 4 {
		t.Errorf("%d rows after the chain with both keys (%v), want 4", n, err)
	}
	// What is rolled forward stays under the keys of its full backup.
	a.expect("rolled forward, the old key", k1, "backup Shop\nbackup Shop\ndatabase Copy")
	a.expect("rolled forward, the new key", k2, "backup Shop\ndatabase Shop")
	a.do("DROP DATABASE Copy")

	// The other server: what the first needs is none of its business, and the other way round.
	b := start(t, "B", shared)
	b.key("k2")
	b.expect("nothing there", k1, "")
	if _, err := b.db.ExecContext(t.Context(), "RESTORE DATABASE Shop FROM DISK = "+at("full.bak")); err == nil || !strings.Contains(err.Error(), "33111") && !strings.Contains(err.Error(), fmt.Sprintf("thumbprint '0x%X'", k1)) {
		t.Errorf("restored without its key: %v", err)
	}
	b.key("k1")
	b.do("RESTORE DATABASE Shop FROM DISK = " + at("full.bak"))
	b.expect("restored elsewhere", k1, "backup Shop\ndatabase Shop")
	b.do("DROP DATABASE Shop")
	b.expect("dropped there, its backup is known", k1, "backup Shop")

	// The database goes, its backups stay; a file goes, msdb stays; msdb forgets, a file stays.
	a.do("DROP DATABASE Shop")
	a.expect("dropped", k2, "backup Shop")
	if err := os.Remove(filepath.Join(dir, "full.bak")); err != nil {
		t.Fatal(err)
	}
	r, _ := a.look(k1)
	missing := 0
	for _, n := range r.Needs {
		if n.Kind == retire.Backup && strings.Contains(n.Detail, "cannot be read there now") {
			missing++
		}
	}
	if missing != 1 || r.Server != "A" {
		t.Errorf("%d backups of %s without their file, want 1: %+v", missing, r.Server, r.Needs)
	}
	a.do("EXEC msdb.dbo.sp_delete_backuphistory '2100-01-01'")
	a.expect("forgotten", k1, "")
	a.expect("forgotten, sealed", k3, "")
	a.expect("forgotten, and found in the folder", k1, "backup file log.trn", dir)
	a.expect("forgotten, and found in the folder, sealed", k3, "sealed backup file sealed.bak", dir)
	a.do("ALTER LOGIN lk1 DROP CREDENTIAL ck1; DROP LOGIN lk1; DROP CREDENTIAL ck1; DROP ASYMMETRIC KEY k1")
	if r, _ := a.look(k1); !r.Free {
		t.Errorf("nothing is left of it: %+v", r)
	}
}

// A folder's files are read for what they are, whatever they are called; what cannot be read is said.
func TestScan(t *testing.T) {
	s := start(t, "A", &catalogtest.Provider{})
	s.key("k1")
	k1 := s.thumbprint("k1")
	dir := t.TempDir()
	s.encrypted("Shop", "k1")
	s.do("BACKUP DATABASE Shop TO DISK = '"+filepath.Join(dir, "deep.dat")+"'", "INSERT Shop.dbo.t VALUES (2)", "USE master; ALTER DATABASE Shop SET OFFLINE WITH ROLLBACK IMMEDIATE")
	var physical string
	if err := s.db.QueryRowContext(t.Context(), "SELECT physical_name FROM sys.master_files WHERE database_id = DB_ID('Shop') AND type = 0").Scan(&physical); err != nil {
		t.Fatal(err)
	}
	// Carried away with its log, as nobody should.
	deep := filepath.Join(dir, "a", "b")
	if err := os.CopyFS(deep, os.DirFS(filepath.Dir(physical))); err != nil {
		t.Fatal(err)
	}
	bak, err := os.ReadFile(filepath.Join(dir, "deep.dat"))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"empty": nil, "note.txt": []byte("a note"), "short": []byte("LKB"), "real.bak": []byte("TAPE\x00\x00\x03\x00 and so on"),
		"cut.bak": bak[:len(bak)/2], "damaged.bak": append(append([]byte{}, bak[:40]...), append([]byte{bak[40] ^ 1}, bak[41:]...)...),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := &retire.Report{Thumbprints: []string{fmt.Sprintf("0x%X", k1)}}
	if err := r.Scan(t.Context(), fsys.OS{}, dir); err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, n := range r.Needs {
		kinds = append(kinds, n.Kind+" "+filepath.Base(n.Name))
	}
	slices.Sort(kinds)
	if got := strings.Join(kinds, "\n"); got != "backup file deep.dat\ndatabase file Shop.mdf\nkept log of the file Shop.mdf" {
		t.Errorf("found\n%s", got)
	}
	all := strings.Join(r.Unknown, "\n")
	if len(r.Unknown) != 2 || !strings.Contains(all, "real.bak is a backup of a real SQL Server") || !strings.Contains(all, "damaged.bak") || r.Free {
		t.Errorf("not told: %s", all)
	}
	if err := r.Scan(t.Context(), fsys.OS{}, filepath.Join(dir, "nowhere")); err == nil {
		t.Error("a folder that is not there was scanned")
	}
}
