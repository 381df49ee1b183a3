package clock

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Fake is a clock that stands still until it is told to move. Make one with [NewFake].
type Fake struct {
	mu      sync.Mutex
	now     time.Time
	armed   []*fakeTimer
	changed chan struct{} // closed and replaced whenever armed changes
}

// NewFake makes a Fake that shows t.
func NewFake(t time.Time) *Fake {
	return &Fake{now: t, changed: make(chan struct{})}
}

// Now is the time the clock was last set to.
func (f *Fake) Now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

// NewTimer makes a timer that fires when the clock is moved past its time.
func (f *Fake) NewTimer(d time.Duration) Timer {
	t := &fakeTimer{clock: f, c: make(chan time.Time, 1)}
	t.Reset(d)
	return t
}

// Advance moves the clock by d and fires, in order of their times, all timers that became due. Each timer sees the clock
// at its own time, so that a chain of waits within d is only driven as far as the woken goroutines re-arm in between:
// use [Fake.BlockUntil] between steps when they must.
func (f *Fake) Advance(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	end := f.now.Add(d)
	for len(f.armed) > 0 {
		next := slices.MinFunc(f.armed, func(a, b *fakeTimer) int { return a.at.Compare(b.at) })
		if next.at.After(end) {
			break
		}
		if next.at.After(f.now) {
			f.now = next.at
		}
		f.removeLocked(next)
		next.c <- f.now
	}
	f.now = end
}

// Set moves the clock to t. A t before the current time moves it back without firing anything, as a wrong clock would.
func (f *Fake) Set(t time.Time) {
	f.mu.Lock()
	d := t.Sub(f.now)
	if d < 0 {
		f.now = t
	}
	f.mu.Unlock()
	if d >= 0 {
		f.Advance(d)
	}
}

// BlockUntil waits until at least n timers are armed, so that a test moves the clock only once the code under test waits
// for it. It returns ctx's error if that ends first.
func (f *Fake) BlockUntil(ctx context.Context, n int) error {
	for {
		f.mu.Lock()
		have, changed := len(f.armed), f.changed
		f.mu.Unlock()
		if have >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (f *Fake) removeLocked(t *fakeTimer) bool {
	i := slices.Index(f.armed, t)
	if i < 0 {
		return false
	}
	f.armed = slices.Delete(f.armed, i, i+1)
	f.noteLocked()
	return true
}

func (f *Fake) noteLocked() {
	close(f.changed)
	f.changed = make(chan struct{})
}

type fakeTimer struct {
	clock *Fake
	c     chan time.Time
	at    time.Time
}

func (t *fakeTimer) C() <-chan time.Time { return t.c }

func (t *fakeTimer) Stop() bool {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	return t.stopLocked()
}

func (t *fakeTimer) stopLocked() bool {
	was := t.clock.removeLocked(t)
	select { // a firing that nobody received is taken back, as time.Timer does
	case <-t.c:
	default:
	}
	return was
}

func (t *fakeTimer) Reset(d time.Duration) bool {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	was := t.stopLocked()
	t.at = t.clock.now.Add(d)
	if d <= 0 {
		t.c <- t.clock.now
		return was
	}
	t.clock.armed = append(t.clock.armed, t)
	t.clock.noteLocked()
	return was
}
