package connector

import (
	"context"
	"sync"
	"time"

	"latchkey/ekm/keystore"
)

// stages are the days before an end at which it is reported; a function, because package variables could be changed.
func stages() []int { return []int{60, 30, 14, 7, 1} }

const day = 24 * time.Hour

// maxWatched bounds the objects that are remembered; beyond, the newest are not watched between sightings.
const maxWatched = 10_000

// expiryWatch remembers what was seen to end, and reports each stage once.
type expiryWatch struct {
	p *Provider

	mu   sync.Mutex
	seen map[string]*watched
	wake chan struct{} // the earliest stage may have changed
}

type watched struct {
	keystore.Expiry
	reported int // the stage reported last, in days; -1 for the end; 1<<30 for none
	early    bool
}

// see notes an expiry; it is what clients of vaults call.
func (w *expiryWatch) see(e keystore.Expiry) {
	if e.Kind == "token" {
		w.p.emit(Event{Kind: RenewalFailed, Expiry: e})
		return
	}
	if e.NotAfter.IsZero() && e.NotBefore.IsZero() {
		return
	}
	key := e.Kind + "\x00" + e.Object
	w.mu.Lock()
	if w.seen == nil {
		w.seen = map[string]*watched{}
	}
	o, ok := w.seen[key]
	if !ok || !o.NotAfter.Equal(e.NotAfter) || !o.NotBefore.Equal(e.NotBefore) { // new, or renewed
		if !ok && len(w.seen) >= maxWatched {
			w.mu.Unlock()
			return
		}
		o = &watched{Expiry: e, reported: 1 << 30}
		w.seen[key] = o
	}
	events := o.due(w.p.clock.Now())
	w.mu.Unlock()
	for _, e := range events {
		w.p.emit(e)
	}
	if !ok {
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

// due gives the events whose time has come: of several stages the last only.
func (o *watched) due(now time.Time) []Event {
	var out []Event
	if now.Before(o.NotBefore) && !o.early {
		o.early = true
		out = append(out, Event{Kind: NotYetValid, Expiry: o.Expiry})
	}
	if o.NotAfter.IsZero() {
		return out
	}
	left := o.NotAfter.Sub(now)
	if left <= 0 {
		if o.reported != -1 {
			o.reported = -1
			out = append(out, Event{Kind: Expired, Expiry: o.Expiry})
		}
		return out
	}
	at := 1 << 30
	for _, s := range stages() {
		if left <= time.Duration(s)*day {
			at = s
		}
	}
	if at < o.reported {
		o.reported = at
		out = append(out, Event{Kind: Expiring, Expiry: o.Expiry, Days: at})
	}
	return out
}

// next is when the next stage of o is due; zero if none is.
func (o *watched) next(now time.Time) time.Time {
	if o.NotAfter.IsZero() || o.reported == -1 {
		return time.Time{}
	}
	for _, s := range stages() {
		if at := o.NotAfter.Add(-time.Duration(s) * day); s < o.reported && at.After(now) {
			return at
		}
	}
	return o.NotAfter
}

// run reports stages as they come, until ctx ends.
func (w *expiryWatch) run(ctx context.Context) {
	for {
		w.mu.Lock()
		now := w.p.clock.Now()
		var events []Event
		var next time.Time
		for _, o := range w.seen {
			events = append(events, o.due(now)...)
			if at := o.next(now); !at.IsZero() && (next.IsZero() || at.Before(next)) {
				next = at
			}
		}
		w.mu.Unlock()
		for _, e := range events {
			w.p.emit(e)
		}
		wait := 12 * time.Hour // a clock that was set must not delay a stage for long
		if !next.IsZero() {
			wait = min(wait, max(next.Sub(now), time.Second))
		}
		t := w.p.clock.NewTimer(wait)
		select {
		case <-t.C():
		case <-w.wake:
		case <-ctx.Done():
			t.Stop()
			return
		}
		t.Stop()
	}
}
