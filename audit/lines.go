package audit

import (
	"bytes"
	"errors"
	"io"
)

var errLineTooLong = errors.New("a line is longer than any record")

// lines reads lines of a file from an offset on, in bounded memory.
type lines struct {
	f    io.ReaderAt
	off  int64 // of buf[pos]
	size int64 // reads stop here
	buf  []byte
	pos  int
	n    int
}

func newLines(f io.ReaderAt, off, size int64) *lines {
	return &lines{f: f, off: off, size: size, buf: make([]byte, 2*maxLine)}
}

// next returns a line without its newline, valid until the following call, and its offset: io.EOF when no complete line is
// left, errLineTooLong when none ends within the bound.
func (l *lines) next() ([]byte, int64, error) {
	for {
		if i := bytes.IndexByte(l.buf[l.pos:l.n], '\n'); i >= 0 {
			line, off := l.buf[l.pos:l.pos+i], l.off
			l.pos += i + 1
			l.off += int64(i) + 1
			if len(line) >= maxLine {
				return nil, off, errLineTooLong
			}
			return line, off, nil
		}
		if l.n-l.pos >= maxLine {
			return nil, l.off, errLineTooLong
		}
		copy(l.buf, l.buf[l.pos:l.n])
		l.n -= l.pos
		l.pos = 0
		at := l.off + int64(l.n)
		p := l.buf[l.n:min(int64(len(l.buf)), int64(l.n)+max(0, l.size-at))]
		if len(p) == 0 {
			return nil, l.off, io.EOF
		}
		n, err := l.f.ReadAt(p, at)
		l.n += n
		if n == 0 {
			if err == nil || errors.Is(err, io.EOF) {
				err = io.EOF // it became shorter meanwhile
			}
			return nil, l.off, err
		}
	}
}

// skip goes behind the next newline: after errLineTooLong.
func (l *lines) skip() {
	for {
		if i := bytes.IndexByte(l.buf[l.pos:l.n], '\n'); i >= 0 {
			l.pos += i + 1
			l.off += int64(i) + 1
			return
		}
		l.off += int64(l.n - l.pos)
		l.pos, l.n = 0, 0
		p := l.buf[:min(int64(len(l.buf)), max(0, l.size-l.off))]
		if len(p) == 0 {
			return
		}
		n, err := l.f.ReadAt(p, l.off)
		l.n = n
		if n == 0 || (err != nil && !errors.Is(err, io.EOF)) {
			l.size = l.off
			return
		}
	}
}
