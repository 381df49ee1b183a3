package tde_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/engine/tde"
)

const canary = "canary-93b1c7e2-in-clear"

// hits counts the canary in all files below the directories.
func hits(t testing.TB, dirs ...string) (n int, where []string) {
	t.Helper()
	for _, dir := range dirs {
		_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return nil //nolint:nilerr // files of others come and go
			}
			b, err := os.ReadFile(path)
			if err == nil {
				if k := bytes.Count(b, []byte(canary)); k > 0 {
					n += k
					where = append(where, fmt.Sprintf("%s: %d", filepath.Base(path), k))
				}
			}
			return nil
		})
	}
	return n, where
}

// The canary is searched in every file that the database has, the temporary ones and the log's index included, in each state.
func TestCanary(t *testing.T) {
	ctx := t.Context()
	dir, temp := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", temp)
	search := func() (int, []string) {
		index, _ := filepath.Glob("/dev/shm/latchkey-index-*")
		return hits(t, append(index, dir, temp)...)
	}
	keys := &fakeKeys{}
	cfg := tde.Config{Path: filepath.Join(dir, "d.db"), ScanRate: -1, TempDir: temp}
	db, err := tde.Create(ctx, cfg)
	must(t, err)
	c, err := db.Conn(ctx)
	must(t, err)
	write := func() {
		t.Helper()
		exec(t, c, `CREATE TABLE IF NOT EXISTS t(id INTEGER PRIMARY KEY, v TEXT, w TEXT);
			WITH RECURSIVE g(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM g WHERE i<3000) INSERT INTO t(v,w) SELECT '%s-'||i, hex(randomblob(100)) FROM g`, canary)
	}
	// spill sorts more than the cache holds, so that SQLite writes temporary files, and looks for the canary while they are there.
	temps := 0
	spill := func() {
		t.Helper()
		exec(t, c, "PRAGMA cache_size=10; PRAGMA temp_store=FILE")
		exec(t, c, "BEGIN; SAVEPOINT s; UPDATE t SET w=v||w") // a statement journal
		st, _, err := c.Prepare("SELECT v||w FROM t ORDER BY w DESC, v")
		must(t, err)
		for i := 0; st.Step() && i < 10; i++ {
		}
		must(t, st.Err())
		found, _ := filepath.Glob(filepath.Join(temp, "d.db-tmp-*"))
		temps += len(found)
		if n, where := hits(t, temp); n != 0 {
			t.Errorf("temporary files hold the canary: %v", where)
		}
		must(t, st.Close())
		exec(t, c, "ROLLBACK TO s; COMMIT; PRAGMA cache_size=-2000")
	}
	write()
	spill()
	if n, _ := search(); n == 0 {
		t.Fatal("the search finds nothing in a plain database: it proves nothing")
	}
	must(t, db.CreateKey(ctx, tde.AES256, protector1, keys))
	must(t, db.SetEncryption(ctx, true))
	write()
	must(t, db.Wait(ctx))
	clean := func(when string) {
		t.Helper()
		if n, where := search(); n != 0 {
			t.Errorf("%s: %d hits: %v", when, n, where)
		}
	}
	clean("encrypted")
	write()
	spill()
	clean("after writing")
	exec(t, c, "DELETE FROM t WHERE id%%2=0; VACUUM")
	clean("after vacuum")
	must(t, db.ReKey(ctx, tde.AES256, protector2, keys))
	clean("during the change of key")
	must(t, db.Wait(ctx))
	clean("after the change of key")
	must(t, db.Checkpoint(ctx))
	clean("after a checkpoint")
	for _, sql := range []string{
		"PRAGMA journal_mode=DELETE", "PRAGMA main.journal_mode=TRUNCATE", "PRAGMA journal_mode=OFF", "PRAGMA locking_mode=EXCLUSIVE",
		"PRAGMA mmap_size=100000000", "PRAGMA synchronous=OFF", "ATTACH 'file:" + dir + "/leak.db?vfs=os' AS leak", "ATTACH '" + dir + "/leak.db' AS leak",
		"VACUUM INTO '" + dir + "/leak.db'", "VACUUM INTO 'file:" + dir + "/leak.db?vfs=os'",
	} {
		if err := c.Exec(sql); err == nil {
			t.Errorf("%s was allowed", sql)
		}
	}
	if err := c.Backup("main", "file:"+dir+"/leak.db"); err == nil { // without vfs= it is ours, which knows no other file
		t.Error("a backup to another file was allowed")
	}
	clean("after what is refused")
	must(t, db.SetEncryption(ctx, false))
	must(t, db.Wait(ctx))
	if n, _ := search(); n == 0 {
		t.Error("nothing is in clear after decryption")
	}
	must(t, errors.Join(c.Close(), db.Close()))
	if temps == 0 {
		t.Error("SQLite made no temporary file: the test looked at nothing")
	}
	left, _ := os.ReadDir(temp)
	if index, _ := filepath.Glob("/dev/shm/latchkey-index-*"); len(left) != 0 && len(index) == 0 {
		t.Errorf("left behind: %v", left)
	}
	entries, err := os.ReadDir(dir)
	must(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if got := strings.Join(names, " "); got != "d.db d.db.lock" {
		t.Errorf("files after closing: %s", got)
	}
}

// The provider of keys is called when a database is opened and when keys change, and by nothing else.
func TestProviderIsNotCalledOnTheWay(t *testing.T) {
	ctx := t.Context()
	keys := &fakeKeys{}
	m := newMem(t)
	encrypted(t, m, "/data/d.db", keys)
	keys.calls.Store(0)
	cfg := memConfig(m)
	cfg.CacheBytes = -1
	db, err := tde.Open(ctx, cfg, keys)
	must(t, err)
	want := func(n int64, what string) {
		t.Helper()
		if got := keys.calls.Swap(0); got != n {
			t.Errorf("%s: %d calls, want %d", what, got, n)
		}
	}
	want(1, "opening")
	keys.fail.Store(true) // from here on the vault is gone
	c, err := db.Conn(ctx)
	must(t, err)
	query(t, c, "SELECT sum(length(v)) FROM t")
	want(0, "reading")
	exec(t, c, "UPDATE t SET v=v||'x'")
	want(0, "writing and committing")
	must(t, db.Checkpoint(ctx))
	want(0, "a checkpoint")
	_, err = db.Verify(ctx)
	must(t, err)
	want(0, "a verification")
	if err := db.ReKey(ctx, tde.AES256, protector2, keys); !errors.Is(err, tde.ErrKeys) {
		t.Errorf("a change of key without a vault: %v", err)
	}
	if s := db.Status(); s.State != tde.Encrypted || s.Generation != 1 {
		t.Errorf("after a change of key that failed: %+v", s)
	}
	keys.calls.Store(0)
	keys.fail.Store(false)
	must(t, db.ReKey(ctx, tde.AES256, protector2, keys))
	want(2, "a change of key: wrap, and the proof that it opens again")
	must(t, db.Wait(ctx))
	want(0, "a scan")
	must(t, db.ReWrap(ctx, protector1, keys))
	want(2, "a change of protector: wrap, and the proof that it opens again")
	must(t, db.SetEncryption(ctx, false))
	must(t, db.Wait(ctx))
	must(t, errors.Join(c.Close(), db.Close()))
	want(0, "decryption and closing")
}

const loadCount = 2000 / raced

// Readers and a writer work on while the database is encrypted, given a new key and decrypted: every snapshot is whole.
func TestScanUnderLoad(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	keys := &fakeKeys{}
	m := newMem(t)
	cfg := memConfig(m)
	cfg.CacheBytes = 100 * 4096 // small: most reads come from disk
	cfg.LogPages = 50
	db, err := tde.Create(ctx, cfg)
	must(t, err)
	c, err := db.Conn(ctx)
	must(t, err)
	exec(t, c, `CREATE TABLE t(id INTEGER PRIMARY KEY, n INTEGER, pad TEXT);
		WITH RECURSIVE g(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM g WHERE i<%d) INSERT INTO t SELECT i, 0, hex(randomblob(200)) FROM g`, loadCount)
	must(t, db.CreateKey(ctx, tde.AES256, protector1, keys))
	var wg sync.WaitGroup
	var gate sync.RWMutex // a worker has it for each of its statements
	var statements atomic.Int64
	worker := func(f func(c *tde.Conn) error) {
		conn, err := db.Conn(ctx)
		must(t, err)
		exec(t, conn, "PRAGMA cache_size=20")
		wg.Go(func() {
			for ctx.Err() == nil {
				gate.RLock()
				err := f(conn)
				gate.RUnlock()
				if err != nil {
					t.Error(err)
					break
				}
				statements.Add(1)
			}
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	for range 2 {
		worker(func(c *tde.Conn) error { // the sum of all n is always 0
			got, err := queryErr(c, "SELECT sum(n)||' '||count(*) FROM t")
			if err == nil && got != fmt.Sprintf("0 %d;", loadCount) {
				err = fmt.Errorf("torn snapshot: %q", got)
			}
			return err
		})
	}
	n := 0
	worker(func(c *tde.Conn) error {
		n++
		return c.Exec(fmt.Sprintf("BEGIN IMMEDIATE; UPDATE t SET n=n+1 WHERE id%%37=%d; UPDATE t SET n=n-1 WHERE id%%37=%[1]d; UPDATE t SET n=n+5 WHERE id=%d; UPDATE t SET n=n-5 WHERE id=%d; COMMIT",
			n%37, n%loadCount+1, (n*7)%loadCount+1))
	})
	// ends waits for a scan's end. A try to end waits for readers and writers for a moment only, which with these is a matter of luck: after a while
	// they pause.
	ends := func() {
		t.Helper()
		for to := statements.Load() + 100; statements.Load() < to && db.Status().State.Scanning() && !t.Failed(); {
			<-time.After(time.Millisecond)
		}
		gate.Lock()
		defer gate.Unlock()
		must(t, db.Wait(ctx))
	}
	for range 1 + 1/raced {
		must(t, db.SetEncryption(ctx, true))
		ends()
		db.SetScanRate(slowRate) // it does not end before it is suspended
		must(t, db.ReKey(ctx, tde.AES256, protector2, keys))
		must(t, db.Suspend(ctx))
		if s := db.Status(); !s.State.Scanning() || s.Scan != tde.ScanSuspended {
			t.Errorf("suspended: %+v", s)
		}
		must(t, db.Cancel(ctx))
		db.SetScanRate(0)
		ends()
		must(t, db.SetEncryption(ctx, false))
		ends()
	}
	cancel()
	wg.Wait()
	r, err := db.Verify(t.Context())
	if err != nil || len(r.Bad) != 0 {
		t.Errorf("verification: %+v, %v", r, err)
	}
	if got := query(t, c, "PRAGMA integrity_check"); got != "ok;" {
		t.Errorf("integrity: %s", got)
	}
	must(t, errors.Join(c.Close(), db.Close()))
}
