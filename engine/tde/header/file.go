package header

import (
	"errors"
	"fmt"
	"io"

	"latchkey/internal/fsys"
)

// File is the two copies in a database file. It is not safe for concurrent use.
//
// A copy is always replaced while the other one is intact and durable, so that a crash leaves at least one. After
// [File.Write] both are equal: damage to one of them costs nothing. [File.WriteOne] leaves the other one copy behind.
type File struct {
	f    fsys.File
	next int // the copy to replace next
}

// Load reads the newer of the two copies.
func Load(f fsys.File) (*File, *Header, error) {
	var copies [2]*Header
	var errs [2]error
	for i := range copies {
		b := make([]byte, CopySize)
		n, err := f.ReadAt(b, int64(i)*CopySize)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, nil, fmt.Errorf("reading the database header: %w", err)
		}
		copies[i], errs[i] = Decode(b[:n])
		if errors.Is(errs[i], ErrVersion) {
			return nil, nil, errs[i]
		}
	}
	use := 0
	switch {
	case copies[0] == nil && copies[1] == nil:
		if errors.Is(errs[0], ErrNotDatabase) && errors.Is(errs[1], ErrNotDatabase) {
			return nil, nil, ErrNotDatabase
		}
		return nil, nil, fmt.Errorf("%w: both copies are unusable", ErrCorrupt)
	case copies[0] == nil || copies[1] != nil && copies[1].Seq > copies[0].Seq:
		use = 1
	}
	h := copies[use]
	return &File{f: f, next: 1 - use}, h, nil
}

// New prepares the header of a file that has none.
func New(f fsys.File) *File { return &File{f: f} }

// Write stores h in both copies, one after the other, each made durable. It raises h.Seq. On an error the file has h, or
// what it had before.
func (f *File) Write(h *Header, dek []byte) error {
	if err := f.WriteOne(h, dek); err != nil {
		return err
	}
	if err := f.put(h, dek); err != nil {
		return err
	}
	return nil
}

// WriteOne stores h in the older copy and makes it durable: for what changes often and may be lost, such as a position.
func (f *File) WriteOne(h *Header, dek []byte) error {
	h.Seq++
	return f.put(h, dek)
}

func (f *File) put(h *Header, dek []byte) error {
	b, err := h.Encode(dek)
	if err != nil {
		return err
	}
	if _, err := f.f.WriteAt(b, int64(f.next)*CopySize); err != nil {
		return fmt.Errorf("writing the database header: %w", err)
	}
	if err := f.f.Sync(); err != nil {
		return fmt.Errorf("syncing the database header: %w", err)
	}
	f.next = 1 - f.next // only now is this copy the one to rely upon
	return nil
}
