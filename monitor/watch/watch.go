package watch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"latchkey/internal/clock"
	"latchkey/internal/fsys"
	"latchkey/monitor"
)

// Subject is a database, or what else has access to a key.
type Subject struct {
	ID   string // for ever its own
	Name string // for people
	Key  string // who have the same share a check; "" is a key of its own
	Open bool   // it serves
	// Failed is why it did not open although its machine let it; Granted if nothing of its key kept it. Target.Close is called for such a
	// one too, and ends that.
	Failed monitor.Result
}

// Target is what is watched. Its methods are called by several goroutines, never two of them for one subject.
type Target interface {
	// Subjects lists what there is.
	Subjects() []Subject
	// Check uses the key of a subject, open or closed, and gives it back.
	Check(ctx context.Context, s Subject) monitor.Result
	// Close ends the use of a subject whose key is refused; it is called again until the subject is not Open.
	Close(ctx context.Context, s Subject, why monitor.Result) error
	// Open opens a subject that was closed; it is called again until the subject is Open or the machine changes its mind.
	Open(ctx context.Context, s Subject) error
}

// Config says how to watch. Target and Path are required.
type Config struct {
	Target  Target
	Path    string // of the file of states; its directory must exist
	Profile monitor.Profile
	// Events gets what happened. It must not block for long, nor call the Watch. nil discards.
	Events func(Subject, monitor.Event)
	// Observe gets the result of each check and how long it took, Round the time of each round, which come as long as the Watch runs. They must not
	// block, nor call the Watch. nil for nobody.
	Observe     func(s Subject, r monitor.Result, took time.Duration)
	Round       func(now time.Time)
	FS          fsys.FS       // nil means the machine's
	Clock       clock.Clock   // nil means the machine's
	Log         *slog.Logger  // nil discards
	Concurrency int           // checks at a time; 0 means 8
	Timeout     time.Duration // of a check; 0 means 30 s
	Random      func() float64
}

// Watch runs machines. It is safe for concurrent use.
type Watch struct {
	cfg   Config
	slots chan struct{}
	wake  chan struct{}
	done  chan struct{} // a check ended

	mu       sync.Mutex
	machines map[string]*machine
	groups   map[string]*group
	met      bool // there was a round: before it the target may not have its subjects yet
	work     sync.WaitGroup
	storing  sync.Mutex // one writer of the file
}

// machine is one subject's.
type machine struct {
	*monitor.Machine
	subject Subject
}

// group is the subjects with one key.
type group struct {
	due  time.Time
	busy bool
	soon bool // somebody asked while it was busy
}

// New reads the states of before, if there are any.
func New(cfg Config) (*Watch, error) {
	if cfg.FS == nil {
		cfg.FS = fsys.OS{}
	}
	if cfg.Clock == nil {
		cfg.Clock = clock.System{}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Events == nil {
		cfg.Events = func(Subject, monitor.Event) {}
	}
	if cfg.Observe == nil {
		cfg.Observe = func(Subject, monitor.Result, time.Duration) {}
	}
	if cfg.Round == nil {
		cfg.Round = func(time.Time) {}
	}
	if cfg.Random == nil {
		cfg.Random = rand.Float64
	}
	if cfg.Concurrency <= 0 {
		cfg.Concurrency = 8
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 30 * time.Second
	}
	if cfg.Profile.Name == "" {
		cfg.Profile = monitor.Profiles()[0]
	}
	if err := cfg.Profile.Check(); err != nil {
		return nil, fmt.Errorf("reading the monitor's profile: %w", err)
	}
	w := &Watch{
		cfg: cfg, slots: make(chan struct{}, cfg.Concurrency), wake: make(chan struct{}, 1), done: make(chan struct{}, 1),
		machines: make(map[string]*machine), groups: make(map[string]*group),
	}
	return w, w.load()
}

// Bound is how long a refusal takes at most until the subject is closed, from the moment that the key store begins to refuse.
func (w *Watch) Bound() time.Duration { return w.cfg.Profile.Bound(w.cfg.Timeout) }

// Profile is how it decides.
func (w *Watch) Profile() monitor.Profile { return w.cfg.Profile }

// Serves reports whether a subject may be open. One that is not known may.
func (w *Watch) Serves(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := w.machines[id]
	return m == nil || m.Status().State.Serves()
}

// Info is a subject's state.
type Info struct {
	Subject
	monitor.Status
	Next time.Time // of the next check; zero before the first round and while one runs
}

// All lists the subjects' states, in no order. Once there was a round it has those that the target has now: also ones that came since, none that are gone.
func (w *Watch) All() []Info {
	subjects := w.cfg.Target.Subjects()
	w.mu.Lock()
	defer w.mu.Unlock()
	there := make(map[string]bool, len(subjects))
	out := make([]Info, 0, len(w.machines))
	for _, s := range subjects {
		there[s.ID] = true
		if w.met && w.machines[s.ID] == nil {
			out = append(out, Info{Subject: s, Status: monitor.New(w.cfg.Profile, w.cfg.Clock.Now()).Status()})
			w.poke() // the next round has it
		}
	}
	for id, m := range w.machines {
		if w.met && !there[id] {
			continue
		}
		i := Info{Subject: m.subject, Status: m.Status()}
		if g := w.groups[key(m.subject)]; g != nil && !g.busy {
			i.Next = g.due
		}
		out = append(out, i)
	}
	return out
}

// Wake says that something changed which may bring subjects back: those that do not serve are checked now.
func (w *Watch) Wake() {
	w.mu.Lock()
	for _, m := range w.machines {
		if m.Status().State != monitor.Online || !m.Status().Outage.IsZero() || !m.subject.Open {
			w.soonLocked(m.subject)
		}
	}
	w.mu.Unlock()
	w.poke()
}

func (w *Watch) soonLocked(s Subject) {
	if g := w.groups[key(s)]; g != nil {
		g.due = time.Time{}
		g.soon = g.busy
	}
}

func (w *Watch) poke() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// ErrServes means that there is nothing to re-validate: the subject is not known to have lost its key.
var ErrServes = errors.New("it has not lost access to its key")

// Revalidate is a person asking for a subject that lost its key: it is checked at once, and opened if its key is granted. The result
// is that of the check; an error is ErrServes, one of storing the state, of opening, or of ctx.
func (w *Watch) Revalidate(ctx context.Context, id string) (monitor.Result, error) {
	for {
		m, g, err := w.claim(id)
		if err != nil {
			return monitor.Result{}, err
		}
		if g != nil {
			defer w.free(g)
			return w.revalidate(ctx, m)
		}
		if err := clock.Sleep(ctx, w.cfg.Clock, busyWait); err != nil { // its check runs
			return monitor.Result{}, err
		}
	}
}

const busyWait = 50 * time.Millisecond

// claim takes the group of a subject; nil if it is busy.
func (w *Watch) claim(id string) (*machine, *group, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := w.machines[id]
	if m == nil || m.Status().State.Serves() {
		return nil, nil, ErrServes
	}
	k := key(m.subject)
	g := w.groups[k]
	if g == nil {
		g = &group{}
		w.groups[k] = g
	}
	if g.busy {
		return nil, nil, nil
	}
	g.busy = true
	return m, g, nil
}

func (w *Watch) free(g *group) {
	w.mu.Lock()
	g.busy, g.due = false, time.Time{}
	w.mu.Unlock()
	w.poke()
}

func (w *Watch) revalidate(ctx context.Context, m *machine) (monitor.Result, error) {
	w.mu.Lock()
	events, ok := m.Revalidate(w.cfg.Clock.Now())
	w.mu.Unlock()
	if !ok {
		return monitor.Result{}, ErrServes
	}
	if err := w.tell(m, events); err != nil {
		return monitor.Result{}, err
	}
	r := w.ask(ctx, m.subject)
	w.mu.Lock()
	events = m.Check(w.cfg.Clock.Now(), r)
	w.mu.Unlock()
	if err := w.tell(m, events); err != nil {
		return r, err
	}
	if r.Cause != monitor.Granted {
		return r, nil
	}
	return r, w.cfg.Target.Open(ctx, m.subject)
}

// tell stores the states and passes events on.
func (w *Watch) tell(m *machine, events []monitor.Event) error {
	if err := w.store(); err != nil {
		return err
	}
	w.pass(m, events)
	return nil
}

func (w *Watch) pass(m *machine, events []monitor.Event) {
	for _, e := range events {
		w.cfg.Events(m.subject, e)
	}
}

// key names a subject's group.
func key(s Subject) string {
	if s.Key == "" {
		return "\x00" + s.ID
	}
	return s.Key
}
