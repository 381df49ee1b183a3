package server

import (
	"context"
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

// throttle spaces the login attempts of addresses with failures. An attempt counts as a failure from before its password is looked at
// until its outcome is known, so that many at once get no further than as many one by one. It is safe for concurrent use.
type throttle struct {
	clock clock.Clock

	mu sync.Mutex
	by map[netip.Prefix]*tries
}

type tries struct {
	failures int
	open     int       // attempts whose outcome is not known
	waiting  int       // for one of those
	last     time.Time // failure
	next     time.Time // when the next attempt may be
	settled  chan struct{}
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

// enter waits until an attempt of the address may be made, and reports whether it may: false if the queue is too long. After true
// settle must be called. The error is that of ctx.
func (t *throttle) enter(ctx context.Context, a netip.Prefix) (bool, error) {
	for {
		wait, settled, ok := t.ask(a)
		switch {
		case !ok:
			return false, nil
		case settled == nil:
			err := clock.Sleep(ctx, t.clock, wait)
			if err != nil {
				t.settle(a, abandoned)
			}
			return err == nil, err
		}
		select {
		case <-settled:
			t.woken(a)
		case <-ctx.Done():
			t.woken(a)
			return false, ctx.Err()
		}
	}
}

// ask takes the next place in the address's queue and says how long to wait for it; with settled, no place is taken: ask again when
// it is closed. false means that the queue is too long.
func (t *throttle) ask(a netip.Prefix) (wait time.Duration, settled <-chan struct{}, ok bool) {
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
	f.forget(now)
	if f.failures < freeFailures {
		if f.failures+f.open < freeFailures {
			f.open++
			return 0, nil, true
		}
		if f.settled == nil {
			f.settled = make(chan struct{})
		}
		f.waiting++
		return 0, f.settled, true
	}
	at := now
	if f.next.After(at) {
		at = f.next
	}
	if at.Sub(now) > mostWait {
		return 0, nil, false
	}
	f.open++
	f.next = at.Add(f.gap())
	return at.Sub(now), nil, true
}

// forget is for who has not failed for long.
func (f *tries) forget(now time.Time) {
	if f.failures > 0 && now.Sub(f.last) > forgetAfter {
		f.failures, f.next = 0, time.Time{}
	}
}

func (t *throttle) woken(a netip.Prefix) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if f := t.by[a]; f != nil {
		f.waiting--
		t.dropLocked(a, f)
	}
}

// dropLocked forgets an address against which there is nothing.
func (t *throttle) dropLocked(a netip.Prefix, f *tries) {
	if f.failures == 0 && f.open == 0 && f.waiting == 0 {
		delete(t.by, a)
	}
}

// gap is how far the next attempt is from the one before, as if all that are open fail.
func (f *tries) gap() time.Duration {
	gap := firstGap
	for i := freeFailures; i < f.failures+f.open && gap < mostGap; i++ {
		gap *= 2
	}
	return min(gap, mostGap)
}

// What comes of an attempt.
type outcome int

const (
	abandoned outcome = iota // it tells nothing of the password
	failed
	succeeded
)

// settle says what came of an attempt. One right password among many wrong ones halves what is held against the address and does not
// clear it.
func (t *throttle) settle(a netip.Prefix, o outcome) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.by[a]
	if f == nil {
		return
	}
	f.open--
	switch o {
	case failed:
		now := t.clock.Now()
		f.forget(now)
		f.failures++
		f.last = now
		if f.failures >= freeFailures {
			if at := now.Add(f.gap()); at.After(f.next) {
				f.next = at
			}
		}
	case succeeded:
		f.failures /= 2
	}
	if f.settled != nil {
		close(f.settled)
		f.settled = nil
	}
	t.dropLocked(a, f)
}

// forgetLocked makes room: what is old, else any that nobody is using. It makes more than one place, since looking through all costs.
func (t *throttle) forgetLocked(now time.Time) {
	for a, f := range t.by {
		f.forget(now)
		t.dropLocked(a, f)
	}
	for a, f := range t.by {
		if len(t.by) < mostTracked-mostTracked/16 {
			return
		}
		if f.open == 0 && f.waiting == 0 {
			delete(t.by, a)
		}
	}
}
