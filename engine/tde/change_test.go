package tde_test

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"latchkey/engine/tde"
	"latchkey/internal/fsys"
)

// slowRate bounds scans so that they go on only as long as nobody lifts it: a database of these tests takes hours.
const slowRate = 100

// slow is a configuration under which a scan stays on its way after its first pages.
func slow(m fsys.FS) tde.Config {
	cfg := memConfig(m)
	cfg.ScanRate = slowRate
	return cfg
}

// underWay waits until a scan has passed some pages and not all.
func underWay(t *testing.T, db *tde.DB) {
	t.Helper()
	for {
		s := db.Status()
		if !s.State.Scanning() {
			t.Fatalf("the scan has ended: %v", s.State)
		}
		if s.Percent > 0 {
			return
		}
		<-time.After(time.Millisecond)
	}
}

// A scan that is cancelled half-way goes back, with writers at work, also over a restart on its way; and again from there.
func TestCancelHalfWay(t *testing.T) {
	ctx := t.Context()
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprintf("restart %v", restart), func(t *testing.T) {
			m := newMem(t)
			s := newStory()
			db, err := tde.Create(ctx, slow(m))
			must(t, err)
			c, err := db.Conn(ctx)
			must(t, err)
			must(t, s.load(c))
			must(t, c.Exec("CREATE TABLE bulk(x); WITH RECURSIVE g(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM g WHERE i<400) INSERT INTO bulk SELECT zeroblob(3000) FROM g"))
			must(t, db.CreateKey(ctx, tde.AES256, protector1, s.keys))
			again := func() {
				t.Helper()
				if !restart {
					return
				}
				must(t, c.Close())
				must(t, db.Close())
				db, err = tde.Open(ctx, slow(m), s.keys)
				must(t, err)
				c, err = db.Conn(ctx)
				must(t, err)
			}
			finish := func(want tde.State) {
				t.Helper()
				must(t, s.commit(c))
				again()
				db.SetScanRate(0)
				must(t, db.Wait(ctx))
				if got := db.Status().State; got != want {
					t.Fatalf("state %v, want %v", got, want)
				}
				must(t, s.rows(c, s.acked.Load(), s.tried.Load(), true))
				if r, err := db.Verify(ctx); err != nil || len(r.Bad) > 0 {
					t.Fatalf("verification: %v, %v", r, err)
				}
				db.SetScanRate(slowRate)
			}
			change := func(begin func() error) {
				t.Helper()
				must(t, begin())
				underWay(t, db)
				must(t, s.commit(c))
				must(t, db.Cancel(ctx))
			}
			encrypt := func() error { return db.SetEncryption(ctx, true) }
			change(encrypt)
			finish(tde.Unencrypted)
			must(t, encrypt())
			finish(tde.Encrypted)
			change(func() error { return db.SetEncryption(ctx, false) })
			finish(tde.Encrypted)
			before := db.Status().Generation
			change(func() error { return db.ReKey(ctx, tde.AES128, protector2, s.keys) })
			finish(tde.Encrypted)
			if g := db.Status().Generation; g != before {
				t.Errorf("a change of key that was cancelled left generation %d, was %d", g, before)
			}
			change(func() error { return db.SetEncryption(ctx, false) })
			must(t, db.Cancel(ctx)) // and around again
			finish(tde.Unencrypted)
			must(t, c.Close())
			must(t, db.Close())
		})
	}
}

// A reader that holds an old snapshot keeps a scan from ending, sees what it saw, and the scan ends when it lets go.
func TestReaderHoldsScan(t *testing.T) {
	ctx := t.Context()
	for _, on := range []bool{true, false} {
		m := newMem(t)
		s := newStory()
		db, err := tde.Create(ctx, memConfig(m))
		must(t, err)
		c, err := db.Conn(ctx)
		must(t, err)
		must(t, s.load(c))
		must(t, db.CreateKey(ctx, tde.AES256, protector1, s.keys))
		if !on {
			must(t, db.SetEncryption(ctx, true))
			must(t, db.Wait(ctx))
		}
		reader, err := db.Conn(ctx)
		must(t, err)
		must(t, reader.Exec("BEGIN"))
		was := query(t, reader, "SELECT coalesce(max(n),0) FROM log")
		must(t, s.commit(c))
		must(t, db.SetEncryption(ctx, on))
		must(t, s.commit(c))
		short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		if err := db.Wait(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("encryption %v ended though a reader needs the log: %v", on, err)
		}
		cancel()
		if !db.Status().State.Scanning() {
			t.Errorf("the state says %v while old frames are needed", db.Status().State)
		}
		if got := query(t, reader, "SELECT coalesce(max(n),0) FROM log"); got != was {
			t.Errorf("the reader saw %s, now %s", was, got)
		}
		must(t, reader.Exec("COMMIT"))
		must(t, reader.Close())
		must(t, db.Wait(ctx))
		must(t, s.rows(c, s.acked.Load(), s.tried.Load(), true))
		must(t, c.Close())
		must(t, db.Close())
	}
}

// A full disk while the protector changes leaves the old one or the new one, and a database that opens.
func TestDiskFullAtReWrap(t *testing.T) {
	ctx := t.Context()
	for n := 1; ; n++ {
		m := newMem(t)
		s := newStory()
		db, err := tde.Create(ctx, memConfig(m))
		must(t, err)
		c, err := db.Conn(ctx)
		must(t, err)
		must(t, s.load(c))
		must(t, db.CreateKey(ctx, tde.AES256, protector1, s.keys))
		must(t, db.SetEncryption(ctx, true))
		must(t, db.Wait(ctx))
		must(t, c.Close())
		must(t, db.Close())
		full := &fsys.Nth{Kinds: fsys.OpWrite | fsys.OpSync, N: n, Sticky: true, Err: syscall.ENOSPC}
		armed := false
		f := fsys.NewFaulty(m, func(op fsys.Op) error {
			if !armed {
				return nil
			}
			return full.Hook(op)
		})
		db, err = tde.Open(ctx, memConfig(f), s.keys)
		must(t, err)
		armed = true
		err = db.ReWrap(ctx, protector2, s.keys)
		armed = false
		if err != nil && !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("write %d: %v", n, err)
		}
		_ = db.Close()
		for _, disk := range []*fsys.Mem{m, m.CrashClone(fsys.Crash{})} {
			again, oerr := tde.Open(ctx, memConfig(disk), s.keys)
			if oerr != nil {
				t.Fatalf("write %d: %v", n, oerr)
			}
			p := again.Status().Protector
			if p != protector2 && (err == nil || p != protector1) {
				t.Errorf("write %d: protector %v after %v", n, p, err)
			}
			must(t, again.Close())
		}
		if err == nil {
			return
		}
	}
}

// Two users of one file are one too many, in one process and in two.
func TestOneOwner(t *testing.T) {
	ctx := t.Context()
	cfg := tde.Config{Path: t.TempDir() + "/d.db"}
	db, err := tde.Create(ctx, cfg)
	must(t, err)
	defer db.Close()
	if _, err := tde.Open(ctx, cfg, nil); !errors.Is(err, tde.ErrInUse) {
		t.Errorf("opened twice: %v", err)
	}
	if err := tde.Restore(ctx, cfg, nil, nil); err == nil {
		t.Error("restored over a database in use")
	}
}
