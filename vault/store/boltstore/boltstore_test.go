package boltstore_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	bolt "go.etcd.io/bbolt"

	"latchkey/ekm/code"
	"latchkey/vault/store"
	"latchkey/vault/store/boltstore"
	"latchkey/vault/store/storetest"
)

func mustOpen(t testing.TB, path string) *boltstore.Store {
	t.Helper()
	s, err := boltstore.Open(path, boltstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func mustClose(t testing.TB, s *boltstore.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func mustPut(t testing.TB, s *boltstore.Store, key, value string) int64 {
	t.Helper()
	rev, err := s.Commit(t.Context(), nil, []store.Op{{Key: key, Value: []byte(value)}})
	if err != nil {
		t.Fatal(err)
	}
	return rev
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return mustOpen(t, filepath.Join(t.TempDir(), "vault.db")) })
	t.Run("Durable", func(t *testing.T) {
		storetest.RunDurable(t, func(t *testing.T, dir string) (store.Store, func()) {
			s := mustOpen(t, filepath.Join(dir, "vault.db"))
			return s, func() { mustClose(t, s) }
		})
	})
}

func TestSecondOpenIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "d", "vault.db")
	s := mustOpen(t, path)
	if _, err := boltstore.Open(path, boltstore.Options{}); !errors.Is(err, code.StoreLocked) {
		t.Errorf("second open: %v", err)
	}
	mustClose(t, s)
	mustClose(t, s)
	if _, err := s.Get(t.Context(), "a"); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("get after close: %v", err)
	}
	if _, err := s.Commit(t.Context(), nil, []store.Op{{Key: "a"}}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("commit after close: %v", err)
	}
	if _, err := s.Watch(t.Context(), "", 0); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("watch after close: %v", err)
	}
	// Another program that opens the file without our lock is kept out by bbolt's.
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := boltstore.Open(path, boltstore.Options{}); !errors.Is(err, code.StoreLocked) {
		t.Errorf("open beside another program: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	mustClose(t, mustOpen(t, path))
}

func TestFileIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vault.db")
	mustClose(t, mustOpen(t, path))
	for range 2 {
		fi, err := os.Stat(path)
		if err != nil || fi.Mode().Perm() != 0o600 {
			t.Fatalf("mode %v, %v", fi.Mode(), err)
		}
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
		mustClose(t, mustOpen(t, path))
	}
}

func TestNewerAndForeignAndDamagedFilesAreRefused(t *testing.T) {
	dir := t.TempDir()
	n := 0
	damage := func(change func(path string)) string {
		n++
		path := filepath.Join(dir, fmt.Sprint(n, ".db"))
		s := mustOpen(t, path)
		var ops []store.Op
		for i := range 200 {
			ops = append(ops, store.Op{Key: fmt.Sprint("k", i), Value: bytes.Repeat([]byte{'v'}, 500)})
		}
		if _, err := s.Commit(t.Context(), nil, ops); err != nil {
			t.Fatal(err)
		}
		mustClose(t, s)
		change(path)
		return path
	}
	edit := func(f func(tx *bolt.Tx) error) func(string) {
		return func(path string) {
			db, err := bolt.Open(path, 0o600, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(db.Update(f), db.Close()); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, tc := range []struct {
		name   string
		change func(path string)
		want   code.Code
	}{
		{"newer", edit(func(tx *bolt.Tx) error {
			return tx.Bucket([]byte("meta")).Put([]byte("format"), []byte{0, 0, 0, 0, 0, 0, 0, 2})
		}), code.StoreVersion},
		{"foreign", edit(func(tx *bolt.Tx) error { return tx.DeleteBucket([]byte("meta")) }), code.StoreDamaged},
		{"empty", func(p string) { truncate(t, p, 0) }, code.StoreDamaged},
		{"cut", func(p string) { truncate(t, p, 5*4096) }, code.StoreDamaged},
		{"metas overwritten", func(p string) { overwrite(t, p, 0, 8192) }, code.StoreDamaged},
		{"not a database", func(p string) { overwrite(t, p, 0, 1<<16) }, code.StoreDamaged},
	} {
		path := damage(tc.change)
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := boltstore.Open(path, boltstore.Options{}); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v", tc.name, err)
		}
		after, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(before, after) {
			t.Errorf("%s: the refused file was changed (%v)", tc.name, err)
		}
	}
}

func truncate(t *testing.T, path string, size int64) {
	t.Helper()
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}

func overwrite(t *testing.T, path string, from, to int) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt(bytes.Repeat([]byte{0xa5}, to-from), int64(from))
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestDamagedPagesAreErrors: pages that were overwritten, or cut off under the running store, give errors and end nothing.
func TestDamagedPagesAreErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vault.db")
	s := mustOpen(t, path)
	var ops []store.Op
	for i := range 500 {
		ops = append(ops, store.Op{Key: fmt.Sprintf("k%03d", i), Value: bytes.Repeat([]byte{'v'}, 1000)})
	}
	if _, err := s.Commit(t.Context(), nil, ops); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	truncate(t, path, 8*4096)
	if _, _, err := s.List(t.Context(), "", "", 0); !errors.Is(err, code.StoreDamaged) {
		t.Errorf("reading a file that was cut: %v", err)
	}
	if _, err := s.Commit(t.Context(), nil, []store.Op{{Key: "k250", Value: []byte("x")}}); err == nil {
		t.Error("a commit to a file that was cut succeeded")
	}
}

func TestSnapshotIsAStore(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, filepath.Join(dir, "vault.db"))
	rev := mustPut(t, s, "a", "1")
	f, err := os.OpenFile(filepath.Join(dir, "copy.db"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Snapshot(t.Context(), f)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	mustPut(t, s, "a", "2")
	c := mustOpen(t, filepath.Join(dir, "copy.db"))
	if it, err := c.Get(t.Context(), "a"); err != nil || string(it.Value) != "1" || it.Rev != rev {
		t.Errorf("%+v, %v", it, err)
	}
}

// TestChangeLogIsBounded by number and by size, in whole commits.
func TestChangeLogIsBounded(t *testing.T) {
	for _, o := range []boltstore.Options{{MaxChanges: 10}, {MaxChangeBytes: 10 * 1003}} {
		s, err := boltstore.Open(filepath.Join(t.TempDir(), "vault.db"), o)
		if err != nil {
			t.Fatal(err)
		}
		var revs []int64
		for range 30 {
			v := bytes.Repeat([]byte{'v'}, 1000)
			rev, err := s.Commit(t.Context(), nil, []store.Op{{Key: "a", Value: v}, {Key: "b", Value: v}})
			if err != nil {
				t.Fatal(err)
			}
			revs = append(revs, rev)
		}
		oldest := -1
		for i, rev := range revs {
			if _, err := s.Watch(t.Context(), "", rev); err == nil {
				oldest = i
				break
			} else if !errors.Is(err, store.ErrCompacted) {
				t.Fatal(err)
			}
		}
		if kept := len(revs) - 1 - oldest; kept < 4 || kept > 5 {
			t.Errorf("%+v: the last %d commits are kept", o, kept)
		}
		mustClose(t, s)
	}
}

// TestOneWinnerInABatch: conditions of commits that share a transaction see those before them.
func TestOneWinnerInABatch(t *testing.T) {
	s := mustOpen(t, filepath.Join(t.TempDir(), "vault.db"))
	var wg sync.WaitGroup
	var mu sync.Mutex
	wins := map[int]int{}
	for w := range 64 {
		wg.Go(func() {
			for i := range 5 { // all race for the same keys: exactly one may create each
				_, err := s.Commit(t.Context(), []store.Cond{{Key: fmt.Sprint("race/", i), Rev: 0}}, []store.Op{
					{Key: fmt.Sprint("race/", i), Value: []byte(fmt.Sprint(w))},
					{Key: fmt.Sprintf("won/%d/%d", i, w)},
				})
				if err == nil {
					mu.Lock()
					wins[i]++
					mu.Unlock()
				} else if !errors.Is(err, store.ErrConflict) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for i := range 5 {
		if wins[i] != 1 {
			t.Errorf("%d commits created key %d", wins[i], i)
		}
	}
	if items, _, err := s.List(t.Context(), "won/", "", 0); err != nil || len(items) != 5 {
		t.Errorf("%d traces of winners, %v", len(items), err)
	}
}

func BenchmarkGet(b *testing.B) {
	s := mustOpen(b, filepath.Join(b.TempDir(), "vault.db"))
	for i := range 1000 {
		mustPut(b, s, fmt.Sprintf("v/k/%04d", i), string(make([]byte, 2000)))
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		if _, err := s.Get(b.Context(), fmt.Sprintf("v/k/%04d", i%1000)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCommit(b *testing.B) {
	for _, n := range []int{1, 64} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := mustOpen(b, filepath.Join(b.TempDir(), "vault.db"))
			b.SetParallelism(max(1, n/2))
			v := make([]byte, 2000)
			b.RunParallel(func(pb *testing.PB) {
				k := fmt.Sprintf("w/%p", &pb)
				for pb.Next() {
					if _, err := s.Commit(b.Context(), nil, []store.Op{{Key: k, Value: v}}); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

func BenchmarkOpen1000(b *testing.B) {
	path := filepath.Join(b.TempDir(), "vault.db")
	s := mustOpen(b, path)
	for i := range 2 {
		var ops []store.Op
		for k := range 500 {
			ops = append(ops, store.Op{Key: fmt.Sprintf("v/k/%d-%04d", i, k), Value: make([]byte, 2000)})
		}
		if _, err := s.Commit(b.Context(), nil, ops); err != nil {
			b.Fatal(err)
		}
	}
	mustClose(b, s)
	for b.Loop() {
		s, err := boltstore.Open(path, boltstore.Options{})
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := s.List(b.Context(), "", "", 0); err != nil {
			b.Fatal(err)
		}
		mustClose(b, s)
	}
}
