package backup_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"testing"
	"time"

	"latchkey/ekm"
	"latchkey/engine/backup"
	"latchkey/engine/backup/media"
	"latchkey/engine/tde"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

var now = func() time.Time { return time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC) }

// pad stands in for a key store: exclusive or with the thumbprint.
type pad struct{ lost bool }

func (p *pad) wrap(t string, b []byte) []byte {
	out := bytes.Clone(b)
	for i := range out {
		out[i] ^= t[i%len(t)]
	}
	return out
}

func (p *pad) Wrap(_ context.Context, k media.KeyRef, plain *secret.Bytes) (ekm.Wrapped, error) {
	return ekm.Wrapped{Algorithm: "pad", Blob: p.wrap(k.Thumbprint, plain.Expose())}, nil
}

var errLost = errors.New("no such key")

func (p *pad) Unwrap(_ context.Context, k media.KeyRef, w ekm.Wrapped) (*secret.Bytes, error) {
	if p.lost {
		return nil, errLost
	}
	return secret.New(p.wrap(k.Thumbprint, w.Blob)), nil
}

type dekKeys struct{ pad }

func (k *dekKeys) Wrap(_ context.Context, t ekm.Thumbprint, plain *secret.Bytes) (ekm.Wrapped, error) {
	return ekm.Wrapped{Algorithm: "pad", Blob: k.wrap(string(t), plain.Expose())}, nil
}

func (k *dekKeys) Unwrap(_ context.Context, t ekm.Thumbprint, w ekm.Wrapped) (*secret.Bytes, error) {
	if k.lost {
		return nil, errLost
	}
	return secret.New(k.wrap(string(t), w.Blob)), nil
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// pages is a source of pages that nobody can compress, but for every second one.
type pages struct {
	n    uint32
	fail uint32 // the page that cannot be read
}

func (p pages) Pages() uint32 { return p.n }

func (p pages) Page(dst []byte, n uint32) error {
	if n == p.fail {
		return errors.New("the disk is broken")
	}
	r := rand.New(rand.NewPCG(uint64(n), 1))
	for i := range dst[:tde.PageSize] {
		dst[i] = byte(n)
		if n%2 == 0 {
			dst[i] = byte(r.Uint32())
		}
	}
	return nil
}

func (p pages) Header() ([]byte, []media.KeyRef, error) { return []byte("head"), nil, nil }

type snapshot struct{ *tde.Snapshot }

func (s snapshot) Header() ([]byte, []media.KeyRef, error) {
	head, err := s.Snapshot.Header()
	return head, nil, err
}

func target(f fsys.FS) backup.Target { return backup.Target{FS: f, Path: "/b/x.bak", Now: now} }

func newFS(t testing.TB) *fsys.Mem {
	m := fsys.NewMem()
	must(t, m.MkdirAll("/b", 0o700))
	return m
}

var ref = media.KeyRef{Thumbprint: "00112233445566778899AABBCCDDEEFF00112233", Kind: "ASYMMETRIC KEY"}

func variants() map[string]func(*backup.Target, *media.Header) {
	seal := func(alg string) func(*backup.Target, *media.Header) {
		return func(t *backup.Target, _ *media.Header) {
			t.Encrypt = &backup.Encrypt{Algorithm: alg, Protector: ref, Keys: &pad{}}
		}
	}
	return map[string]func(*backup.Target, *media.Header){
		"plain":      func(*backup.Target, *media.Header) {},
		"compressed": func(_ *backup.Target, h *media.Header) { h.Compressed = true },
		"AES_128":    seal("AES_128"),
		"AES_192":    seal("aes_192"),
		"both":       func(t *backup.Target, h *media.Header) { seal("AES_256")(t, h); h.Compressed = true },
	}
}

func content(t *testing.T, f fsys.FS, s media.Set) []byte {
	t.Helper()
	r, err := backup.Open(t.Context(), f, "/b/x.bak", s, &pad{})
	must(t, err)
	defer r.Close()
	b, err := io.ReadAll(r)
	must(t, err)
	return b
}

func TestRoundTrip(t *testing.T) {
	for name, change := range variants() {
		t.Run(name, func(t *testing.T) {
			f := newFS(t)
			for i, n := range []uint32{1, 700, 256} { // less than a block, several, exactly one
				tg, h := target(f), media.Header{ID: fmt.Sprint("set-", i), Database: "d"}
				change(&tg, &h)
				set, err := backup.Full(t.Context(), tg, h, pages{n: n}, 7)
				must(t, err)
				if set.Position != i+1 || set.Raw != int64(n)*tde.PageSize || set.LastLSN != 7 {
					t.Errorf("set %+v", set)
				}
				sets, err := media.List(t.Context(), f, "/b/x.bak")
				must(t, err)
				if len(sets) != i+1 {
					t.Fatalf("%d sets", len(sets))
				}
				must(t, backup.Verify(t.Context(), f, "/b/x.bak", sets[i], nil))
				got := content(t, f, sets[i])
				want := make([]byte, tde.PageSize)
				for p := range n {
					must(t, pages{}.Page(want, p+1))
					if !bytes.Equal(got[int(p)*tde.PageSize:][:tde.PageSize], want) {
						t.Fatalf("page %d differs", p+1)
					}
				}
			}
		})
	}
}

// Any flipped bit is found by VERIFYONLY and by a restore; nothing is ever read wrong in silence.
func TestEveryFlippedBitIsFound(t *testing.T) {
	for name, change := range variants() {
		t.Run(name, func(t *testing.T) {
			f := newFS(t)
			tg, h := target(f), media.Header{ID: "set", Database: "d"}
			change(&tg, &h)
			_, err := backup.Full(t.Context(), tg, h, pages{n: 3}, 7)
			must(t, err)
			file, err := f.OpenFile("/b/x.bak", os.O_RDWR, 0)
			must(t, err)
			defer file.Close()
			size, err := file.Size()
			must(t, err)
			step := int64(1)
			if os.Getenv("LATCHKEY_LONG") == "" {
				step = 61
			}
			b := make([]byte, 1)
			for at := int64(0); at < size; at += step {
				bit := byte(1) << (at % 8)
				_, err := file.ReadAt(b, at)
				must(t, err)
				_, err = file.WriteAt([]byte{b[0] ^ bit}, at)
				must(t, err)
				sets, err := media.List(t.Context(), f, "/b/x.bak")
				if err == nil && len(sets) == 1 {
					err = backup.Verify(t.Context(), f, "/b/x.bak", sets[0], nil)
					if err == nil {
						t.Fatalf("byte %d of %d: VERIFYONLY finds nothing", at, size)
					}
					if r, err := backup.Open(t.Context(), f, "/b/x.bak", sets[0], &pad{}); err == nil {
						if _, err = io.Copy(io.Discard, r); err == nil {
							t.Fatalf("byte %d of %d: reading finds nothing", at, size)
						}
						_ = r.Close()
					}
				} else if err == nil {
					t.Fatalf("byte %d: %d sets and no error", at, len(sets))
				}
				_, err = file.WriteAt(b, at)
				must(t, err)
			}
		})
	}
}

// A backup that fails leaves the file as it was.
func TestFailureLeavesNoTrace(t *testing.T) {
	f := newFS(t)
	if _, err := backup.Full(t.Context(), target(f), media.Header{ID: "1"}, pages{n: 900, fail: 800}, 0); err == nil {
		t.Fatal("a broken page was backed up")
	}
	if names, _ := f.ReadDir("/b"); len(names) != 0 {
		t.Fatalf("left behind: %v", names)
	}
	_, err := backup.Full(t.Context(), target(f), media.Header{ID: "1"}, pages{n: 10}, 0)
	must(t, err)
	before, err := fsys.ReadFile(f, "/b/x.bak", 0)
	must(t, err)
	for _, replace := range []bool{false, true} {
		tg := target(f)
		tg.Replace = replace
		if _, err := backup.Full(t.Context(), tg, media.Header{ID: "2"}, pages{n: 900, fail: 800}, 0); err == nil {
			t.Fatal("a broken page was backed up")
		}
		after, err := fsys.ReadFile(f, "/b/x.bak", 0)
		must(t, err)
		if !bytes.Equal(before, after) {
			t.Errorf("replace %v: the file changed", replace)
		}
		if names, _ := f.ReadDir("/b"); len(names) != 1 {
			t.Errorf("replace %v: %v", replace, names)
		}
	}
}

// Whatever operation of the disk fails, in whichever run: what was acknowledged is there and whole, and what was not is not half there.
func TestEveryFaultOfTheDisk(t *testing.T) {
	for _, replace := range []bool{false, true} {
		step := 1
		if os.Getenv("LATCHKEY_LONG") == "" {
			step = 4
		}
		for n := 1; ; n += step {
			m := newFS(t)
			_, err := backup.Full(t.Context(), target(m), media.Header{ID: "1"}, pages{n: 10}, 0)
			must(t, err)
			nth := &fsys.Nth{Kinds: ^fsys.Kind(0) &^ fsys.OpClose, N: n, Err: errors.New("injected"), Sticky: n%2 == 1}
			tg := target(fsys.NewFaulty(m, nth.Hook))
			tg.Replace = replace
			_, err = backup.Full(t.Context(), tg, media.Header{ID: "2"}, pages{n: 300}, 0)
			for _, disk := range []fsys.FS{m, m.CrashClone(fsys.Crash{})} {
				sets, lerr := media.List(t.Context(), disk, "/b/x.bak")
				must(t, lerr)
				var ids []string
				for _, s := range sets {
					ids = append(ids, s.ID)
					must(t, backup.Verify(t.Context(), disk, "/b/x.bak", s, nil))
				}
				got := fmt.Sprint(ids)
				done, old := "[1 2]", "[1]"
				if replace {
					done = "[2]"
				}
				if got != done && (err == nil || got != old) {
					t.Fatalf("replace %v, fault %d (%v): sets %s", replace, n, err, got)
				}
			}
			if err == nil {
				break
			}
		}
	}
}

func TestSealedWithoutItsKey(t *testing.T) {
	f := newFS(t)
	tg := target(f)
	tg.Encrypt = &backup.Encrypt{Algorithm: "AES_256", Protector: ref, Keys: &pad{}}
	_, err := backup.Full(t.Context(), tg, media.Header{ID: "1"}, pages{n: 3}, 0)
	must(t, err)
	sets, err := media.List(t.Context(), f, "/b/x.bak")
	must(t, err)
	if got := sets[0].Encryption.Protector; got != ref {
		t.Errorf("needs %v", got)
	}
	if _, err := backup.Open(t.Context(), f, "/b/x.bak", sets[0], &pad{lost: true}); !errors.Is(err, errLost) {
		t.Errorf("error %v", err)
	}
	other := sets[0]
	other.Encryption = &media.Encryption{Algorithm: "AES_256", Protector: media.KeyRef{Thumbprint: "FF"}, Wrapped: other.Encryption.Wrapped}
	r, err := backup.Open(t.Context(), f, "/b/x.bak", other, &pad{})
	must(t, err)
	defer r.Close()
	if n, err := io.Copy(io.Discard, r); n != 0 || !errors.Is(err, media.ErrDamaged) {
		t.Errorf("another key gives %d bytes, %v", n, err)
	}
}

// An encrypted database goes through a backup sealed, and needs its key again.
func TestDatabase(t *testing.T) {
	ctx := t.Context()
	f := fsys.OS{}
	dir := t.TempDir()
	keys := &dekKeys{}
	db, err := tde.Create(ctx, tde.Config{FS: f, Path: dir + "/a.db"})
	must(t, err)
	defer db.Close()
	c, err := db.Conn(ctx)
	must(t, err)
	defer c.Close()
	must(t, c.Exec("CREATE TABLE t(x TEXT); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<20000) INSERT INTO t SELECT 'canary-of-the-backup '||i FROM n"))
	must(t, db.CreateKey(ctx, tde.AES256, tde.Protector{Thumbprint: "thumbprint-number-01"}, keys))
	must(t, db.SetEncryption(ctx, true))
	must(t, db.Wait(ctx))
	snap, err := db.Snapshot(ctx)
	must(t, err)
	tg := backup.Target{FS: f, Path: dir + "/a.bak", Now: now}
	set, err := backup.Full(ctx, tg, media.Header{ID: "1", Database: "a"}, snapshot{snap}, 1)
	must(t, err)
	must(t, snap.Close())
	raw, err := os.ReadFile(tg.Path)
	must(t, err)
	if bytes.Contains(raw, []byte("canary-of-the-backup")) {
		t.Error("the backup of an encrypted database holds its content in clear")
	}
	restored := tde.Config{FS: f, Path: dir + "/b.db"}
	must(t, backup.Restore(ctx, f, tg.Path, set, nil, restored, nil))
	if _, err := tde.Open(ctx, restored, &dekKeys{pad{lost: true}}); !errors.Is(err, errLost) {
		t.Errorf("opened without its key: %v", err)
	}
	db2, err := tde.Open(ctx, restored, keys)
	must(t, err)
	defer db2.Close()
	c2, err := db2.Conn(ctx)
	must(t, err)
	defer c2.Close()
	st, _, err := c2.Prepare("SELECT count(*) FROM t")
	must(t, err)
	defer st.Close()
	if !st.Step() || st.ColumnInt64(0) != 20000 {
		t.Errorf("%d rows: %v", st.ColumnInt64(0), st.Err())
	}
}

// Memory does not grow with the database.
func TestMemoryIsFlat(t *testing.T) {
	f := fsys.OS{}
	dir := t.TempDir()
	used := func(n uint32) uint64 {
		var a, b runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&a)
		_, err := backup.Full(t.Context(), backup.Target{FS: f, Path: fmt.Sprintf("%s/%d.bak", dir, n), Now: now}, media.Header{ID: "1"}, pages{n: n}, 0)
		must(t, err)
		runtime.ReadMemStats(&b)
		return b.TotalAlloc - a.TotalAlloc
	}
	used(1000)
	small, large := used(2000), used(16000)
	if large > small+16<<20 {
		t.Errorf("%d bytes allocated for 8 MB, %d for 64 MB", small, large)
	}
}

func FuzzList(f *testing.F) {
	m := newFS(f)
	tg, h := target(m), media.Header{ID: "1", Compressed: true}
	for range 2 {
		_, err := backup.Full(f.Context(), tg, h, pages{n: 2}, 0)
		must(f, err)
	}
	b, err := fsys.ReadFile(m, "/b/x.bak", 0)
	must(f, err)
	f.Add(b)
	f.Add(b[:len(b)/2])
	f.Add([]byte("LKBAKSET"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m := newFS(t)
		must(t, fsys.WriteFile(m, "/b/x.bak", b, 0o600))
		sets, err := media.List(t.Context(), m, "/b/x.bak")
		if err != nil {
			return
		}
		for _, s := range sets {
			if s.Encryption == nil && backup.Verify(t.Context(), m, "/b/x.bak", s, nil) == nil {
				r, err := backup.Open(t.Context(), m, "/b/x.bak", s, nil)
				if err != nil {
					continue
				}
				_, _ = io.Copy(io.Discard, r)
				_ = r.Close()
			}
		}
	})
}

// liar is a disk that changes a byte of one write and says nothing.
type liar struct {
	fsys.FS
	at int64
}

type lyingFile struct {
	fsys.File
	at int64
}

func (l liar) OpenFile(name string, flag int, perm os.FileMode) (fsys.File, error) {
	f, err := l.FS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &lyingFile{f, l.at}, nil
}

func (f *lyingFile) WriteAt(p []byte, off int64) (int, error) {
	if f.at >= off && f.at < off+int64(len(p)) {
		p = bytes.Clone(p)
		p[f.at-off] ^= 4
	}
	return f.File.WriteAt(p, off)
}

// What the disk did not write as it was told is found before the backup counts, wherever it is.
func TestVerifyOnWrite(t *testing.T) {
	for name, change := range variants() {
		good := newFS(t)
		tg, h := target(good), media.Header{ID: "set", Database: "d"}
		change(&tg, &h)
		set, err := backup.Full(t.Context(), tg, h, pages{n: 3}, 7)
		must(t, err)
		for at := int64(0); at < set.Size; at += 97 {
			f := newFS(t)
			tg.FS = liar{f, at}
			if _, err := backup.Full(t.Context(), tg, h, pages{n: 3}, 7); err == nil {
				t.Fatalf("%s: a wrong byte %d of %d was not found", name, at, set.Size)
			}
			if names, _ := f.ReadDir("/b"); len(names) != 0 {
				t.Errorf("%s: left behind: %v", name, names)
			}
		}
	}
}
