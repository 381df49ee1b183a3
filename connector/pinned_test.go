package connector_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/akv"
	"latchkey/connector"
	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/ekm/keystore"
)

// A newest version that is disabled takes nothing from an older one that is pinned, and is told as what it is when it is used.
func TestDisabledNewestVersionLeavesThePinnedOneAlone(t *testing.T) {
	w := newWorld(t, nil)
	w.vault.MustKey(t, "kv1", "Key-One", &akv.CreateKey{Kty: "RSA"})
	s := must(w.provider.OpenSession(t.Context(), w.credential(w.secret)))(t)
	first := must(s.KeyByName(t.Context(), "Key-One"))(t)
	blob := must(s.Wrap(t.Context(), first.Thumbprint, dek(1)))(t)

	w.vault.MustKey(t, "kv1", "Key-One", &akv.CreateKey{Kty: "RSA"}) // rotated
	w.vault.MustEnable(t, "kv1", "Key-One", false)                   // the newest
	got := must(s.Unwrap(t.Context(), first.Thumbprint, blob))(t)
	defer got.Destroy()
	if !got.Equal(dek(1).Expose()) {
		t.Error("another secret came back")
	}
	must(s.Wrap(t.Context(), first.Thumbprint, dek(2)))(t)

	second := must(s.KeyByName(t.Context(), "Key-One"))(t)
	if second.Thumbprint == first.Thumbprint {
		t.Error("the name still finds the old version")
	}
	if _, err := s.Wrap(t.Context(), second.Thumbprint, dek(3)); code.Of(err) != code.HTTPOperationForbidden || !strings.Contains(err.Error(), "KeyDisabled") {
		t.Errorf("wrapping with the disabled version: %v", err)
	}

	// names in other letters are the same key, and no conflict in the map
	_, version, _ := strings.Cut(strings.TrimPrefix(first.URI, w.vault.VaultURL("kv1")+"/keys/"), "/")
	for _, name := range []string{"KEY-ONE/" + version, "key-one/" + strings.ToUpper(version), "Key-One"} {
		if _, err := s.KeyByName(t.Context(), name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// While a vault rests, one call at a time goes to it.
func TestOneCallAtATimeProbesARestingVault(t *testing.T) {
	r := newScripted(t, func(c *connector.Config) { c.Tries = 100 })
	var down, resting atomic.Bool
	var inside, most atomic.Int64
	down.Store(true)
	r.vault.unwrap = func(context.Context, int) error {
		n := inside.Add(1)
		defer inside.Add(-1)
		if resting.Load() {
			most.Store(max(most.Load(), n))
		}
		tick := time.NewTimer(time.Millisecond) // so that two would meet
		<-tick.C
		if down.Load() {
			return failing(code.HTTPConnectSession, keystore.Failure{Class: keystore.Outage})
		}
		return nil
	}
	stop := make(chan struct{})
	var ticking, calls sync.WaitGroup
	ticking.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				if inside.Load() == 0 { // or a call that this machine makes late would get company
					r.clock.Advance(50 * time.Millisecond)
				}
				tick := time.NewTimer(time.Millisecond)
				<-tick.C
			}
		}
	})
	start := func(i int) { // each with a blob of its own: identical ones would be one call anyway
		calls.Go(func() {
			blob := make([]byte, 256)
			blob[0] = byte(i)
			s, err := r.session.Unwrap(t.Context(), scriptedThumb, ekm.Wrapped{Algorithm: "RSA-OAEP-256", Blob: blob})
			s.Destroy()
			if err != nil && keystore.ClassOf(err) != keystore.Outage {
				t.Error(err)
			}
		})
	}
	start(0)
	r.next(t, connector.VaultDown)
	resting.Store(true)
	for i := range 40 {
		start(i + 1)
	}
	at := r.vault.calls.Load()
	waitFor(t, func() bool { return r.vault.calls.Load() > at+5 })
	if n := most.Load(); n != 1 {
		t.Errorf("%d calls at once probed the resting vault", n)
	}
	resting.Store(false)
	down.Store(false)
	calls.Wait()
	close(stop)
	ticking.Wait()
}
