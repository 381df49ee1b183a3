package databases

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/catalog/seed"
	"latchkey/internal/fsys"
)

// Sizes of new files in pages of 8 KB, as a real server's model has them.
const (
	firstPages = 1024
	growPages  = 8192
)

// markSuffix is on the name of an empty file that stands beside a database file while it depends on the catalogue whether that file
// belongs to a database: during CREATE and DROP DATABASE. After a crash the next start looks.
const markSuffix = ".undecided"

// reserved are the ends of names that Latchkey makes beside a database file.
func reserved() []string {
	return []string{"-wal", "-scan", "-log", "-roll", ".lock", "-new", ".draft", markSuffix}
}

// base is the last element of a path as Windows or this machine writes it.
func base(path string) string {
	if i := strings.LastIndexAny(path, `/\`); i >= 0 {
		path = path[i+1:]
	}
	return path
}

// path is where a database's file lies: the folder may have been moved since the catalogue noted it.
func (m *Manager) path(d *model.Database) string {
	for _, f := range d.Files {
		if !f.Log {
			return filepath.Join(m.cfg.Dir, base(f.Physical))
		}
	}
	return filepath.Join(m.cfg.Dir, fmt.Sprintf("database-%d.mdf", d.ID))
}

// plain makes a name of a file from a database's name: what a file system may not take is in hexadecimal.
func plain(name string) string {
	var b strings.Builder
	for i, r := range name {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_', r == '-', r == ' ' && i > 0, r > 0x7f && r != 0xfffd:
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, "%%%02X", r)
		}
	}
	s := b.String()
	const most = 200 // bytes; file systems take 255, and there are suffixes
	for len(s) > most {
		s = strings.ToValidUTF8(s[:most], "")
	}
	return s
}

// place gives the files of a new database: those that were asked for, in the data directory, or the usual two.
func (m *Manager) place(name string, asked []model.File) ([]model.File, error) {
	files := append([]model.File(nil), asked...)
	var data, log bool
	for i := range files {
		f := &files[i]
		file := base(f.Physical)
		if file != "" {
			for _, end := range reserved() {
				if strings.HasSuffix(strings.ToLower(file), end) {
					return nil, msg.New(5133, f.Physical, "123(The filename, directory name, or volume label syntax is incorrect.)")
				}
			}
			if plain(strings.ReplaceAll(file, ".", "")) != strings.ReplaceAll(file, ".", "") || strings.Trim(file, ". ") == "" {
				file = plain(file)
			}
		} else {
			file = m.free(plain(f.Name), map[bool]string{false: ".ndf", true: ".ldf"}[f.Log])
		}
		f.Physical = filepath.Join(m.cfg.Dir, file)
		data, log = data || !f.Log, log || f.Log
	}
	if !data {
		files = append([]model.File{{Name: name, Physical: filepath.Join(m.cfg.Dir, m.free(plain(name), ".mdf"))}}, files...)
	}
	if !log {
		files = append(files, model.File{Name: name + "_log", Log: true, Physical: filepath.Join(m.cfg.Dir, m.free(plain(name)+"_log", ".ldf"))})
	}
	for i := range files {
		f := &files[i]
		if f.ID == 0 {
			f.ID = i + 1
		}
		if f.GUID == [16]byte{} {
			f.GUID = seed.GUID()
		}
		if f.Pages == 0 {
			f.Pages = firstPages
		}
		if f.Growth == 0 {
			f.Growth = growPages
		}
		if f.MaxPages == 0 {
			f.MaxPages = -1
		}
	}
	return files, nil
}

// free is a file name that neither the directory nor the catalogue has.
func (m *Manager) free(stem, end string) string {
	taken := func(name string) bool {
		if _, err := m.cfg.FS.Stat(filepath.Join(m.cfg.Dir, name)); !errors.Is(err, fs.ErrNotExist) {
			return true
		}
		for _, d := range m.cfg.Catalog.State().Databases.All(0) {
			for _, f := range d.Files {
				if strings.EqualFold(base(f.Physical), name) {
					return true
				}
			}
		}
		return false
	}
	name := stem + end
	for n := 1; taken(name) && n < 1000; n++ {
		name = fmt.Sprintf("%s_%d%s", stem, n, end)
	}
	return name
}

// mark notes durably that a file's fate is being decided.
func (m *Manager) mark(e *entry) error {
	return fsys.WriteFile(m.cfg.FS, e.path+markSuffix, []byte("see the catalogue\n"), 0o600)
}

func (m *Manager) unmark(e *entry) error { return removeFiles(m.cfg.FS, []string{e.path + markSuffix}) }

// erase removes a database's files, the mark last.
func (m *Manager) erase(e *entry) error {
	err := errors.Join(removeFiles(m.cfg.FS, e.files()), removeDir(m.cfg.FS, e.logDir()))
	if err == nil {
		err = m.cfg.FS.SyncDir(e.dir())
	}
	return errors.Join(err, m.unmark(e))
}

// removeDir removes a directory with its files; it may not be there.
func removeDir(f fsys.FS, dir string) error {
	list, err := f.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	names := make([]string, 0, len(list)+1)
	for _, e := range list {
		names = append(names, filepath.Join(dir, e.Name()))
	}
	return removeFiles(f, append(names, dir))
}

// sweep decides what a crash left undecided, and tells of files that belong to no database.
func (m *Manager) sweep() error {
	list, err := m.cfg.FS.ReadDir(m.cfg.Dir)
	if err != nil {
		return fmt.Errorf("looking into the data directory: %w", err)
	}
	known := make(map[string]bool)
	for _, d := range m.cfg.Catalog.State().Databases.All(0) {
		if !d.IsSystem() {
			known[m.path(d)] = true
		}
	}
	marks := make(map[string]bool)
	for _, f := range list {
		if stem, marked := strings.CutSuffix(f.Name(), markSuffix); marked {
			marks[stem] = true
		}
	}
	for _, f := range list {
		stem, marked := strings.CutSuffix(f.Name(), markSuffix)
		if !marked {
			if path := filepath.Join(m.cfg.Dir, f.Name()); strings.HasSuffix(f.Name(), ".mdf") && !known[path] && !marks[f.Name()] {
				m.cfg.Log.Warn("a database file belongs to no database: it is left as it is", "file", path)
			}
			continue
		}
		e := &entry{path: filepath.Join(m.cfg.Dir, stem)}
		if known[e.path] {
			err = m.unmark(e)
		} else {
			m.cfg.Log.Warn("removing a file that a CREATE or DROP DATABASE left when the server ended", "file", e.path)
			err = m.erase(e)
		}
		if err != nil {
			return fmt.Errorf("clearing up after a crash: %w", err)
		}
	}
	return nil
}
