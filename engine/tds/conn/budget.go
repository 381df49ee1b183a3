package conn

import (
	"sync"
	"sync/atomic"

	"latchkey/engine/tds"
)

// Budget bounds the memory of all requests of a server that are being read or served. It is safe for concurrent use.
//
// A connection keeps up to the default packet size of what its requests took until it ends, while at most half of the budget is taken:
// then small requests do not write the count that all connections share.
type Budget struct {
	limit int64
	used  atomic.Int64
}

// NewBudget makes a budget of so many bytes.
func NewBudget(limit int64) *Budget { return &Budget{limit: limit} }

// Used is what is taken now, including what open connections keep.
func (b *Budget) Used() int64 {
	if b == nil {
		return 0
	}
	return b.used.Load()
}

func (b *Budget) take(n int) bool {
	if b == nil || n == 0 {
		return true
	}
	if b.used.Add(int64(n)) > b.limit {
		b.used.Add(int64(-n))
		return false
	}
	return true
}

func (b *Budget) give(n int) {
	if b != nil {
		b.used.Add(int64(-n))
	}
}

// share is one connection's part of a Budget. The watcher takes while the session gives back.
type share struct {
	b *Budget

	mu   sync.Mutex
	held int // bytes taken of b
	used int // of them, by requests
}

// keep is the most that a connection keeps for its next requests, in bytes.
const keep = tds.DefaultPacketSize

func (s *share) take(n int) bool {
	if s.b == nil {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if more := s.used + n - s.held; more > 0 {
		if !s.b.take(more) {
			return false
		}
		s.held += more
	}
	s.used += n
	return true
}

func (s *share) give(n int) {
	if s.b == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used -= n
	s.keepLocked(max(s.used, min(s.held, keep)))
	if s.held > s.used && s.b.Used() > s.b.limit/2 { // others need it more
		s.keepLocked(s.used)
	}
}

// end gives everything back.
func (s *share) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used = 0
	s.keepLocked(0)
}

func (s *share) keepLocked(n int) {
	if n != s.held {
		s.b.give(s.held - n)
		s.held = n
	}
}
