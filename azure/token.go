package azure

import (
	"context"
	"fmt"
	"sync"
	"time"

	"latchkey/ekm/code"
	"latchkey/ekm/keystore"
	"latchkey/internal/secret"

	"latchkey/azure/challenge"
)

// token is an access token.
type token struct {
	value   *secret.Bytes // a JWT
	expires time.Time
	renewAt time.Time // earlier than expires, jittered
}

// Times of a token's life.
const (
	// tokenSlack is how long before its end a token is not used any more.
	tokenSlack = 2 * time.Minute
	// renewAgain is how long a failed early renewal waits before the next.
	renewAgain = 30 * time.Second
	// joinFor is how long a request for a token or a challenge is joined. One that takes longer may hang on a connection that fell silent: who
	// comes then begins another.
	joinFor = 2 * time.Second
)

// tokens keeps the token of one identity at one vault: one request at a time, renewed before the old one ends while callers go
// on with the old one.
type tokens struct {
	o     *Opener
	fetch func(ctx context.Context, c challenge.Challenge, claims string) (*secret.Bytes, time.Time, error)
	event func(keystore.Expiry, error) // an early renewal failed; may be nil

	mu      sync.Mutex
	current token
	ch      challenge.Challenge // that current answers
	flight  *tokenFlight
}

// tokenFlight is one request for a token, shared by all who need its result.
type tokenFlight struct {
	ch     challenge.Challenge
	claims string
	began  time.Time
	done   chan struct{}
	err    error
}

// get returns a token for the challenge. With stale, the token that the vault did not take, it gets another one. The result is
// a copy that the caller uses at once; it is a header's value, so a string. fresh tells that it was got for this call, not
// taken from memory.
func (t *tokens) get(ctx context.Context, c challenge.Challenge, stale string) (value string, fresh bool, err error) {
	for {
		t.mu.Lock()
		now := t.o.clock.Now()
		usable := t.current.value.Len() > 0 && sameAudience(t.ch, c) && now.Before(t.current.expires.Add(-tokenSlack)) &&
			string(t.current.value.Expose()) != stale
		if usable {
			v := string(t.current.value.Expose())
			if stale == "" && !now.Before(t.current.renewAt) && t.flight == nil {
				t.startLocked(ctx, c, "")
			}
			t.mu.Unlock()
			return v, false, nil
		}
		f := t.flight
		if f == nil || !sameAudience(f.ch, c) || f.claims != c.Claims || now.Sub(f.began) > joinFor {
			f = t.startLocked(ctx, c, c.Claims)
		}
		t.mu.Unlock()
		select {
		case <-f.done:
			if f.err != nil {
				return "", false, f.err
			}
			t.mu.Lock()
			v := string(t.current.value.Expose())
			ok := sameAudience(t.ch, c)
			t.mu.Unlock()
			if ok || v == stale { // an authority may give the same token again: the vault will say what it thinks of it
				return v, true, nil
			}
		case <-ctx.Done():
			return "", false, canceled(ctx, "waiting for a token of", c.Authority)
		}
	}
}

// startLocked begins a request for a token that outlives ctx's end, because others wait for it too.
func (t *tokens) startLocked(ctx context.Context, c challenge.Challenge, claims string) *tokenFlight {
	f := &tokenFlight{ch: c, claims: claims, began: t.o.clock.Now(), done: make(chan struct{})}
	t.flight = f
	fctx, cancel := t.o.background(ctx, tokenTimeout)
	t.o.goAsync(func() {
		defer cancel()
		v, expires, err := t.fetch(fctx, c, claims)
		t.mu.Lock()
		now := t.o.clock.Now()
		switch {
		case err == nil:
			old := t.current.value
			t.current = token{value: v, expires: expires, renewAt: t.renewAt(now, expires)}
			t.ch = c
			old.Destroy()
		case t.current.value.Len() > 0:
			t.current.renewAt = now.Add(renewAgain)
		}
		f.err = err
		if t.flight == f {
			t.flight = nil
		}
		left := t.current
		t.mu.Unlock()
		close(f.done)
		if err != nil && left.value.Len() > 0 && t.event != nil {
			t.event(keystore.Expiry{Kind: "token", Object: c.Resource, NotAfter: left.expires}, err)
		}
	})
	return f
}

// tokenTimeout bounds one request for a token, discovery included.
const tokenTimeout = 20 * time.Second

// renewAt is between 70 and 85 % of the token's life, so that many processes do not renew at once.
func (t *tokens) renewAt(now, expires time.Time) time.Time {
	life := expires.Sub(now)
	return now.Add(time.Duration(float64(life) * (0.70 + 0.15*t.o.rand())))
}

// forget drops the token, so that the next call gets one with what the credential is now.
func (t *tokens) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.current.value.Destroy()
	t.current = token{}
}

func sameAudience(a, b challenge.Challenge) bool {
	return a.Authority == b.Authority && a.Tenant == b.Tenant && a.Resource == b.Resource
}

func canceled(ctx context.Context, op, on string) error {
	f := &keystore.Failure{Class: keystore.Canceled, Err: context.Cause(ctx)}
	if ctx.Err() == context.DeadlineExceeded {
		f.Class = keystore.Outage
		return code.Wrap(code.HTTPSendRequest, op, on, f)
	}
	return code.Wrap(code.Failure, op, on, f)
}

// checkHeader refuses a token that a header cannot hold.
func checkHeader(v []byte) error {
	for _, b := range v {
		if b <= ' ' || b >= 0x7f {
			return fmt.Errorf("the token holds the byte 0x%02x, which a header cannot", b)
		}
	}
	return nil
}
