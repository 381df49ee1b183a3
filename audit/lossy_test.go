package audit_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"latchkey/audit"
	"latchkey/internal/fsys"
)

// lossy is a file system whose failed syncs lose for good what they should have written, while reading still shows it: as
// Linux does, where pages become clean after an error. The embedded Mem is what programs see, disk what a power cut leaves.
type lossy struct {
	*fsys.Mem
	disk *fsys.Mem

	mu      sync.Mutex
	pending map[string][]func(fsys.File) error // by name: writes since the last sync, good or bad
	syncs   int
	failAt  int // this sync of a log file fails; 0: none
}

func newLossy() *lossy {
	return &lossy{Mem: fsys.NewMem(), disk: fsys.NewMem(), pending: map[string][]func(fsys.File) error{}}
}

type lossyFile struct {
	fsys.File
	fs   *lossy
	name string
	disk fsys.File
}

func (l *lossy) OpenFile(name string, flag int, perm fs.FileMode) (fsys.File, error) {
	f, err := l.Mem.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	d, err := l.disk.OpenFile(name, os.O_RDWR|os.O_CREATE|flag&os.O_TRUNC, perm)
	return &lossyFile{File: f, fs: l, name: name, disk: d}, err
}

func (l *lossy) Rename(from, to string) error {
	if err := l.Mem.Rename(from, to); err != nil {
		return err
	}
	return l.disk.Rename(from, to)
}

func (l *lossy) Remove(name string) error {
	if err := l.Mem.Remove(name); err != nil {
		return err
	}
	return l.disk.Remove(name)
}

func (l *lossy) MkdirAll(name string, perm fs.FileMode) error {
	if err := l.Mem.MkdirAll(name, perm); err != nil {
		return err
	}
	return l.disk.MkdirAll(name, perm)
}

func (f *lossyFile) later(do func(fsys.File) error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.fs.pending[f.name] = append(f.fs.pending[f.name], do)
}

func (f *lossyFile) WriteAt(p []byte, off int64) (int, error) {
	b := append([]byte(nil), p...)
	f.later(func(d fsys.File) error { _, err := d.WriteAt(b, off); return err })
	return f.File.WriteAt(p, off)
}

func (f *lossyFile) Truncate(size int64) error {
	f.later(func(d fsys.File) error { return d.Truncate(size) })
	return f.File.Truncate(size)
}

func (f *lossyFile) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	do := f.fs.pending[f.name]
	delete(f.fs.pending, f.name)
	if f.fs.syncs++; f.fs.syncs == f.fs.failAt {
		return &fs.PathError{Op: "sync", Path: f.name, Err: syscall.EIO}
	}
	for _, d := range do {
		if err := d(f.disk); err != nil {
			return err
		}
	}
	return f.File.Sync()
}

// TestAFailedSyncLosesWhatItShouldHaveWritten, and nothing that was acknowledged before or after it; neither when the log goes
// on, nor when the process ends at once and another opens what the kernel still shows.
func TestAFailedSyncLosesWhatItShouldHaveWritten(t *testing.T) {
	const records = 10
	o := audit.Options{MaxFileBytes: 1500}
	for _, restart := range []bool{false, true} {
		for failAt := 1; failAt < 40; failAt++ {
			f := newLossy()
			f.failAt = failAt
			acked := map[string]bool{}
			l, err := audit.Open(f, dir, o)
			for i := range records {
				if err == nil && l.Append(t.Context(), record(i)) == nil {
					acked[record(i).RequestID] = true
				} else if restart || err != nil {
					if err == nil {
						_ = l.Close()
					}
					l, err = audit.Open(f, dir, o)
				}
			}
			if err != nil {
				t.Fatalf("failing sync %d: the log never opened: %v", failAt, err)
			}
			if len(acked) < records-2 {
				t.Errorf("failing sync %d: %d of %d acknowledged", failAt, len(acked), records)
			}
			checkDisk(t, copyDisk(t, f.disk), o, acked, fmt.Sprintf("failing sync %d, restart %v, power cut", failAt, restart))
			mustCloseFailed(t, l)
			checkDisk(t, copyDisk(t, f.disk), o, acked, fmt.Sprintf("failing sync %d, restart %v, closed", failAt, restart))
		}
	}
}

// mustCloseFailed closes a log whose last sync may have been the failing one.
func mustCloseFailed(t *testing.T, l *audit.Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Logf("close: %v", err)
	}
}

// copyDisk copies what is stored.
func copyDisk(t *testing.T, from *fsys.Mem) *fsys.Mem {
	t.Helper()
	to := fsys.NewMem()
	if err := to.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	entries, err := from.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		write(t, to, filepath.Join(dir, e.Name()), read(t, from, filepath.Join(dir, e.Name())))
	}
	return to
}
