package logchain

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"latchkey/engine/tde/pagecipher"
)

// Format is the version of segments.
const Format = 1

const (
	fixedSize = 64
	maxHead   = 1 << 20
	maxMarks  = 1 << 24
	maxFrames = 1 << 31
)

var magic = [8]byte{'L', 'K', 'L', 'O', 'G', 'S', 'E', 'G'}

// ErrCorrupt means that a segment is not what was written.
var ErrCorrupt = errors.New("a segment of the log chain is damaged")

// Mark is where a transaction ends.
type Mark struct {
	Frame uint64    // LSN of its last frame
	Time  time.Time // of the commit, in milliseconds
}

// Info describes a segment.
type Info struct {
	First  uint64 // LSN of the first frame
	Frames uint64
	Salts  uint64 // of the write-ahead log that the frames are from
	Number uint64 // the first frame's number in that log, from 1
	Plain  bool   // some frames may be in clear
	Head   []byte // the database's header
	Marks  []Mark // ascending; the last one is the last frame
}

// Last is the LSN of the last frame.
func (i Info) Last() uint64 { return i.First + i.Frames - 1 }

// encode is the segment up to its frames.
func (i Info) encode() []byte {
	b := make([]byte, fixedSize, fixedSize+len(i.Head)+16*len(i.Marks)+4)
	copy(b, magic[:])
	binary.BigEndian.PutUint16(b[8:], Format)
	if i.Plain {
		b[10] = 1
	}
	binary.BigEndian.PutUint32(b[12:], uint32(len(i.Head)))
	binary.BigEndian.PutUint64(b[16:], i.First)
	binary.BigEndian.PutUint64(b[24:], i.Frames)
	binary.BigEndian.PutUint64(b[32:], i.Salts)
	binary.BigEndian.PutUint64(b[40:], i.Number)
	binary.BigEndian.PutUint32(b[48:], uint32(len(i.Marks)))
	b = append(b, i.Head...)
	for _, m := range i.Marks {
		b = binary.BigEndian.AppendUint64(b, m.Frame)
		b = binary.BigEndian.AppendUint64(b, uint64(m.Time.UnixMilli()))
	}
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

// decode reads a segment up to its frames. io.EOF if there is nothing more.
func decode(r io.Reader) (Info, int64, error) {
	var i Info
	b := make([]byte, fixedSize)
	if _, err := io.ReadFull(r, b); err != nil {
		if err == io.EOF {
			return i, 0, io.EOF
		}
		return i, 0, fmt.Errorf("%w: it ends in its beginning", ErrCorrupt)
	}
	if [8]byte(b[:8]) != magic {
		return i, 0, fmt.Errorf("%w: it does not begin as one", ErrCorrupt)
	}
	if v := binary.BigEndian.Uint16(b[8:]); v != Format {
		return i, 0, fmt.Errorf("a segment of format %d; this program reads format %d", v, Format)
	}
	head, marks := binary.BigEndian.Uint32(b[12:]), binary.BigEndian.Uint32(b[48:])
	i = Info{
		Plain: b[10] == 1, First: binary.BigEndian.Uint64(b[16:]), Frames: binary.BigEndian.Uint64(b[24:]),
		Salts: binary.BigEndian.Uint64(b[32:]), Number: binary.BigEndian.Uint64(b[40:]),
	}
	if head > maxHead || marks > maxMarks || i.Frames == 0 || i.Frames > maxFrames || uint64(marks) > i.Frames || i.First == 0 || i.First > 1<<62 {
		return i, 0, fmt.Errorf("%w: its sizes are impossible", ErrCorrupt)
	}
	sum := crc32.MakeTable(crc32.Castagnoli)
	crc := crc32.Checksum(b, sum)
	read := func(n int) ([]byte, error) {
		p := make([]byte, 0, min(n, 1<<16))
		for len(p) < n { // what is not there makes no memory
			k := min(n-len(p), 1<<20)
			p = append(p, make([]byte, k)...)
			if _, err := io.ReadFull(r, p[len(p)-k:]); err != nil {
				return nil, fmt.Errorf("%w: it ends before its frames", ErrCorrupt)
			}
		}
		return p, nil
	}
	var err error
	if i.Head, err = read(int(head)); err != nil {
		return i, 0, err
	}
	m, err := read(16 * int(marks))
	if err != nil {
		return i, 0, err
	}
	want, err := read(4)
	if err != nil {
		return i, 0, err
	}
	if crc = crc32.Update(crc32.Update(crc, sum, i.Head), sum, m); crc != binary.BigEndian.Uint32(want) {
		return i, 0, fmt.Errorf("%w: its checksum is wrong", ErrCorrupt)
	}
	before := i.First - 1
	for ; len(m) > 0; m = m[16:] {
		mark := Mark{binary.BigEndian.Uint64(m), time.UnixMilli(int64(binary.BigEndian.Uint64(m[8:]))).UTC()}
		if mark.Frame <= before || mark.Frame > i.Last() {
			return i, 0, fmt.Errorf("%w: its commits are out of order", ErrCorrupt)
		}
		i.Marks, before = append(i.Marks, mark), mark.Frame
	}
	if before != i.Last() {
		return i, 0, fmt.Errorf("%w: its last frame ends no transaction", ErrCorrupt)
	}
	return i, int64(fixedSize) + int64(head) + 16*int64(marks) + 4, nil
}

// Reader reads segments that follow one another.
type Reader struct {
	r    io.Reader
	left uint64 // frames of the present segment
	buf  [pagecipher.DiskFrame]byte
}

// NewReader reads what Copy wrote.
func NewReader(r io.Reader) *Reader { return &Reader{r: r} }

// Next goes to the next segment, over frames that were not read. io.EOF behind the last.
func (r *Reader) Next() (Info, error) {
	for r.left > 0 {
		if _, err := r.Frame(); err != nil {
			return Info{}, err
		}
	}
	i, _, err := decode(r.r)
	if err == nil {
		r.left = i.Frames
	}
	return i, err
}

// Frame is the segment's next frame as on disk, valid until the next call; io.EOF behind the last. It is not authenticated yet.
func (r *Reader) Frame() ([]byte, error) {
	if r.left == 0 {
		return nil, io.EOF
	}
	r.left--
	if _, err := io.ReadFull(r.r, r.buf[:]); err != nil {
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			err = fmt.Errorf("%w: it ends within a frame", ErrCorrupt)
		}
		return nil, err
	}
	return r.buf[:], nil
}
