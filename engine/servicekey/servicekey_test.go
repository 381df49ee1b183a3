package servicekey_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"latchkey/engine/servicekey"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

// The key is made once, for a new server alone, and is the same afterwards.
func TestOpen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "key")
	if _, err := servicekey.Open(nil, dir, false); !errors.Is(err, servicekey.ErrLost) {
		t.Fatalf("without a file: %v", err)
	}
	k, err := servicekey.Open(nil, dir, true)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := k.Seal("a", "b", secret.FromString("c"))
	if err != nil {
		t.Fatal(err)
	}
	fi, err := os.Stat(filepath.Join(dir, servicekey.FileName))
	if err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", fi, err)
	}
	again, err := servicekey.Open(nil, dir, true)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := again.Open("a", "b", sealed); err != nil || !s.Equal([]byte("c")) {
		t.Errorf("another key came back: %v", err)
	}
}

func TestDamage(t *testing.T) {
	f := fsys.NewMem()
	if _, err := servicekey.Open(f, "/k", true); err != nil {
		t.Fatal(err)
	}
	good, err := fsys.ReadFile(f, "/k/"+servicekey.FileName, 0)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"empty": nil, "short": good[:20], "long": append(bytes.Clone(good), 0), "magic": append([]byte("LKSMK\x00\x00\x02"), good[8:]...)} {
		bad(t, f, name, b)
	}
	for i := range good {
		b := bytes.Clone(good)
		b[i] ^= 1
		bad(t, f, "a bit", b)
	}
}

func bad(t *testing.T, f fsys.FS, name string, b []byte) {
	t.Helper()
	if err := fsys.WriteFile(f, "/k/"+servicekey.FileName, b, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, fresh := range []bool{false, true} {
		if _, err := servicekey.Open(f, "/k", fresh); !errors.Is(err, servicekey.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A disk that fails while the key is made leaves no half of it.
func TestFullDisk(t *testing.T) {
	mem := fsys.NewMem()
	for n := range 20 {
		failed := false
		i := 0
		f := fsys.NewFaulty(mem, func(op fsys.Op) error {
			if op.Kind&fsys.OpChange == 0 || op.Kind == fsys.OpRemove {
				return nil
			}
			if i++; i == n+1 {
				failed = true
				return syscall.ENOSPC
			}
			return nil
		})
		_, err := servicekey.Open(f, "/k", true)
		if failed && err == nil {
			t.Errorf("operation %d failed and nothing was said", n)
		}
		if !failed {
			return
		}
		if k, err := servicekey.Open(mem.CrashClone(fsys.Crash{}), "/k", false); err == nil {
			k.Destroy()
		} else if !errors.Is(err, servicekey.ErrLost) {
			t.Errorf("operation %d: %v", n, err)
		}
	}
}
