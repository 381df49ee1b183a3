package notify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"latchkey/monitor/activity"
)

// line is one sink's way through the log. Its goroutine alone changes it; mu is for who looks.
type line struct {
	h    *Hub
	end  Endpoint
	path string
	wake chan struct{}

	mu     sync.Mutex
	cursor cursor
	status Status

	tries  int       // of the present record
	wait   time.Time // not before
	beatAt time.Time // when the next heartbeat is due
	told   bool      // that it fails
}

// batch is how many records are taken from the log at once.
const batch = 100

// grace is how long a message that is being sent has to arrive once the Hub is to end.
const grace = 3 * time.Second

// permanentTries is how often a refused message is tried: a receiver that is being set up refuses too.
const permanentTries = 5

func (l *line) run(ctx context.Context) {
	cfg := &l.h.cfg
	l.beatAt = cfg.Clock.Now()
	for ctx.Err() == nil {
		next := l.round(ctx)
		if ctx.Err() != nil {
			return
		}
		t := cfg.Clock.NewTimer(next)
		select {
		case <-ctx.Done():
		case <-t.C():
		case <-l.wake:
		}
		t.Stop()
	}
}

// round sends what it can and gives the time until it should try again.
func (l *line) round(ctx context.Context) time.Duration {
	cfg := &l.h.cfg
	for ctx.Err() == nil {
		now := cfg.Clock.Now()
		if d := l.wait.Sub(now); d > 0 {
			return d
		}
		records, err := cfg.Log.After(l.cursor.Seq, batch)
		if err != nil {
			cfg.Logger.Error("the activity log cannot be read for a sink", "sink", l.end.Name, "err", err)
			return cfg.Most
		}
		if len(records) == 0 {
			return l.beat(ctx)
		}
		if missed := records[0].Seq - l.cursor.Seq - 1; missed > 0 {
			l.missed(missed)
		}
		for _, r := range records {
			if l.end.Events != nil && !slices.Contains(l.end.Events, r.Event) {
				l.advance(r.Seq)
				continue
			}
			if !l.send(ctx, Message{ID: l.h.id(r), Record: r, Explanation: cfg.Explain(r)}) {
				break
			}
			l.advance(r.Seq)
		}
	}
	return 0
}

// send reports whether the record is done with: taken or given up.
func (l *line) send(ctx context.Context, m Message) bool {
	err := l.try(ctx, m)
	if err == nil {
		l.mu.Lock()
		l.status.Delivered++
		l.mu.Unlock()
		l.tries = 0
		return true
	}
	if ctx.Err() != nil {
		return false
	}
	cfg := &l.h.cfg
	l.tries++
	_, refused := errors.AsType[*permanent](err)
	if cfg.Clock.Now().Sub(m.Record.Time) > cfg.GiveUp && l.tries > 1 || refused && l.tries >= permanentTries {
		l.bury(m, err)
		l.tries = 0
		return true
	}
	l.pause(err)
	return false
}

// pause sets when to try again.
func (l *line) pause(err error) {
	cfg := &l.h.cfg
	d := cfg.First << min(max(l.tries-1, 0), 20)
	if d > cfg.Most || d <= 0 {
		d = cfg.Most
	}
	d = d/2 + time.Duration(cfg.Random()*float64(d)/2) // half of it at random, so that many do not come at once
	if a, ok := errors.AsType[*later](err); ok {
		d = max(d, min(a.wait, cfg.Most))
	}
	l.wait = cfg.Clock.Now().Add(d)
}

// try calls the sink once and keeps its status.
func (l *line) try(ctx context.Context, m Message) error {
	cfg := &l.h.cfg
	bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.Timeout)
	stop := context.AfterFunc(ctx, func() { // what is on its way may arrive, so that it is not sent again
		t := cfg.Clock.NewTimer(grace)
		defer t.Stop()
		select {
		case <-t.C():
			cancel()
		case <-bound.Done():
		}
	})
	err := l.end.Sink.Send(bound, m)
	stop()
	cancel()
	if err != nil && ctx.Err() != nil {
		return err
	}
	now := cfg.Clock.Now()
	l.mu.Lock()
	if err != nil {
		l.status.Failures++
		l.status.Err = err.Error()
		if l.status.Since.IsZero() {
			l.status.Since = now
		}
	} else {
		l.status.LastOK, l.status.Since, l.status.Err = now, time.Time{}, ""
	}
	since := l.status.Since
	l.mu.Unlock()
	switch {
	case err == nil:
		l.beatAt = now.Add(cfg.Heartbeat)
		if l.told {
			l.told = false
			l.tell(Failing, "Succeeded", fmt.Sprintf("The %s %q takes notifications again.", l.end.Kind, l.end.Name))
		}
	case since.Equal(now):
		cfg.Logger.Warn("a notification could not be sent; it is tried again", "sink", l.end.Name, "err", err)
	case !l.told && now.Sub(since) >= cfg.FailAfter:
		l.told = true
		l.tell(Failing, "Started", fmt.Sprintf("The %s %q has taken no notification since %s: %v", l.end.Kind, l.end.Name, since.UTC().Format(time.RFC3339), err))
	}
	return err
}

// tell is a record about this sink. To the log, which the other sinks follow.
func (l *line) tell(event, status, text string) {
	l.h.cfg.Tell(activity.Record{Time: l.h.cfg.Clock.Now(), Event: event, Status: status, Description: text, Object: l.end.Kind + " " + l.end.Name})
}

// beat sends a heartbeat if one is due, and gives the time until the next.
func (l *line) beat(ctx context.Context) time.Duration {
	cfg := &l.h.cfg
	if !l.end.Heartbeat || cfg.Heartbeat < 0 {
		return time.Hour
	}
	now := cfg.Clock.Now()
	if d := l.beatAt.Sub(now); d > 0 {
		return d
	}
	r := activity.Record{Version: activity.Version, Time: now.UTC(), Server: cfg.Server, Event: Heartbeat, Status: "Succeeded", Description: cfg.Beat()}
	if err := l.try(ctx, Message{ID: l.h.id(r) + "-" + l.end.Name, Record: r}); err != nil {
		l.tries++
		l.pause(err)
		return max(l.wait.Sub(cfg.Clock.Now()), time.Millisecond)
	}
	l.tries = 0
	return cfg.Heartbeat
}

// missed tells of records that are gone from the log.
func (l *line) missed(n uint64) {
	l.mu.Lock()
	l.status.Dead += n
	l.mu.Unlock()
	l.tell(Dropped, "Failed", fmt.Sprintf("The %s %q missed %d records: it was away for longer than the activity log goes back.", l.end.Kind, l.end.Name, n))
}

// bury makes a dead letter of a message.
func (l *line) bury(m Message, why error) {
	l.mu.Lock()
	l.status.Dead++
	l.mu.Unlock()
	at := l.h.deadPath(l.end.Name)
	text := fmt.Sprintf("The %s %q did not take record %d (%s): %v", l.end.Kind, l.end.Name, m.Record.Seq, m.Record.Event, why)
	if err := l.h.writeDead(at, letter{Version: formatVersion, ID: m.ID, At: l.h.cfg.Clock.Now().UTC(), Reason: why.Error(), Record: m.Record}); err != nil {
		l.h.cfg.Logger.Error("a dead letter could not be written", "sink", l.end.Name, "record", m.Record.Seq, "err", err)
	}
	l.h.cfg.Logger.Error("a notification was given up", "sink", l.end.Name, "record", m.Record.Seq, "event", m.Record.Event, "letter", at, "err", why)
	if m.Record.Event == Dropped { // a word about that would be dropped too, for ever
		return
	}
	l.tell(Dropped, "Failed", text)
}
