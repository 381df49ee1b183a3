// Package alerts composes what tells people of keys: warnings before something ends, sinks, heartbeats and metrics, from one [Config] that latchkey up, engine and
// watch share.
//
// It comes in two steps, because what is watched needs some of it before there is an activity log: [New] reads the configuration and the secrets and opens the tracker of ends
// and the metrics; [Alerts.Start] runs sinks over the log and serves the metrics. [Alerts.Close] ends all. A sink that cannot be reached is no error of either.
package alerts

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"latchkey/ekm/code"
	"latchkey/ekm/keystore"
	"latchkey/internal/clock"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
	"latchkey/monitor/activity"
	"latchkey/monitor/expiry"
	"latchkey/monitor/metrics"
	"latchkey/monitor/notify"
	"latchkey/monitor/notify/mail"
	"latchkey/monitor/notify/syslog"
	"latchkey/monitor/notify/webhook"
	"latchkey/monitor/watch"
)

// Options says what to make. Dir is required: the directory of the activity log, which is made if it is not there.
type Options struct {
	Config    Config
	Dir       string
	FS        fsys.FS
	Clock     clock.Clock
	Log       *slog.Logger
	LookupEnv func(string) (string, bool)
	Unsetenv  func(string) error
	PID       int
}

// Alerts tells people.
type Alerts struct {
	opt     Options
	tracker *expiry.Tracker
	metrics *metrics.Metrics
	sinks   []notify.Endpoint
	hub     *notify.Hub

	mu     sync.Mutex
	note   func(activity.Record)
	early  []activity.Record // what came before Start
	cancel context.CancelFunc
	work   sync.WaitGroup
	server *http.Server
	addr   string
}

const (
	sinkDir    = "sinks"
	expiryFile = "expiry.json"
)

// New reads secrets, opens the tracker and makes the metrics.
func New(o Options) (_ *Alerts, err error) {
	if err := o.Config.Err("notify."); err != nil {
		return nil, err
	}
	if o.FS == nil {
		o.FS = fsys.OS{}
	}
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.LookupEnv == nil {
		o.LookupEnv = func(string) (string, bool) { return "", false }
	}
	a := &Alerts{opt: o}
	defer func() {
		if err != nil {
			a.closeSinks()
		}
	}()
	if err := o.FS.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the monitor's directory: %w", err)
	}
	stages, err := o.Config.stages()
	if err != nil {
		return nil, err
	}
	a.tracker, err = expiry.Open(expiry.Config{Path: filepath.Join(o.Dir, expiryFile), Stages: stages, Tell: a.tell, FS: o.FS, Clock: o.Clock, Log: o.Log})
	if err != nil {
		return nil, err
	}
	a.metrics = metrics.New(metrics.Config{Clock: o.Clock, Log: o.Log})
	return a, a.openSinks()
}

// Probe reads every secret and certificate of a configuration once and makes nothing: what is missing is told before there is a directory for what is told. Variables stay.
func Probe(c Config, from Sources) error {
	if err := c.Err("notify."); err != nil {
		return err
	}
	from.Unsetenv = nil
	a := &Alerts{opt: Options{Config: c, FS: from.FS, LookupEnv: from.LookupEnv, Clock: clock.System{}}}
	defer a.closeSinks()
	return a.openSinks()
}

func (a *Alerts) openSinks() error {
	o := a.opt
	read := Sources{FS: o.FS, LookupEnv: o.LookupEnv, Unsetenv: o.Unsetenv}
	add := func(t Target, kind string, s notify.Sink, err error) error {
		if err != nil {
			return fmt.Errorf("opening the sink %q: %w", t.Name, err)
		}
		a.sinks = append(a.sinks, notify.Endpoint{Name: t.Name, Kind: kind, Sink: s, Events: t.Events, Heartbeat: !t.NoHeartbeat && kind != "mail"})
		return nil
	}
	for _, w := range o.Config.Webhooks {
		s, err := openWebhook(o, read, w)
		if err := add(w.Target, "webhook", s, err); err != nil {
			return err
		}
	}
	for _, l := range o.Config.Syslog {
		pool, err := roots(o.FS, l.CAFile)
		var s *syslog.Sink
		if err == nil {
			s, err = syslog.New(syslog.Config{
				Address: l.Address, Facility: l.Facility, PID: o.PID, Clock: o.Clock, TLS: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
			})
		}
		if err := add(l.Target, "syslog", s, err); err != nil {
			return err
		}
	}
	for _, m := range o.Config.Mail {
		pool, err := roots(o.FS, m.CAFile)
		var password *secret.Bytes
		if err == nil && m.Password != "" {
			password, err = read.Read(m.Password)
		}
		var s *mail.Sink
		if err == nil {
			s, err = mail.New(mail.Config{Server: m.Server, From: m.From, To: m.To, User: m.User, Password: password, TLS: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}})
		}
		if err := add(m.Target, "mail", s, err); err != nil {
			return err
		}
	}
	return nil
}

func openWebhook(o Options, read Sources, w Webhook) (_ *webhook.Sink, err error) {
	c := webhook.Config{URL: w.URL, Proxy: w.Proxy, Clock: o.Clock}
	defer func() {
		if err != nil {
			for _, s := range c.Secrets {
				s.Destroy()
			}
		}
	}()
	if w.URLFrom != "" {
		u, err := read.Read(w.URLFrom)
		if err != nil {
			return nil, err
		}
		c.URL = string(u.Expose())
		u.Destroy()
	}
	for _, spec := range w.Secrets {
		raw, err := read.Read(spec)
		if err != nil {
			return nil, err
		}
		key, err := webhook.ParseSecret(append([]byte(nil), raw.Expose()...))
		raw.Destroy()
		if err != nil {
			return nil, err
		}
		c.Secrets = append(c.Secrets, key)
	}
	if c.Roots, err = roots(o.FS, w.CAFile); err != nil {
		return nil, err
	}
	return webhook.New(c)
}

func (a *Alerts) closeSinks() {
	for _, s := range a.sinks {
		_ = s.Sink.Close()
	}
	a.sinks = nil
}

// Metrics are the metrics; others' may be registered with them.
func (a *Alerts) Metrics() *metrics.Metrics { return a.metrics }

// Expiries lists what ends.
func (a *Alerts) Expiries() []expiry.Info { return a.tracker.All() }

// SawExpiry takes what a client of vaults saw to end. It is quick.
func (a *Alerts) SawExpiry(e keystore.Expiry) {
	if e.Kind != "token" { // tokens are renewed by who has them
		a.tracker.See(expiry.Item{Kind: e.Kind, Object: e.Object, Owner: e.Owner, NotBefore: e.NotBefore, NotAfter: e.NotAfter})
	}
}

// See takes an end from elsewhere.
func (a *Alerts) See(i expiry.Item) { a.tracker.See(i) }

// Wake says that the activity log has grown; it is the place for an engine's hook.
func (a *Alerts) Wake(activity.Record) {
	a.mu.Lock()
	h := a.hub
	a.mu.Unlock()
	if h != nil {
		h.Wake()
	}
}

// tell passes a record on to the log, once there is one.
func (a *Alerts) tell(r activity.Record) {
	a.mu.Lock()
	note := a.note
	if note == nil {
		a.early = append(a.early, r)
	}
	a.mu.Unlock()
	if note != nil {
		note(r)
	}
}

// Watched is what is watched, when it runs.
type Watched struct {
	Server   string // names the server in heartbeats
	Log      notify.Source
	Note     func(activity.Record) // puts a record into the log and calls Alerts.Wake
	Subjects func() []watch.Info
}

// Start sends what is in the log, and serves the metrics.
func (a *Alerts) Start(w Watched) (err error) {
	var listener net.Listener
	if a.opt.Config.Metrics != "" {
		if listener, err = net.Listen("tcp", a.opt.Config.Metrics); err != nil {
			return fmt.Errorf("opening the metrics port: %w", err)
		}
	}
	beat := time.Duration(a.opt.Config.HeartbeatSeconds) * time.Second
	hub, err := notify.New(notify.Config{
		Log: w.Log, Dir: filepath.Join(a.opt.Dir, sinkDir), Sinks: a.sinks, Tell: a.tell, Beat: func() string { return summary(w.Subjects()) }, Explain: Explain,
		Server: w.Server, Heartbeat: beat, FS: a.opt.FS, Clock: a.opt.Clock, Logger: a.opt.Log,
	})
	if err != nil {
		if listener != nil {
			_ = listener.Close()
		}
		return err
	}
	a.metrics.Set(w.Subjects, hub.Status, a.tracker.All)
	ctx, cancel := context.WithCancel(context.Background())
	a.mu.Lock()
	a.hub, a.note, a.cancel = hub, w.Note, cancel
	early := a.early
	a.early = nil
	a.mu.Unlock()
	for _, r := range early {
		w.Note(r)
	}
	a.work.Go(func() { a.tracker.Run(ctx) })
	if n := a.opt.Config.OutageSeconds; n >= 0 {
		o := &outages{after: time.Duration(n) * time.Second, tell: a.tell, known: make(map[string]time.Time)}
		if n == 0 {
			o.after = outageDefault
		}
		a.work.Go(func() { o.run(ctx, a.opt.Clock, w.Subjects) })
	}
	a.work.Go(func() {
		if err := hub.Run(ctx); err != nil {
			a.opt.Log.Warn("a sink did not close", "err", err)
		}
	})
	if listener != nil {
		a.serve(listener)
	}
	return nil
}

func (a *Alerts) serve(l net.Listener) {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", a.metrics.Handler())
	a.addr = l.Addr().String()
	a.server = &http.Server{
		Handler: mux, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 120 * time.Second,
		MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(a.opt.Log.Handler(), slog.LevelDebug),
	}
	a.work.Go(func() {
		if err := a.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			a.opt.Log.Error("metrics are not served any more", "err", err)
		}
	})
}

// Address is where metrics are served; "" for nowhere.
func (a *Alerts) Address() string { return a.addr }

// Sinks is how the sinks do.
func (a *Alerts) Sinks() []notify.Status {
	a.mu.Lock()
	h := a.hub
	a.mu.Unlock()
	if h == nil {
		return nil
	}
	return h.Status()
}

// Close ends sinks, warnings and metrics. What was not sent is at the next start.
func (a *Alerts) Close() error {
	if a == nil {
		return nil
	}
	var err error
	if a.server != nil {
		err = a.server.Close()
	}
	if a.cancel != nil {
		a.cancel()
		a.work.Wait()
	} else {
		a.closeSinks()
	}
	return err
}

// Explain says what lies behind a record in one or two sentences, from the catalogue of codes: what `latchkey explain` says of it. "" where there is nothing to say.
func Explain(r activity.Record) string {
	if r.Code == 0 {
		return ""
	}
	e, ok := code.Lookup(code.In(code.Provider, int(r.Code)))
	if !ok {
		return ""
	}
	return strings.TrimSpace(e.Meaning + " " + e.Remedy)
}

// summary is a heartbeat's text.
func summary(all []watch.Info) string {
	serves, closed, outage := 0, 0, 0
	for _, i := range all {
		switch {
		case !i.State.Serves():
			closed++
		case !i.Outage.IsZero():
			outage++
		default:
			serves++
		}
	}
	return fmt.Sprintf("The monitor runs: %d have their keys, %d have no answer for theirs, %d have lost them.", serves, outage, closed)
}
