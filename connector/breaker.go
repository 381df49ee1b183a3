package connector

import (
	"context"
	"fmt"
	"sync"
	"time"

	"latchkey/ekm/code"
	"latchkey/ekm/keystore"
	"latchkey/internal/clock"
)

// breaker keeps calls from a vault that does not answer. It opens after a run of outages; then one call at a time probes, and
// the others wait for what the probe finds. A probe that is not answered soon is not waited for: another one may find that the vault is back
// while the first hangs on what was lost. Once the outage has lasted longer than a call may, calls do not wait any more.
type breaker struct {
	vault  string
	clock  clock.Clock
	rand   func() float64
	budget time.Duration
	soon   time.Duration // in which a probe is waited for
	event  func(Event)

	mu      sync.Mutex
	run     int       // outages since the last answer
	since   time.Time // of the first of them
	open    bool
	probes  int       // under way
	probed  time.Time // when the last of them began
	scouts  int       // tries beside others under way
	scouted time.Time // when the last of them began
	until   time.Time // no probe before
	rest    time.Duration
	last    error
	changed chan struct{} // closed and replaced when open or probing changes
}

const (
	breakAfter = 5
	firstRest  = 250 * time.Millisecond
	longRest   = 2 * time.Second // a probe in that time is no burden for a vault, and whoever waits for it is back in seconds
)

func newBreaker(p *Provider, vault string) *breaker {
	return &breaker{
		vault: vault, clock: p.clock, rand: p.rand, budget: p.cfg.Budget, soon: p.cfg.TryTimeout / impatient, event: p.emit,
		changed: make(chan struct{}),
	}
}

// enter waits until a call may go to the vault; probe tells it that it goes alone and must leave as one.
func (b *breaker) enter(ctx context.Context) (probe bool, err error) {
	for {
		b.mu.Lock()
		now := b.clock.Now()
		next := b.until
		if soon := b.probed.Add(b.soon); b.probes > 0 && soon.After(next) {
			next = soon
		}
		switch {
		case !b.open:
			b.mu.Unlock()
			return false, nil
		case !now.Before(next):
			b.probes++
			b.probed = now
			b.mu.Unlock()
			return true, nil
		case now.Sub(b.since) > b.budget:
			err := b.restingLocked()
			b.mu.Unlock()
			return false, err
		}
		changed, wait := b.changed, next.Sub(now)
		b.mu.Unlock()
		t := b.clock.NewTimer(wait)
		select {
		case <-changed:
		case <-t.C():
		case <-ctx.Done():
			t.Stop()
			b.mu.Lock()
			err := b.restingLocked()
			b.mu.Unlock()
			return false, err
		}
		t.Stop()
	}
}

// restingLocked is the error for a call that was not let through: the code of the outage, so that it means what it means.
func (b *breaker) restingLocked() error {
	c := code.Of(b.last)
	if c == 0 {
		c = code.HTTPSendRequest
	}
	f := &keystore.Failure{Class: keystore.Outage, Err: b.last}
	f.Detail = fmt.Sprintf("no answer for %v", b.clock.Now().Sub(b.since).Round(time.Second))
	return code.Wrap(c, "calling", b.vault, code.Wrap(code.VaultResting, "", "", f))
}

// leave reports what became of a call that enter let through.
func (b *breaker) leave(probe bool, err error) {
	class := keystore.ClassOf(err)
	b.mu.Lock()
	var e Event
	now := b.clock.Now()
	wasOpen := b.open
	if probe {
		b.probes--
	}
	switch {
	case err != nil && (class == keystore.Canceled || class == keystore.Throttled):
		// says nothing of the vault; another may probe
	case err != nil && class == keystore.Outage:
		b.last = err
		if b.run == 0 {
			b.since = now
		}
		b.run++
		if probe || !b.open && b.run >= breakAfter {
			b.rest = min(max(firstRest, 2*b.rest), longRest)
			b.until = now.Add(time.Duration(float64(b.rest) * (0.5 + 0.5*b.rand())))
			b.open = true
		}
	case probe || !b.open: // a late answer of an older call does not end the outage
		if b.open {
			e = Event{Kind: VaultUp, Vault: b.vault, Duration: now.Sub(b.since), Count: b.run}
		}
		b.open, b.run, b.rest, b.last = false, 0, 0, nil
	}
	if b.open && !wasOpen {
		e = Event{Kind: VaultDown, Vault: b.vault, Err: err, Code: code.Of(err), Count: b.run}
	}
	if probe || b.open != wasOpen {
		close(b.changed)
		b.changed = make(chan struct{})
	}
	b.mu.Unlock()
	if e.Kind != 0 {
		b.event(e)
	}
}

// maxScouts bounds the tries beside others: where they are answered there is room for the next at once, and a vault that is slow because it has
// too much to do does not get much more.
const maxScouts = 2

// scout reports whether a try may begin beside one that has no answer; if so, the result must be called at its end.
func (b *breaker) scout() (done func(), ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.clock.Now()
	if b.scouts >= maxScouts && now.Sub(b.scouted) < b.soon {
		return nil, false
	}
	b.scouts++
	b.scouted = now
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.scouts--
	}, true
}

// quiet reports that the breaker knows of no outage.
func (b *breaker) quiet() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.open && b.run == 0 && b.probes == 0 && b.scouts == 0
}
