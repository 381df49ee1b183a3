package databases

import (
	"sync"
	"sync/atomic"
)

// Slot is a place to keep what was derived from a database's content, such as its schema. It is safe for concurrent use.
//
// Read the version, derive, then Store with that version: if the content was changed meanwhile ([Slot.Invalidate]), nothing is kept.
type Slot struct {
	now atomic.Pointer[version] // nil is the zero version; each statement looks here, so a look takes no lock

	mu sync.Mutex // of who changes now
}

// version is a Slot's state, which does not change.
type version struct {
	number uint64
	value  any // nil if nothing is kept
}

func (s *Slot) load() version {
	if v := s.now.Load(); v != nil {
		return *v
	}
	return version{}
}

// Load is what is kept, or nil, and the present version.
func (s *Slot) Load() (value any, version uint64) {
	v := s.load()
	return v.value, v.number
}

// Store keeps a value that was derived at a version, unless the version is past.
func (s *Slot) Store(value any, at uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at == s.load().number {
		s.now.Store(&version{at, value})
	}
}

// Invalidate says that the content changed: what is kept is dropped. Call it once the change is committed.
func (s *Slot) Invalidate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now.Store(&version{number: s.load().number + 1})
}

// Schema is the place of a database's schema; nil if there is no such database. It lasts until the database is dropped, and is
// invalidated when the database is opened anew.
func (m *Manager) Schema(id int) *Slot {
	e := m.entry(id)
	if e == nil {
		return nil
	}
	return &e.schema
}
