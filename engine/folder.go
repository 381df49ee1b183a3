package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"latchkey/engine/catalog/journal"
	"latchkey/internal/fsys"
)

// machineName is the machine's name as a server's name: what @@SERVERNAME may be, in upper case.
func machineName() string {
	name, err := os.Hostname()
	name, _, _ = strings.Cut(strings.ToUpper(name), ".")
	if err != nil || name == "" {
		return "LATCHKEY"
	}
	return name
}

// owner is what server.pid tells.
type owner struct {
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
}

// lock takes the folder for this process.
func lock(c *Config) (io.Closer, error) {
	if err := c.FS.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the data folder: %w", err)
	}
	l, err := c.FS.Lock(filepath.Join(c.Dir, lockFile))
	if errors.Is(err, fsys.ErrLocked) {
		return nil, fmt.Errorf("opening the data folder %q: %w%s", c.Dir, ErrInUse, other(c))
	}
	if err != nil {
		return nil, fmt.Errorf("locking the data folder: %w", err)
	}
	b, err := json.Marshal(owner{PID: c.PID, Started: c.Clock.Now().UTC()})
	if err == nil {
		err = fsys.WriteFile(c.FS, filepath.Join(c.Dir, ownerFile), append(b, '\n'), 0o644)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("noting who has the data folder: %w", err), l.Close())
	}
	return l, nil
}

// other names who has the folder, as far as it told.
func other(c *Config) string {
	b, err := fsys.ReadFile(c.FS, filepath.Join(c.Dir, ownerFile), 4096)
	var o owner
	if err != nil || json.Unmarshal(b, &o) != nil || o.PID == 0 {
		return ""
	}
	return fmt.Sprintf(": process %d, started %s", o.PID, o.Started.Format(time.RFC3339))
}

// unlock gives the folder back.
func unlock(c *Config, l io.Closer) error {
	err := c.FS.Remove(filepath.Join(c.Dir, ownerFile))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, l.Close())
}

// exists reports whether there is a file of this name in the folder.
func exists(c *Config, parts ...string) (bool, error) {
	_, err := c.FS.Stat(filepath.Join(append([]string{c.Dir}, parts...)...))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// found is what a folder has at the start.
type found struct {
	catalog bool // metadata
	system  bool // the file of master
	data    string
}

// look sees what is there.
func look(c *Config) (f found, err error) {
	for _, name := range []string{journal.SnapshotName, journal.JournalName} {
		there, err := exists(c, catalogDir, name)
		if err != nil {
			return f, err
		}
		f.catalog = f.catalog || there
	}
	if f.system, err = exists(c, systemDir, "master.mdf"); err != nil {
		return f, err
	}
	list, err := c.FS.ReadDir(filepath.Join(c.Dir, dataDir))
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	for _, e := range list {
		if strings.HasSuffix(e.Name(), ".mdf") {
			f.data = e.Name()
		}
	}
	return f, err
}

// whole refuses a folder of which a part is missing.
func (f found) whole(c *Config) error {
	switch {
	case !f.catalog && f.data != "":
		return fmt.Errorf("opening the data folder %q: %w: there are databases (%s) but no %s: put it back from a backup", c.Dir, ErrLost, f.data, filepath.Join(catalogDir, journal.SnapshotName))
	case f.catalog && !f.system:
		return fmt.Errorf("opening the data folder %q: %w: %s: put it back from a backup", c.Dir, ErrLost, filepath.Join(systemDir, "master.mdf"))
	}
	return nil
}
