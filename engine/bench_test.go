package engine_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http/httptest"
	"runtime"
	"testing"

	_ "github.com/microsoft/go-mssqldb"

	"latchkey/engine"
	"latchkey/internal/secret"
)

// benchmarked is a server with a table of 10,000 rows, and one client.
func benchmarked(b *testing.B) *sql.DB {
	b.Helper()
	cert := httptest.NewTLSServer(nil) // for its certificate
	b.Cleanup(cert.Close)
	e, err := engine.Open(b.Context(), engine.Config{TLS: cert.TLS, Dir: b.TempDir(), Name: "BENCH", Admin: &engine.Admin{Name: "dba", Password: secret.FromString("Pr0of-of-Work")}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = e.Close(context.Background()) })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go func() { _ = e.Serve(l) }()
	open := func(database string) *sql.DB {
		db, err := sql.Open("sqlserver", fmt.Sprintf("sqlserver://dba:Pr0of-of-Work@%s?database=%s&encrypt=true&TrustServerCertificate=true", l.Addr(), database))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = db.Close() })
		return db
	}
	if _, err := open("master").ExecContext(b.Context(), "CREATE DATABASE Bench"); err != nil {
		b.Fatal(err)
	}
	db := open("Bench")
	for _, q := range []string{
		"CREATE TABLE dbo.account (id int NOT NULL PRIMARY KEY, name nvarchar(40) NOT NULL, balance bigint NOT NULL)",
		"WITH d AS (SELECT 0 AS n UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 " +
			"UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9) INSERT INTO dbo.account " +
			"SELECT a.n + 10 * b.n + 100 * c.n + 1000 * d.n, N'a name', 1000 FROM d AS a CROSS JOIN d AS b CROSS JOIN d AS c CROSS JOIN d AS d",
	} {
		if _, err := db.ExecContext(b.Context(), q); err != nil {
			b.Fatalf("%s: %v", q, err)
		}
	}
	return db
}

// BenchmarkPointSelect is a row by its key through a real driver, both sides in this process, by one client and by 16.
func BenchmarkPointSelect(b *testing.B) {
	db := benchmarked(b)
	point := func(b *testing.B) bool {
		var name string
		var balance int64
		err := db.QueryRowContext(b.Context(), "SELECT name, balance FROM dbo.account WHERE id = @p1", rand.IntN(10000)).Scan(&name, &balance)
		if err != nil {
			b.Error(err)
		}
		return err == nil
	}
	b.Run("1", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() && point(b) {
		}
	})
	b.Run("16", func(b *testing.B) {
		b.ReportAllocs()
		db.SetMaxOpenConns(16)
		db.SetMaxIdleConns(16)
		b.SetParallelism(16 / runtime.GOMAXPROCS(0))
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() && point(b) {
			}
		})
	})
}

// BenchmarkUpdate is a transaction of its own that changes a row, synced to the disk.
func BenchmarkUpdate(b *testing.B) {
	db := benchmarked(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := db.ExecContext(b.Context(), "UPDATE dbo.account SET balance = balance - @p1 WHERE id = @p2", 1, rand.IntN(10000)); err != nil {
			b.Fatal(err)
		}
	}
}
