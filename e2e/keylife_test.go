package e2e

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func openSQL(t *testing.T, s *server) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlserver", s.dsn(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func execAll(t *testing.T, db *sql.DB, statements ...string) {
	t.Helper()
	for _, q := range statements {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("%.200s: %v", q, err)
		}
	}
}

func number(t *testing.T, db *sql.DB, query string) (n int) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatalf("%.200s: %v", query, err)
	}
	return n
}

type retireReport struct {
	Needs []struct{ Kind, Name string }
	Free  bool
}

// retired asks latchkey retire and checks that the exit code says the same as the report.
func retired(t *testing.T, dir, key string) (r retireReport) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program, "retire", "--data", dir, "--format", "json", key).Output()
	if jerr := json.Unmarshal(out, &r); jerr != nil {
		t.Fatalf("latchkey retire %s: %v, %v\n%s", key, err, jerr, out)
	}
	code := 0
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		code = e.ExitCode()
	}
	if r.Free != (code == 0) || !r.Free && code != 1 {
		t.Errorf("latchkey retire %s: exit code %d, free %t", key, code, r.Free)
	}
	return r
}

func (r retireReport) kinds() map[string]int {
	m := map[string]int{}
	for _, n := range r.Needs {
		m[n.Kind]++
	}
	return m
}

// Many databases go under another version of the key in one command, which is killed amid it and run again; the ledger knows what the old version is still needed for, until nothing.
func TestRotateManyAndRetire(t *testing.T) {
	if testing.Short() {
		t.Skip("it makes many databases")
	}
	many := 50
	if os.Getenv("LATCHKEY_LONG") == "1" {
		many = 500
	}
	dir := filepath.Join(t.TempDir(), "data")
	s := up(t, dir, "--demo")
	db := openSQL(t, s)
	var wg sync.WaitGroup
	slots := make(chan struct{}, 4)
	for i := range many {
		execAll(t, db, fmt.Sprintf("CREATE DATABASE d%03d", i)) // one at a time: message 1807 otherwise
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			name := fmt.Sprintf("d%03d", i)
			for _, q := range []string{
				"USE " + name + "; CREATE TABLE dbo.t (a int NOT NULL PRIMARY KEY); INSERT INTO dbo.t VALUES (7); CREATE DATABASE ENCRYPTION KEY WITH ALGORITHM = AES_256 ENCRYPTION BY SERVER ASYMMETRIC KEY LatchkeyDemoKey",
				"ALTER DATABASE " + name + " SET ENCRYPTION ON",
			} {
				if _, err := db.ExecContext(t.Context(), q); err != nil {
					t.Errorf("%s: %v", q, err)
				}
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	awaitScans(t, db)
	bak := filepath.Join(t.TempDir(), "d000.bak")
	execAll(t, db, "BACKUP DATABASE d000 TO DISK = '"+bak+"'", "INSERT INTO d000.dbo.t VALUES (8)")
	old := strings.TrimSpace(latchkey(t, "key", "versions", "--data", dir, "--name", "ContosoRSAKey0"))
	old = strings.Fields(old)[0] // ContosoRSAKey0/VERSION
	latchkey(t, "key", "rotate", "--data", dir, "--name", "ContosoRSAKey0")
	before := retired(t, dir, old).kinds()
	if before["database"] < many || before["backup"] != 1 || before["kept log"] == 0 || before["asymmetric key"] == 0 || before["login"] != 1 || before["credential"] != 1 {
		t.Errorf("before the rotation: %v", before)
	}
	began := time.Now()
	journal := filepath.Join(t.TempDir(), "journal")
	killed := 0
	for range 2 { // killed twice somewhere, then to the end
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(150+rand.IntN(400))*time.Millisecond)
		cmd := exec.CommandContext(ctx, program, "rotate", "--data", dir, "--apply", "--journal", journal)
		if err := cmd.Run(); err != nil {
			killed++
		}
		cancel()
	}
	out := latchkey(t, "rotate", "--data", dir, "--apply", "--journal", journal)
	if !strings.Contains(out, "databases are under ContosoRSAKey0/") {
		t.Errorf("rotate said %s", out)
	}
	t.Logf("%d databases, %d killed, %v", many, killed, time.Since(began))
	if n := number(t, db, "SELECT COUNT(DISTINCT encryptor_thumbprint) FROM sys.dm_database_encryption_keys AS k JOIN sys.databases AS d ON d.database_id = k.database_id WHERE d.name LIKE 'd[0-9]%'"); n != 1 {
		t.Errorf("%d protectors after the rotation", n)
	}
	after := retired(t, dir, old)
	if k := after.kinds(); k["database"] != 0 || k["backup"] != 1 || k["kept log"] != 1 {
		t.Errorf("after the rotation: %v %v", k, after.Needs)
	}
	trn := filepath.Join(t.TempDir(), "d000.trn")
	execAll(t, db, "BACKUP LOG d000 TO DISK = '"+trn+"'")
	if k := retired(t, dir, old).kinds(); k["backup"] != 2 || k["kept log"] != 0 {
		t.Errorf("after the log's backup, which has parts from before: %v", k)
	}
	// The backup from before opens with both versions there.
	execAll(t, db, "RESTORE DATABASE again FROM DISK = '"+bak+"' WITH NORECOVERY", "RESTORE LOG again FROM DISK = '"+trn+"'")
	if n := number(t, db, "SELECT COUNT(*) FROM again.dbo.t"); n != 2 {
		t.Errorf("%d rows restored", n)
	}
	execAll(t, db, "DROP DATABASE again", "EXEC msdb.dbo.sp_delete_database_backuphistory N'd000'")
	for _, n := range retired(t, dir, old).Needs {
		if n.Kind != "asymmetric key" && n.Kind != "login" && n.Kind != "credential" {
			t.Errorf("still needed by %s %s", n.Kind, n.Name)
		}
	}
	execAll(t, db, "DROP DATABASE IF EXISTS LatchkeyDemo", "DROP LOGIN LatchkeyDemoLogin", "DROP ASYMMETRIC KEY LatchkeyDemoKey")
	if r := retired(t, dir, old); !r.Free {
		t.Errorf("still needed: %v", r.Needs)
	}
	s.kill(t) // and all are there after a crash
	s = up(t, dir)
	db = openSQL(t, s)
	for i := range many {
		awaitState(t, db, fmt.Sprintf("d%03d", i), "ONLINE")
		if n := number(t, db, fmt.Sprintf("SELECT MIN(a) FROM d%03d.dbo.t", i)); n != 7 {
			t.Errorf("d%03d has %d", i, n)
		}
	}
}

// The server is killed amid backups, restores over a database and rolling forward, again and again: what was there is there, and a restore that was told done is done.
func TestBackupsSurviveKills(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts the server several times")
	}
	dir := filepath.Join(t.TempDir(), "data")
	s := up(t, dir, "--demo")
	db := openSQL(t, s)
	media := t.TempDir()
	bak, trn := filepath.Join(media, "a.bak"), filepath.Join(media, "a.trn")
	execAll(t, db, "CREATE DATABASE Shop",
		"USE Shop; CREATE TABLE dbo.t (a int NOT NULL PRIMARY KEY, b nvarchar(400)); INSERT INTO dbo.t SELECT value, REPLICATE(N'row', 100) FROM GENERATE_SERIES(1, 8000)",
		"USE Shop; CREATE DATABASE ENCRYPTION KEY WITH ALGORITHM = AES_256 ENCRYPTION BY SERVER ASYMMETRIC KEY LatchkeyDemoKey", "ALTER DATABASE Shop SET ENCRYPTION ON")
	awaitScans(t, db) // a backup amid the scan is restored amid it, and cannot be replaced before its end
	execAll(t, db,
		"BACKUP DATABASE Shop TO DISK = '"+bak+"'", "INSERT INTO Shop.dbo.t SELECT value, N'x' FROM GENERATE_SERIES(10001, 12000)", "BACKUP LOG Shop TO DISK = '"+trn+"'")
	rounds := 6
	if os.Getenv("LATCHKEY_LONG") == "1" {
		rounds = 40
	}
	for round := range rounds {
		statement := []string{
			"BACKUP DATABASE Shop TO DISK = '" + filepath.Join(media, "b.bak") + "'",
			"RESTORE DATABASE Copy FROM DISK = '" + bak + "' WITH REPLACE",
			"RESTORE DATABASE Copy FROM DISK = '" + bak + "' WITH REPLACE, NORECOVERY; RESTORE LOG Copy FROM DISK = '" + trn + "'",
		}[round%3]
		finished := make(chan error, 1)
		go func() {
			_, err := db.ExecContext(context.WithoutCancel(t.Context()), statement)
			finished <- err
		}()
		var err error
		select {
		case err = <-finished:
			finished <- err
		case <-time.After(time.Duration(rand.IntN(250)) * time.Millisecond):
		}
		s.kill(t)
		err = <-finished
		_ = db.Close()
		s = up(t, dir)
		db = openSQL(t, s)
		awaitTried(t, db)
		awaitState(t, db, "Shop", "ONLINE")
		if n := number(t, db, "SELECT COUNT(*) FROM Shop.dbo.t"); n != 10000 {
			t.Errorf("round %d: Shop has %d rows", round, n)
		}
		execAll(t, db, "RESTORE VERIFYONLY FROM DISK = '"+bak+"'", "BACKUP LOG Shop TO DISK = '"+filepath.Join(media, "c.trn")+"'")
		state := "NONE"
		if serr := db.QueryRowContext(t.Context(), "SELECT state_desc FROM sys.databases WHERE name = N'Copy'").Scan(&state); serr != nil && !errors.Is(serr, sql.ErrNoRows) {
			t.Fatal(serr)
		}
		t.Logf("round %d: %.40s: %v, Copy is %s", round, statement, err, state)
		switch state {
		case "ONLINE":
			if n := number(t, db, "SELECT COUNT(*) FROM Copy.dbo.t"); n != 8000 && n != 10000 {
				t.Errorf("round %d: Copy has %d rows", round, n)
			}
		case "RESTORING":
			execAll(t, db, "RESTORE LOG Copy FROM DISK = '"+trn+"'") // the roll can be done again
			if n := number(t, db, "SELECT COUNT(*) FROM Copy.dbo.t"); n != 10000 {
				t.Errorf("round %d: rolled, Copy has %d rows", round, n)
			}
		case "NONE":
		default:
			t.Errorf("round %d: Copy is %s", round, state)
		}
		if round%3 != 0 && err == nil && state != "ONLINE" {
			t.Errorf("round %d: it was told done, and Copy is %s", round, state)
		}
	}
	execAll(t, db, "RESTORE DATABASE Last FROM DISK = '"+bak+"' WITH NORECOVERY", "RESTORE LOG Last FROM DISK = '"+trn+"' WITH NORECOVERY", "RESTORE LOG Last FROM DISK = '"+filepath.Join(media, "c.trn")+"'")
}
