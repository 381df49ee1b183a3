package compose

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"latchkey/app/agentd"
	"latchkey/app/alerts"
	"latchkey/app/fleet"
	"latchkey/app/install"
	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/monitor"
	"latchkey/monitor/activity"
	"latchkey/monitor/expiry"
	"latchkey/monitor/watch"
)

// Watching is a running latchkey watch.
type Watching struct {
	Metrics string // where metrics are served; "" for nowhere

	alerts   *alerts.Alerts
	provider ekm.Provider
	fleet    *fleet.Fleet
	log      *activity.Log
	watch    *watch.Watch
	lock     func() error
	cancel   context.CancelFunc
	work     sync.WaitGroup
}

// watchParts are what StartWatch and WatchOnce have in common.
func watchParts(p *install.Process, c *fleet.Config) (*Watching, error) {
	p.Defaults()
	if p.LookupEnv == nil {
		p.LookupEnv = func(string) (string, bool) { return "", false }
	}
	if c.Name == "" {
		c.Name, _ = os.Hostname() // without one records have no name
	}
	if err := probe(*p, c.Notify); err != nil {
		return nil, err
	}
	if err := p.FS.MkdirAll(c.State, 0o700); err != nil {
		return nil, fmt.Errorf("making the directory of states: %w", err)
	}
	settings, err := c.Settings()
	if err != nil {
		return nil, code.Wrap(code.ConfigInvalid, "reading the configuration", "", err)
	}
	w := &Watching{}
	w.alerts, err = alerts.New(alerts.Options{
		Config: c.Notify, Dir: c.State, FS: p.FS, Clock: p.Clock, Log: p.Log, LookupEnv: p.LookupEnv, Unsetenv: p.Unsetenv, PID: p.PID,
	})
	if err != nil {
		return nil, err
	}
	w.provider, err = agentd.Provider(agentd.Config{
		FS: p.FS, Clock: p.Clock, Log: p.Log, LookupEnv: p.LookupEnv, OnExpiry: w.alerts.SawExpiry, Metrics: w.alerts.Metrics().Registerer(),
	}, settings)
	if err != nil {
		return nil, errors.Join(err, w.alerts.Close())
	}
	w.fleet = fleet.New(fleet.Options{
		Config: c, Provider: w.provider, Clock: p.Clock, Log: p.Log, Sources: alerts.Sources{FS: p.FS, LookupEnv: p.LookupEnv, Unsetenv: p.Unsetenv},
	})
	return w, nil
}

const watchLock = "watch.lock"

// StartWatch watches servers and vaults. Stop it with Stop.
func StartWatch(p install.Process, c *fleet.Config) (_ *Watching, err error) {
	w, err := watchParts(&p, c)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.Stop(context.Background()))
		}
	}()
	l, err := p.FS.Lock(filepath.Join(c.State, watchLock))
	if err != nil {
		return nil, fmt.Errorf("taking the directory of states %q: %w; another latchkey watch has it", c.State, err)
	}
	w.lock = l.Close
	if w.log, err = activity.Open(activity.Config{FS: p.FS, Dir: c.State}); err != nil {
		return nil, err
	}
	profile, err := c.Monitor.Check()
	if err != nil {
		return nil, err
	}
	profile.Window = 0 // a watcher closes nothing that would have to be opened
	note := func(r activity.Record) {
		r.Server = c.Name
		p.Log.Warn(r.Description, "event", r.Event, "status", r.Status, "resource", r.Resource)
		r, err := w.log.Add(r)
		if err != nil {
			p.Log.Error("an event is not in the activity log", "event", r.Event, "err", err)
		}
		w.alerts.Wake(r)
	}
	m := w.alerts.Metrics()
	w.watch, err = watch.New(watch.Config{
		Target: fleet.Target{Fleet: w.fleet}, Path: filepath.Join(c.State, "states.json"), Profile: profile, FS: p.FS, Clock: p.Clock, Log: p.Log,
		Timeout: time.Duration(c.Monitor.TimeoutSeconds) * time.Second, Observe: m.Observe, Round: m.Round,
		Events: func(s watch.Subject, e monitor.Event) {
			if r, ok := w.fleet.Record(s, e); ok {
				note(r)
			}
		},
	})
	if err != nil {
		return nil, err
	}
	if err = w.alerts.Start(alerts.Watched{Server: c.Name, Log: w.log, Note: note, Subjects: w.watch.All}); err != nil {
		return nil, err
	}
	w.Metrics = w.alerts.Address()
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel = cancel
	w.work.Go(func() { w.watch.Run(ctx) })
	w.work.Go(func() { w.fleet.Register(ctx) })
	return w, nil
}

// Failed gets nothing: what fails is told and tried again.
func (w *Watching) Failed() <-chan error { return nil }

// Stop ends the checks, then all else. What was not sent is at the next start.
func (w *Watching) Stop(context.Context) error {
	if w.cancel != nil {
		w.cancel()
		w.work.Wait()
	}
	errs := []error{w.alerts.Close(), w.fleet.Close(), w.provider.Close()}
	if w.log != nil {
		errs = append(errs, w.log.Close())
	}
	if w.lock != nil {
		errs = append(errs, w.lock())
	}
	return errors.Join(errs...)
}

// onceParallel is how many checks latchkey watch --once runs at a time.
const onceParallel = 8

// WatchOnce checks everything once, tells nobody, and gives what it found and what ends.
func WatchOnce(ctx context.Context, p install.Process, c *fleet.Config) ([]fleet.Outcome, []expiry.Info, error) {
	once := *c
	once.Notify = alerts.Config{WarnBefore: c.Notify.WarnBefore} // who is not told needs no secret
	w, err := watchParts(&p, &once)
	if err != nil {
		return nil, nil, err
	}
	timeout := time.Duration(c.Monitor.TimeoutSeconds) * time.Second
	if timeout == 0 {
		timeout = 30 * time.Second
	}
	out := w.fleet.Once(ctx, timeout, onceParallel)
	return out, w.alerts.Expiries(), w.Stop(ctx)
}
