package tde_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"

	"latchkey/ekm"
	"latchkey/engine/tde"
	"latchkey/engine/tde/header"
	"latchkey/internal/fsys"
)

func readAll(t testing.TB, f fsys.FS, name string) []byte {
	t.Helper()
	b, err := fsys.ReadFile(f, name, 0)
	must(t, err)
	return b
}

func writeAll(t testing.TB, f fsys.FS, name string, b []byte) {
	t.Helper()
	file, err := f.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	must(t, err)
	_, err = file.WriteAt(b, 0)
	must(t, errors.Join(err, file.Sync(), file.Close()))
}

const tamperRows = 300

// encrypted makes an encrypted database and closes it.
func encrypted(t testing.TB, m *fsys.Mem, path string, keys tde.Keys) {
	t.Helper()
	ctx := t.Context()
	cfg := memConfig(m)
	cfg.Path = path
	db, err := tde.Create(ctx, cfg)
	must(t, err)
	c, err := db.Conn(ctx)
	must(t, err)
	exec(t, c, `CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT); CREATE TABLE big(v TEXT); INSERT INTO big VALUES(printf('%%020000d', 7));
		WITH RECURSIVE g(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM g WHERE i<%d) INSERT INTO t SELECT i, printf('row-%%0500d', i) FROM g`, tamperRows)
	must(t, db.CreateKey(ctx, tde.AES256, protector1, keys))
	must(t, db.SetEncryption(ctx, true))
	must(t, db.Wait(ctx))
	must(t, errors.Join(c.Close(), db.Close()))
}

// sum reads everything that a database holds. With the cache off, every page comes from disk.
func sum(t testing.TB, f fsys.FS, path string, keys tde.Keys) (string, error) {
	ctx := t.Context()
	cfg := memConfig(f)
	cfg.Path, cfg.CacheBytes = path, -1
	db, err := tde.Open(ctx, cfg, keys)
	if err != nil {
		return "", err
	}
	defer db.Close()
	c, err := db.Conn(ctx)
	if err != nil {
		return "", err
	}
	defer c.Close()
	return queryErr(c, "SELECT count(*)||' '||sum(substr(v,-4))||' '||(SELECT length(v)||substr(v,-3) FROM big) FROM t")
}

func pageAt(n int) int { return header.Size + (n-1)*4096 }

// Whatever is done to a page, the database answers with a typed error or, if the page was not needed, rightly.
func TestTamperedPages(t *testing.T) {
	keys := &fakeKeys{}
	m := newMem(t)
	encrypted(t, m, "/data/a.db", keys)
	want, err := sum(t, m, "/data/a.db", keys)
	must(t, err)
	good := readAll(t, m, "/data/a.db")
	pages := (len(good) - header.Size) / 4096
	page := func(b []byte, n int) []byte { return b[pageAt(n) : pageAt(n)+4096] }

	// Another database with the same DEK and wrapped by the same key: its file id alone tells the two apart. And this one
	// before it was encrypted.
	other := newMem(t)
	encrypted(t, other, "/data/b.db", keys)
	foreign := readAll(t, other, "/data/b.db")
	plainFS := newMem(t)
	db, err := tde.Create(t.Context(), memConfig(plainFS))
	must(t, err)
	must(t, db.Close())
	plain := readAll(t, plainFS, "/data/d.db")

	type attack struct {
		name string
		do   func(b []byte, n int) []byte
	}
	attacks := []attack{
		{"first bit", func(b []byte, n int) []byte { page(b, n)[0] ^= 1; return b }},
		{"middle bit", func(b []byte, n int) []byte { page(b, n)[2000] ^= 0x10; return b }},
		{"tag", func(b []byte, n int) []byte { page(b, n)[4080] ^= 1; return b }},
		{"slot", func(b []byte, n int) []byte { page(b, n)[4093] ^= 1; return b }},
		{"parity of the key", func(b []byte, n int) []byte { page(b, n)[4092] ^= 0x80; return b }},
		{"flags", func(b []byte, n int) []byte { page(b, n)[4094] ^= 3; return b }},
		{"spare", func(b []byte, n int) []byte { page(b, n)[4095] ^= 1; return b }},
		{"swapped", func(b []byte, n int) []byte {
			o := n%pages + 1
			x := bytes.Clone(page(b, n))
			copy(page(b, n), page(b, o))
			copy(page(b, o), x)
			return b
		}},
		{"zeroed", func(b []byte, n int) []byte { clear(page(b, n)); return b }},
		{"foreign", func(b []byte, n int) []byte { copy(page(b, n), page(foreign, n)); return b }},
		{"plain", func(b []byte, n int) []byte { copy(page(b, n), page(plain, 1)); return b }},
		{"cut before", func(b []byte, n int) []byte { return b[:pageAt(n)] }},
		{"cut amid", func(b []byte, n int) []byte { return b[:pageAt(n)+512] }},
	}
	for _, a := range attacks {
		for n := 1; n <= pages; n++ {
			disk := newMem(t)
			writeAll(t, disk, "/data/a.db", a.do(bytes.Clone(good), n))
			got, err := sum(t, disk, "/data/a.db", keys)
			var bad *tde.CorruptError
			switch {
			case err == nil && got == want:
				t.Errorf("%s, page %d of %d: not noticed", a.name, n, pages)
			case err == nil:
				t.Fatalf("%s, page %d: wrong data: %q, want %q", a.name, n, got, want)
			case !errors.As(err, &bad) || !errors.Is(err, tde.ErrCorrupt) || bad.File != "/data/a.db":
				t.Fatalf("%s, page %d: %v is not a typed error", a.name, n, err)
			case a.name != "swapped" && a.name != "cut before" && a.name != "cut amid" && bad.Page != uint64(n):
				t.Errorf("%s, page %d: reported for page %d: %v", a.name, n, bad.Page, err)
			}
			if n > 8 && n < pages-8 && !long() {
				n += 3 * raced
			}
		}
	}
}

// A page that was in clear before the database was encrypted, or sealed under an earlier key, is refused in its own place.
func TestOlderPages(t *testing.T) {
	ctx := t.Context()
	keys := &fakeKeys{}
	m := newMem(t)
	db, err := tde.Create(ctx, memConfig(m))
	must(t, err)
	c, err := db.Conn(ctx)
	must(t, err)
	exec(t, c, "CREATE TABLE t(v TEXT); INSERT INTO t VALUES('secret')")
	must(t, db.Checkpoint(ctx))
	plain := readAll(t, m, "/data/d.db")
	must(t, db.CreateKey(ctx, tde.AES256, protector1, keys))
	must(t, db.SetEncryption(ctx, true))
	must(t, db.Wait(ctx))
	first := readAll(t, m, "/data/d.db")
	must(t, db.ReKey(ctx, tde.AES256, protector1, keys))
	must(t, db.Wait(ctx))
	must(t, errors.Join(c.Close(), db.Close()))
	now := readAll(t, m, "/data/d.db")
	for name, old := range map[string][]byte{"plain": plain, "under the first key": first} {
		disk := newMem(t)
		b := bytes.Clone(now)
		copy(b[pageAt(2):pageAt(3)], old[pageAt(2):pageAt(3)])
		writeAll(t, disk, "/data/d.db", b)
		db, err := tde.Open(ctx, memConfig(disk), keys)
		must(t, err)
		c, err := db.Conn(ctx)
		must(t, err)
		_, err = queryErr(c, "SELECT * FROM t")
		var bad *tde.CorruptError
		if !errors.As(err, &bad) || bad.Page != 2 {
			t.Errorf("page 2, %s: %v", name, err)
		}
		r, err := db.Verify(ctx)
		if err != nil || len(r.Bad) != 1 || r.Bad[0].Page != 2 {
			t.Errorf("page 2, %s: verification found %+v, %v", name, r, err)
		}
		must(t, errors.Join(c.Close(), db.Close()))
	}
	// An older header, over pages that were written since, does not know their key.
	disk := newMem(t)
	writeAll(t, disk, "/data/d.db", append(bytes.Clone(first[:header.Size]), now[header.Size:]...))
	if _, err := sumOf(t, disk, keys); !errors.Is(err, tde.ErrCorrupt) {
		t.Errorf("older header: %v", err)
	}
	writeAll(t, disk, "/data/d.db", append(bytes.Clone(plain[:header.Size]), now[header.Size:]...))
	if _, err := sumOf(t, disk, keys); !errors.Is(err, tde.ErrCorrupt) {
		t.Errorf("header from before the encryption: %v", err)
	}
	// A caller who knows that the database is encrypted says so: then not even a whole plain file passes.
	writeAll(t, disk, "/data/d.db", plain)
	cfg := memConfig(disk)
	cfg.RequireEncrypted = true
	if _, err := tde.Open(ctx, cfg, keys); !errors.Is(err, tde.ErrNotEncrypted) {
		t.Errorf("plain file where an encrypted one must be: %v", err)
	}
}

func sumOf(t testing.TB, f fsys.FS, keys tde.Keys) (string, error) {
	ctx := t.Context()
	db, err := tde.Open(ctx, memConfig(f), keys)
	if err != nil {
		return "", err
	}
	defer db.Close()
	c, err := db.Conn(ctx)
	if err != nil {
		return "", err
	}
	defer c.Close()
	return queryErr(c, "SELECT * FROM t")
}

// Every bit of the header matters, but for one copy the other one stands in.
func TestTamperedHeader(t *testing.T) {
	keys := &fakeKeys{}
	m := newMem(t)
	encrypted(t, m, "/data/a.db", keys)
	want, err := sum(t, m, "/data/a.db", keys)
	must(t, err)
	good := readAll(t, m, "/data/a.db")
	used := 0
	for i, b := range good[:header.CopySize] {
		if b != 0 {
			used = i + 1
		}
	}
	step := 1
	if !long() {
		step = 3 * raced
	}
	flip := func(off int) error {
		disk := newMem(t)
		b := bytes.Clone(good)
		b[off] ^= 1 << (off % 8)
		writeAll(t, disk, "/data/a.db", b)
		got, err := sum(t, disk, "/data/a.db", keys)
		if err != nil || got != want {
			return fmt.Errorf("bit at %d of one copy: %q, %w", off, got, err)
		}
		b[(off+header.CopySize)%header.Size] ^= 1 << (off % 8) // and the same in the other
		writeAll(t, disk, "/data/a.db", b)
		if got, err = sum(t, disk, "/data/a.db", keys); err == nil {
			return fmt.Errorf("bit at %d of both copies: not noticed, %q", off, got)
		}
		return nil
	}
	for off := 0; off < used; off += step {
		if err := flip(off); err != nil {
			t.Error(err)
		}
	}
	// A header that somebody made without the keys, checksum and all, is refused.
	file, h, err := header.Load(byteFile{good})
	must(t, err)
	_ = file
	forged := h.Clone()
	forged.State, forged.Filled = header.Unencrypted, 0
	b, err := forged.Encode(make([]byte, 32))
	must(t, err)
	disk := newMem(t)
	bad := bytes.Clone(good)
	clear(bad[:header.Size])
	copy(bad, b)
	writeAll(t, disk, "/data/a.db", bad)
	if _, err := sum(t, disk, "/data/a.db", keys); !errors.Is(err, tde.ErrCorrupt) {
		t.Errorf("forged header: %v", err)
	}
}

type byteFile struct{ b []byte }

func (f byteFile) ReadAt(p []byte, off int64) (int, error) {
	return bytes.NewReader(f.b).ReadAt(p, off)
}
func (f byteFile) WriteAt([]byte, int64) (int, error) { return 0, errors.ErrUnsupported }
func (f byteFile) Close() error                       { return nil }
func (f byteFile) Sync() error                        { return nil }
func (f byteFile) Truncate(int64) error               { return nil }
func (f byteFile) Size() (int64, error)               { return int64(len(f.b)), nil }

var _ io.ReaderAt = byteFile{}

// In the log, damage to what later synced frames rely upon is corruption, at the end it is what a crash leaves.
func TestTamperedLog(t *testing.T) {
	ctx := t.Context()
	keys := &fakeKeys{}
	m := newMem(t)
	encrypted(t, m, "/data/d.db", keys)
	db, err := tde.Open(ctx, memConfig(m), keys)
	must(t, err)
	c, err := db.Conn(ctx)
	must(t, err)
	for i := range 20 {
		exec(t, c, "UPDATE t SET v='changed-'||id WHERE id=%d", i+1)
	}
	main, log := readAll(t, m, "/data/d.db"), readAll(t, m, "/data/d.db-wal")
	must(t, errors.Join(c.Close(), db.Close()))
	const first, frame = 64, 4128
	frames := (len(log) - first) / frame
	if frames < 20 {
		t.Fatalf("the log has %d frames", frames)
	}
	changed := func(b []byte) (string, error) {
		disk := newMem(t)
		writeAll(t, disk, "/data/d.db", main)
		writeAll(t, disk, "/data/d.db-wal", b)
		db, err := tde.Open(ctx, memConfig(disk), keys)
		if err != nil {
			return "", err
		}
		defer db.Close()
		c, err := db.Conn(ctx)
		must(t, err)
		defer c.Close()
		if got := query(t, c, "PRAGMA integrity_check"); got != "ok;" {
			t.Errorf("integrity: %s", got)
		}
		return queryErr(c, "SELECT count(*) FROM t WHERE v LIKE 'changed-%'")
	}
	if got, err := changed(log); err != nil || got != "20;" {
		t.Fatalf("untouched log: %q, %v", got, err)
	}
	for n := 0; n < frames; n += raced {
		for _, at := range []int{3, 5, 12, 20, 30, 2000, 4100, 4120, 4125, 4126} {
			b := bytes.Clone(log)
			b[first+n*frame+at] ^= 4
			got, err := changed(b)
			if n < frames-1 && !errors.Is(err, tde.ErrCorrupt) {
				t.Fatalf("frame %d of %d, byte %d: %q, %v", n+1, frames, at, got, err)
			}
			if n == frames-1 && (err != nil || got != "19;") { // cannot be told from a torn end
				t.Fatalf("last frame, byte %d: %q, %v", at, got, err)
			}
		}
	}
	for at := range first {
		b := bytes.Clone(log)
		b[at] ^= 4
		if got, err := changed(b); !errors.Is(err, tde.ErrCorrupt) {
			t.Fatalf("log header, byte %d: %q, %v", at, got, err)
		}
	}
	b := bytes.Clone(log)
	copy(b[first:first+frame], log[first+frame:]) // frame 2 in the place of frame 1
	if got, err := changed(b); !errors.Is(err, tde.ErrCorrupt) {
		t.Fatalf("moved frame: %q, %v", got, err)
	}
	b = bytes.Clone(log)
	clear(b[:first])
	if got, err := changed(b); !errors.Is(err, tde.ErrCorrupt) {
		t.Fatalf("log header zeroed: %q, %v", got, err)
	}
	if got, err := changed(log[:first+10*frame+77]); err != nil || got == "20;" { // cut: an older state, see THREATS.md
		t.Fatalf("log cut: %q, %v", got, err)
	}
}

func TestOpenErrors(t *testing.T) {
	ctx := t.Context()
	keys := &fakeKeys{}
	m := newMem(t)
	encrypted(t, m, "/data/d.db", keys)
	if _, err := tde.Open(ctx, memConfig(m), nil); !errors.Is(err, tde.ErrKeys) {
		t.Errorf("without keys: %v", err)
	}
	keys.fail.Store(true)
	if _, err := tde.Open(ctx, memConfig(m), keys); !errors.Is(err, tde.ErrKeys) || !errors.Is(err, errNoVault) {
		t.Errorf("without a vault: %v", err)
	}
	keys.fail.Store(false)
	db, err := tde.Open(ctx, memConfig(m), keys)
	must(t, err)
	if _, err := tde.Open(ctx, memConfig(m), keys); !errors.Is(err, tde.ErrInUse) {
		t.Errorf("second opening: %v", err)
	}
	must(t, db.Close())
	if _, err := tde.Create(ctx, memConfig(m)); !errors.Is(err, os.ErrExist) {
		t.Errorf("creating over it: %v", err)
	}
	cfg := memConfig(m)
	cfg.Path = "/data/none.db"
	if _, err := tde.Open(ctx, cfg, keys); !errors.Is(err, os.ErrNotExist) || errors.Is(err, tde.ErrCorrupt) {
		t.Errorf("a file that is not there: %v", err)
	}
	writeAll(t, m, "/data/none.db", bytes.Repeat([]byte("no database "), 10000))
	if _, err := tde.Open(ctx, cfg, keys); err == nil || errors.Is(err, tde.ErrCorrupt) {
		t.Errorf("a file of something else: %v", err)
	}
	var _ ekm.Wrapped
}
