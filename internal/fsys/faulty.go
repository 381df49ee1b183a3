package fsys

import (
	"errors"
	"io"
	"io/fs"
	"sync"
)

// Kind is a kind of operation, as a bit, so that kinds can be combined.
type Kind uint16

// The kinds of operations that a Faulty shows to its hook.
const (
	OpOpen Kind = 1 << iota
	OpRead
	OpWrite
	OpSync
	OpTruncate
	OpRename
	OpRemove
	OpMkdir
	OpSyncDir
	OpLock
	OpClose

	// OpChange is every kind that changes what is stored.
	OpChange = OpWrite | OpSync | OpTruncate | OpRename | OpRemove | OpMkdir | OpSyncDir
)

// Op is one operation, about to happen.
type Op struct {
	Kind Kind
	Name string // the file's name; for a rename the old one
	Off  int64  // for reads, writes and truncates
	Len  int    // for reads and writes
}

// Torn is the error of a hook that wants a write to store its first N bytes and then fail with Err.
type Torn struct {
	N   int
	Err error
}

// Error is that of Err.
func (t *Torn) Error() string { return "torn write: " + t.Err.Error() }

// Unwrap gives Err.
func (t *Torn) Unwrap() error { return t.Err }

// Faulty is an FS that asks a hook before each operation; an error from the hook is the operation's result, and the
// operation does not happen (but for [Torn]). The hook may be called by many goroutines at once.
type Faulty struct {
	fs   FS
	hook func(Op) error
}

// NewFaulty wraps base. A nil hook lets everything pass.
func NewFaulty(base FS, hook func(Op) error) *Faulty {
	if hook == nil {
		hook = func(Op) error { return nil }
	}
	return &Faulty{fs: base, hook: hook}
}

// Nth is a hook that fails the n-th operation (counted from 1) of the given kinds with err, once, or, if sticky, that one
// and all later ones of these kinds. With n = 0 it only counts.
type Nth struct {
	Kinds  Kind
	N      int
	Sticky bool
	Err    error

	mu   sync.Mutex
	seen int
}

// Hook is the function to give to NewFaulty.
func (h *Nth) Hook(op Op) error {
	if op.Kind&h.Kinds == 0 {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seen++
	if h.N > 0 && (h.seen == h.N || h.Sticky && h.seen > h.N) {
		return h.Err
	}
	return nil
}

// Seen is the number of matching operations so far.
func (h *Nth) Seen() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.seen
}

// OpenFile asks the hook, then opens.
func (f *Faulty) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	if err := f.hook(Op{Kind: OpOpen, Name: name}); err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	file, err := f.fs.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &faultyFile{f: file, name: name, hook: f.hook}, nil
}

// Rename asks the hook, then renames.
func (f *Faulty) Rename(oldname, newname string) error {
	return f.path(OpRename, "rename", oldname, func() error { return f.fs.Rename(oldname, newname) })
}

// Remove asks the hook, then removes.
func (f *Faulty) Remove(name string) error {
	return f.path(OpRemove, "remove", name, func() error { return f.fs.Remove(name) })
}

// Stat passes through.
func (f *Faulty) Stat(name string) (fs.FileInfo, error) { return f.fs.Stat(name) }

// MkdirAll asks the hook, then makes the directories.
func (f *Faulty) MkdirAll(name string, perm fs.FileMode) error {
	return f.path(OpMkdir, "mkdir", name, func() error { return f.fs.MkdirAll(name, perm) })
}

// ReadDir passes through.
func (f *Faulty) ReadDir(name string) ([]fs.DirEntry, error) { return f.fs.ReadDir(name) }

// SyncDir asks the hook, then syncs.
func (f *Faulty) SyncDir(name string) error {
	return f.path(OpSyncDir, "sync", name, func() error { return f.fs.SyncDir(name) })
}

// Lock asks the hook, then locks.
func (f *Faulty) Lock(name string) (io.Closer, error) {
	if err := f.hook(Op{Kind: OpLock, Name: name}); err != nil {
		return nil, &fs.PathError{Op: "lock", Path: name, Err: err}
	}
	return f.fs.Lock(name)
}

func (f *Faulty) path(kind Kind, op, name string, do func() error) error {
	if err := f.hook(Op{Kind: kind, Name: name}); err != nil {
		return &fs.PathError{Op: op, Path: name, Err: err}
	}
	return do()
}

type faultyFile struct {
	f    File
	name string
	hook func(Op) error
}

func (f *faultyFile) ask(kind Kind, op string, off int64, n int) error {
	if err := f.hook(Op{Kind: kind, Name: f.name, Off: off, Len: n}); err != nil {
		return &fs.PathError{Op: op, Path: f.name, Err: err}
	}
	return nil
}

func (f *faultyFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.ask(OpRead, "read", off, len(p)); err != nil {
		return 0, err
	}
	return f.f.ReadAt(p, off)
}

func (f *faultyFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.ask(OpWrite, "write", off, len(p)); err != nil {
		var torn *Torn
		if errors.As(err, &torn) && torn.N > 0 {
			n, werr := f.f.WriteAt(p[:min(torn.N, len(p))], off)
			return n, errors.Join(err, werr)
		}
		return 0, err
	}
	return f.f.WriteAt(p, off)
}

func (f *faultyFile) Sync() error {
	if err := f.ask(OpSync, "sync", 0, 0); err != nil {
		return err
	}
	return f.f.Sync()
}

func (f *faultyFile) Truncate(size int64) error {
	if err := f.ask(OpTruncate, "truncate", size, 0); err != nil {
		return err
	}
	return f.f.Truncate(size)
}

func (f *faultyFile) Size() (int64, error) { return f.f.Size() }

func (f *faultyFile) Close() error {
	err := f.ask(OpClose, "close", 0, 0)
	if cerr := f.f.Close(); err == nil {
		err = cerr
	}
	return err
}
