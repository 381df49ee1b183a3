package applock_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"latchkey/engine/exec/applock"
	"latchkey/internal/clock"
)

var job = applock.Name{Database: 5, Principal: "public", Resource: "job"}

func request(session int, m applock.Mode, wait time.Duration) applock.Request {
	return applock.Request{Name: job, Mode: m, Session: session, Timeout: wait}
}

func get(t *testing.T, s *applock.Locks, r applock.Request, want error) {
	t.Helper()
	if _, err := s.Get(t.Context(), r); !errors.Is(err, want) {
		t.Fatalf("session %d: %v, not %v", r.Session, err, want)
	}
}

// Two sessions may hold what goes together, and no more.
func TestModes(t *testing.T) {
	modes := []applock.Mode{applock.IntentShared, applock.Shared, applock.Update, applock.IntentExclusive, applock.Exclusive}
	want := [][]bool{
		{true, true, true, true, false},
		{true, true, true, false, false},
		{true, true, false, false, false},
		{true, false, false, true, false},
		{false, false, false, false, false},
	}
	for i, a := range modes {
		for j, b := range modes {
			s := applock.New(clock.System{})
			get(t, s, request(1, a, 0), nil)
			_, err := s.Get(t.Context(), request(2, b, 0))
			if (err == nil) != want[i][j] {
				t.Errorf("%d beside %d: %v", b, a, err)
			}
			if err != nil {
				get(t, s, request(1, b, 0), nil) // its own never hinder it
			}
		}
	}
}

// A lock is given back as often as it was taken; another database, name or case is another lock.
func TestRelease(t *testing.T) {
	s := applock.New(clock.System{})
	get(t, s, request(1, applock.Exclusive, 0), nil)
	get(t, s, request(1, applock.Exclusive, 0), nil)
	other := request(2, applock.Exclusive, 0)
	other.Name.Resource = "JOB"
	get(t, s, other, nil)
	other.Name = job
	other.Name.Database = 6
	get(t, s, other, nil)
	if err := s.Release(job, 1, true); !errors.Is(err, applock.ErrNotHeld) {
		t.Error("a session's lock is not its transaction's:", err)
	}
	for range 2 {
		get(t, s, request(2, applock.Shared, 0), applock.ErrTimeout)
		if err := s.Release(job, 1, false); err != nil {
			t.Fatal(err)
		}
	}
	get(t, s, request(2, applock.Shared, 0), nil)
	if err := s.Release(job, 1, false); !errors.Is(err, applock.ErrNotHeld) {
		t.Error(err)
	}
}

// Who waits gets the lock with the end of the transaction or session that has it, in the order of coming; a wait can end before.
func TestWait(t *testing.T) {
	c := clock.NewFake(time.Unix(0, 0))
	s := applock.New(c)
	first := request(1, applock.Exclusive, 0)
	first.Transaction = true
	get(t, s, first, nil)
	type result struct {
		session int
		waited  bool
		err     error
	}
	done := make(chan result, 3)
	wait := func(ctx context.Context, session int, d time.Duration) {
		go func() {
			waited, err := s.Get(ctx, request(session, applock.Exclusive, d))
			done <- result{session, waited, err}
		}()
	}
	wait(t.Context(), 2, time.Second)
	if err := c.BlockUntil(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	c.Advance(time.Second)
	if r := <-done; !errors.Is(r.err, applock.ErrTimeout) {
		t.Fatal(r)
	}
	ctx, cancel := context.WithCancel(t.Context())
	wait(ctx, 3, -1)
	cancel()
	if r := <-done; !errors.Is(r.err, context.Canceled) {
		t.Fatal(r)
	}
	wait(t.Context(), 4, time.Hour)
	if err := c.BlockUntil(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	s.EndTransaction(1)
	if r := <-done; r.err != nil || !r.waited || r.session != 4 {
		t.Fatal(r)
	}
	s.EndTransaction(4) // it belongs to the session
	get(t, s, request(1, applock.Shared, 0), applock.ErrTimeout)
	s.EndSession(4)
	get(t, s, request(1, applock.Shared, 0), nil)
}

// Of two that wait for each other the second is told at once.
func TestDeadlock(t *testing.T) {
	c := clock.NewFake(time.Unix(0, 0))
	s := applock.New(c)
	a, b := request(1, applock.Exclusive, time.Hour), request(2, applock.Exclusive, time.Hour)
	b.Name.Resource = "other"
	get(t, s, a, nil)
	get(t, s, b, nil)
	done := make(chan error, 1)
	go func() {
		r := a
		r.Name = b.Name
		_, err := s.Get(t.Context(), r)
		done <- err
	}()
	if err := c.BlockUntil(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	b.Name = job
	get(t, s, b, applock.ErrDeadlock)
	s.EndSession(2)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestTooMany(t *testing.T) {
	s := applock.New(clock.System{})
	for range 1000 {
		get(t, s, request(1, applock.Shared, 0), nil)
	}
	get(t, s, request(1, applock.Shared, 0), applock.ErrTooMany)
	get(t, s, request(2, applock.Shared, 0), nil)
}
