package databases

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"latchkey/ekm"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/protect"
	"latchkey/engine/tde"
	"latchkey/internal/clock"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

// serviceThumbprint names the service master key in a header.
const serviceThumbprint ekm.Thumbprint = "latchkey service key"

// serviceAlgorithm names how the service master key seals a database's key: protect version 1.
const serviceAlgorithm = "latchkey-service-1"

// sealPurpose is what system databases' keys are sealed for.
const sealPurpose = "system database key"

// serviceKeys is tde.Keys over the service master key.
type serviceKeys struct{ key *protect.Key }

// Wrap seals a key.
func (k serviceKeys) Wrap(_ context.Context, _ ekm.Thumbprint, plain *secret.Bytes) (ekm.Wrapped, error) {
	blob, err := k.key.Seal(sealPurpose, "", plain)
	return ekm.Wrapped{Algorithm: serviceAlgorithm, Blob: blob}, err
}

// Unwrap opens a key.
func (k serviceKeys) Unwrap(_ context.Context, t ekm.Thumbprint, w ekm.Wrapped) (*secret.Bytes, error) {
	if t != serviceThumbprint || w.Algorithm != serviceAlgorithm {
		return nil, fmt.Errorf("the key is under %v, which is not the service master key", t)
	}
	return k.key.Open(sealPurpose, "", w.Blob)
}

// systemFiles are the system databases with a file.
func systemFiles() map[int]string {
	return map[int]string{model.Master: "master.mdf", model.ModelDB: "model.mdf", model.MSDB: "msdbdata.mdf"}
}

// SystemConfig says where the system databases are made.
type SystemConfig struct {
	FS      fsys.FS // nil means the machine's
	Dir     string
	Service *protect.Key // the service master key
	Clock   clock.Clock  // nil means the machine's
}

// MakeSystem makes the files of the system databases of a new server, encrypted under the service master key; those that are there
// are left. A crash leaves each whole or not there. Call it before there is a catalogue: a server that has one and misses a file
// has lost it, and must not go on with an empty one.
func MakeSystem(ctx context.Context, c SystemConfig) error {
	if c.FS == nil {
		c.FS = fsys.OS{}
	}
	if err := c.FS.MkdirAll(c.Dir, 0o700); err != nil {
		return fmt.Errorf("making the directory of the system databases: %w", err)
	}
	for _, name := range systemFiles() {
		if err := makeSystem(ctx, c, filepath.Join(c.Dir, name)); err != nil {
			return fmt.Errorf("making the system database %q: %w", name, err)
		}
	}
	return c.FS.SyncDir(c.Dir)
}

func makeSystem(ctx context.Context, c SystemConfig, path string) error {
	if _, err := c.FS.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	draft := &entry{path: path + ".draft"}
	if err := removeFiles(c.FS, draft.files()); err != nil { // of an earlier attempt
		return err
	}
	db, err := tde.Create(ctx, tde.Config{FS: c.FS, Path: draft.path, Clock: c.Clock, CacheBytes: -1})
	if err != nil {
		return err
	}
	err = db.CreateKey(ctx, tde.AES256, tde.Protector{Thumbprint: serviceThumbprint}, serviceKeys{c.Service})
	if err == nil {
		err = db.SetEncryption(ctx, true)
	}
	if err == nil {
		err = db.Wait(ctx)
	}
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	if err := c.FS.Rename(draft.path, path); err != nil {
		return err
	}
	return removeFiles(c.FS, draft.files())
}

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
	for id, name := range systemFiles() {
		e := m.newEntry(id, filepath.Join(m.cfg.System, name))
		e.keys, e.sealed = serviceKeys{m.cfg.Service}, true
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
	e.opened(newPool(db, m.cfg.Connections), model.Online)
	m.put(e)
	return nil
}

func (m *Manager) put(e *entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries[e.id] = e
}
