package watch_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"latchkey/internal/clock"
	"latchkey/internal/fsys"
	"latchkey/monitor"
	"latchkey/monitor/watch"
)

var start = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)

// target is databases whose keys a test refuses.
type target struct {
	mu     sync.Mutex
	open   map[string]bool
	failed map[string]monitor.Result
	keys   map[string]string         // of databases
	says   map[string]monitor.Result // of keys
	checks map[string]int
	now    int
	most   int
	hold   chan struct{}
	stuck  map[string]chan struct{} // subjects that do not let themselves be closed
	did    []string
}

func newTarget(names ...string) *target {
	t := &target{open: map[string]bool{}, failed: map[string]monitor.Result{}, keys: map[string]string{}, says: map[string]monitor.Result{}, checks: map[string]int{}}
	for _, n := range names {
		t.open[n], t.keys[n] = true, "k"
	}
	return t
}

func (t *target) Subjects() []watch.Subject {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []watch.Subject
	for n, open := range t.open {
		out = append(out, watch.Subject{ID: n, Name: n, Key: t.keys[n], Open: open, Failed: t.failed[n]})
	}
	return out
}

func (t *target) Check(ctx context.Context, s watch.Subject) monitor.Result {
	t.mu.Lock()
	t.checks[s.Key]++
	t.now++
	t.most = max(t.most, t.now)
	r, hold := t.says[s.Key], t.hold
	t.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now--
	return r
}

func (t *target) Close(_ context.Context, s watch.Subject, why monitor.Result) error {
	t.mu.Lock()
	stuck := t.stuck[s.ID]
	t.mu.Unlock()
	if stuck != nil {
		<-stuck
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open[s.ID] = false
	t.did = append(t.did, "close "+s.ID+" "+why.Cause.Name())
	return nil
}

func (t *target) Open(_ context.Context, s watch.Subject) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open[s.ID] = true
	delete(t.failed, s.ID)
	t.did = append(t.did, "open "+s.ID)
	return nil
}

func (t *target) say(key string, r monitor.Result) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.says[key] = r
}

// runner is a Watch that runs on a clock of the test.
type runner struct {
	*watch.Watch
	t      *testing.T
	clock  *clock.Fake
	fs     *fsys.Mem
	target *target
	mu     sync.Mutex
	events []string
	stop   func()
}

var profile = monitor.Profile{Name: "test", Poll: time.Minute, Retry: 10 * time.Second, Tries: 3, Over: 20 * time.Second, Window: 3 * time.Minute}

func run(t *testing.T, tg *target, fs *fsys.Mem, c *clock.Fake, p monitor.Profile) *runner {
	t.Helper()
	r := &runner{t: t, clock: c, fs: fs, target: tg}
	var err error
	r.Watch, err = watch.New(watch.Config{
		Target: tg, Path: "/states.json", Profile: p, FS: fs, Clock: c, Random: func() float64 { return 0.5 }, Concurrency: 2,
		Events: func(s watch.Subject, e monitor.Event) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.events = append(r.events, s.Name+" "+e.Name+" "+e.Status)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); r.Run(ctx) }()
	r.stop = func() { cancel(); <-done }
	t.Cleanup(r.stop)
	return r
}

// until moves the clock by seconds until something is so. The clock stands still while a check is due or runs, however long the machine takes to run it.
func (r *runner) until(what string, so func() bool) time.Duration {
	r.t.Helper()
	from, moved := r.clock.Now(), 0
	for still := 0; !so(); still++ {
		if moved > 20_000 {
			r.t.Fatalf("in vain until %s: %v", what, r.events)
		}
		if r.quiet() || still > 2000 { // the round's timer may have been set as the clock was moved: then it is late
			if err := r.clock.BlockUntil(r.t.Context(), 1); err != nil {
				r.t.Fatal(err)
			}
			r.clock.Advance(time.Second)
			moved, still = moved+1, 0
		}
		<-time.After(50 * time.Microsecond) // lets the runner's goroutines go on
	}
	return r.clock.Now().Sub(from)
}

// quiet reports whether all checks are still to come.
func (r *runner) quiet() bool {
	now := r.clock.Now()
	for _, i := range r.All() {
		if wait := i.Next.Sub(now); wait <= 0 || wait > 2*profile.Poll { // more is a clock that was set back
			return false
		}
	}
	return true
}

func (r *runner) state(id string) monitor.State {
	for _, i := range r.All() {
		if i.ID == id {
			return i.State
		}
	}
	return 99
}

func (r *runner) is(id string, s monitor.State) func() bool {
	return func() bool {
		r.target.mu.Lock()
		open := r.target.open[id]
		r.target.mu.Unlock()
		return r.state(id) == s && open == s.Serves()
	}
}

// want waits for so many events and compares them: a state is seen a moment before its events are told.
func (r *runner) want(events ...string) {
	r.t.Helper()
	told := func() bool { r.mu.Lock(); defer r.mu.Unlock(); return len(r.events) >= len(events) }
	for i := 0; !told() && i < 100_000; i++ {
		<-time.After(50 * time.Microsecond)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if d := cmp.Diff(events, r.events); d != "" {
		r.t.Error(d)
	}
	r.events = nil
}

var refused = monitor.Result{Cause: monitor.KeyUnusable, Code: 3113, Text: "KeyDisabled"}

// A refusal closes within the bound; a granted check opens; all of one key share a check.
func TestRefusedAndHealed(t *testing.T) {
	tg := newTarget("a")
	r := run(t, tg, fsys.NewMem(), clock.NewFake(start), profile)
	r.until("it is known", r.is("a", monitor.Online))
	tg.say("k", refused)
	if took := r.until("it is closed", r.is("a", monitor.Inaccessible)); took > r.Bound() || took < profile.Over {
		t.Errorf("it took %s, bound %s", took, r.Bound())
	}
	r.want("a MakeDatabaseInaccessible Started", "a MakeDatabaseInaccessible InProgress")
	tg.say("k", monitor.Result{})
	r.until("it is open", r.is("a", monitor.Online))
	r.want("a MakeDatabaseAccessible Succeeded")
	if d := cmp.Diff([]string{"close a ServerKeyDoesNotExists", "open a"}, tg.did); d != "" {
		t.Error(d)
	}
}

// An outage closes nothing, however long; nor does a refusal for a moment.
func TestOutage(t *testing.T) {
	tg := newTarget("a", "b")
	r := run(t, tg, fsys.NewMem(), clock.NewFake(start), profile)
	r.until("it is known", r.is("a", monitor.Online))
	tg.say("k", monitor.Result{Cause: monitor.NoAnswer})
	end := r.clock.Now().Add(5 * time.Minute)
	r.until("time has passed", func() bool { return r.clock.Now().After(end) })
	tg.say("k", refused)
	r.until("it is suspected", func() bool { return r.state("a") == monitor.Suspect })
	tg.say("k", monitor.Result{})
	r.until("it is not", r.is("a", monitor.Online))
	r.want()
	if len(tg.did) != 0 {
		t.Error(tg.did)
	}
}

// States survive a restart: what must be re-validated is not opened by a key that is back, and opens when a person asks.
func TestRestart(t *testing.T) {
	tg, fs, c := newTarget("a"), fsys.NewMem(), clock.NewFake(start)
	r := run(t, tg, fs, c, profile)
	r.until("it is known", r.is("a", monitor.Online))
	tg.say("k", refused)
	r.until("the window is over", func() bool { return r.state("a") == monitor.NeedsRevalidation })
	r.stop()
	fs = fs.CrashClone(fsys.Crash{})
	tg.say("k", monitor.Result{})
	r = run(t, tg, fs, c, profile)
	if r.Serves("a") {
		t.Error("the state is forgotten")
	}
	tg.mu.Lock()
	n := tg.checks["k"]
	tg.mu.Unlock()
	r.until("it was checked", func() bool { tg.mu.Lock(); defer tg.mu.Unlock(); return tg.checks["k"] > n+2 })
	if r.state("a") != monitor.NeedsRevalidation {
		t.Error(r.state("a"))
	}
	tg.say("k", refused)
	ask := func() (monitor.Result, error) {
		type answer struct {
			r   monitor.Result
			err error
		}
		got := make(chan answer, 1)
		go func() { res, err := r.Revalidate(t.Context(), "a"); got <- answer{res, err} }()
		var a answer
		r.until("it was answered", func() bool {
			select {
			case a = <-got:
				return true
			default:
				return false
			}
		})
		return a.r, a.err
	}
	if res, err := ask(); err != nil || res.Cause != monitor.KeyUnusable {
		t.Error(res, err)
	}
	r.want("a MakeDatabaseAccessible Started", "a MakeDatabaseAccessible Failed")
	tg.say("k", monitor.Result{})
	if res, err := ask(); err != nil || res.Cause != monitor.Granted {
		t.Error(res, err)
	}
	r.want("a MakeDatabaseAccessible Started", "a MakeDatabaseAccessible Succeeded")
	r.until("it is open", r.is("a", monitor.Online))
	if _, err := r.Revalidate(t.Context(), "a"); !errors.Is(err, watch.ErrServes) {
		t.Error(err)
	}
}

// One that did not open at the start is inaccessible at once, for its own reason, and closes no other one of its key.
func TestFailedAtStart(t *testing.T) {
	tg := newTarget("a", "b")
	tg.open["b"], tg.failed["b"] = false, monitor.Result{Cause: monitor.NoAnswer}
	tg.say("k", monitor.Result{Cause: monitor.NoAnswer, Text: "no route"})
	r := run(t, tg, fsys.NewMem(), clock.NewFake(start), profile)
	r.until("it is inaccessible", r.is("b", monitor.Inaccessible))
	r.want("b MakeDatabaseInaccessible Started", "b MakeDatabaseInaccessible InProgress")
	if r.state("a") != monitor.Online {
		t.Error("an outage at the start closed another one")
	}
	tg.say("k", monitor.Result{})
	r.Wake()
	r.until("it is open", r.is("b", monitor.Online))
	r.want("b MakeDatabaseAccessible Succeeded")
}

// So many checks run at once as the bound says, and one for each key.
func TestBounds(t *testing.T) {
	tg := newTarget()
	for i := range 20 {
		n := fmt.Sprint("db", i)
		tg.open[n], tg.keys[n] = true, fmt.Sprint("k", i%10)
	}
	r := run(t, tg, fsys.NewMem(), clock.NewFake(start), profile)
	r.until("all are checked", func() bool { tg.mu.Lock(); defer tg.mu.Unlock(); return len(tg.checks) == 10 })
	tg.mu.Lock()
	defer tg.mu.Unlock()
	if tg.most > 2 {
		t.Errorf("%d at once", tg.most)
	}
	for k, n := range tg.checks {
		if n != 1 {
			t.Errorf("%s was checked %d times", k, n)
		}
	}
}

// One that does not let itself be closed keeps no other one of its key open.
func TestOneThatHangsKeepsNoOtherOpen(t *testing.T) {
	tg := newTarget()
	for i := range 200 {
		n := fmt.Sprint("db", i)
		tg.open[n], tg.keys[n] = true, "k"
	}
	stuck := make(chan struct{})
	tg.stuck = map[string]chan struct{}{"db0": stuck, "db99": stuck}
	r := run(t, tg, fsys.NewMem(), clock.NewFake(start), profile)
	r.until("it is known", func() bool { return r.state("db199") == monitor.Online })
	tg.say("k", refused)
	closed := func() (n int) {
		tg.mu.Lock()
		defer tg.mu.Unlock()
		for _, open := range tg.open {
			if !open {
				n++
			}
		}
		return n
	}
	r.until("the others are closed", func() bool { return closed() == 198 })
	close(stuck)
	r.until("all are closed", func() bool { return closed() == 200 })
	tg.mu.Lock()
	checks := tg.checks["k"]
	tg.mu.Unlock()
	if checks > 10 {
		t.Errorf("200 databases of one key took %d checks", checks)
	}
	tg.say("k", monitor.Result{})
	r.until("all are open", func() bool { return closed() == 0 })
}

// A clock that is set back does not put checks off.
func TestClockSetBack(t *testing.T) {
	tg := newTarget("a")
	r := run(t, tg, fsys.NewMem(), clock.NewFake(start), profile)
	r.until("it is known", r.is("a", monitor.Online))
	r.clock.Set(start.Add(-9 * time.Hour))
	r.Wake()
	tg.say("k", refused)
	if took := r.until("it is closed", r.is("a", monitor.Inaccessible)); took > r.Bound() {
		t.Errorf("it took %s, bound %s", took, r.Bound())
	}
}

// A file that does not read is refused by name.
func TestDamagedStates(t *testing.T) {
	for _, text := range []string{"", "{", `{"version":2}`, `{"version":1,"subjects":[{"id":"a","state":9}]}`, `{"version":1,"subjects":[{"state":1}]}`} {
		fs := fsys.NewMem()
		if err := fsys.WriteFile(fs, "/states.json", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := watch.New(watch.Config{Target: newTarget(), Path: "/states.json", FS: fs}); err == nil || !strings.Contains(err.Error(), "/states.json") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzStates(f *testing.F) {
	f.Add([]byte(`{"version":1,"subjects":[{"id":"a","state":3,"closed":{"cause":4}}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		fs := fsys.NewMem()
		if err := fsys.WriteFile(fs, "/states.json", b, 0o600); err != nil {
			t.Fatal(err)
		}
		if w, err := watch.New(watch.Config{Target: newTarget(), Path: "/states.json", FS: fs}); err == nil {
			w.All()
		}
	})
}

// What comes between two rounds is shown at once, and checked soon; what goes is not shown any more.
func TestNewcomerIsShownAtOnce(t *testing.T) {
	tg := newTarget("a")
	r := run(t, tg, fsys.NewMem(), clock.NewFake(start), profile)
	r.until("it is checked", func() bool { tg.mu.Lock(); defer tg.mu.Unlock(); return tg.checks["k"] > 0 })
	tg.mu.Lock()
	tg.open["b"], tg.keys["b"] = true, "k2"
	tg.mu.Unlock()
	if s := r.state("b"); s != monitor.Online {
		t.Errorf("a database that came just now: %v", s)
	}
	if took := r.until("its key is checked", func() bool { tg.mu.Lock(); defer tg.mu.Unlock(); return tg.checks["k2"] > 0 }); took > profile.Retry {
		t.Errorf("its key was checked after %v, want within %v", took, profile.Retry)
	}
	tg.mu.Lock()
	delete(tg.open, "b")
	tg.mu.Unlock()
	if s := r.state("b"); s != 99 {
		t.Errorf("a database that is gone: %v", s)
	}
}
