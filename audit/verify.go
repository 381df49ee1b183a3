package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"latchkey/ekm/code"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

// Fault says what is wrong at a place of the log.
type Fault string

// The faults.
const (
	Changed    Fault = "changed"    // a line's content does not fit its hash
	Removed    Fault = "removed"    // records before this line are missing
	Inserted   Fault = "inserted"   // a line's number was already used: inserted, repeated or moved
	Unlinked   Fault = "unlinked"   // a line is sound in itself but does not follow after the one before it
	Unreadable Fault = "unreadable" // not a line of a log, or a file without a header
	Truncated  Fault = "truncated"  // the log ends before the head file or the anchor says
	Headless   Fault = "headless"   // the head file is missing or damaged
)

// Problem is one fault and its place.
type Problem struct {
	File   string // path; "" when it concerns the log as a whole
	Line   int    // from 1; 0 when it concerns a file as a whole
	Seq    uint64 // the record's number as far as it is known
	Fault  Fault
	Detail string
}

// String is one line for a person.
func (p Problem) String() string {
	place := ""
	switch {
	case p.File != "" && p.Line != 0:
		place = fmt.Sprintf("%s:%d: ", p.File, p.Line)
	case p.File != "":
		place = p.File + ": "
	}
	return fmt.Sprintf("%srecord %d: %s: %s", place, p.Seq, p.Fault, p.Detail)
}

// maxProblems bounds Report.Problems; more are only counted.
const maxProblems = 100

// Report is what Verify found.
type Report struct {
	Files    int
	Records  int       // readable ones
	First    uint64    // seq of the first record; 0 in an empty log
	End      Head      // of the last line that was read
	Keyed    bool      // the chain is an HMAC
	Torn     int64     // bytes of an incomplete line at the very end: a write in progress, or the trace of a crash
	Faults   int       // number of problems, also those beyond the bound of Problems
	Problems []Problem // at most 100
}

// VerifyOptions say what Verify holds the log against.
type VerifyOptions struct {
	// Key is the log's key; nil for a plain chain.
	Key *secret.Bytes
	// Anchor is an earlier value of [Log.Head], kept elsewhere; the zero value means none.
	Anchor Head
	// Archived accepts that the oldest files are gone; the chain is then trusted from the first file that is there.
	Archived bool
}

// Verify reads the whole log and checks every link. It changes nothing and needs no lock. The error is nil only for a log
// without a fault; it carries AuditDamaged and names the first fault, AuditKey, AuditVersion or AuditUnavailable, or is ctx's.
// The report goes as far as reading came.
func Verify(ctx context.Context, f fsys.FS, dir string, o VerifyOptions) (Report, error) {
	const op = "verifying the audit log"
	h, err := newHasher(o.Key)
	if err != nil {
		return Report{}, code.Wrap(code.AuditKey, op, dir, err)
	}
	v := &verifier{fs: f, dir: dir, hash: h, opts: o}
	v.rep.Keyed = h.alg == algKeyed
	// The head first: a log that is being written may grow while it is read, and must not seem cut.
	head, err := readHead(f, dir, h)
	switch {
	case errors.Is(err, errNoHead), errors.Is(err, code.AuditDamaged):
		v.problem("", 0, 0, Headless, err.Error())
	case err != nil:
		return v.rep, err
	default:
		v.head = &head
	}
	files, err := listFiles(f, dir)
	if err != nil {
		return v.rep, unavailable(op, dir, err)
	}
	if len(files) == 0 {
		return v.rep, code.Wrap(code.AuditDamaged, op, dir, fmt.Errorf("no audit files: %w", fs.ErrNotExist))
	}
	for i, n := range files {
		if err := v.file(ctx, n, i == 0, i == len(files)-1); err != nil {
			return v.rep, err
		}
	}
	v.ends()
	if v.rep.Faults > 0 {
		return v.rep, code.Wrap(code.AuditDamaged, op, dir, errors.New(v.rep.Problems[0].String()))
	}
	return v.rep, nil
}

type verifier struct {
	fs   fsys.FS
	dir  string
	hash *hasher
	opts VerifyOptions
	rep  Report
	head *mark

	prev       Hash   // of the line before
	next       uint64 // expected number of the next record; 0 while unknown
	sawHead    bool
	sawAnchor  bool
	lastFile   uint64
	unanchored bool // a fault was just reported; take the next line as it is
}

func (v *verifier) problem(file string, line int, seq uint64, f Fault, detail string) {
	v.rep.Faults++
	if len(v.rep.Problems) < maxProblems {
		v.rep.Problems = append(v.rep.Problems, Problem{File: file, Line: line, Seq: seq, Fault: f, Detail: detail})
	}
}

func (v *verifier) file(ctx context.Context, n uint64, first, last bool) error {
	const op = "verifying the audit log"
	name := fileName(v.dir, n)
	f, err := v.fs.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return unavailable(op, name, err)
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return unavailable(op, name, err)
	}
	switch {
	case first && n > 1 && !v.opts.Archived:
		v.problem(name, 0, 0, Removed, fmt.Sprintf("the files before number %d are missing", n))
	case !first && n != v.lastFile+1:
		v.problem(name, 0, v.next, Removed, fmt.Sprintf("the files between number %d and %d are missing", v.lastFile, n))
	}
	v.lastFile = n
	v.rep.Files++
	sc := newLines(f, 0, size)
	for no := 1; ; no++ {
		if no%256 == 0 && ctx.Err() != nil {
			return fmt.Errorf("%s: %w", op, ctx.Err())
		}
		b, off, err := sc.next()
		switch {
		case errors.Is(err, io.EOF):
			v.tail(name, no, off, size, last)
			return nil
		case errors.Is(err, errLineTooLong):
			v.problem(name, no, v.next, Unreadable, err.Error())
			v.unanchored = true
			sc.skip()
			continue
		case err != nil:
			return unavailable(op, name, err)
		}
		line, err := parseLine(b)
		if err != nil {
			v.problem(name, no, v.next, Unreadable, err.Error())
			v.unanchored = true
			continue
		}
		if line.header != nil && no == 1 {
			if err := v.header(name, n, line, first); err != nil {
				return err
			}
		} else {
			v.line(name, no, line)
		}
		v.pass(n, off+int64(len(b))+1, line.sum)
	}
}

// tail judges what follows after the last complete line.
func (v *verifier) tail(name string, no int, off, size int64, last bool) {
	switch {
	case no == 1 && last && off == 0 && v.rep.Records > 0:
		v.rep.Torn = size // a file begun by a crash
	case no == 1:
		v.problem(name, 1, v.next, Unreadable, "the header is missing")
	case off < size && last:
		v.rep.Torn = size - off
	case off < size:
		v.problem(name, no, v.next, Unreadable, "the last line is incomplete, and a later file exists")
		v.unanchored = true
	}
}

func (v *verifier) header(name string, n uint64, line wireLine, first bool) error {
	hd := line.header
	if c, err := checkFormat(hd.Version, hd.Alg, hd.KeyID, v.hash); err != nil {
		if first || c == code.AuditVersion {
			return code.Wrap(c, "verifying the audit log", name, err)
		}
		v.problem(name, 1, line.seq, Changed, err.Error()) // one file differs from the others
		v.adopt(line)
		return nil
	}
	switch {
	case v.hash.sum(domainLine, line.body) != line.sum:
		v.problem(name, 1, line.seq, Changed, "the header does not fit its hash")
	case hd.File != n:
		v.problem(name, 1, line.seq, Inserted, fmt.Sprintf("the header is that of file %d", hd.File))
	case first && n == 1 && (line.seq != 1 || line.prev != Hash{}):
		v.problem(name, 1, line.seq, Unlinked, "the first file does not begin a chain")
	case !first && !v.unanchored && (line.seq != v.next || line.prev != v.prev):
		v.mislinked(name, 1, line)
	}
	v.adopt(line)
	return nil
}

func (v *verifier) line(name string, no int, line wireLine) {
	if line.header != nil {
		v.problem(name, no, line.seq, Inserted, "a header in the middle of a file")
		return
	}
	sound := v.hash.sum(domainLine, line.body) == line.sum
	switch {
	case !sound:
		v.problem(name, no, line.seq, Changed, "the record does not fit its hash")
	case !v.unanchored && (line.seq != v.next || line.prev != v.prev):
		v.mislinked(name, no, line)
	}
	if v.rep.First == 0 {
		v.rep.First = line.seq
	}
	v.rep.Records++
	switch {
	case !sound: // its number and hash say nothing: the next sound line tells where we are
		v.unanchored = true
		return
	case line.seq < v.next && !v.unanchored:
		return // an old line in a wrong place: go on expecting what we expected
	}
	v.adopt(line)
	v.next++
}

func (v *verifier) mislinked(name string, no int, line wireLine) {
	switch {
	case v.next == 0:
		v.problem(name, no, line.seq, Unreadable, "no header before it")
	case line.seq > v.next:
		v.problem(name, no, line.seq, Removed, fmt.Sprintf("records %d to %d are missing", v.next, line.seq-1))
	case line.seq < v.next:
		v.problem(name, no, line.seq, Inserted, fmt.Sprintf("record %d was expected", v.next))
	default:
		v.problem(name, no, line.seq, Unlinked, "it does not follow after the line before it")
	}
}

func (v *verifier) adopt(line wireLine) {
	v.prev, v.next, v.unanchored = line.sum, line.seq, false
	v.rep.End.Hash = line.sum
	if line.header == nil {
		v.rep.End.Seq = line.seq
	} else {
		v.rep.End.Seq = line.seq - 1
	}
}

// pass notes whether the head and the anchor were met.
func (v *verifier) pass(file uint64, end int64, sum Hash) {
	if v.head != nil && v.head.file == file && v.head.end == end && v.head.Hash == sum {
		v.sawHead = true
	}
	if v.opts.Anchor.Hash == sum {
		v.sawAnchor = true
	}
}

func (v *verifier) ends() {
	if v.head != nil && !v.sawHead {
		v.problem(fileName(v.dir, v.head.file), 0, v.head.Seq, Truncated,
			fmt.Sprintf("the head file says that record %d ends at byte %d of it", v.head.Seq, v.head.end))
	}
	if a := v.opts.Anchor; a != (Head{}) && !v.sawAnchor {
		v.problem("", 0, a.Seq, Truncated, "the record that the anchor names is not in the log")
	}
	slices.SortStableFunc(v.rep.Problems, func(a, b Problem) int { // damage inside before what is missing around it
		return rank(a.Fault) - rank(b.Fault)
	})
}

func rank(f Fault) int {
	if f == Headless || f == Truncated {
		return 1
	}
	return 0
}
