package media

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

const markSize = 16

// List describes the complete sets of a file, in order. An incomplete one at the end, of a backup that died, is left out. It checks descriptions and the chain of
// blocks, not the blocks' content: that is what reading the stream is for.
func List(ctx context.Context, f fsys.FS, path string) ([]Set, error) {
	file, err := f.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	size, err := file.Size()
	if err != nil {
		return nil, err
	}
	var sets []Set
	for at := int64(0); at < size; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s, err := scan(ctx, file, path, at, size, len(sets)+1)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			if complete(file, size) {
				return nil, &DamageError{File: path, Set: len(sets) + 1, Offset: at, Reason: "a length in the set is wrong"}
			}
			break // no end: it never was
		}
		if err != nil {
			return nil, err
		}
		sets = append(sets, s)
		at += s.Size
	}
	return sets, nil
}

// complete reports whether the file ends as complete sets do.
func complete(file fsys.File, size int64) bool {
	b, err := readAt(file, max(0, size-markSize), markSize, size)
	return err == nil && bytes.Equal(b[8:], endMagic[:])
}

// scan walks one set from frame to frame.
func scan(ctx context.Context, file fsys.File, path string, at, size int64, position int) (Set, error) {
	s := Set{Position: position, Offset: at}
	bad := func(at int64, reason string) error {
		return &DamageError{File: path, Set: position, Offset: at, Reason: reason}
	}
	if short := min(size, int64(len(setMagic))); at == 0 && short < int64(len(setMagic)) { // a set that died here, or a short file of another kind
		begins, err := readAt(file, 0, int(short), size)
		if err == nil && !bytes.HasPrefix(setMagic[:], begins) {
			err = fmt.Errorf("%s: %w", path, ErrNoMedia)
		}
		if err != nil {
			return s, err
		}
	}
	magic, err := readAt(file, at, len(setMagic), size)
	if err != nil {
		return s, err
	}
	if !bytes.Equal(magic, setMagic[:]) {
		if at == 0 {
			return s, fmt.Errorf("%s: %w", path, ErrNoMedia)
		}
		return s, bad(at, "no set begins here")
	}
	pos := at + int64(len(setMagic))
	head, content, err := readFrame(file, pos, size)
	if err != nil {
		return s, err
	}
	if head.kind != kindHeader || content == nil {
		return s, bad(pos, "the description's checksum is wrong")
	}
	if err := unmarshal(content, &s.Header); err != nil {
		return s, bad(pos, err.Error())
	}
	if s.Format != Format {
		return s, fmt.Errorf("%s: set %d has format %d; this program reads format %d", path, position, s.Format, Format)
	}
	pos += frameSize + int64(head.stored)
	s.body = pos
	for n := uint64(0); ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return s, ctx.Err()
		}
		b, err := readAt(file, pos, frameSize, size)
		if err != nil {
			return s, err
		}
		var fr frame
		fr.get(b)
		switch {
		case fr.kind == kindBlock && fr.number == n && fr.stored <= 2*BlockSize && fr.raw <= BlockSize:
			pos += frameSize + int64(fr.stored)
			if pos > size {
				return s, io.ErrUnexpectedEOF
			}
			continue
		case fr.kind != kindEnd || fr.stored > maxHeader:
			return s, bad(pos, "neither a block nor the end follows")
		}
		end, content, err := readFrame(file, pos, size)
		if err != nil {
			return s, err
		}
		if content == nil {
			return s, bad(pos, "the end's checksum is wrong")
		}
		if err := unmarshal(content, &s.End); err != nil {
			return s, bad(pos, err.Error())
		}
		pos += frameSize + int64(end.stored)
		mark, err := readAt(file, pos, markSize, size)
		if err != nil {
			return s, err
		}
		pos += markSize
		s.Size = pos - at
		if !bytes.Equal(mark[8:], endMagic[:]) || binary.LittleEndian.Uint64(mark) != uint64(s.Size) {
			return s, bad(pos-markSize, "the end's mark is wrong")
		}
		return s, nil
	}
}

func readAt(file fsys.File, at int64, n int, size int64) ([]byte, error) {
	if at+int64(n) > size {
		return nil, io.ErrUnexpectedEOF
	}
	b := make([]byte, n)
	if k, err := file.ReadAt(b, at); k < n {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return b, nil
}

// readFrame reads a frame with its content; the content is nil if the checksum is wrong.
func readFrame(file fsys.File, at, size int64) (frame, []byte, error) {
	var fr frame
	head, err := readAt(file, at, frameSize, size)
	if err != nil {
		return fr, nil, err
	}
	fr.get(head)
	if fr.stored > maxHeader {
		return fr, nil, nil
	}
	content, err := readAt(file, at+frameSize, int(fr.stored), size)
	if err != nil {
		return fr, nil, err
	}
	if checksum(head, content) != fr.crc {
		return fr, nil, nil
	}
	return fr, content, nil
}

// Reader is a set's stream. When it says io.EOF every byte of the set was checked. It is for one goroutine; Close it.
type Reader struct {
	set    Set
	path   string
	file   fsys.File
	order  chan *load
	free   chan *load
	cancel context.CancelFunc
	cur    []byte
	held   *load
	err    error
	raw    int64
}

// load is a block that is being read.
type load struct {
	stored []byte // frame and content
	raw    []byte
	at     int64
	err    error
	last   bool
	ready  chan struct{}
}

// Open opens the stream of a set that List gave. key is nil if the set is not encrypted; it must live until Close.
func Open(ctx context.Context, f fsys.FS, path string, s Set, key *secret.Bytes) (*Reader, error) {
	codecs := make([]*codec, workers())
	for i := range codecs {
		var err error
		if codecs[i], err = newCodec(&s.Header, key); err != nil {
			return nil, err
		}
	}
	return open(ctx, f, path, s, codecs, true)
}

// Check reads a whole set and reports whether every byte of it is what was written. It needs no key: what a sealed block holds is not looked at, only
// that it is the block that was written.
func Check(ctx context.Context, f fsys.FS, path string, s Set, progress func(done, of int64)) error {
	r, err := open(ctx, f, path, s, make([]*codec, workers()), true)
	if err != nil {
		return err
	}
	defer r.Close()
	return r.Drain(progress)
}

// Drain reads to the end.
func (r *Reader) Drain(progress func(done, of int64)) error {
	for {
		if err := r.next(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if progress != nil {
			progress(r.raw, r.set.Raw)
		}
	}
}

func open(ctx context.Context, f fsys.FS, path string, s Set, codecs []*codec, digest bool) (*Reader, error) {
	file, err := f.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	n := 2*len(codecs) + 2
	r := &Reader{set: s, path: path, file: file, order: make(chan *load, n), free: make(chan *load, n), cancel: cancel}
	jobs := make(chan *load, n)
	for range n {
		r.free <- &load{ready: make(chan struct{}, 1)}
	}
	for _, c := range codecs {
		go func() {
			if c != nil {
				defer c.close()
			}
			for l := range jobs {
				if l.err == nil && !l.last {
					l.err = r.transform(c, l)
				}
				l.ready <- struct{}{}
			}
		}()
	}
	go func() {
		defer close(r.order)
		defer close(jobs)
		r.fetch(ctx, jobs, digest)
	}()
	return r, nil
}

// transform checks a block and takes its stream bytes out.
func (r *Reader) transform(c *codec, l *load) error {
	var fr frame
	fr.get(l.stored)
	if checksum(l.stored, l.stored[frameSize:]) != fr.crc {
		return r.damage(l.at, "the block's checksum is wrong")
	}
	if c == nil {
		l.raw = append(l.raw[:0], make([]byte, fr.raw)...)
		return nil
	}
	var err error
	if l.raw, err = c.decode(l.raw[:0], l.stored[frameSize:], fr.number, int(fr.raw)); err != nil {
		return r.damage(l.at, err.Error())
	}
	return nil
}

func (r *Reader) damage(at int64, reason string) error {
	return &DamageError{File: r.path, Set: r.set.Position, Offset: at, Reason: reason}
}

// fetch reads frames one after the other and hands them over, digest last; without digest it is not looked at.
func (r *Reader) fetch(ctx context.Context, jobs chan<- *load, digest bool) {
	sum := sha256.New()
	end := r.set.Offset + r.set.Size
	var total int64
	if err := r.digest(sum, r.set.Offset, r.set.body); err != nil {
		r.hand(ctx, jobs, &load{err: err, ready: make(chan struct{}, 1)})
		return
	}
	for at := r.set.body; ; {
		var l *load
		select {
		case l = <-r.free:
		case <-ctx.Done():
			r.hand(context.Background(), jobs, &load{err: ctx.Err(), ready: make(chan struct{}, 1)})
			return
		}
		l.at, l.err, l.last = at, nil, false
		var fr frame
		head, err := readAt(r.file, at, frameSize, end)
		if err == nil {
			if fr.get(head); fr.kind == kindEnd {
				l.last = true
				if digest && !bytes.Equal(sum.Sum(nil), r.set.Digest) || total != r.set.Raw {
					l.err = r.damage(at, "the digest of the set is wrong")
				}
				r.hand(ctx, jobs, l)
				return
			}
			if fr.kind != kindBlock || fr.stored > 2*BlockSize || fr.raw > BlockSize {
				err = r.damage(at, "neither a block nor the end follows")
			}
		}
		if err == nil {
			n := frameSize + int(fr.stored)
			if cap(l.stored) < n {
				l.stored = make([]byte, 0, frameSize+BlockSize+BlockSize/8)
			}
			if cap(l.stored) < n {
				l.stored = make([]byte, 0, n)
			}
			l.stored = l.stored[:n]
			var k int
			if k, err = r.file.ReadAt(l.stored, at); k == n {
				err = nil
			} else if err == nil || errors.Is(err, io.EOF) {
				err = r.damage(at, "the file ends within a block")
			}
		} else if errors.Is(err, io.ErrUnexpectedEOF) {
			err = r.damage(at, "the set ends without its end")
		}
		if err != nil {
			l.err = err
			r.hand(ctx, jobs, l)
			return
		}
		if digest {
			sum.Write(l.stored)
		}
		total += int64(fr.raw)
		at += int64(len(l.stored))
		if !r.hand(ctx, jobs, l) {
			return
		}
	}
}

// digest adds a part of the file to a sum.
func (r *Reader) digest(sum hash.Hash, from, to int64) error {
	b, err := readAt(r.file, from, int(to-from), to)
	sum.Write(b)
	return err
}

func (r *Reader) hand(ctx context.Context, jobs chan<- *load, l *load) bool {
	select {
	case jobs <- l:
		r.order <- l
		return true
	case <-ctx.Done():
		return false
	}
}

// next makes the next block current.
func (r *Reader) next() error {
	if r.err != nil {
		return r.err
	}
	if r.held != nil {
		r.free <- r.held
		r.held = nil
	}
	l, ok := <-r.order
	if !ok {
		r.err = r.damage(r.set.Offset, "reading was given up")
		return r.err
	}
	<-l.ready
	switch {
	case l.err != nil:
		r.err = l.err
	case l.last:
		r.err = io.EOF
	default:
		r.cur, r.held = l.raw, l
		r.raw += int64(len(l.raw))
	}
	return r.err
}

// Read gives the next bytes of the stream.
func (r *Reader) Read(p []byte) (int, error) {
	for len(r.cur) == 0 {
		if err := r.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.cur)
	r.cur = r.cur[n:]
	return n, nil
}

// Close ends reading.
func (r *Reader) Close() error {
	r.cancel()
	for l := range r.order {
		<-l.ready
		select {
		case r.free <- l:
		default:
		}
	}
	return r.file.Close()
}
