package tde_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/engine/tde"
	"latchkey/engine/tde/pagecipher"
	"latchkey/internal/clock"
	"latchkey/internal/fsys"
)

// logSize is how many frames the file of the log has room for.
func logSize(t testing.TB, m *fsys.Mem) int64 {
	t.Helper()
	fi, err := m.Stat("/data/d.db-wal")
	must(t, err)
	return (fi.Size() - pagecipher.DiskWALHeader) / pagecipher.DiskFrame
}

// tally opens a database with one row for each commit.
func tally(t testing.TB, m *fsys.Mem, logPages int) (*tde.DB, *tde.Conn) {
	t.Helper()
	cfg := memConfig(m)
	cfg.LogPages = logPages
	db, err := tde.Create(t.Context(), cfg)
	must(t, err)
	c, err := db.Conn(t.Context())
	must(t, err)
	exec(t, c, "CREATE TABLE t(id INTEGER PRIMARY KEY, who, pad); CREATE INDEX i ON t(who)")
	return db, c
}

const tallyInsert = "BEGIN IMMEDIATE; INSERT INTO t(who, pad) VALUES(%d, zeroblob(700)); COMMIT"

// A writer that never pauses finds its log copied back, and the log does not grow beyond its bound.
func TestLogStartsOver(t *testing.T) {
	m := newMem(t)
	const pages, commits = 40, 800
	db, c := tally(t, m, pages)
	most := int64(0)
	for n := range commits {
		exec(t, c, tallyInsert, n)
		most = max(most, logSize(t, m))
	}
	if bound := int64(2*pages + 10); most > bound || most < pages {
		t.Errorf("the log had up to %d frames, want at most %d", most, bound)
	}
	if got := query(t, c, "SELECT count(*)||' '||count(DISTINCT who) FROM t"); got != fmt.Sprintf("%d %d;", commits, commits) {
		t.Errorf("rows %s", got)
	}
	must(t, errors.Join(c.Close(), db.Close()))
}

// So it is with a database that is written to by the connections of another.
func TestLogOfAttachedStartsOver(t *testing.T) {
	m, n := newMem(t), newMem(t)
	db, c := tally(t, m, 40)
	home, own := tally(t, n, 0)
	exec(t, own, "ATTACH '%s' AS x", db.URI())
	most := int64(0)
	for range 300 {
		exec(t, own, "INSERT INTO x.t(who, pad) VALUES(1, zeroblob(700))")
		most = max(most, logSize(t, m))
	}
	if most > 2*40+10 {
		t.Errorf("the log had up to %d frames", most)
	}
	if got := query(t, c, "SELECT count(*) FROM t"); got != "300;" {
		t.Errorf("rows %s", got)
	}
	must(t, errors.Join(own.Close(), home.Close(), c.Close(), db.Close()))
}

// Several writers and readers without a pause: everything is there, and the log starts over at least once.
func TestLogWithManyWriters(t *testing.T) {
	m := newMem(t)
	db, c := tally(t, m, 30)
	var wg sync.WaitGroup
	worker := func(f func(c *tde.Conn) error) {
		conn, err := db.Conn(t.Context())
		must(t, err)
		wg.Go(func() {
			if err := errors.Join(f(conn), conn.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	const writers, commits = 3, 200
	var left atomic.Int64
	left.Store(writers)
	for w := range writers {
		worker(func(c *tde.Conn) error {
			defer left.Add(-1)
			for n := range commits / raced {
				if err := c.Exec(fmt.Sprintf(tallyInsert, w*commits+n)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for range 2 {
		worker(func(c *tde.Conn) error {
			for seen := ""; left.Load() > 0; {
				got, err := queryErr(c, "SELECT printf('%09d', count(*)) FROM t")
				if err != nil {
					return err
				}
				if got < seen {
					return fmt.Errorf("a reader saw %s after %s", got, seen)
				}
				seen = got
			}
			return nil
		})
	}
	wg.Wait()
	want := fmt.Sprintf("%d %[1]d;", writers*(commits/raced))
	if got := query(t, c, "SELECT count(*)||' '||count(DISTINCT who) FROM t"); got != want {
		t.Errorf("rows %s, want %s", got, want)
	}
	if got := query(t, c, "PRAGMA integrity_check"); got != "ok;" {
		t.Error(got)
	}
	for n := range 200 { // one writer alone
		exec(t, c, tallyInsert, 10_000+n)
	}
	exec(t, c, "PRAGMA user_version=1")
	must(t, db.Checkpoint(t.Context()))
	if n := logSize(t, m); n > 0 {
		t.Errorf("%d frames after a checkpoint", n)
	}
	must(t, errors.Join(c.Close(), db.Close()))
}

// A reader that stays holds the log back. Writers go on meanwhile, the reader sees what it saw, and when it goes the log starts over.
func TestReaderHoldsLog(t *testing.T) {
	m := newMem(t)
	db, c := tally(t, m, 20)
	reader, err := db.Conn(t.Context())
	must(t, err)
	exec(t, c, tallyInsert, 0)
	exec(t, reader, "BEGIN")
	was := query(t, reader, "SELECT count(*) FROM t")
	for n := range 300 {
		exec(t, c, tallyInsert, n+1)
	}
	if got := query(t, reader, "SELECT count(*) FROM t"); got != was {
		t.Errorf("the reader saw %s, now %s", was, got)
	}
	long := logSize(t, m)
	if long < 300 {
		t.Errorf("%d frames: something that the reader needs is gone", long)
	}
	must(t, errors.Join(reader.Exec("COMMIT"), reader.Close()))
	for n := range 300 {
		exec(t, c, tallyInsert, n+1000)
	}
	if now := logSize(t, m); now > 2*long {
		t.Errorf("the log had %d frames, now %d", long, now)
	}
	if got := query(t, c, "SELECT count(*) FROM t"); got != "601;" {
		t.Errorf("rows %s", got)
	}
	must(t, errors.Join(c.Close(), db.Close()))
}

// A scan that cannot end because of a reader tries again and again. Between two tries, however many, a writer commits.
func TestWritersGoOnWhileAScanCannotEnd(t *testing.T) {
	ctx := t.Context()
	m := newMem(t)
	fake := clock.NewFake(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	cfg := memConfig(m)
	cfg.Clock, cfg.LogPages = fake, 20
	db, err := tde.Create(ctx, cfg)
	must(t, err)
	c, err := db.Conn(ctx)
	must(t, err)
	s := newStory()
	must(t, s.load(c))
	must(t, db.CreateKey(ctx, tde.AES256, protector1, s.keys))
	reader, err := db.Conn(ctx)
	must(t, err)
	exec(t, reader, "BEGIN")
	was := query(t, reader, "SELECT coalesce(max(n),0) FROM log")
	must(t, s.commit(c))
	must(t, db.SetEncryption(ctx, true))

	// A writer of its own, without a pause. A checkpoint that kept it out would show as an error after its 10 s, or as no progress below.
	stop, moved := make(chan struct{}), make(chan struct{}, 1)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if err := s.commit(c); err != nil {
				t.Error(err)
				return
			}
			select {
			case moved <- struct{}{}:
			default:
			}
		}
	})
	progress := func(n int64) {
		t.Helper()
		for to := s.acked.Load() + n; s.acked.Load() < to; {
			select {
			case <-moved:
			case <-ctx.Done():
				t.Fatal(ctx.Err())
			}
		}
	}
	for range 12 {
		must(t, fake.BlockUntil(ctx, 1)) // a try failed, and the scan pauses
		progress(5)
		if !db.Status().State.Scanning() {
			t.Fatal("the scan ended though a reader needs the log")
		}
		fake.Advance(time.Second) // longer than any pause
	}
	if got := query(t, reader, "SELECT coalesce(max(n),0) FROM log"); got != was {
		t.Errorf("the reader saw %s, now %s", was, got)
	}
	must(t, errors.Join(reader.Exec("COMMIT"), reader.Close()))
	close(stop)
	wg.Wait()
	done := make(chan error, 1)
	go func() { done <- db.Wait(ctx) }()
	for ended := false; !ended; {
		fake.Advance(time.Second)
		select {
		case err := <-done:
			must(t, err)
			ended = true
		default:
			short, cancel := context.WithTimeout(ctx, time.Millisecond)
			_ = fake.BlockUntil(short, 1)
			cancel()
		}
	}
	if st := db.Status().State; st != tde.Encrypted {
		t.Errorf("state %v", st)
	}
	must(t, s.rows(c, s.acked.Load(), s.tried.Load(), true))
	must(t, errors.Join(c.Close(), db.Close()))
}

// The power fails while page 1 is copied back, and leaves it torn. The log has it.
func TestTornFirstPage(t *testing.T) {
	ctx := t.Context()
	for _, encrypted := range []bool{false, true} {
		m := newMem(t)
		keys := &fakeKeys{}
		db, c := tally(t, m, 0)
		if encrypted {
			must(t, db.CreateKey(ctx, tde.AES256, protector1, keys))
			must(t, errors.Join(db.SetEncryption(ctx, true), db.Wait(ctx)))
		}
		must(t, db.Checkpoint(ctx))
		exec(t, c, "CREATE TABLE u(x)") // changes page 1
		for n := range 20 {
			exec(t, c, tallyInsert, n)
		}
		disk := m.CrashClone(fsys.Crash{})
		must(t, errors.Join(c.Close(), db.Close()))
		tear := func(m *fsys.Mem) {
			b := readAll(t, m, "/data/d.db")
			copy(b[pageAt(1)+512:], bytes.Repeat([]byte{3}, 512))
			writeAll(t, m, "/data/d.db", b)
		}
		tear(disk)
		db, err := tde.Open(ctx, memConfig(disk), keys)
		must(t, err)
		c, err = db.Conn(ctx)
		must(t, err)
		if got := query(t, c, "SELECT count(*)||(SELECT count(*) FROM u) FROM t"); got != "200;" {
			t.Errorf("encrypted %v: rows %s", encrypted, got)
		}
		if r, err := db.Verify(ctx); err != nil || len(r.Bad) > 0 {
			t.Errorf("encrypted %v: %+v, %v", encrypted, r, err)
		}
		must(t, errors.Join(c.Close(), db.Close()))

		tear(m) // there is no log any more: it is damage
		var corrupt *tde.CorruptError
		if db, err := tde.Open(ctx, memConfig(m), keys); !errors.As(err, &corrupt) || corrupt.Page != 1 {
			t.Errorf("encrypted %v: opened without page 1: %v", encrypted, err)
			_ = db.Close()
		}
	}
}

// A fault while the log is copied back is nobody's error: the commit stands, and the next pass or Close does it.
func TestCopyBackFails(t *testing.T) {
	ctx := t.Context()
	m := newMem(t)
	var failing atomic.Bool
	var met atomic.Int64
	cfg := memConfig(fsys.NewFaulty(m, func(op fsys.Op) error {
		if failing.Load() && op.Kind == fsys.OpWrite && op.Name == "/data/d.db" {
			met.Add(1)
			return errBoom
		}
		return nil
	}))
	cfg.LogPages = 20
	db, err := tde.Create(ctx, cfg)
	must(t, err)
	c, err := db.Conn(ctx)
	must(t, err)
	exec(t, c, "CREATE TABLE t(id INTEGER PRIMARY KEY, who, pad)")
	failing.Store(true)
	for n := range 200 {
		exec(t, c, tallyInsert, n)
	}
	if met.Load() == 0 {
		t.Error("nothing was copied back")
	}
	if err := db.Failed(); err != nil {
		t.Errorf("writing ended: %v", err)
	}
	if err := db.Checkpoint(ctx); !errors.Is(err, errBoom) {
		t.Errorf("a checkpoint that was asked for: %v", err)
	}
	failing.Store(false)
	high := logSize(t, m)
	for n := range 300 {
		exec(t, c, tallyInsert, n)
	}
	if now := logSize(t, m); now > 2*high {
		t.Errorf("the log had %d frames, now %d", high, now)
	}
	must(t, errors.Join(c.Close(), db.Close()))
	db, err = tde.Open(ctx, memConfig(m), nil)
	must(t, err)
	c, err = db.Conn(ctx)
	must(t, err)
	if got := query(t, c, "SELECT count(*) FROM t"); got != "500;" {
		t.Errorf("rows %s", got)
	}
	must(t, errors.Join(c.Close(), db.Close()))
}
