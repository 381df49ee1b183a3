package agentd

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"latchkey/agent"
	"latchkey/agent/peer"
	"latchkey/azure"
	"latchkey/connector"
	"latchkey/connector/keymap"
	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/ekm/keystore"
	"latchkey/internal/clock"
	"latchkey/internal/fsys"
	"latchkey/keywrap"
)

// Config says how to run an agent.
type Config struct {
	FS        fsys.FS
	Clock     clock.Clock
	Log       *slog.Logger
	LookupEnv func(string) (string, bool)
	Unsetenv  func(string) error // nil leaves variables
	PID       int
	Version   string

	// File is the settings' file, absolute; "" for none. Override changes what was read, for flags; nil changes nothing.
	File     string
	Override func(*Settings)
	// Service says that Log is the system's own, which the connector writes its events to.
	Service bool
	// Insecure permits to listen on TCP, where nobody knows who calls. For tests.
	Insecure bool
	// OnExpiry takes over what the connector sees to end: keys, certificates, client secrets whose end is configured. It must be quick. nil leaves them to the connector's log.
	OnExpiry func(keystore.Expiry)
	// Metrics is where the connector's metrics are registered; nil for none.
	Metrics prometheus.Registerer
	// Ready is called once connections are accepted, with the address; nil for nothing.
	Ready func(address string)
}

// Load reads the settings as Run does.
func (c *Config) Load() (*Settings, error) {
	s := &Settings{}
	if c.File != "" {
		var err error
		if s, err = Read(c.FS, c.File); err != nil {
			return nil, err
		}
	}
	if c.Override != nil {
		c.Override(s)
		if err := s.Check(); err != nil {
			return nil, code.Wrap(code.ConfigInvalid, "reading the agent's settings", "", err)
		}
	}
	return s, nil
}

// daemon is a running agent.
type daemon struct {
	cfg     Config
	seen    [sha256.Size]byte // the settings' file, as last looked at
	current atomic.Pointer[Settings]
	gate    *peer.Gate
	server  *agent.Server
}

// Run runs an agent until ctx ends or a successor takes its socket over. It returns once everything has ended.
func Run(ctx context.Context, cfg Config) (err error) {
	d := &daemon{cfg: cfg}
	d.seen = d.sum() // before it is read: a change in between is found
	s, err := cfg.Load()
	if err != nil {
		return err
	}
	d.current.Store(s)
	accounts, err := peer.LookupAccounts(s.Allow)
	if err != nil {
		return code.Wrap(code.ConfigInvalid, "reading the agent's settings", "allow", err)
	}
	if len(accounts) == 0 {
		cfg.Log.Warn("nobody but the agent's own account is served: name the database server's account (allow)")
	}
	d.gate = peer.NewGate(accounts...)
	provider, err := d.provider(s)
	if err != nil {
		return err
	}
	d.server, err = agent.New(agent.Config{Provider: provider, Version: cfg.Version, Limits: s.limits(), Log: cfg.Log, Clock: cfg.Clock})
	if err != nil {
		return errors.Join(err, provider.Close())
	}
	l, given, err := d.listen(ctx, s)
	if err != nil {
		return errors.Join(err, d.server.Close())
	}
	return d.serve(ctx, l, given)
}

// listening is how the socket came, which decides who may have it next.
type listening uint8

const (
	own       listening = iota // opened, or taken over: it is offered to a successor
	activated                  // systemd's, which keeps it open
)

// takenWait is how long a pipe that is still in use is waited for: its old agent is ending.
const takenWait = 30 * time.Second

func (d *daemon) listen(ctx context.Context, s *Settings) (*peer.Listener, listening, error) {
	l, err := peer.Activated(d.cfg.LookupEnv, d.gate)
	if !errors.Is(err, peer.ErrNone) {
		return l, activated, err
	}
	address, err := peer.ParseAddress(s.Listen)
	if err != nil {
		return nil, own, err
	}
	cfg := peer.Config{Address: address, Gate: d.gate, Insecure: d.cfg.Insecure}
	l, confirm, _, err := peer.TakeOver(ctx, cfg)
	if err == nil {
		d.cfg.Log.Info("taking over from the agent that listens", "address", address.String())
		return l, own, confirm()
	}
	if !errors.Is(err, peer.ErrNone) {
		return nil, own, err
	}
	until := d.cfg.Clock.Now().Add(takenWait)
	for {
		l, err := peer.Listen(ctx, cfg)
		if err == nil || !errors.Is(err, peer.ErrTaken) || address.Kind != peer.Pipe || !d.cfg.Clock.Now().Before(until) {
			return l, own, err
		}
		if err := clock.Sleep(ctx, d.cfg.Clock, 100*time.Millisecond); err != nil {
			return nil, own, err
		}
	}
}

// leaveBound is how long an agent whose socket was taken over lets calls run: a call's longest deadline.
const leaveBound = 60 * time.Second

func (d *daemon) serve(ctx context.Context, l *peer.Listener, how listening) error {
	background, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	failed := make(chan error, 1)
	wg.Go(func() {
		if err := d.server.Serve(l); !errors.Is(err, agent.ErrClosed) {
			failed <- err
		}
	})
	taken := make(chan struct{})
	if how == own {
		wg.Go(func() {
			ok, err := l.OfferTo(background, d.server.StopAccepting)
			if err != nil {
				d.cfg.Log.Error("no successor can take over without a gap", "error", err.Error())
			}
			if ok {
				close(taken)
			}
		})
	}
	wg.Go(func() { d.watch(background) })
	wg.Go(func() { d.watchdog(background) })
	d.cfg.Log.Info("serving", "address", l.Address.String(), "accounts", fmt.Sprint(d.gate.Accounts()))
	d.notify(fmt.Sprintf("READY=1\nMAINPID=%d\nSTATUS=serving %s", d.cfg.PID, l.Address))
	if d.cfg.Ready != nil {
		d.cfg.Ready(l.Address.String())
	}
	var err error
	grace, bound := time.Duration(0), time.Duration(d.current.Load().StopSeconds)*time.Second
	if bound == 0 {
		bound = 10 * time.Second
	}
	select {
	case <-ctx.Done():
		d.notify("STOPPING=1\nSTATUS=letting calls finish")
	case <-taken:
		d.cfg.Log.Info("a successor has taken over: letting calls finish")
		limits := d.current.Load().limits()
		grace, bound = limits.Grace, leaveBound
		if grace == 0 {
			grace = 10 * time.Second
		}
	case err = <-failed:
	}
	end, done := context.WithTimeout(context.Background(), bound+grace)
	defer done()
	if ctx.Err() == nil { // a signal cuts the grace of a hand-over short
		stop := context.AfterFunc(ctx, done)
		defer stop()
	}
	lerr := d.server.Leave(end, grace)
	if errors.Is(lerr, context.DeadlineExceeded) || errors.Is(lerr, context.Canceled) {
		lerr = nil // it was logged; the database server repeats what was cut off
	}
	cancel()
	wg.Wait()
	return errors.Join(err, lerr)
}

func (d *daemon) notify(state string) {
	if err := peer.Notify(d.cfg.LookupEnv, state); err != nil {
		d.cfg.Log.Warn("the service manager was not told", "error", err.Error())
	}
}

// Provider makes a connector from settings, for a program that uses it itself. cfg needs FS, Clock, Log and LookupEnv; the settings'
// file is not watched. The caller closes it.
func Provider(cfg Config, s *Settings) (ekm.Provider, error) {
	d := &daemon{cfg: cfg}
	d.current.Store(s)
	return d.provider(s)
}

// provider makes a connector from settings.
func (d *daemon) provider(s *Settings) (ekm.Provider, error) {
	opener := azure.New(azure.Config{
		Clock: d.cfg.Clock, Suffix: s.Suffix,
		// Not s: vaults' settings take effect without another provider.
		Settings: func(host string) azure.Settings { return d.current.Load().vault(host) },
		Env:      func(name string) string { v, _ := d.cfg.LookupEnv(name); return v },
	})
	keys, err := d.keymap(s)
	if err != nil {
		return nil, errors.Join(err, opener.Close())
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := keys.Check(ctx); err != nil { // databases open without it if the vault can tell; keys cannot be registered
		d.cfg.Log.Error("the thumbprint map cannot be written; asymmetric keys cannot be created (2058)", "error", err.Error())
	}
	level := levels()[s.LogLevel]
	log := d.cfg.Log
	onEvent, closeLog, err := systemLog(s.EventLog, level)
	if err != nil {
		log.Warn("the system's log cannot be used", "error", err.Error())
	}
	if onEvent != nil && d.cfg.Service {
		log = nil // it is the same log
	}
	p, err := connector.New(connector.Config{
		Open: func(ctx context.Context, cred *ekm.Credential) (connector.Vault, error) {
			v, err := opener.Open(ctx, cred)
			if err != nil {
				return nil, err
			}
			return v, nil
		},
		Watch: d.watchExpiry(opener), Map: keys, Algorithm: keywrap.Algorithm(s.Algorithm), LocalWrap: s.LocalWrap, StrictNames: s.StrictNames,
		Symmetric: s.symmetric(), Budget: time.Duration(s.BudgetSeconds) * time.Second,
		Log: log, LogLevel: level, OnEvent: onEvent, Clock: d.cfg.Clock, Metrics: d.cfg.Metrics,
	})
	if err != nil {
		return nil, errors.Join(err, opener.Close())
	}
	return &owned{Provider: p, close: func() error { return errors.Join(opener.Close(), closeLog()) }}, nil
}

// watchExpiry is the opener's Watch. Who takes ends over tells of them too: the connector then hears of tokens alone, so that nothing is told twice.
func (d *daemon) watchExpiry(o *azure.Opener) func(func(keystore.Expiry)) {
	if d.cfg.OnExpiry == nil {
		return o.Watch
	}
	return func(f func(keystore.Expiry)) {
		o.Watch(func(e keystore.Expiry) {
			d.cfg.OnExpiry(e)
			if e.Kind == "token" {
				f(e)
			}
		})
	}
}

// owned is a provider that closes what it was made of.
type owned struct {
	ekm.Provider
	close func() error
}

// Close ends the provider, then what it used.
func (o *owned) Close() error { return errors.Join(o.Provider.Close(), o.close()) }

// keymap opens the thumbprint map.
func (d *daemon) keymap(s *Settings) (connector.Map, error) {
	name := s.Map
	if name == "" && runtime.GOOS != "windows" {
		dir, ok := d.cfg.LookupEnv("STATE_DIRECTORY") // systemd's StateDirectory=
		if !ok || !filepath.IsAbs(dir) {
			dir = "/var/lib/latchkey"
		}
		name = filepath.Join(dir, "keymap")
	}
	if name == "" || name == "registry" {
		return registryMap()
	}
	m := keymap.OpenFile(d.cfg.FS, name, d.cfg.Clock, func(err error) {
		d.cfg.Log.Error("the thumbprint map was damaged and set aside", "map", name, "error", err.Error())
	})
	if err := m.Sound(); errors.Is(err, keymap.ErrForeign) {
		return nil, code.Wrap(code.ConfigInvalid, `opening the thumbprint map that "map" names`, name, keymap.ErrForeign)
	}
	return m, nil
}
