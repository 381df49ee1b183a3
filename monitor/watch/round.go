package watch

import (
	"context"
	"slices"
	"sync"
	"time"

	"latchkey/monitor"
)

// Run watches until ctx ends; then it waits for the checks under way and returns.
func (w *Watch) Run(ctx context.Context) {
	defer w.work.Wait()
	for ctx.Err() == nil {
		next := w.round(ctx)
		t := w.cfg.Clock.NewTimer(next)
		select {
		case <-ctx.Done():
		case <-t.C():
		case <-w.wake:
		case <-w.done:
		}
		t.Stop()
	}
}

// round begins what is due and gives the time to the next round.
func (w *Watch) round(ctx context.Context) time.Duration {
	subjects := w.cfg.Target.Subjects()
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.cfg.Clock.Now()
	w.cfg.Round(now)
	due := w.meet(now, subjects)
	next := w.cfg.Profile.Poll
	for k, members := range due {
		g := w.groups[k]
		if g.busy {
			continue
		}
		if wait := g.due.Sub(now); wait > 0 && wait <= 2*w.cfg.Profile.Poll { // more is a clock that was set back
			next = min(next, wait)
			continue
		}
		select {
		case w.slots <- struct{}{}:
		default:
			continue // a check that ends begins the next round
		}
		g.busy, g.soon = true, false
		w.work.Go(func() {
			defer func() {
				<-w.slots
				select {
				case w.done <- struct{}{}:
				default:
				}
			}()
			w.check(ctx, g, members)
		})
	}
	return max(next, time.Millisecond)
}

// meet takes over what the target has now, and gives the groups.
func (w *Watch) meet(now time.Time, subjects []Subject) map[string][]*machine {
	w.met = true
	seen, groups := make(map[string]bool), make(map[string][]*machine)
	for _, s := range subjects {
		seen[s.ID] = true
		m := w.machines[s.ID]
		if m == nil {
			m = &machine{Machine: monitor.New(w.cfg.Profile, now)}
			w.machines[s.ID] = m
		}
		k := key(s)
		if g := w.groups[k]; g == nil {
			g = &group{due: now.Add(time.Duration(w.cfg.Random() * float64(w.cfg.Profile.Retry)))}
			w.groups[k] = g
		}
		if old := w.groups[key(m.subject)]; !w.groups[k].busy && (old == nil || !old.busy) {
			news := m.subject.Open != s.Open || m.subject.Failed.Cause != s.Failed.Cause
			m.subject = s
			if news && m.Status().State.Serves() != s.Open { // it is not as it should be
				w.groups[k].due = time.Time{}
			}
		}
		groups[k] = append(groups[k], m)
	}
	for id := range w.machines {
		if !seen[id] {
			delete(w.machines, id)
		}
	}
	for k, g := range w.groups {
		if groups[k] == nil && !g.busy {
			delete(w.groups, k)
		}
	}
	return groups
}

// check looks at one key for all that have it.
func (w *Watch) check(ctx context.Context, g *group, members []*machine) {
	slices.SortFunc(members, func(a, b *machine) int { // who is open knows its key best
		switch {
		case a.subject.Open == b.subject.Open:
			return 0
		case a.subject.Open:
			return -1
		}
		return 1
	})
	r := w.ask(ctx, members[0].subject)
	if ctx.Err() != nil {
		w.free(g)
		return
	}
	w.mu.Lock()
	now := w.cfg.Clock.Now()
	events := make([][]monitor.Event, len(members))
	changed := false
	for i, m := range members {
		before := m.Status()
		if f := m.subject.Failed; r.Cause != monitor.Granted && f.Cause != monitor.Granted && !m.subject.Open && before.State.Serves() {
			events[i] = m.Failed(now, r) // it is closed anyway
		} else {
			events[i] = m.Check(now, r)
		}
		after := m.Status()
		changed = changed || before.State != after.State || before.Outage != after.Outage || !after.State.Serves() && before.Closed != after.Closed
	}
	w.mu.Unlock()
	var failed error
	if changed {
		failed = w.store()
	}
	if failed != nil {
		w.cfg.Log.Error("the states of keys could not be stored", "file", w.cfg.Path, "err", failed)
	}
	for i, m := range members {
		w.pass(m, events[i])
	}
	w.settleAll(ctx, members, r)
	w.mu.Lock()
	defer w.mu.Unlock()
	wait := w.cfg.Profile.Poll
	for _, m := range members {
		wait = min(wait, m.Wait(w.cfg.Random()))
	}
	g.busy, g.due = false, w.cfg.Clock.Now().Add(wait)
	if g.soon {
		g.due, g.soon = time.Time{}, false
	}
}

// ask checks a key, within the time that a check has.
func (w *Watch) ask(ctx context.Context, s Subject) monitor.Result {
	bound, cancel := context.WithTimeout(ctx, w.cfg.Timeout)
	defer cancel()
	began := w.cfg.Clock.Now()
	r := w.cfg.Target.Check(bound, s)
	if ctx.Err() == nil {
		w.cfg.Observe(s, r, w.cfg.Clock.Now().Sub(began))
	}
	return r
}

// settlesAtOnce bounds the subjects of one key that are closed or opened at the same time. One that does not let itself be closed, because somebody
// uses it still, must not keep the others open.
const settlesAtOnce = 32

// settleAll makes subjects what their machines say.
func (w *Watch) settleAll(ctx context.Context, members []*machine, r monitor.Result) {
	var all sync.WaitGroup
	slots := make(chan struct{}, settlesAtOnce)
	for _, m := range members {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			w.settle(ctx, m, r)
		})
	}
	all.Wait()
}

// settle makes a subject what its machine says.
func (w *Watch) settle(ctx context.Context, m *machine, r monitor.Result) {
	w.mu.Lock()
	s, status := m.subject, m.Status()
	w.mu.Unlock()
	var err error
	switch serves := status.State.Serves(); {
	case !serves && (s.Open || s.Failed.Cause != monitor.Granted):
		err = w.cfg.Target.Close(ctx, s, status.Closed)
	case serves && !s.Open && r.Cause == monitor.Granted:
		err = w.cfg.Target.Open(ctx, s)
	}
	if err != nil && ctx.Err() == nil {
		w.cfg.Log.Error("a database did not become what its key allows", "database", s.Name, "state", status.State.String(), "err", err)
	}
}
