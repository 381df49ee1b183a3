package notify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"latchkey/internal/clock"
	"latchkey/internal/fsys"
	"latchkey/monitor/activity"
)

// Message is what a sink gets.
type Message struct {
	ID     string // the same whenever the record is sent again, to any sink; of a heartbeat its own
	Record activity.Record
	// Explanation says in a sentence or two what the record's code means and what to do; "" where there is none.
	Explanation string
}

// Sink takes messages somewhere. Send must end with ctx. It is called by one goroutine.
type Sink interface {
	Send(ctx context.Context, m Message) error
	Close() error
}

// Source is an activity log.
type Source interface {
	After(seq uint64, limit int) ([]activity.Record, error)
	Last() uint64
	Opened() uint64
}

// Endpoint is a sink and what it gets.
type Endpoint struct {
	Name      string // letters, digits, dash, underscore; unique: its files have it
	Kind      string // "webhook", "syslog", "mail"
	Sink      Sink
	Events    []string // names of events that it gets; nil for all
	Heartbeat bool
}

// Permanent marks an error that will not go away by trying again: the message is refused.
func Permanent(err error) error { return &permanent{err} }

type permanent struct{ error }

func (p *permanent) Unwrap() error { return p.error }

// After is an error of a sink that asks to be left alone for so long.
func After(d time.Duration, err error) error { return &later{err, d} }

type later struct {
	error
	wait time.Duration
}

func (l *later) Unwrap() error { return l.error }

// The names of records that a Hub makes.
const (
	Heartbeat = "Heartbeat"
	Failing   = "NotificationFailing" // Started when a sink fails for longer than FailAfter, Succeeded when it works again
	Dropped   = "NotificationDropped" // a dead letter, or records that a sink missed
)

// Config says what goes where. Log, Dir and Tell are required.
type Config struct {
	Log   Source
	Dir   string // of cursors and dead letters; made if it is not there
	Sinks []Endpoint
	// Tell puts a record of the Hub's own into the log. It must not call the Hub, but for Wake.
	Tell func(activity.Record)
	// Explain makes Message.Explanation; nil for none.
	Explain func(activity.Record) string
	// Beat makes a heartbeat's description; nil for a plain one.
	Beat func() string

	Server    string        // of heartbeats, and part of every ID
	Heartbeat time.Duration // 0 means 5 min, less than 0 none
	Timeout   time.Duration // of one Send: 30 s if 0
	First     time.Duration // wait after the first failure: 1 s if 0; doubled up to Most
	Most      time.Duration // 5 min if 0
	GiveUp    time.Duration // age of a record at which it is given up: 24 h if 0
	FailAfter time.Duration // 5 min if 0
	FS        fsys.FS       // nil means the machine's
	Clock     clock.Clock   // nil means the machine's
	Logger    *slog.Logger  // nil discards
	Random    func() float64
}

// Hub runs sinks. It is safe for concurrent use.
type Hub struct {
	cfg   Config
	lines []*line
	work  sync.WaitGroup
}

var nameForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// New reads the cursors.
func New(cfg Config) (*Hub, error) {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&cfg.Heartbeat, 5*time.Minute)
	set(&cfg.Timeout, 30*time.Second)
	set(&cfg.First, time.Second)
	set(&cfg.Most, 5*time.Minute)
	set(&cfg.GiveUp, 24*time.Hour)
	set(&cfg.FailAfter, 5*time.Minute)
	if cfg.FS == nil {
		cfg.FS = fsys.OS{}
	}
	if cfg.Clock == nil {
		cfg.Clock = clock.System{}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Random == nil {
		cfg.Random = rand.Float64
	}
	if cfg.Explain == nil {
		cfg.Explain = func(activity.Record) string { return "" }
	}
	if cfg.Beat == nil {
		cfg.Beat = func() string { return "The monitor runs." }
	}
	h := &Hub{cfg: cfg}
	if err := cfg.FS.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the directory of notifications: %w", err)
	}
	seen := make(map[string]bool)
	for _, e := range cfg.Sinks {
		if !nameForm.MatchString(e.Name) || seen[e.Name] {
			return nil, fmt.Errorf("the sink's name %q is not unique, or not 1 to 64 letters, digits, dashes and underscores", e.Name)
		}
		seen[e.Name] = true
		l := &line{h: h, end: e, wake: make(chan struct{}, 1), path: filepath.Join(cfg.Dir, e.Name+".json")}
		if err := l.load(); err != nil {
			return nil, err
		}
		h.lines = append(h.lines, l)
	}
	return h, nil
}

// Wake says that the log has grown. It never blocks.
func (h *Hub) Wake() {
	for _, l := range h.lines {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

// Run sends until ctx ends, then closes the sinks.
func (h *Hub) Run(ctx context.Context) error {
	var mu sync.Mutex
	var errs []error
	for _, l := range h.lines {
		h.work.Go(func() {
			l.run(ctx)
			if err := l.end.Sink.Close(); err != nil {
				mu.Lock()
				errs = append(errs, fmt.Errorf("closing the sink %q: %w", l.end.Name, err))
				mu.Unlock()
			}
		})
	}
	h.work.Wait()
	return errors.Join(errs...)
}

// Status is how a sink does.
type Status struct {
	Name, Kind string
	Waiting    uint64    // records of the log that it has not taken
	Delivered  uint64    // since the start, without heartbeats
	Dead       uint64    // dead letters and missed records since the start
	Failures   uint64    // tries that failed since the start
	LastOK     time.Time // when a Send worked last, a heartbeat's too; zero for never
	Since      time.Time // since when it fails; zero if the last Send worked
	Err        string    // why; "" if the last Send worked
}

// Status lists the sinks, in the order of Config.Sinks.
func (h *Hub) Status() []Status {
	last := h.cfg.Log.Last()
	out := make([]Status, 0, len(h.lines))
	for _, l := range h.lines {
		l.mu.Lock()
		s := l.status
		if last > l.cursor.Seq {
			s.Waiting = last - l.cursor.Seq
		}
		l.mu.Unlock()
		s.Name, s.Kind = l.end.Name, l.end.Kind
		out = append(out, s)
	}
	return out
}

// id names a record for ever: the same whichever sink it goes to, and after any restart.
func (h *Hub) id(r activity.Record) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%d\x00%d\x00%s", h.cfg.Server, r.Resource, r.Seq, r.Time.UnixNano(), r.Event))
	return "msg_" + hex.EncodeToString(sum[:12])
}
