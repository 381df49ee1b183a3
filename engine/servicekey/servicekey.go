// Package servicekey keeps a server's service master key in a file of its own.
//
// The key is over everything that the server keeps for itself: its metadata, the secrets of credentials, the system databases. [Open] reads
// it; for a new server it makes one. The file is readable by its owner alone, lies in a directory that should be on another
// medium than the data, or at least in another backup, and is written whole or not at all.
//
// What is not protected: who can read the file and the data has everything but the databases whose keys are in a vault. A lost file is lost
// data: nothing else opens what it sealed. Back it up once, apart from the data; it never changes.
package servicekey

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"

	"latchkey/engine/catalog/protect"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

// FileName is the name of the file.
const FileName = "service-master.key"

// The file: magic with the version, the key, the beginning of SHA-256 over both, so that a torn or mistyped file is told from a wrong one.
const (
	magic   = "LKSMK\x00\x00\x01"
	sumSize = 8
	size    = len(magic) + protect.KeySize + sumSize
)

var (
	// ErrLost means that there is no file, and data that was sealed under its key.
	ErrLost = errors.New("the service master key is missing")
	// ErrDamaged means that the file is not one that this package wrote.
	ErrDamaged = errors.New("not a service master key of this version, or damaged")
	// ErrOpenToOthers means that others than its owner may read the file.
	ErrOpenToOthers = errors.New("others may read the service master key")
)

// Open reads the key in dir. If there is none and fresh is set, it makes one: for a server that has no data yet. The caller destroys
// the key.
func Open(f fsys.FS, dir string, fresh bool) (*protect.Key, error) {
	if f == nil {
		f = fsys.OS{}
	}
	name := filepath.Join(dir, FileName)
	b, err := fsys.ReadFile(f, name, 4096)
	defer secret.Wipe(b)
	switch {
	case errors.Is(err, fs.ErrNotExist) && fresh:
		return create(f, dir, name)
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("opening %q: %w: put it back from its backup; without it the server's metadata, its credentials and its system databases do not open", name, ErrLost)
	case err != nil:
		return nil, fmt.Errorf("reading the service master key: %w", err)
	}
	if fi, err := f.Stat(name); err == nil && runtime.GOOS != "windows" && fi.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("opening %q: %w (mode %04o): make it 0600", name, ErrOpenToOthers, fi.Mode().Perm())
	}
	sum := sha256.Sum256(b[:max(0, min(len(b), size-sumSize))])
	if len(b) != size || !bytes.HasPrefix(b, []byte(magic)) || subtle.ConstantTimeCompare(sum[:sumSize], b[size-sumSize:]) != 1 {
		return nil, fmt.Errorf("reading %q: %w", name, ErrDamaged)
	}
	return protect.New(secret.NewLocked(b[len(magic) : size-sumSize]))
}

func create(f fsys.FS, dir, name string) (*protect.Key, error) {
	if err := f.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the directory of the service master key: %w", err)
	}
	key := secret.Random(protect.KeySize)
	b := append(append(make([]byte, 0, size), magic...), key.Expose()...)
	sum := sha256.Sum256(b)
	b = append(b, sum[:sumSize]...)
	defer secret.Wipe(b)
	if err := fsys.WriteFile(f, name, b, 0o600); err != nil {
		key.Destroy()
		return nil, fmt.Errorf("writing the service master key: %w", err)
	}
	return protect.New(key)
}
