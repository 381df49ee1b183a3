package entra

import (
	"crypto/sha256"
	"net/netip"
	"sync"
	"time"
)

// replayCache remembers client assertions until they expire. The same assertion may come again from where it first came
// from, a few times: clients repeat requests whose answer was lost, and some keep one assertion for all resources of its ten
// minutes. The same jti in another assertion, or the same assertion from elsewhere, is a replay.
type replayCache struct {
	mu    sync.Mutex
	uses  int
	seen  map[[sha256.Size]byte]*seenAssertion // by client id and jti
	swept time.Time
}

type seenAssertion struct {
	raw  [sha256.Size]byte
	addr netip.Addr
	end  time.Time
	uses int
}

// maxSeen bounds the memory. Only holders of a registered key get in here; when it is full of unexpired ones the next is
// refused rather than one forgotten.
const maxSeen = 1 << 17

func newReplayCache(uses int) *replayCache {
	return &replayCache{uses: uses, seen: map[[sha256.Size]byte]*seenAssertion{}}
}

// use reports whether this use of the assertion is allowed, and counts it.
func (r *replayCache) use(client, jti, raw string, addr netip.Addr, end, now time.Time) bool {
	key := sha256.Sum256([]byte(client + "\x00" + jti))
	sum := sha256.Sum256([]byte(raw))
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.swept) > time.Minute || now.Before(r.swept) || len(r.seen) >= maxSeen {
		for k, s := range r.seen {
			if now.After(s.end) {
				delete(r.seen, k)
			}
		}
		r.swept = now
	}
	s := r.seen[key]
	if s == nil {
		if len(r.seen) >= maxSeen {
			return false
		}
		r.seen[key] = &seenAssertion{raw: sum, addr: addr, end: end, uses: 1}
		return true
	}
	if s.raw != sum || s.addr != addr || s.uses >= r.uses {
		return false
	}
	s.uses++
	return true
}

// failures counts failed authentications by application and address, to slow down clients that are set up wrongly or mean
// harm. It guards no secret: one of 256 random bits is not found by trying.
type failures struct {
	mu sync.Mutex
	m  map[failureKey]*failureCount
}

type failureKey struct {
	client string // "" for all unknown ones
	addr   netip.Addr
}

type failureCount struct {
	n     int
	since time.Time
}

const (
	maxFailures   = 10 // in failureWindow; further ones are told to wait
	failureWindow = time.Minute
	maxFailureMap = 1 << 16
)

func newFailures() *failures { return &failures{m: map[failureKey]*failureCount{}} }

// count notes a failure. Once there are too many it returns how long to wait instead, and counts no further.
func (f *failures) count(client string, addr netip.Addr, now time.Time) (wait time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	k := failureKey{client, addr}
	c := f.m[k]
	if c == nil || now.Sub(c.since) >= failureWindow || now.Before(c.since) {
		if c == nil && len(f.m) >= maxFailureMap {
			for old, oc := range f.m {
				if now.Sub(oc.since) >= failureWindow {
					delete(f.m, old)
				}
			}
			if len(f.m) >= maxFailureMap { // an attack from very many addresses: start over rather than grow
				clear(f.m)
			}
		}
		c = &failureCount{since: now}
		f.m[k] = c
	}
	if c.n >= maxFailures {
		return c.since.Add(failureWindow).Sub(now).Truncate(time.Second) + time.Second
	}
	c.n++
	return 0
}
