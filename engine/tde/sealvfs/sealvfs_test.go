package sealvfs_test

import (
	"bytes"
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"

	"latchkey/engine/tde/header"
	"latchkey/engine/tde/pagecipher"
	"latchkey/engine/tde/sealvfs"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

const path = "/data/d.db"

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// bed is a Store over a disk in memory, whose operations go through hook.
type bed struct {
	*sealvfs.Store
	disk   *fsys.Mem
	ring   *pagecipher.Ring
	uri    string
	filled []uint32 // what SetFilled was told

	mu   sync.Mutex
	hook func(fsys.Op) error
}

func (b *bed) setHook(f func(fsys.Op) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hook = f
}

// fail lets every operation of these kinds on the file with this suffix fail.
func (b *bed) fail(kinds fsys.Kind, name string, err error) {
	b.setHook(func(op fsys.Op) error {
		if op.Kind&kinds != 0 && op.Name == name {
			return err
		}
		return nil
	})
}

func newBed(t *testing.T, cachePages int) *bed {
	t.Helper()
	b := &bed{disk: fsys.NewMem()}
	must(t, b.disk.MkdirAll("/data", 0o700))
	id := pagecipher.FileID{1, 2, 3}
	b.ring = pagecipher.NewRing(id, func(g uint32) (pagecipher.DEK, error) {
		return pagecipher.DEK{Generation: g, Next: 2, Spans: []pagecipher.Span{{First: 1, Salt: [16]byte{9}}}}, nil
	})
	must(t, b.ring.Add(pagecipher.DEK{Generation: 1, Key: secret.New(bytes.Repeat([]byte{7}, 32)), Next: 1}))
	b.ring.SealWith(1, false)
	f := fsys.NewFaulty(b.disk, func(op fsys.Op) error {
		b.mu.Lock()
		hook := b.hook
		b.mu.Unlock()
		if hook == nil {
			return nil
		}
		return hook(op)
	})
	main, err := f.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	must(t, err)
	disk := make([]byte, pagecipher.PageSize)
	must(t, pagecipher.NewCodec(b.ring).SealPage(disk, emptyDatabase(), 1))
	_, err = main.WriteAt(disk, header.Size)
	must(t, errors.Join(err, main.Sync(), b.disk.SyncDir("/data")))
	b.Store, err = sealvfs.Open(sealvfs.Config{
		FS: f, Path: path, Main: main, ID: id, Ring: b.ring, CachePages: cachePages, Filled: 1, Now: time.Now,
		SetFilled: func(n uint32) error { b.filled = append(b.filled, n); return nil },
	})
	must(t, err)
	b.SetPolicy(sealvfs.Policy{Sealed: [2]bool{false, true}})
	must(t, b.Repair())
	b.uri = b.Register()
	t.Cleanup(func() {
		b.setHook(nil)
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		b.ring.Close()
	})
	return b
}

// emptyDatabase is page 1 of one (sqlite.org/fileformat2.html, 1.3) in WAL mode with 32 reserved bytes.
func emptyDatabase() []byte {
	p := make([]byte, pagecipher.PageSize)
	copy(p, "SQLite format 3\x00")
	p[16] = pagecipher.PageSize >> 8
	p[18], p[19], p[20], p[21], p[22], p[23] = 2, 2, pagecipher.Reserved, 64, 32, 32
	p[31], p[100], p[105], p[106] = 1, 0x0d, pagecipher.Payload>>8, pagecipher.Payload&0xff
	return p
}

func (b *bed) conn(t *testing.T) *sqlite3.Conn {
	t.Helper()
	c, err := sqlite3.Open(b.uri)
	must(t, err)
	t.Cleanup(func() { _ = c.Close() })
	must(t, c.Exec("PRAGMA wal_autocheckpoint=0; PRAGMA synchronous=FULL; SELECT count(*) FROM sqlite_schema"))
	return c
}

// files are the main file and the log as SQLite holds them for a connection.
func files(t *testing.T, c *sqlite3.Conn) (main, log vfs.File) {
	t.Helper()
	get := func(op sqlite3.FcntlOpcode) vfs.File {
		p, err := c.FileControl("main", op)
		must(t, err)
		f, ok := p.(vfs.File)
		if !ok {
			t.Fatalf("%T is no file", p)
		}
		for {
			w, ok := f.(vfs.FileUnwrap) // the binding's own, for checksums of its own
			if !ok {
				return f
			}
			f = w.Unwrap()
		}
	}
	return get(sqlite3.FCNTL_FILE_POINTER), get(sqlite3.FCNTL_JOURNAL_POINTER)
}

func one(t *testing.T, c *sqlite3.Conn, sql string) string {
	t.Helper()
	st, _, err := c.Prepare(sql)
	must(t, err)
	defer st.Close()
	if !st.Step() {
		t.Fatalf("%s: no row, %v", sql, st.Err())
	}
	return st.ColumnText(0)
}

const load = `CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT);
	WITH RECURSIVE g(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM g WHERE i<200) INSERT INTO t SELECT i, printf('canary-%0500d', i) FROM g`

// loaded has a table of some thirty pages in the main file and nothing in the log.
func (b *bed) loaded(t *testing.T) *sqlite3.Conn {
	t.Helper()
	c := b.conn(t)
	must(t, c.Exec(load))
	checkpoint(t, c)
	return c
}

func checkpoint(t *testing.T, c *sqlite3.Conn) {
	t.Helper()
	_, _, err := c.WALCheckpoint("main", sqlite3.CHECKPOINT_TRUNCATE)
	must(t, err)
}

// flip changes a bit on the disk.
func (b *bed) flip(t *testing.T, name string, off int64) {
	t.Helper()
	f, err := b.disk.OpenFile(name, os.O_RDWR, 0)
	must(t, err)
	var p [1]byte
	_, err = f.ReadAt(p[:], off)
	must(t, err)
	p[0] ^= 4
	_, err = f.WriteAt(p[:], off)
	must(t, errors.Join(err, f.Close()))
}

func pageAt(page int64) int64 { return header.Size + (page-1)*pagecipher.PageSize }
