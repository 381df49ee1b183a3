// Package clock is the one source of time. Everything that reads the time or waits takes a [Clock]; production passes
// [System], tests pass a [Fake] and move it by hand, so that no test sleeps and every deadline can be reached on purpose.
//
// Durations measured for a person (how long a step took) may use package time directly; anything that decides
// (expiry, retry, rotation, purge, a state change) must not.
package clock

import (
	"context"
	"time"
)

// Clock tells the time and makes timers. Implementations are safe for concurrent use.
type Clock interface {
	// Now is the current time. On System it carries the monotonic reading.
	Now() time.Time
	// NewTimer makes a timer that fires once, d from now; d <= 0 fires at once.
	NewTimer(d time.Duration) Timer
}

// Timer is a one-shot timer of a Clock.
type Timer interface {
	// C receives the firing time, once for each arming.
	C() <-chan time.Time
	// Stop disarms the timer and reports whether it was armed. Nothing is received from C after it returns.
	Stop() bool
	// Reset arms the timer again, d from now, and reports whether it was armed.
	Reset(d time.Duration) bool
}

// Sleep waits for d on c, or until ctx ends, whose error it then returns.
func Sleep(ctx context.Context, c Clock, d time.Duration) error {
	if err := ctx.Err(); err != nil || d <= 0 {
		return err
	}
	t := c.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// System is the machine's clock. Its zero value is ready.
type System struct{}

// Now is time.Now.
func (System) Now() time.Time { return time.Now() }

// NewTimer is time.NewTimer.
func (System) NewTimer(d time.Duration) Timer { return systemTimer{time.NewTimer(d)} }

type systemTimer struct{ t *time.Timer }

func (t systemTimer) C() <-chan time.Time        { return t.t.C }
func (t systemTimer) Stop() bool                 { return t.t.Stop() }
func (t systemTimer) Reset(d time.Duration) bool { return t.t.Reset(d) }
