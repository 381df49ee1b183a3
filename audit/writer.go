package audit

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"latchkey/ekm/code"
	"latchkey/internal/clock"
	"latchkey/internal/fsys"
)

// writer owns the files. One goroutine uses it at a time.
type writer struct {
	fs        fsys.FS
	dir       string
	hash      *hasher
	clock     clock.Clock
	max       int64
	headEvery time.Duration

	file   fsys.File // the current file; nil while broken
	at     mark      // everything up to here is durable; nothing after it was acknowledged
	head   mark      // as the head file has it
	headOK bool      // the head file exists
	broken bool      // the file may hold something after at, or may not be in the state we think
	buf    []byte
}

// block is what a disk or a file system may write as one; the end of a file is rewritten from its last multiple.
const block = 4096

func fileName(dir string, n uint64) string {
	return filepath.Join(dir, fmt.Sprintf("audit-%08d.log", n))
}

// write makes records durable, all or none.
func (w *writer) write(records [][]byte) error {
	if w.broken {
		if err := w.heal(); err != nil {
			return err
		}
	}
	if w.at.end >= w.max {
		if err := w.rotate(); err != nil {
			return err
		}
	}
	buf, to := w.buf[:0], w.at
	for _, rec := range records {
		to.Seq++
		to.start = w.at.end + int64(len(buf))
		buf, to.Hash = w.hash.appendRecord(buf, to.Seq, to.Hash, rec)
	}
	to.end = w.at.end + int64(len(buf))
	if cap(buf) <= 1<<20 { // a rare giant is left to the collector
		w.buf = buf
	}
	if err := w.put(buf, w.at.end); err != nil {
		w.broken = true
		return unavailable("writing the audit log", fileName(w.dir, w.at.file), err)
	}
	w.at = to
	return nil
}

func (w *writer) put(b []byte, off int64) error {
	if _, err := w.file.WriteAt(b, off); err != nil {
		return err
	}
	return w.file.Sync()
}

// heal opens the file anew, cuts what was not acknowledged and makes sure that the rest is on the disk: after a failed sync
// the kernel may hold pages that it believes clean and never wrote, so the last block is written again.
func (w *writer) heal() error {
	const op = "reopening the audit log"
	name := fileName(w.dir, w.at.file)
	_ = w.closeFile()
	f, err := w.fs.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return unavailable(op, name, err)
	}
	if err := w.settle(f, w.at.end, w.at.end); err != nil {
		_ = f.Close()
		return unavailable(op, name, err)
	}
	if err := w.checkLast(f, w.at); err != nil {
		_ = f.Close()
		return code.Wrap(code.AuditDamaged, op, name, err)
	}
	w.file, w.broken = f, false
	return nil
}

// settle cuts f at end, writes its bytes from the block of from again, and syncs.
func (w *writer) settle(f fsys.File, from, end int64) error {
	if err := f.Truncate(end); err != nil {
		return err
	}
	buf := make([]byte, 64<<10)
	for off := from / block * block; off < end; off += int64(len(buf)) {
		p := buf[:min(int64(len(buf)), end-off)]
		if n, err := f.ReadAt(p, off); err != nil && (!errors.Is(err, io.EOF) || n < len(p)) {
			return err
		}
		if _, err := f.WriteAt(p, off); err != nil {
			return err
		}
	}
	return f.Sync()
}

// checkLast reads the line that m ends with.
func (w *writer) checkLast(f fsys.File, m mark) error {
	b := make([]byte, m.end-m.start)
	if n, err := f.ReadAt(b, m.start); n < len(b) {
		return fmt.Errorf("record %d should end at byte %d: %w", m.Seq, m.end, err)
	}
	if b[len(b)-1] != '\n' {
		return fmt.Errorf("record %d does not end at byte %d", m.Seq, m.end)
	}
	line, err := parseLine(b[:len(b)-1])
	switch {
	case err != nil:
		return err
	case line.sum != m.Hash || w.hash.sum(domainLine, line.body) != m.Hash:
		return fmt.Errorf("record %d is not the one that was written", m.Seq)
	case line.header == nil && line.seq != m.Seq:
		return fmt.Errorf("record %d stands where record %d was written", line.seq, m.Seq)
	}
	return nil
}

// rotate begins the next file. Everything in the current one is durable.
func (w *writer) rotate() error {
	name := fileName(w.dir, w.at.file+1)
	f, to, err := w.create(w.at.file+1, w.at.Head)
	if err != nil {
		return unavailable("beginning the audit file", name, err)
	}
	old := w.file
	w.file, w.at = f, to
	_ = old.Close() // synced before; nothing depends on it
	_ = w.syncHead()
	return nil
}

// create makes file n, which follows after prev, durably. What a failed attempt left under the name is replaced: it holds
// nothing that was acknowledged.
func (w *writer) create(n uint64, prev Head) (fsys.File, mark, error) {
	buf, sum := w.hash.appendHeader(nil, header{
		Version: formatVersion, File: n, Alg: w.hash.alg, KeyID: w.hash.kid,
		Created: w.clock.Now().UTC(), Next: prev.Seq + 1, Prev: prev.Hash.String(),
	})
	f, err := w.fs.OpenFile(fileName(w.dir, n), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, mark{}, err
	}
	_, err = f.WriteAt(buf, 0)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = w.fs.SyncDir(w.dir)
	}
	if err != nil {
		_ = f.Close()
		return nil, mark{}, err
	}
	return f, mark{Head: Head{Seq: prev.Seq, Hash: sum}, file: n, end: int64(len(buf))}, nil
}

func (w *writer) headLags() bool { return !w.headOK || w.head != w.at }

// syncHead writes the head file if it lags behind.
func (w *writer) syncHead() error {
	if !w.headLags() {
		return nil
	}
	if err := writeHead(w.fs, w.dir, w.hash, w.at); err != nil {
		return unavailable("writing the audit head", filepath.Join(w.dir, headName), err)
	}
	w.head, w.headOK = w.at, true
	return nil
}

func (w *writer) closeFile() error {
	if w.file == nil {
		return nil
	}
	f := w.file
	w.file = nil
	return f.Close()
}
