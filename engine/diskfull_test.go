package engine_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	mssql "github.com/microsoft/go-mssqldb"

	"latchkey/internal/fsys"
)

// trouble is what the disk of a test has.
type trouble int64

const (
	works    trouble = iota
	diskFull         // no file of the database can be written to
	badWrite         // writes fail
	badSync          // syncs fail
)

// A disk that is full, or fails, makes statements fail with a message, and neither the connection nor the server; what was acknowledged is
// there, work goes on when the disk does, and also after a restart.
func TestDiskFullAndBroken(t *testing.T) {
	var now atomic.Int64
	base := t.TempDir()
	c := config(filepath.Join(base, "server"))
	c.FS = fsys.NewFaulty(fsys.OS{}, func(op fsys.Op) error {
		if !strings.HasPrefix(filepath.Base(op.Name), "Shop") || strings.Contains(op.Name, "-tmp-") {
			return nil
		}
		switch trouble(now.Load()) {
		case diskFull:
			if op.Kind&(fsys.OpWrite|fsys.OpTruncate) != 0 {
				return syscall.ENOSPC
			}
		case badWrite:
			if op.Kind&fsys.OpWrite != 0 {
				return syscall.EIO
			}
		case badSync:
			if op.Kind&fsys.OpSync != 0 {
				return syscall.EIO
			}
		}
		return nil
	})
	r := start(t, c)
	pool := r.connect(t, "dba", password, "")
	db, err := pool.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	exec := func(q string, args ...any) error {
		_, err := db.ExecContext(t.Context(), q, args...)
		return err
	}
	if err := errors.Join(exec("CREATE DATABASE Shop"), exec("CREATE DATABASE Other"), exec("USE Shop"), exec("CREATE TABLE dbo.t (a int NOT NULL PRIMARY KEY, b nvarchar(max))"),
		exec("CREATE TABLE Other.dbo.t (a int)")); err != nil {
		t.Fatal(err)
	}
	acknowledged, next := map[int]bool{}, 0
	var spid int
	if err := db.QueryRowContext(t.Context(), "SELECT @@SPID").Scan(&spid); err != nil {
		t.Fatal(err)
	}
	insert := func() error {
		next++
		err := exec("INSERT dbo.t VALUES (@p1, REPLICATE(N'x', 3000))", next)
		if err == nil {
			acknowledged[next] = true
		}
		return err
	}
	for range 20 {
		if err := insert(); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name    string
		is      trouble
		numbers string
	}{{"full", diskFull, "1105 9002"}, {"writes fail", badWrite, "823"}, {"syncs fail", badSync, "823"}} {
		now.Store(int64(c.is))
		failed := 0
		for range 5 {
			err := insert()
			if err == nil {
				continue
			}
			failed++
			var e mssql.Error
			if !errors.As(err, &e) || failed == 1 && !strings.Contains(c.numbers, fmt.Sprint(e.Number)) || e.Class >= 25 {
				t.Errorf("%s: %v", c.name, err)
			}
		}
		if failed == 0 {
			t.Errorf("%s: no statement failed", c.name)
		}
		if err := exec("BEGIN TRAN; INSERT dbo.t VALUES (-1, N'x'); COMMIT"); err == nil {
			t.Errorf("%s: a commit was acknowledged", c.name)
		}
		_ = exec("IF @@TRANCOUNT > 0 ROLLBACK")
		if err := exec("INSERT Other.dbo.t VALUES (1)"); err != nil {
			t.Errorf("%s: another database: %v", c.name, err)
		}
		now.Store(int64(works))
		if c.is == diskFull { // nothing has to be opened anew
			if err := insert(); err != nil {
				t.Errorf("%s: when there is space again: %v", c.name, err)
			}
		}
		wait(t, c.name+" is over", func() bool { return insert() == nil })
		var same int
		if err := db.QueryRowContext(t.Context(), "SELECT @@SPID").Scan(&same); err != nil || same != spid {
			t.Errorf("%s: the connection is another: %d, %v", c.name, same, err)
		}
	}
	check := func(when string) {
		t.Helper()
		rows, err := r.connect(t, "dba", password, "Shop").QueryContext(t.Context(), "SELECT a FROM dbo.t WHERE DATALENGTH(b) > 1000")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		there := map[int]bool{}
		for rows.Next() {
			var a int
			if err := rows.Scan(&a); err != nil {
				t.Fatal(err)
			}
			there[a] = true
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		for a := range acknowledged {
			if !there[a] {
				t.Errorf("%s: row %d is lost", when, a)
			}
		}
	}
	check("while it runs")
	_ = db.Close()
	r.stop()
	c.Admin = nil
	r = start(t, c)
	<-r.Ready()
	check("after a restart")
}
