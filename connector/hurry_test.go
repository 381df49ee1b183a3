package connector_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/connector"
	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/ekm/keystore"
)

// A run of callers with deadlines too short for any vault must not make the vault rest for all others.
func TestCallersInAHurryAreNoOutage(t *testing.T) {
	var hang atomic.Bool
	var hung atomic.Int64
	r := newScripted(t, func(c *connector.Config) {
		c.Open = func(ctx context.Context, _ *ekm.Credential) (connector.Vault, error) {
			if hang.Load() {
				hung.Add(1)
				<-ctx.Done()
				return nil, failing(code.HTTPGetResponseCode, keystore.Failure{Class: keystore.Outage, Err: ctx.Err()})
			}
			return &scripted{}, nil
		}
	})
	hang.Store(true)
	for hung.Load() < 20 {
		came := hung.Load()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		_, err := r.p.OpenSession(ctx, &ekm.Credential{})
		if hung.Load() > came && code.Of(err) != code.HTTPGetResponseCode || err == nil { // the others were over before they came to the vault
			t.Errorf("in a hurry: %v", err)
		}
		cancel()
	}
	hang.Store(false)
	s, err := r.p.OpenSession(t.Context(), &ekm.Credential{})
	if err != nil {
		t.Fatalf("the next caller: %v", err)
	}
	_ = s.Close(false)
	for {
		select {
		case e := <-r.events:
			if e.Kind == connector.VaultDown {
				t.Fatal("the vault was taken for down")
			}
			continue
		default:
		}
		break
	}
}

// Refusals of all kinds, also those without a reason, are answers: the vault is not made to rest for them.
func TestRefusalsNeverMakeTheVaultRest(t *testing.T) {
	for _, class := range []keystore.Class{keystore.Refused, keystore.Suspect, keystore.Unauthenticated, keystore.Missing, keystore.Throttled} {
		r := newScripted(t, func(c *connector.Config) { c.Tries = 1 })
		r.vault.unwrap = func(context.Context, int) error {
			return failing(code.HTTPOperationForbidden, keystore.Failure{Class: class, Status: 403, Sent: true})
		}
		for i := range 20 {
			if err := <-r.start(t); keystore.ClassOf(err) != class {
				t.Fatalf("call %d: %v", i, err)
			}
		}
		if n := r.vault.calls.Load(); n != 20 {
			t.Errorf("%v: %d calls came to the vault, want 20", class, n)
		}
	}
}

// The budget is one for all algorithms that an unwrap tries.
func TestBudgetHoldsForAllAlgorithmsTogether(t *testing.T) {
	r := newScripted(t, func(c *connector.Config) { c.Budget, c.TryTimeout = time.Hour, 2*time.Hour })
	var ends []time.Time
	r.vault.unwrap = func(ctx context.Context, _ int) error {
		end, _ := ctx.Deadline()
		ends = append(ends, end)
		return failing(code.HTTPResponseCodeClientError, keystore.Failure{Class: keystore.Invalid, Status: 400, Sent: true})
	}
	if err := <-r.start(t); err == nil || len(ends) < 2 {
		t.Fatalf("%d calls, %v; want one for each algorithm", len(ends), err)
	}
	for i, end := range ends {
		if end.IsZero() || !end.Equal(ends[0]) {
			t.Errorf("call %d ends at %v, the first at %v: the budget began anew", i+1, end, ends[0])
		}
	}
}

// A try that hangs on what was lost does not keep its call from a vault that answers others: one beside it is answered at once, and the first is given up.
func TestSilentTryGetsCompany(t *testing.T) {
	r := newScripted(t, nil)
	var ended atomic.Bool
	r.vault.unwrap = func(ctx context.Context, n int) error {
		if n > 1 {
			return nil
		}
		<-ctx.Done()
		ended.Store(true)
		return failing(code.HTTPGetResponseCode, keystore.Failure{Class: keystore.Canceled, Err: ctx.Err()})
	}
	done := r.start(t)
	r.advance(t, 2500*time.Millisecond) // a quarter of a try
	if err := <-done; err != nil || !ended.Load() || r.vault.calls.Load() != 2 {
		t.Errorf("%v, the first ended %t, %d calls", err, ended.Load(), r.vault.calls.Load())
	}
	if e := r.next(t, connector.Hedged); e.Duration != 2500*time.Millisecond {
		t.Errorf("after %v", e.Duration)
	}
}

// A refusal that a try beside gets is an answer; an outage is none, and the first goes on.
func TestWhatCompanyHears(t *testing.T) {
	for name, c := range map[string]struct {
		class keystore.Class
		first error // of the try that hangs, once the other is over
		want  keystore.Class
	}{
		"a refusal": {class: keystore.Refused, want: keystore.Refused},
		"an outage": {class: keystore.Outage, want: 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := newScripted(t, func(c *connector.Config) { c.Tries = 1 })
			over := make(chan struct{})
			r.vault.unwrap = func(ctx context.Context, n int) error {
				if n > 1 {
					defer close(over)
					return failing(code.HTTPOperationForbidden, keystore.Failure{Class: c.class, Sent: true})
				}
				if c.class == keystore.Outage {
					<-over
					return c.first
				}
				<-ctx.Done()
				return failing(code.HTTPGetResponseCode, keystore.Failure{Class: keystore.Canceled, Err: ctx.Err()})
			}
			done := r.start(t)
			r.advance(t, 2500*time.Millisecond)
			if err := <-done; (err != nil) != (c.want != 0) || err != nil && keystore.ClassOf(err) != c.want {
				t.Errorf("%v", err)
			}
		})
	}
}

// A vault that answers late because it has too much to do gets a few tries more, not twice as many.
func TestBusyVaultIsNotAskedTwiceForEverything(t *testing.T) {
	r := newScripted(t, func(c *connector.Config) { c.Tries = 1 })
	answer := make(chan struct{})
	r.vault.unwrap = func(ctx context.Context, _ int) error {
		select {
		case <-answer:
			return nil
		case <-ctx.Done():
			return failing(code.HTTPGetResponseCode, keystore.Failure{Class: keystore.Canceled, Err: ctx.Err()})
		}
	}
	const many = 50
	done := make(chan error, many)
	for i := range many {
		go func() {
			blob := make([]byte, 256)
			blob[0] = byte(i)
			s, err := r.session.Unwrap(t.Context(), scriptedThumb, ekm.Wrapped{Algorithm: "RSA-OAEP-256", Blob: blob})
			s.Destroy()
			done <- err
		}()
	}
	waitFor(t, func() bool { return r.vault.calls.Load() == many })
	for range 4 {
		if err := r.clock.BlockUntil(t.Context(), many+1); err != nil {
			t.Fatal(err)
		}
		r.clock.Advance(600 * time.Millisecond)
	}
	r.clock.Advance(200 * time.Millisecond)
	waitFor(t, func() bool { return r.vault.calls.Load() > many })
	close(answer)
	for range many {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if n := r.vault.calls.Load(); n > many+2 {
		t.Errorf("%d calls for %d", n, many)
	}
}

// While a probe hangs, another one finds that the vault is back.
func TestHangingProbeKeepsNobodyOut(t *testing.T) {
	r := newScripted(t, func(c *connector.Config) { c.Tries = 100 })
	var back atomic.Bool
	r.vault.unwrap = func(ctx context.Context, n int) error {
		switch {
		case back.Load():
			return nil
		case n <= 5:
			return failing(code.HTTPConnectSession, keystore.Failure{Class: keystore.Outage})
		}
		<-ctx.Done()
		return failing(code.HTTPGetResponseCode, keystore.Failure{Class: keystore.Canceled, Err: ctx.Err()})
	}
	done := r.start(t)
	stop := make(chan struct{})
	ticked := make(chan struct{})
	go func() {
		defer close(ticked)
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				r.clock.Advance(50 * time.Millisecond)
			}
		}
	}()
	waitFor(t, func() bool { return r.vault.calls.Load() >= 6 }) // the probe
	back.Store(true)
	if err := <-done; err != nil {
		t.Error(err)
	}
	close(stop)
	<-ticked
}
