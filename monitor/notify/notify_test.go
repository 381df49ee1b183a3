package notify_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"latchkey/internal/clock"
	"latchkey/internal/fsys"
	"latchkey/monitor/activity"
	"latchkey/monitor/notify"
)

var start = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)

// fake is a sink that does what a test says.
type fake struct {
	mu   sync.Mutex
	got  []notify.Message
	err  func(notify.Message) error
	sent chan string // every try
}

func newFake() *fake { return &fake{sent: make(chan string, 1000)} }

func (f *fake) Send(ctx context.Context, m notify.Message) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer func() { f.sent <- m.Record.Event }()
	if f.err != nil {
		if err := f.err(m); err != nil {
			return err
		}
	}
	f.got = append(f.got, m)
	return nil
}

func (f *fake) Close() error { return nil }

func (f *fake) fail(err func(notify.Message) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *fake) list() (out []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.got {
		out = append(out, m.Record.Event)
	}
	return out
}

type rig struct {
	t     *testing.T
	fs    *fsys.Mem
	clock *clock.Fake
	log   *activity.Log
	hub   *notify.Hub
	end   func()
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, fs: fsys.NewMem(), clock: clock.NewFake(start)}
	r.openLog()
	return r
}

func (r *rig) openLog() {
	var err error
	if r.log, err = activity.Open(activity.Config{FS: r.fs, Dir: "/m", Recent: 50}); err != nil {
		r.t.Fatal(err)
	}
}

// run starts a hub over sinks, each under its name.
func (r *rig) run(change func(*notify.Config), sinks ...notify.Endpoint) {
	r.t.Helper()
	cfg := notify.Config{
		Log: r.log, Dir: "/m/sinks", Sinks: sinks, Tell: r.add, Heartbeat: -1, FS: r.fs, Clock: r.clock, Random: func() float64 { return 1 }, Server: "s",
	}
	if change != nil {
		change(&cfg)
	}
	var err error
	if r.hub, err = notify.New(cfg); err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = r.hub.Run(ctx) }()
	r.end = func() { cancel(); <-done }
	r.t.Cleanup(r.end)
}

func (r *rig) add(rec activity.Record) {
	if rec.Time.IsZero() {
		rec.Time = r.clock.Now()
	}
	if _, err := r.log.Add(rec); err != nil {
		r.t.Error(err)
	}
	if r.hub != nil {
		r.hub.Wake()
	}
}

func (r *rig) event(names ...string) {
	for _, n := range names {
		r.add(activity.Record{Event: n, Resource: "db"})
	}
}

// until moves the clock on, a step whenever n lines wait, until ok.
func (r *rig) until(n int, step time.Duration, ok func() bool) {
	r.t.Helper()
	for !ok() {
		if err := r.clock.BlockUntil(r.t.Context(), n); err != nil {
			r.t.Fatal(err)
		}
		r.clock.Advance(step)
	}
}

func has(f *fake, n int) func() bool { return func() bool { return len(f.list()) >= n } }

func numbered(from, to int) (out []string) {
	for i := from; i < to; i++ {
		out = append(out, fmt.Sprint("e", i))
	}
	return out
}

// Every record comes once and in order, whatever fails, over crashes of the program; ids stay the same when one is sent again.
func TestOrderOverFailuresAndCrashes(t *testing.T) {
	r := newRig(t)
	r.event("before") // what was before the sink is not told
	r.openLog()
	f := newFake()
	ids := map[string]string{}
	n := 0
	f.err = func(m notify.Message) error {
		if old := ids[m.Record.Event]; old != "" && old != m.ID {
			t.Errorf("%s has two ids", m.Record.Event)
		}
		ids[m.Record.Event] = m.ID
		if n++; n%3 != 0 {
			return errors.New("try later")
		}
		return nil
	}
	for part := range 4 {
		r.run(nil, notify.Endpoint{Name: "ops", Kind: "webhook", Sink: f})
		r.event(numbered(part*10, part*10+10)...)
		r.until(1, time.Second, has(f, part*10+7))
		r.end()
		r.fs = r.fs.CrashClone(fsys.Crash{})
		r.hub = nil
		r.openLog()
	}
	r.run(nil, notify.Endpoint{Name: "ops", Kind: "webhook", Sink: f})
	r.until(1, time.Second, has(f, 40))
	if d := cmp.Diff(numbered(0, 40), f.list()); d != "" {
		t.Error(d)
	}
	seen := map[string]bool{}
	for _, id := range ids {
		if seen[id] {
			t.Error("two records have one id")
		}
		seen[id] = true
	}
}

// A sink that hangs holds up nobody; once it works again it gets all, also what memory has forgotten.
func TestSlowSinkHoldsNobody(t *testing.T) {
	r := newRig(t)
	stuck, good := newFake(), newFake()
	release := make(chan struct{})
	hang := &hanging{fake: stuck, release: release}
	r.run(func(c *notify.Config) { c.Timeout = time.Hour }, notify.Endpoint{Name: "stuck", Sink: hang}, notify.Endpoint{Name: "good", Sink: good})
	r.event(numbered(0, 200)...)
	for range 200 {
		<-good.sent
	}
	if s := r.hub.Status(); s[0].Waiting != 200 || s[1].Name != "good" {
		t.Errorf("%+v", s)
	}
	close(release)
	for range 200 {
		<-stuck.sent
	}
	if d := cmp.Diff(numbered(0, 200), stuck.list()); d != "" {
		t.Error(d)
	}
}

type hanging struct {
	*fake
	release chan struct{}
}

func (h *hanging) Send(ctx context.Context, m notify.Message) error {
	select {
	case <-h.release:
	case <-ctx.Done():
		return ctx.Err()
	}
	return h.fake.Send(ctx, m)
}

// What is refused for good, and what is a day old, is a dead letter, and the others are told.
func TestDeadLetters(t *testing.T) {
	r := newRig(t)
	bad, good := newFake(), newFake()
	bad.err = func(m notify.Message) error {
		switch m.Record.Event {
		case "refused":
			return notify.Permanent(errors.New("status 400"))
		case "old":
			return errors.New("status 500")
		}
		return nil
	}
	r.run(nil, notify.Endpoint{Name: "bad", Kind: "webhook", Sink: bad}, notify.Endpoint{Name: "good", Sink: good})
	r.event("refused", "a", "old", "b")
	count := func(f *fake, name string) (n int) {
		for _, e := range f.list() {
			if e == name {
				n++
			}
		}
		return n
	}
	status := func() notify.Status { return r.hub.Status()[0] }
	r.until(1, time.Minute, func() bool { return count(good, notify.Dropped) == 2 && count(bad, "b") == 1 && status().Err == "" })
	if n := count(good, notify.Failing); n == 0 || n > 4 {
		t.Errorf("its failing and recovery were told %d times: %v", n, good.list())
	}
	b, err := fsys.ReadFile(r.fs, "/m/sinks/bad.dead.jsonl", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	letters, err := notify.DecodeLetters(b)
	if err != nil || len(letters) != 2 || letters[0].Record.Event != "refused" || letters[1].Reason != "status 500" {
		t.Errorf("%v, %v", letters, err)
	}
	if s := status(); s.Dead != 2 || s.Err != "" {
		t.Errorf("%+v", s)
	}
}

// A sink that was away for longer than the log goes back is told how much it missed.
func TestMissed(t *testing.T) {
	r := newRig(t)
	var err error
	if r.log, err = activity.Open(activity.Config{FS: r.fs, Dir: "/small", MaxBytes: 2000, Files: 1, Recent: 5}); err != nil {
		t.Fatal(err)
	}
	f := newFake()
	r.run(nil, notify.Endpoint{Name: "ops", Sink: f})
	r.event("first")
	<-f.sent
	r.end()
	r.hub = nil
	r.event(numbered(0, 100)...)
	r.run(nil, notify.Endpoint{Name: "ops", Sink: f})
	for {
		if e := <-f.sent; e == notify.Dropped {
			break
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if last := f.got[len(f.got)-1].Record.Description; !strings.Contains(last, "missed") || f.got[1].Record.Event == "e0" || f.got[len(f.got)-2].Record.Event != "e99" {
		t.Errorf("%q after %v", last, f.got[len(f.got)-2].Record.Event)
	}
}

// Heartbeats come when nothing else does, and not to who wants none; a failing sink is told to the others once, and so is its recovery.
func TestHeartbeatAndFailing(t *testing.T) {
	r := newRig(t)
	beats, none := newFake(), newFake()
	r.run(func(c *notify.Config) { c.Heartbeat = 5 * time.Minute; c.Beat = func() string { return "alive" } },
		notify.Endpoint{Name: "beats", Heartbeat: true, Sink: beats}, notify.Endpoint{Name: "none", Sink: none, Events: []string{notify.Failing}})
	for range 3 {
		if e := <-beats.sent; e != notify.Heartbeat {
			t.Fatal(e)
		}
		if err := r.clock.BlockUntil(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
		r.clock.Advance(5 * time.Minute)
	}
	beats.fail(func(notify.Message) error { return errors.New("down") })
	r.until(2, time.Minute, has(none, 1))
	beats.fail(nil)
	r.until(2, time.Minute, has(none, 2))
	none.mu.Lock()
	defer none.mu.Unlock()
	if len(none.got) != 2 || none.got[0].Record.Status != "Started" || none.got[1].Record.Status != "Succeeded" || !strings.Contains(none.got[0].Record.Description, "down") {
		t.Errorf("%+v", none.got)
	}
	if n := len(r.log.Recent()); n != 2 {
		t.Errorf("%d records in the log, heartbeats among them", n)
	}
}

func TestRetryAfterIsKept(t *testing.T) {
	r := newRig(t)
	f := newFake()
	f.err = func(notify.Message) error { return notify.After(2*time.Minute, errors.New("busy")) }
	r.run(nil, notify.Endpoint{Name: "ops", Sink: f})
	r.event("e")
	<-f.sent
	if err := r.clock.BlockUntil(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	r.clock.Advance(119 * time.Second)
	f.fail(nil)
	if len(f.sent) != 0 {
		t.Error("it was tried too early")
	}
	r.until(1, time.Second, func() bool { return len(f.sent) > 0 })
}

// A cursor that does not read is an error that says what to do; one of another log begins at its start.
func TestCursor(t *testing.T) {
	r := newRig(t)
	if err := errors.Join(r.fs.MkdirAll("/m/sinks", 0o700), fsys.WriteFile(r.fs, "/m/sinks/ops.json", []byte(`{"version":7}`), 0o600)); err != nil {
		t.Fatal(err)
	}
	cfg := notify.Config{Log: r.log, Dir: "/m/sinks", Sinks: []notify.Endpoint{{Name: "ops", Sink: newFake()}}, Tell: r.add, FS: r.fs}
	if _, err := notify.New(cfg); err == nil || !strings.Contains(err.Error(), "version 7") {
		t.Error(err)
	}
	if err := fsys.WriteFile(r.fs, "/m/sinks/ops.json", []byte(`{"version":1,"seq":99}`), 0o600); err != nil {
		t.Fatal(err)
	}
	f := newFake()
	r.event("a")
	r.run(nil, notify.Endpoint{Name: "ops", Sink: f})
	if e := <-f.sent; e != "a" {
		t.Error(e)
	}
	cfg.Sinks = append(cfg.Sinks, notify.Endpoint{Name: "../x"})
	if _, err := notify.New(cfg); err == nil {
		t.Error("a name with a path was taken")
	}
}

func FuzzDecodeLetters(f *testing.F) {
	f.Add([]byte("{\"v\":1,\"id\":\"i\",\"at\":\"2026-01-01T00:00:00Z\",\"reason\":\"r\",\"record\":{\"v\":1}}\n{\"v\":1,"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if l, err := notify.DecodeLetters(b); err == nil && len(l) > strings.Count(string(b), "\n") {
			t.Error(l)
		}
	})
}

// The cursor's decoder is behind New: whatever is in the file, New gives a hub or an error.
func FuzzCursor(f *testing.F) {
	f.Add([]byte(`{"version":1,"sink":"ops","seq":3}`))
	f.Add([]byte(`{"version":1,"seq":18446744073709551615}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		fs := fsys.NewMem()
		log, err := activity.Open(activity.Config{FS: fs, Dir: "/m"})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(fs.MkdirAll("/s", 0o700), fsys.WriteFile(fs, filepath.Join("/s", "ops.json"), b, os.FileMode(0o600))); err != nil {
			t.Fatal(err)
		}
		h, err := notify.New(notify.Config{Log: log, Dir: "/s", Sinks: []notify.Endpoint{{Name: "ops", Sink: newFake()}}, Tell: func(activity.Record) {}, FS: fs})
		if err == nil && h.Status()[0].Waiting != 0 {
			t.Error(h.Status())
		}
	})
}
