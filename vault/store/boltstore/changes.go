package boltstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	bolt "go.etcd.io/bbolt"

	"latchkey/ekm/code"
	"latchkey/vault/store"
)

// changeLog is the bounded log of changes, within a transaction.
type changeLog struct {
	meta, changes *bolt.Bucket
	count, size   int64
}

const (
	changePut    = 0
	changeDelete = 1
)

func changeKey(rev int64, index int) []byte {
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint64(nil, uint64(rev)), uint16(index))
}

func (l *changeLog) add(rev int64, index int, op store.Op) error {
	v := make([]byte, 0, 3+len(op.Key)+len(op.Value))
	if op.Delete {
		v = append(v, changeDelete)
	} else {
		v = append(v, changePut)
	}
	v = binary.BigEndian.AppendUint16(v, uint16(len(op.Key)))
	v = append(v, op.Key...)
	if !op.Delete {
		v = append(v, op.Value...)
	}
	l.count++
	l.size += int64(len(v))
	return l.changes.Put(changeKey(rev, index), v)
}

// trim drops the oldest revisions, whole, until the log is within its bounds; revision rev stays. It returns the last
// revision that was ever dropped.
func (l *changeLog) trim(o Options, rev int64) (kept int64, err error) {
	kept = number(l.meta, keyKept)
	c := l.changes.Cursor()
	for k, v := c.First(); k != nil; k, v = c.First() {
		if len(k) != 10 {
			return 0, errors.New("a change has a wrong key")
		}
		r := int64(binary.BigEndian.Uint64(k))
		over := l.count > int64(o.MaxChanges) || l.size > o.MaxChangeBytes
		if r == rev || r != kept && !over {
			break
		}
		kept = r
		l.count--
		l.size -= int64(len(v))
		if err := c.Delete(); err != nil {
			return 0, err
		}
	}
	return kept, errors.Join(setNumber(l.meta, keyKept, kept), setNumber(l.meta, keyCount, l.count), setNumber(l.meta, keySize, l.size))
}

// chunk is how many changes a watcher reads at a time.
const chunk = 128

// Watch is that of store.Store. A watcher reads the change log at its own pace; it holds nothing back and nothing in memory.
func (s *Store) Watch(ctx context.Context, prefix string, rev int64) (<-chan store.Event, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, s.unavailable("watching", errClosed)
	}
	if rev < s.kept {
		return nil, fmt.Errorf("watching from revision %d: changes up to %d: %w", rev, s.kept, store.ErrCompacted)
	}
	ch := make(chan store.Event)
	s.wg.Add(1)
	go func() {
		defer s.wg.Done()
		defer close(ch)
		s.watch(ctx, prefix, rev, ch)
	}()
	return ch, nil
}

func (s *Store) watch(ctx context.Context, prefix string, rev int64, ch chan<- store.Event) {
	from := changeKey(rev+1, 0)
	for {
		s.mu.Lock()
		durable, changed := s.durable, s.changed
		s.mu.Unlock()
		events, next, err := s.changesFrom(ctx, from, durable)
		if err != nil {
			return
		}
		for _, e := range events {
			if !strings.HasPrefix(e.Key, prefix) {
				continue
			}
			select {
			case ch <- e:
			case <-ctx.Done():
				return
			case <-s.quit:
				return
			}
		}
		if from = next; len(events) > 0 {
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		case <-s.quit:
			return
		}
	}
}

// changesFrom reads changes from a place on, up to revision last, and where to go on. It fails with ErrCompacted when some
// of what follows the place were dropped.
func (s *Store) changesFrom(ctx context.Context, from []byte, last int64) (events []store.Event, next []byte, err error) {
	next = from
	err = s.view(ctx, func(tx *bolt.Tx, _ int64) error {
		if number(tx.Bucket(bucketMeta), keyKept) >= int64(binary.BigEndian.Uint64(from)) {
			return store.ErrCompacted
		}
		c := tx.Bucket(bucketChanges).Cursor()
		for k, v := c.Seek(from); k != nil; k, v = c.Next() {
			e, err := decodeChange(k, v)
			if err != nil {
				return code.Wrap(code.StoreDamaged, "reading a change", s.path, err)
			}
			if len(events) == chunk && e.Rev == events[chunk-1].Rev {
				next = bytes.Clone(k) // in the middle of a revision
				return nil
			}
			if e.Rev > last || len(events) == chunk {
				break
			}
			events = append(events, e)
		}
		if len(events) > 0 {
			next = changeKey(events[len(events)-1].Rev+1, 0)
		}
		return nil
	})
	return events, next, err
}

func decodeChange(k, v []byte) (store.Event, error) {
	if len(k) != 10 || len(v) < 3 || v[0] > changeDelete {
		return store.Event{}, errors.New("it is too short, or of an unknown kind")
	}
	n := int(binary.BigEndian.Uint16(v[1:]))
	if len(v) < 3+n {
		return store.Event{}, errors.New("its key is cut")
	}
	e := store.Event{Item: store.Item{Key: string(v[3 : 3+n]), Rev: int64(binary.BigEndian.Uint64(k))}}
	if v[0] == changeDelete {
		e.Deleted = true
		return e, nil
	}
	e.Value = bytes.Clone(v[3+n:])
	if e.Value == nil {
		e.Value = []byte{}
	}
	return e, nil
}
