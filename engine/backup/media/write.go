package media

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path/filepath"

	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

// Options say where a set goes.
type Options struct {
	FS   fsys.FS
	Path string
	// Replace makes a new file, whatever was there; otherwise the set goes behind those that are there.
	Replace bool
	// Key seals the blocks if Header.Encryption is set. It stays the caller's and must live until Finish or Abort.
	Key *secret.Bytes
}

// Writer writes one set. It is for one goroutine.
type Writer struct {
	o        Options
	f        fsys.File
	name     string // of f
	start    int64  // of the set
	position int
	at       int64 // next byte
	sum      hash.Hash
	raw      int64

	number uint64
	block  []byte
	jobs   chan *job // to the workers
	order  chan *job // to the writer, in order
	free   chan *job
	done   chan error // the writer's end
	failed error
	ended  bool
	cancel context.CancelFunc
	ctx    context.Context
	parent context.Context
}

// job is a block on its way.
type job struct {
	raw    []byte
	stored []byte // frame and content
	number uint64
	ready  chan struct{}
}

// Create begins a set. Nothing of it counts before Finish. The file must not be in use by another writer: there is a lock beside it while one writes.
func Create(ctx context.Context, o Options, h Header) (_ *Writer, err error) {
	h.Format = Format
	w := &Writer{o: o, sum: sha256.New(), name: o.Path, position: 1, parent: ctx}
	flag := os.O_RDWR
	if o.Replace {
		w.name = o.Path + ".new"
		if err := o.FS.Remove(w.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		flag |= os.O_CREATE | os.O_EXCL
	} else {
		sets, err := List(ctx, o.FS, o.Path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			o.Replace = true
			return Create(ctx, o, h)
		case err != nil:
			return nil, err
		case len(sets) > 0:
			last := sets[len(sets)-1]
			w.start, w.position = last.Offset+last.Size, last.Position+1
		}
	}
	if w.f, err = o.FS.OpenFile(w.name, flag, 0o600); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			w.abandon()
		}
	}()
	if err := w.f.Truncate(w.start); err != nil { // a set without an end, of a run that died
		return nil, err
	}
	w.at = w.start
	codecs := make([]*codec, workers())
	for i := range codecs {
		if codecs[i], err = newCodec(&h, o.Key); err != nil {
			return nil, err
		}
	}
	text, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	if len(text) > maxHeader {
		return nil, fmt.Errorf("a description of %d bytes, at most %d", len(text), maxHeader)
	}
	if err := w.put(setMagic[:]); err != nil {
		return nil, err
	}
	if err := w.putFrame(kindHeader, text); err != nil {
		return nil, err
	}
	w.run(ctx, codecs)
	return w, nil
}

// Start is where the set begins in the file.
func (w *Writer) Start() int64 { return w.start }

func (w *Writer) put(b []byte) error {
	if _, err := w.f.WriteAt(b, w.at); err != nil {
		return err
	}
	w.sum.Write(b)
	w.at += int64(len(b))
	return nil
}

func (w *Writer) putFrame(kind uint32, content []byte) error {
	b := make([]byte, frameSize, frameSize+len(content))
	f := frame{kind: kind, stored: uint32(len(content)), raw: uint32(len(content))}
	f.put(b, content)
	return w.put(append(b, content...))
}

func (w *Writer) run(ctx context.Context, codecs []*codec) {
	w.ctx, w.cancel = context.WithCancel(ctx)
	n := 2*len(codecs) + 2
	w.jobs, w.order, w.free, w.done = make(chan *job, n), make(chan *job, n), make(chan *job, n), make(chan error, 1)
	for range n {
		w.free <- &job{raw: make([]byte, 0, BlockSize), ready: make(chan struct{}, 1)}
	}
	for _, c := range codecs {
		go func() {
			defer c.close()
			for j := range w.jobs {
				j.stored = c.encode(append(j.stored[:0], make([]byte, frameSize)...), j.raw, j.number)
				f := frame{kind: kindBlock, stored: uint32(len(j.stored) - frameSize), raw: uint32(len(j.raw)), number: j.number}
				f.put(j.stored, j.stored[frameSize:])
				j.ready <- struct{}{}
			}
		}()
	}
	go func() {
		var err error
		for j := range w.order {
			<-j.ready
			if err == nil {
				if err = w.put(j.stored); err != nil {
					w.cancel()
				}
			}
			w.free <- j
		}
		w.done <- err
	}()
}

// Write takes the next bytes of the stream.
func (w *Writer) Write(p []byte) (int, error) {
	n := 0
	for len(p) > 0 {
		if w.block == nil {
			w.block = make([]byte, 0, BlockSize)
		}
		k := min(len(p), BlockSize-len(w.block))
		w.block = append(w.block, p[:k]...)
		p, n = p[k:], n+k
		if len(w.block) == BlockSize {
			if err := w.send(); err != nil {
				return n, err
			}
		}
	}
	w.raw += int64(n)
	return n, nil
}

// send hands the gathered block over.
func (w *Writer) send() error {
	select {
	case j := <-w.free:
		j.raw, w.block = w.block, j.raw[:0]
		j.number = w.number
		w.number++
		w.jobs <- j
		w.order <- j
		return nil
	case <-w.ctx.Done():
		return w.halt()
	}
}

// halt ends the goroutines and says why it went wrong, if it did.
func (w *Writer) halt() error {
	if w.ended {
		return w.failed
	}
	w.ended = true
	close(w.jobs)
	close(w.order)
	w.failed = <-w.done
	if w.failed == nil {
		w.failed = w.ctx.Err()
	}
	w.cancel()
	return w.failed
}

// Finish ends the stream, syncs, and makes the set exist. After an error the file is as it was before Create, where the disk still allows that.
func (w *Writer) Finish(e End) (Set, error) {
	set, err := w.finish(e)
	if err != nil {
		w.abandon()
	}
	return set, err
}

func (w *Writer) finish(e End) (Set, error) {
	if len(w.block) > 0 {
		if err := w.send(); err != nil {
			return Set{}, err
		}
	}
	if err := w.halt(); err != nil {
		return Set{}, err
	}
	e.Raw, e.Digest = w.raw, w.sum.Sum(nil)
	text, err := json.Marshal(e)
	if err != nil {
		return Set{}, err
	}
	if err := w.putFrame(kindEnd, text); err != nil {
		return Set{}, err
	}
	size := w.at - w.start + markSize
	mark := binary.LittleEndian.AppendUint64(nil, uint64(size))
	mark = append(mark, endMagic[:]...)
	if err := w.put(mark); err != nil {
		return Set{}, err
	}
	if err := w.f.Sync(); err != nil {
		return Set{}, err
	}
	set, err := w.readBack(e.Digest)
	if err != nil {
		return Set{}, fmt.Errorf("reading the backup back: %w", err)
	}
	if err := w.f.Close(); err != nil {
		return Set{}, err
	}
	w.f = nil
	if w.name != w.o.Path {
		if err := w.o.FS.Rename(w.name, w.o.Path); err != nil {
			return Set{}, err
		}
	}
	if err := w.o.FS.SyncDir(filepath.Dir(w.o.Path)); err != nil {
		return Set{}, err
	}
	return set, nil
}

// readBack checks what lies in the file now: every block by its checksum, and its seal if the key is there. The digest that was computed on the way is the one of the end; to compute
// it again from blocks that are right would cost as much as everything else.
func (w *Writer) readBack(digest []byte) (Set, error) {
	ctx := w.parent
	s, err := scan(ctx, w.f, w.name, w.start, w.at, w.position)
	if err != nil {
		return s, err
	}
	if !bytes.Equal(s.Digest, digest) {
		return s, &DamageError{File: w.name, Set: w.position, Offset: w.start, Reason: "the end is not the one that was written"}
	}
	codecs := make([]*codec, workers())
	for i := range codecs {
		if codecs[i], err = newCodec(&s.Header, w.o.Key); err != nil {
			return s, err
		}
	}
	r, err := open(ctx, w.o.FS, w.name, s, codecs, false)
	if err != nil {
		return s, err
	}
	defer r.Close()
	return s, r.Drain(nil)
}

// Abort gives the set up. It does nothing after Finish.
func (w *Writer) Abort() { w.abandon() }

func (w *Writer) abandon() {
	if w.jobs != nil {
		w.cancel()
		_ = w.halt()
	}
	if w.f == nil {
		return
	}
	if w.name == w.o.Path {
		_ = w.f.Truncate(w.start)
	}
	_ = w.f.Close()
	w.f = nil
	if w.name != w.o.Path {
		_ = w.o.FS.Remove(w.name)
	}
}
