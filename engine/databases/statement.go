package databases

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"latchkey/engine/catalog"
	"latchkey/engine/catalog/database"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/databases/pool"
	"latchkey/engine/databases/unwrap"
	"latchkey/engine/tde"
)

// Create is CREATE DATABASE. Acts are set here; a file's Physical is what FILENAME said, "" for the usual place.
func (m *Manager) Create(ctx context.Context, caller catalog.Caller, o database.Create) (catalog.Result, error) {
	files, err := m.place(o.Name, o.Files)
	if err != nil {
		return catalog.Result{}, msg.List{asMessage(err), msg.New(1802)}
	}
	o.Files = files
	var made *entry
	o.Act = func(ctx context.Context, id int) error {
		e := m.newEntry(id, m.path(&model.Database{ID: id, Files: files}))
		if err := m.claim(e, o.Name); err != nil {
			return err
		}
		made = e
		return m.make(ctx, e, o.Name)
	}
	r, err := m.cfg.Catalog.Do(ctx, caller, &o)
	if made == nil {
		return r, err
	}
	if err != nil {
		return r, errors.Join(err, m.abandon(made))
	}
	if uerr := m.unmark(made); uerr != nil {
		m.cfg.Log.Warn("a mark beside a database file stays until the next start", "file", made.path, "err", uerr)
	}
	return r, nil
}

// claim takes id and path for a database that is being made.
func (m *Manager) claim(e *entry, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return ErrClosed
	}
	if m.entry(e.id) != nil {
		return msg.New(1807, "model") // another CREATE DATABASE got there first
	}
	for _, other := range m.entries.all() {
		if other.path == e.path {
			return msg.List{msg.New(1834, e.path, m.name(other.id)), msg.New(1802)}
		}
	}
	m.entries.put(e)
	return nil
}

// make makes the file and opens it.
func (m *Manager) make(ctx context.Context, e *entry, name string) error {
	if _, err := m.cfg.FS.Stat(e.path); err == nil {
		m.drop(e) // what is there is not ours to remove
		return msg.List{msg.New(5170, e.path), msg.New(1802)}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return cannotCreate(e, err)
	}
	if err := m.mark(e); err != nil {
		return cannotCreate(e, err)
	}
	db, err := tde.Create(ctx, m.config(e, name))
	if err != nil {
		return cannotCreate(e, err)
	}
	e.opened(pool.New(db, m.cfg.Connections, m.cfg.Room), model.Online)
	return nil
}

func cannotCreate(e *entry, err error) error {
	return msg.List{msg.New(5123, reasonOf(err), e.path).Because(err), msg.New(1802)}
}

// reasonOf is what the operating system said.
func reasonOf(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return "an unexpected error"
}

// drop forgets an entry.
func (m *Manager) drop(e *entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.entry(e.id) == e {
		m.entries.remove(e.id)
	}
}

// abandon undoes a make.
func (m *Manager) abandon(e *entry) error {
	if m.entry(e.id) != e {
		return nil // it was not begun
	}
	ctx, cancel := context.WithTimeout(m.ctx, closeBound)
	defer cancel()
	err := e.close(ctx, model.Offline, nil)
	if err == nil {
		err = m.erase(e)
	}
	m.drop(e)
	return err
}

// closeBound is how long a database that must be closed may still be in use by statements of other databases.
const closeBound = 30 * time.Second

// Drop is DROP DATABASE of one database.
func (m *Manager) Drop(ctx context.Context, caller catalog.Caller, name string) (catalog.Result, error) {
	d := m.cfg.Catalog.State().FindDatabase(name)
	o := &database.Drop{Name: name}
	if d == nil || d.IsSystem() {
		return m.cfg.Catalog.Do(ctx, caller, o) // for its message
	}
	e := m.entry(d.ID)
	if e == nil {
		return m.cfg.Catalog.Do(ctx, caller, o)
	}
	if err := m.cfg.Catalog.Check(caller, o); err != nil {
		return catalog.Result{}, err
	}
	if err := m.mark(e); err != nil {
		return catalog.Result{}, msg.New(3702, name).Because(err)
	}
	o.Act = func(ctx context.Context, _ int) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeBound)
		defer cancel()
		err := e.close(ctx, model.Offline, nil)
		if err == nil || e.info().Leases == 0 {
			err = errors.Join(err, m.erase(e))
		}
		if err != nil {
			m.cfg.Log.Error("the files of a dropped database stay until the next start", "file", e.path, "err", err)
		}
		m.drop(e)
	}
	r, err := m.cfg.Catalog.Do(ctx, caller, o)
	if err != nil {
		err = errors.Join(err, m.unmark(e))
	}
	return r, err
}

// Rename is ALTER DATABASE ... MODIFY NAME.
func (m *Manager) Rename(ctx context.Context, caller catalog.Caller, o database.Rename) (catalog.Result, error) {
	if d := m.cfg.Catalog.State().FindDatabase(o.Name); d != nil && m.Barred(d.ID) {
		return catalog.Result{}, barred(d.Name, nil)
	}
	return m.cfg.Catalog.Do(ctx, caller, &o)
}

// Termination is what ALTER DATABASE ... SET does about other sessions in the database. The zero value waits for them to leave.
type Termination struct {
	NoWait   bool          // do not wait: message 5070
	Rollback bool          // end them
	After    time.Duration // after so long
}

// Set is ALTER DATABASE ... SET options, but for ENCRYPTION.
func (m *Manager) Set(ctx context.Context, caller catalog.Caller, o database.Set, t Termination) (catalog.Result, error) {
	o.Act = nil
	if done, err := m.revalidate(ctx, caller, &o); done || err != nil {
		return catalog.Result{}, err
	}
	notes, err := m.alone(ctx, caller, o, t)
	if err != nil {
		return catalog.Result{}, err
	}
	o.Act = func(ctx context.Context, d *model.Database) error { return m.become(ctx, d) }
	r, err := m.cfg.Catalog.Do(ctx, caller, &o)
	r.Notes = append(notes, r.Notes...)
	if err == nil {
		m.endLog(context.WithoutCancel(ctx), o)
	}
	return r, err
}

// endLog drops the kept log of a database that went to the SIMPLE recovery model. What a crash or a failure leaves goes when it is opened next.
func (m *Manager) endLog(ctx context.Context, o database.Set) {
	d := m.cfg.Catalog.State().FindDatabase(o.Name)
	if d == nil || d.Recovery != model.RecoverySimple || !slices.ContainsFunc(o.Options, func(x database.Option) bool { return x.Name == "RECOVERY" }) {
		return
	}
	e := m.entry(d.ID)
	if e == nil {
		return
	}
	p, _ := e.use(0)
	if p == nil {
		return
	}
	defer e.release(0)
	if err := dropUnused(ctx, p.DB, d); err != nil {
		m.cfg.Log.Error("the kept log of a database stays until it is opened next", "database", d.Name, "err", err)
	}
}

// dropUnused drops a kept log that no backup continues.
func dropUnused(ctx context.Context, db *tde.DB, d *model.Database) error {
	if db.LogEnd() == 0 || d.Recovery != model.RecoverySimple && d.Backup != nil && d.Backup.FullLSN != 0 {
		return nil
	}
	return db.DropLog(ctx)
}

// alone makes the database the caller's own if an option needs that, and gives the messages about it.
func (m *Manager) alone(ctx context.Context, caller catalog.Caller, o database.Set, t Termination) ([]*msg.Error, error) {
	err := m.cfg.Catalog.Check(caller, &o)
	if err == nil || t.NoWait || !onlyBusy(err) {
		return nil, err
	}
	d := m.cfg.Catalog.State().FindDatabase(o.Name)
	if d == nil {
		return nil, err
	}
	if !t.Rollback {
		return nil, m.cfg.Sessions.WaitAlone(ctx, d.ID, caller.Session)
	}
	if t.After > 0 {
		timer := m.cfg.Clock.NewTimer(t.After)
		defer timer.Stop()
		left, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		go func() {
			select {
			case <-timer.C():
				cancel(errDue)
			case <-left.Done():
			}
		}()
		if err := m.cfg.Sessions.WaitAlone(left, d.ID, caller.Session); err == nil || !errors.Is(err, errDue) {
			return nil, err
		}
	}
	m.cfg.Sessions.KillOthers(d.ID, caller.Session)
	if err := m.cfg.Sessions.WaitAlone(ctx, d.ID, caller.Session); err != nil {
		return nil, err
	}
	return []*msg.Error{msg.New(5060, 0), msg.New(5060, 100)}, nil
}

// errDue ends the wait for sessions that leave by themselves.
var errDue = errors.New("the time is over")

// onlyBusy reports a refusal for no other reason than that others are in the database.
func onlyBusy(err error) bool {
	for _, e := range msg.Messages(err) {
		if e.Number == 5070 {
			return true
		}
	}
	return false
}

// become opens or closes a database as its row is to be.
func (m *Manager) become(ctx context.Context, d *model.Database) error {
	e := m.entry(d.ID)
	if e == nil {
		return msg.List{msg.New(5011, d.Name), msg.New(5069)}
	}
	switch d.State {
	case model.Offline:
		bound, cancel := context.WithTimeout(ctx, closeBound)
		defer cancel()
		if err := e.close(bound, model.Offline, nil); err != nil {
			return msg.List{msg.New(5061, d.Name).Because(err), msg.New(5069)}
		}
	case model.Online:
		if err := m.open(unwrap.Anew(ctx), e); err != nil {
			return append(append(msg.List{}, msg.Messages(err)...), msg.New(5069))
		}
		if e.info().State == model.Emergency {
			e.settle(model.Online, nil)
		}
	case model.Emergency:
		// For a look at what is left; it may be nothing.
		err := m.open(ctx, e)
		e.settle(model.Emergency, err)
	}
	return nil
}

// asMessage is err as a message.
func asMessage(err error) *msg.Error {
	if list := msg.Messages(err); len(list) > 0 {
		return list[0]
	}
	return (&msg.Error{Number: 50000, Severity: 16, State: 1, Text: fmt.Sprintf("The server failed: %v", err)}).Because(err)
}
