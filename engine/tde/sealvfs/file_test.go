package sealvfs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"

	"latchkey/engine/tde/header"
	"latchkey/engine/tde/pagecipher"
	"latchkey/engine/tde/sealvfs"
	"latchkey/internal/fsys"
)

// SQLite reads whole pages, parts of them, and beyond the file's end; it gets the same bytes whatever the shape, and never the reserved ones.
func TestReadShapes(t *testing.T) {
	for _, cache := range []int{0, 1000} {
		b := newBed(t, cache)
		main, _ := files(t, b.loaded(t))
		size, err := main.Size()
		must(t, err)
		if size != int64(b.Pages())*pagecipher.PageSize || size < 20*pagecipher.PageSize {
			t.Fatalf("size %d of %d pages", size, b.Pages())
		}
		whole := make([]byte, size)
		for off := int64(0); off < size; off += pagecipher.PageSize {
			if n, err := main.ReadAt(whole[off:off+pagecipher.PageSize], off); n != pagecipher.PageSize || err != nil {
				t.Fatalf("page at %d: %d, %v", off, n, err)
			}
			if r := whole[off+pagecipher.Payload : off+pagecipher.PageSize]; !bytes.Equal(r, make([]byte, pagecipher.Reserved)) {
				t.Errorf("page at %d: reserved bytes are shown: %x", off, r)
			}
		}
		if !bytes.HasPrefix(whole, []byte("SQLite format 3\x00")) || !bytes.Contains(whole, []byte("canary-")) {
			t.Error("the pages do not hold the database")
		}
		for _, part := range []struct{ off, n int64 }{{0, 100}, {24, 16}, {4096, 1}, {4095, 2}, {5000, 10}, {4096 + 4060, 36}, {100, 9000}, {8192, 4064}, {0, size}} {
			p := make([]byte, part.n)
			if n, err := main.ReadAt(p, part.off); n != len(p) || err != nil || !bytes.Equal(p, whole[part.off:part.off+part.n]) {
				t.Errorf("%d bytes at %d: %d, %v", part.n, part.off, n, err)
			}
		}
		for _, part := range []struct {
			off  int64
			want int
		}{{size, 0}, {size + 1<<20, 0}, {size - 10, 10}, {size - 4096, 4096}} { // a short read is io.EOF, which the binding fills with zeros
			p := make([]byte, 8192)
			if n, err := main.ReadAt(p, part.off); n != part.want || err != io.EOF {
				t.Errorf("over the end at %d: %d, %v", part.off, n, err)
			}
		}
		if err := sealvfs.LastError(b.conn(t)); err != nil {
			t.Errorf("an end of file was kept as an error: %v", err)
		}
	}
}

// Nothing but whole pages is written to the main file: anything else would mean a journal that is not ours.
func TestOnlyPagesAreWritten(t *testing.T) {
	b := newBed(t, 0)
	c := b.loaded(t)
	main, log := files(t, c)
	for _, part := range []struct{ off, n int64 }{{0, 100}, {1, 4096}, {4096, 8192}, {4096, 4095}} {
		if _, err := main.WriteAt(make([]byte, part.n), part.off); err == nil {
			t.Errorf("%d bytes at %d were taken", part.n, part.off)
		}
		if sealvfs.LastError(c) == nil {
			t.Error("no error was kept")
		}
	}
	for _, part := range []struct{ off, n int64 }{{0, 31}, {0, 24}, {32, 23}, {32, 4096}, {56, 4095}, {32, 4120}, {33, 24}, {16, 24}} {
		if _, err := log.WriteAt(make([]byte, part.n), part.off); err == nil {
			t.Errorf("log: %d bytes at %d were taken", part.n, part.off)
		}
	}
	if got := one(t, c, "PRAGMA integrity_check"); got != "ok" {
		t.Error(got)
	}
}

// SQLite's lock levels, as sqlite.org/lockingv3.html has them, among the connections of one process.
func TestLocks(t *testing.T) {
	b := newBed(t, 0)
	var f [3]interface {
		vfs.File
		vfs.FileLockState
	}
	for i := range f {
		main, _ := files(t, b.conn(t))
		must(t, main.Unlock(vfs.LOCK_NONE)) // in WAL mode SQLite keeps SHARED
		f[i] = main.(interface {
			vfs.File
			vfs.FileLockState
		})
	}
	type step struct {
		who  int
		do   string
		want vfs.LockLevel // afterwards
		busy bool
	}
	reserved := false
	for i, s := range []step{
		{0, "shared", vfs.LOCK_SHARED, false},
		{1, "shared", vfs.LOCK_SHARED, false},
		{0, "reserved", vfs.LOCK_RESERVED, false},
		{0, "reserved", vfs.LOCK_RESERVED, false}, // has it
		{1, "reserved", vfs.LOCK_SHARED, true},
		{1, "exclusive", vfs.LOCK_SHARED, true},
		{2, "shared", vfs.LOCK_SHARED, false}, // readers may still come
		{0, "exclusive", vfs.LOCK_PENDING, true},
		{2, "none", vfs.LOCK_NONE, false},
		{2, "shared", vfs.LOCK_NONE, true}, // none may come any more
		{1, "none", vfs.LOCK_NONE, false},
		{0, "exclusive", vfs.LOCK_EXCLUSIVE, false},
		{1, "shared", vfs.LOCK_NONE, true},
		{0, "to shared", vfs.LOCK_SHARED, false},
		{1, "shared", vfs.LOCK_SHARED, false},
		{1, "reserved", vfs.LOCK_RESERVED, false},
		{1, "none", vfs.LOCK_NONE, false},
		{0, "none", vfs.LOCK_NONE, false},
		{0, "none", vfs.LOCK_NONE, false},
		{2, "shared", vfs.LOCK_SHARED, false},
		{2, "exclusive", vfs.LOCK_EXCLUSIVE, false}, // recovery goes there at once
		{2, "none", vfs.LOCK_NONE, false},
	} {
		var err error
		switch s.do {
		case "shared":
			err = f[s.who].Lock(vfs.LOCK_SHARED)
		case "reserved":
			err = f[s.who].Lock(vfs.LOCK_RESERVED)
		case "exclusive":
			err = f[s.who].Lock(vfs.LOCK_EXCLUSIVE)
		case "to shared":
			err = f[s.who].Unlock(vfs.LOCK_SHARED)
		case "none":
			err = f[s.who].Unlock(vfs.LOCK_NONE)
		}
		if s.busy != errors.Is(err, sqlite3.BUSY) || !s.busy && err != nil {
			t.Errorf("step %d, %+v: %v", i, s, err)
		}
		if got := f[s.who].LockState(); got != s.want {
			t.Errorf("step %d, %+v: level %d", i, s, got)
		}
		reserved = false
		for _, g := range f {
			reserved = reserved || g.LockState() >= vfs.LOCK_RESERVED
		}
		for j, g := range f {
			if got, err := g.CheckReservedLock(); got != reserved || err != nil {
				t.Errorf("step %d: connection %d sees reserved %v, %v", i, j, got, err)
			}
		}
	}
}

// A database that shrinks says first that the pages may be missing and removes them then; one that grows is filled without holes.
func TestTruncate(t *testing.T) {
	b := newBed(t, 1000)
	c := b.loaded(t)
	main, _ := files(t, c)
	had := b.Pages()
	const left = 10
	var order []string
	b.setHook(func(op fsys.Op) error {
		if op.Kind == fsys.OpTruncate && op.Name == path {
			order = append(order, fmt.Sprintf("truncate to %d after filled %v", op.Off, b.filled[len(b.filled)-1]))
		}
		return nil
	})
	must(t, main.Truncate(left*pagecipher.PageSize))
	if want := fmt.Sprintf("truncate to %d after filled %d", header.Size+left*pagecipher.PageSize, left); len(order) != 1 || order[0] != want {
		t.Errorf("%q, want %q", order, want)
	}
	if size, err := main.Size(); size != left*pagecipher.PageSize || err != nil || b.Pages() != left {
		t.Errorf("size %d, %d pages, %v", size, b.Pages(), err)
	}
	p := make([]byte, pagecipher.PageSize)
	if n, err := main.ReadAt(p, left*pagecipher.PageSize); n != 0 || err != io.EOF {
		t.Errorf("a page that is gone was read (from the cache?): %d, %v", n, err)
	}
	must(t, main.Truncate(1<<30)) // SQLite never lengthens by it
	if b.Pages() != left {
		t.Errorf("%d pages", b.Pages())
	}
	_, err := main.WriteAt(p, int64(had)*pagecipher.PageSize) // far behind the end
	must(t, errors.Join(err, main.Sync(vfs.SYNC_FULL)))
	if b.Pages() != had+1 || b.filled[len(b.filled)-1] != had+1 {
		t.Errorf("%d pages, filled %v", b.Pages(), b.filled)
	}
	var batch sealvfs.Batch
	for page := uint32(1); page <= b.Pages(); page++ {
		if st, err := b.VerifyPage(&batch, page); st != pagecipher.Sealed || err != nil {
			t.Errorf("page %d is %v, %v", page, st, err)
		}
	}
}

// SQLite pads and orders writes by these.
func TestDevice(t *testing.T) {
	b := newBed(t, 0)
	main, log := files(t, b.loaded(t))
	for i, f := range []vfs.File{main, log} {
		if n := f.SectorSize(); n != pagecipher.PageSize {
			t.Errorf("file %d: a sector of %d", i, n)
		}
		d := f.DeviceCharacteristics()
		if d&vfs.IOCAP_POWERSAFE_OVERWRITE == 0 {
			t.Errorf("file %d: commits would be padded to a sector, in parts that are no frames", i)
		}
		if d&(vfs.IOCAP_ATOMIC|vfs.IOCAP_ATOMIC4K|vfs.IOCAP_SAFE_APPEND|vfs.IOCAP_SEQUENTIAL|vfs.IOCAP_BATCH_ATOMIC) != 0 {
			t.Errorf("file %d promises what no disk keeps: %x", i, d)
		}
	}
	if moved, err := main.(vfs.FileHasMoved).HasMoved(); moved || err != nil {
		t.Errorf("moved: %v %v", moved, err)
	}
	if _, ok := main.(interface{ MapAt() }); ok {
		t.Error("pages can be mapped")
	}
}

// What goes wrong below has a code for SQLite and a typed error for the connection, and content is never called a fault of the disk.
func TestErrors(t *testing.T) {
	boom := errors.New("boom")
	for _, c := range []struct {
		name    string
		arm     func(t *testing.T, b *bed)
		do      string
		want    sqlite3.ExtendedErrorCode
		corrupt bool
		text    string
		dead    bool // nothing is written any more
	}{
		{name: "read", arm: func(_ *testing.T, b *bed) { b.fail(fsys.OpRead, path, boom) }, do: "SELECT sum(length(v)) FROM t", want: sqlite3.IOERR_READ, text: "reading"},
		{name: "changed page", arm: func(t *testing.T, b *bed) { b.flip(t, path, pageAt(5)+77) }, do: "SELECT sum(length(v)) FROM t", want: sqlite3.IOERR_DATA, corrupt: true, text: "page or frame 5"},
		{name: "write to the log", arm: func(_ *testing.T, b *bed) { b.fail(fsys.OpWrite, path+"-wal", boom) }, do: "UPDATE t SET v=1 WHERE id=1", want: sqlite3.IOERR_WRITE, text: "writing"},
		{name: "full disk", arm: func(_ *testing.T, b *bed) { b.fail(fsys.OpWrite, path+"-wal", syscall.ENOSPC) }, do: "UPDATE t SET v=1 WHERE id=1", want: sqlite3.ExtendedErrorCode(sqlite3.FULL), text: "writing"},
		{name: "sync of the log", arm: func(_ *testing.T, b *bed) { b.fail(fsys.OpSync, path+"-wal", boom) }, do: "UPDATE t SET v=1 WHERE id=1", want: sqlite3.IOERR_FSYNC, text: "syncing", dead: true},
		{name: "write by a checkpoint", arm: func(_ *testing.T, b *bed) { b.fail(fsys.OpWrite, path, boom) }, do: "checkpoint", want: sqlite3.IOERR_WRITE, text: "writing"},
		{name: "sync by a checkpoint", arm: func(_ *testing.T, b *bed) { b.fail(fsys.OpSync, path, boom) }, do: "checkpoint", want: sqlite3.IOERR_FSYNC, text: "syncing", dead: true},
		{name: "truncating the log", arm: func(_ *testing.T, b *bed) { b.fail(fsys.OpTruncate, path+"-wal", boom) }, do: "checkpoint", want: sqlite3.IOERR_TRUNCATE, text: "truncating"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBed(t, 0)
			conn := b.loaded(t)
			must(t, conn.Exec("PRAGMA cache_size=0"))
			if c.do == "checkpoint" {
				must(t, conn.Exec("UPDATE t SET v='new' WHERE id=1"))
			}
			c.arm(t, b)
			var err error
			if c.do == "checkpoint" {
				_, _, err = conn.WALCheckpoint("main", sqlite3.CHECKPOINT_TRUNCATE)
			} else {
				err = conn.Exec(c.do)
			}
			b.setHook(nil)
			if !errors.Is(err, c.want) {
				t.Errorf("SQLite was told %v", err)
			}
			below := sealvfs.LastError(conn)
			var e *sealvfs.Error
			if !errors.As(below, &e) || e.Corrupt() != c.corrupt || errors.Is(below, sealvfs.ErrCorrupt) != c.corrupt || !strings.Contains(below.Error(), c.text) || !strings.Contains(e.File, path) {
				t.Errorf("the connection was told %#v, %v", below, below)
			}
			if !c.corrupt && !errors.Is(below, boom) && !errors.Is(below, syscall.ENOSPC) {
				t.Errorf("the cause is lost: %v", below)
			}
			if sealvfs.LastError(conn) != nil {
				t.Error("an error was told twice")
			}
			err = conn.Exec("UPDATE t SET v='later' WHERE id=2")
			if c.dead != (err != nil) || c.dead != (b.Failed() != nil) {
				t.Errorf("writing later: %v; failed: %v", err, b.Failed())
			}
			if !c.corrupt && one(t, conn, "SELECT count(*) FROM t") != "200" {
				t.Error("rows are missing")
			}
		})
	}
}

// Under a Store's name there are its two files and temporary ones, nothing else.
func TestForeignNames(t *testing.T) {
	b := newBed(t, 0)
	c := b.loaded(t)
	_, name, _ := strings.Cut(b.uri, "?vfs=")
	v := vfs.Find(name)
	if v == nil {
		t.Fatal("not registered")
	}
	own := "/" + name
	for _, open := range []struct {
		name string
		flag vfs.OpenFlag
	}{
		{path, vfs.OPEN_MAIN_DB},
		{"/etc/passwd", vfs.OPEN_MAIN_DB},
		{own + "x", vfs.OPEN_MAIN_DB},
		{"", vfs.OPEN_MAIN_DB},
		{"", vfs.OPEN_WAL},
		{own + "-journal", vfs.OPEN_MAIN_JOURNAL},
		{own + "-wal", vfs.OPEN_WAL},
		{own + "-mj0001", vfs.OPEN_SUPER_JOURNAL},
		{"", vfs.OPEN_MAIN_JOURNAL},
		{"", vfs.OPEN_SUPER_JOURNAL},
	} {
		if f, _, err := v.Open(open.name, open.flag|vfs.OPEN_READWRITE|vfs.OPEN_CREATE); err == nil {
			t.Errorf("%q with %x was opened: %T", open.name, open.flag, f)
		}
	}
	for _, uri := range []string{"file:" + path + "?vfs=" + name, "file:/etc/passwd?vfs=" + name, "file:" + own + "2?vfs=" + name} {
		if o, err := sqlite3.Open(uri); err == nil {
			t.Errorf("%s was opened", uri)
			_ = o.Close()
		}
	}
	for n, want := range map[string]bool{own: true, path: false, own + "-journal": false, "/etc/passwd": false} {
		if got, err := v.Access(n, vfs.ACCESS_EXISTS); got != want || err != nil {
			t.Errorf("access to %q: %v, %v", n, got, err)
		}
	}
	for _, n := range []string{own, path, own + "-journal", "/etc/passwd"} {
		if err := v.Delete(n, false); !errors.Is(err, sqlite3.IOERR_DELETE_NOENT) {
			t.Errorf("deleting %q: %v", n, err)
		}
	}
	if _, err := b.disk.Stat(path); err != nil {
		t.Error(err)
	}
	for _, flag := range []vfs.OpenFlag{vfs.OPEN_TEMP_DB, vfs.OPEN_TRANSIENT_DB, vfs.OPEN_TEMP_JOURNAL, vfs.OPEN_SUBJOURNAL} {
		f, _, err := v.Open("", flag|vfs.OPEN_READWRITE|vfs.OPEN_CREATE|vfs.OPEN_DELETEONCLOSE)
		must(t, err)
		secret := bytes.Repeat([]byte("canary-"), 3000)
		_, err = f.WriteAt(secret, 0)
		must(t, err)
		got := make([]byte, len(secret))
		if n, err := f.ReadAt(got, 0); n != len(got) || !bytes.Equal(got, secret) {
			t.Errorf("temporary file: %d, %v", n, err)
		}
		entries, err := b.disk.ReadDir("/data")
		must(t, err)
		for _, e := range entries {
			if raw, err := fsys.ReadFile(b.disk, "/data/"+e.Name(), 0); err == nil && bytes.Contains(raw, []byte("canary-")) {
				t.Errorf("%s is in clear", e.Name())
			}
		}
		must(t, f.Close())
	}
	must(t, c.Exec("PRAGMA temp_store=FILE; CREATE TEMP TABLE x AS SELECT * FROM t; DROP TABLE x"))
	must(t, c.Close())
	entries, err := b.disk.ReadDir("/data")
	must(t, err)
	for _, e := range entries {
		if strings.Contains(e.Name(), "-tmp-") {
			t.Errorf("%s is left", e.Name())
		}
	}
}

// Settings under which content would lie in clear, or be lost, are refused; their present values may be asked.
func TestPragmas(t *testing.T) {
	b := newBed(t, 0)
	c := b.loaded(t)
	for _, sql := range []string{
		"journal_mode=DELETE", "journal_mode=off", "journal_mode='memory'", "locking_mode=EXCLUSIVE", "page_size=8192", "mmap_size=1000000",
		"temp_store_directory='/tmp'", "synchronous=OFF", "synchronous=0", "synchronous=no",
	} {
		if err := c.Exec("PRAGMA " + sql); err == nil {
			t.Errorf("%s was allowed", sql)
		}
	}
	for _, sql := range []string{"journal_mode", "journal_mode=WAL", "locking_mode=NORMAL", "page_size", "mmap_size=0", "synchronous=NORMAL", "synchronous=EXTRA", "cache_size=-100"} {
		must(t, c.Exec("PRAGMA "+sql))
	}
	if got := one(t, c, "PRAGMA journal_mode"); got != "wal" {
		t.Errorf("journal mode %s", got)
	}
}
