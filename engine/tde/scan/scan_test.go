package scan_test

import (
	"bytes"
	"context"
	"errors"
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
