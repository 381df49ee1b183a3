package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"latchkey/engine/catalog"
	"latchkey/engine/catalog/authn"
	"latchkey/engine/catalog/database"
	"latchkey/engine/catalog/journal"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/principal"
	"latchkey/engine/catalog/protect"
	"latchkey/engine/databases"
	"latchkey/engine/databases/system"
	"latchkey/engine/errorlog"
	"latchkey/engine/exec"
	"latchkey/engine/keystmt/keyview"
	"latchkey/engine/keystmt/provider"
	"latchkey/engine/room"
	"latchkey/engine/server"
	"latchkey/engine/servicekey"
	"latchkey/engine/sessions"
	"latchkey/engine/tde"
	"latchkey/monitor/activity"
	"latchkey/monitor/watch"
)

// Engine is an open server. It is safe for concurrent use.
type Engine struct {
	cfg       Config
	log       *slog.Logger
	errors    *errorlog.Log
	key       *protect.Key
	journal   *journal.Journal
	catalog   *catalog.Catalog
	providers *provider.Set
	keys      *provider.Keys
	claims    *claims
	sessions  *sessions.Registry
	databases *databases.Manager
	activity  *activity.Log
	watch     *watch.Watch
	canaries  sync.Map        // messages of the last check, by subject
	runtime   *keyview.Server // what the catalogue and its views ask of the others
	server    *server.Server
	own       *exec.Server // for statements of the server itself
	room      *room.Room
	recorded  atomic.Uint64 // how often the history of backups changed
	adminMade bool
	closers   []func(context.Context) error // in the order of opening
}

// Open opens a data folder. ctx is for the opening only.
func Open(ctx context.Context, cfg Config) (_ *Engine, err error) {
	if cfg.Admin != nil {
		defer cfg.Admin.Password.Destroy()
	}
	if err := cfg.defaults(); err != nil {
		return nil, err
	}
	e := &Engine{cfg: cfg, claims: newClaims(), room: room.New(cfg.Memory, cfg.Clock)}
	defer func() {
		if err != nil {
			stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), failedBound)
			defer cancel()
			err = errors.Join(err, e.Close(stopping))
		}
	}()
	for _, step := range []func(context.Context) error{e.openFolder, e.openCatalog, e.openAdmin, e.openDatabases, e.openServer} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// failedBound is how long closing may take when opening failed.
const failedBound = 10 * time.Second

func (e *Engine) closing(f func(context.Context) error) { e.closers = append(e.closers, f) }

// openFolder takes the folder, and opens log and service master key.
func (e *Engine) openFolder(ctx context.Context) error {
	c := &e.cfg
	l, err := lock(c)
	if err != nil {
		return err
	}
	e.closing(func(context.Context) error { return unlock(c, l) })
	has, err := look(c)
	if err == nil {
		err = has.whole(c)
	}
	if err != nil {
		return err
	}
	if e.errors, err = errorlog.Open(c.FS, filepath.Join(c.Dir, logDir), c.Clock); err != nil {
		return err
	}
	e.closing(func(context.Context) error { return e.errors.Close() })
	var other slog.Handler
	if c.Log != nil {
		other = c.Log.Handler()
	}
	e.log = slog.New(e.errors.Handler(other))
	if err := tde.Sweep(); err != nil {
		e.log.Warn("what killed processes left in memory stays", "err", err)
	}
	e.log.Info("Latchkey's database server is starting", "process", c.PID, "folder", c.Dir)
	fresh := !has.catalog && !has.system
	if e.key, err = servicekey.Open(c.FS, c.ServiceKeyDir, fresh); err != nil {
		return err
	}
	e.closing(func(context.Context) error { e.key.Destroy(); return nil })
	if !has.catalog {
		return system.Make(ctx, system.Config{FS: c.FS, Dir: filepath.Join(c.Dir, systemDir), Service: e.key, Clock: c.Clock})
	}
	return nil
}

// openCatalog opens the metadata and what it asks of.
func (e *Engine) openCatalog(ctx context.Context) (err error) {
	c := &e.cfg
	if e.journal, err = journal.Open(ctx, journal.Config{FS: c.FS, Dir: filepath.Join(c.Dir, catalogDir), Key: e.key}); err != nil {
		return fmt.Errorf("opening the catalogue: %w", err)
	}
	e.closing(func(context.Context) error { return e.journal.Close() })
	e.providers = provider.New(provider.Config{Builtin: c.Providers, Loader: c.Loader, Clock: c.Clock, Log: e.log})
	e.closing(func(context.Context) error { return e.providers.Close() })
	e.sessions = sessions.New(c.Clock)
	e.runtime = &keyview.Server{Sessions: e.sessions, Providers: e.providers}
	e.catalog, err = catalog.Open(ctx, catalog.Config{
		Store: e.journal, Service: e.key, Clock: c.Clock, Runtime: e.runtime, Providers: e.providers, SharedCredentials: c.SharedCredentials,
	})
	if err != nil {
		return err
	}
	_, err = e.catalog.Do(ctx, owner0(), &database.Started{})
	return err
}

// owner0 is the server itself to the catalogue.
func owner0() catalog.Caller { return catalog.Caller{Login: model.SA, Database: model.Master} }

// openAdmin makes the first login of a new server: it has none that can log in.
func (e *Engine) openAdmin(ctx context.Context) error {
	a := e.cfg.Admin
	if a == nil {
		return nil
	}
	if there := e.catalog.State().FindLogin(a.Name) != nil; !a.Reset || !there {
		for id, l := range e.catalog.State().Logins.All(0) {
			if !l.IsRole() && id != model.SA {
				return nil
			}
		}
	}
	if a.Password == nil && a.Make != nil {
		p, err := a.Make()
		if err != nil {
			return fmt.Errorf("making the password of the login %q: %w", a.Name, err)
		}
		defer p.Destroy()
		a = &Admin{Name: a.Name, Password: p, Reset: a.Reset}
	}
	if a.Reset && e.catalog.State().FindLogin(a.Name) != nil {
		_, err := e.catalog.Do(ctx, owner0(), &principal.AlterLogin{Name: a.Name, State: "ENABLE", Password: &principal.Password{Text: a.Password.Clone()}})
		if err != nil {
			return fmt.Errorf("giving the login %q its password: %w", a.Name, err)
		}
		return nil
	}
	_, err := e.catalog.Do(ctx, owner0(),
		&principal.CreateLogin{Name: a.Name, Password: &principal.Password{Text: a.Password.Clone()}},
		&principal.ServerMember{Role: "sysadmin", Member: a.Name})
	if err != nil {
		return fmt.Errorf("making the login %q: %w", a.Name, err)
	}
	e.adminMade = true
	return nil
}

// AdminMade reports whether Open made the login of Config.Admin.
func (e *Engine) AdminMade() bool { return e.adminMade }

// openDatabases opens the system databases and begins with the others.
func (e *Engine) openDatabases(ctx context.Context) error {
	c, d := &e.cfg, e.cfg.Databases
	if err := e.openMonitor(); err != nil {
		return err
	}
	e.keys = &provider.Keys{Catalog: e.catalog, Set: e.providers}
	e.databases = databases.New(databases.Config{
		FS: c.FS, Dir: filepath.Join(c.Dir, dataDir), System: filepath.Join(c.Dir, systemDir), Catalog: e.catalog, Service: e.key, Sessions: e.sessions,
		Keys: claiming{e.keys, e}, Clock: c.Clock, Log: e.log,
		Connections: d.Connections, Unwraps: d.Unwraps, Opens: d.Opens, CacheBytes: d.CacheBytes, TempBytes: d.TempBytes, ScanRate: d.ScanRate,
		RetryFirst: d.RetryFirst, RetryMost: d.RetryMost, StartWait: d.StartWait, BarWait: d.BarWait, SpillBytes: d.SpillBytes, Room: e.room, Policy: e.policy(),
	})
	e.runtime.Databases = e.databases
	e.closing(e.databases.Close)
	if err := e.databases.Start(ctx); err != nil {
		return err
	}
	e.startMonitor()
	return nil
}

// openServer makes the listener's side.
func (e *Engine) openServer(ctx context.Context) error {
	gate := authn.New(e.catalog)
	open, err := e.opener(ctx, gate)
	if err != nil {
		return err
	}
	e.server = server.New(server.Config{
		Catalog: e.catalog, Gate: gate, Sessions: e.sessions, Open: open,
		TLS: e.cfg.TLS, ForceEncryption: e.cfg.ForceEncryption, Name: e.cfg.Name, Limits: e.cfg.Limits, Room: e.room, Clock: e.cfg.Clock, Log: e.log,
	})
	e.closing(e.server.Shutdown)
	e.startRegistering(e.keys)
	return nil
}

// Serve accepts clients from l, which it closes, until Close; then it returns nil.
func (e *Engine) Serve(l net.Listener) error {
	e.log.Info("Server is listening", "address", l.Addr().String())
	return e.server.Serve(l)
}

// Ready is closed when every database was tried once.
func (e *Engine) Ready() <-chan struct{} { return e.databases.Started() }

// Databases lists the databases by id, with what keeps each from being online.
func (e *Engine) Databases() []databases.Info { return e.databases.All() }

// Close ends the server: idle sessions at once, the others when they have finished or when ctx ends; then the databases and the
// catalogue. What it could not wait for is in the error. Nothing acknowledged is lost in any case.
func (e *Engine) Close(ctx context.Context) error {
	var errs []error
	for i := len(e.closers) - 1; i >= 0; i-- {
		errs = append(errs, e.closers[i](ctx))
	}
	e.closers = nil
	return errors.Join(errs...)
}
