package audit

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"latchkey/ekm/code"
	"latchkey/internal/fsys"
)

// open finds the end of the log from the head file on, cuts what was not acknowledged, and leaves the writer ready. It
// reads only what is newer than the head file, so that a long log opens as fast as a short one.
func (w *writer) open() (cut int64, err error) {
	files, err := listFiles(w.fs, w.dir)
	if err != nil {
		return 0, unavailable("listing the audit files", w.dir, err)
	}
	head, err := readHead(w.fs, w.dir, w.hash)
	if errors.Is(err, errNoHead) {
		return 0, w.begin(files)
	}
	if err != nil {
		return 0, err
	}
	w.at, w.head, w.headOK = head, head, true
	cut, err = w.follow(files)
	if err != nil {
		return cut, err
	}
	return cut, w.syncHead()
}

// begin makes the first file. Without a head file nothing was ever acknowledged; if there are records, the head file was
// taken away.
func (w *writer) begin(files []uint64) error {
	for _, n := range files {
		name := fileName(w.dir, n)
		f, err := w.fs.OpenFile(name, os.O_RDONLY, 0)
		if err != nil {
			return unavailable("opening the audit file", name, err)
		}
		size, err := f.Size()
		_ = f.Close()
		if err != nil {
			return unavailable("opening the audit file", name, err)
		}
		if n != 1 || size > maxLine { // more than a header
			return code.Wrap(code.AuditDamaged, "opening the audit log", w.dir, fmt.Errorf("%w, but %q holds records", errNoHead, name))
		}
		if lines, err := countLines(w.fs, name); err != nil || lines > 1 {
			return code.Wrap(code.AuditDamaged, "opening the audit log", w.dir,
				errors.Join(fmt.Errorf("%w, but %q holds records", errNoHead, name), err))
		}
	}
	f, at, err := w.create(1, Head{})
	if err != nil {
		return unavailable("beginning the audit file", fileName(w.dir, 1), err)
	}
	w.file, w.at = f, at
	return w.syncHead() // before anything is acknowledged: a log with records has a head
}

func countLines(f fsys.FS, name string) (int, error) {
	b, err := fsys.ReadFile(f, name, maxLine)
	return strings.Count(string(b), "\n"), err
}

// follow goes from w.at to the end of the last file. It settles each file on the way: what it finds after the head may
// never have been synced.
func (w *writer) follow(files []uint64) (cut int64, err error) {
	const op = "opening the audit log"
	if !slices.Contains(files, w.at.file) {
		return 0, code.Wrap(code.AuditDamaged, op, fileName(w.dir, w.at.file), fmt.Errorf("%w, but the head file names it", fs.ErrNotExist))
	}
	f, err := w.fs.OpenFile(fileName(w.dir, w.at.file), os.O_RDWR, 0)
	if err != nil {
		return 0, unavailable(op, fileName(w.dir, w.at.file), err)
	}
	if err := w.checkLast(f, w.at); err != nil {
		_ = f.Close()
		return 0, code.Wrap(code.AuditDamaged, op, fileName(w.dir, w.at.file), err)
	}
	for {
		name := fileName(w.dir, w.at.file)
		w.file = f
		from := w.at.end
		rest, err := w.scanTail(f)
		if err != nil {
			return 0, unavailable(op, name, err)
		}
		next := w.at.file + 1
		last := !slices.Contains(files, next)
		if rest > 0 && !last {
			return 0, code.Wrap(code.AuditDamaged, op, name, fmt.Errorf("unreadable after byte %d, and a later file exists", w.at.end))
		}
		if err := w.settle(f, from, w.at.end); err != nil {
			return 0, unavailable(op, name, err)
		}
		cut += rest
		if last {
			return cut, nil
		}
		if f, err = w.enter(next); err != nil {
			return 0, err
		}
		if f == nil { // begun by a crash, never used
			if slices.Contains(files, next+1) {
				return 0, code.Wrap(code.AuditDamaged, op, fileName(w.dir, next), errors.New("its header is unreadable, and a later file exists"))
			}
			return cut, w.drop(next)
		}
	}
}

// enter opens file n and, when its header follows after w.at, moves w.at behind the header. A nil file means that the header
// was never completed.
func (w *writer) enter(n uint64) (fsys.File, error) {
	const op = "opening the audit log"
	name := fileName(w.dir, n)
	f, err := w.fs.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return nil, unavailable(op, name, err)
	}
	size, err := f.Size()
	b := make([]byte, min(size, maxLine))
	if err == nil && len(b) > 0 {
		if n, rerr := f.ReadAt(b, 0); n < len(b) {
			err = rerr
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, unavailable(op, name, err)
	}
	i := slices.Index(b, '\n')
	var line wireLine
	if i >= 0 {
		line, err = parseLine(b[:i])
	}
	if i < 0 || err != nil || line.header == nil || w.hash.sum(domainLine, line.body) != line.sum {
		_ = f.Close()
		if slices.Contains(b[i+1:], '\n') && i >= 0 { // records after it: this was in use
			return nil, code.Wrap(code.AuditDamaged, op, name, errors.New("its header is damaged"))
		}
		return nil, nil
	}
	if c, err := checkFormat(line.header.Version, line.header.Alg, line.header.KeyID, w.hash); err != nil {
		_ = f.Close()
		return nil, code.Wrap(c, op, name, err)
	}
	if line.prev != w.at.Hash || line.seq != w.at.Seq+1 || line.header.File != n {
		_ = f.Close()
		return nil, code.Wrap(code.AuditDamaged, op, name, fmt.Errorf("it does not follow after record %d", w.at.Seq))
	}
	_ = w.closeFile()
	w.at = mark{Head: Head{Seq: w.at.Seq, Hash: line.sum}, file: n, end: int64(i + 1)}
	return f, nil
}

// drop removes a file that was never used.
func (w *writer) drop(n uint64) error {
	name := fileName(w.dir, n)
	if err := w.fs.Remove(name); err != nil {
		return unavailable("removing the unused audit file", name, err)
	}
	if err := w.fs.SyncDir(w.dir); err != nil {
		return unavailable("removing the unused audit file", name, err)
	}
	return nil
}

// scanTail moves w.at over the lines of f that continue the chain, and returns how many bytes follow them.
func (w *writer) scanTail(f fsys.File) (rest int64, err error) {
	size, err := f.Size()
	if err != nil {
		return 0, err
	}
	sc := newLines(f, w.at.end, size)
	for {
		b, off, err := sc.next()
		if errors.Is(err, io.EOF) || errors.Is(err, errLineTooLong) {
			return size - w.at.end, nil
		}
		if err != nil {
			return 0, err
		}
		line, err := parseLine(b)
		if err != nil || line.header != nil || line.seq != w.at.Seq+1 || line.prev != w.at.Hash ||
			w.hash.sum(domainLine, line.body) != line.sum {
			return size - w.at.end, nil
		}
		w.at.Head = Head{Seq: line.seq, Hash: line.sum}
		w.at.start, w.at.end = off, off+int64(len(b))+1
	}
}

// listFiles lists the numbers of the files in dir, in order.
func listFiles(f fsys.FS, dir string) ([]uint64, error) {
	entries, err := f.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []uint64
	for _, e := range entries {
		digits, ok := strings.CutPrefix(e.Name(), "audit-")
		if !ok {
			continue
		}
		if digits, ok = strings.CutSuffix(digits, ".log"); !ok || e.IsDir() {
			continue
		}
		if n, err := strconv.ParseUint(digits, 10, 64); err == nil && n > 0 && filepath.Base(fileName(dir, n)) == e.Name() {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out, nil
}
