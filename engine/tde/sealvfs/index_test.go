package sealvfs_test

import (
	"sync"
	"testing"

	"latchkey/engine/tde/sealvfs"
)

// Databases are opened while another server starts, which sweeps what killed processes left: none loses the index of its log.
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
				_ = sealvfs.SweepIndexes() // of directories that are just being removed it says so
			}
		})
	}
	for range 60 {
		b := newBed(t, 0)
		if got := one(t, b.conn(t), "SELECT count(*) FROM sqlite_schema"); got != "0" {
			t.Errorf("tables %s", got)
		}
	}
	close(stop)
	wg.Wait()
}
