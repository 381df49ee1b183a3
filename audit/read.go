package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"latchkey/ekm/code"
	"latchkey/internal/fsys"
)

// Entry is a record as it stands in the log.
type Entry struct {
	Record
	Seq  uint64 `json:"seq"`
	Prev Hash   `json:"prev"`
	Hash Hash   `json:"hash"`
	File string `json:"file"` // path
	Line int    `json:"line"` // in File, from 1
}

// ReadOptions choose what Read yields.
type ReadOptions struct {
	// From is the first sequence number; 0 means all. Files that lie before it are skipped unread.
	From uint64
}

// Read yields the records in order. It checks each line's form, not the chain: use [Verify] for that. It needs no lock and
// no key, and stops before an incomplete last line. A damaged line is yielded as an error that carries AuditDamaged, and
// reading goes on behind it; after any other error it ends.
func Read(ctx context.Context, f fsys.FS, dir string, o ReadOptions) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		files, err := listFiles(f, dir)
		if err != nil {
			yield(Entry{}, unavailable("reading the audit log", dir, err))
			return
		}
		for i := firstFile(f, dir, files, o.From); i < len(files); i++ {
			if !readFile(ctx, f, fileName(dir, files[i]), o, yield) {
				return
			}
		}
	}
}

// firstFile finds the last file whose records begin at or before from.
func firstFile(f fsys.FS, dir string, files []uint64, from uint64) int {
	for i := len(files) - 1; i > 0; i-- {
		file, err := f.OpenFile(fileName(dir, files[i]), os.O_RDONLY, 0)
		if err != nil {
			continue
		}
		b, _, err := newLines(file, 0, maxLine).next()
		if err == nil {
			var line wireLine
			if line, err = parseLine(b); err == nil && line.header != nil && line.seq <= from {
				_ = file.Close()
				return i
			}
		}
		_ = file.Close()
	}
	return 0
}

func readFile(ctx context.Context, f fsys.FS, name string, o ReadOptions, yield func(Entry, error) bool) bool {
	const op = "reading the audit log"
	file, err := f.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		yield(Entry{}, unavailable(op, name, err))
		return false
	}
	defer file.Close()
	size, err := file.Size()
	if err != nil {
		yield(Entry{}, unavailable(op, name, err))
		return false
	}
	sc := newLines(file, 0, size)
	for no := 1; ; no++ {
		if err := ctx.Err(); err != nil {
			yield(Entry{}, fmt.Errorf("%s: %w", op, err))
			return false
		}
		b, _, err := sc.next()
		if errors.Is(err, io.EOF) {
			return true
		}
		if errors.Is(err, errLineTooLong) {
			sc.skip()
			err = code.Wrap(code.AuditDamaged, op, fmt.Sprintf("%s:%d", name, no), err)
		} else if err != nil {
			yield(Entry{}, unavailable(op, name, err))
			return false
		}
		e := Entry{File: name, Line: no}
		if err == nil {
			var line wireLine
			if line, err = parseLine(b); err == nil {
				if line.header != nil || line.seq < o.From {
					continue
				}
				e.Seq, e.Prev, e.Hash = line.seq, line.prev, line.sum
				e.Record, err = line.record()
			}
			if err != nil {
				err = code.Wrap(code.AuditDamaged, op, fmt.Sprintf("%s:%d", name, no), err)
			}
		}
		if !yield(e, err) {
			return false
		}
	}
}
