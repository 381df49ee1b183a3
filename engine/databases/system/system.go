// Package system makes the files of a new server's own databases, and has the keys that open them.
//
// [Make] makes master, model and msdb; [Keys] is tde.Keys over the service master key, under which their keys are sealed. tempdb has
// no file.
package system

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

// Keys is tde.Keys over the service master key.
type Keys struct{ Service *protect.Key }

// Wrap seals a key.
func (k Keys) Wrap(_ context.Context, _ ekm.Thumbprint, plain *secret.Bytes) (ekm.Wrapped, error) {
	blob, err := k.Service.Seal(sealPurpose, "", plain)
	return ekm.Wrapped{Algorithm: serviceAlgorithm, Blob: blob}, err
}

// Unwrap opens a key.
func (k Keys) Unwrap(_ context.Context, t ekm.Thumbprint, w ekm.Wrapped) (*secret.Bytes, error) {
	if t != serviceThumbprint || w.Algorithm != serviceAlgorithm {
		return nil, fmt.Errorf("the key is under %v, which is not the service master key", t)
	}
	return k.Service.Open(sealPurpose, "", w.Blob)
}

// Files are the system databases with a file, by id.
func Files() map[int]string {
	return map[int]string{model.Master: "master.mdf", model.ModelDB: "model.mdf", model.MSDB: "msdbdata.mdf"}
}

// Config says where the system databases are made.
type Config struct {
	FS      fsys.FS // nil means the machine's
	Dir     string
	Service *protect.Key // the service master key
	Clock   clock.Clock  // nil means the machine's
}

// Make makes the files of the system databases of a new server, encrypted under the service master key; those that are there
// are left. A crash leaves each whole or not there. Call it before there is a catalogue: a server that has one and misses a file
// has lost it, and must not go on with an empty one.
func Make(ctx context.Context, c Config) error {
	if c.FS == nil {
		c.FS = fsys.OS{}
	}
	if err := c.FS.MkdirAll(c.Dir, 0o700); err != nil {
		return fmt.Errorf("making the directory of the system databases: %w", err)
	}
	for _, name := range Files() {
		if err := makeOne(ctx, c, filepath.Join(c.Dir, name)); err != nil {
			return fmt.Errorf("making the system database %q: %w", name, err)
		}
	}
	return c.FS.SyncDir(c.Dir)
}

func makeOne(ctx context.Context, c Config, path string) error {
	if _, err := c.FS.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	draft := path + ".draft"
	leftover := []string{draft, draft + "-wal", draft + "-scan", draft + ".lock"}
	if err := remove(c.FS, leftover); err != nil { // of an earlier attempt
		return err
	}
	db, err := tde.Create(ctx, tde.Config{FS: c.FS, Path: draft, Clock: c.Clock, CacheBytes: -1})
	if err != nil {
		return err
	}
	err = db.CreateKey(ctx, tde.AES256, tde.Protector{Thumbprint: serviceThumbprint}, Keys{c.Service})
	if err == nil {
		err = db.SetEncryption(ctx, true)
	}
	if err == nil {
		err = db.Wait(ctx)
	}
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	if err := c.FS.Rename(draft, path); err != nil {
		return err
	}
	return remove(c.FS, leftover)
}

// remove removes files that may not be there.
func remove(f fsys.FS, names []string) error {
	var errs []error
	for _, name := range names {
		if err := f.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
