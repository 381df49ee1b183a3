package e2e

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
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
		deadline := time.Now().Add(20 * time.Second)
		for total.Load() < 40 && time.Now().Before(deadline) {
			waitALittle()
		}
		s.kill(t)
		cancel()
		wg.Wait()
		_ = db.Close()
		if total.Load() == 0 {
			t.Fatal("nothing was written")
		}
		s = up(t, dir)
		db = open()
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

// A database whose key was disabled comes back by itself when the key does.
func TestEngineHealsByItself(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for the server's own clock")
	}
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
		latchkey(t, "key", "update", "--data", dir, "--name", "ContosoRSAKey0", fmt.Sprintf("--enabled=%t", on))
	}
	enable(false)
	s.stop(t)
	s = up(t, dir)
	if db, err = sql.Open("sqlserver", s.dsn(t)); err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	state := func() string {
		var name string
		if err := db.QueryRowContext(t.Context(), "SELECT state_desc FROM sys.databases WHERE name = N'Ledger'").Scan(&name); err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		return name
	}
	if got := state(); got != "RECOVERY_PENDING" {
		t.Fatalf("without its key it is %s", got)
	}
	enable(true)
	deadline := time.Now().Add(25 * time.Second) // the second attempt at the latest: 5 s and 10 s, and a fifth
	for state() != "ONLINE" {
		if time.Now().After(deadline) {
			t.Fatal("it did not heal")
		}
		<-time.After(100 * time.Millisecond)
	}
	if _, err := db.ExecContext(t.Context(), "INSERT INTO Ledger.dbo.t VALUES (1)"); err != nil {
		t.Error(err)
	}
}
