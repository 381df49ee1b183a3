// Package sessions keeps the list of a server's sessions: their numbers (SPIDs), who they are, which database each is in.
//
// The listener opens a [Session] for a login that was let in ([Registry.Open]) and closes it when the connection is over. The executor
// tells it where it is ([Session.Enter]) and what it does ([Session.Begin]). Whoever must have a database to itself asks
// [Registry.DatabaseSessions], ends the others ([Registry.KillOthers]) and waits until they are gone ([Registry.WaitAlone]).
//
// A kill ends the session's context, and so its connection: the request under way is cancelled, the transaction rolled back, and the
// session closed by its own goroutine. Nothing here is stored.
package sessions

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"latchkey/engine/catalog/msg"
	"latchkey/internal/clock"
)

// First is the number of the first session of a user, as on a real server; lower ones are the server's own.
const First = 51

// Max is the greatest number of a session.
const Max = 32767

var (
	// ErrFull means that every number is taken.
	ErrFull = errors.New("too many sessions")
	// ErrKilled is the cause of the context of a session that was killed.
	ErrKilled = errors.New("session was killed")
)

// number is the key of a session's number in a context.
type number struct{}

// With gives a context that carries a session's number, for whoever must know for whom something is held.
func With(ctx context.Context, id int) context.Context { return context.WithValue(ctx, number{}, id) }

// Of is the session that a context is of; 0 for work of the server itself.
func Of(ctx context.Context) int {
	id, _ := ctx.Value(number{}).(int)
	return id
}

// Who says who a session is and where it comes from. It does not change.
type Who struct {
	Login     int    // server principal id, as logged in
	LoginName string // the name of that login
	Host      string // of the client's machine, as the client says
	Program   string
	Library   string // the client's interface
	Process   int    // the client's process, as it says
	Remote    string // address and port, as the network says
	Encrypted bool
}

// Session is one session. Its methods are safe for concurrent use.
type Session struct {
	ID int
	Who
	Connected time.Time

	r      *Registry
	cancel context.CancelCauseFunc
	killed atomic.Bool // set under r.mu

	// mu guards what the session does. Each request writes it, so it is not r.mu's: a line that all sessions write would bound how many
	// requests all processors do together. Who needs both takes r.mu first.
	mu      sync.Mutex
	login   int // of EXECUTE AS, else Who.Login
	running bool
	command string
	began   time.Time // of the last request
	ended   time.Time
	open    int // transactions

	// What follows is guarded by r.mu.
	database int
	closed   bool
}

// View is a session at one moment, for system views.
type View struct {
	ID int
	Who
	Connected    time.Time
	Database     int
	Login        int    // whose rights it has now: another one under EXECUTE AS
	Running      bool   // a request is under way
	Command      string // of the last request: its first words' kind, such as SELECT; never text of the user
	Began, Ended time.Time
	Transactions int
}

// Registry is the list of sessions. Make one with [New].
type Registry struct {
	clock clock.Clock

	mu      sync.Mutex
	all     map[int]*Session
	changed chan struct{} // closed and replaced when a session leaves a database
}

// New makes an empty registry. A nil clock means the machine's.
func New(c clock.Clock) *Registry {
	if c == nil {
		c = clock.System{}
	}
	return &Registry{clock: c, all: make(map[int]*Session), changed: make(chan struct{})}
}

// Reserve takes the least free number, for a connection that is not logged in yet; ErrFull if there is none. Give it to Open, or free
// it with release, which may be called in any case.
func (r *Registry) Reserve() (id int, release func(), err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id = First; id <= Max; id++ {
		if _, taken := r.all[id]; !taken {
			r.all[id] = nil
			return id, func() {
				r.mu.Lock()
				defer r.mu.Unlock()
				if s, there := r.all[id]; there && (s == nil || s.closed) {
					delete(r.all, id)
				}
			}, nil
		}
	}
	return 0, nil, ErrFull
}

// Open makes the session of a reserved number. cancel ends its connection; it is called by a kill with [ErrKilled].
func (r *Registry) Open(id int, w Who, cancel context.CancelCauseFunc) *Session {
	now := r.clock.Now()
	s := &Session{ID: id, Who: w, Connected: now, r: r, cancel: cancel, login: w.Login, began: now, ended: now}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all[id] = s
	return s
}

// Close takes the session out of the list: its connection is over.
func (s *Session) Close() {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	if s.r.all[s.ID] == s {
		s.r.all[s.ID] = nil // the number stays reserved until the connection is gone
	}
	s.r.signalLocked()
}

func (r *Registry) signalLocked() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// Enter says that the session is in a database now. With alone it enters only if nobody else is there, and reports whether it did.
func (s *Session) Enter(db int, alone bool) bool {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	if alone && s.r.countLocked(db, s.ID) > 0 {
		return false
	}
	if s.database != db {
		s.database = db
		s.r.signalLocked()
	}
	return true
}

// Database is where the session is.
func (s *Session) Database() int {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	return s.database
}

// SetLogin says whose rights the session has now, for EXECUTE AS and REVERT.
func (s *Session) SetLogin(login int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.login = login
}

// Begin says that a request begins. command is a kind, such as SELECT, and never text that a user wrote.
func (s *Session) Begin(command string) {
	now := s.r.clock.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running, s.command, s.began = true, command, now
}

// End says that the request ended, with so many transactions open.
func (s *Session) End(transactions int) {
	now := s.r.clock.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running, s.open, s.ended = false, transactions, now
}

// Killed reports whether the session was killed.
func (s *Session) Killed() bool { return s.killed.Load() }

// List is all sessions by number.
func (r *Registry) List() []View {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]View, 0, len(r.all))
	for _, s := range r.all {
		if s != nil {
			out = append(out, s.viewLocked())
		}
	}
	slices.SortFunc(out, func(a, b View) int { return a.ID - b.ID })
	return out
}

// viewLocked wants r.mu.
func (s *Session) viewLocked() View {
	s.mu.Lock()
	defer s.mu.Unlock()
	return View{
		ID: s.ID, Who: s.Who, Connected: s.Connected, Database: s.database, Login: s.login, Running: s.running, Command: s.command,
		Began: s.began, Ended: s.ended, Transactions: s.open,
	}
}

// LoginSessions is the number of sessions of a login.
func (r *Registry) LoginSessions(login int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, s := range r.all {
		if s != nil && (s.Who.Login == login || s.actsAs() == login) {
			n++
		}
	}
	return n
}

// actsAs is whose rights the session has now.
func (s *Session) actsAs() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.login
}

// DatabaseSessions is the number of sessions in a database, but for one.
func (r *Registry) DatabaseSessions(db, but int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.countLocked(db, but)
}

func (r *Registry) countLocked(db, but int) int {
	n := 0
	for id, s := range r.all {
		if s != nil && id != but && s.database == db {
			n++
		}
	}
	return n
}

// Kill ends a session: message 6106 if there is none of this number, 6104 for the caller's own.
func (r *Registry) Kill(id, caller int) error {
	if id == caller {
		return msg.New(6104)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.all[id]
	if s == nil {
		return msg.New(6106, id)
	}
	s.killLocked()
	return nil
}

func (s *Session) killLocked() {
	if !s.killed.Swap(true) {
		s.cancel(ErrKilled)
	}
}

// KillOthers ends all sessions in a database but one, and says how many.
func (r *Registry) KillOthers(db, but int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for id, s := range r.all {
		if s != nil && id != but && s.database == db {
			s.killLocked()
			n++
		}
	}
	return n
}

// WaitAlone waits until no session is in a database but one.
func (r *Registry) WaitAlone(ctx context.Context, db, but int) error {
	for {
		r.mu.Lock()
		n, changed := r.countLocked(db, but), r.changed
		r.mu.Unlock()
		if n == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
