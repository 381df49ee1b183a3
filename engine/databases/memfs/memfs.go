// Package memfs is a file system in memory for what ends with the process, such as tempdb.
//
// Use it where nothing has to survive; a test that pulls the plug wants fsys.Mem. Its size is bounded: beyond, writes fail with
// ENOSPC. Files may be made in any directory, also in one that MkdirAll did not make. Syncs do nothing. A file that is removed while it is open loses its content.
package memfs

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"latchkey/internal/fsys"
)

// FS is a file system in memory. It is safe for concurrent use.
type FS struct {
	limit int64
	used  atomic.Int64 // bytes

	mu    sync.Mutex // locked before that of a file
	files map[string]*file
	locks map[string]bool
	dirs  map[string]bool
}

const chunk = 32 << 10

// file is a file: chunks, of which the last may be used in part.
type file struct {
	m    *FS
	name string

	mu     sync.RWMutex
	size   int64
	chunks [][]byte
}

// New makes an empty one that holds at most so many bytes.
func New(limit int64) *FS {
	return &FS{limit: limit, files: make(map[string]*file), locks: make(map[string]bool), dirs: make(map[string]bool)}
}

var _ fsys.FS = (*FS)(nil)

// take counts memory; n may be negative.
func (m *FS) take(n int64) error {
	if m.used.Add(n) > m.limit && n > 0 {
		m.used.Add(-n)
		return syscall.ENOSPC
	}
	return nil
}

// OpenFile opens or creates a file.
func (m *FS) OpenFile(name string, flag int, _ fs.FileMode) (fsys.File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.files[name]
	switch {
	case f == nil && flag&os.O_CREATE == 0:
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.ENOENT}
	case f != nil && flag&os.O_CREATE != 0 && flag&os.O_EXCL != 0:
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.EEXIST}
	case f == nil:
		f = &file{m: m, name: name}
		m.files[name] = f
	case flag&os.O_TRUNC != 0:
		m.used.Add(-f.drop())
	}
	return f, nil
}

// drop lets the content go and says how much it was.
func (f *file) drop() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := int64(len(f.chunks)) * chunk
	f.chunks, f.size = nil, 0
	return n
}

// Rename gives a file another name.
func (m *FS) Rename(oldname, newname string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.files[oldname]
	if f == nil {
		return &os.LinkError{Op: "rename", Old: oldname, New: newname, Err: syscall.ENOENT}
	}
	if there := m.files[newname]; there != nil && there != f {
		m.used.Add(-there.drop())
	}
	delete(m.files, oldname)
	m.files[newname] = f
	return nil
}

// Remove removes a file; who has it open sees it empty. A directory must be empty.
func (m *FS) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.files[name]
	if dir := filepath.Clean(name); f == nil && m.dirs[dir] {
		if len(m.listLocked(dir)) > 0 {
			return &fs.PathError{Op: "remove", Path: name, Err: syscall.ENOTEMPTY}
		}
		delete(m.dirs, dir)
		return nil
	}
	if f == nil {
		return &fs.PathError{Op: "remove", Path: name, Err: syscall.ENOENT}
	}
	delete(m.files, name)
	m.used.Add(-f.drop())
	return nil
}

// Stat tells about a file.
func (m *FS) Stat(name string) (fs.FileInfo, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.files[name]
	if f == nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: syscall.ENOENT}
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	return info{filepath.Base(name), f.size}, nil
}

// MkdirAll makes a directory.
func (m *FS) MkdirAll(name string, _ fs.FileMode) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dirs[filepath.Clean(name)] = true
	return nil
}

// ReadDir lists the files of a directory.
func (m *FS) ReadDir(name string) ([]fs.DirEntry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir := filepath.Clean(name)
	out := m.listLocked(dir)
	if len(out) == 0 && !m.dirs[dir] && dir != filepath.Dir(dir) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.ENOENT}
	}
	return out, nil
}

func (m *FS) listLocked(dir string) []fs.DirEntry {
	var out []fs.DirEntry
	for path := range m.files {
		if filepath.Dir(path) == dir {
			out = append(out, fs.FileInfoToDirEntry(info{name: filepath.Base(path)}))
		}
	}
	slices.SortFunc(out, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return out
}

// SyncDir does nothing.
func (m *FS) SyncDir(string) error { return nil }

// Lock locks a name within this process.
func (m *FS) Lock(name string) (io.Closer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.locks[name] {
		return nil, &fs.PathError{Op: "lock", Path: name, Err: fsys.ErrLocked}
	}
	m.locks[name] = true
	return lock{m, name}, nil
}

type lock struct {
	m    *FS
	name string
}

// Close lets the lock go.
func (l lock) Close() error {
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	delete(l.m.locks, l.name)
	return nil
}

type info struct {
	name string
	size int64
}

// Name, Size, Mode, ModTime, IsDir and Sys are those of fs.FileInfo.
func (i info) Name() string     { return i.name }
func (i info) Size() int64      { return i.size }
func (info) Mode() fs.FileMode  { return 0o600 }
func (info) ModTime() time.Time { return time.Time{} }
func (info) IsDir() bool        { return false }
func (info) Sys() any           { return nil }

// ReadAt reads.
func (f *file) ReadAt(b []byte, off int64) (int, error) {
	if off < 0 {
		return 0, &fs.PathError{Op: "read", Path: f.name, Err: syscall.EINVAL}
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	n := 0
	for n < len(b) && off < f.size {
		part := f.chunks[off/chunk][off%chunk:]
		part = part[:min(int64(len(part)), f.size-off)]
		c := copy(b[n:], part)
		n, off = n+c, off+int64(c)
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt writes.
func (f *file) WriteAt(b []byte, off int64) (int, error) {
	if off < 0 {
		return 0, &fs.PathError{Op: "write", Path: f.name, Err: syscall.EINVAL}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	end := off + int64(len(b))
	if err := f.growLocked(end); err != nil {
		return 0, &fs.PathError{Op: "write", Path: f.name, Err: err}
	}
	f.size = max(f.size, end)
	n := 0
	for n < len(b) {
		c := copy(f.chunks[off/chunk][off%chunk:], b[n:])
		n, off = n+c, off+int64(c)
	}
	return n, nil
}

// growLocked makes room for size bytes.
func (f *file) growLocked(size int64) error {
	more := (size+chunk-1)/chunk - int64(len(f.chunks))
	if more <= 0 {
		return nil
	}
	if err := f.m.take(more * chunk); err != nil {
		return err
	}
	for range more {
		f.chunks = append(f.chunks, make([]byte, chunk))
	}
	return nil
}

// Truncate sets the size.
func (f *file) Truncate(size int64) error {
	if size < 0 {
		return &fs.PathError{Op: "truncate", Path: f.name, Err: syscall.EINVAL}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if size >= f.size {
		if err := f.growLocked(size); err != nil {
			return &fs.PathError{Op: "truncate", Path: f.name, Err: err}
		}
		f.size = size
		return nil
	}
	keep := (size + chunk - 1) / chunk
	_ = f.m.take((keep - int64(len(f.chunks))) * chunk)
	clear(f.chunks[keep:])
	f.chunks = f.chunks[:keep]
	if keep > 0 {
		clear(f.chunks[keep-1][size-(keep-1)*chunk:]) // so that later growth reads zeros
	}
	f.size = size
	return nil
}

// Sync does nothing.
func (f *file) Sync() error { return nil }

// Size is the size in bytes.
func (f *file) Size() (int64, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.size, nil
}

// Close does nothing: the file lives until it is removed.
func (f *file) Close() error { return nil }
