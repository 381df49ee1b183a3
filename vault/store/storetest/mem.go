package storetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"latchkey/vault/store"
)

// Mem is a store in memory, for tests of packages above the store. It forgets everything at the end of the process; its
// change log keeps the last memLog events. Make one with [NewMem].
type Mem struct {
	mu      sync.Mutex
	items   map[string]store.Item
	keys    []string // sorted
	rev     int64
	log     []store.Event
	dropped int64 // revision of the last event that was dropped from log
	changed chan struct{}
	fail    func(ops []store.Op) error
}

const memLog = 1024

// NewMem makes an empty store.
func NewMem() *Mem { return &Mem{items: map[string]store.Item{}, changed: make(chan struct{})} }

// FailCommits makes each commit ask f first; an error from f is the commit's result and nothing changes. Nil ends it.
func (m *Mem) FailCommits(f func(ops []store.Op) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = f
}

// Get is that of store.Store.
func (m *Mem) Get(ctx context.Context, key string) (store.Item, error) {
	if err := ctx.Err(); err != nil {
		return store.Item{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	it, ok := m.items[key]
	if !ok {
		return store.Item{}, fmt.Errorf("reading %q: %w", key, store.ErrNotFound)
	}
	it.Value = slices.Clone(it.Value)
	return it, nil
}

// List is that of store.Store.
func (m *Mem) List(ctx context.Context, prefix, after string, limit int) ([]store.Item, int64, error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	i, _ := slices.BinarySearch(m.keys, max(prefix, after))
	var out []store.Item
	for ; i < len(m.keys) && strings.HasPrefix(m.keys[i], prefix) && (limit <= 0 || len(out) < limit); i++ {
		if m.keys[i] > after {
			it := m.items[m.keys[i]]
			it.Value = slices.Clone(it.Value)
			out = append(out, it)
		}
	}
	return out, m.rev, nil
}

// Commit is that of store.Store.
func (m *Mem) Commit(ctx context.Context, conds []store.Cond, ops []store.Op) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if err := store.Check(conds, ops); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		if err := m.fail(ops); err != nil {
			return 0, err
		}
	}
	for _, c := range conds {
		if m.items[c.Key].Rev != c.Rev {
			return 0, fmt.Errorf("committing %q: %w", c.Key, store.ErrConflict)
		}
	}
	if len(ops) == 0 {
		return m.rev, nil
	}
	m.rev++
	for _, op := range ops {
		i, has := slices.BinarySearch(m.keys, op.Key)
		if op.Delete {
			if !has {
				continue
			}
			m.keys = slices.Delete(m.keys, i, i+1)
			delete(m.items, op.Key)
			m.log = append(m.log, store.Event{Item: store.Item{Key: op.Key, Rev: m.rev}, Deleted: true})
			continue
		}
		if !has {
			m.keys = slices.Insert(m.keys, i, op.Key)
		}
		m.items[op.Key] = store.Item{Key: op.Key, Value: slices.Clone(op.Value), Rev: m.rev}
		m.log = append(m.log, store.Event{Item: m.items[op.Key]})
	}
	for len(m.log) > memLog { // whole revisions
		m.dropped = m.log[0].Rev
		m.log = slices.DeleteFunc(m.log, func(e store.Event) bool { return e.Rev == m.dropped })
	}
	close(m.changed)
	m.changed = make(chan struct{})
	return m.rev, nil
}

// Watch is that of store.Store.
func (m *Mem) Watch(ctx context.Context, prefix string, rev int64) (<-chan store.Event, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if _, _, err := m.since(rev); err != nil {
		return nil, err
	}
	ch := make(chan store.Event)
	go func() {
		defer close(ch)
		for {
			events, changed, err := m.since(rev)
			if err != nil {
				return
			}
			for _, e := range events {
				if rev = e.Rev; !strings.HasPrefix(e.Key, prefix) {
					continue
				}
				e.Value = slices.Clone(e.Value)
				select {
				case ch <- e:
				case <-ctx.Done():
					return
				}
			}
			if len(events) > 0 {
				continue
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}()
	return ch, nil
}

func (m *Mem) since(rev int64) ([]store.Event, <-chan struct{}, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if rev < m.dropped {
		return nil, nil, fmt.Errorf("watching from revision %d: %w", rev, store.ErrCompacted)
	}
	i, _ := slices.BinarySearchFunc(m.log, rev+1, func(e store.Event, r int64) int { return int(min(max(e.Rev-r, -1), 1)) })
	return slices.Clone(m.log[i:]), m.changed, nil
}
