package server

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"latchkey/internal/clock"
)

// How failed logins slow their address down.
const (
	freeFailures = 5                      // so many cost nothing
	firstGap     = 250 * time.Millisecond // between attempts after that; it doubles with each failure
	mostGap      = 4 * time.Second
	mostWait     = 8 * time.Second  // who would wait longer is refused; below conn's login timeout
	forgetAfter  = 15 * time.Minute // without a failure
	mostTracked  = 8192             // addresses
)

// throttle spaces the login attempts of addresses with failures. It is safe for concurrent use.
type throttle struct {
	clock clock.Clock

	mu sync.Mutex
	by map[netip.Prefix]*tries
}

type tries struct {
	failures int
	last     time.Time // failure
	next     time.Time // when the next attempt may be
}

func newThrottle(c clock.Clock) *throttle {
	return &throttle{clock: c, by: make(map[netip.Prefix]*tries)}
}

// network is what counts as one address: for IPv6 what one customer has.
func network(a net.Addr) netip.Prefix {
	var ip netip.Addr
	if t, ok := a.(*net.TCPAddr); ok {
		ip, _ = netip.AddrFromSlice(t.IP)
	}
	ip = ip.Unmap()
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	p, err := ip.WithZone("").Prefix(bits)
	if err != nil {
		return netip.Prefix{} // all that have no address are one
	}
	return p
}

// reserve takes the next place in the address's queue and says how long to wait for it; false if the queue is too long.
func (t *throttle) reserve(a netip.Prefix) (time.Duration, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.by[a]
	if f == nil || f.failures < freeFailures {
		return 0, true
	}
	now := t.clock.Now()
	if now.Sub(f.last) > forgetAfter {
		delete(t.by, a)
		return 0, true
	}
	at := now
	if f.next.After(at) {
		at = f.next
	}
	if at.Sub(now) > mostWait {
		return 0, false
	}
	f.next = at.Add(f.gap())
	return at.Sub(now), true
}

func (f *tries) gap() time.Duration {
	gap := firstGap
	for i := freeFailures; i < f.failures && gap < mostGap; i++ {
		gap *= 2
	}
	return min(gap, mostGap)
}

// fail counts a failure.
func (t *throttle) fail(a netip.Prefix) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.clock.Now()
	f := t.by[a]
	if f == nil {
		if len(t.by) >= mostTracked {
			t.forgetLocked(now)
		}
		f = &tries{}
		t.by[a] = f
	}
	if now.Sub(f.last) > forgetAfter {
		*f = tries{}
	}
	f.failures++
	f.last = now
	if f.failures >= freeFailures {
		if at := now.Add(f.gap()); at.After(f.next) {
			f.next = at
		}
	}
}

// succeed halves what is held against an address: one right password among many wrong ones does not clear it.
func (t *throttle) succeed(a netip.Prefix) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if f := t.by[a]; f != nil {
		f.failures /= 2
		if f.failures == 0 {
			delete(t.by, a)
		}
	}
}

// forgetLocked makes room: what is old, else any.
func (t *throttle) forgetLocked(now time.Time) {
	for a, f := range t.by {
		if now.Sub(f.last) > forgetAfter {
			delete(t.by, a)
		}
	}
	for a := range t.by {
		if len(t.by) < mostTracked {
			return
		}
		delete(t.by, a)
	}
}
