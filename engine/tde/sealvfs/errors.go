package sealvfs

import (
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"
)

// ErrCorrupt matches errors about content: changed, moved, missing, or in a state that the database does not allow. It
// never matches an error of the disk.
var ErrCorrupt = errors.New("database file is corrupt or was tampered with")

// Error is what went wrong below SQLite.
type Error struct {
	File   string
	Number uint64 // of the page, or the log's frame, from 1; 0 if it is about the file
	Op     string // for an error of the disk: what was being done
	Err    error
	bad    bool // about content
}

// Error names file, page and reason.
func (e *Error) Error() string {
	switch {
	case e.bad && e.Number != 0:
		return fmt.Sprintf("%q, page or frame %d: %v", e.File, e.Number, e.Err)
	case e.bad:
		return fmt.Sprintf("%q: %v", e.File, e.Err)
	}
	return fmt.Sprintf("%s %q: %v", e.Op, e.File, e.Err)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is matches ErrCorrupt.
func (e *Error) Is(target error) bool { return target == ErrCorrupt && e.bad }

// Corrupt reports whether the error is about content.
func (e *Error) Corrupt() bool { return e.bad }

func (s *Store) corrupt(file string, number uint64, reason string) error {
	return s.corruptErr(file, number, errors.New(reason))
}

func (s *Store) corruptErr(file string, number uint64, err error) error {
	return &Error{File: file, Number: number, Err: err, bad: true}
}

func (s *Store) ioErr(op, file string, err error) error {
	var e *Error
	if errors.As(err, &e) {
		return err
	}
	return &Error{File: file, Op: op, Err: err}
}

// report remembers err for the connection and gives SQLite its code.
func (f *mainFile) report(err error, code sqlite3.ExtendedErrorCode) error {
	var e *Error
	switch {
	case err == nil || err == io.EOF:
		return err
	case errors.As(err, &e) && e.bad:
		code = sqlite3.IOERR_DATA
	case errors.Is(err, syscall.ENOSPC):
		f.note(err)
		return vfs.SystemError(err, sqlite3.FULL)
	}
	f.note(err)
	return vfs.SystemError(err, code)
}

func (f *mainFile) note(err error) {
	f.last.Store(&err)
	f.s.last.Store(&err)
}

// LastError takes the error that the file system gave any connection last: for one that could not even be opened.
func (s *Store) LastError() error {
	if e := s.last.Swap(nil); e != nil {
		return *e
	}
	return nil
}

// LastError takes the error that the file system gave this connection's main database or log last, nil if none since the
// last call.
func LastError(c *sqlite3.Conn) error {
	f := fileOf(c, "main")
	if f == nil {
		return nil
	}
	if e := f.last.Swap(nil); e != nil {
		return *e
	}
	return nil
}

// Committed passes a commit's end on to the Store of the schema, if it is one: frames is the length of its log.
func Committed(c *sqlite3.Conn, schema string, frames int64) {
	if f := fileOf(c, schema); f != nil && f.s.cfg.Committed != nil {
		f.s.cfg.Committed(frames)
	}
}

// fileOf is the connection's view of the main file of a schema; nil if that is not of this package.
func fileOf(c *sqlite3.Conn, schema string) *mainFile {
	p, err := c.FileControl(schema, sqlite3.FCNTL_FILE_POINTER)
	if err != nil {
		return nil
	}
	file, ok := p.(vfs.File)
	if !ok {
		return nil
	}
	f, _ := vfsutil.UnwrapFile[*mainFile](file)
	return f
}
