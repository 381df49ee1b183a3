package lite_test

import (
	"path/filepath"
	"testing"

	"latchkey/engine/lite"
	"latchkey/engine/tde"
)

// another is one more connection to db.
func another(t *testing.T, db *tde.DB) *lite.Conn {
	t.Helper()
	raw, err := db.Conn(t.Context())
	must(t, err)
	c, err := lite.Open(t.Context(), raw)
	must(t, err)
	t.Cleanup(func() { must(t, c.Close()) })
	return c
}

// anotherDB is one to attach, or to attach to.
func anotherDB(t *testing.T) *tde.DB {
	t.Helper()
	db, err := tde.Create(t.Context(), tde.Config{Path: filepath.Join(t.TempDir(), "y.db")})
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	return db
}

func count(t *testing.T, c *lite.Conn) int64 {
	t.Helper()
	s, err := c.Prepare("SELECT count(*) FROM t")
	must(t, err)
	defer s.Release()
	if !s.Step() {
		t.Fatal(s.Err())
	}
	return s.ColumnInt64(0)
}

// standing makes a snapshot stand: the first Stand after a commit begins none.
func standing(t *testing.T, c *lite.Conn) {
	t.Helper()
	for range 2 {
		must(t, c.Stand(1))
		count(t, c)
	}
	if !c.Stands() {
		t.Fatal("no snapshot stands")
	}
}

// A snapshot stays for the statements that follow, and is another once something was committed, by whichever connection.
func TestStand(t *testing.T) {
	c, db := open(t)
	w := another(t, db)
	must(t, w.Exec("CREATE TABLE t(x INTEGER) STRICT"))
	must(t, c.Stand(1))
	if c.Stands() {
		t.Error("a snapshot stands at once after a commit: the next may follow soon")
	}
	standing(t, c)
	must(t, w.Exec("INSERT INTO t VALUES(1)"))
	if n := count(t, c); n != 0 {
		t.Errorf("without Stand the snapshot moved: %d rows", n)
	}
	must(t, c.Stand(1))
	if n := count(t, c); n != 1 {
		t.Errorf("%d rows after a commit, not 1", n)
	}
	standing(t, c)
	must(t, w.Exec("BEGIN IMMEDIATE; INSERT INTO t VALUES(2); INSERT INTO t VALUES(3)"))
	must(t, c.Stand(1))
	if n := count(t, c); n != 1 || !c.Stands() {
		t.Errorf("beside an open transaction: %d rows, stands %t", n, c.Stands())
	}
	must(t, w.Exec("COMMIT"))
	must(t, c.Stand(1))
	if n := count(t, c); n != 3 {
		t.Errorf("%d rows after the commit, not 3", n)
	}
}

// A commit to a database through an attached name counts as one of its own.
func TestStandBesideAnAttached(t *testing.T) {
	c, db := open(t)
	must(t, c.Exec("CREATE TABLE t(x INTEGER) STRICT"))
	other := anotherDB(t)
	w := another(t, other)
	must(t, w.Attach("d", db))
	standing(t, c)
	must(t, w.Exec("INSERT INTO d.t VALUES(1)"))
	must(t, c.Stand(1))
	if n := count(t, c); n != 1 {
		t.Errorf("%d rows, not 1", n)
	}
}

// Another era, Fresh and attaching end a snapshot; afterwards the log can start over.
func TestEndOfAStandingSnapshot(t *testing.T) {
	c, db := open(t)
	must(t, c.Exec("CREATE TABLE t(x INTEGER) STRICT"))
	other := anotherDB(t)
	for name, end := range map[string]func() error{
		"another era": func() error { return c.Stand(2) },
		"Fresh":       c.Fresh,
		"Attach":      func() error { return c.Attach("other", other) },
	} {
		standing(t, c)
		must(t, end())
		if c.Stands() || !c.GetAutocommit() {
			t.Errorf("%s: the snapshot still stands", name)
		}
		if err := db.Checkpoint(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		must(t, c.Detach("other"))
	}
	must(t, c.Attach("other", other))
	for range 3 {
		must(t, c.Stand(1))
	}
	if c.Stands() {
		t.Error("a snapshot stands beside an attached database")
	}
	must(t, c.Detach("other"))
}
