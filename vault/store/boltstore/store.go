package boltstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"latchkey/ekm/code"
	"latchkey/vault/store"
)

// Defaults of Options.
const (
	DefaultMaxChanges     = 1024
	DefaultMaxChangeBytes = 4 << 20
)

// Options of a store. The zero value is usable.
type Options struct {
	// MaxChanges is how many changes are kept for watchers; 0 means DefaultMaxChanges. The last commit is always kept.
	MaxChanges int
	// MaxChangeBytes bounds the keys and values of the kept changes, in bytes; 0 means DefaultMaxChangeBytes.
	MaxChangeBytes int64
}

// Store is an open store.
type Store struct {
	path string
	opts Options
	file io.Closer // the lock
	db   *bolt.DB

	wake chan struct{} // capacity 1: requests are queued, or closing is set
	quit chan struct{} // closed by Close
	wg   sync.WaitGroup

	mu      sync.Mutex
	queue   []*request
	durable int64         // revision up to which everything is on the disk
	kept    int64         // changes after this revision are in the change log
	changed chan struct{} // closed and replaced when a transaction has ended
	failure error         // why no commit is taken any more
	closed  bool
	err     error // of closing
}

// Names in the file.
var (
	bucketMeta    = []byte("meta")
	bucketData    = []byte("data")    // key -> revision (8 bytes), value
	bucketChanges = []byte("changes") // revision (8), index (2) -> event
	keyFormat     = []byte("format")
	keyRev        = []byte("revision")
	keyKept       = []byte("kept")        // revision of the last dropped change
	keyCount      = []byte("changes")     // number of kept changes
	keySize       = []byte("changeBytes") // their size
)

func number(b *bolt.Bucket, key []byte) int64 {
	if v := b.Get(key); len(v) == 8 {
		return int64(binary.BigEndian.Uint64(v))
	}
	return 0
}

func setNumber(b *bolt.Bucket, key []byte, n int64) error {
	return b.Put(key, binary.BigEndian.AppendUint64(nil, uint64(n)))
}

// guard runs fn and makes an error of a memory fault (an unreadable block of the mapped file) or of a panic of bbolt over
// damaged pages.
func (s *Store) guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = code.Wrap(code.StoreDamaged, "reading the store", s.path, fmt.Errorf("%v", p))
		}
	}()
	return fn()
}

// view runs fn in a read transaction. It returns only once what fn saw is durable.
func (s *Store) view(ctx context.Context, fn func(tx *bolt.Tx, rev int64) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var rev int64
	err := s.guard(func() error {
		return s.db.View(func(tx *bolt.Tx) error {
			rev = number(tx.Bucket(bucketMeta), keyRev)
			return fn(tx, rev)
		})
	})
	if errors.Is(err, bolterrors.ErrDatabaseNotOpen) || errors.Is(err, bolterrors.ErrInvalidMapping) {
		return s.unavailable("reading the store", err)
	}
	if werr := s.awaitDurable(ctx, rev); werr != nil {
		return werr
	}
	return err
}

// awaitDurable waits until revision rev is on the disk: between bbolt's last write and its sync a reader can already see it.
func (s *Store) awaitDurable(ctx context.Context, rev int64) error {
	for {
		s.mu.Lock()
		durable, changed, failure := s.durable, s.changed, s.failure
		s.mu.Unlock()
		if rev <= durable {
			return nil
		}
		if failure != nil {
			return failure
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Get is that of store.Store.
func (s *Store) Get(ctx context.Context, key string) (store.Item, error) {
	var it store.Item
	if key == "" || len(key) > store.MaxKeyLen {
		return it, fmt.Errorf("reading %.64q: %w", key, store.ErrNotFound)
	}
	err := s.view(ctx, func(tx *bolt.Tx, _ int64) error {
		v := tx.Bucket(bucketData).Get([]byte(key))
		if v == nil {
			return fmt.Errorf("reading %q: %w", key, store.ErrNotFound)
		}
		var err error
		it, err = s.item([]byte(key), v)
		return err
	})
	if err != nil {
		return store.Item{}, err
	}
	return it, nil
}

func (s *Store) item(key, v []byte) (store.Item, error) {
	if len(v) < 8 {
		return store.Item{}, code.Wrap(code.StoreDamaged, "reading the store", s.path, fmt.Errorf("the value of %q is too short", key))
	}
	return store.Item{Key: string(key), Value: append([]byte{}, v[8:]...), Rev: int64(binary.BigEndian.Uint64(v))}, nil
}

// List is that of store.Store.
func (s *Store) List(ctx context.Context, prefix, after string, limit int) ([]store.Item, int64, error) {
	var out []store.Item
	var at int64
	err := s.view(ctx, func(tx *bolt.Tx, rev int64) error {
		at = rev
		c := tx.Bucket(bucketData).Cursor()
		k, v := c.Seek([]byte(max(prefix, after)))
		for ; k != nil && bytes.HasPrefix(k, []byte(prefix)) && (limit <= 0 || len(out) < limit); k, v = c.Next() {
			if string(k) <= after {
				continue
			}
			if len(out)%256 == 255 && ctx.Err() != nil {
				return ctx.Err()
			}
			it, err := s.item(k, v)
			if err != nil {
				return err
			}
			out = append(out, it)
		}
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	return out, at, nil
}

// Snapshot writes a copy of the file as it is at one revision. Commits go on meanwhile. Only a whole copy, without an error,
// is of use; a copy of the live file made by other means is not.
func (s *Store) Snapshot(ctx context.Context, w io.Writer) (n int64, err error) {
	err = s.view(ctx, func(tx *bolt.Tx, _ int64) error {
		n, err = tx.WriteTo(w)
		return err
	})
	return n, err
}

// Check reads every page and finds damage that ordinary reads may not meet.
func (s *Store) Check(ctx context.Context) error {
	return s.view(ctx, func(tx *bolt.Tx, _ int64) error {
		var first error
		for err := range tx.Check() { // to the end: bbolt's goroutine waits for its reader
			if first == nil {
				first = code.Wrap(code.StoreDamaged, "checking the store", s.path, err)
			}
		}
		return first
	})
}

// Err is nil while the store takes commits; else why it must be opened again.
func (s *Store) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure
}

var errClosed = errors.New("the store is closed")

func (s *Store) unavailable(op string, err error) error {
	return code.Wrap(code.StoreUnavailable, op, s.path, fmt.Errorf("%w: %w", store.ErrUnavailable, err))
}

// Close finishes the commits that were begun, ends the watches and lets the file go. It may be called more than once.
func (s *Store) Close() error {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	s.mu.Unlock()
	if first {
		close(s.quit)
	}
	s.wg.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if first {
		if s.failure == nil {
			s.failure = s.unavailable("using the store", errClosed)
		}
		s.err = errors.Join(s.db.Close(), s.file.Close())
	}
	return s.err
}
