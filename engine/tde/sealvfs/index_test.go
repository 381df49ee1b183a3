package sealvfs_test

import (
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
