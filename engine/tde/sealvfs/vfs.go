package sealvfs

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"

	"latchkey/engine/tde/pagecipher"
	"latchkey/engine/tde/tempfile"
)

// Register makes the Store known to SQLite and returns the URI to open. Each Store has a random name of its own.
func (s *Store) Register() (uri string) {
	var b [8]byte
	rand.Read(b[:])
	s.vfsName = "latchkey-" + hex.EncodeToString(b[:])
	s.mainName = "/" + s.vfsName
	vfs.Register(s.vfsName, storeVFS{s})
	return "file:" + s.mainName + "?vfs=" + s.vfsName
}

func (s *Store) unregister() {
	if s.vfsName != "" {
		vfs.Unregister(s.vfsName)
	}
}

// storeVFS opens the files of one Store and temporary ones; there are no others under its name.
type storeVFS struct{ s *Store }

// Open opens a temporary file; all others come by OpenFilename.
func (v storeVFS) Open(name string, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	if name == "" {
		return v.OpenFilename(nil, flags)
	}
	return nil, flags, sqlite3.CANTOPEN
}

// OpenFilename opens the main file, its log, or a temporary file. A rollback journal is refused: it would hold pages in clear.
func (v storeVFS) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	const temporary = vfs.OPEN_TEMP_DB | vfs.OPEN_TRANSIENT_DB | vfs.OPEN_TEMP_JOURNAL | vfs.OPEN_SUBJOURNAL
	switch {
	case flags&vfs.OPEN_MAIN_DB != 0 && name.String() == v.s.mainName:
		if err := v.s.indexThere(); err != nil {
			return nil, flags, vfs.SystemError(err, sqlite3.CANTOPEN)
		}
		f := &mainFile{
			s:     v.s,
			codec: pagecipher.NewCodec(v.s.cfg.Ring),
			shm:   vfs.NewSharedMemory(v.s.indexPath(), vfs.OPEN_MAIN_DB),
		}
		if f.shm == nil {
			return nil, flags, vfs.SystemError(errors.New("this platform has no shared memory for the log's index"), sqlite3.CANTOPEN)
		}
		return f, flags, nil
	case flags&vfs.OPEN_WAL != 0 && name.String() == v.s.mainName+"-wal":
		owner, ok := vfsutil.UnwrapFile[*mainFile](name.DatabaseFile())
		if !ok {
			return nil, flags, sqlite3.CANTOPEN
		}
		if err := v.s.log.open(); err != nil {
			return nil, flags, owner.report(err, sqlite3.ExtendedErrorCode(sqlite3.CANTOPEN))
		}
		return &walFile{log: v.s.log, owner: owner}, flags, nil
	case flags&temporary != 0:
		f, err := tempfile.Open(v.s.temp())
		if err != nil {
			return nil, flags, vfs.SystemError(err, sqlite3.CANTOPEN)
		}
		return f, flags, nil
	}
	return nil, flags, sqlite3.CANTOPEN
}

func (s *Store) indexPath() string { return filepath.Join(s.indexDir, indexFile) }

// PinIndex remembers which file the log's index is. The first connection has made it.
func (s *Store) PinIndex() error {
	fi, err := os.Stat(s.indexPath())
	if err != nil {
		return s.ioErr("finding the index of", s.log.name, err)
	}
	s.index.Store(&fi)
	return nil
}

// indexThere makes sure that the log's index is still the file that other connections use: with two of them the database would
// be destroyed. Something that cleans temporary directories may have removed it.
func (s *Store) indexThere() error {
	was := s.index.Load()
	if was == nil {
		return nil
	}
	now, err := os.Stat(s.indexPath())
	if err != nil {
		return fmt.Errorf("the log's index is gone; close the database and open it again: %w", err)
	}
	if !os.SameFile(*was, now) {
		return errors.New("the log's index was replaced; close the database and open it again")
	}
	return nil
}

// Delete removes the log. Other names are those of journals that do not exist.
func (v storeVFS) Delete(name string, _ bool) error {
	if name != v.s.mainName+"-wal" {
		return sqlite3.IOERR_DELETE_NOENT
	}
	err := v.s.log.remove()
	if errors.Is(err, fs.ErrNotExist) {
		return sqlite3.IOERR_DELETE_NOENT
	}
	return err
}

// temp is where temporary files go. Their names have the file's id in them: two databases of one name may share a directory.
func (s *Store) temp() tempfile.Config {
	dir := s.cfg.TempDir
	if dir == "" {
		dir = filepath.Dir(s.cfg.Path)
	}
	return tempfile.Config{FS: s.cfg.FS, Dir: dir, Prefix: filepath.Base(s.cfg.Path) + "-tmp-" + hex.EncodeToString(s.cfg.ID[:6]) + "-"}
}

// RemoveTemp removes temporary files that a crash left.
func (s *Store) RemoveTemp() error { return tempfile.RemoveAll(s.temp()) }

// Access tells whether there is a log.
func (v storeVFS) Access(name string, _ vfs.AccessFlag) (bool, error) {
	if name != v.s.mainName+"-wal" {
		return name == v.s.mainName, nil
	}
	size, err := v.s.log.size()
	return size > 0, err
}

// FullPathname is the name itself.
func (v storeVFS) FullPathname(name string) (string, error) { return name, nil }
