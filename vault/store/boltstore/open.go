package boltstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"latchkey/ekm/code"
	"latchkey/internal/fsys"
	"latchkey/vault/store"
)

// formatVersion is the version of the layout inside the bbolt file. Older programs refuse newer files.
const formatVersion = 1

const (
	pageSize  = 4096
	allocSize = 1 << 20  // the file grows by this; bbolt's own 16 MiB look like a leak to whoever lists the directory
	mapSize   = 64 << 20 // address space, not memory: without it each doubling of the file waits for all readers
)

// Open opens the store in the file path, and makes it (mode 0600, its directory 0700) when it is missing. Errors carry a
// code: StoreLocked, StoreVersion, StoreDamaged, StoreFull, StoreUnavailable.
func Open(path string, o Options) (*Store, error) {
	if o.MaxChanges <= 0 {
		o.MaxChanges = DefaultMaxChanges
	}
	if o.MaxChangeBytes <= 0 {
		o.MaxChangeBytes = DefaultMaxChangeBytes
	}
	s := &Store{
		path: path, opts: o, wake: make(chan struct{}, 1), quit: make(chan struct{}), changed: make(chan struct{}),
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, s.openError("making the directory of the store", err)
	}
	lock, err := fsys.OS{}.Lock(path + ".lock") // before the file exists, so that two cannot make it
	if err != nil {
		return nil, s.openError("opening the store", err)
	}
	s.file = lock
	if err := s.openFile(); err != nil {
		_ = lock.Close()
		return nil, err
	}
	s.wg.Add(1)
	go s.run()
	return s, nil
}

func (s *Store) openError(op string, err error) error {
	switch {
	case code.Of(err) != 0:
		return err
	case errors.Is(err, fsys.ErrLocked), errors.Is(err, bolterrors.ErrTimeout):
		return code.Wrap(code.StoreLocked, op, s.path, err)
	case errors.Is(err, bolterrors.ErrVersionMismatch):
		return code.Wrap(code.StoreVersion, op, s.path, err)
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrChecksum):
		return code.Wrap(code.StoreDamaged, op, s.path, err)
	case isFull(err):
		return code.Wrap(code.StoreFull, op, s.path, fmt.Errorf("%w: %w", store.ErrFull, err))
	default:
		return s.unavailable(op, err)
	}
}

func (s *Store) openFile() error {
	fi, err := os.Stat(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := s.create(); err != nil {
			return s.openError("making the store", err)
		}
	case err != nil:
		return s.openError("opening the store", err)
	case fi.Size() < 4*pageSize: // bbolt would make a new one of an empty file, and hide that something was lost
		return code.Wrap(code.StoreDamaged, "opening the store", s.path, fmt.Errorf("%d bytes are too few", fi.Size()))
	case runtime.GOOS != "windows" && fi.Mode().Perm()&0o077 != 0:
		if err := os.Chmod(s.path, 0o600); err != nil {
			return s.openError("opening the store", err)
		}
	}
	var file *os.File
	err = s.guard(func() error {
		db, err := openBolt(s.path, &file)
		if err != nil {
			return err
		}
		s.db = db
		if err := s.load(file); err != nil {
			_ = db.Close()
			return err
		}
		return nil
	})
	if err != nil {
		if s.db == nil && file != nil {
			_ = file.Close() // bbolt gave up in the middle; it did so already unless it panicked
		}
		return s.openError("opening the store", err)
	}
	return nil
}

// openBolt opens a bbolt file; *file becomes its descriptor.
//
// The free list is synced (NoFreelistSync false): it costs one page per commit, but opening does not scan the file, and a
// failed commit rolls back without a scan. The map flags stay empty: populating it would make the whole file resident.
func openBolt(path string, file **os.File) (*bolt.DB, error) {
	o := &bolt.Options{
		Timeout: time.Millisecond, PageSize: pageSize, FreelistType: bolt.FreelistMapType, NoStatistics: true,
		OpenFile: func(name string, flag int, perm os.FileMode) (*os.File, error) {
			f, err := os.OpenFile(name, flag, perm)
			*file = f
			return f, err
		},
	}
	if runtime.GOOS != "windows" { // there the file would grow to the size of the map
		o.InitialMmapSize = mapSize
	}
	db, err := bolt.Open(path, 0o600, o)
	if err != nil {
		return nil, err
	}
	db.AllocSize = allocSize
	return db, nil
}

// create makes the file under another name and renames it, so that a file under the right name is always whole.
func (s *Store) create() error {
	tmp := s.path + ".tmp"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) { // left by a crash
		return err
	}
	var file *os.File
	db, err := openBolt(tmp, &file)
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		for _, name := range [][]byte{bucketMeta, bucketData, bucketChanges} {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		return setNumber(tx.Bucket(bucketMeta), keyFormat, formatVersion)
	})
	if cerr := db.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(tmp, s.path)
	}
	if err != nil {
		_ = os.Remove(tmp)
		return err
	}
	return fsys.OS{}.SyncDir(filepath.Dir(s.path))
}

// load checks the open file and reads where it stands.
func (s *Store) load(file *os.File) error {
	damaged := func(format string, args ...any) error {
		return code.Wrap(code.StoreDamaged, "opening the store", s.path, fmt.Errorf(format, args...))
	}
	fi, err := file.Stat()
	if err != nil {
		return err
	}
	if err := settle(file, s.db.Info().PageSize); err != nil {
		return err
	}
	return s.db.View(func(tx *bolt.Tx) error {
		if fi.Size() < tx.Size() {
			return damaged("%d bytes are there of %d", fi.Size(), tx.Size())
		}
		meta := tx.Bucket(bucketMeta)
		if meta == nil || meta.Get(keyFormat) == nil {
			return damaged("a bbolt file, but not a store")
		}
		switch v := number(meta, keyFormat); {
		case v > formatVersion:
			return code.Wrap(code.StoreVersion, "opening the store", s.path,
				fmt.Errorf("format version %d, this program knows up to %d", v, formatVersion))
		case v != formatVersion || tx.Bucket(bucketData) == nil || tx.Bucket(bucketChanges) == nil:
			return damaged("format version %d", v)
		}
		s.durable, s.kept = number(meta, keyRev), number(meta, keyKept)
		return nil
	})
}

// settle writes the two meta pages as they are and syncs. When the last process died between writing a meta page and its
// sync, or its sync failed, the page may be in the kernel's memory only, marked clean: the next commit would then reuse pages
// that the meta page on the disk still needs. The data pages were synced before the meta page was written.
func settle(file *os.File, pageSize int) error {
	b := make([]byte, 2*pageSize)
	if _, err := file.ReadAt(b, 0); err != nil {
		return err
	}
	if _, err := file.WriteAt(b, 0); err != nil {
		return err
	}
	return file.Sync()
}
