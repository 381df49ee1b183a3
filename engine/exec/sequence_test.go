package exec_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// A value that a client saw is not given again by a server that begins from the files as they were when the first was killed.
func TestSequenceAfterKill(t *testing.T) {
	dir := t.TempDir()
	s := startIn(t, dir)
	db := s.database(`CREATE SEQUENCE s START WITH 1`, `CREATE SEQUENCE slow START WITH 1 NO CACHE`, `CREATE TABLE t (id int DEFAULT (NEXT VALUE FOR s), n int DEFAULT (NEXT VALUE FOR slow), a int)`)
	c, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var fast, slow int
	take := func(c queryer, batch string) {
		t.Helper()
		rows, err := c.QueryContext(t.Context(), batch)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var f, s int
			if err := rows.Scan(&f, &s); err != nil {
				t.Fatal(err)
			}
			fast, slow = max(fast, f), max(slow, s)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	take(c, `SELECT NEXT VALUE FOR s, NEXT VALUE FOR slow`)
	take(c, `BEGIN TRANSACTION; SELECT NEXT VALUE FOR s, NEXT VALUE FOR slow; ROLLBACK`)
	take(c, `INSERT t (a) VALUES (1), (2), (3); SELECT id, n FROM t`)
	must(t, c, `BEGIN TRANSACTION; INSERT t (a) SELECT 1 FROM (VALUES (1), (2), (3), (4)) v (x) CROSS JOIN sys.columns; COMMIT`)
	take(c, `SELECT max(id), max(n) FROM t`)
	must(t, c, `BEGIN TRANSACTION; INSERT t (a) VALUES (9)`) // under way at the end

	copied := t.TempDir()
	if err := copyFolder(copied, dir); err != nil {
		t.Fatal(err)
	}
	again := startIn(t, copied).one("database=d1")
	var f, n int
	if err := again.QueryRowContext(t.Context(), `SELECT NEXT VALUE FOR s, NEXT VALUE FOR slow`).Scan(&f, &n); err != nil {
		t.Fatal(err)
	}
	if f <= fast || n <= slow {
		t.Errorf("values %d and %d, after %d and %d", f, n, fast, slow)
	}
	if n != slow+1 {
		t.Errorf("a sequence without a cache goes from %d to %d", slow, n)
	}
}

// Sessions that take values at once never get the same one.
func TestSequenceConcurrently(t *testing.T) {
	db := start(t).database(`CREATE SEQUENCE s AS int CACHE 7`, `CREATE TABLE t (id int PRIMARY KEY DEFAULT (NEXT VALUE FOR s), a int)`)
	var g sync.WaitGroup
	for k := range 4 {
		g.Go(func() {
			for i := range 25 {
				batch := `INSERT t (a) VALUES (1)`
				switch {
				case (i+k)%3 == 0:
					batch = `INSERT t (id) VALUES (NEXT VALUE FOR s)`
				case (i+k)%5 == 0:
					batch = `DECLARE @a int = NEXT VALUE FOR s; INSERT t (id) VALUES (@a)`
				case (i+k)%7 == 0:
					batch = `BEGIN TRANSACTION; INSERT t (a) VALUES (1); ROLLBACK; INSERT t (a) VALUES (1)`
				}
				if _, err := db.ExecContext(t.Context(), batch); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	g.Wait()
	var n int
	if err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM t`).Scan(&n); err != nil || n != 100 {
		t.Error(n, err)
	}
}

// copyFolder copies files with their modes.
func copyFolder(to, from string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil || name == "." {
			return err
		}
		i, err := d.Info()
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.Mkdir(filepath.Join(to, name), i.Mode().Perm())
		}
		if !i.Mode().IsRegular() {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), b, i.Mode().Perm())
	})
}
