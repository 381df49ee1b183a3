package tde_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"latchkey/engine/tde"
	"latchkey/engine/tde/header"
	"latchkey/engine/tde/pagecipher"
	"latchkey/internal/clock"
	"latchkey/internal/fsys"
)

var update = flag.Bool("update", false, "write the golden files anew")

// recorder writes down everything that changes a file, in order.
type recorder struct {
	mu  sync.Mutex
	out strings.Builder
}

func (r *recorder) step(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(&r.out, "\n# %s\n", name)
}

func (r *recorder) hook(op fsys.Op) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	names := map[fsys.Kind]string{
		fsys.OpSync: "sync", fsys.OpTruncate: "truncate", fsys.OpRename: "rename", fsys.OpRemove: "remove",
		fsys.OpMkdir: "mkdir", fsys.OpSyncDir: "sync directory",
	}
	switch what := names[op.Kind]; {
	case op.Kind == fsys.OpWrite:
		fmt.Fprintf(&r.out, "write %s: %s\n", path.Base(op.Name), part(op))
	case op.Kind == fsys.OpTruncate:
		fmt.Fprintf(&r.out, "truncate %s to %d\n", path.Base(op.Name), op.Off)
	case what != "":
		fmt.Fprintf(&r.out, "%s %s\n", what, path.Base(op.Name))
	}
	return nil
}

// part names what of a file is written.
func part(op fsys.Op) string {
	span := func(what string, first, n int64) string {
		if n == 1 {
			return fmt.Sprintf("%s %d", what, first)
		}
		return fmt.Sprintf("%ss %d-%d", what, first, first+n-1)
	}
	off, n := op.Off, int64(op.Len)
	switch {
	case strings.HasSuffix(op.Name, "-wal"):
		if off == 0 && n <= pagecipher.DiskWALHeader {
			return "header"
		}
		if off%pagecipher.DiskFrame == pagecipher.DiskWALHeader && n%pagecipher.DiskFrame == 0 {
			return span("frame", (off-pagecipher.DiskWALHeader)/pagecipher.DiskFrame+1, n/pagecipher.DiskFrame)
		}
	case strings.HasSuffix(op.Name, "-scan"):
		if n < 16384 && off == 0 {
			return "table"
		}
		return fmt.Sprintf("%d bytes at %d", n, off)
	case off < header.Size:
		return fmt.Sprintf("header, copy %d", off/(header.Size/2)+1)
	case n%pagecipher.PageSize == 0:
		return span("page", (off-header.Size)/pagecipher.PageSize+1, n/pagecipher.PageSize)
	}
	return fmt.Sprintf("%d bytes at %d", n, off)
}

// The order of writes and syncs is what durability rests on, so it does not change unnoticed.
func TestOrder(t *testing.T) {
	ctx := t.Context()
	r := &recorder{}
	keys := &fakeKeys{}
	cfg := memConfig(fsys.NewFaulty(newMem(t), r.hook))
	cfg.Clock = clock.NewFake(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) // a position is written each second
	r.step("create")
	db, err := tde.Create(ctx, cfg)
	must(t, err)
	c, err := db.Conn(ctx)
	must(t, err)
	full := func(sql string) func() error { return func() error { return c.Exec(sql) } }
	scan := func(begin func() error) func() error {
		return func() error { return errors.Join(begin(), db.Wait(context.WithoutCancel(ctx))) }
	}
	for _, s := range []struct {
		name string
		do   func() error
	}{
		{"first commit", full("CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)")},
		{"commit of several pages", full("WITH RECURSIVE g(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM g WHERE i<40) INSERT INTO t SELECT i, printf('%0400d', i) FROM g")},
		{"checkpoint", func() error { return db.Checkpoint(ctx) }},
		{"create a key", func() error { return db.CreateKey(ctx, tde.AES256, protector1, keys) }},
		{"encrypt", scan(func() error { return db.SetEncryption(ctx, true) })},
		{"commit, encrypted", full("UPDATE t SET v='x' WHERE id=1")},
		{"commit at synchronous=NORMAL", full("PRAGMA synchronous=NORMAL; UPDATE t SET v='y' WHERE id=1; PRAGMA synchronous=FULL")},
		{"change the protector", func() error { return db.ReWrap(ctx, protector2, keys) }},
		{"change the key", scan(func() error { return db.ReKey(ctx, tde.AES256, protector2, keys) })},
		{"decrypt", scan(func() error { return db.SetEncryption(ctx, false) })},
		{"close", func() error { return errors.Join(c.Close(), db.Close()) }},
	} {
		r.step(s.name)
		if err := s.do(); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
	}
	const golden = "testdata/order.golden"
	got := strings.TrimLeft(r.out.String(), "\n")
	if *update {
		must(t, os.WriteFile(golden, []byte(got), 0o644))
	}
	want, err := os.ReadFile(golden)
	must(t, err)
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("order of writes and syncs (-want +got; go test ./engine/tde -run Order -update writes it anew):\n%s", diff)
	}
}
