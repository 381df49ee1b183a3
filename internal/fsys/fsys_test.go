package fsys_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"latchkey/internal/fsys"
)

// each runs a test on both implementations, so that Mem behaves as the real one.
func each(t *testing.T, test func(t *testing.T, f fsys.FS, dir string)) {
	t.Run("os", func(t *testing.T) { test(t, fsys.OS{}, t.TempDir()) })
	t.Run("mem", func(t *testing.T) {
		m := fsys.NewMem()
		if err := m.MkdirAll("/data", 0o700); err != nil {
			t.Fatal(err)
		}
		test(t, m, "/data")
	})
}

func TestFileBehaviour(t *testing.T) {
	each(t, func(t *testing.T, f fsys.FS, dir string) {
		name := filepath.Join(dir, "a")
		if _, err := f.OpenFile(name, os.O_RDWR, 0); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("open of nothing: %v", err)
		}
		file, err := f.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); !errors.Is(err, fs.ErrExist) {
			t.Errorf("exclusive create of an existing file: %v", err)
		}
		if _, err := file.WriteAt([]byte("hello"), 3); err != nil {
			t.Fatal(err)
		}
		if err := file.Truncate(6); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 10)
		if n, err := file.ReadAt(b, 0); n != 6 || err != io.EOF || string(b[:n]) != "\x00\x00\x00hel" {
			t.Errorf("ReadAt = %d %v %q", n, err, b[:n])
		}
		if err := file.Truncate(8); err != nil {
			t.Fatal(err)
		}
		if n, err := file.ReadAt(b[:8], 0); n != 8 || err != nil || string(b[:8]) != "\x00\x00\x00hel\x00\x00" {
			t.Errorf("growth does not read zeros: %d %v %q", n, err, b[:8])
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		if err := file.Sync(); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("sync after close: %v", err)
		}
		if err := fsys.WriteFile(f, name, []byte("two"), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := fsys.ReadFile(f, name, 0); err != nil || string(got) != "two" {
			t.Errorf("ReadFile = %q, %v", got, err)
		}
		if _, err := fsys.ReadFile(f, name, 2); err == nil {
			t.Error("ReadFile passed its limit")
		}
		if err := f.MkdirAll(filepath.Join(dir, "d", "e"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := f.Remove(filepath.Join(dir, "d")); !errors.Is(err, syscall.ENOTEMPTY) {
			t.Errorf("remove of a full directory: %v", err)
		}
		list, err := f.ReadDir(dir)
		if err != nil || len(list) != 2 || list[0].Name() != "a" || list[1].Name() != "d" || !list[1].IsDir() {
			t.Errorf("ReadDir = %v, %v", list, err)
		}
		if fi, err := f.Stat(name); err != nil || fi.Size() != 3 || fi.IsDir() {
			t.Errorf("Stat = %v, %v", fi, err)
		}
	})
}

func TestLock(t *testing.T) {
	each(t, func(t *testing.T, f fsys.FS, dir string) {
		name := filepath.Join(dir, "lock")
		l, err := f.Lock(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Lock(name); !errors.Is(err, fsys.ErrLocked) {
			t.Errorf("second lock: %v", err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		l, err = f.Lock(name)
		if err != nil {
			t.Fatalf("lock after release: %v", err)
		}
		_ = l.Close()
	})
}

// Every fault at every operation, and a power cut after each, leaves the old content or the new one.
func TestWriteFileIsAtomic(t *testing.T) {
	setup := func() *fsys.Mem {
		m := fsys.NewMem()
		if err := fsys.WriteFile(m, "f", []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		return m
	}
	count := &fsys.Nth{Kinds: fsys.OpChange | fsys.OpOpen}
	if err := fsys.WriteFile(fsys.NewFaulty(setup(), count.Hook), "f", []byte("newer"), 0o600); err != nil {
		t.Fatal(err)
	}
	if count.Seen() < 5 {
		t.Fatalf("only %d operations seen", count.Seen())
	}
	boom := errors.New("boom")
	for n := 1; n <= count.Seen()+1; n++ {
		for _, sticky := range []bool{false, true} {
			m := setup()
			nth := &fsys.Nth{Kinds: count.Kinds, N: n, Sticky: sticky, Err: boom}
			err := fsys.WriteFile(fsys.NewFaulty(m, nth.Hook), "f", []byte("newer"), 0o600)
			for seed := range uint64(20) {
				disk := m.CrashClone(fsys.Crash{Rand: rand.New(rand.NewPCG(seed, 1)), Keep: 0.5, Torn: 0.5})
				got, rerr := fsys.ReadFile(disk, "f", 0)
				if rerr != nil || string(got) != "old" && string(got) != "newer" {
					t.Fatalf("n=%d sticky=%v seed=%d: %q, %v", n, sticky, seed, got, rerr)
				}
				if err == nil && string(got) != "newer" {
					t.Fatalf("n=%d sticky=%v: an acknowledged write was lost", n, sticky)
				}
			}
		}
	}
}

func TestCrashLosesWhatWasNotSynced(t *testing.T) {
	m := fsys.NewMem()
	f, err := m.OpenFile("f", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	write := func(s string, off int64) {
		t.Helper()
		if _, err := f.WriteAt([]byte(s), off); err != nil {
			t.Fatal(err)
		}
	}
	write("aaaa", 0)
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if _, err := m.CrashClone(fsys.Crash{}).Stat("f"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the entry survived without SyncDir: %v", err)
	}
	if err := m.SyncDir("."); err != nil {
		t.Fatal(err)
	}
	write("bb", 0)
	write("cc", 2)
	if got, _ := fsys.ReadFile(m.CrashClone(fsys.Crash{}), "f", 0); string(got) != "aaaa" {
		t.Errorf("after a full loss: %q", got)
	}
	seen := map[string]bool{}
	for seed := range uint64(64) {
		got, err := fsys.ReadFile(m.CrashClone(fsys.Crash{Rand: rand.New(rand.NewPCG(seed, 2)), Keep: 0.5}), "f", 0)
		if err != nil {
			t.Fatal(err)
		}
		seen[string(got)] = true
	}
	if fmt.Sprint(len(seen)) != "4" { // both, either (so also the later alone), none
		t.Errorf("outcomes of two unsynced writes: %v", seen)
	}
}

func TestCapacity(t *testing.T) {
	m := fsys.NewMem()
	m.SetCapacity(4)
	if err := fsys.WriteFile(m, "f", []byte("12345"), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("over capacity: %v", err)
	}
	if err := fsys.WriteFile(m, "f", []byte("1234"), 0o600); err != nil {
		t.Errorf("the failed write left something behind: %v", err)
	}
}
