package alerts

import (
	"context"
	"fmt"
	"time"

	"latchkey/internal/clock"
	"latchkey/monitor"
	"latchkey/monitor/activity"
	"latchkey/monitor/watch"
)

// Unreachable is the event of a key store that has not answered for Config.OutageSeconds: Started, and Succeeded once it answers. Databases that are open keep running meanwhile, so
// nothing else tells of it.
const Unreachable = "KeyStoreUnreachable"

const (
	outageLook    = 10 * time.Second
	outageDefault = 5 * time.Minute
)

// outages tells of outages that last, once for all that have the same key.
type outages struct {
	after time.Duration
	tell  func(activity.Record)
	known map[string]time.Time // by key: since when, told
}

func (o *outages) run(ctx context.Context, c clock.Clock, subjects func() []watch.Info) {
	for {
		o.look(c.Now(), subjects())
		if clock.Sleep(ctx, c, outageLook) != nil {
			return
		}
	}
}

// look tells what began and what ended.
func (o *outages) look(now time.Time, all []watch.Info) {
	groups := make(map[string]*group)
	seen := make(map[string]bool)
	for _, i := range all {
		k := i.Key
		if k == "" {
			k = i.Name
		}
		seen[k] = true
		if i.Outage.IsZero() {
			continue
		}
		g := groups[k]
		if g == nil || i.Name < g.first.Name {
			old := g
			g = &group{since: i.Outage, first: i}
			if old != nil {
				g.n, g.open = old.n, old.open
			}
			groups[k] = g
		}
		g.n++
		if i.Open {
			g.open++
		}
	}
	for k, g := range groups {
		if now.Sub(g.since) < o.after || !o.known[k].IsZero() {
			continue
		}
		o.known[k] = g.since
		r := g.record(now, k, "Started")
		r.Cause, r.Code = g.first.Last.Cause.Name(), g.first.Last.Code
		r.Description = fmt.Sprintf("No answer for the key of %s since %s; %d of %d run on without it: %s", g.first.Name, g.since.UTC().Format(time.RFC3339), g.open, g.n, monitor.Message(g.first.Last))
		o.tell(r)
	}
	for k, since := range o.known {
		if groups[k] != nil {
			continue
		}
		delete(o.known, k)
		if seen[k] {
			o.tell(activity.Record{
				Time: now, Event: Unreachable, Status: "Succeeded", Key: k, Object: "protector " + k,
				Description: fmt.Sprintf("The key store answers again for %s, after %s.", k, now.Sub(since).Round(time.Second)),
			})
		}
	}
}

// group is who has the same key.
type group struct {
	since   time.Time
	first   watch.Info
	n, open int
}

func (g *group) record(now time.Time, key, status string) activity.Record {
	return activity.Record{Time: now, Event: Unreachable, Status: status, Key: key, Object: "protector " + key, State: g.first.State.String()}
}
