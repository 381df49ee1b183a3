package tde_test

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"

	"latchkey/engine/tde"
)

// A snapshot is one commit, whatever is written, checkpointed and rewritten while it is read, and restores under the same keys.
func TestSnapshotAndRestore(t *testing.T) {
	ctx := t.Context()
	keys := &fakeKeys{}
	m := newMem(t)
	db, err := tde.Create(ctx, memConfig(m))
	must(t, err)
	c, err := db.Conn(ctx)
	must(t, err)
	s := newStory()
	must(t, s.load(c))
	must(t, db.CreateKey(ctx, tde.AES256, protector1, keys))
	steps := []func() error{
		func() error { return nil },
		func() error { return db.SetEncryption(ctx, true) },
		func() error { return db.Wait(ctx) },
		func() error { return db.Checkpoint(ctx) },
		func() error { return db.ReKey(ctx, tde.AES256, protector2, keys) },
		func() error { return db.Wait(ctx) },
	}
	for i, step := range steps {
		must(t, s.commit(c))
		snap, err := db.Snapshot(ctx)
		must(t, err)
		at := s.acked.Load()
		must(t, s.commit(c))
		if i == 2 || i == 5 { // a scan cannot end while the snapshot is open; do something else meanwhile
			must(t, s.commit(c))
		} else if i != 3 {
			must(t, step())
		}
		image := make([]byte, 0, int(snap.Pages())*tde.PageSize)
		page := make([]byte, tde.PageSize)
		for n := uint32(1); n <= snap.Pages(); n++ {
			must(t, snap.Page(page, n))
			image = append(image, page...)
			if n%16 == 0 {
				must(t, s.commit(c))
				_, _, _ = c.WALCheckpoint("main", 0)
			}
		}
		head, err := snap.Header()
		must(t, err)
		must(t, snap.Close())
		must(t, snap.Close())
		if i == 2 || i == 5 || i == 3 {
			must(t, step())
		}
		info, err := tde.HeaderInfo(head)
		must(t, err)
		if info.Protector.Thumbprint == "" || info.Pages != snap.Pages() {
			t.Errorf("step %d: header says %+v", i, info)
		}
		disk := newMem(t)
		next := func(dst []byte) error {
			if len(image) == 0 {
				return io.EOF
			}
			copy(dst, image[:tde.PageSize])
			image = image[tde.PageSize:]
			return nil
		}
		must(t, tde.Restore(ctx, memConfig(disk), head, next))
		if err := tde.Restore(ctx, memConfig(disk), head, next); err == nil {
			t.Error("restored over a database")
		}
		if err := s.check(ctx, disk, at, at, map[tde.State]bool{info.State: true}, true); err != nil {
			t.Errorf("step %d (%v): %v", i, info.State, err)
		}
	}
	must(t, errors.Join(c.Close(), db.Close()))
}

// Snapshots are taken while another connection commits as fast as it can.
func TestSnapshotUnderLoad(t *testing.T) {
	ctx := t.Context()
	m := newMem(t)
	cfg := memConfig(m)
	cfg.LogPages = 20
	db, err := tde.Create(ctx, cfg)
	must(t, err)
	c, err := db.Conn(ctx)
	must(t, err)
	s := newStory()
	must(t, s.load(c))
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if err := s.commit(c); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for i := range 20 {
		low := s.acked.Load()
		snap, err := db.Snapshot(ctx)
		must(t, err)
		high := s.tried.Load()
		var image [][]byte
		for n := uint32(1); n <= snap.Pages(); n++ {
			page := make([]byte, tde.PageSize)
			must(t, snap.Page(page, n))
			image = append(image, page)
		}
		head, err := snap.Header()
		must(t, err)
		must(t, snap.Close())
		disk := newMem(t)
		must(t, tde.Restore(ctx, memConfig(disk), head, func(dst []byte) error {
			copy(dst, image[0])
			image = image[1:]
			return nil
		}))
		if err := s.check(ctx, disk, low, high, map[tde.State]bool{tde.NoKey: true}, true); err != nil {
			t.Fatal(fmt.Errorf("snapshot %d: %w", i, err))
		}
	}
	close(stop)
	wg.Wait()
	must(t, errors.Join(c.Close(), db.Close()))
}
