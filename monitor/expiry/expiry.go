package expiry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"sync"
	"time"

	"latchkey/internal/clock"
	"latchkey/internal/fsys"
	"latchkey/monitor/activity"
)

// Item is something that ends.
type Item struct {
	Kind      string // "secret", "certificate", "key"
	Object    string // which, for people; never a secret
	Owner     string // who has it: another Object of the same Kind and Owner takes this one's place; "" is Object
	NotBefore time.Time
	NotAfter  time.Time // zero: no end
}

func (i Item) owner() string {
	if i.Owner == "" {
		return i.Kind + "\x00" + i.Object
	}
	return i.Kind + "\x00" + i.Owner
}

// Info is an Item and what was told of it.
type Info struct {
	Item
	Seen time.Time     // last
	Told time.Duration // the stage that was told last; 0 if the end was, Never if none
}

// Never is Info.Told before anything was told.
const Never = time.Duration(1<<63 - 1)

// The events and statuses of records.
const (
	Ending    = "CredentialExpiring" // Status is how much is left at most: "30 days", "1 hour"
	Ended     = "CredentialExpired"
	Renewed   = "CredentialRenewed"
	NotYet    = "CredentialNotYetValid"
	Succeeded = "Succeeded"
	Failed    = "Failed"
)

const day = 24 * time.Hour

// DefaultStages are 90, 60, 30, 14, 7, 3 and 1 days, 12 hours and 1 hour.
func DefaultStages() []time.Duration {
	return []time.Duration{90 * day, 60 * day, 30 * day, 14 * day, 7 * day, 3 * day, day, 12 * time.Hour, time.Hour}
}

// maxItems bounds what is remembered; beyond, what is new is not.
const maxItems = 10_000

// Config says what to tell, and where. Path and Tell are required.
type Config struct {
	Path   string                // of the file of what was told; its directory must exist
	Stages []time.Duration       // nil means DefaultStages
	Tell   func(activity.Record) // gets each warning, without Server
	FS     fsys.FS               // nil means the machine's
	Clock  clock.Clock           // nil means the machine's
	Log    *slog.Logger          // nil discards
}

// Tracker remembers what ends. It is safe for concurrent use.
type Tracker struct {
	cfg  Config
	wake chan struct{}

	mu    sync.Mutex
	items map[string]*Info // by owner
	dirty bool
}

// Open reads what was told before.
func Open(cfg Config) (*Tracker, error) {
	if cfg.FS == nil {
		cfg.FS = fsys.OS{}
	}
	if cfg.Clock == nil {
		cfg.Clock = clock.System{}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Stages == nil {
		cfg.Stages = DefaultStages()
	}
	for _, s := range cfg.Stages {
		if s <= 0 {
			return nil, fmt.Errorf("reading the stages of warnings: %s is not before an end", s)
		}
	}
	cfg.Stages = slices.Sorted(slices.Values(cfg.Stages)) // the last first
	t := &Tracker{cfg: cfg, wake: make(chan struct{}, 1), items: make(map[string]*Info)}
	b, err := fsys.ReadFile(cfg.FS, cfg.Path, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	var list []Info
	if err == nil {
		list, err = Decode(b)
	}
	if err != nil {
		if _, ok := errors.AsType[*fs.PathError](err); ok {
			return nil, fmt.Errorf("reading which ends were told of: %w", err)
		}
		aside := cfg.Path + ".damaged"
		cfg.Log.Error("which ends were told of does not read, and is set aside; what is due is told again", "file", cfg.Path, "as", aside, "err", err)
		if err := cfg.FS.Rename(cfg.Path, aside); err != nil {
			return nil, fmt.Errorf("setting %q aside: %w", cfg.Path, err)
		}
		return t, nil
	}
	for _, i := range list {
		t.items[i.owner()] = &i
	}
	return t, nil
}

// See notes that something was seen which ends. It does no I/O: Run tells and stores.
func (t *Tracker) See(i Item) {
	if i.NotAfter.IsZero() && i.NotBefore.IsZero() {
		t.forget(i)
		return
	}
	now := t.cfg.Clock.Now()
	t.mu.Lock()
	old := t.items[i.owner()]
	switch {
	case old == nil && len(t.items) >= maxItems:
		t.mu.Unlock()
		return
	case old != nil && old.Object == i.Object && old.NotAfter.Equal(i.NotAfter) && old.NotBefore.Equal(i.NotBefore):
		old.Seen = now
		t.mu.Unlock()
		return
	}
	n := &Info{Item: i, Seen: now, Told: Never}
	if old != nil && old.Told != Never {
		n.Told = renewed // somebody was warned, and waits for the word
	}
	t.items[i.owner()], t.dirty = n, true
	t.mu.Unlock()
	t.poke()
}

// renewed marks an item that took the place of one that was warned of.
const renewed = Never - 1

// forget is for what has no end any more.
func (t *Tracker) forget(i Item) {
	t.mu.Lock()
	old := t.items[i.owner()]
	switch {
	case old == nil:
	case old.Told != Never:
		t.items[i.owner()], t.dirty = &Info{Item: i, Seen: t.cfg.Clock.Now(), Told: renewed}, true
	default:
		delete(t.items, i.owner())
		t.dirty = true
	}
	t.mu.Unlock()
	t.poke()
}

func (t *Tracker) poke() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// All lists what is known to end, the first end first.
func (t *Tracker) All() []Info {
	t.mu.Lock()
	out := make([]Info, 0, len(t.items))
	for _, i := range t.items {
		if !i.NotAfter.IsZero() {
			out = append(out, *i)
		}
	}
	t.mu.Unlock()
	slices.SortFunc(out, func(a, b Info) int {
		return cmp.Or(a.NotAfter.Compare(b.NotAfter), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Object, b.Object))
	})
	return out
}

// Run tells what is due, and what comes due, until ctx ends.
func (t *Tracker) Run(ctx context.Context) {
	for ctx.Err() == nil {
		next := t.Tell()
		timer := t.cfg.Clock.NewTimer(next)
		select {
		case <-ctx.Done():
		case <-timer.C():
		case <-t.wake:
		}
		timer.Stop()
	}
}

// maxWait is how long a clock that was set may delay a warning.
const maxWait = time.Hour

// Tell tells what is due now and gives the time until something else may be.
func (t *Tracker) Tell() time.Duration {
	now := t.cfg.Clock.Now()
	var records []activity.Record
	next := maxWait
	t.mu.Lock()
	for owner, i := range t.items {
		r, changed := t.due(now, i)
		records, t.dirty = append(records, r...), t.dirty || changed
		if i.NotAfter.IsZero() && !now.Before(i.NotBefore) {
			delete(t.items, owner) // it is valid, and has no end
			continue
		}
		next = min(next, t.next(now, i))
	}
	dirty := t.dirty
	t.mu.Unlock()
	if dirty {
		if err := t.store(); err != nil { // told all the same: a warning twice is better than none
			t.cfg.Log.Error("which ends were told of could not be stored; they may be told again", "file", t.cfg.Path, "err", err)
		}
	}
	slices.SortFunc(records, func(a, b activity.Record) int { return cmp.Or(a.Ends.Compare(b.Ends), cmp.Compare(a.Object, b.Object)) })
	for _, r := range records {
		t.cfg.Tell(r)
	}
	return max(next, time.Second)
}

// due gives the records whose time has come.
func (t *Tracker) due(now time.Time, i *Info) (out []activity.Record, changed bool) {
	left := i.NotAfter.Sub(now)
	stage := Never
	for _, s := range t.cfg.Stages {
		if !i.NotAfter.IsZero() && left <= s {
			stage = s
			break
		}
	}
	if i.Told == renewed {
		i.Told, changed = Never, true
		out = append(out, t.record(now, i.Item, Renewed, Succeeded, i.Kind+" was renewed: "+i.Object+until(i.NotAfter)))
	}
	if now.Before(i.NotBefore) && i.Told == Never && stage == Never {
		i.Told, changed = early, true
		return append(out, t.record(now, i.Item, NotYet, Failed, fmt.Sprintf("%s is not valid before %s: %s. Until then it is refused.", i.Kind, stamp(i.NotBefore), i.Object))), changed
	}
	if i.Told == early && !now.Before(i.NotBefore) {
		i.Told, changed = Never, true
	}
	switch {
	case i.NotAfter.IsZero():
	case left <= 0:
		if i.Told != 0 {
			i.Told, changed = 0, true
			out = append(out, t.record(now, i.Item, Ended, Failed, fmt.Sprintf("%s ended at %s: %s. %s", i.Kind, stamp(i.NotAfter), i.Object, advice(i.Kind))))
		}
	case stage < i.Told:
		i.Told, changed = stage, true
		out = append(out, t.record(now, i.Item, Ending, words(stage), fmt.Sprintf("%s ends in %s, at %s: %s. %s", i.Kind, remaining(left), stamp(i.NotAfter), i.Object, advice(i.Kind))))
	}
	return out, changed
}

// early marks an item of which it was told that it is not valid yet.
const early = Never - 2

// next is when the next stage of i comes.
func (t *Tracker) next(now time.Time, i *Info) time.Duration {
	next := maxWait
	for _, at := range append([]time.Time{i.NotBefore, i.NotAfter}, t.before(i)...) {
		if d := at.Sub(now); !at.IsZero() && d > 0 {
			next = min(next, d)
		}
	}
	return next
}

func (t *Tracker) before(i *Info) (out []time.Time) {
	if i.NotAfter.IsZero() {
		return nil
	}
	for _, s := range t.cfg.Stages {
		out = append(out, i.NotAfter.Add(-s))
	}
	return out
}

func (t *Tracker) record(now time.Time, i Item, event, status, text string) activity.Record {
	return activity.Record{Time: now, Event: event, Status: status, Description: text, Object: i.Kind + " " + i.Object, Ends: i.NotAfter}
}
