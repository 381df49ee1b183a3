package sealvfs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"latchkey/internal/fsys"
)

const (
	indexPrefix = "latchkey-index-"
	indexLock   = "lock"
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

// indexTries is how often another process that sweeps may come between when a directory is made or removed.
const indexTries = 10

// removeIndex removes a directory. Who sweeps at that moment may make the lock's file anew, in the moment before the directory goes.
func removeIndex(dir string) (err error) {
	for range indexTries {
		if err = os.RemoveAll(dir); err == nil {
			return nil
		}
	}
	return fmt.Errorf("removing the log's index: %w", err)
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
	if _, err := os.Stat(filepath.Join(dir, indexLock)); err != nil {
		return nil // it is just being made
	}
	lock, err := (fsys.OS{}).Lock(filepath.Join(dir, indexLock))
	if err != nil {
		return nil // its owner lives, or it is another user's
	}
	defer lock.Close()
	return removeIndex(dir)
}
