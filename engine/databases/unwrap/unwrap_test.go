package unwrap_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/engine/databases/unwrap"
	"latchkey/internal/secret"
)

// store answers unwraps with the blob itself, or fails.
type store struct {
	mu   sync.Mutex
	err  error
	hold chan struct{} // what unwraps wait for
	in   chan struct{} // gets a value for each that is under way
}

func (s *store) Wrap(context.Context, ekm.Thumbprint, *secret.Bytes) (ekm.Wrapped, error) {
	return ekm.Wrapped{}, nil
}

func (s *store) Unwrap(ctx context.Context, _ ekm.Thumbprint, w ekm.Wrapped) (*secret.Bytes, error) {
	if s.in != nil {
		s.in <- struct{}{}
	}
	if s.hold != nil {
		<-s.hold
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, s.err
	}
	return secret.New(w.Blob), nil
}

func blob(n int) ekm.Wrapped { return ekm.Wrapped{Blob: fmt.Append(nil, n)} }

// Within a round a wrapped key is asked for once, however many want it at once; each gets a copy of its own. Outside every call asks.
func TestOnceInARound(t *testing.T) {
	s := &store{hold: make(chan struct{}), in: make(chan struct{}, 100)}
	k := unwrap.New(s, 10)
	k.Begin()
	var wg sync.WaitGroup
	var mu sync.Mutex
	var got []*secret.Bytes
	for range 20 {
		wg.Go(func() {
			b, err := k.Unwrap(t.Context(), "t", blob(1))
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			got = append(got, b)
			mu.Unlock()
		})
	}
	<-s.in
	close(s.hold)
	wg.Wait()
	if k.Asked() != 1 {
		t.Errorf("asked %d times", k.Asked())
	}
	got[0].Destroy()
	k.End()
	for _, b := range got[1:] {
		if !b.Equal([]byte("1")) {
			t.Error("a copy was wiped with another's")
		}
	}
	for range 2 {
		if _, err := k.Unwrap(t.Context(), "t", blob(1)); err != nil {
			t.Error(err)
		}
	}
	if k.Asked() != 3 {
		t.Errorf("outside a round: %d", k.Asked())
	}
}

// A key that cannot be had is not asked for again in the round; a single bad ciphertext says nothing of the key's others; the next
// round asks anew.
func TestFailures(t *testing.T) {
	s := &store{err: code.New(code.HTTPConnectSession, "unwrapping", "a test")}
	k := unwrap.New(s, 1)
	k.Begin()
	for n := range 5 {
		if _, err := k.Unwrap(t.Context(), "t", blob(n)); !errors.Is(err, code.HTTPConnectSession) {
			t.Errorf("got %v", err)
		}
	}
	if k.Asked() != 1 {
		t.Errorf("a vault that is down was asked %d times", k.Asked())
	}
	if _, err := k.Unwrap(t.Context(), "other", blob(1)); err == nil || k.Asked() != 2 {
		t.Errorf("another key: %v, %d", err, k.Asked())
	}
	k.End()
	s.err = code.New(code.HTTPResponseCodeClientError, "unwrapping", "a test")
	k.Begin()
	_, _ = k.Unwrap(t.Context(), "t", blob(1))
	s.mu.Lock()
	s.err = nil
	s.mu.Unlock()
	if _, err := k.Unwrap(t.Context(), "t", blob(2)); err != nil {
		t.Errorf("behind a bad ciphertext: %v", err)
	}
	k.End()
}

// So many calls are under way as the bound says; who gives up waiting leaves.
func TestBound(t *testing.T) {
	s := &store{hold: make(chan struct{}), in: make(chan struct{}, 100)}
	k := unwrap.New(s, 2)
	var wg sync.WaitGroup
	for n := range 6 {
		wg.Go(func() { _, _ = k.Unwrap(t.Context(), "t", blob(n)) })
	}
	<-s.in
	<-s.in
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	cancel(why)
	if _, err := k.Unwrap(ctx, "t", blob(9)); !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
	if len(s.in) != 0 {
		t.Error("more than two are under way")
	}
	close(s.hold)
	wg.Wait()
	if _, err := unwrap.New(nil, 1).Unwrap(t.Context(), "t", blob(1)); !errors.Is(err, unwrap.ErrNone) {
		t.Errorf("without a key store: %v", err)
	}
}

// Who asks for a key by name reaches the key store also while a round holds that it cannot be had.
func TestAnew(t *testing.T) {
	away := code.New(code.HTTPConnectSession, "unwrapping", "a test")
	s := &store{err: away}
	k := unwrap.New(s, 10)
	k.Begin()
	defer k.End()
	if _, err := k.Unwrap(t.Context(), "t", blob(1)); !errors.Is(err, away) {
		t.Fatal(err)
	}
	s.err = nil
	if _, err := k.Unwrap(t.Context(), "t", blob(1)); !errors.Is(err, away) {
		t.Errorf("the round asked again: %v", err)
	}
	b, err := k.Unwrap(unwrap.Anew(t.Context()), "t", blob(1))
	if err != nil {
		t.Fatal(err)
	}
	b.Destroy()
}
