package sealvfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"latchkey/internal/fsys"
)

const (
	indexPrefix = "latchkey-index-"
	indexLock   = "lock"
	indexFile   = "index"
)

// indexBases are where indexes may lie, the best place first: in memory.
func indexBases() []string { return []string{"/dev/shm", os.TempDir()} }

// indexDir makes the directory for the log's index, in memory if there is such a place. The lock tells that its owner lives.
func indexDir() (dir string, lock io.Closer, err error) {
	for _, base := range indexBases() {
		for range indexTries {
			if dir, err = os.MkdirTemp(base, indexPrefix); err != nil {
				break
			}
			if lock, err = lockIndex(dir); err == nil {
				return dir, lock, nil
			}
			_ = removeIndex(dir)
		}
	}
	return "", nil, fmt.Errorf("making a place for the log's index: %w", err)
}

// indexTries is how often another process that sweeps may come between when a directory is made.
const indexTries = 10

// indexGone is on the name of a directory that is being removed. Whoever would lock it by its old name finds nothing there any more, so
// none that was just made is removed with it.
const indexGone = ".gone"

// removeIndex removes a directory.
func removeIndex(dir string) error {
	gone := dir + indexGone
	err := os.Rename(dir, gone)
	if err == nil {
		err = os.RemoveAll(gone)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // else another process was faster
		return fmt.Errorf("removing the log's index: %w", err)
	}
	return nil
}

// lockIndex takes the lock of a new directory. Between the making of the lock's file and its locking another process may have swept both.
func lockIndex(dir string) (io.Closer, error) {
	name := filepath.Join(dir, indexLock)
	lock, err := (fsys.OS{}).Lock(name)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(name); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

// SweepIndexes removes the directories that processes left which were killed: those whose lock nobody has. Call it once when a server starts.
func SweepIndexes() error {
	var errs []error
	for _, base := range indexBases() {
		entries, err := os.ReadDir(base)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if e.IsDir() && strings.HasPrefix(e.Name(), indexPrefix) {
				errs = append(errs, sweepIndex(filepath.Join(base, e.Name())))
			}
		}
	}
	return errors.Join(errs...)
}

func sweepIndex(dir string) error {
	if strings.HasSuffix(dir, indexGone) { // who removed it was killed, or is still at it
		if err := os.RemoveAll(dir); !errors.Is(err, fs.ErrPermission) { // else it is another user's
			return err
		}
		return nil
	}
	_, ierr := os.Stat(filepath.Join(dir, indexFile)) // before the lock's, which is made before and removed with it
	if _, err := os.Stat(filepath.Join(dir, indexLock)); err != nil {
		if ierr != nil {
			return nil // it is just being made, or another user's
		}
		return removeIndex(dir) // half removed
	}
	lock, err := (fsys.OS{}).Lock(filepath.Join(dir, indexLock))
	if err != nil {
		return nil // its owner lives, or it is another user's
	}
	defer lock.Close()
	return removeIndex(dir)
}
