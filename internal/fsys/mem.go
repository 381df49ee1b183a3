package fsys

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Mem is a file system in memory that knows what would survive a power cut: file content as of the last Sync, directory
// entries as of the last SyncDir, and of everything later an arbitrary part. Make one with [NewMem]; look at the disk
// after a power cut with [Mem.CrashClone]. Locks are held per Mem and do not survive into a clone.
type Mem struct {
	mu    sync.Mutex
	dirs  map[string]*memDir
	locks map[string]bool
	// Capacity bounds the sum of file sizes in bytes; beyond it writes fail with ENOSPC. 0 means no bound.
	capacity int64
	used     int64
}

type memDir struct {
	live    map[string]*memNode
	durable map[string]*memNode
	pending []func(map[string]*memNode) // changes since the last SyncDir, in order
}

type memNode struct {
	live    []byte
	durable []byte
	pending []memWrite // since the last Sync, in order
	modTime time.Time
}

// memWrite is a write of data at off, or, with nil data, a truncate to off.
type memWrite struct {
	off  int64
	data []byte
}

func (w memWrite) apply(b []byte) []byte {
	if w.data == nil {
		return resize(b, w.off)
	}
	if end := w.off + int64(len(w.data)); end > int64(len(b)) {
		b = resize(b, end)
	}
	copy(b[w.off:], w.data)
	return b
}

func resize(b []byte, n int64) []byte {
	if n <= int64(len(b)) {
		clear(b[n:]) // so that later growth reads zeros
		return b[:n]
	}
	return append(b, make([]byte, n-int64(len(b)))...)
}

// NewMem makes an empty file system with the root directories "/" and ".".
func NewMem() *Mem {
	m := &Mem{dirs: map[string]*memDir{}, locks: map[string]bool{}}
	m.dirs["/"], m.dirs["."] = newMemDir(), newMemDir()
	return m
}

func newMemDir() *memDir {
	return &memDir{live: map[string]*memNode{}, durable: map[string]*memNode{}}
}

// SetCapacity bounds the sum of all file sizes to n bytes; 0 lifts the bound. Existing files stay.
func (m *Mem) SetCapacity(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.capacity = n
}

func pathErr(op, name string, err error) error { return &fs.PathError{Op: op, Path: name, Err: err} }

func (m *Mem) dirLocked(op, name string) (d *memDir, base string, err error) {
	name = filepath.Clean(name)
	d = m.dirs[filepath.Dir(name)]
	if d == nil {
		return nil, "", pathErr(op, name, syscall.ENOENT)
	}
	return d, filepath.Base(name), nil
}

func (d *memDir) changeLocked(change func(map[string]*memNode)) {
	change(d.live)
	d.pending = append(d.pending, change)
}

// OpenFile opens or creates a file; O_APPEND is not supported.
func (m *Mem) OpenFile(name string, flag int, _ fs.FileMode) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, base, err := m.dirLocked("open", name)
	if err != nil {
		return nil, err
	}
	if m.dirs[filepath.Clean(name)] != nil {
		return nil, pathErr("open", name, syscall.EISDIR)
	}
	n := d.live[base]
	switch {
	case n == nil && flag&os.O_CREATE == 0:
		return nil, pathErr("open", name, syscall.ENOENT)
	case n != nil && flag&os.O_CREATE != 0 && flag&os.O_EXCL != 0:
		return nil, pathErr("open", name, syscall.EEXIST)
	case n == nil:
		created := &memNode{modTime: time.Now()}
		n = created
		d.changeLocked(func(e map[string]*memNode) { e[base] = created })
	}
	f := &memFile{m: m, n: n, name: name, writable: flag&(os.O_RDWR|os.O_WRONLY) != 0}
	if flag&os.O_TRUNC != 0 && len(n.live) > 0 {
		m.applyLocked(n, memWrite{off: 0})
	}
	return f, nil
}

func (m *Mem) applyLocked(n *memNode, w memWrite) {
	before := len(n.live)
	n.live = w.apply(n.live)
	n.pending = append(n.pending, w)
	n.modTime = time.Now()
	m.used += int64(len(n.live) - before)
}

// Rename renames within one directory.
func (m *Mem) Rename(oldname, newname string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, from, err := m.dirLocked("rename", oldname)
	if err != nil {
		return err
	}
	d2, to, err := m.dirLocked("rename", newname)
	if err != nil {
		return err
	}
	n := d.live[from]
	switch {
	case n == nil:
		return pathErr("rename", oldname, syscall.ENOENT)
	case d != d2:
		return pathErr("rename", oldname, syscall.EXDEV)
	case from == to:
		return nil
	}
	if gone := d.live[to]; gone != nil {
		m.used -= int64(len(gone.live))
	}
	d.changeLocked(func(e map[string]*memNode) {
		delete(e, from)
		e[to] = n
	})
	return nil
}

// Remove removes a file or an empty directory.
func (m *Mem) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	clean := filepath.Clean(name)
	if d := m.dirs[clean]; d != nil {
		if len(d.live) > 0 || slices.ContainsFunc(slices.Collect(maps.Keys(m.dirs)), func(k string) bool {
			return k != clean && filepath.Dir(k) == clean
		}) {
			return pathErr("remove", name, syscall.ENOTEMPTY)
		}
		delete(m.dirs, clean)
		return nil
	}
	d, base, err := m.dirLocked("remove", name)
	if err != nil {
		return err
	}
	n := d.live[base]
	if n == nil {
		return pathErr("remove", name, syscall.ENOENT)
	}
	m.used -= int64(len(n.live))
	d.changeLocked(func(e map[string]*memNode) { delete(e, base) })
	return nil
}

// Stat tells about a file or directory.
func (m *Mem) Stat(name string) (fs.FileInfo, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dirs[filepath.Clean(name)] != nil {
		return memInfo{name: filepath.Base(name), dir: true}, nil
	}
	d, base, err := m.dirLocked("stat", name)
	if err != nil {
		return nil, err
	}
	n := d.live[base]
	if n == nil {
		return nil, pathErr("stat", name, syscall.ENOENT)
	}
	return memInfo{name: base, size: int64(len(n.live)), modTime: n.modTime}, nil
}

// MkdirAll makes a directory and its parents, durably (the loss of whole directories is not simulated).
func (m *Mem) MkdirAll(name string, _ fs.FileMode) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for dir := filepath.Clean(name); m.dirs[dir] == nil; dir = filepath.Dir(dir) {
		m.dirs[dir] = newMemDir()
	}
	return nil
}

// ReadDir lists files and directories by name.
func (m *Mem) ReadDir(name string) ([]fs.DirEntry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	clean := filepath.Clean(name)
	d := m.dirs[clean]
	if d == nil {
		return nil, pathErr("open", name, syscall.ENOENT)
	}
	var out []fs.DirEntry
	for base, n := range d.live {
		out = append(out, fs.FileInfoToDirEntry(memInfo{name: base, size: int64(len(n.live)), modTime: n.modTime}))
	}
	for k := range m.dirs {
		if k != clean && filepath.Dir(k) == clean {
			out = append(out, fs.FileInfoToDirEntry(memInfo{name: filepath.Base(k), dir: true}))
		}
	}
	slices.SortFunc(out, func(a, b fs.DirEntry) int {
		if a.Name() < b.Name() {
			return -1
		}
		return 1
	})
	return out, nil
}

// SyncDir makes the directory's entries durable.
func (m *Mem) SyncDir(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.dirs[filepath.Clean(name)]
	if d == nil {
		return pathErr("sync", name, syscall.ENOENT)
	}
	d.durable, d.pending = maps.Clone(d.live), nil
	return nil
}

// Lock locks name within this Mem.
func (m *Mem) Lock(name string) (io.Closer, error) {
	f, err := m.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	_ = f.Close()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.locks[name] {
		return nil, pathErr("lock", name, ErrLocked)
	}
	m.locks[name] = true
	return &memLock{m: m, name: name}, nil
}

type memLock struct {
	m    *Mem
	name string
	once sync.Once
}

func (l *memLock) Close() error {
	l.once.Do(func() {
		l.m.mu.Lock()
		defer l.m.mu.Unlock()
		delete(l.m.locks, l.name)
	})
	return nil
}

type memFile struct {
	m        *Mem
	n        *memNode
	name     string
	writable bool
	closed   bool
}

func (f *memFile) checkLocked(op string, write bool) error {
	if f.closed {
		return pathErr(op, f.name, fs.ErrClosed)
	}
	if write && !f.writable {
		return pathErr(op, f.name, syscall.EBADF)
	}
	return nil
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.checkLocked("read", false); err != nil {
		return 0, err
	}
	if off < 0 {
		return 0, pathErr("read", f.name, errors.New("negative offset"))
	}
	if off >= int64(len(f.n.live)) {
		return 0, io.EOF
	}
	n := copy(p, f.n.live[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.checkLocked("write", true); err != nil {
		return 0, err
	}
	if off < 0 {
		return 0, pathErr("write", f.name, errors.New("negative offset"))
	}
	grow := max(0, off+int64(len(p))-int64(len(f.n.live)))
	if f.m.capacity > 0 && grow > 0 && f.m.used+grow > f.m.capacity {
		return 0, pathErr("write", f.name, syscall.ENOSPC)
	}
	if len(p) > 0 {
		f.m.applyLocked(f.n, memWrite{off: off, data: slices.Clone(p)})
	}
	return len(p), nil
}

func (f *memFile) Truncate(size int64) error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.checkLocked("truncate", true); err != nil {
		return err
	}
	if grow := size - int64(len(f.n.live)); f.m.capacity > 0 && grow > 0 && f.m.used+grow > f.m.capacity {
		return pathErr("truncate", f.name, syscall.ENOSPC)
	}
	f.m.applyLocked(f.n, memWrite{off: size})
	return nil
}

func (f *memFile) Sync() error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.checkLocked("sync", false); err != nil {
		return err
	}
	for _, w := range f.n.pending {
		f.n.durable = w.apply(f.n.durable)
	}
	f.n.pending = nil
	return nil
}

func (f *memFile) Size() (int64, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	return int64(len(f.n.live)), f.checkLocked("stat", false)
}

func (f *memFile) Close() error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	err := f.checkLocked("close", false)
	f.closed = true
	return err
}

type memInfo struct {
	name    string
	size    int64
	modTime time.Time
	dir     bool
}

func (i memInfo) Name() string       { return i.name }
func (i memInfo) Size() int64        { return i.size }
func (i memInfo) ModTime() time.Time { return i.modTime }
func (i memInfo) IsDir() bool        { return i.dir }
func (i memInfo) Sys() any           { return nil }
func (i memInfo) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o700
	}
	return 0o600
}
