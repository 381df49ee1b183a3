// Package ring holds the keys that a session has open: symmetric keys of OPEN SYMMETRIC KEY and master keys of OPEN MASTER KEY.
//
// A [Ring] belongs to one session. Keys that it gives out stay its own: they are valid until the key is closed, which only the
// same session does. [Ring.Wipe] destroys them all; the session calls it when it ends and when a pooled connection is reset. Keys are
// kept by their GUID, so a key that was dropped and made again under its name or id is not taken for the one that is open.
package ring

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/protect"
	"latchkey/internal/secret"
)

// Max is how many keys a session may have open.
const Max = 1000

type id struct{ db, key int }

type held struct {
	guid   [16]byte
	secret *secret.Bytes
	opened time.Time
}

// Ring is the open keys of a session. The zero Ring is empty and ready. It is safe for concurrent use, but see the package.
type Ring struct {
	mu     sync.Mutex
	keys   map[id]held
	master map[int]heldMaster
}

type heldMaster struct {
	guid [16]byte
	key  *protect.Key
}

// Has reports whether a key is open.
func (r *Ring) Has(db int, k *model.SymmetricKey) bool { return r.Key(db, k) != nil }

// Key is an open key, nil if it is not open.
func (r *Ring) Key(db int, k *model.SymmetricKey) *secret.Bytes {
	if k == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	h, ok := r.keys[id{db, k.ID}]
	if !ok || h.guid != k.GUID {
		return nil
	}
	return h.secret
}

// Open keeps a key, which it takes over. It reports false, and destroys the key, if there are too many.
func (r *Ring) Open(db int, k *model.SymmetricKey, s *secret.Bytes, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := id{db, k.ID}
	old, again := r.keys[at]
	if !again && len(r.keys) >= Max {
		s.Destroy()
		return false
	}
	old.secret.Destroy()
	if r.keys == nil {
		r.keys = make(map[id]held)
	}
	r.keys[at] = held{guid: k.GUID, secret: s, opened: now}
	return true
}

// Close closes a key and reports whether it was open.
func (r *Ring) Close(db int, k *model.SymmetricKey) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := id{db, k.ID}
	h, ok := r.keys[at]
	h.secret.Destroy()
	delete(r.keys, at)
	return ok
}

// CloseAll closes all symmetric keys.
func (r *Ring) CloseAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range r.keys {
		h.secret.Destroy()
	}
	clear(r.keys)
}

// OpenMaster keeps the master key of a database, whose row is k, and takes it over.
func (r *Ring) OpenMaster(db int, k *model.SymmetricKey, key *protect.Key) {
	r.CloseMaster(db)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.master == nil {
		r.master = make(map[int]heldMaster)
	}
	r.master[db] = heldMaster{k.GUID, key}
}

// Master is the open master key of a database, nil if none is, or not the one whose row is k.
func (r *Ring) Master(db int, k *model.SymmetricKey) *protect.Key {
	r.mu.Lock()
	defer r.mu.Unlock()
	h, ok := r.master[db]
	if !ok || k == nil || h.guid != k.GUID {
		return nil
	}
	return h.key
}

// CloseMaster closes the master key of a database and reports whether it was open.
func (r *Ring) CloseMaster(db int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	h, ok := r.master[db]
	if ok {
		h.key.Destroy()
		delete(r.master, db)
	}
	return ok
}

// Opened is a key that is open.
type Opened struct {
	Database, Key int
	At            time.Time
}

// List lists the open symmetric keys by database and id.
func (r *Ring) List() []Opened {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]Opened, 0, len(r.keys))
	for at, h := range r.keys {
		out = append(out, Opened{at.db, at.key, h.opened})
	}
	slices.SortFunc(out, func(a, b Opened) int { return cmp.Or(a.Database-b.Database, a.Key-b.Key) })
	return out
}

// Wipe destroys all keys.
func (r *Ring) Wipe() {
	r.CloseAll()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range r.master {
		h.key.Destroy()
	}
	clear(r.master)
}
