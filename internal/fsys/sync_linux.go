package fsys

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"
)

// Sync makes content and size durable with fdatasync, which leaves out the times of the file: a file that is overwritten in
// place, such as a log, then costs no write to the file system's journal.
func (f osFile) Sync() error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var serr error
	err = conn.Control(func(fd uintptr) {
		for {
			if serr = unix.Fdatasync(int(fd)); !errors.Is(serr, unix.EINTR) {
				return
			}
		}
	})
	if err != nil { // Control fails on a closed file only, with an error of its own
		return &fs.PathError{Op: "sync", Path: f.Name(), Err: fs.ErrClosed}
	}
	if serr != nil {
		return &fs.PathError{Op: "sync", Path: f.Name(), Err: serr}
	}
	return nil
}
