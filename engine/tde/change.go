package tde

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/ncruces/go-sqlite3"

	"latchkey/engine/tde/header"
	"latchkey/engine/tde/scan"
	"latchkey/internal/clock"
)

const (
	checkpointRetry = 20 * time.Millisecond
	checkpointPause = 500 * time.Millisecond
	checkpointWait  = 40 * time.Millisecond // how long one try keeps writers out at most
	positionEvery   = time.Second           // how often a scan's position is made durable; pages that it rewrote are told anyway
)

func sleep(ctx context.Context, c clock.Clock, d time.Duration) error { return clock.Sleep(ctx, c, d) }

// scanState is the scan in the background. It is guarded by DB.op, but for what is atomic.
type scanState struct {
	cancel context.CancelFunc // nil while none runs
	done   chan struct{}      // closed when it ended
	next   atomic.Uint32      // the first page that it has not passed
	err    atomic.Pointer[error]
}

// SetEncryption switches encryption on or off. It returns when the change is durable and has begun; new writes are then as
// demanded, a scan does the rest ([DB.Wait], [DB.Status]). It is no error if the state is already the one asked for.
func (db *DB) SetEncryption(ctx context.Context, on bool) error {
	return db.change(ctx, "switching encryption", func(h *header.Header) (begin func(*header.Header), err error) {
		switch {
		case on && h.State == header.Unencrypted:
			return func(h *header.Header) {
				h.State, h.Target, h.Set = header.Encrypting, h.Newest().Generation, db.now()
			}, nil
		case !on && h.State == header.Encrypted:
			return func(h *header.Header) { h.State, h.Target, h.Set = header.Decrypting, 0, db.now() }, nil
		case on && h.State == header.Encrypted, !on && (h.State == header.Unencrypted || h.State == header.NoKey):
			return nil, nil
		}
		return nil, stateErr("switching encryption", h.State)
	})
}

// Cancel turns a scan around: an encryption becomes a decryption and the reverse, a change of key goes back to the old key.
func (db *DB) Cancel(ctx context.Context) error {
	return db.change(ctx, "cancelling the scan", func(h *header.Header) (func(*header.Header), error) {
		if !h.State.Scanning() {
			return nil, stateErr("cancelling the scan", h.State)
		}
		return func(h *header.Header) {
			switch h.State {
			case header.Encrypting:
				h.State, h.Target = header.Decrypting, 0
			case header.Decrypting:
				h.State, h.Target = header.Encrypting, h.Newest().Generation
			case header.KeyChange:
				h.Target = h.Keys[0].Generation + h.Keys[1].Generation - h.Target
			}
		}, nil
	})
}

// change stops a scan, writes the header that begin makes, lets it take effect and starts the scan that it asks for. If begin
// is nil nothing changes.
func (db *DB) change(ctx context.Context, op string, decide func(*header.Header) (func(*header.Header), error)) error {
	db.op.Lock()
	defer db.op.Unlock()
	if err := db.usable(ctx); err != nil {
		return err
	}
	begin, err := decide(db.header())
	if err != nil || begin == nil {
		return err
	}
	if err := db.stopScan(); err != nil {
		return mapped(op, db.cfg.Path, err)
	}
	if begin, err = decide(db.header()); err != nil || begin == nil { // the scan may just have ended
		return err
	}
	err = db.update(true, func(h *header.Header) {
		h.Position, h.Suspended = 1, false
		begin(h)
	})
	if err != nil {
		db.restartScan()
		return mapped(op, db.cfg.Path, err)
	}
	db.apply(db.header())
	db.restartScan()
	db.notify()
	return nil
}

func (db *DB) usable(ctx context.Context) error {
	if db.closed.Load() {
		return ErrClosed
	}
	return ctx.Err()
}

// Suspend stops a scan where it is, also over a restart, until Resume.
func (db *DB) Suspend(ctx context.Context) error {
	db.op.Lock()
	defer db.op.Unlock()
	if err := db.usable(ctx); err != nil {
		return err
	}
	if err := db.stopScan(); err != nil {
		return mapped("suspending the scan", db.cfg.Path, err)
	}
	if h := db.header(); !h.State.Scanning() {
		return stateErr("suspending the scan", h.State)
	}
	if err := db.update(true, func(h *header.Header) { h.Suspended = true }); err != nil {
		db.restartScan()
		return mapped("suspending the scan", db.cfg.Path, err)
	}
	db.notify()
	return nil
}

// Resume lets a scan go on that was suspended, or that an error ended.
func (db *DB) Resume(ctx context.Context) error {
	db.op.Lock()
	defer db.op.Unlock()
	if err := db.usable(ctx); err != nil {
		return err
	}
	h := db.header()
	if !h.State.Scanning() {
		return stateErr("resuming the scan", h.State)
	}
	if h.Suspended {
		if err := db.update(true, func(h *header.Header) { h.Suspended = false }); err != nil {
			return mapped("resuming the scan", db.cfg.Path, err)
		}
	}
	if db.scanRuns() {
		return nil
	}
	if err := db.stopScan(); err != nil {
		return mapped("resuming the scan", db.cfg.Path, err)
	}
	db.startScan()
	db.notify()
	return nil
}

// SetScanRate bounds scans from now on, in bytes of the database in a second; 0 or less means no bound.
func (db *DB) SetScanRate(rate int64) { db.budget.Set(rate) }

// Wait waits until no scan runs: it ended, failed (its error is returned) or was suspended.
func (db *DB) Wait(ctx context.Context) error {
	db.op.Lock()
	done := db.scan.done
	db.op.Unlock()
	if done == nil {
		return nil
	}
	select {
	case <-done:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := db.scan.err.Load(); err != nil {
		return *err
	}
	return nil
}

func (db *DB) scanRuns() bool {
	if db.scan.done == nil {
		return false
	}
	select {
	case <-db.scan.done:
		return false
	default:
		return true
	}
}

// settle waits for a scan that has said in the header that it is over and still forgets what nothing needs any more. The caller holds op, and no
// scan is to run.
func (db *DB) settle() {
	if db.scan.done != nil {
		<-db.scan.done
	}
}

// restartScan starts the scan that the header asks for, if any.
func (db *DB) restartScan() {
	if h := db.header(); h.State.Scanning() && !h.Suspended {
		db.startScan()
	}
}

// startScan runs the scan that the header describes. The caller holds op, or nobody else has the DB yet.
func (db *DB) startScan() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	db.scan.cancel, db.scan.done = cancel, done
	db.scan.err.Store(nil)
	h := db.header()
	db.scan.next.Store(max(1, h.Position))
	go func() {
		defer close(done)
		defer cancel()
		err := db.runScan(ctx, h)
		if err != nil && !errors.Is(err, context.Canceled) {
			err = mapped("scanning the database", db.cfg.Path, err)
			db.scan.err.Store(&err)
		}
		db.notify()
	}()
}

// stopScan ends the scan, if one runs, and makes its position durable.
func (db *DB) stopScan() error {
	if db.scan.cancel == nil {
		return nil
	}
	db.scan.cancel()
	<-db.scan.done
	db.scan.cancel = nil
	next := db.scan.next.Load()
	if h := db.header(); !h.State.Scanning() || h.Position >= next {
		return nil
	}
	return db.update(false, func(h *header.Header) { h.Position = next })
}

func (db *DB) runScan(ctx context.Context, h *header.Header) error {
	saved := db.cfg.Clock.Now()
	policy, _, _ := policyOf(h)
	err := scan.Run(ctx, scan.Config{
		FS: db.cfg.FS, Path: db.cfg.Path, ID: h.FileID, Pages: db.store, From: db.scan.next.Load(), Budget: db.budget, Clock: db.cfg.Clock,
		GiveWay: db.giveWay,
		Passed: func(next uint32) error {
			db.scan.next.Store(next)
			policy.Done = next
			db.store.SetPolicy(policy)
			if now := db.cfg.Clock.Now(); now.Sub(saved) >= positionEvery {
				saved = now
				return db.update(false, func(h *header.Header) { h.Position = next })
			}
			return nil
		},
	})
	if err != nil {
		return err
	}
	return db.finish(ctx, h)
}

// finish ends a scan that has passed all pages. The order matters: what the old state left in the log and in the journal is gone
// for good before the header says so, and only what the header no longer names is forgotten.
func (db *DB) finish(ctx context.Context, h *header.Header) error {
	for wait := checkpointRetry; ; wait = longer(wait) {
		db.freeze.Lock()
		err := error(sqlite3.BUSY)
		if db.snaps.Load() == 0 { // a snapshot's pages may still need the old key
			err = db.tryCheckpoint()
		}
		if err == nil {
			break
		}
		db.freeze.Unlock() // a backup may begin while a reader keeps the log
		if !errors.Is(err, sqlite3.BUSY) {
			return err
		}
		if err := sleep(ctx, db.cfg.Clock, wait); err != nil {
			return err
		}
	}
	defer db.freeze.Unlock()
	if err := db.store.SyncLog(); err != nil {
		return err
	}
	if err := db.sealChain(); err != nil {
		return err
	}
	if err := scan.Wipe(db.cfg.FS, db.cfg.Path); err != nil {
		return err
	}
	var gone []uint32
	err := db.update(true, func(h *header.Header) {
		h.Position = 0
		switch h.State {
		case header.Decrypting:
			h.State = header.Unencrypted
			return
		case header.KeyChange:
			keep := h.Keys[:0]
			for _, k := range h.Keys {
				if k.Generation == h.Target {
					keep = append(keep, k)
				} else {
					gone = append(gone, k.Generation)
				}
			}
			h.Keys = keep
		}
		h.State, h.Target = header.Encrypted, 0
	})
	if err != nil {
		return err
	}
	db.apply(db.header())
	for _, g := range gone {
		db.forget(g)
	}
	return nil
}

// forget wipes a DEK that nothing needs any more.
func (db *DB) forget(generation uint32) {
	db.ring.Drop(generation)
	db.hdr.Lock()
	defer db.hdr.Unlock()
	db.hdr.deks[generation].Destroy()
	delete(db.hdr.deks, generation)
}
