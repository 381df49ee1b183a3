package agent

import (
	"crypto/rand"
	"errors"
	"log/slog"
	"time"

	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/internal/clock"
)

// Config makes a Server. Provider is required; the zero values of all others are right.
type Config struct {
	// Provider is what is served. The Server closes it once it is replaced or the Server has ended.
	Provider ekm.Provider
	// Version is the program's, told to clients.
	Version string
	Limits  Limits
	// Log gets what happens to connections; nil for none.
	Log *slog.Logger
	// Clock is the system's if nil. Deadlines of connections and calls follow the system's own time.
	Clock clock.Clock
}

// Limits bound what the other side can make the agent hold. Zero fields have the defaults that are named.
type Limits struct {
	Connections int   // open at once: 4,096
	Calls       int   // of the provider, at once: 256; others wait up to half their deadline
	Bytes       int64 // in frames of over 2 KiB that are being read or answered: 64 MiB

	Hello time.Duration // until the first request: 5 s
	Idle  time.Duration // between requests without a session: 60 s
	Frame time.Duration // from a frame's first byte to its last, and for a response to be taken: 10 s
	// Grace is how long idle connections of a provider that was replaced, or of an agent that leaves, stay open, so that most are
	// closed by their client after a response that said so: 10 s.
	Grace time.Duration
}

func (l *Limits) defaults() error {
	if l.Connections < 0 || l.Calls < 0 || l.Bytes < 0 || l.Hello < 0 || l.Idle < 0 || l.Frame < 0 || l.Grace < 0 {
		return errors.New("limits must not be negative")
	}
	set := func(d *time.Duration, to time.Duration) {
		if *d == 0 {
			*d = to
		}
	}
	if l.Connections == 0 {
		l.Connections = 4096
	}
	if l.Calls == 0 {
		l.Calls = 256
	}
	if l.Bytes == 0 {
		l.Bytes = 64 << 20
	}
	set(&l.Hello, 5*time.Second)
	set(&l.Idle, 60*time.Second)
	set(&l.Frame, 10*time.Second)
	set(&l.Grace, 10*time.Second)
	return nil
}

// New makes a Server. Errors are code.ConfigInvalid.
func New(cfg Config) (*Server, error) {
	if cfg.Provider == nil {
		return nil, code.Wrap(code.ConfigInvalid, "making the agent", "", errors.New("a provider is required"))
	}
	if err := cfg.Limits.defaults(); err != nil {
		return nil, code.Wrap(code.ConfigInvalid, "making the agent", "", err)
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Clock == nil {
		cfg.Clock = clock.System{}
	}
	s := &Server{
		cfg: cfg, log: cfg.Log, started: cfg.Clock.Now(), calls: make(chan struct{}, cfg.Limits.Calls),
		current: &generation{provider: cfg.Provider}, conns: map[*conn]struct{}{}, refused: map[string]time.Time{},
		changed: make(chan struct{}),
	}
	s.limits.Store(&cfg.Limits)
	rand.Read(s.instance[:])
	return s, nil
}
