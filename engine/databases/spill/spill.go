// Package spill bounds what the temporary files of statements (sorts, hash tables, large intermediate results) take on disk, of all
// databases of a server together.
//
// [New] wraps a file system; temporary files are told by their names, which tde gives them. Who would grow one beyond the bound gets ENOSPC,
// which becomes message 1105, and nothing else of the file system is touched: a statement that sorts too much fails alone, and leaves the disk to
// those who commit.
package spill

import (
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"latchkey/internal/fsys"
)

// mark is in the names of tde's temporary files: see tde/sealvfs.
const mark = "-tmp-"

// FS is a file system with a bound. It is safe for concurrent use.
type FS struct {
	fsys.FS
	limit int64
	used  atomic.Int64
}

// New wraps a file system, with a bound in bytes.
func New(f fsys.FS, limit int64) *FS { return &FS{FS: f, limit: limit} }

// Used is what temporary files have now, in bytes.
func (s *FS) Used() int64 { return s.used.Load() }

// OpenFile opens a file, counting what it grows by if it is a temporary one.
func (s *FS) OpenFile(name string, flag int, perm fs.FileMode) (fsys.File, error) {
	f, err := s.FS.OpenFile(name, flag, perm)
	if err != nil || !strings.Contains(filepath.Base(name), mark) {
		return f, err
	}
	return &file{File: f, s: s, name: name}, nil
}

// file is a temporary file: it is gone with its Close.
type file struct {
	fsys.File
	s    *FS
	name string

	mu   sync.Mutex
	size int64
}

// grow counts the file as reaching to n.
func (f *file) grow(n int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	by := n - f.size
	if by <= 0 {
		return nil
	}
	if f.s.used.Add(by) > f.s.limit {
		f.s.used.Add(-by)
		return &fs.PathError{Op: "write", Path: f.name, Err: syscall.ENOSPC}
	}
	f.size = n
	return nil
}

// WriteAt writes, if there is room.
func (f *file) WriteAt(b []byte, at int64) (int, error) {
	if err := f.grow(at + int64(len(b))); err != nil {
		return 0, err
	}
	return f.File.WriteAt(b, at)
}

// Truncate sets the size, if there is room.
func (f *file) Truncate(n int64) error {
	if err := f.grow(n); err != nil {
		return err
	}
	if err := f.File.Truncate(n); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.s.used.Add(n - f.size)
	f.size = n
	return nil
}

// Close closes the file and gives back what it had.
func (f *file) Close() error {
	f.mu.Lock()
	f.s.used.Add(-f.size)
	f.size = 0
	f.mu.Unlock()
	return f.File.Close()
}
