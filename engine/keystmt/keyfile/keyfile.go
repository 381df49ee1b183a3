// Package keyfile reads and writes the files of certificates: CREATE CERTIFICATE FROM FILE and BACKUP CERTIFICATE.
//
// All of them lie in one directory ([Dir]): of a path, as Windows or this machine writes it, the last element counts. So no statement
// reaches another file of the machine, whatever right its caller has in the database. A file is written whole or not at all, and never
// over another.
package keyfile

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"latchkey/internal/fsys"
)

// MaxSize is the size of the largest file that is read, in bytes.
const MaxSize = 1 << 20

// ErrName means that a name is none that a file here may have.
var ErrName = errors.New("not a name for a file of a certificate")

// Dir is a directory of files.
type Dir struct {
	FS   fsys.FS // nil means the machine's
	Path string  // made at the first Write
}

func (d Dir) fs() fsys.FS {
	if d.FS == nil {
		return fsys.OS{}
	}
	return d.FS
}

func (d Dir) path(name string) (string, error) {
	file := name[strings.LastIndexAny(name, `/\`)+1:]
	if file == "" || file[0] == '.' || len(file) > 200 || strings.ContainsFunc(file, func(r rune) bool { return r < ' ' || strings.ContainsRune(`<>:"|?*`, r) }) {
		return "", fmt.Errorf("%q: %w", name, ErrName)
	}
	return filepath.Join(d.Path, file), nil
}

// Read reads a file: fsys.ErrTooLarge beyond MaxSize.
func (d Dir) Read(name string) ([]byte, error) {
	path, err := d.path(name)
	if err != nil {
		return nil, err
	}
	return fsys.ReadFile(d.fs(), path, MaxSize)
}

// Write makes a file, which must not be there.
func (d Dir) Write(name string, content []byte) error {
	path, err := d.path(name)
	if err != nil {
		return err
	}
	if err := d.fs().MkdirAll(d.Path, 0o700); err != nil {
		return err
	}
	if _, err := d.fs().Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%q: %w", name, fs.ErrExist)
	}
	return fsys.WriteFile(d.fs(), path, content, 0o600)
}

// Remove removes a file that Write made.
func (d Dir) Remove(name string) {
	if path, err := d.path(name); err == nil {
		_ = d.fs().Remove(path)
	}
}
