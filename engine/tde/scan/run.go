package scan

import (
	"context"
	"errors"
	"sync"
	"time"

	"latchkey/engine/tde/pagecipher"
	"latchkey/engine/tde/sealvfs"
	"latchkey/internal/clock"
	"latchkey/internal/fsys"
)

// Pages is the database as a scan needs it. [sealvfs.Store] is one.
type Pages interface {
	// Pages is the present length in pages.
	Pages() uint32
	// Reseal fills the batch with the pages from first on that are to be rewritten.
	Reseal(b *sealvfs.Batch, first uint32) error
	// Install writes the batch in place, but for pages that were written since.
	Install(b *sealvfs.Batch) error
	// SyncMain makes the database durable.
	SyncMain() error
}

// Config says what to scan.
type Config struct {
	FS    fsys.FS
	Path  string // of the database; the journal lies beside it
	ID    pagecipher.FileID
	Pages Pages
	// From is the page to begin with, 1 at least.
	From   uint32
	Budget *Budget
	// GiveWay is called before each round of a scan that has a bound, and waits while something is at work that readers and writers need
	// more. It may be nil.
	GiveWay func(ctx context.Context)
	Clock   clock.Clock // nil means the machine's
	// Passed is told, after each round, the first page that the scan has not durably passed. An error ends the scan.
	Passed func(next uint32) error
}

// Run scans until no page is left, ctx ends, or an error. It may be run again from the position that Passed was told last.
func Run(ctx context.Context, cfg Config) error {
	if cfg.Clock == nil {
		cfg.Clock = clock.System{}
	}
	if cfg.Budget == nil {
		cfg.Budget = NewBudget(0)
	}
	j, err := createJournal(cfg.FS, cfg.Path, cfg.ID)
	if err != nil {
		return err
	}
	r := runner{cfg: cfg, journal: j}
	err = r.run(ctx)
	return errors.Join(err, j.f.Close())
}

type runner struct {
	cfg     Config
	journal *journal
}

// round is some batches that share two syncs.
type round struct {
	first, next uint32
	batches     []*sealvfs.Batch
	n           int // of batches in use
	pages       []uint32
	ready       bool // it was prepared, as far as err
	err         error
}

func (r *runner) run(ctx context.Context) error {
	// Rounds are aligned to stripes, so that each batch has one lock.
	next := (max(r.cfg.From, 1)-1)/sealvfs.StripePages*sealvfs.StripePages + 1
	cur, ahead := &round{next: next}, &round{}
	for {
		if r.cfg.GiveWay != nil && r.cfg.Budget.Rate() != 0 {
			r.cfg.GiveWay(ctx)
		}
		began := r.cfg.Clock.Now()
		if !cur.ready {
			r.prepare(cur, cur.next)
		}
		if cur.first > r.cfg.Pages.Pages() {
			return nil
		}
		ahead.ready, ahead.next = false, cur.next
		done := make(chan struct{})
		if r.cfg.Budget.Rate() == 0 {
			go func() { // sealing the next round and writing this one use different parts of the machine
				defer close(done)
				r.prepare(ahead, cur.next)
			}()
		} else {
			close(done) // one thing at a time leaves the other processors to who uses the database
		}
		err := cur.err
		if err == nil {
			err = r.commit(ctx, cur)
		}
		if err == nil {
			// What a round costs is what it reads: pages that need no rewriting are read too.
			err = r.cfg.Budget.wait(ctx, r.cfg.Clock, began, int64(cur.next-cur.first)*pagecipher.PageSize)
		}
		<-done
		if err != nil {
			return err
		}
		cur, ahead = ahead, cur
	}
}

// prepare reseals the pages from first on, as many batches as the budget makes one round.
func (r *runner) prepare(p *round, first uint32) {
	p.first, p.n, p.err, p.pages, p.ready = first, 0, nil, p.pages[:0], true
	p.next = first
	for p.n < r.cfg.Budget.batches() && p.next <= r.cfg.Pages.Pages() {
		if p.n == len(p.batches) {
			p.batches = append(p.batches, &sealvfs.Batch{})
		}
		b := p.batches[p.n]
		if p.err = r.cfg.Pages.Reseal(b, p.next); p.err != nil {
			return
		}
		p.pages = append(p.pages, b.Pages...)
		p.next += sealvfs.StripePages
		p.n++
	}
}

// commit makes a round's pages durable, first in the journal, then in place.
func (r *runner) commit(ctx context.Context, p *round) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(p.pages) > 0 {
		if err := r.journal.write(p.pages, p.batches[:p.n]); err != nil {
			return err
		}
		for _, b := range p.batches[:p.n] {
			if err := r.cfg.Pages.Install(b); err != nil {
				return err
			}
		}
		if err := r.cfg.Pages.SyncMain(); err != nil {
			return err
		}
	}
	return r.cfg.Passed(p.next)
}

// Budget bounds a scan's pace. It may be changed while scans run.
type Budget struct {
	mu      sync.Mutex
	rate    int64         // bytes in a second; 0: no bound
	changed chan struct{} // closed and replaced at a change
}

// NewBudget makes a budget of rate bytes of the database in a second; 0 or less means no bound.
func NewBudget(rate int64) *Budget {
	return &Budget{rate: max(0, rate), changed: make(chan struct{})}
}

// Set changes the rate; scans that wait notice at once.
func (b *Budget) Set(rate int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rate = max(0, rate)
	close(b.changed)
	b.changed = make(chan struct{})
}

// Rate is the present rate.
func (b *Budget) Rate() int64 {
	rate, _ := b.get()
	return rate
}

func (b *Budget) get() (int64, chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.rate, b.changed
}

// batches is how many batches share a round, and so two syncs: many without a bound, one with a tight one, so that the disk
// is busy for short moments.
func (b *Budget) batches() int {
	const most = MaxPages / sealvfs.StripePages
	rate, _ := b.get()
	if rate == 0 {
		return most
	}
	return int(min(most, 1+rate/(64<<20)))
}

// wait lets the time pass that n bytes may take, counted from began.
func (b *Budget) wait(ctx context.Context, c clock.Clock, began time.Time, n int64) error {
	for {
		rate, changed := b.get()
		if rate == 0 {
			return ctx.Err()
		}
		left := time.Duration(float64(n)/float64(rate)*float64(time.Second)) - c.Now().Sub(began)
		if left <= 0 {
			return ctx.Err()
		}
		t := c.NewTimer(left)
		select {
		case <-t.C():
		case <-changed:
		case <-ctx.Done():
		}
		t.Stop()
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}
