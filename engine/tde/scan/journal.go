// Package scan rewrites all pages of a live database under another key, or in clear, in place: what an encryption, a
// decryption and a change of the database key have in common.
//
// [Run] goes through the file in batches. A batch's new pages go into a journal first, which is made durable, then in
// place, which is made durable before the journal is used again. So a page that a crash tears has its image in the journal,
// and [Recover] puts it back: only where the page on disk does not authenticate, because one that does may have been
// written later than the image. Readers and the writer go on meanwhile; a page they write is already as it should be and is left alone.
package scan

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"latchkey/engine/tde/pagecipher"
	"latchkey/engine/tde/sealvfs"
	"latchkey/internal/fsys"
)

// The journal's layout, sizes in bytes.
const (
	journalMagic   = "LKSCAN\r\n"
	journalVersion = 1
	tableAt        = 40
	imagesAt       = 16384
	// MaxPages is how many pages one round of the journal holds.
	MaxPages = 2048
)

// ErrJournal means that the bytes are not a complete table of a scan journal. After a crash that is normal: the round it
// was for had not begun to touch the database.
var ErrJournal = errors.New("not a complete scan journal")

// Table is the head of a journal: which images follow.
type Table struct {
	ID    pagecipher.FileID
	Round uint64
	Pages []uint32
}

// Encode gives the table's bytes.
func (t *Table) Encode() []byte {
	be := binary.BigEndian
	b := append(make([]byte, 0, imagesAt), journalMagic...)
	b = be.AppendUint32(b, journalVersion)
	b = be.AppendUint32(b, uint32(len(t.Pages)))
	b = append(b, t.ID[:]...)
	b = be.AppendUint64(b, t.Round)
	for _, p := range t.Pages {
		b = be.AppendUint32(b, p)
	}
	return be.AppendUint32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

// DecodeTable reads what Encode gave; b may be longer.
func DecodeTable(b []byte) (*Table, error) {
	be := binary.BigEndian
	if len(b) < tableAt+4 || string(b[:8]) != journalMagic || be.Uint32(b[8:]) != journalVersion {
		return nil, ErrJournal
	}
	n := be.Uint32(b[12:])
	if n > MaxPages || len(b) < tableAt+4*int(n)+4 {
		return nil, ErrJournal
	}
	end := tableAt + 4*int(n)
	if crc32.Checksum(b[:end], crc32.MakeTable(crc32.Castagnoli)) != be.Uint32(b[end:]) {
		return nil, ErrJournal
	}
	t := &Table{ID: pagecipher.FileID(b[16:32]), Round: be.Uint64(b[32:])}
	for i := range int(n) {
		t.Pages = append(t.Pages, be.Uint32(b[tableAt+4*i:]))
	}
	return t, nil
}

// Name is the journal's name beside a database.
func Name(database string) string { return database + "-scan" }

// journal is the file during a scan.
type journal struct {
	f     fsys.File
	id    pagecipher.FileID
	round uint64
}

func createJournal(f fsys.FS, database string, id pagecipher.FileID) (*journal, error) {
	file, err := f.OpenFile(Name(database), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("creating the scan journal: %w", err)
	}
	if err := f.SyncDir(filepath.Dir(database)); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("creating the scan journal: %w", err)
	}
	return &journal{f: file, id: id}, nil
}

// write makes a round's images durable.
func (j *journal) write(pages []uint32, batches []*sealvfs.Batch) error {
	j.round++
	t := Table{ID: j.id, Round: j.round, Pages: pages}
	off := int64(imagesAt)
	for _, b := range batches {
		if len(b.Images) == 0 {
			continue
		}
		if _, err := j.f.WriteAt(b.Images, off); err != nil {
			return fmt.Errorf("writing the scan journal: %w", err)
		}
		off += int64(len(b.Images))
	}
	if _, err := j.f.WriteAt(t.Encode(), 0); err != nil {
		return fmt.Errorf("writing the scan journal: %w", err)
	}
	if err := j.f.Sync(); err != nil {
		return fmt.Errorf("syncing the scan journal: %w", err)
	}
	return nil
}

// Restorer puts a journal's images back.
type Restorer interface {
	// Restore writes image over the page if that does not authenticate but image does, and reports whether it did.
	Restore(c *pagecipher.Codec, page uint32, image []byte) (bool, error)
	// SyncMain makes the database durable.
	SyncMain() error
}

// Recover puts back the pages that a crash tore during a scan, and tells how many. Without a journal there are none. The
// journal stays: [Wipe] removes it.
func Recover(f fsys.FS, database string, id pagecipher.FileID, c *pagecipher.Codec, r Restorer) (int, error) {
	file, err := f.OpenFile(Name(database), os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("opening the scan journal: %w", err)
	}
	defer file.Close()
	head := make([]byte, imagesAt)
	n, err := file.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, fmt.Errorf("reading the scan journal: %w", err)
	}
	t, err := DecodeTable(head[:n])
	if err != nil || t.ID != id {
		return 0, nil // torn, wiped, or of another database: see ErrJournal
	}
	restored := 0
	image := make([]byte, pagecipher.PageSize)
	for i, page := range t.Pages {
		n, err := file.ReadAt(image, imagesAt+int64(i)*pagecipher.PageSize)
		if err != nil && !errors.Is(err, io.EOF) {
			return restored, fmt.Errorf("reading the scan journal: %w", err)
		}
		if n < len(image) {
			break // torn: its pages were not being written yet
		}
		done, err := r.Restore(c, page, image)
		if err != nil {
			return restored, err
		}
		if done {
			restored++
		}
	}
	return restored, r.SyncMain()
}

// Wipe overwrites the journal, durably, and removes it: it may hold pages in clear.
func Wipe(f fsys.FS, database string) error {
	name := Name(database)
	file, err := f.OpenFile(name, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("wiping the scan journal: %w", err)
	}
	err = overwrite(file)
	if cerr := file.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = f.Remove(name)
	}
	if err == nil {
		err = f.SyncDir(filepath.Dir(name))
	}
	if err != nil {
		return fmt.Errorf("wiping the scan journal: %w", err)
	}
	return nil
}

func overwrite(file fsys.File) error {
	size, err := file.Size()
	if err != nil {
		return err
	}
	zeros := make([]byte, 1<<20)
	for off := int64(0); off < size; off += int64(len(zeros)) {
		if _, err := file.WriteAt(zeros[:min(int64(len(zeros)), size-off)], off); err != nil {
			return err
		}
	}
	return file.Sync()
}
