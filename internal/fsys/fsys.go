// Package fsys is the one way to durable files. Everything that must survive a crash is written through an [FS], so that
// tests can fail the n-th write, sync or rename ([Faulty]) and pull the plug at any moment ([Mem.CrashClone]).
//
// Use [OS] in production. Use [WriteFile] for small files that are replaced as a whole; it leaves either the old content
// or the new, also after a power cut. Code that writes in place calls File.Sync before it acknowledges anything, and
// FS.SyncDir after it created, renamed or removed a file whose presence matters.
//
// Names are paths as the operating system takes them. Errors are *fs.PathError (or *os.LinkError) of the OS, so that
// errors.Is with fs.ErrNotExist, fs.ErrExist, fs.ErrPermission and syscall.ENOSPC works on every implementation.
package fsys

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// FS is a file system.
type FS interface {
	Files
	Dirs
	Locker
}

// Files is what concerns single files.
type Files interface {
	// OpenFile opens name as os.OpenFile does with these flags (os.O_RDONLY, O_RDWR, O_CREATE, O_EXCL, O_TRUNC).
	OpenFile(name string, flag int, perm fs.FileMode) (File, error)
	// Rename replaces newname by oldname, atomically, in one directory. It is durable after SyncDir.
	Rename(oldname, newname string) error
	// Remove unlinks a file or an empty directory. It is durable after SyncDir.
	Remove(name string) error
	// Stat tells about a file, following symbolic links.
	Stat(name string) (fs.FileInfo, error)
}

// Dirs is what concerns directories.
type Dirs interface {
	// MkdirAll makes a directory and its parents.
	MkdirAll(name string, perm fs.FileMode) error
	// ReadDir lists a directory, sorted by name.
	ReadDir(name string) ([]fs.DirEntry, error)
	// SyncDir makes the entries of a directory durable.
	SyncDir(name string) error
}

// Locker locks by file, between processes and within one.
type Locker interface {
	// Lock takes the exclusive advisory lock on name, creating the file, without waiting. [ErrLocked] when another
	// holder has it. Closing releases it; the end of the process does too.
	Lock(name string) (io.Closer, error)
}

// File is an open file. ReadAt and WriteAt may be used by many goroutines at once.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Durable
}

// Durable is the part of a File that decides what survives.
type Durable interface {
	// Sync makes content and size durable.
	Sync() error
	// Truncate sets the size in bytes; growth reads as zeros.
	Truncate(size int64) error
	// Size is the current size in bytes.
	Size() (int64, error)
}

// ErrLocked means that another holder has the lock.
var ErrLocked = errors.New("locked by another process")

// ErrTooLarge means that a file is larger than what it is read for can be.
var ErrTooLarge = errors.New("the file is too large")

// ReadFile reads the whole of name, at most limit bytes ([ErrTooLarge] beyond; limit <= 0 means 1 GiB).
func ReadFile(fsys FS, name string, limit int64) ([]byte, error) {
	if limit <= 0 {
		limit = 1 << 30
	}
	f, err := fsys.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size > limit {
		return nil, fmt.Errorf("reading %q: %w: %d bytes exceed the limit of %d", name, ErrTooLarge, size, limit)
	}
	b := make([]byte, size)
	if n, err := f.ReadAt(b, 0); err != nil && (err != io.EOF || n < len(b)) {
		return nil, fmt.Errorf("reading %q: %w", name, err)
	}
	return b, nil
}

// WriteFile replaces name by data: temporary file beside it, write, sync, rename, sync of the directory. On an error the
// old file is untouched and the temporary one is gone where that is still possible. The new file has perm less the umask.
func WriteFile(fsys FS, name string, data []byte, perm fs.FileMode) (err error) {
	tmp := name + ".tmp"
	if err := fsys.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) { // left by a crash
		return err
	}
	f, err := fsys.OpenFile(tmp, os.O_RDWR|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = fsys.Remove(tmp)
		}
	}()
	_, err = f.WriteAt(data, 0)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	if err := fsys.Rename(tmp, name); err != nil {
		return err
	}
	return fsys.SyncDir(filepath.Dir(name))
}
