package connector

import (
	"context"
	"errors"
	"sync"
	"time"

	"latchkey/ekm/code"
	"latchkey/ekm/keystore"
	"latchkey/internal/clock"
	"latchkey/internal/secret"
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
	longWait  = 2 * time.Second
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
// make it rest for all others. A try without an answer for as long gets company.
const impatient = 4

var (
	errImpatient error = &keystore.Failure{Class: keystore.Canceled}
	errAnswered        = errors.New("another try of the call was answered")
)

// attempt is one try, with others beside it while it has no answer: a connection that fell silent is given up only after seconds, and
// a vault that is back answers a new one at once. The first answer counts, also one that refuses; an outage of those beside tells nothing.
func attempt[T any](ctx context.Context, p *Provider, c call, f func(context.Context) (T, error)) (T, error) {
	if !c.repeat {
		return single(ctx, p, c, f)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var beside company[T]
	over := make(chan struct{})
	beside.tries.Go(func() {
		t := p.clock.NewTimer(p.cfg.TryTimeout / impatient)
		defer t.Stop()
		for n := 1; n < impatient; n++ {
			select {
			case <-over:
				return
			case <-t.C():
			}
			done, ok := c.breaker.scout()
			if !ok {
				n--
				t.Reset(p.cfg.TryTimeout / impatient / 8)
				continue
			}
			t.Reset(p.cfg.TryTimeout / impatient)
			if p.observed {
				p.emit(Event{Kind: Hedged, Op: c.op, Vault: c.vault, Identity: c.identity, Key: c.key, Duration: time.Duration(n) * p.cfg.TryTimeout / impatient})
			}
			beside.tries.Go(func() {
				defer done()
				if out, err := single(keystore.Anew(ctx), p, c, f); beside.take(out, err) {
					cancel(errAnswered)
				}
			})
		}
	})
	out, err := single(ctx, p, c, f)
	close(over)
	cancel(errAnswered)
	beside.tries.Wait() // what they use is the caller's again
	if beside.answered && silent(err) {
		return beside.out, beside.err
	}
	discard(beside.out)
	return out, err
}

// company is the tries beside one.
type company[T any] struct {
	tries sync.WaitGroup

	mu       sync.Mutex
	answered bool
	out      T
	err      error
}

// take keeps the first answer, and reports whether this is it.
func (b *company[T]) take(out T, err error) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.answered || silent(err) {
		discard(out)
		return false
	}
	b.answered, b.out, b.err = true, out, err
	return true
}

// silent reports an error that is no answer.
func silent(err error) bool {
	c := keystore.ClassOf(err)
	return err != nil && (c == keystore.Outage || c == keystore.Canceled)
}

// discard wipes a secret that nobody wants.
func discard(v any) {
	if s, ok := v.(*secret.Bytes); ok {
		s.Destroy()
	}
}

func single[T any](ctx context.Context, p *Provider, c call, f func(context.Context) (T, error)) (T, error) {
	probe, err := c.breaker.enter(ctx)
	if err != nil {
		var none T
		return none, err
	}
	tctx, cancel := context.WithTimeout(ctx, p.cfg.TryTimeout)
	defer cancel()
	if probe {
		tctx = keystore.Anew(tctx)
	}
	began := p.clock.Now()
	out, err := f(tctx)
	seen := err
	if err != nil && ctx.Err() != nil && (context.Cause(ctx) == errAnswered || p.clock.Now().Sub(began) < p.cfg.TryTimeout/impatient) { //nolint:errorlint // this very cause
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
