package engine

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/databases"
	"latchkey/engine/tde"
	"latchkey/monitor"
	"latchkey/monitor/activity"
	"latchkey/monitor/expiry"
	"latchkey/monitor/watch"
)

// Monitor says how the keys that protect databases are watched. The zero value is the profile "latchkey".
type Monitor struct {
	Profile monitor.Profile // the zero value is the default one
	Timeout time.Duration   // of a check; 0 means 30 s
	// Activity gets each record of the activity log once it is written. It must not block. nil for none.
	Activity func(activity.Record)
	// Observe and Round are watch.Config's. nil for nobody.
	Observe func(s watch.Subject, r monitor.Result, took time.Duration)
	Round   func(now time.Time)
	// Expiries lists what ends, for sys.latchkey_expirations; nil for nothing.
	Expiries func() []expiry.Info
}

const (
	monitorDir = "monitor"
	statesFile = "states.json"
)

// openMonitor reads the states of keys and the activity log. It runs before the databases are opened.
func (e *Engine) openMonitor() error {
	dir := filepath.Join(e.cfg.Dir, monitorDir)
	var err error
	e.activity, err = activity.Open(activity.Config{FS: e.cfg.FS, Dir: dir})
	if err != nil {
		return err
	}
	e.closing(func(context.Context) error { return e.activity.Close() })
	e.watch, err = watch.New(watch.Config{
		Target: keys{e}, Path: filepath.Join(dir, statesFile), Profile: e.cfg.Monitor.Profile, Events: e.happened,
		FS: e.cfg.FS, Clock: e.cfg.Clock, Log: e.log, Timeout: e.cfg.Monitor.Timeout, Observe: e.cfg.Monitor.Observe, Round: e.cfg.Monitor.Round,
	})
	return err
}

// startMonitor watches until the server closes.
func (e *Engine) startMonitor() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-e.databases.Started():
			e.watch.Run(ctx)
		case <-ctx.Done():
		}
	}()
	e.closing(func(context.Context) error { cancel(); <-done; return nil })
}

// happened writes an event to the activity log and the error log.
func (e *Engine) happened(s watch.Subject, ev monitor.Event) {
	e.log.Info(ev.Description, "database", s.Name, "event", ev.Name, "status", ev.Status)
	e.add(activity.Of(e.cfg.Name, s.Name, s.Key, ev))
}

// Note writes a record that is not about a database to the activity log and the error log: that something ends, or that a sink fails.
func (e *Engine) Note(r activity.Record) {
	r.Server = e.cfg.Name
	e.log.Warn(r.Description, "event", r.Event, "status", r.Status)
	e.add(r)
}

func (e *Engine) add(r activity.Record) {
	r, err := e.activity.Add(r)
	if err != nil {
		e.log.Error("an event is not in the activity log", "event", r.Event, "database", r.Resource, "err", err)
	}
	if e.cfg.Monitor.Activity != nil {
		e.cfg.Monitor.Activity(r)
	}
}

// subjectID names a database for ever: ids of databases are used again.
func subjectID(d *model.Database) string { return fmt.Sprintf("%d-%d", d.ID, d.Created.UnixNano()) }

func databaseID(subject string) int {
	id, _, _ := strings.Cut(subject, "-")
	n, _ := strconv.Atoi(id)
	return n
}

// keys is watch.Target over the databases.
type keys struct{ e *Engine }

// Subjects lists the databases that have an encryption key.
func (k keys) Subjects() []watch.Subject {
	state := k.e.catalog.State()
	var out []watch.Subject
	for _, i := range k.e.databases.All() {
		d := state.Databases.Get(i.ID)
		if d == nil || d.IsSystem() || d.Key == nil {
			continue
		}
		s := watch.Subject{ID: subjectID(d), Name: d.Name, Key: "0x" + strings.ToUpper(hex.EncodeToString(d.Key.Thumbprint))}
		switch {
		case k.e.databases.Barred(i.ID):
		case i.State == model.RecoveryPending && errors.Is(i.Reason, tde.ErrKeys):
			s.Failed = monitor.Of(i.Reason)
		case i.State == model.Online:
			s.Open = true
		default: // offline, restoring, damaged: there is nothing to open
			s.Open = k.e.watch.Serves(s.ID)
		}
		out = append(out, s)
	}
	return out
}

// Check unwraps the database's own key.
func (k keys) Check(ctx context.Context, s watch.Subject) monitor.Result {
	err := k.e.databases.Canary(ctx, databaseID(s.ID))
	k.e.canaries.Store(s.ID, msg.Messages(err))
	return monitor.Of(err)
}

// Close bars a database.
func (k keys) Close(ctx context.Context, s watch.Subject, why monitor.Result) error {
	return k.e.databases.Bar(ctx, databaseID(s.ID), errors.New(monitor.Message(why)))
}

// Open opens a database whose key is granted again.
func (k keys) Open(ctx context.Context, s watch.Subject) error {
	return k.e.databases.Unbar(ctx, databaseID(s.ID))
}

// policy is what the watch decides, to the databases.
func (e *Engine) policy() databases.Policy {
	return databases.Policy{
		Serves: func(d *model.Database) bool { return e.watch.Serves(subjectID(d)) },
		Revalidate: func(ctx context.Context, d *model.Database) error {
			r, err := e.watch.Revalidate(ctx, subjectID(d))
			switch {
			case errors.Is(err, watch.ErrServes): // it came back meanwhile
				return nil
			case err != nil:
				return err
			case r.Cause != monitor.Granted:
				if list, ok := e.canaries.Load(subjectID(d)); ok && len(list.([]*msg.Error)) > 0 {
					return msg.List(list.([]*msg.Error))
				}
				return (&msg.Error{Number: 50000, Severity: 16, State: 1, Text: monitor.Message(r)})
			}
			return nil
		},
	}
}

// Retry tries the databases that wait for their keys now.
func (e *Engine) Retry() {
	e.databases.Retry()
	e.watch.Wake()
}

// KeyAccess lists what is known of databases' access to their keys.
func (e *Engine) KeyAccess() []watch.Info { return e.watch.All() }

// Name is the server's, @@SERVERNAME.
func (e *Engine) Name() string { return e.cfg.Name }

// ActivityLog is the activity log itself. Who reads it follows what happens.
func (e *Engine) ActivityLog() *activity.Log { return e.activity }

// Activity lists the newest records of the activity log.
func (e *Engine) Activity() []activity.Record { return e.activity.Recent() }
