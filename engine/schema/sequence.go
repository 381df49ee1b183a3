package schema

import (
	"sync"

	"latchkey/engine/catalog/msg"
	"latchkey/engine/lite"
)

// Run is the values of a sequence under one version of its definition. Values come from a reserve whose end is in the database, committed,
// before one of them is given, so that none is given twice whatever becomes of transactions and of the server; what was left of the
// reserve when the server ended is skipped. Who holds the database's write lock reserves in its own transaction: such values are safe with
// its commit. A Run is safe for concurrent use.
type Run struct {
	s *Shared
	q *Sequence

	mu       sync.Mutex
	loaded   bool
	used     bool // a value was given, or may have been
	last     int64
	lap      int // how often the sequence began anew
	reserved Reserve
}

// runKey finds a Run.
type runKey struct {
	id      int
	version int64
}

// Reserve is how far values may be given. The zero value is no reserve.
type Reserve struct {
	end int64
	lap int
	ok  bool
}

// reserveSize is how many values a sequence reserves that leaves it to the server.
const reserveSize = 50

// Run is the values of a sequence.
func (s *Shared) Run(q *Sequence) *Run {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := runKey{q.ID, q.Version}
	r := s.runs[k]
	if r == nil {
		r = &Run{s: s, q: q}
		s.runs[k] = r
	}
	return r
}

// Find is the values of a sequence that was asked for before, nil if it was not.
func (s *Shared) Find(id int, version int64) *Run {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.runs[runKey{id, version}]
}

// Next gives the next value if the committed reserve has it, or the one of the caller's transaction, which may be nil. The error is
// message 11728.
func (r *Run) Next(own *Reserve) (v int64, ok bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.loaded {
		return 0, false, nil
	}
	v, wraps, err := r.following()
	if err != nil {
		return 0, false, err
	}
	lap := r.lap
	if wraps {
		lap++
	}
	if !r.reserved.has(r.q, v, lap) && (own == nil || !own.has(r.q, v, lap)) {
		return 0, false, nil
	}
	r.last, r.used, r.lap = v, true, lap
	return v, true, nil
}

// following is the value behind the last one; wraps says that the sequence begins anew.
func (r *Run) following() (v int64, wraps bool, err error) {
	q := r.q
	if !r.used {
		return q.Start, false, nil
	}
	v, ok := add(r.last, q.Increment, 1)
	if ok && v >= q.Min && v <= q.Max {
		return v, false, nil
	}
	if !q.Cycle {
		return 0, false, msg.New(11728, q.Schema+"."+q.Name)
	}
	if q.Increment < 0 {
		return q.Max, true, nil
	}
	return q.Min, true, nil
}

func (e Reserve) has(q *Sequence, v int64, lap int) bool {
	return e.ok && e.lap == lap && (q.Increment > 0 && v <= e.end || q.Increment < 0 && v >= e.end)
}

// reserve is how many values are reserved at once.
func (q *Sequence) reserve() int64 {
	switch {
	case q.Cache < 0:
		return reserveSize
	case q.Cache == 0:
		return 1
	}
	return int64(q.Cache)
}

// Reserve writes the end of a new reserve in the connection's transaction, which holds the write lock. Hand it to [Run.Committed] behind the
// commit, or to [Run.Next] inside the transaction. The error is message 11728.
func (r *Run) Reserve(c *lite.Conn) (Reserve, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.loaded {
		k := counter{}
		if err := k.load(r.s, c, r.q.ID, true); err != nil {
			return Reserve{}, err
		}
		r.loaded, r.used, r.last = true, k.used, k.last
	}
	v, wraps, err := r.following()
	if err != nil {
		return Reserve{}, err
	}
	end, ok := add(v, r.q.Increment, r.q.reserve()-1)
	if r.q.Increment > 0 && (!ok || end > r.q.Max) {
		end = r.q.Max
	} else if r.q.Increment < 0 && (!ok || end < r.q.Min) {
		end = r.q.Min
	}
	lap := r.lap
	if wraps {
		lap++
	}
	return Reserve{end, lap, true}, r.s.store(c, r.q.ID, end, true)
}

// Committed takes a reserve whose transaction was committed.
func (r *Run) Committed(e Reserve) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reserved = e
}

// Last is the last value that a sequence gave, false if it gave none yet: sys.sequences.current_value.
func (s *Shared) Last(c *lite.Conn, q *Sequence) (int64, bool, error) {
	r := s.Run(q)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.loaded {
		return r.last, r.used, nil
	}
	k := counter{}
	err := k.load(s, c, q.ID, true)
	return k.last, k.used, err
}

// Restart makes a sequence begin at its start, in the connection's transaction.
func (s *Shared) Restart(c *lite.Conn, q *Sequence) error { return s.store(c, q.ID, 0, false) }
