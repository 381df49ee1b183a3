// Package tempfile is SQLite's temporary files, sealed under a key that nobody keeps: temporary databases, sorters, statement
// journals. They are sealed whatever the state of the database, as SQL Server encrypts tempdb.
package tempfile

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"

	"latchkey/engine/tde/pagecipher"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

const block = pagecipher.Payload

// File is a temporary file, a vfs.File. It belongs to one connection; its key goes with it.
type File struct {
	fs    fsys.FS
	name  string
	f     fsys.File // nil until the first block goes to disk
	ring  *pagecipher.Ring
	codec *pagecipher.Codec
	size  int64
	vers  []uint32 // how often each block was written; 0: never

	// One block is kept in memory, for SQLite's small neighbouring writes.
	at    int64 // its number, -1 for none
	dirty bool
	buf   [block]byte
	raw   [pagecipher.PageSize]byte
}

// Config says where temporary files go.
type Config struct {
	FS  fsys.FS
	Dir string
	// Prefix begins the names, so that those a crash left can be told. Two databases that share Dir have different ones.
	Prefix string
}

// Open makes a file; it goes to disk with its second block.
func Open(cfg Config) (*File, error) {
	var b [12]byte
	rand.Read(b[:])
	f := &File{fs: cfg.FS, name: filepath.Join(cfg.Dir, cfg.Prefix+hex.EncodeToString(b[:])), at: -1}
	var salt [16]byte
	rand.Read(salt[:])
	next := uint16(1)
	f.ring = pagecipher.NewRing(pagecipher.FileID(salt), func(g uint32) (pagecipher.DEK, error) {
		if next > pagecipher.MaxEpoch {
			return pagecipher.DEK{}, pagecipher.ErrEpochs
		}
		next++
		return pagecipher.DEK{Generation: g, Next: next, Spans: []pagecipher.Span{{First: 1, Salt: salt}}}, nil
	})
	if err := f.ring.Add(pagecipher.DEK{Generation: 1, Key: secret.Random(32), Next: 1}); err != nil {
		return nil, err
	}
	f.ring.SealWith(1, false)
	f.codec = pagecipher.NewCodec(f.ring)
	return f, nil
}

// RemoveAll removes files that a crash left.
func RemoveAll(cfg Config) error {
	entries, err := cfg.FS.ReadDir(cfg.Dir)
	if err != nil {
		return fmt.Errorf("listing temporary files: %w", err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), cfg.Prefix) {
			if err := cfg.FS.Remove(filepath.Join(cfg.Dir, e.Name())); err != nil {
				return fmt.Errorf("removing a temporary file: %w", err)
			}
		}
	}
	return nil
}

// Close forgets the key and removes the file.
func (f *File) Close() error {
	f.ring.Close()
	clear(f.buf[:])
	if f.f == nil {
		return nil
	}
	err := f.f.Close()
	f.f = nil
	if rerr := f.fs.Remove(f.name); err == nil {
		err = rerr
	}
	return err
}

// load brings a block into buf.
func (f *File) load(n int64) error {
	if f.at == n {
		return nil
	}
	if err := f.flush(); err != nil {
		return err
	}
	f.at = -1
	if n >= int64(len(f.vers)) || f.vers[n] == 0 {
		clear(f.buf[:])
		f.at = n
		return nil
	}
	if k, err := f.f.ReadAt(f.raw[:], n*pagecipher.PageSize); k < len(f.raw) {
		return fmt.Errorf("reading %q: %w", f.name, err)
	}
	if err := f.codec.OpenBlock(f.buf[:], f.raw[:], uint64(n), f.vers[n]); err != nil {
		return fmt.Errorf("%q: %w", f.name, err)
	}
	f.at = n
	return nil
}

// flush writes the block in memory.
func (f *File) flush() error {
	if f.at < 0 || !f.dirty {
		return nil
	}
	if f.f == nil {
		file, err := f.fs.OpenFile(f.name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return full(fmt.Errorf("creating a temporary file: %w", err))
		}
		f.f = file
	}
	for int64(len(f.vers)) <= f.at {
		f.vers = append(f.vers, 0)
	}
	v := f.vers[f.at] + 1
	if err := f.codec.SealBlock(f.raw[:], f.buf[:], uint64(f.at), v); err != nil {
		return err
	}
	if _, err := f.f.WriteAt(f.raw[:], f.at*pagecipher.PageSize); err != nil {
		return full(fmt.Errorf("writing %q: %w", f.name, err))
	}
	f.vers[f.at], f.dirty = v, false
	return nil
}

// full gives an error that says that there is no space SQLite's code for it, FULL: without one SQLite takes it for a fault of the disk.
func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) {
		return vfs.SystemError(err, sqlite3.FULL)
	}
	return err
}

// ReadAt reads; past the end io.EOF.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	done := 0
	for done < len(p) && off < f.size {
		if err := f.load(off / block); err != nil {
			return done, err
		}
		n := copy(p[done:min(int64(len(p)), int64(done)+f.size-off)], f.buf[off%block:])
		done, off = done+n, off+int64(n)
	}
	if done < len(p) {
		return done, io.EOF
	}
	return done, nil
}

// WriteAt writes.
func (f *File) WriteAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("negative offset")
	}
	done := 0
	for done < len(p) {
		if err := f.load(off / block); err != nil {
			return done, err
		}
		n := copy(f.buf[off%block:], p[done:])
		f.dirty = true
		done, off = done+n, off+int64(n)
		f.size = max(f.size, off)
	}
	return done, nil
}

// Truncate sets the size in bytes.
func (f *File) Truncate(size int64) error {
	if size >= f.size {
		f.size = size
		return nil
	}
	f.size = size
	keep := (size + block - 1) / block
	if f.at >= keep {
		f.at, f.dirty = -1, false
	}
	if int64(len(f.vers)) > keep { // later growth reads zeros; versions restart under other nonces, in a file that nobody reopens
		f.vers = f.vers[:keep]
	}
	if size%block == 0 {
		return nil
	}
	if err := f.load(size / block); err != nil {
		return err
	}
	clear(f.buf[size%block:])
	f.dirty = true
	return nil
}

// Sync does nothing: nobody reopens the file.
func (f *File) Sync(vfs.SyncFlag) error { return nil }

// Size is the size in bytes.
func (f *File) Size() (int64, error) { return f.size, nil }

// Lock does nothing: there is one connection.
func (f *File) Lock(vfs.LockLevel) error { return nil }

// Unlock does nothing.
func (f *File) Unlock(vfs.LockLevel) error { return nil }

// CheckReservedLock is false.
func (f *File) CheckReservedLock() (bool, error) { return false, nil }

// SectorSize is a page.
func (f *File) SectorSize() int { return pagecipher.PageSize }

// DeviceCharacteristics are those of the main file.
func (f *File) DeviceCharacteristics() vfs.DeviceCharacteristic {
	return vfs.IOCAP_POWERSAFE_OVERWRITE | vfs.IOCAP_SUBPAGE_READ
}
