package room_test

import (
	"context"
	"errors"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/engine/room"
	"latchkey/engine/sqltype"
	"latchkey/internal/clock"
)

func number(err error) int {
	var e *sqltype.Error
	if errors.As(err, &e) {
		return e.Number
	}
	return 0
}

func TestAsk(t *testing.T) {
	const mib = 1 << 20
	used, garbage, swept := int64(0), int64(0), 0
	r := room.NewWith(100*mib, func() int64 { return used + garbage }, func() { garbage = 0; swept++ }, nil)
	ctx := room.With(t.Context(), r)
	if err := room.Ask(ctx, 40*mib); err != nil {
		t.Errorf("in an empty room: %v", err)
	}
	if n := number(room.Ask(ctx, room.Largest+1)); n != 7119 {
		t.Errorf("too large: %d", n)
	}
	garbage = 99 * mib
	if err := room.Ask(ctx, 40*mib); err != nil || swept != 1 {
		t.Errorf("with garbage: %v, swept %d times", err, swept)
	}
	used = 99 * mib
	if n := number(room.Ask(ctx, 40*mib)); n != 701 || r.Refused() != 1 {
		t.Errorf("in a full room: %d", n)
	}
	if err := room.Ask(ctx, room.Large-1); err != nil {
		t.Errorf("a small value: %v", err)
	}
	if err := room.Ask(t.Context(), 40*mib); err != nil {
		t.Errorf("without a room: %v", err)
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if err := room.Ask(gone, 2*mib); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// Those who ask at once get no more than there is together, although nothing shows in the process yet.
func TestAtOnce(t *testing.T) {
	const mib = 1 << 20
	r := room.NewWith(100*mib, func() int64 { return 80 * mib }, func() {}, nil)
	ctx := room.With(t.Context(), r)
	n := 0
	for range 10 {
		if room.Ask(ctx, 6*mib) == nil {
			n++
		}
	}
	if n > 6 {
		t.Errorf("%d of 6 MiB fit into 20 MiB", n)
	}
}

func TestResident(t *testing.T) {
	debug.FreeOSMemory() // else what another test left would serve
	before := room.Resident()
	b := make([]byte, 64<<20)
	for i := 0; i < len(b); i += 4096 {
		b[i] = 1
	}
	if after := room.Resident(); before <= 0 || after < before+32<<20 {
		t.Errorf("%d bytes before, %d with 64 MiB more", before, after)
	}
	if b[4096] != 1 {
		t.Fatal()
	}
	if room.New(0, nil).Limit() < 1<<30 || room.New(5, nil).Limit() != 5 {
		t.Error("the bound")
	}
}

// Who wants a place when all are taken waits, and hears so after a while.
func TestPlace(t *testing.T) {
	c := clock.NewFake(time.Now())
	ctx := room.With(t.Context(), room.NewWith(1, func() int64 { return 0 }, func() {}, c))
	give, err := room.Place(ctx)
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	go func() {
		_, err := room.Place(ctx)
		failed <- err
	}()
	if err := c.BlockUntil(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	c.Advance(time.Minute)
	if n := number(<-failed); n != 8645 {
		t.Errorf("got %d", n)
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := room.Place(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	give()
	if _, err := room.Place(ctx); err != nil {
		t.Errorf("when it is free: %v", err)
	}
	if _, err := room.Place(t.Context()); err != nil {
		t.Errorf("without a room: %v", err)
	}
}

// Tight looks at the memory a few times in a second, however many ask.
func TestTight(t *testing.T) {
	c := clock.NewFake(time.Now())
	var looks, used atomic.Int64
	r := room.NewWith(100, func() int64 { looks.Add(1); return used.Load() }, func() {}, c)
	ask := func(want bool) {
		var wait sync.WaitGroup
		for range 8 {
			wait.Go(func() {
				if r.Tight() != want {
					t.Errorf("%d of 100 bytes: tight is %v", used.Load(), !want)
				}
			})
		}
		wait.Wait()
	}
	ask(false)
	used.Store(80)
	c.Advance(100 * time.Millisecond)
	ask(false) // it did not look again
	c.Advance(time.Second)
	ask(true)
	if n := looks.Load(); n != 2 {
		t.Errorf("it looked %d times", n)
	}
	if (*room.Room)(nil).Tight() {
		t.Error("none at all is tight")
	}
}
