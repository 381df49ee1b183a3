package clock_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"latchkey/internal/clock"
)

func TestFakeFiresInOrderAndShowsEachTime(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	f := clock.NewFake(start)
	late, early := f.NewTimer(2*time.Hour), f.NewTimer(time.Hour)
	f.Advance(3 * time.Hour)
	if got, want := <-early.C(), start.Add(time.Hour); !got.Equal(want) {
		t.Errorf("early fired at %v, want %v", got, want)
	}
	if got, want := <-late.C(), start.Add(2*time.Hour); !got.Equal(want) {
		t.Errorf("late fired at %v, want %v", got, want)
	}
	if got, want := f.Now(), start.Add(3*time.Hour); !got.Equal(want) {
		t.Errorf("now = %v, want %v", got, want)
	}
}

func TestFakeStopAndReset(t *testing.T) {
	f := clock.NewFake(time.Unix(0, 0))
	tm := f.NewTimer(time.Minute)
	if !tm.Stop() || tm.Stop() {
		t.Error("Stop must report armed once")
	}
	f.Advance(time.Hour)
	select {
	case <-tm.C():
		t.Error("a stopped timer fired")
	default:
	}
	tm.Reset(0)
	<-tm.C()
}

func TestSleepEndsWithContextOrClock(t *testing.T) {
	f := clock.NewFake(time.Unix(0, 0))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- clock.Sleep(ctx, f, time.Hour) }()
	if err := f.BlockUntil(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Sleep = %v, want canceled", err)
	}
	go func() { done <- clock.Sleep(t.Context(), f, time.Hour) }()
	if err := f.BlockUntil(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	f.Advance(time.Hour)
	if err := <-done; err != nil {
		t.Errorf("Sleep = %v", err)
	}
}
