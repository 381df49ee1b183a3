package databases

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"latchkey/engine/catalog"
	"latchkey/engine/catalog/database"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/tde"
)

// Do runs f on the open file of a database: for backups. Sessions go on meanwhile.
func (m *Manager) Do(ctx context.Context, id int, f func(*tde.DB) error) error {
	return m.with(ctx, id, f)
}

// Keys reaches the keys that protect databases, as the engine.
func (m *Manager) Keys() tde.Keys { return m.keys }

// Restored is what Restore needs besides the operation.
type Restored struct {
	// Make makes the database file at cfg.Path, which is not there.
	Make func(ctx context.Context, cfg tde.Config) error
	// NoRecovery leaves the database for logs that are to follow, instead of opening it.
	NoRecovery bool
}

// Restore is RESTORE DATABASE. The files are always new ones: until the catalogue names them, those of a database that is replaced stay as they are, and whatever a crash leaves
// that the catalogue does not name is removed at the next start. A file's Physical is what MOVE said, "" for the usual place. A database whose key is refused is not replaced: 945.
func (m *Manager) Restore(ctx context.Context, caller catalog.Caller, o database.Restore, r Restored) (catalog.Result, error) {
	if d := m.cfg.Catalog.State().FindDatabase(o.Name); d != nil && m.Barred(d.ID) {
		return catalog.Result{}, msg.List{msg.New(945, d.Name)}
	}
	files, err := m.place(o.Name, o.Files)
	if err != nil {
		return catalog.Result{}, err
	}
	for i := range files { // a name that is taken, perhaps by the very database, gives way
		ext := filepath.Ext(files[i].Physical)
		stem := base(files[i].Physical)
		files[i].Physical = filepath.Join(m.cfg.Dir, m.free(stem[:len(stem)-len(ext)], ext))
	}
	o.Files = files
	o.State = model.Online
	if r.NoRecovery {
		o.State = model.Restoring
	}
	var fresh, old *entry
	var give func()
	o.Act = func(ctx context.Context, id int) error {
		old = m.entry(id)
		fresh = m.newEntry(id, m.path(&model.Database{ID: id, Files: files}))
		if old == nil {
			if err := m.claim(fresh, o.Name); err != nil {
				return err
			}
		} else {
			var err error
			if give, err = old.take(ctx); err != nil {
				return err
			}
			if err := old.closeHeld(ctx, model.Restoring, nil); err != nil {
				return msg.New(3101).Because(err)
			}
		}
		if err := m.mark(fresh); err != nil {
			return cannotCreate(fresh, err)
		}
		return r.Make(ctx, m.config(fresh, o.Name))
	}
	res, err := m.cfg.Catalog.Do(ctx, caller, &o)
	if give != nil {
		defer give()
	}
	if fresh == nil {
		return res, err
	}
	if err != nil {
		err = errors.Join(err, m.erase(fresh))
		if old == nil {
			m.drop(fresh)
		} else {
			_ = m.openHeld(context.WithoutCancel(ctx), old) // what there was before goes on; why it does not is in the log
		}
		return res, err
	}
	if old != nil {
		m.swap(old, fresh)
	}
	if uerr := m.unmark(fresh); uerr != nil {
		m.cfg.Log.Warn("a mark beside a database file stays until the next start", "file", fresh.path, "err", uerr)
	}
	if r.NoRecovery {
		fresh.settle(model.Restoring, nil)
		return res, nil
	}
	return res, m.open(ctx, fresh)
}

// swap puts an entry in another one's place and removes the other's files.
func (m *Manager) swap(old, fresh *entry) {
	m.mu.Lock()
	m.entries.put(fresh)
	m.mu.Unlock()
	if err := m.erase(old); err != nil {
		m.cfg.Log.Error("the files of a database that was replaced stay until they are removed by hand", "file", old.path, "err", err)
	}
}

// Rolled is how far a database was rolled forward.
type Rolled struct {
	LSN     uint64    // 0 for no farther
	At      time.Time // of the last commit; zero if there was none
	Recover bool      // it is to be opened
}

// Roll rolls a database that is being restored forward: f is called with its file, which is not open.
func (m *Manager) Roll(ctx context.Context, id int, f func(cfg tde.Config) (Rolled, error)) error {
	e := m.entry(id)
	if e == nil {
		return msg.New(911, m.name(id))
	}
	give, err := e.take(ctx)
	if err != nil {
		return err
	}
	defer give()
	d := m.cfg.Catalog.State().Databases.Get(id)
	if d == nil || d.State != model.Restoring {
		return msg.New(3117)
	}
	r, err := f(m.config(e, d.Name))
	if err != nil && r.LSN == 0 {
		return err
	}
	o := &database.Progress{ID: id, Change: func(b *model.Backup) {
		b.Restored = max(b.Restored, r.LSN)
		if r.At.After(b.RestoredAt) {
			b.RestoredAt = r.At
		}
	}}
	if r.Recover && err == nil {
		pending := model.RecoveryPending // until it is open
		o.State = &pending
	}
	if _, derr := m.cfg.Catalog.Do(context.WithoutCancel(ctx), catalog.Caller{Login: model.SA, Database: model.Master}, o); derr != nil || err != nil {
		return errors.Join(err, derr)
	}
	if !r.Recover {
		return nil
	}
	return m.openHeld(ctx, e)
}

// Folder is where databases' files are.
func (m *Manager) Folder() string { return m.cfg.Dir }

// Size is the size of a database's file in bytes; 0 if it cannot be told.
func (m *Manager) Size(id int) int64 {
	e := m.entry(id)
	if e == nil {
		return 0
	}
	f, err := m.cfg.FS.OpenFile(e.path, os.O_RDONLY, 0)
	if err != nil {
		return 0
	}
	defer f.Close()
	n, err := f.Size()
	if err != nil {
		return 0
	}
	return n
}
