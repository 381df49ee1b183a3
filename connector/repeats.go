package connector

import (
	"strings"
	"sync"
	"time"

	"latchkey/ekm/keystore"
)

// repeats keeps a failure that comes again and again, such as that of a check every other second, from filling the log: the first is written, then one in
// each logAgain, with the number of those between. A call that succeeds makes the next failure a first one.
type repeats struct {
	mu   sync.Mutex
	seen map[string]map[string]*repeated // by call, then by failure
}

type repeated struct {
	at      time.Time // when it was written last
	between int
}

const (
	logAgain  = 10 * time.Minute
	maxCalls  = 10_000 // remembered; beyond, everything is written
	maxFaults = 16     // of one call
)

// write reports whether to write an event, and how many like it were not written before.
func (r *repeats) write(e *Event) (between int, ok bool) {
	switch e.Kind {
	case CallDone, Refused, Suspected, MapFailed:
	default:
		return 0, true
	}
	call := strings.Join([]string{e.Op, e.Vault, e.Identity, e.Key, e.Thumbprint.String()}, "\x00")
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.Err == nil {
		delete(r.seen, call)
		return 0, true
	}
	fault := e.Kind.String() + "\x00" + e.Code.String()
	if f := keystore.FailureOf(e.Err); f != nil {
		fault += "\x00" + f.Class.String() + "\x00" + f.Reason
	}
	faults := r.seen[call]
	if faults == nil {
		if len(r.seen) >= maxCalls {
			return 0, true
		}
		if r.seen == nil {
			r.seen = map[string]map[string]*repeated{}
		}
		faults = map[string]*repeated{}
		r.seen[call] = faults
	}
	one := faults[fault]
	switch {
	case one == nil:
		if len(faults) < maxFaults {
			faults[fault] = &repeated{at: e.Time}
		}
		return 0, true
	case e.Time.Sub(one.at) < logAgain && !e.Time.Before(one.at):
		one.between++
		return 0, false
	}
	between = one.between
	*one = repeated{at: e.Time}
	return between, true
}
