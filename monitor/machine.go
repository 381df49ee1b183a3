package monitor

import "time"

// State is what a database's access to its key is known to be.
type State uint8

// The states. Their numbers are stored.
const (
	Online            State = iota // the key can be used, or nothing else is confirmed
	Suspect                        // refused, but not often enough to act; the database serves
	Inaccessible                   // closed; comes back by itself
	NeedsRevalidation              // closed; a person must ask for it
	Revalidating                   // a person has asked; the next check decides
)

var stateNames = [...]string{"ONLINE", "SUSPECT", "INACCESSIBLE", "NEEDS_REVALIDATION", "REVALIDATING"}

// String is the state's name as views show it.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "UNKNOWN"
}

// Serves reports whether the database is open in this state.
func (s State) Serves() bool { return s == Online || s == Suspect }

// Result is what a check found. The zero value is "granted".
type Result struct {
	Cause Cause
	Code  int32  // the provider's code; 0 if there is none
	Text  string // the message for people, one line; it must hold no secret
}

// Status is a machine's memory. It is what to store, and all that Resume needs.
type Status struct {
	State    State
	Since    time.Time // of State
	Last     Result    // of the last check
	LastAt   time.Time
	Outage   time.Time // since when there is no answer; zero if the last check had one
	Refusals int       // in a row, not counting checks without an answer
	FirstAt  time.Time // of these refusals
	Closed   Result    // why the database was closed; in states that do not serve
	ClosedAt time.Time // where the window begins; moved on by the time without an answer
}

// Machine is the state machine of one database. The zero value is not usable: New or Resume. It is not for concurrent use.
type Machine struct {
	profile Profile
	s       Status
}

// New is a machine for a database that was just opened.
func New(p Profile, now time.Time) *Machine {
	return &Machine{profile: p, s: Status{State: Online, Since: now}}
}

// Resume is a machine that goes on from what was stored. The time while nobody looked counts towards the window.
func Resume(p Profile, s Status) *Machine { return &Machine{profile: p, s: s} }

// Status is the machine's memory.
func (m *Machine) Status() Status { return m.s }

// Profile is how the machine decides.
func (m *Machine) Profile() Profile { return m.profile }

// SetProfile changes how it decides from now on.
func (m *Machine) SetProfile(p Profile) { m.profile = p }

// Wait is the time from a check to the next one. random is from 0 to 1, exclusive.
func (m *Machine) Wait(random float64) time.Duration {
	d := m.profile.Retry
	if m.s.State == Online && m.s.Outage.IsZero() {
		d = m.profile.Poll
	}
	return d + time.Duration(float64(d)*m.profile.Jitter*(2*random-1))
}

// Check takes what a check found and returns the events that follow. The caller opens or closes the database when State.Serves has changed.
func (m *Machine) Check(now time.Time, r Result) []Event {
	before := m.s.State
	m.remember(now, r)
	switch {
	case r.Cause == Granted:
		return m.granted(now, before)
	case before == Revalidating:
		if m.enter(now, Inaccessible); m.windowOver(now) {
			m.enter(now, NeedsRevalidation)
		}
		return []Event{m.event(now, restoreFailed, r)}
	case !r.Cause.Refusal():
		return nil
	}
	switch before {
	case Online:
		m.enter(now, Suspect)
		fallthrough
	case Suspect:
		if m.s.Refusals >= m.profile.Tries && now.Sub(m.s.FirstAt) >= m.profile.Over {
			return m.close(now, r)
		}
	case Inaccessible:
		if !m.s.Closed.Cause.Refusal() {
			m.s.ClosedAt = now // it was an outage until now
		}
		m.s.Closed = r
		if m.windowOver(now) {
			m.enter(now, NeedsRevalidation)
			return []Event{m.event(now, wantsRevalidation, r)}
		}
	}
	return nil
}

// setBack is a clock that was set back: what lies ahead of now begins now, so that a refusal is confirmed as late as ever and not when the clock has come
// that far again.
func (m *Machine) setBack(now time.Time) {
	for _, t := range []*time.Time{&m.s.Since, &m.s.Outage, &m.s.FirstAt, &m.s.ClosedAt} {
		if t.After(now) {
			*t = now
		}
	}
}

func (m *Machine) remember(now time.Time, r Result) {
	m.setBack(now)
	m.s.Last, m.s.LastAt = r, now
	if r.Cause != NoAnswer && !m.s.Outage.IsZero() && !m.s.State.Serves() {
		m.s.ClosedAt = m.s.ClosedAt.Add(now.Sub(m.s.Outage))
	}
	switch {
	case r.Cause == Granted:
		m.s.Outage, m.s.Refusals, m.s.FirstAt = time.Time{}, 0, time.Time{}
	case r.Cause.Refusal():
		if m.s.Refusals == 0 {
			m.s.FirstAt = now
		}
		m.s.Refusals++
		m.s.Outage = time.Time{}
	case m.s.Outage.IsZero():
		m.s.Outage = now
	}
}

func (m *Machine) granted(now time.Time, before State) []Event {
	switch before {
	case Online:
		return nil
	case Suspect:
		m.enter(now, Online)
		return nil
	case Inaccessible:
		if m.windowOver(now) {
			m.enter(now, NeedsRevalidation)
			return []Event{m.event(now, wantsRevalidation, m.s.Closed)}
		}
	case NeedsRevalidation:
		if m.profile.Window > 0 {
			return nil // a person has to ask
		}
	}
	why := m.s.Closed
	m.enter(now, Online)
	m.s.Closed, m.s.ClosedAt = Result{}, time.Time{}
	return []Event{m.event(now, online, why)}
}

// windowOver reports whether the database has been refused its key for longer than it heals by itself.
func (m *Machine) windowOver(now time.Time) bool {
	return m.profile.Window > 0 && m.s.Closed.Cause.Refusal() && now.Sub(m.s.ClosedAt) > m.profile.Window
}

func (m *Machine) enter(now time.Time, s State) { m.s.State, m.s.Since = s, now }

// close makes the database inaccessible.
func (m *Machine) close(now time.Time, r Result) []Event {
	m.enter(now, Inaccessible)
	m.s.Closed, m.s.ClosedAt = r, now
	return []Event{m.event(now, lost, r), m.event(now, waiting, r)}
}

// Failed tells that the database could not be opened, at start-up or later, for this reason: it is inaccessible at once, since it is closed anyway.
// In a state that does not serve it is a check like another.
func (m *Machine) Failed(now time.Time, r Result) []Event {
	if !m.s.State.Serves() {
		return m.Check(now, r)
	}
	m.remember(now, r)
	return m.close(now, r)
}

// Revoke closes the database at once: somebody who may has said so, and no confirmation is needed.
func (m *Machine) Revoke(now time.Time, r Result) []Event {
	if !m.s.State.Serves() {
		return nil
	}
	m.remember(now, r)
	return m.close(now, r)
}

// Revalidate is a person asking for the database after the window, or before its end without wanting to wait. The caller checks at once and passes the
// result to Check. False if there is nothing to ask for.
func (m *Machine) Revalidate(now time.Time) ([]Event, bool) {
	if m.s.State != NeedsRevalidation && m.s.State != Inaccessible {
		return nil, false
	}
	m.enter(now, Revalidating)
	return []Event{m.event(now, restoring, m.s.Closed)}, true
}
