package tde_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/engine/tde"
	"latchkey/internal/clock"
	"latchkey/internal/fsys"
)

// settable is the machine's clock with a time of its own.
type settable struct {
	clock.System
	now atomic.Int64 // Unix milliseconds
}

func (c *settable) Now() time.Time { return time.UnixMilli(c.now.Load()) }

// fullBackup is a snapshot in memory.
type fullBackup struct {
	head, pages []byte
	lsn         uint64
}

func takeFull(ctx context.Context, db *tde.DB) (*fullBackup, error) {
	s, err := db.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	b := &fullBackup{lsn: s.LSN(), pages: make([]byte, int(s.Pages())*tde.PageSize)}
	for n := range s.Pages() {
		if err := s.Page(b.pages[int(n)*tde.PageSize:], n+1); err != nil {
			return nil, err
		}
	}
	b.head, err = s.Header()
	return b, err
}

func (b *fullBackup) restore(ctx context.Context, f fsys.FS) error {
	left := b.pages
	return tde.Restore(ctx, memConfig(f), b.head, func(dst []byte) error {
		if len(left) == 0 {
			return io.EOF
		}
		copy(dst, left[:tde.PageSize])
		left = left[tde.PageSize:]
		return nil
	})
}

// The log is kept while a writer goes on, also beside the copying back. Whenever the power fails, the log that was kept leads to what the
// database has, and to nothing that it lost.
func TestKeptLogUnderLoad(t *testing.T) {
	ctx := t.Context()
	m := newMem(t)
	s := newStory()
	cfg := memConfig(m)
	cfg.LogPages, cfg.NormalSync = 4*shortLog, true
	db, err := tde.Create(ctx, cfg)
	must(t, err)
	c, err := db.Conn(ctx)
	must(t, err)
	must(t, s.load(c))
	must(t, db.KeepLog(ctx))
	full, err := takeFull(ctx, db)
	must(t, err)
	rounds := 6
	if long() {
		rounds = 30
	}
	for range rounds {
		done := make(chan error, 1)
		go func() {
			var err error
			for n := 0; n < 12 && err == nil; n++ {
				err = s.commit(c)
			}
			done <- err
		}()
		snap, err := takeFull(ctx, db)
		must(t, err)
		if end := db.LogEnd(); snap.lsn > end || snap.lsn < full.lsn {
			t.Errorf("a snapshot up to %d, the log ends at %d", snap.lsn, end)
		}
		var b bytes.Buffer
		r, err := db.CopyLog(ctx, &b, full.lsn+1)
		must(t, err)
		disk := m.CrashClone(fsys.Crash{})
		must(t, <-done)
		was, err := tde.Open(ctx, memConfig(disk), s.keys)
		must(t, err)
		wc, err := was.Conn(ctx)
		must(t, err)
		want := query(t, wc, "SELECT n FROM log ORDER BY n")
		var all bytes.Buffer
		r2, err := was.CopyLog(ctx, &all, full.lsn+1)
		must(t, err)
		if r2.Last < r.Last {
			t.Errorf("the log was copied up to %d, after a power cut there is %d", r.Last, r2.Last)
		}
		must(t, errors.Join(wc.Close(), was.Close()))
		fresh := newMem(t)
		must(t, full.restore(ctx, fresh))
		_, err = tde.Roll(ctx, memConfig(fresh), s.keys, &all, tde.RollOptions{From: full.lsn})
		must(t, err)
		again, err := tde.Open(ctx, memConfig(fresh), s.keys)
		must(t, err)
		ac, err := again.Conn(ctx)
		must(t, err)
		if got := query(t, ac, "SELECT n FROM log ORDER BY n"); got != want {
			t.Errorf("rolled forward to %q, want %q", got, want)
		}
		must(t, errors.Join(ac.Close(), again.Close()))
	}
	must(t, errors.Join(c.Close(), db.Close()))
}

// A full backup and the logs after it give the database as of the last commit, whatever happened in between: checkpoints, restarts, crashes, encryption, new
// keys and protectors, a database that shrinks.
func TestRollForward(t *testing.T) {
	ctx := t.Context()
	keys := &fakeKeys{}
	m := newMem(t)
	db, err := tde.Create(ctx, memConfig(m))
	must(t, err)
	s := newStory()
	s.keys = keys
	var c *tde.Conn
	open := func() {
		t.Helper()
		db, err = tde.Open(ctx, memConfig(m), keys)
		must(t, err)
		c, err = db.Conn(ctx)
		must(t, err)
	}
	c, err = db.Conn(ctx)
	must(t, err)
	must(t, s.load(c))
	if db.LogEnd() != 0 {
		t.Error("a log is kept that nobody asked for")
	}
	if _, err := db.CopyLog(ctx, io.Discard, 0); !errors.Is(err, tde.ErrNoLog) {
		t.Errorf("CopyLog without a log: %v", err)
	}
	must(t, db.KeepLog(ctx))
	must(t, s.commit(c))
	full, err := takeFull(ctx, db)
	must(t, err)
	if full.lsn == 0 || full.lsn != db.LogEnd() {
		t.Errorf("the snapshot's LSN is %d, the log's end %d", full.lsn, db.LogEnd())
	}
	var logs [][]byte
	from := full.lsn
	copyLog := func() {
		t.Helper()
		var b bytes.Buffer
		r, err := db.CopyLog(ctx, &b, from+1)
		must(t, err)
		if r.First > from+1 || r.Last != db.LogEnd() {
			t.Fatalf("log %d to %d, want from %d to %d", r.First, r.Last, from+1, db.LogEnd())
		}
		from = r.Last
		logs = append(logs, b.Bytes())
	}
	steps := []func(){
		func() {},
		func() { must(t, db.Checkpoint(ctx)) },
		copyLog,
		func() { must(t, db.TrimLog(from)) },
		func() { must(t, c.Close()); must(t, db.Close()); open() },
		func() { // killed
			m = m.CrashClone(fsys.Crash{Rand: rand.New(rand.NewPCG(1, 1)), Keep: 1})
			open()
		},
		copyLog,
		func() { must(t, db.CreateKey(ctx, tde.AES256, protector1, keys)); must(t, db.SetEncryption(ctx, true)) },
		func() { must(t, db.Wait(ctx)) },
		copyLog,
		func() { must(t, db.ReKey(ctx, tde.AES128, protector2, keys)) },
		func() { must(t, db.Wait(ctx)) },
		func() { must(t, db.ReWrap(ctx, protector1, keys)) },
		func() { must(t, c.Exec("DELETE FROM t WHERE id > 200; VACUUM")) },
		copyLog,
		func() { must(t, db.SetEncryption(ctx, false)); must(t, db.Wait(ctx)) },
		func() { must(t, db.Checkpoint(ctx)) },
	}
	for _, step := range steps {
		step()
		for range 3 {
			must(t, s.commit(c))
		}
	}
	copyLog()
	want := dump(t, c)
	disk := newMem(t)
	must(t, full.restore(ctx, disk))
	at := full.lsn
	for i, b := range logs {
		if i > 0 {
			if _, err := tde.Roll(ctx, memConfig(disk), keys, bytes.NewReader(logs[min(i+1, len(logs)-1)]), tde.RollOptions{From: at}); i+1 < len(logs) && !errors.Is(err, tde.ErrLogGap) {
				t.Errorf("log %d was taken before log %d: %v", i+1, i, err)
			}
		}
		r, err := tde.Roll(ctx, memConfig(disk), keys, bytes.NewReader(b), tde.RollOptions{From: at})
		must(t, err)
		if r.LSN <= at || r.Stopped {
			t.Errorf("log %d: %+v from %d", i, r, at)
		}
		at = r.LSN
	}
	db2, err := tde.Open(ctx, memConfig(disk), keys)
	must(t, err)
	defer db2.Close()
	c2, err := db2.Conn(ctx)
	must(t, err)
	defer c2.Close()
	if got := dump(t, c2); got != want {
		t.Errorf("rolled forward: %.200s\nwant: %.200s", got, want)
	}
	if got := query(t, c2, "PRAGMA integrity_check"); got != "ok;" {
		t.Error(got)
	}
	r, err := db2.Verify(ctx)
	must(t, err)
	if len(r.Bad) > 0 {
		t.Errorf("verification: %v", r)
	}
	must(t, db.DropLog(ctx))
	if _, err := m.Stat("/data/d.db-log"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the dropped log is still there: %v", err)
	}
}

func dump(t *testing.T, c *tde.Conn) string {
	t.Helper()
	return query(t, c, "SELECT n FROM log ORDER BY n") + query(t, c, "SELECT id||' '||n||' '||length(pad) FROM t ORDER BY id")
}

// A stop time takes the transactions up to it and no other.
func TestRollToATime(t *testing.T) {
	ctx := t.Context()
	m := newMem(t)
	cl := &settable{}
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	cl.now.Store(start.UnixMilli())
	cfg := memConfig(m)
	cfg.Clock = cl
	db, err := tde.Create(ctx, cfg)
	must(t, err)
	defer db.Close()
	c, err := db.Conn(ctx)
	must(t, err)
	defer c.Close()
	s := newStory()
	must(t, s.load(c))
	must(t, db.KeepLog(ctx))
	full, err := takeFull(ctx, db)
	must(t, err)
	for i := range 20 {
		cl.now.Store(start.Add(time.Duration(i+1) * time.Minute).UnixMilli())
		must(t, s.commit(c))
		if i%6 == 5 {
			must(t, db.Checkpoint(ctx))
		}
	}
	var log bytes.Buffer
	_, err = db.CopyLog(ctx, &log, full.lsn+1)
	must(t, err)
	for _, minutes := range []float64{0, 0.5, 1, 5.5, 6, 6.01, 19.9, 20, 50} {
		disk := newMem(t)
		must(t, full.restore(ctx, disk))
		r, err := tde.Roll(ctx, memConfig(disk), nil, bytes.NewReader(log.Bytes()), tde.RollOptions{From: full.lsn, StopAt: start.Add(time.Duration(minutes * float64(time.Minute)))})
		must(t, err)
		want := min(int(minutes), 20)
		if r.Stopped != (minutes < 20) {
			t.Errorf("%g minutes: %+v", minutes, r)
		}
		db2, err := tde.Open(ctx, memConfig(disk), nil)
		must(t, err)
		c2, err := db2.Conn(ctx)
		must(t, err)
		if got := query(t, c2, "SELECT count(*)||' '||coalesce(max(n),0) FROM log"); got != fmt.Sprintf("%d %[1]d;", want) {
			t.Errorf("%g minutes: %s transactions, want %d", minutes, got, want)
		}
		must(t, c2.Close())
		must(t, db2.Close())
	}
}

// Once the state says encrypted nothing of what the log kept is in clear.
func TestKeptLogIsSealed(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	keys := &fakeKeys{}
	db, err := tde.Create(ctx, tde.Config{Path: filepath.Join(dir, "d.db"), ScanRate: -1})
	must(t, err)
	defer db.Close()
	c, err := db.Conn(ctx)
	must(t, err)
	defer c.Close()
	s := newStory()
	must(t, db.KeepLog(ctx))
	must(t, s.load(c))
	must(t, db.Checkpoint(ctx))
	has := func() (n int) {
		must(t, filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(p)
			if bytes.Contains(b, []byte("canary-")) && strings.Contains(p, "-log") {
				n++
			}
			return err
		}))
		return n
	}
	if has() == 0 {
		t.Fatal("the kept log of a database in clear holds nothing, so the test proves nothing")
	}
	must(t, db.CreateKey(ctx, tde.AES256, protector1, keys))
	must(t, db.SetEncryption(ctx, true))
	must(t, s.commit(c))
	must(t, db.Wait(ctx))
	if n := has(); n > 0 {
		t.Errorf("%d files of the kept log hold rows in clear", n)
	}
	var b bytes.Buffer
	_, err = db.CopyLog(ctx, &b, 0)
	must(t, err)
	if bytes.Contains(b.Bytes(), []byte("canary-")) {
		t.Error("the copy holds rows in clear")
	}
}

// removalOnly tells whether nothing but the removal of the write-ahead log failed, at the end of Close: SQLite ignores that
// (sqlite3WalClose), and may, since Close has checkpointed and emptied the log before, and told of errors there. The empty file stays.
type removalOnly struct {
	mu                       sync.Mutex
	closing, emptied, before bool
}

func (r *removalOnly) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closing = true
}

func (r *removalOnly) saw(op fsys.Op, err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil && !r.emptied {
		r.before = true
	}
	if err == nil && r.closing && op.Kind == fsys.OpTruncate && op.Name == "/data/d.db-wal" && op.Off == 0 {
		r.emptied = true
	}
	return err
}

func (r *removalOnly) alone() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.emptied && !r.before
}

// Whatever operation of the disk fails, and wherever the power is cut: the log that is kept and the full backup give exactly what the database gives.
func TestKeptLogUnderFaults(t *testing.T) {
	ctx := t.Context()
	run := func(f fsys.FS, s *story, full **fullBackup, logPages int, closing func()) error {
		cfg := memConfig(f)
		cfg.LogPages = logPages
		db, err := tde.Create(ctx, cfg)
		if err != nil {
			return err
		}
		c, err := db.Conn(ctx)
		if err != nil {
			return errors.Join(err, db.Close())
		}
		steps := []func() error{
			func() error { return s.load(c) },
			func() error { return db.KeepLog(ctx) },
			func() (err error) { *full, err = takeFull(ctx, db); return err },
			func() error { return s.commit(c) },
			func() error { return s.commit(c) },
			func() error { return db.Checkpoint(ctx) },
			func() error { return s.commit(c) },
			func() error { return db.CreateKey(ctx, tde.AES256, protector1, s.keys) },
			func() error { return db.SetEncryption(ctx, true) },
			func() error { return s.commit(c) },
			func() error { return db.Wait(ctx) },
			func() error { return s.commit(c) },
			func() error { return db.TrimLog(0) },
			func() error { return db.Checkpoint(ctx) },
			func() error { return s.commit(c) },
		}
		for _, step := range steps {
			if err = step(); err != nil {
				break
			}
		}
		err = errors.Join(err, c.Close())
		closing()
		return errors.Join(err, db.Close())
	}
	same := func(disk fsys.FS, s *story, full *fullBackup) error {
		db, err := tde.Open(ctx, memConfig(disk), s.keys)
		if err != nil {
			return fmt.Errorf("opening: %w", err)
		}
		defer db.Close()
		c, err := db.Conn(ctx)
		if err != nil {
			return err
		}
		defer c.Close()
		if full == nil {
			return nil
		}
		want, err := queryErr(c, "SELECT n FROM log ORDER BY n")
		if err != nil {
			return err
		}
		var b bytes.Buffer
		r, err := db.CopyLog(ctx, &b, full.lsn+1)
		if errors.Is(err, tde.ErrNoLog) {
			return errors.New("the log is no longer kept")
		}
		if err != nil {
			return err
		}
		fresh := fsys.NewMem()
		if err := errors.Join(fresh.MkdirAll("/data", 0o700), full.restore(ctx, fresh)); err != nil {
			return err
		}
		if _, err := tde.Roll(ctx, memConfig(fresh), s.keys, &b, tde.RollOptions{From: full.lsn}); err != nil {
			return fmt.Errorf("rolling forward (%+v): %w", r, err)
		}
		db2, err := tde.Open(ctx, memConfig(fresh), s.keys)
		if err != nil {
			return err
		}
		defer db2.Close()
		c2, err := db2.Conn(ctx)
		if err != nil {
			return err
		}
		defer c2.Close()
		if got, err := queryErr(c2, "SELECT n FROM log ORDER BY n"); got != want || err != nil {
			return fmt.Errorf("rolled forward to %q, want %q: %w", got, want, err)
		}
		if got, err := queryErr(c2, "PRAGMA integrity_check"); got != "ok;" || err != nil {
			return fmt.Errorf("integrity: %s %w", got, err)
		}
		return nil
	}
	count := &fsys.Nth{Kinds: fsys.OpChange}
	var none *fullBackup
	must(t, run(fsys.NewFaulty(newMem(t), count.Hook), newStory(), &none, 0, func() {}))
	step := 8 * raced
	if long() {
		step = 1
	}
	parallel(t, count.Seen()/step, func(n int) error {
		n *= step
		s := newStory()
		m := fsys.NewMem()
		if err := m.MkdirAll("/data", 0o700); err != nil {
			return err
		}
		nth := &fsys.Nth{Kinds: fsys.OpChange, N: n, Sticky: n%2 == 0, Err: errors.New("injected")}
		var full *fullBackup
		logPages := n / step % 2 * shortLog // then an error may be that of a pass, which nobody hears
		var removal removalOnly
		err := run(fsys.NewFaulty(m, func(op fsys.Op) error { return removal.saw(op, nth.Hook(op)) }), s, &full, logPages, removal.begin)
		if err == nil && nth.Seen() >= n && logPages == 0 && !removal.alone() { // how many there are depends on the scan's goroutine
			return fmt.Errorf("fault %d: no error", n)
		}
		if _, err := m.Stat("/data/d.db"); err != nil {
			return nil
		}
		if info, serr := m.Stat("/data/d.db-wal"); err == nil && removal.alone() && serr == nil && info.Size() != 0 {
			return fmt.Errorf("fault %d: closed without an error, and %d bytes of log are left", n, info.Size())
		}
		disks := []fsys.FS{m.CrashClone(fsys.Crash{}), m.CrashClone(fsys.Crash{Rand: rand.New(rand.NewPCG(uint64(n), 3)), Keep: 0.5, Torn: 0.5}), m}
		for i, d := range disks {
			if _, err := d.Stat("/data/d.db"); err != nil {
				continue
			}
			if err := same(d, s, full); err != nil {
				return fmt.Errorf("fault %d, disk %d: %w", n, i, err)
			}
		}
		return nil
	})
}

// A crash amid rolling forward leaves a database that does not open before it was rolled as far.
func TestRollUnderFaults(t *testing.T) {
	ctx := t.Context()
	m := newMem(t)
	db, err := tde.Create(ctx, memConfig(m))
	must(t, err)
	defer db.Close()
	c, err := db.Conn(ctx)
	must(t, err)
	defer c.Close()
	s := newStory()
	must(t, s.load(c))
	must(t, db.KeepLog(ctx))
	full, err := takeFull(ctx, db)
	must(t, err)
	for range 5 {
		must(t, s.commit(c))
	}
	var log bytes.Buffer
	_, err = db.CopyLog(ctx, &log, full.lsn+1)
	must(t, err)
	want := dump(t, c)
	roll := func(f fsys.FS) error {
		_, err := tde.Roll(ctx, memConfig(f), nil, bytes.NewReader(log.Bytes()), tde.RollOptions{From: full.lsn})
		return err
	}
	for n := 1; ; n++ {
		disk := newMem(t)
		must(t, full.restore(ctx, disk))
		nth := &fsys.Nth{Kinds: fsys.OpChange, N: n, Sticky: true, Err: errors.New("injected")}
		err := roll(fsys.NewFaulty(disk, nth.Hook))
		for _, d := range []*fsys.Mem{disk, disk.CrashClone(fsys.Crash{Rand: rand.New(rand.NewPCG(uint64(n), 5)), Keep: 0.6})} {
			opened := func() (string, error) {
				db, err := tde.Open(ctx, memConfig(d), nil)
				if err != nil {
					return "", err
				}
				defer db.Close()
				c, err := db.Conn(ctx)
				must(t, err)
				defer c.Close()
				return dump(t, c), nil
			}
			got, oerr := opened()
			if oerr == nil && got != want && err == nil {
				t.Fatalf("fault %d: rolled to %.100s", n, got)
			}
			if oerr != nil && !errors.Is(oerr, tde.ErrRolling) {
				t.Fatalf("fault %d: %v", n, oerr)
			}
			if oerr == nil {
				continue // not begun, or done
			}
			must(t, roll(d))
			if got, err := opened(); err != nil || got != want {
				t.Fatalf("fault %d, done again: %.100s, %v", n, got, err)
			}
		}
		if err == nil {
			break
		}
	}
}
