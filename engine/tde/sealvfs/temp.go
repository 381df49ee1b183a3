package sealvfs

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/ncruces/go-sqlite3/vfs"

	"latchkey/engine/tde/pagecipher"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

const block = pagecipher.Payload

// tempFile is a temporary database, sorter or statement journal: always sealed, whatever the state of the database, under a
// key that exists only in memory and only as long as the file. It belongs to one connection.
type tempFile struct {
	s     *Store
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

// tempPrefix begins the names of temporary files, so that those a crash left can be told.
func (s *Store) tempPrefix() string { return filepath.Base(s.cfg.Path) + "-tmp-" }

func (s *Store) openTemp() (*tempFile, error) {
	var b [12]byte
	rand.Read(b[:])
	f := &tempFile{s: s, name: filepath.Join(s.tempDir(), s.tempPrefix()+hex.EncodeToString(b[:])), at: -1}
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

// RemoveTemp removes temporary files that a crash left.
func (s *Store) RemoveTemp() error {
	entries, err := s.cfg.FS.ReadDir(s.tempDir())
	if err != nil {
		return s.ioErr("listing", s.tempDir(), err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), s.tempPrefix()) {
			if err := s.cfg.FS.Remove(filepath.Join(s.tempDir(), e.Name())); err != nil {
				return s.ioErr("removing", e.Name(), err)
			}
		}
	}
	return nil
}

// Close forgets the key and removes the file.
func (f *tempFile) Close() error {
	f.ring.Close()
	clear(f.buf[:])
	if f.f == nil {
		return nil
	}
	err := f.f.Close()
	f.f = nil
	if rerr := f.s.cfg.FS.Remove(f.name); err == nil {
		err = rerr
	}
	return err
}

// load brings a block into buf.
func (f *tempFile) load(n int64) error {
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
		return &Error{File: f.name, Number: uint64(n), Err: err, bad: true}
	}
	f.at = n
	return nil
}

// flush writes the block in memory.
func (f *tempFile) flush() error {
	if f.at < 0 || !f.dirty {
		return nil
	}
	if f.f == nil {
		file, err := f.s.cfg.FS.OpenFile(f.name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return fmt.Errorf("creating a temporary file: %w", err)
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
		return fmt.Errorf("writing %q: %w", f.name, err)
	}
	f.vers[f.at], f.dirty = v, false
	return nil
}

func (f *tempFile) ReadAt(p []byte, off int64) (int, error) {
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

func (f *tempFile) WriteAt(p []byte, off int64) (int, error) {
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

func (f *tempFile) Truncate(size int64) error {
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

func (f *tempFile) Sync(vfs.SyncFlag) error          { return nil } // nobody reopens it
func (f *tempFile) Size() (int64, error)             { return f.size, nil }
func (f *tempFile) Lock(vfs.LockLevel) error         { return nil }
func (f *tempFile) Unlock(vfs.LockLevel) error       { return nil }
func (f *tempFile) CheckReservedLock() (bool, error) { return false, nil }
func (f *tempFile) SectorSize() int                  { return pagecipher.PageSize }
func (f *tempFile) DeviceCharacteristics() vfs.DeviceCharacteristic {
	return vfs.IOCAP_POWERSAFE_OVERWRITE | vfs.IOCAP_SUBPAGE_READ
}
