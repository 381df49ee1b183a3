package databases

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"sync"
	"time"

	"latchkey/engine/catalog"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/protect"
	"latchkey/engine/databases/memfs"
	"latchkey/engine/databases/spill"
	"latchkey/engine/databases/unwrap"
	"latchkey/engine/room"
	"latchkey/engine/sessions"
	"latchkey/engine/tde"
	"latchkey/internal/clock"
	"latchkey/internal/fsys"
)

// Defaults of Config.
const (
	DefaultConnections = 64
	DefaultUnwraps     = 8
	DefaultCacheBytes  = 512 << 20
	DefaultTempBytes   = 1 << 30
	DefaultSpillBytes  = 4 << 30
)

// Config says what a Manager is made of. Catalog, Service, Sessions and Dir are required.
type Config struct {
	FS       fsys.FS // nil means the machine's
	Dir      string  // of users' databases; made if it is not there
	System   string  // of the system databases; "" means Dir
	Catalog  *catalog.Catalog
	Service  *protect.Key // the service master key
	Sessions *sessions.Registry
	// Keys reaches the keys and certificates that protect users' databases; nil means that none can be had.
	Keys tde.Keys
	// Policy decides about databases whose key is refused.
	Policy Policy
	Clock  clock.Clock  // nil means the machine's
	Log    *slog.Logger // the error log; nil discards

	// Connections bounds the connections to one database; who wants one more waits. 0 means DefaultConnections.
	Connections int
	// Unwraps bounds the calls to the key store under way at once; 0 means DefaultUnwraps.
	Unwraps int
	// Opens bounds the databases that are being opened at once; 0 means four for each processor.
	Opens int
	// CacheBytes bounds the page caches of all databases, in bytes; each gets its part when it is opened. 0 means DefaultCacheBytes.
	CacheBytes int64
	// TempBytes bounds what tempdb and all temporary tables may take in memory, in bytes; 0 means DefaultTempBytes.
	TempBytes int64
	// SpillBytes bounds what sorts and the like may put into temporary files on disk, of all databases together, in bytes; 0 means
	// DefaultSpillBytes. Who wants more gets message 1105.
	SpillBytes int64
	// Room says when memory is short; nil never.
	Room *room.Room
	// ScanRate bounds encryption scans of one database, in bytes in a second; 0 means tde.DefaultScanRate, less than 0 no bound.
	ScanRate int64
	// RetryFirst and RetryMost are the least and the greatest wait between attempts to open what is RECOVERY_PENDING; 0 means 5 s and 2 min.
	RetryFirst, RetryMost time.Duration
	// StartWait is how long a session waits for a database that is being opened before it gets message 922; 0 means 10 s, less than a login may take.
	StartWait time.Duration
	// BarWait is how long those who use a database that is barred from elsewhere have to finish, before they are ended; 0 means 5 s.
	BarWait time.Duration
}

func (c *Config) defaults() {
	if c.FS == nil {
		c.FS = fsys.OS{}
	}
	if c.System == "" {
		c.System = c.Dir
	}
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	set := func(n *int, to int) {
		if *n <= 0 {
			*n = to
		}
	}
	set(&c.Connections, DefaultConnections)
	set(&c.Unwraps, DefaultUnwraps)
	set(&c.Opens, 4*runtime.GOMAXPROCS(0))
	if c.TempBytes <= 0 {
		c.TempBytes = DefaultTempBytes
	}
	if c.SpillBytes <= 0 {
		c.SpillBytes = DefaultSpillBytes
	}
	if c.CacheBytes <= 0 {
		c.CacheBytes = DefaultCacheBytes
	}
	for _, d := range []struct {
		v  *time.Duration
		to time.Duration
	}{{&c.RetryFirst, 5 * time.Second}, {&c.RetryMost, 2 * time.Minute}, {&c.StartWait, 10 * time.Second}, {&c.BarWait, 5 * time.Second}} {
		if *d.v <= 0 {
			*d.v = d.to
		}
	}
}

// Manager holds the databases of a server open. It is safe for concurrent use.
type Manager struct {
	cfg      Config
	keys     *unwrap.Keys
	canaries *unwrap.Keys // of checks, which wait for nobody who opens databases
	memory   *memfs.FS    // of tempdb and of sessions' temporary tables
	files    fsys.FS      // of the others, with a bound on temporary files
	opens    chan struct{}

	mu      sync.Mutex
	entries table // changed under mu
	closed  bool

	started chan struct{}   // closed when every database was tried once
	retry   chan struct{}   // has an entry when something may have helped
	ctx     context.Context // of the work behind; it ends with Close
	cancel  context.CancelFunc
	work    sync.WaitGroup
}

// ErrClosed means that the server is going down.
var ErrClosed = errors.New("the databases are closed")

// New makes a Manager. It opens nothing yet.
func New(cfg Config) *Manager {
	cfg.defaults()
	ctx, cancel := context.WithCancel(context.Background())
	return &Manager{
		ctx: ctx, cancel: cancel, cfg: cfg, keys: unwrap.New(cfg.Keys, cfg.Unwraps), canaries: unwrap.New(cfg.Keys, cfg.Unwraps), memory: memfs.New(cfg.TempBytes), files: spill.New(cfg.FS, cfg.SpillBytes), opens: make(chan struct{}, cfg.Opens),
		started: make(chan struct{}), retry: make(chan struct{}, 1),
	}
}

// Start opens the system databases, making those that a new server does not have yet, and begins to open the others, which goes on
// behind it. An error means that the server cannot run.
func (m *Manager) Start(ctx context.Context) error {
	for _, dir := range []string{m.cfg.Dir, m.cfg.System} {
		if err := m.cfg.FS.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("making the data directory: %w", err)
		}
	}
	if err := m.openSystem(ctx); err != nil {
		return err
	}
	if err := m.sweep(); err != nil {
		return err
	}
	var users []*entry
	for id, d := range m.cfg.Catalog.State().Databases.All(0) {
		if d.IsSystem() {
			continue
		}
		e := m.newEntry(id, m.path(d))
		if d.State == model.Offline || d.State == model.Restoring {
			e.settle(d.State, nil)
		} else if may := m.cfg.Policy.Serves; may != nil && !may(d) {
			e.bar(true)
			e.settle(model.RecoveryPending, ErrBarred)
		} else {
			users = append(users, e)
		}
		m.put(e)
	}
	m.work.Go(func() {
		m.openAll(m.ctx, users)
		close(m.started)
		m.heal(m.ctx)
	})
	m.work.Go(func() { m.trim(m.ctx) })
	return nil
}

// Started is closed when every database was tried once after Start.
func (m *Manager) Started() <-chan struct{} { return m.started }

// Close closes all databases. Sessions must have ended; a lease that is still out is waited for until ctx ends.
func (m *Manager) Close(ctx context.Context) error {
	m.mu.Lock()
	m.closed = true
	all := slices.Collect(maps.Values(m.entries.all()))
	m.mu.Unlock()
	m.cancel()
	m.work.Wait()
	var errs []error
	for _, e := range all {
		if err := e.close(ctx, model.Offline, ErrClosed); err != nil {
			errs = append(errs, fmt.Errorf("closing database %d: %w", e.id, err))
		}
	}
	m.keys.Forget()
	return errors.Join(errs...)
}

func (m *Manager) entry(id int) *entry { return m.entries.all()[id] }

// name is how messages name a database.
func (m *Manager) name(id int) string {
	if d := m.cfg.Catalog.State().Databases.Get(id); d != nil {
		return d.Name
	}
	return fmt.Sprint(id)
}

// Info is what a database is in.
type Info struct {
	ID     int
	State  int   // as model has them
	Reason error // why it is not online; nil if it is, or was asked to be offline
	Path   string
	Leases int // connections lent
}

// All lists the databases by id.
func (m *Manager) All() []Info {
	all := slices.Collect(maps.Values(m.entries.all()))
	out := make([]Info, 0, len(all))
	for _, e := range all {
		out = append(out, e.info())
	}
	slices.SortFunc(out, func(a, b Info) int { return a.ID - b.ID })
	return out
}

// State is what a database is in; false if there is none of this id. One that is tried again after it did not open stays
// RECOVERY_PENDING meanwhile, so that a glance does not tell of hope at every attempt.
func (m *Manager) State(id int) (state int, ok bool) {
	e := m.entry(id)
	if e == nil {
		return 0, false
	}
	i := e.info()
	if i.State == model.Recovering && i.Reason != nil {
		return model.RecoveryPending, true
	}
	return i.State, true
}

// Status tells of a database's encryption; false if it is not open.
func (m *Manager) Status(id int) (tde.Status, bool) {
	e := m.entry(id)
	if e == nil {
		return tde.Status{}, false
	}
	return e.status()
}

// Scanning reports whether an encryption scan of a database runs or is suspended, or its protector is being changed; see
// catalog.Runtime.
func (m *Manager) Scanning(id int) (scan, protector bool) {
	s, ok := m.Status(id)
	if !ok {
		return false, false
	}
	switch s.State {
	case tde.Encrypting, tde.Decrypting, tde.KeyChange:
		return true, false
	}
	return false, s.State == tde.ProtectionChange
}
