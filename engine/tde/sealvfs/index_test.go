package sealvfs_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"latchkey/engine/tde/sealvfs"
)

// Databases are opened while another server starts, which sweeps what killed processes left: none loses the index of its log, nor fails to close.
func TestSweepWhileOpening(t *testing.T) {
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := sealvfs.SweepIndexes(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 60 {
		t.Run("", func(t *testing.T) { // it closes the database
			b := newBed(t, 0)
			if got := one(t, b.conn(t), "SELECT count(*) FROM sqlite_schema"); got != "0" {
				t.Errorf("tables %s", got)
			}
		})
	}
	close(stop)
	wg.Wait()
}

// What a process left that was killed while it removed an index is swept; what is just being made is not.
func TestSweepHalfRemoved(t *testing.T) {
	left := func(end string, files ...string) string {
		dir, err := os.MkdirTemp(os.TempDir(), "latchkey-index-*"+end)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		for _, f := range files {
			if err := os.WriteFile(filepath.Join(dir, f), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	made := left("")
	for _, dir := range []string{left("", "index"), left("", "index", "lock"), left("", "lock"), left(".gone", "index"), left(".gone")} {
		if err := sealvfs.SweepIndexes(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s stays", dir)
		}
	}
	if _, err := os.Stat(made); err != nil {
		t.Errorf("it was just being made: %v", err)
	}
}
