package tde_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"latchkey/engine/tde"
)

// A database in memory is shared by the connections that attach it, takes part in transactions, and makes no file; what only looks
// like its name is refused.
func TestMemory(t *testing.T) {
	ctx := t.Context()
	m := newMem(t)
	db, err := tde.Create(ctx, memConfig(m))
	must(t, err)
	a, err := db.Conn(ctx)
	must(t, err)
	b, err := db.Conn(ctx)
	must(t, err)
	mem := tde.NewMemory()
	exec(t, a, "ATTACH '%s' AS tmp; CREATE TABLE main.m(v); CREATE TABLE tmp.t(v)", mem.URI())
	exec(t, a, "BEGIN; INSERT INTO tmp.t VALUES(1),(2); INSERT INTO m SELECT * FROM tmp.t; COMMIT")
	exec(t, a, "BEGIN; INSERT INTO tmp.t VALUES(3); INSERT INTO m VALUES(3); ROLLBACK; DETACH tmp")
	exec(t, b, "ATTACH '%s' AS tmp", mem.URI())
	s, _, err := b.Prepare("SELECT (SELECT count(*) FROM tmp.t), (SELECT count(*) FROM m)")
	must(t, err)
	if !s.Step() || s.ColumnInt(0) != 2 || s.ColumnInt(1) != 2 {
		t.Errorf("the other connection sees %d and %d rows, want 2 and 2: %v", s.ColumnInt(0), s.ColumnInt(1), s.Err())
	}
	must(t, s.Close())
	exec(t, b, "DETACH tmp")

	dir := t.TempDir()
	for _, name := range []string{
		strings.Replace(mem.URI(), "vfs=memdb", "vfs=os", 1),
		mem.URI() + "&vfs=os",
		"file:/latchkey-memory-" + filepath.Join(dir, "x") + "?vfs=memdb",
		"file:" + filepath.Join(dir, "x") + "?vfs=memdb",
		"file:/latchkey-memory-0123456789abcdef?vfs=memdb",
		"file:/latchkey-memory-0123456789abcdef0123456789abcde/?vfs=memdb",
	} {
		if err := a.Exec("ATTACH '" + name + "' AS x"); err == nil {
			t.Errorf("%s was attached", name)
		}
	}
	entries, err := os.ReadDir(dir)
	must(t, err)
	if len(entries) > 0 {
		t.Errorf("%v was made", entries)
	}
	must(t, errors.Join(a.Close(), b.Close(), db.Close()))
	mem.Close()
}
