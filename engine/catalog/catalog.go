package catalog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"latchkey/ekm"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/catalog/perm"
	"latchkey/engine/catalog/protect"
	"latchkey/engine/catalog/seed"
	"latchkey/internal/clock"
)

// Store keeps records durably; package journal is one.
type Store interface {
	// Load gives what is stored, in order: a later record of a row replaces an earlier one.
	Load(ctx context.Context) ([]model.Record, error)
	// Commit stores a change, whole or not at all, durably.
	Commit(ctx context.Context, changes []model.Change) error
}

// Compacter is a Store that wants to be written anew now and then.
type Compacter interface {
	Grown() bool
	Compact(ctx context.Context, records []model.Record) error
}

// Runtime answers what only the running server knows.
type Runtime interface {
	// LoginSessions is the number of sessions of a login.
	LoginSessions(login int) int
	// DatabaseSessions is the number of sessions in a database, the caller's own left out.
	DatabaseSessions(db, caller int) int
	// ProviderSessions is the number of open sessions with a provider.
	ProviderSessions(provider int) int
	// Scanning reports whether an encryption scan of a database is running or suspended, or a protector change is under way.
	Scanning(db int) (scan, protector bool)
}

// Library is a provider's library, loaded.
type Library struct {
	Info       ekm.ProviderInfo
	Algorithms []ekm.Algorithm
}

// Providers loads providers and opens sessions with them.
type Providers interface {
	// Load loads the library that a path names. The error carries message 33027, 33029, 33032 or 33085 as a *msg.Error, or a
	// provider's code, which becomes 33029.
	Load(ctx context.Context, path string) (Library, error)
	// OpenSession opens a session of a provider with a credential. The catalogue closes it.
	OpenSession(ctx context.Context, p *model.Provider, cred *ekm.Credential) (ekm.Session, error)
}

// Config says what a Catalog is made of.
type Config struct {
	Store   Store
	Service *protect.Key // the service master key; the caller keeps it and destroys it after Close
	Clock   clock.Clock  // nil means the machine's
	Runtime Runtime      // nil means a server without sessions
	// Providers; nil means that no provider can be loaded (message 33054).
	Providers Providers
	// SharedCredentials lets one credential be mapped to several logins, as some pages have it; otherwise that is message 33042.
	SharedCredentials bool
}

// Catalog is the metadata of a server. It is safe for concurrent use.
type Catalog struct {
	cfg   Config
	write sync.Mutex // one change at a time
	state atomic.Pointer[model.State]
}

// Open loads the metadata; an empty store gets what a new server has.
func Open(ctx context.Context, cfg Config) (*Catalog, error) {
	if cfg.Clock == nil {
		cfg.Clock = clock.System{}
	}
	if cfg.Runtime == nil {
		cfg.Runtime = idle{}
	}
	if cfg.Service == nil {
		return nil, errors.New("opening the catalogue: no service master key")
	}
	records, err := cfg.Store.Load(ctx)
	if err != nil {
		return nil, fmt.Errorf("opening the catalogue: %w", err)
	}
	s, err := model.Load(records)
	if err != nil {
		return nil, fmt.Errorf("opening the catalogue: %w", err)
	}
	c := &Catalog{cfg: cfg}
	if len(records) == 0 {
		empty := s
		s = empty.Draft()
		seed.Server(s, now(cfg.Clock))
		changes, err := s.Changes(empty)
		if err == nil {
			err = cfg.Store.Commit(ctx, changes)
		}
		if err != nil {
			return nil, fmt.Errorf("making a new catalogue: %w", err)
		}
	}
	c.state.Store(s)
	return c, nil
}

// State is the metadata as of now.
func (c *Catalog) State() *model.State { return c.state.Load() }

// Clock is the catalogue's clock.
func (c *Catalog) Clock() clock.Clock { return c.cfg.Clock }

// Caller is who asks for an operation, and where.
type Caller struct {
	Login    int // server principal id
	Database int // the session's database
	// User is the database principal of EXECUTE AS USER, which has no identity on the server; 0 otherwise.
	User int
	// Impersonated says that the session is under EXECUTE AS: then no credential is used (message 33048).
	Impersonated bool
	Session      int // the session's number, so that it does not count as another
}

// Operation is one change: a statement. Apply checks permission and rules and changes tx.State.
type Operation interface {
	Apply(tx *Tx) error
}

// Preparer is an Operation with slow work that comes first, outside the lock. Prepare sees a snapshot, checks what Apply checks,
// and keeps its result in the operation.
type Preparer interface {
	Prepare(ctx context.Context, tx *Tx) error
}

// Finisher is an Operation that keeps something to be wiped or closed when it is over, whatever became of it.
type Finisher interface {
	Finish()
}

// Follower is an Operation with something to do once its change is durable, outside the lock. It cannot fail any more; it may add
// notes.
type Follower interface {
	Follow(ctx context.Context, tx *Tx)
}

// Result is what a Do says besides its success.
type Result struct {
	Notes []*msg.Error // messages that inform, in order
	State *model.State // as of this change
}

// Tx is a change under way.
type Tx struct {
	Caller Caller
	State  *model.State // a draft
	Now    time.Time    // UTC, in whole milliseconds
	Perm   *perm.Eval   // of the caller in its database, on the state before the change

	cat   *Catalog
	notes []*msg.Error
}

func now(c clock.Clock) time.Time { return c.Now().UTC().Truncate(time.Millisecond) }

func (c *Catalog) begin(caller Caller) *Tx {
	s := c.state.Load()
	return &Tx{Caller: caller, State: s.Draft(), Now: now(c.cfg.Clock), Perm: caller.Eval(s), cat: c}
}

// Eval answers what the caller may do.
func (c Caller) Eval(s *model.State) *perm.Eval {
	if c.User != 0 {
		return perm.ForUser(s, c.Database, c.User)
	}
	return perm.For(s, c.Login, c.Database)
}

// Do carries out operations for a caller as one change. On an error nothing has changed, unless it is an error of the store, which
// then may not take further changes.
func (c *Catalog) Do(ctx context.Context, caller Caller, ops ...Operation) (Result, error) {
	for _, op := range ops {
		if f, ok := op.(Finisher); ok {
			defer f.Finish()
		}
	}
	for _, op := range ops {
		if p, ok := op.(Preparer); ok {
			if err := p.Prepare(ctx, c.begin(caller)); err != nil {
				return Result{}, err
			}
		}
	}
	tx, err := c.commit(ctx, caller, ops)
	if err != nil {
		return Result{}, err
	}
	for _, op := range ops {
		if f, ok := op.(Follower); ok {
			f.Follow(ctx, tx)
		}
	}
	return Result{Notes: tx.notes, State: tx.State}, nil
}

func (c *Catalog) commit(ctx context.Context, caller Caller, ops []Operation) (*Tx, error) {
	c.write.Lock()
	defer c.write.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	before := c.state.Load()
	tx := c.begin(caller)
	for _, op := range ops {
		tx.Perm = caller.Eval(tx.State)
		if err := op.Apply(tx); err != nil {
			return nil, err
		}
	}
	changes, err := tx.State.Changes(before)
	if err != nil {
		return nil, err
	}
	if len(changes) > 0 {
		if err := c.cfg.Store.Commit(ctx, changes); err != nil {
			return nil, fmt.Errorf("changing the catalogue: %w", err)
		}
		c.state.Store(tx.State)
		c.compact(ctx, tx)
	}
	return tx, nil
}

// compact gives the store the chance to write itself anew. The change before it is durable, so a failure here is not one of the
// operation; the store reports it at the next change.
func (c *Catalog) compact(ctx context.Context, tx *Tx) {
	s, ok := c.cfg.Store.(Compacter)
	if !ok || !s.Grown() {
		return
	}
	if records, err := tx.State.Records(); err == nil {
		_ = s.Compact(context.WithoutCancel(ctx), records)
	}
}

// Check reports what Do would refuse, without doing anything. Preparation is not run.
func (c *Catalog) Check(caller Caller, op Operation) error { return op.Apply(c.begin(caller)) }

// Look runs a function over a snapshot that nothing is stored of.
func (c *Catalog) Look(ctx context.Context, caller Caller, f func(*Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return f(c.begin(caller))
}

// Note adds a message that informs.
func (tx *Tx) Note(m *msg.Error) { tx.notes = append(tx.notes, m) }

// Service is the service master key.
func (tx *Tx) Service() *protect.Key { return tx.cat.cfg.Service }

// Runtime is the running server.
func (tx *Tx) Runtime() Runtime { return tx.cat.cfg.Runtime }

// Providers is what loads providers; nil if nothing does.
func (tx *Tx) Providers() Providers { return tx.cat.cfg.Providers }

// SharedCredentials is the setting of that name.
func (tx *Tx) SharedCredentials() bool { return tx.cat.cfg.SharedCredentials }

// PermIn answers what the caller may do in another database.
func (tx *Tx) PermIn(db int) *perm.Eval {
	if db == tx.Caller.Database || tx.Caller.User != 0 {
		return tx.Perm
	}
	return perm.For(tx.State, tx.Caller.Login, db)
}

// idle is a server without sessions.
type idle struct{}

func (idle) LoginSessions(int) int         { return 0 }
func (idle) DatabaseSessions(int, int) int { return 0 }
func (idle) ProviderSessions(int) int      { return 0 }
func (idle) Scanning(int) (bool, bool)     { return false, false }
