package databases

import "sync"

// usage counts who uses a database: leases and attachments by session, 0 being the server itself. Each statement counts itself in and out, so
// sessions have shards: what one writes, others on another processor do not, as a rule.
type usage struct{ shards [16]usageShard }

type usageShard struct {
	mu      sync.Mutex
	session int // who has n of them
	n       int
	more    map[int]int // of others
	_       [96]byte    // to the size of two cache lines, which processors fetch together
}

func (u *usage) shard(session int) *usageShard { return &u.shards[session%len(u.shards)] }

// enter counts a user in, if open says so: whoever makes it say no, and counts then, misses nobody.
func (u *usage) enter(session int, open func() bool) bool {
	s := u.shard(session)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !open() {
		return false
	}
	switch {
	case s.n == 0:
		s.session, s.n = session, 1
	case s.session == session:
		s.n++
	default:
		if s.more == nil {
			s.more = make(map[int]int)
		}
		s.more[session]++
	}
	return true
}

// leave counts a user out.
func (u *usage) leave(session int) {
	s := u.shard(session)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n > 0 && s.session == session {
		s.n--
		return
	}
	if s.more[session]--; s.more[session] == 0 {
		delete(s.more, session)
	}
}

// by is how many each session has.
func (u *usage) by() map[int]int {
	out := make(map[int]int)
	for i := range u.shards {
		s := &u.shards[i]
		s.mu.Lock()
		if s.n > 0 {
			out[s.session] += s.n
		}
		for session, n := range s.more {
			out[session] += n
		}
		s.mu.Unlock()
	}
	return out
}

// none reports whether nobody is counted.
func (u *usage) none() bool { return len(u.by()) == 0 }
