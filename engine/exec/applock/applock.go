// Package applock has the locks that applications give names: sp_getapplock and sp_releaseapplock, which Entity Framework's and Flyway's
// migrations, Hangfire and others use to let one of them work at a time.
//
// [Locks] is one server's; [Locks.Get] waits until a lock is free, a time is over, or the wait would be for ever because two wait for each
// other. A lock belongs to a session or to its transaction ([Locks.EndTransaction]); a session's own locks never stand in its way. Names are
// compared byte by byte, within a database. Nothing is on disk: a server that stops forgets them with the sessions that held them.
package applock

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"latchkey/internal/clock"
)

// Mode is how strong a lock is.
type Mode int

// The modes, by which others they go with.
const (
	IntentShared Mode = iota + 1
	Shared
	Update
	IntentExclusive
	Exclusive
)

// ParseMode reads a mode as the procedure takes it, in any case; false for no mode.
func ParseMode(lower string) (Mode, bool) {
	m, ok := map[string]Mode{"intentshared": IntentShared, "shared": Shared, "update": Update, "intentexclusive": IntentExclusive, "exclusive": Exclusive}[lower]
	return m, ok
}

// compatible reports that two sessions may hold a and b at once.
func compatible(a, b Mode) bool {
	if a > b {
		a, b = b, a
	}
	switch a {
	case IntentShared:
		return b != Exclusive
	case Shared:
		return b == Shared || b == Update
	case IntentExclusive:
		return b == IntentExclusive
	}
	return false
}

// What Get and Release end with.
var (
	ErrTimeout  = errors.New("the time for waiting is over")
	ErrDeadlock = errors.New("the sessions wait for each other")
	ErrTooMany  = errors.New("the session holds too many locks")
	ErrNotHeld  = errors.New("the lock is not held")
)

// maxHeld bounds the locks of one session.
const maxHeld = 1000

// Name is a lock's.
type Name struct {
	Database            int
	Principal, Resource string
}

// Request is a lock that a session asks for.
type Request struct {
	Name        Name
	Mode        Mode
	Session     int
	Transaction bool          // it belongs to the session's transaction
	Timeout     time.Duration // below zero for no end, 0 for no wait
}

// grant is one lock that was given; taken twice, there are two.
type grant struct {
	session     int
	transaction bool
	mode        Mode
}

// waiter is a session that waits.
type waiter struct {
	Request
	ready chan struct{}
	given bool
}

type lock struct {
	grants  []grant
	waiters []*waiter // in the order in which they came
}

// Locks are those of a server. It is for any number of goroutines; the zero value is not usable.
type Locks struct {
	clock clock.Clock

	mu      sync.Mutex
	locks   map[Name]*lock
	held    map[int]int  // by session
	waiting map[int]Name // what a session waits for
}

// New makes locks whose waits are timed by c.
func New(c clock.Clock) *Locks {
	return &Locks{clock: c, locks: make(map[Name]*lock), held: make(map[int]int), waiting: make(map[int]Name)}
}

// free reports that nothing stands in the way of a session: no lock of another, and, for one who holds nothing of it yet, nobody who came first.
func (l *lock) free(session int, mode Mode, queue []*waiter) bool {
	mine := false
	for _, g := range l.grants {
		if g.session == session {
			mine = true
		} else if !compatible(g.mode, mode) {
			return false
		}
	}
	if !mine {
		for _, w := range queue {
			if !compatible(w.Mode, mode) {
				return false
			}
		}
	}
	return true
}

// Get takes a lock. waited says that it was not to be had at once. Errors: ErrTimeout, ErrDeadlock, ErrTooMany, and that of ctx.
func (s *Locks) Get(ctx context.Context, r Request) (waited bool, err error) {
	s.mu.Lock()
	if s.held[r.Session] >= maxHeld {
		s.mu.Unlock()
		return false, ErrTooMany
	}
	l := s.locks[r.Name]
	if l == nil {
		l = &lock{}
		s.locks[r.Name] = l
	}
	if l.free(r.Session, r.Mode, l.waiters) {
		s.give(l, r)
		s.mu.Unlock()
		return false, nil
	}
	if r.Timeout == 0 {
		s.mu.Unlock()
		return false, ErrTimeout
	}
	s.waiting[r.Session] = r.Name
	if s.circle(r.Session) {
		delete(s.waiting, r.Session)
		s.mu.Unlock()
		return false, ErrDeadlock
	}
	w := &waiter{Request: r, ready: make(chan struct{})}
	l.waiters = append(l.waiters, w)
	s.mu.Unlock()

	var over <-chan time.Time
	if r.Timeout > 0 {
		t := s.clock.NewTimer(r.Timeout)
		defer t.Stop()
		over = t.C()
	}
	select {
	case <-w.ready:
	case <-over:
		err = ErrTimeout
	case <-ctx.Done():
		err = ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waiting, r.Session)
	if w.given { // also if it came with the end of the wait
		if err == nil {
			return true, nil
		}
		_ = s.release(r.Name, r.Session, r.Transaction)
		return false, err
	}
	l.waiters = slices.DeleteFunc(l.waiters, func(o *waiter) bool { return o == w })
	s.advance(r.Name, l)
	return false, err
}

func (s *Locks) give(l *lock, r Request) {
	l.grants = append(l.grants, grant{r.Session, r.Transaction, r.Mode})
	s.held[r.Session]++
}

// circle reports that a session waits for one that waits, over any number, for it.
func (s *Locks) circle(start int) bool {
	seen := map[int]bool{}
	var follow func(session int) bool
	follow = func(session int) bool {
		name, ok := s.waiting[session]
		if !ok || seen[session] {
			return false
		}
		seen[session] = true
		l := s.locks[name]
		if l == nil {
			return false
		}
		for _, g := range l.grants {
			if g.session != session && (g.session == start || follow(g.session)) {
				return true
			}
		}
		return false
	}
	return follow(start)
}

// advance gives a lock to those who wait and may have it, and forgets it if nobody wants it.
func (s *Locks) advance(name Name, l *lock) {
	for i := 0; i < len(l.waiters); {
		w := l.waiters[i]
		if !l.free(w.Session, w.Mode, l.waiters[:i]) {
			i++
			continue
		}
		l.waiters = slices.Delete(l.waiters, i, i+1)
		s.give(l, w.Request)
		w.given = true
		close(w.ready)
	}
	if len(l.grants)+len(l.waiters) == 0 {
		delete(s.locks, name)
	}
}

// Release gives one lock back that a session took last under a name: ErrNotHeld if there is none of its session or transaction.
func (s *Locks) Release(name Name, session int, transaction bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.release(name, session, transaction)
}

func (s *Locks) release(name Name, session int, transaction bool) error {
	l := s.locks[name]
	if l == nil {
		return ErrNotHeld
	}
	for i := len(l.grants) - 1; i >= 0; i-- {
		if g := l.grants[i]; g.session == session && g.transaction == transaction {
			l.grants = slices.Delete(l.grants, i, i+1)
			s.less(session, 1)
			s.advance(name, l)
			return nil
		}
	}
	return ErrNotHeld
}

func (s *Locks) less(session, n int) {
	if s.held[session] -= n; s.held[session] <= 0 {
		delete(s.held, session)
	}
}

// EndTransaction gives back what belongs to a session's transaction.
func (s *Locks) EndTransaction(session int) { s.drop(session, true) }

// EndSession gives back all of a session.
func (s *Locks) EndSession(session int) { s.drop(session, false) }

func (s *Locks) drop(session int, transaction bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[session] == 0 {
		return
	}
	for name, l := range s.locks {
		before := len(l.grants)
		l.grants = slices.DeleteFunc(l.grants, func(g grant) bool { return g.session == session && (g.transaction || !transaction) })
		if n := before - len(l.grants); n > 0 {
			s.less(session, n)
			s.advance(name, l)
		}
	}
}
