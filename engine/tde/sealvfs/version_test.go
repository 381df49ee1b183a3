package sealvfs_test

import (
	"syscall"
	"testing"

	"latchkey/internal/fsys"
)

// A commit that could not be written is not counted as one that is on its way: snapshots stand again.
func TestVersionAfterAFailedCommit(t *testing.T) {
	b := newBed(t, 10)
	c := b.conn(t)
	must(t, c.Exec("CREATE TABLE t(x)"))
	before, quiet := b.Version()
	if !quiet {
		t.Fatal("a commit is on its way, though none runs")
	}
	b.fail(fsys.OpWrite, path+"-wal", syscall.ENOSPC)
	if err := c.Exec("INSERT INTO t VALUES(1)"); err == nil {
		t.Fatal("a commit went to a full disk")
	}
	if now, quiet := b.Version(); !quiet || now == before {
		t.Errorf("version %d after %d, quiet %t", now, before, quiet)
	}
	b.setHook(nil)
	must(t, c.Exec("INSERT INTO t VALUES(2)"))
	if got := one(t, c, "SELECT group_concat(x) FROM t"); got != "2" {
		t.Errorf("rows %s", got)
	}
	if _, quiet := b.Version(); !quiet {
		t.Error("a commit is on its way, though none runs")
	}
}
