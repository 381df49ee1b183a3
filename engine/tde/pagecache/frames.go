package pagecache

import (
	"sync"

	"latchkey/engine/tde/pagecipher"
)

// Frames keeps the last frames of a write-ahead log, which a checkpoint and other connections will read soon. A log starts over every thousand
// frames or so, and a frame's place follows from its number, so the same few buffers are used again and again and stay in the processor's caches; that
// is worth more than keeping many. One goroutine writes at a time, any number read.
type Frames struct {
	places []place
	slab   slab
}

type place struct {
	mu  sync.Mutex
	key uint64 // of the frame that may be read here; 0 if none may
	buf *pagecipher.FrameBuf
}

// NewFrames makes room for n frames, at least one. Buffers are made when they are first needed.
func NewFrames(n int) *Frames { return &Frames{places: make([]place, max(1, n))} }

// Len is how many frames there is room for: so many with successive numbers have buffers of their own.
func (f *Frames) Len() int { return len(f.places) }

func (f *Frames) place(frame uint64) *place { return &f.places[frame%uint64(len(f.places))] }

// Take is the buffer of a frame, for the writer. What it held before is forgotten; nobody reads it before Publish.
func (f *Frames) Take(frame uint64) *pagecipher.FrameBuf {
	p := f.place(frame)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.key = 0
	if p.buf == nil {
		p.buf = f.slab.next(len(f.places))
	}
	return p.buf
}

// Publish lets the frame be read under key, which is not 0. The writer does not touch its buffer any more.
func (f *Frames) Publish(frame, key uint64) {
	p := f.place(frame)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.key = key
}

// Get copies the frame's payload to dst, if it is here under this key.
func (f *Frames) Get(frame, key uint64, dst []byte) bool {
	p := f.place(frame)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.key != key {
		return false
	}
	copy(dst, p.buf.Payload())
	return true
}

// Wipe overwrites and forgets everything.
func (f *Frames) Wipe() {
	for i := range f.places {
		p := &f.places[i]
		p.mu.Lock()
		if p.buf != nil {
			clear(p.buf[:])
		}
		p.key, p.buf = 0, nil
		p.mu.Unlock()
	}
}
