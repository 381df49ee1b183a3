package scan_test

import (
	"bytes"
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/engine/tde/pagecipher"
	"latchkey/engine/tde/scan"
	"latchkey/engine/tde/sealvfs"
	"latchkey/internal/clock"
	"latchkey/internal/fsys"
)

func FuzzJournal(f *testing.F) {
	for _, t := range []scan.Table{{}, {ID: pagecipher.FileID{1}, Round: 9, Pages: []uint32{1, 2, 1 << 31}}} {
		f.Add(t.Encode())
		f.Add(t.Encode()[:20])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		tab, err := scan.DecodeTable(b)
		if err != nil {
			return
		}
		if again := tab.Encode(); !bytes.Equal(again, b[:len(again)]) {
			t.Error("decodes to something else")
		}
	})
}

// pages is a database of which nothing needs to be rewritten.
type pages struct{ n uint32 }

func (p pages) Pages() uint32 { return p.n }
func (p pages) Reseal(b *sealvfs.Batch, first uint32) error {
	b.First, b.Pages, b.Images = first, nil, nil
	return nil
}
func (p pages) Install(*sealvfs.Batch) error { return nil }
func (p pages) SyncMain() error              { return nil }

// A bound makes a scan wait by the clock; a change of the bound takes effect at once, and an end of the context too.
func TestBudget(t *testing.T) {
	m := fsys.NewMem()
	c := clock.NewFake(time.Unix(0, 0))
	budget := scan.NewBudget(64 * pagecipher.PageSize) // one batch in a second
	passed := make(chan uint32, 100)
	cfg := scan.Config{FS: m, Path: "d", Pages: pages{640}, Budget: budget, Clock: c, Passed: func(n uint32) error { passed <- n; return nil }}
	done := make(chan error, 1)
	go func() { done <- scan.Run(t.Context(), cfg) }()
	for i := range uint32(3) {
		if got := <-passed; got != 64*(i+1)+1 {
			t.Fatalf("passed %d", got)
		}
		if err := c.BlockUntil(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		select {
		case n := <-passed:
			t.Fatalf("went on to %d without the clock", n)
		default:
		}
		c.Advance(time.Second)
	}
	<-passed
	budget.Set(0)
	if err := <-done; err != nil || budget.Rate() != 0 {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	budget.Set(1)
	go func() { done <- scan.Run(ctx, cfg) }()
	if err := c.BlockUntil(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("after the context's end: %v", err)
	}
}

// counted is a database of which nothing needs to be rewritten, that counts what is read of it.
type counted struct {
	pages
	resealed *atomic.Int32
}

func (p counted) Reseal(b *sealvfs.Batch, first uint32) error {
	p.resealed.Add(1)
	return p.pages.Reseal(b, first)
}

// A scan that has a bound gives way before each round and does nothing ahead of its time; one without neither waits nor asks.
func TestGiveWay(t *testing.T) {
	const rounds = 5
	c := clock.NewFake(time.Unix(0, 0))
	var resealed, asked atomic.Int32
	cfg := scan.Config{
		FS: fsys.NewMem(), Path: "d", Pages: counted{pages{rounds * sealvfs.StripePages}, &resealed}, Clock: c,
		Budget:  scan.NewBudget(sealvfs.StripePages * pagecipher.PageSize),
		GiveWay: func(context.Context) { asked.Add(1) },
		Passed:  func(uint32) error { return nil },
	}
	done := make(chan error, 1)
	go func() { done <- scan.Run(t.Context(), cfg) }()
	for i := range int32(rounds) {
		if err := c.BlockUntil(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		if n, a := resealed.Load(), asked.Load(); n != i+1 || a != i+1 {
			t.Fatalf("after %d rounds %d were prepared, and it gave way %d times", i+1, n, a)
		}
		c.Advance(time.Second)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	asked.Store(0)
	cfg.Budget = scan.NewBudget(0)
	if err := scan.Run(t.Context(), cfg); err != nil || asked.Load() != 0 {
		t.Errorf("without a bound it gave way %d times: %v", asked.Load(), err)
	}
}
