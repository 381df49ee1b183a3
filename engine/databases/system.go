package databases

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"latchkey/engine/catalog/model"
	"latchkey/engine/databases/pool"
	"latchkey/engine/databases/system"
	"latchkey/engine/tde"
	"latchkey/internal/fsys"
)

// removeFiles removes files that may not be there.
func removeFiles(f fsys.FS, names []string) error {
	var errs []error
	for _, name := range names {
		if err := f.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// openSystem opens the system databases. The server does not run without them.
func (m *Manager) openSystem(ctx context.Context) error {
	for id, name := range system.Files() {
		e := m.newEntry(id, filepath.Join(m.cfg.System, name))
		e.keys, e.sealed = system.Keys{Service: m.cfg.Service}, true
		m.put(e)
		if err := m.open(ctx, e); err != nil {
			reason := e.info().Reason
			if reason == nil {
				reason = err
			}
			return fmt.Errorf("opening the system database %q: %w; put the file back from a backup of the whole data folder", m.name(id), reason)
		}
	}
	e := m.newEntry(model.TempDB, "/tempdb")
	db, err := tde.Create(ctx, tde.Config{FS: m.memory, Path: e.path, Clock: m.cfg.Clock, CacheBytes: -1, NormalSync: true})
	if err != nil {
		return fmt.Errorf("making tempdb: %w", err)
	}
	e.opened(pool.New(db, m.cfg.Connections, m.cfg.Room), model.Online)
	m.put(e)
	return nil
}

func (m *Manager) put(e *entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries.put(e)
}
