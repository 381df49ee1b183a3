package databases

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"latchkey/ekm"
	"latchkey/engine/catalog"
	"latchkey/engine/catalog/database"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/tde"
)

// Policy decides about databases whose key is refused; nil funcs decide nothing. They must not call the Manager back.
type Policy struct {
	// Serves reports whether a database may be opened when the server starts.
	Serves func(d *model.Database) bool
	// Revalidate is ALTER DATABASE ... SET ONLINE of a database that is barred: it checks the key and lets it be opened ([Manager.Unbar]).
	Revalidate func(ctx context.Context, d *model.Database) error
}

// ErrBarred is why a database is closed whose key is refused: see [Manager.Bar].
var ErrBarred = errors.New("access to the key that protects the database was lost")

// ErrNoKey means that a database has no key to check.
var ErrNoKey = errors.New("the database has no encryption key")

// Canary uses the key that protects a database, open or not: its own wrapped DEK is unwrapped and thrown away. The error is the key
// store's, or that the file cannot be read.
func (m *Manager) Canary(ctx context.Context, id int) error {
	e := m.entry(id)
	if e == nil {
		return msg.New(911, m.name(id))
	}
	t, w, ok, err := e.wrappedKey(m)
	if err != nil {
		return err
	}
	if !ok {
		return ErrNoKey
	}
	dek, err := m.canaries.Unwrap(ctx, t, w)
	dek.Destroy()
	return err
}

func (e *entry) wrappedKey(m *Manager) (ekm.Thumbprint, ekm.Wrapped, bool, error) {
	e.mu.Lock()
	p := e.pool
	e.mu.Unlock()
	if p == nil {
		return tde.ReadWrappedKey(m.cfg.FS, e.path)
	}
	t, w, ok := p.DB.WrappedKey()
	return t, w, ok, nil
}

// Barred reports whether a database is closed because its key is refused.
func (m *Manager) Barred(id int) bool {
	e := m.entry(id)
	return e != nil && e.isBarred()
}

func (e *entry) isBarred() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.barred
}

func (e *entry) bar(on bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.barred = on
}

// killBound is how long sessions that were ended may take to let a database go.
const killBound = 20 * time.Second

// Bar closes a database because its key is refused, and keeps it closed until [Manager.Unbar]: nobody is let in, the sessions in it are
// ended and their transactions rolled back; nothing that was committed is lost. Sessions of other databases that use it still after a
// few seconds, in a statement or a transaction, are ended too, and no others. DROP DATABASE is all that can be done to it then.
func (m *Manager) Bar(ctx context.Context, id int, why error) error {
	e := m.entry(id)
	if e == nil {
		return nil
	}
	e.bar(true)
	reason := fmt.Errorf("%w: %w", ErrBarred, why)
	ended := m.cfg.Sessions.KillOthers(id, 0)
	bound, cancel := context.WithTimeout(ctx, m.cfg.BarWait)
	err := e.close(bound, model.RecoveryPending, reason)
	cancel()
	if err != nil && ctx.Err() == nil && e.info().Leases > 0 {
		for _, s := range e.holders() {
			if m.cfg.Sessions.Kill(s, 0) == nil { // else it has ended meanwhile
				ended++
			}
		}
		bound, cancel = context.WithTimeout(ctx, killBound)
		err = e.close(bound, model.RecoveryPending, reason)
		cancel()
	}
	d := m.cfg.Catalog.State().Databases.Get(id)
	if d == nil {
		return err
	}
	if e.info().State != model.RecoveryPending {
		return fmt.Errorf("closing the database %q, whose key is refused: %w", d.Name, err)
	}
	m.log(slog.LevelError, d.Name, msg.New(945, d.Name), "err", reason, "sessions", ended)
	if d.State == model.Online {
		state := model.RecoveryPending
		m.observe(ctx, d, &database.Observe{ID: id, State: &state})
	}
	return err // of the file, which is closed
}

// Unbar opens a database that was barred.
func (m *Manager) Unbar(ctx context.Context, id int) error {
	e := m.entry(id)
	if e == nil {
		return nil
	}
	e.bar(false)
	if s := e.info().State; s != model.RecoveryPending && s != model.Recovering {
		return nil // it was asked to be offline, or is open
	}
	return m.open(ctx, e)
}

// revalidate is SET ONLINE of a barred database, and the refusal of all other changes of one. Done says that nothing is left to do.
func (m *Manager) revalidate(ctx context.Context, caller catalog.Caller, o *database.Set) (done bool, err error) {
	d := m.cfg.Catalog.State().FindDatabase(o.Name)
	if d == nil || !m.Barred(d.ID) {
		return false, nil
	}
	if err := m.cfg.Catalog.Check(caller, o); err != nil && !onlyBusy(err) {
		return true, err
	}
	if len(o.Options) != 1 || o.Options[0].Name != "ONLINE" || m.cfg.Policy.Revalidate == nil {
		return true, barred(d.Name, nil)
	}
	if err := m.cfg.Policy.Revalidate(ctx, d); err != nil {
		return true, barred(d.Name, err)
	}
	return false, nil
}

// barred is what a client hears who changes a database whose key is refused.
func barred(name string, why error) msg.List {
	return append(append(msg.List{}, msg.Messages(why)...), msg.New(945, name).Because(why), msg.New(5069))
}
