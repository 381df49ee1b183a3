package connector

import (
	"context"
	"errors"
	"time"

	"latchkey/ekm/code"
	"latchkey/ekm/keystore"
	"latchkey/internal/clock"
)

// call is one operation as its caller sees it, with all its tries.
type call struct {
	op       string
	vault    string
	identity string
	key      string
	repeat   bool // carrying it out twice does no harm
	breaker  *breaker
}

// Waits between tries: firstWait doubled each time up to longWait, of which a random half to whole is waited.
const (
	firstWait = 100 * time.Millisecond
	longWait  = 4 * time.Second
)

// run carries out f within the budget, repeating what may be repeated, and reports how it went.
func run[T any](ctx context.Context, p *Provider, c call, f func(context.Context) (T, error)) (T, error) {
	began := p.clock.Now()
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Budget)
	defer cancel()
	suspected := false
	for try := 1; ; try++ {
		out, err := attempt(ctx, p, c, f)
		if err == nil {
			if p.observed {
				p.emit(Event{Kind: CallDone, Op: c.op, Vault: c.vault, Identity: c.identity, Key: c.key, Duration: p.clock.Now().Sub(began), Tries: try})
			}
			return out, nil
		}
		wait, again := p.again(c, err, try, &suspected)
		if again {
			if left := p.cfg.Budget - p.clock.Now().Sub(began); wait >= left {
				again = false // waiting longer than the call may take helps nobody
			}
		}
		if again {
			if p.observed {
				p.emit(Event{Kind: Retried, Op: c.op, Vault: c.vault, Identity: c.identity, Key: c.key, Code: code.Of(err), Class: keystore.ClassOf(err), Err: err, Duration: wait, Tries: try})
			}
			if clock.Sleep(ctx, p.clock, wait) == nil {
				continue
			}
		}
		if p.observed {
			p.reportFailure(c, err, Event{Duration: p.clock.Now().Sub(began), Tries: try})
		}
		return out, err
	}
}

// A try that its caller's deadline ended before this part of TryTimeout tells nothing of the vault: callers who are in a hurry must not
// make it rest for all others.
const impatient = 4

var errImpatient error = &keystore.Failure{Class: keystore.Canceled}

func attempt[T any](ctx context.Context, p *Provider, c call, f func(context.Context) (T, error)) (T, error) {
	probe, err := c.breaker.enter(ctx)
	if err != nil {
		var none T
		return none, err
	}
	tctx, cancel := context.WithTimeout(ctx, p.cfg.TryTimeout)
	defer cancel()
	began := p.clock.Now()
	out, err := f(tctx)
	seen := err
	if err != nil && ctx.Err() != nil && p.clock.Now().Sub(began) < p.cfg.TryTimeout/impatient {
		seen = errImpatient
	}
	c.breaker.leave(probe, seen)
	return out, coded(c.op, err)
}

// coded sees to it that every error has a code.
func coded(op string, err error) error {
	var e *code.Error
	if err == nil || errors.As(err, &e) {
		return err
	}
	return code.Wrap(code.Failure, op, "", err)
}

// again says whether to try once more, and after how long.
func (p *Provider) again(c call, err error, try int, suspected *bool) (time.Duration, bool) {
	f := keystore.FailureOf(err)
	if f == nil || try >= p.cfg.Tries || errors.Is(err, code.VaultResting) {
		return 0, false
	}
	switch f.Class {
	case keystore.Outage:
		if !c.repeat && f.Sent {
			return 0, false
		}
	case keystore.Throttled: // the vault did not carry it out
	case keystore.Suspect: // once more, in case it was a moment's confusion; not again and again
		if *suspected || !c.repeat {
			return 0, false
		}
		*suspected = true
	default:
		return 0, false
	}
	wait := min(firstWait<<min(try-1, 10), longWait)
	wait = time.Duration(float64(wait) * (0.5 + 0.5*p.rand()))
	if f.RetryAfter > 0 { // those who were told the same moment must not come back together
		wait = f.RetryAfter + wait
	}
	return wait, true
}

func (p *Provider) reportFailure(c call, err error, e Event) {
	e.Kind, e.Op, e.Vault, e.Identity, e.Key = CallDone, c.op, c.vault, c.identity, c.key
	e.Code, e.Class, e.Err = code.Of(err), keystore.ClassOf(err), err
	p.emit(e)
	switch e.Class {
	case keystore.Refused:
		e.Kind = Refused
	case keystore.Suspect:
		e.Kind = Suspected
	default:
		return
	}
	p.emit(e)
}
