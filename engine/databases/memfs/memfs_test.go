package memfs_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"latchkey/engine/databases/memfs"
	"latchkey/internal/fsys"
)

// Any sequence of reads, writes and truncations gives what a real file gives.
func TestLikeARealFile(t *testing.T) {
	m := memfs.New(1 << 30)
	a, err := m.OpenFile("/f", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	b, err := fsys.OS{}.OpenFile(filepath.Join(t.TempDir(), "f"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	rng := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		off := rng.Int64N(200_000)
		switch rng.IntN(4) {
		case 0:
			if err := errors.Join(a.Truncate(off), b.Truncate(off)); err != nil {
				t.Fatal(err)
			}
		case 1:
			p := make([]byte, rng.IntN(70_000))
			for i := range p {
				p[i] = byte(rng.Uint32())
			}
			n, err := a.WriteAt(p, off)
			if _, berr := b.WriteAt(p, off); err != nil || berr != nil || n != len(p) {
				t.Fatal(n, err, berr)
			}
		default:
			p, q := make([]byte, rng.IntN(70_000)), []byte(nil)
			q = make([]byte, len(p))
			n, err := a.ReadAt(p, off)
			k, berr := b.ReadAt(q, off)
			if n != k || !errors.Is(err, berr) || !bytes.Equal(p[:n], q[:k]) {
				t.Fatalf("at %d: %d %v, want %d %v", off, n, err, k, berr)
			}
		}
		x, _ := a.Size()
		if y, _ := b.Size(); x != y {
			t.Fatalf("size %d, want %d", x, y)
		}
	}
}

func TestBoundAndNames(t *testing.T) {
	m := memfs.New(100 << 10)
	f, err := m.OpenFile("/d/a", os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(make([]byte, 200<<10), 0); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("beyond the bound: %v", err)
	}
	if _, err := f.WriteAt(make([]byte, 90<<10), 0); err != nil {
		t.Errorf("within the bound: %v", err)
	}
	if _, err := m.OpenFile("/d/a", os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); !errors.Is(err, fs.ErrExist) {
		t.Errorf("twice: %v", err)
	}
	if err := m.Rename("/d/a", "/d/b"); err != nil {
		t.Fatal(err)
	}
	if list, err := m.ReadDir("/d"); err != nil || len(list) != 1 || list[0].Name() != "b" {
		t.Errorf("%v, %v", list, err)
	}
	if err := m.Remove("/d/b"); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{"stat": second(m.Stat("/d/b")), "open": second(m.OpenFile("/d/b", os.O_RDWR, 0)), "remove": m.Remove("/d/b"), "list": second(m.ReadDir("/d"))} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if f, err = m.OpenFile("/d/c", os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(make([]byte, 90<<10), 0); err != nil {
		t.Errorf("the room of a removed file was not given back: %v", err)
	}
	if n, err := f.ReadAt(make([]byte, 1), 1<<40); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("behind the end: %d, %v", n, err)
	}
	l, err := m.Lock("/l")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Lock("/l"); !errors.Is(err, fsys.ErrLocked) {
		t.Errorf("locked twice: %v", err)
	}
	_ = l.Close()
	if _, err := m.Lock("/l"); err != nil {
		t.Error(err)
	}
}

func second[T any](_ T, err error) error { return err }
