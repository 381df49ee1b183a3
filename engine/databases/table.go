package databases

import (
	"maps"
	"sync/atomic"
)

// table is the entries by their database's id. Each statement looks one up, so a look takes no lock: changes, which the caller
// serialises, make a new map.
type table struct {
	now atomic.Pointer[map[int]*entry]
}

// all is not to be changed.
func (t *table) all() map[int]*entry {
	if m := t.now.Load(); m != nil {
		return *m
	}
	return nil
}

func (t *table) put(e *entry) { t.change(func(m map[int]*entry) { m[e.id] = e }) }

func (t *table) remove(id int) { t.change(func(m map[int]*entry) { delete(m, id) }) }

func (t *table) change(f func(map[int]*entry)) {
	m := maps.Clone(t.all())
	if m == nil {
		m = make(map[int]*entry)
	}
	f(m)
	t.now.Store(&m)
}
