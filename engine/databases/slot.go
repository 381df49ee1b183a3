package databases

import "sync"

// Slot is a place to keep what was derived from a database's content, such as its schema. It is safe for concurrent use.
//
// Read the version, derive, then Store with that version: if the content was changed meanwhile ([Slot.Invalidate]), nothing is kept.
type Slot struct {
	mu      sync.Mutex
	version uint64
	of      uint64
	value   any
}

// Load is what is kept, or nil, and the present version.
func (s *Slot) Load() (value any, version uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.value == nil || s.of != s.version {
		return nil, s.version
	}
	return s.value, s.version
}

// Store keeps a value that was derived at a version, unless the version is past.
func (s *Slot) Store(value any, version uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if version == s.version {
		s.value, s.of = value, version
	}
}

// Invalidate says that the content changed: what is kept is dropped. Call it once the change is committed.
func (s *Slot) Invalidate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	s.value = nil
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
