package boltstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync/atomic"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"latchkey/ekm/code"
	"latchkey/vault/store"
)

// Bounds of one transaction, so that a crowd does not make everybody wait for one giant.
const (
	maxBatch      = 256
	maxBatchBytes = 8 << 20
)

// request is a commit on its way.
type request struct {
	conds []store.Cond
	ops   []store.Op
	taken atomic.Bool // by the writer, or by the caller who gave up; who sets it decides
	done  chan struct{}
	rev   int64 // read after done
	err   error
}

// Commit is that of store.Store. While it waits for its turn the end of ctx takes it back; once it is being written it
// waits for the outcome, which is a matter of one sync. Without ops it only checks the conditions.
func (s *Store) Commit(ctx context.Context, conds []store.Cond, ops []store.Op) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if err := store.Check(conds, ops); err != nil {
		return 0, err
	}
	r := &request{conds: conds, ops: ops, done: make(chan struct{})}
	s.mu.Lock()
	switch {
	case s.closed:
		s.mu.Unlock()
		return 0, s.unavailable("committing", errClosed)
	case s.failure != nil:
		defer s.mu.Unlock()
		return 0, s.failure
	}
	s.queue = append(s.queue, r)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
	select {
	case <-r.done:
	case <-ctx.Done():
		if r.taken.CompareAndSwap(false, true) {
			return 0, ctx.Err()
		}
		<-r.done
	}
	return r.rev, r.err
}

// run is the writer goroutine.
func (s *Store) run() {
	defer s.wg.Done()
	for closing := false; !closing; {
		select {
		case <-s.wake:
		case <-s.quit:
			closing = true
		}
		for {
			batch := s.next()
			if len(batch) == 0 {
				break
			}
			s.serve(batch)
		}
	}
}

// next takes what is due from the queue.
func (s *Store) next() []*request {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, size := 0, 0
	for n < len(s.queue) && n < maxBatch && size < maxBatchBytes {
		for _, op := range s.queue[n].ops {
			size += len(op.Value)
		}
		n++
	}
	batch := s.queue[:n:n]
	if s.queue = s.queue[n:]; len(s.queue) == 0 {
		s.queue = nil
	}
	return batch
}

// serve commits a batch and answers it. A batch for which there is no room is tried again one by one: a small commit may
// have room where a large one has not.
func (s *Store) serve(batch []*request) {
	live := batch[:0]
	for _, r := range batch {
		if r.taken.CompareAndSwap(false, true) {
			live = append(live, r)
		}
	}
	for len(live) > 0 {
		part := live
		err := s.transact(part)
		if errors.Is(err, store.ErrFull) && len(part) > 1 {
			part = live[:1]
			err = s.transact(part)
		}
		for _, r := range part {
			if err != nil {
				r.rev, r.err = 0, err
			}
			close(r.done)
		}
		live = live[len(part):]
	}
}

// transact commits requests in one transaction. An error concerns all of them; what concerns one stands in it.
func (s *Store) transact(batch []*request) error {
	if err := s.Err(); err != nil {
		return err
	}
	var tx *bolt.Tx
	var rev, kept int64
	err := s.guard(func() (err error) {
		if tx, err = s.db.Begin(true); err != nil {
			return err
		}
		rev, kept, err = s.apply(tx, batch)
		return err
	})
	if err == nil && rev == s.durableRev() { // nothing but conflicts and checks
		return s.guard(tx.Rollback)
	}
	if err == nil {
		err = s.guard(tx.Commit)
	}
	if err != nil && tx != nil {
		_ = s.guard(tx.Rollback) // lets bbolt's lock go, also after a panic; a second error adds nothing
	}
	return s.settled(rev, kept, err)
}

func (s *Store) durableRev() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.durable
}

// apply does the work of a batch inside a transaction.
func (s *Store) apply(tx *bolt.Tx, batch []*request) (rev, kept int64, err error) {
	meta, data := tx.Bucket(bucketMeta), tx.Bucket(bucketData)
	log := changeLog{meta: meta, changes: tx.Bucket(bucketChanges), count: number(meta, keyCount), size: number(meta, keySize)}
	start := number(meta, keyRev)
	rev = start
	for _, r := range batch {
		if r.rev, r.err = 0, holds(data, r.conds); r.err != nil {
			continue
		}
		if r.rev = rev; len(r.ops) == 0 {
			continue
		}
		rev++
		r.rev = rev
		for i, op := range r.ops {
			if err := put(data, &log, rev, i, op); err != nil {
				return 0, 0, fmt.Errorf("writing %q: %w", op.Key, err)
			}
		}
	}
	if rev == start {
		return rev, 0, nil
	}
	if kept, err = log.trim(s.opts, rev); err != nil {
		return 0, 0, err
	}
	return rev, kept, setNumber(meta, keyRev, rev)
}

func holds(data *bolt.Bucket, conds []store.Cond) error {
	for _, c := range conds {
		var have int64
		if v := data.Get([]byte(c.Key)); len(v) >= 8 {
			have = int64(binary.BigEndian.Uint64(v))
		}
		if have != c.Rev {
			return fmt.Errorf("committing: %q is at revision %d, not %d: %w", c.Key, have, c.Rev, store.ErrConflict)
		}
	}
	return nil
}

func put(data *bolt.Bucket, log *changeLog, rev int64, index int, op store.Op) error {
	key := []byte(op.Key)
	if op.Delete {
		if data.Get(key) == nil {
			return nil
		}
		if err := data.Delete(key); err != nil {
			return err
		}
		return log.add(rev, index, op)
	}
	v := binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(op.Value)), uint64(rev))
	if err := data.Put(key, append(v, op.Value...)); err != nil {
		return err
	}
	return log.add(rev, index, op)
}

// settled records how a transaction ended, wakes who waits for that, and gives the error its meaning.
func (s *Store) settled(rev, kept int64, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		s.durable, s.kept = rev, kept
	case isRoom(err) && s.visible() == s.durable: // so the meta page was not written
		err = code.Wrap(code.StoreFull, "committing", s.path, fmt.Errorf("%w: %w", store.ErrFull, err))
	default:
		err = s.unavailable("committing", err)
		s.failure = err
	}
	close(s.changed)
	s.changed = make(chan struct{})
	return err
}

// visible is the revision that a reader would see, -1 if that cannot be told.
func (s *Store) visible() (rev int64) {
	rev = -1
	_ = s.guard(func() error {
		return s.db.View(func(tx *bolt.Tx) error {
			rev = number(tx.Bucket(bucketMeta), keyRev)
			return nil
		})
	})
	return rev
}

// isRoom reports whether a commit failed in a write, for want of room. The same error from a sync is a failed sync: pages
// that were accepted are lost. bbolt gives the error of a sync as a bare number, that of growing the file as text.
func isRoom(err error) bool {
	if errors.Is(err, bolterrors.ErrMaxSizeReached) {
		return true
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Op == "write" && isFull(p.Err)
	}
	return strings.HasPrefix(err.Error(), "file resize error:") && fullText(err.Error())
}
