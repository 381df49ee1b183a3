package e2e

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
)

// Drivers of three languages and FreeTDS's tsql use the running server as their users do.
func TestSQLDrivers(t *testing.T) {
	s := up(t, filepath.Join(t.TempDir(), "data"))
	prepare, err := os.ReadFile("testdata/sqlclients/clients.sql")
	if err != nil {
		t.Fatal(err)
	}
	if out := goBatches(t, s, string(prepare)); out != nil {
		t.Fatal(out)
	}
	t.Run("tedious", func(t *testing.T) {
		needTedious(t)
		script, err := filepath.Abs("testdata/sqlclients/driver.mjs")
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), "node", "--test", "--test-force-exit", "--test-timeout=60000", "--test-reporter=spec", script)
		cmd.Dir = tediousDir
		cmd.Env = append(os.Environ(), "SQLSERVER_DSN="+s.dsn(t), "NODE_NO_WARNINGS=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	})
	t.Run("pymssql", func(t *testing.T) {
		const python = "/usr/bin/python3" // Debian's package is for Debian's interpreter
		if exec.Command(python, "-c", "import pymssql").Run() != nil {
			lack(t, "python3-pymssql is not installed (make tools installs it)")
		}
		u, err := url.Parse(s.dsn(t))
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv("TDSPASSWORD", s.password(t))
		t.Setenv("TDSPORT", u.Port())
		if out, _ := runClient(t, s, "", python, "testdata/sqlclients/driver.py"); strings.TrimSpace(out) != "fine" {
			t.Error(out)
		}
	})
	t.Run("go-mssqldb", func(t *testing.T) { goDriver(t, s) })
}

func goDriver(t *testing.T, s *server) {
	ctx := t.Context()
	u, err := url.Parse(s.dsn(t))
	if err != nil {
		t.Fatal(err)
	}
	open := func(encrypt string) *sql.DB {
		q := u.Query()
		q.Set("database", "Clients")
		q.Set("encrypt", encrypt)
		v := *u
		v.RawQuery = q.Encode()
		db, err := sql.Open("sqlserver", v.String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	for _, encrypt := range []string{"true", "strict", "false"} {
		var name string
		if err := open(encrypt).QueryRowContext(ctx, "SELECT DB_NAME()").Scan(&name); err != nil || name != "Clients" {
			t.Errorf("encrypt=%s: %q, %v", encrypt, name, err)
		}
	}
	db := open("true")

	// Output parameters, a return status, a table parameter.
	var r int64
	var text string
	var status mssql.ReturnStatus
	if _, err := db.ExecContext(ctx, "dbo.twice", sql.Named("n", 21), sql.Named("r", sql.Out{Dest: &r}), sql.Named("s", sql.Out{Dest: &text}), &status); err != nil || r != 42 || text != "n=21" || status != 7 {
		t.Errorf("output parameters: %d %q %d, %v", r, text, status, err)
	}
	type line struct {
		ID int
		S  *string
	}
	lines := make([]line, 300)
	for i := range lines {
		lines[i].ID = i
	}
	var n, sum, texts int
	if err := db.QueryRowContext(ctx, "EXEC dbo.sumLines @t", sql.Named("t", mssql.TVP{TypeName: "dbo.Lines", Value: lines})).Scan(&n, &sum, &texts); err != nil || n != 300 || sum != 44850 || texts != 0 {
		t.Errorf("table parameter: %d %d %d, %v", n, sum, texts, err)
	}

	// Bulk copy is a statement of a transaction.
	bulk := func(end func(*sql.Tx) error) {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		stmt, err := tx.PrepareContext(ctx, mssql.CopyIn("dbo.bulked", mssql.BulkOptions{KeepNulls: true}, "id", "s", "d", "n"))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 2000 {
			if _, err := stmt.ExecContext(ctx, 10000+i, strings.Repeat("ö", i%700), time.Unix(int64(i), 0).UTC(), fmt.Sprintf("%d.25", i)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err = stmt.ExecContext(ctx); err == nil {
			err = errors.Join(stmt.Close(), end(tx))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	count := func() (n int) {
		if err := db.QueryRowContext(ctx, "SELECT COUNT(*) FROM dbo.bulked WHERE id >= 10000").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if bulk((*sql.Tx).Rollback); count() != 0 {
		t.Error("a bulk copy that was rolled back is there")
	}
	if bulk((*sql.Tx).Commit); count() != 2000 {
		t.Error("rows of a bulk copy are missing")
	}

	// A pooled connection comes back as new.
	one := open("true")
	one.SetMaxOpenConns(1)
	if _, err := one.ExecContext(ctx, "USE master; SET LOCK_TIMEOUT 77; CREATE TABLE #left (a int); SET DATEFIRST 3"); err != nil {
		t.Fatal(err)
	}
	var name string
	var left sql.NullInt64
	var lockTimeout, first int
	if err := one.QueryRowContext(ctx, "SELECT DB_NAME(), OBJECT_ID('tempdb..#left'), @@LOCK_TIMEOUT, @@DATEFIRST").Scan(&name, &left, &lockTimeout, &first); err != nil || name != "Clients" || left.Valid || lockTimeout != -1 || first != 7 {
		t.Errorf("after a reset: %s %v %d %d, %v", name, left, lockTimeout, first, err)
	}

	// A cancelled statement leaves the connection usable and its transaction open to end.
	short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	_, err = one.ExecContext(short, "WHILE 1 = 1 SELECT COUNT(*) FROM dbo.big")
	cancel()
	if err == nil {
		t.Error("an endless loop ended")
	}
	if err := one.QueryRowContext(ctx, "SELECT COUNT(*) FROM dbo.big").Scan(&n); err != nil || n != 10000 {
		t.Errorf("after a cancel: %d, %v", n, err)
	}
	blob := bytes.Repeat([]byte{0xA5, 0, 1}, 10<<20/3)
	var back []byte
	if err := db.QueryRowContext(ctx, "INSERT dbo.large (id, b) VALUES (1, @b); SELECT b FROM dbo.large WHERE id = 1", sql.Named("b", blob)).Scan(&back); err != nil || !bytes.Equal(blob, back) {
		t.Errorf("10 MB: %d came back, %v", len(back), err)
	}
}
