package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"latchkey/app/alerts"
	"latchkey/ekm"
	"latchkey/internal/clock"
	"latchkey/internal/secret"
	"latchkey/monitor"
	"latchkey/monitor/activity"
	"latchkey/monitor/watch"
)

// Options says what a Fleet is made of.
type Options struct {
	Config   *Config
	Provider ekm.Provider   // reaches vaults; the caller closes it
	Sources  alerts.Sources // of secrets
	Clock    clock.Clock    // nil means the machine's
	Log      *slog.Logger   // nil discards
}

// Fleet is a watch.Target over servers and vaults.
type Fleet struct {
	opt     Options
	name    string
	servers []*server
	byID    map[string]*vaultKey
	order   []string // of byID

	mu    sync.Mutex
	kept  map[string]*secret.Bytes // of variables, which can be read once
	still map[string]bool          // subjects that were told to run without their key
}

// vaultKey is a key of a vault.
type vaultKey struct {
	vault Vault
	key   string
}

// The prefixes of subjects' ids.
const (
	vaultID    = "vault:"
	serverID   = "server:"
	databaseID = "database:"
)

// New makes a Fleet. It connects with the first checks.
func New(o Options) *Fleet {
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	f := &Fleet{opt: o, name: o.Config.Name, byID: make(map[string]*vaultKey), kept: make(map[string]*secret.Bytes), still: make(map[string]bool)}
	for _, s := range o.Config.Servers {
		f.servers = append(f.servers, newServer(f, s))
	}
	for _, v := range o.Config.Vaults {
		for _, k := range v.Keys {
			id := vaultID + v.Name + "/" + k
			if f.byID[id] == nil {
				f.byID[id] = &vaultKey{v, k}
				f.order = append(f.order, id)
			}
		}
	}
	return f
}

// Close ends connections and destroys secrets.
func (f *Fleet) Close() error {
	var errs []error
	for _, s := range f.servers {
		errs = append(errs, s.close())
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.kept {
		s.Destroy()
	}
	f.kept = nil
	return errors.Join(errs...)
}

// read reads a secret. A variable is gone once it was read, so its value is kept.
func (f *Fleet) read(spec string) (*secret.Bytes, error) {
	if !strings.HasPrefix(spec, "env:") {
		return f.opt.Sources.Read(spec)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if s := f.kept[spec]; s != nil {
		return s.Clone(), nil
	}
	s, err := f.opt.Sources.Read(spec)
	if err == nil && f.kept != nil {
		f.kept[spec] = s.Clone()
	}
	return s, err
}

// Subjects lists servers, the databases that they told of, and keys.
func (f *Fleet) Subjects() (out []watch.Subject) {
	for _, s := range f.servers {
		out = append(out, s.subjects()...)
	}
	for _, id := range f.order {
		k := f.byID[id]
		out = append(out, watch.Subject{ID: id, Name: k.vault.Name + "/" + k.key, Key: id, Open: true})
	}
	return out
}

// Check tries a key.
func (f *Fleet) Check(ctx context.Context, s watch.Subject) monitor.Result {
	if k := f.byID[s.ID]; k != nil {
		return monitor.Of(f.try(ctx, k))
	}
	for _, srv := range f.servers {
		if srv.has(s.ID) {
			return srv.check(ctx, s)
		}
	}
	return monitor.Result{Cause: monitor.NoAnswer, Text: "it is not watched any more"}
}

// credential is that of a vault; the caller destroys its secret.
func (f *Fleet) credential(v Vault) (*ekm.Credential, error) {
	c := &ekm.Credential{Name: v.Credential, Identity: v.Identity}
	if c.Name == "" {
		c.Name = v.Name
	}
	if v.Secret == "" {
		return c, nil
	}
	var err error
	c.Secret, err = f.read(v.Secret)
	return c, err
}

// canaryBytes is how much is wrapped: as long as a database's key.
const canaryBytes = 32

// try reads a vault's key, wraps a random value and unwraps it, with a session of its own: so a renewed secret is used at once.
func (f *Fleet) try(ctx context.Context, k *vaultKey) error {
	cred, err := f.credential(k.vault)
	if err != nil {
		return err
	}
	defer cred.Secret.Destroy()
	s, err := f.opt.Provider.OpenSession(ctx, cred)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close(false) }()
	info, err := s.KeyByName(ctx, k.key)
	if err != nil {
		return err
	}
	plain := secret.Random(canaryBytes)
	defer plain.Destroy()
	blob, err := s.Wrap(ctx, info.Thumbprint, plain)
	if err != nil {
		return err
	}
	got, err := s.Unwrap(ctx, info.Thumbprint, blob)
	if err != nil {
		return err
	}
	defer got.Destroy()
	if !got.Equal(plain.Expose()) {
		return fmt.Errorf("the vault gave back other bytes than it was given to wrap with %s", info.URI)
	}
	return nil
}

// Target is the Fleet as a watch.Target.
type Target struct{ *Fleet }

// Close closes nothing: it is somebody else's server.
func (Target) Close(context.Context, watch.Subject, monitor.Result) error { return nil }

// Open opens nothing: checks do, where the configuration lets them.
func (Target) Open(context.Context, watch.Subject) error { return nil }

// The events of what still runs, or never did.
const (
	AccessLost     = "KeyAccessLost"
	AccessRestored = "KeyAccessRestored"
)

// Record is an event as a record of this fleet's activity log; false if it says nothing here.
func (f *Fleet) Record(s watch.Subject, e monitor.Event) (activity.Record, bool) {
	r := activity.Of(f.name, s.Name, s.Key, e)
	f.mu.Lock()
	defer f.mu.Unlock()
	database := strings.HasPrefix(s.ID, databaseID)
	switch {
	case e.Name == monitor.MakeInaccessible && e.Status == monitor.InProgress:
		return r, false // nobody waits for a window
	case e.Name == monitor.MakeInaccessible && e.Status == monitor.Started && database && s.Open:
		f.still[s.ID] = true
		r.Event, r.Description = AccessLost, "The database still runs with its key in memory, but the key is refused: it will not open after a restart, and nothing can be restored: "+monitor.Message(e.Cause)
	case e.Name == monitor.MakeInaccessible && e.Status == monitor.Started && !database:
		r.Event, r.Description = AccessLost, "The key is refused: databases under it will not open after a restart: "+monitor.Message(e.Cause)
	case e.Name == monitor.MakeAccessible && (f.still[s.ID] || !database):
		delete(f.still, s.ID)
		r.Event, r.Description = AccessRestored, "The key can be used again."
	}
	return r, true
}

// Outcome is what Once found of one subject.
type Outcome struct {
	Subject watch.Subject
	Result  monitor.Result
	Took    time.Duration
}

// Once checks everything once, several at a time.
func (f *Fleet) Once(ctx context.Context, timeout time.Duration, parallel int) []Outcome {
	check := func(subjects []watch.Subject) []Outcome {
		out := make([]Outcome, len(subjects))
		slots := make(chan struct{}, parallel)
		var wg sync.WaitGroup
		for n, s := range subjects {
			slots <- struct{}{}
			wg.Go(func() {
				defer func() { <-slots }()
				bound, cancel := context.WithTimeout(ctx, timeout)
				defer cancel()
				began := f.opt.Clock.Now()
				out[n] = Outcome{s, f.Check(bound, s), f.opt.Clock.Now().Sub(began)}
			})
		}
		wg.Wait()
		return out
	}
	first := f.Subjects()
	out := check(first)
	known := make(map[string]bool)
	for _, s := range first {
		known[s.ID] = true
	}
	var found []watch.Subject // databases that servers told of meanwhile
	for _, s := range f.Subjects() {
		if !known[s.ID] {
			found = append(found, s)
		}
	}
	return append(out, check(found)...)
}
