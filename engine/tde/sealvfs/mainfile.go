package sealvfs

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"

	"latchkey/engine/tde/pagecipher"
)

// mainFile is one connection's view of the main file.
type mainFile struct {
	s     *Store
	codec *pagecipher.Codec
	shm   vfs.SharedMemory
	lock  vfs.LockLevel // guarded by s.locks
	last  atomic.Pointer[error]
	raw   [pagecipher.DiskFrame]byte // a page or a frame as on disk
	page  [pagecipher.PageSize]byte
	frame pagecipher.FrameBuf

	copying bool // between CheckpointStart and CheckpointDone

	// Of a connection that commits early: see early.go.
	ahead   bool // it may read what was let go
	letting bool // the next sync of a commit is left to others
	mark    Mark // of the commit that was let go last

	showing bool // a commit of this connection is counted in s.showing and not in s.shown
}

var (
	_ vfs.FileSharedMemory = (*mainFile)(nil)
	_ vfs.FilePragma       = (*mainFile)(nil)
	_ vfs.FileLockState    = (*mainFile)(nil)
	_ vfs.FileHasMoved     = (*mainFile)(nil)

	_ vfs.FileCommitPhaseTwo = (*mainFile)(nil)
	_ vfs.FileCheckpoint     = (*mainFile)(nil)
)

// Close ends the view.
func (f *mainFile) Close() error {
	f.shown()
	f.s.log.leave(f)
	_ = f.Unlock(vfs.LOCK_NONE)
	return f.shm.Close()
}

// ReadAt reads any part of the file. SQLite reads whole pages, the first 100 bytes, 16 bytes at 24, and the used part of an
// overflow page.
func (f *mainFile) ReadAt(p []byte, off int64) (int, error) {
	done := 0
	for done < len(p) {
		page, at := uint32(off/pagecipher.PageSize)+1, int(off%pagecipher.PageSize)
		dst := f.page[:]
		if direct := p[done:]; at == 0 && len(direct) >= pagecipher.Payload {
			dst = direct[:min(len(direct), pagecipher.PageSize)]
		}
		if err := f.s.readPage(f.codec, f.raw[:], dst, page); err != nil {
			if off == 0 && len(p) == fileHeader && errors.Is(err, ErrCorrupt) && !f.s.settled.Load() {
				return anyHeader(p), nil
			}
			return done, f.report(err, sqlite3.IOERR_READ)
		}
		clear(dst[pagecipher.Payload:]) // SQLite's log checksums cover the reserved bytes: they are always zeros to it
		n := len(dst)
		if &dst[0] == &f.page[0] {
			n = copy(p[done:], dst[at:])
		}
		done += n
		off += int64(n)
	}
	return done, nil
}

// fileHeader is what SQLite reads of page 1 to open a file (sqlite.org/fileformat2.html, 1.3).
const fileHeader = 100

// anyHeader is what all our files have in common there. Opening after a crash gets it for a page 1 that was torn while the log was copied back: SQLite
// takes from it the size of pages only, then finds the log, and the page in it. If the log does not have the page, reading the whole page fails.
func anyHeader(p []byte) int {
	clear(p)
	copy(p, "SQLite format 3\x00")
	p[16] = pagecipher.PageSize >> 8
	p[18], p[19], p[20] = 2, 2, pagecipher.Reserved
	p[21], p[22], p[23] = 64, 32, 32
	return len(p)
}

// WriteAt writes a page; nothing else is ever written to a database whose journal is a log, and only by a checkpoint. It does not wait for the page's
// neighbours, to write them together: only here does SQLite hear that a page was not written. It syncs after a checkpoint that reached the log's end and no other.
func (f *mainFile) WriteAt(p []byte, off int64) (int, error) {
	if len(p) != pagecipher.PageSize || off%pagecipher.PageSize != 0 {
		return 0, f.report(&Error{File: f.s.cfg.Path, Op: "writing", Err: fmt.Errorf("%d bytes at %d are not a page", len(p), off)}, sqlite3.IOERR_WRITE)
	}
	if err := f.s.writePage(f.codec, f.raw[:pagecipher.PageSize], p, uint32(off/pagecipher.PageSize)+1); err != nil {
		return 0, f.report(err, sqlite3.IOERR_WRITE)
	}
	return len(p), nil
}

// CheckpointStart tells that what is read from now on is for the main file.
func (f *mainFile) CheckpointStart() { f.copying = true }

// CheckpointDone tells that it is not any more.
func (f *mainFile) CheckpointDone() { f.copying = false }

// Truncate shortens the file.
func (f *mainFile) Truncate(size int64) error {
	return f.report(f.s.truncate(uint32((size+pagecipher.PageSize-1)/pagecipher.PageSize)), sqlite3.IOERR_TRUNCATE)
}

// Sync makes the file durable.
func (f *mainFile) Sync(vfs.SyncFlag) error {
	return f.report(f.s.SyncMain(), sqlite3.IOERR_FSYNC)
}

// Size is the size of the pages.
func (f *mainFile) Size() (int64, error) {
	return int64(f.s.Pages()) * pagecipher.PageSize, nil
}

// SectorSize is a page.
func (f *mainFile) SectorSize() int { return pagecipher.PageSize }

// DeviceCharacteristics: a write does not harm its neighbours, and parts of pages can be read.
func (f *mainFile) DeviceCharacteristics() vfs.DeviceCharacteristic {
	return vfs.IOCAP_POWERSAFE_OVERWRITE | vfs.IOCAP_SUBPAGE_READ | vfs.IOCAP_UNDELETABLE_WHEN_OPEN
}

// HasMoved is false: the caller holds the file's lock.
func (f *mainFile) HasMoved() (bool, error) { return false, nil }

// CommitPhaseTwo ends a transaction: nothing of it may stay in this process alone.
func (f *mainFile) CommitPhaseTwo() error {
	defer f.shown()
	err := f.s.log.flush(f)
	if err != nil { // too late to undo it: others may have seen it
		f.s.Fail(err)
	}
	return f.report(err, sqlite3.IOERR_WRITE)
}

// SharedMemory is the log's index.
func (f *mainFile) SharedMemory() vfs.SharedMemory { return f.shm }

// Pragma refuses the settings under which content would be written where we do not seal it.
func (f *mainFile) Pragma(name, value string) (string, error) {
	v := strings.ToLower(strings.Trim(value, `"' `))
	refuse := false
	switch name {
	case "journal_mode":
		refuse = v != "" && v != "wal"
	case "locking_mode":
		refuse = v != "" && v != "normal"
	case "page_size", "mmap_size":
		refuse = v != "" && v != "0"
	case "temp_store_directory", "data_store_directory":
		refuse = true
	case "synchronous": // without syncs a power cut could destroy the database, not only its last commits
		refuse = v == "off" || v == "0" || v == "false" || v == "no"
	}
	if refuse {
		return "", fmt.Errorf("encrypted storage does not allow PRAGMA %s = %q", name, value)
	}
	return "", sqlite3.NOTFOUND
}

// walFile is one connection's view of the log.
type walFile struct {
	log   *wal
	owner *mainFile
}

func (f *walFile) Close() error { return nil }

func (f *walFile) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.log.readAt(f.owner, p, off)
	if err == io.EOF {
		return n, io.EOF
	}
	return n, f.owner.report(err, sqlite3.IOERR_READ)
}

func (f *walFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.log.writeAt(f.owner, p, off); err != nil {
		return 0, f.owner.report(err, sqlite3.IOERR_WRITE)
	}
	return len(p), nil
}

func (f *walFile) Truncate(size int64) error {
	return f.owner.report(f.log.truncate(size), sqlite3.IOERR_TRUNCATE)
}

func (f *walFile) Sync(vfs.SyncFlag) error {
	if f.owner.letting {
		if done, err := f.log.letGo(f.owner); done || err != nil {
			return f.owner.report(err, sqlite3.IOERR_FSYNC)
		}
	}
	return f.owner.report(f.log.sync(f.owner), sqlite3.IOERR_FSYNC)
}

func (f *walFile) Size() (int64, error) {
	n, err := f.log.size()
	return n, f.owner.report(err, sqlite3.IOERR_FSTAT)
}

func (f *walFile) Lock(vfs.LockLevel) error         { return nil }
func (f *walFile) Unlock(vfs.LockLevel) error       { return nil }
func (f *walFile) CheckReservedLock() (bool, error) { return false, nil }
func (f *walFile) SectorSize() int                  { return pagecipher.PageSize }
func (f *walFile) DeviceCharacteristics() vfs.DeviceCharacteristic {
	return f.owner.DeviceCharacteristics()
}
