package databases

import (
	"context"
	"errors"

	"latchkey/engine/tde"
)

// References are the protectors of the keys that a database's file and its kept log need: of one that is not open, as the file names them. An error if they cannot be told.
func (m *Manager) References(ctx context.Context, id int) (file, log []tde.Protector, err error) {
	err = m.Do(ctx, id, func(db *tde.DB) (err error) {
		file = db.Protectors()
		log, err = db.LogKeys()
		return err
	})
	if err == nil || ctx.Err() != nil {
		return file, log, err
	}
	d := m.cfg.Catalog.State().Databases.Get(id)
	if d == nil {
		return nil, nil, err
	}
	file, log, ferr := tde.FileProtectors(m.cfg.FS, m.path(d))
	if ferr != nil {
		return nil, nil, errors.Join(err, ferr)
	}
	return file, log, nil
}
