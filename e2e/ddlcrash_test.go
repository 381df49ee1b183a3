package e2e

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// stages are what is done to a table, one after the other, by name %[1]s.
var stages = []string{
	"CREATE TABLE Ledger.dbo.%[1]s (a int NOT NULL PRIMARY KEY, b nvarchar(20))",
	"INSERT Ledger.dbo.%[1]s VALUES (1, N'x')",
	"USE Ledger; CREATE INDEX i ON dbo.%[1]s (b)",
	"USE Ledger; ALTER TABLE dbo.%[1]s ADD c int NULL",
	"USE Ledger; DROP TABLE dbo.%[1]s",
}

// databaseStages are those of a database.
var databaseStages = []string{
	"CREATE DATABASE %[1]s",
	"USE %[1]s; CREATE TABLE dbo.t (a int NOT NULL PRIMARY KEY); INSERT dbo.t VALUES (1)",
	"USE master; DROP DATABASE %[1]s",
}

// thing is a table or a database, and how far it was acknowledged to be.
type thing struct {
	name  string
	acked int
	last  int // where it stops: some are not dropped
}

// What was acknowledged of definitions and databases is whole after kill -9 amid them and amid an encryption scan, each time; the one
// statement that was under way happened or did not.
func TestKilledAmidDefinitions(t *testing.T) {
	t.Parallel()
	kills := 4
	if os.Getenv("LATCHKEY_LONG") != "" {
		kills = 60
	}
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
		"CREATE DATABASE Ledger", "USE Ledger; CREATE TABLE dbo.filling (a int NOT NULL PRIMARY KEY, b nvarchar(400)); INSERT dbo.filling SELECT value, REPLICATE(N'x', 400) FROM GENERATE_SERIES(1, 20000)",
		"USE Ledger; CREATE DATABASE ENCRYPTION KEY WITH ALGORITHM = AES_256 ENCRYPTION BY SERVER ASYMMETRIC KEY LatchkeyDemoKey",
	} {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("%.60s: %v", q, err)
		}
	}
	var tables, bases []*thing
	for round := range kills {
		ctx, cancel := context.WithCancel(t.Context())
		var acks atomic.Int64
		var wg sync.WaitGroup
		work := func(kind string, list *[]*thing, stages []string) {
			for n := 0; ctx.Err() == nil; n++ {
				x := &thing{name: fmt.Sprintf("%s%d_%d", kind, round, n), last: len(stages) - n%2}
				*list = append(*list, x)
				for x.acked < x.last {
					if _, err := db.ExecContext(ctx, fmt.Sprintf(stages[x.acked], x.name)); err != nil {
						return
					}
					x.acked++
					acks.Add(1)
				}
			}
		}
		wg.Go(func() { work("t", &tables, stages) })
		wg.Go(func() { work("d", &bases, databaseStages) })
		wg.Go(func() { // a scan is begun, again and again, as soon as the one before lets it
			for on := round%2 == 0; ctx.Err() == nil; {
				word := map[bool]string{true: "ON", false: "OFF"}[on]
				if _, err := db.ExecContext(ctx, "ALTER DATABASE Ledger SET ENCRYPTION "+word); err == nil {
					on = !on
				}
				waitALittle()
			}
		})
		want := int64(3 + rand.IntN(15))
		await(t, "some definitions are made", func() bool { return acks.Load() >= want })
		s.kill(t)
		cancel()
		wg.Wait()
		_ = db.Close()
		s = up(t, dir)
		db = open()
		awaitTried(t, db)
		checkThings(t, db, dir, tables, bases)
		if t.Failed() {
			t.Fatalf("after kill %d", round+1)
		}
	}
	_ = db.Close()
	s.stop(t)
}

func checkThings(t *testing.T, db *sql.DB, dir string, tables, bases []*thing) {
	t.Helper()
	one := func(query string) (n int) {
		t.Helper()
		if err := db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
			t.Fatalf("%.100s: %v", query, err)
		}
		return n
	}
	if n := one("SELECT COUNT(*) FROM Ledger.dbo.filling WHERE LEN(b) = 400"); n != 20000 {
		t.Errorf("%d rows of 20,000", n)
	}
	for _, x := range tables {
		is := one(fmt.Sprintf("USE Ledger; SELECT CASE WHEN OBJECT_ID('dbo.%[1]s') IS NULL THEN 0 ELSE 1 + (SELECT COUNT(*) FROM sys.indexes WHERE object_id = OBJECT_ID('dbo.%[1]s') AND name = 'i') + CASE WHEN COL_LENGTH('dbo.%[1]s', 'c') IS NULL THEN 0 ELSE 1 END END", x.name))
		if is > 0 {
			is += one("SELECT COUNT(*) FROM Ledger.dbo." + x.name + " WHERE b = N'x'")
		}
		x.settle(t, is, len(stages))
	}
	known := one("SELECT COUNT(*) FROM sys.master_files WHERE type = 0 AND database_id > 4")
	for _, x := range bases {
		is := one("SELECT COUNT(*) FROM sys.databases WHERE name = '" + x.name + "'")
		if is > 0 {
			if n := one("USE " + x.name + "; SELECT COUNT(*) FROM sys.tables WHERE name = 't'"); n > 0 {
				is += one("SELECT COUNT(*) FROM " + x.name + ".dbo.t") // the second stage is two statements: the table may be there alone
			}
		}
		x.settle(t, is, len(databaseStages))
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "data", "*.mdf"))
	if err != nil || len(files) == 0 {
		files, err = filepath.Glob(filepath.Join(dir, "data", "*.mdf"))
	}
	if err != nil || len(files) != known {
		t.Errorf("%d files of %d databases: %v, %v", len(files), known, files, err)
	}
}

// settle compares the stage that a thing is in with the one that was acknowledged, one more being possible, and goes on from there.
func (x *thing) settle(t *testing.T, is, gone int) {
	t.Helper()
	if is == 0 && x.acked >= gone-1 && x.last == gone {
		is = gone // it was dropped
	}
	if is < x.acked || is > x.acked+1 || is > x.last {
		t.Errorf("%s was acknowledged at stage %d and is in %d", x.name, x.acked, is)
	}
	x.acked, x.last = is, is // nothing is done to it any more
}
