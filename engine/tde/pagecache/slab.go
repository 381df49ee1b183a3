package pagecache

import (
	"sync"

	"latchkey/engine/tde/pagecipher"
)

// A slab cuts buffers from chunks that the system may back with huge pages. In 64 MB of small pages nearly every access to a
// buffer misses the processor's table of pages, and each buffer's first use is a page fault: under a hypervisor these cost
// more than sealing a page.
type slab struct {
	sync.Mutex
	chunk []pagecipher.FrameBuf
	size  int // of the last chunk
}

const (
	firstChunk = 64   // buffers: a small database shall stay small
	mostChunk  = 2048 // 8 MB
)

// next is a buffer that nobody has. limit is how many will be needed about.
func (s *slab) next(limit int) *pagecipher.FrameBuf {
	s.Lock()
	defer s.Unlock()
	if len(s.chunk) == 0 {
		s.size = min(max(firstChunk, 2*s.size), mostChunk, max(limit, 1))
		s.chunk = make([]pagecipher.FrameBuf, s.size)
		huge(s.chunk)
	}
	b := &s.chunk[0]
	s.chunk = s.chunk[1:]
	return b
}
