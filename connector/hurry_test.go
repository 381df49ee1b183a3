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
	r := newScripted(t, func(c *connector.Config) {
		c.Open = func(ctx context.Context, _ *ekm.Credential) (connector.Vault, error) {
			if hang.Load() {
				<-ctx.Done()
				return nil, failing(code.HTTPGetResponseCode, keystore.Failure{Class: keystore.Outage, Err: ctx.Err()})
			}
			return &scripted{}, nil
		}
	})
	hang.Store(true)
	for range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		if _, err := r.p.OpenSession(ctx, &ekm.Credential{}); code.Of(err) != code.HTTPGetResponseCode {
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
	r := newScripted(t, func(c *connector.Config) { c.Budget, c.TryTimeout = 400*time.Millisecond, time.Minute })
	r.vault.unwrap = func(ctx context.Context, _ int) error {
		answer := time.NewTimer(300 * time.Millisecond)
		defer answer.Stop()
		select {
		case <-answer.C:
			return failing(code.HTTPResponseCodeClientError, keystore.Failure{Class: keystore.Invalid, Status: 400, Sent: true})
		case <-ctx.Done():
			return failing(code.HTTPGetResponseCode, keystore.Failure{Class: keystore.Outage, Sent: true, Err: ctx.Err()})
		}
	}
	if err := <-r.start(t); err == nil || r.vault.calls.Load() != 2 {
		t.Errorf("%d calls, %v; want the second to be cut by the budget", r.vault.calls.Load(), err)
	}
}
