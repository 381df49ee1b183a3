package tde_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/engine/tde"
	"latchkey/internal/clock"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

// watchKeys shows the state while the protector is asked.
type watchKeys struct {
	fakeKeys
	during func()
}

func (k *watchKeys) Wrap(ctx context.Context, t ekm.Thumbprint, plain *secret.Bytes) (ekm.Wrapped, error) {
	if k.during != nil {
		k.during()
	}
	return k.fakeKeys.Wrap(ctx, t, plain)
}

// The clock stands still, so that a scan stays where its budget lets it.
func TestStates(t *testing.T) {
	ctx := t.Context()
	m := newMem(t)
	clk := clock.NewFake(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	cfg := memConfig(m)
	cfg.Clock, cfg.ScanRate = clk, 64*tde.PageSize // a batch in a second
	db, err := tde.Create(ctx, cfg)
	must(t, err)
	c, err := db.Conn(ctx)
	must(t, err)
	exec(t, c, `CREATE TABLE t(v TEXT); WITH RECURSIVE g(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM g WHERE i<1500) INSERT INTO t SELECT hex(randomblob(400)) FROM g`)
	must(t, db.Checkpoint(ctx))
	refused := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, tde.ErrState) || !errors.Is(err, code.DatabaseState) {
			t.Errorf("%s in state %v: %v", what, db.Status().State, err)
		}
	}
	keys := &watchKeys{}
	refused("encryption without a key", db.SetEncryption(ctx, true))
	refused("a new protector without a key", db.ReWrap(ctx, protector1, keys))
	refused("suspending", db.Suspend(ctx))
	must(t, db.CreateKey(ctx, tde.AES256, protector1, keys))
	refused("a second key", db.CreateKey(ctx, tde.AES256, protector1, keys))
	must(t, db.ReKey(ctx, tde.AES128, protector1, keys)) // nothing is encrypted, so nothing is scanned
	if s := db.Status(); s.State != tde.Unencrypted || s.Algorithm != tde.AES128 || s.Generation != 2 || s.Encrypted() {
		t.Errorf("%+v", s)
	}
	must(t, db.SetEncryption(ctx, true))
	must(t, clk.BlockUntil(ctx, 1))
	s := db.Status()
	if s.State != tde.Encrypting || s.Scan != tde.ScanRunning || s.Percent <= 0 || s.Percent >= 100 || !s.Encrypted() || s.Set != clk.Now() {
		t.Errorf("a scan that has begun: %+v", s)
	}
	refused("decryption amid encryption", db.SetEncryption(ctx, false))
	refused("a change of key amid encryption", db.ReKey(ctx, tde.AES256, protector1, keys))
	refused("dropping the key", db.DropKey(ctx))
	must(t, db.ReWrap(ctx, protector2, keys)) // works at any time
	must(t, db.Suspend(ctx))
	must(t, c.Close())
	must(t, db.Close())

	db, err = tde.Open(ctx, cfg, keys) // stays suspended over a restart
	must(t, err)
	before := s.Percent
	if s = db.Status(); s.State != tde.Encrypting || s.Scan != tde.ScanSuspended || s.Percent < before || s.Protector != protector2 {
		t.Errorf("after a restart: %+v, was at %v %%", s, before)
	}
	must(t, db.Resume(ctx))
	must(t, clk.BlockUntil(ctx, 1))
	must(t, db.Cancel(ctx))
	must(t, clk.BlockUntil(ctx, 1))
	if s = db.Status(); s.State != tde.Decrypting || s.Encrypted() {
		t.Errorf("after a cancellation: %+v", s)
	}
	db.SetScanRate(0)
	must(t, db.Wait(ctx))
	if s = db.Status(); s.State != tde.Unencrypted || s.Percent != 0 || s.Scan != tde.ScanComplete {
		t.Errorf("decrypted: %+v", s)
	}
	must(t, db.SetEncryption(ctx, true))
	must(t, db.Wait(ctx))
	must(t, db.SetEncryption(ctx, true)) // no error, nothing happens
	keys.during = func() {
		if s := db.Status(); s.State != tde.ProtectionChange {
			t.Errorf("while the protector is asked: %v", s.State)
		}
	}
	clk.Advance(time.Hour)
	must(t, db.ReWrap(ctx, protector1, keys))
	keys.during = nil
	if s = db.Status(); s.State != tde.Encrypted || s.Protector != protector1 || s.Modified != clk.Now() || s.Rewraps != 2 || s.EpochsLeft >= 32767 {
		t.Errorf("rewrapped: %+v", s)
	}
	must(t, db.Close())
	if _, err := db.Conn(ctx); !errors.Is(err, tde.ErrClosed) {
		t.Errorf("a connection to a closed database: %v", err)
	}
}

// A page that does not authenticate ends a scan; the state says so, and the rest stays usable.
func TestScanStopsAtCorruptPage(t *testing.T) {
	ctx := t.Context()
	keys := &fakeKeys{}
	m := newMem(t)
	encrypted(t, m, "/data/d.db", keys)
	b := readAll(t, m, "/data/d.db")
	b[pageAt(20)+9] ^= 1
	writeAll(t, m, "/data/d.db", b)
	db, err := tde.Open(ctx, memConfig(m), keys)
	must(t, err)
	must(t, db.SetEncryption(ctx, false))
	var bad *tde.CorruptError
	if err := db.Wait(ctx); !errors.As(err, &bad) || bad.Page != 20 || bad.File != "/data/d.db" {
		t.Errorf("scan over a corrupt page: %v", err)
	}
	if s := db.Status(); s.State != tde.Decrypting || s.Scan != tde.ScanAborted || !errors.Is(s.ScanError, tde.ErrCorrupt) {
		t.Errorf("%+v", s)
	}
	must(t, db.Close())
}

// After a sync failed, nothing more is written, and everything can still be read.
func TestFailedSync(t *testing.T) {
	ctx := t.Context()
	m := newMem(t)
	fail := false
	f := fsys.NewFaulty(m, func(op fsys.Op) error {
		if fail && op.Kind == fsys.OpSync && strings.HasSuffix(op.Name, "-wal") {
			fail = false // once; the second sync would succeed and prove nothing
			return errBoom
		}
		return nil
	})
	db, err := tde.Create(ctx, memConfig(f))
	must(t, err)
	c, err := db.Conn(ctx)
	must(t, err)
	exec(t, c, "CREATE TABLE t(v); INSERT INTO t VALUES(1)")
	fail = true
	if err := c.Exec("INSERT INTO t VALUES(2)"); !errors.Is(err, errBoom) || !errors.Is(err, code.DatabaseIO) || errors.Is(err, tde.ErrCorrupt) {
		t.Errorf("commit over a failed sync: %v", err)
	}
	if err := c.Exec("INSERT INTO t VALUES(3)"); !errors.Is(err, errBoom) {
		t.Errorf("a later commit: %v", err)
	}
	if got := query(t, c, "SELECT group_concat(v) FROM t"); got != "1;" {
		t.Errorf("read %s", got)
	}
	_ = c.Close()
	_ = db.Close()
	db, err = tde.Open(ctx, memConfig(f), nil)
	must(t, err)
	c, err = db.Conn(ctx)
	must(t, err)
	exec(t, c, "INSERT INTO t VALUES(4)")
	must(t, errors.Join(c.Close(), db.Close()))
}
