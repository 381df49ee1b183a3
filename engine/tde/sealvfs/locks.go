package sealvfs

import (
	"sync"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// lockTable is SQLite's five lock levels among the connections of one process.
type lockTable struct {
	mu       sync.Mutex
	shared   int       // connections at SHARED or above
	reserved *mainFile // the one at RESERVED or above
	pending  bool      // reserved waits for the others to leave
}

// Lock raises the connection's lock; sqlite3.BUSY if another holds it.
func (f *mainFile) Lock(want vfs.LockLevel) error {
	t := &f.s.locks
	t.mu.Lock()
	defer t.mu.Unlock()
	if f.lock >= want {
		return nil
	}
	switch want {
	case vfs.LOCK_SHARED:
		if t.pending {
			return sqlite3.BUSY
		}
		t.shared++
	case vfs.LOCK_RESERVED:
		if t.reserved != nil && t.reserved != f {
			return sqlite3.BUSY
		}
		t.reserved = f
	default: // EXCLUSIVE
		if t.reserved != nil && t.reserved != f {
			return sqlite3.BUSY
		}
		t.reserved, t.pending = f, true
		f.lock = vfs.LOCK_PENDING
		if t.shared > 1 {
			return sqlite3.BUSY
		}
	}
	f.lock = want
	return nil
}

// Unlock lowers the connection's lock to SHARED or NONE.
func (f *mainFile) Unlock(to vfs.LockLevel) error {
	t := &f.s.locks
	t.mu.Lock()
	defer t.mu.Unlock()
	if f.lock <= to {
		return nil
	}
	if t.reserved == f {
		t.reserved, t.pending = nil, false
	}
	if to == vfs.LOCK_NONE {
		t.shared--
	}
	f.lock = to
	return nil
}

// CheckReservedLock reports whether any connection holds RESERVED or more.
func (f *mainFile) CheckReservedLock() (bool, error) {
	f.s.locks.mu.Lock()
	defer f.s.locks.mu.Unlock()
	return f.s.locks.reserved != nil, nil
}

// LockState is the connection's lock.
func (f *mainFile) LockState() vfs.LockLevel { return f.lock }
