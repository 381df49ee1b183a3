package sealvfs

import (
	"io/fs"

	"github.com/ncruces/go-sqlite3"
)

// SQLite syncs the log within a commit, before it shows the commit to others and lets the next writer go. An early commit is let go: its
// frames are in the file and the sync is said to be done, so that the next writer goes on, and several commits share one sync. What
// keeps that safe is here:
//
//   - Who was let go is told so by a Mark and must await it before it tells anyone.
//   - A frame that was let go and not synced is read by the connection that holds the write lock alone (Early.Ahead), whose own commit comes
//     behind it in the log; every other read of it waits for the sync. So does a checkpoint, which syncs the log before it copies anyway.
//   - The log starts over only when all of it was copied to the main file and that was synced, so a Mark of an earlier log is durable.

// Mark is the end of a commit in the log. The zero Mark is before all.
type Mark struct {
	gen   uint32
	frame uint64
}

// Early is a connection's side of early commits, for the connection's goroutine.
type Early struct{ f *mainFile }

// EarlyOf gives that of a connection to a [Store]; nil for another one.
func EarlyOf(c *sqlite3.Conn) *Early {
	f := fileOf(c, "main")
	if f == nil {
		return nil
	}
	return &Early{f}
}

// Ahead lets the connection read what was let go and is not durable, or ends that. It is for who is about to take the write lock or holds
// it. Until the [Store.Mark] taken under that lock is durable, nobody else may use the connection: its own cache holds such pages.
func (e *Early) Ahead(on bool) { e.f.ahead = on }

// Commit runs commit, a COMMIT on the connection, and lets it go. The Mark is the zero one if the transaction changed nothing, or if it is
// durable already.
func (e *Early) Commit(commit func() error) (Mark, error) {
	e.f.letting, e.f.mark = true, Mark{}
	err := commit()
	e.f.letting = false
	return e.f.mark, err
}

// Mark is the end of the last commit that was let go.
func (s *Store) Mark() Mark {
	w := s.log
	w.mu.Lock()
	defer w.mu.Unlock()
	return Mark{w.gen.Load(), w.early.Load()}
}

// Await waits until everything up to m is durable. It does so by a sync of its own or by that of another who waits. An error means that it
// may be lost; then nothing more is written.
func (s *Store) Await(m Mark) error { return s.log.settle(m) }

// letGo takes a commit's sync from the connection c: done is false if it is not one, but that of the header of a log that starts over.
func (w *wal) letGo(c *mainFile) (done bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.flushOfLocked(c); err != nil {
		return false, err
	}
	gen := w.gen.Load()
	if w.writer != c || gen == 0 || w.last == 0 || w.commit != w.last {
		return false, nil
	}
	if err := w.s.Failed(); err != nil {
		return false, err
	}
	c.letting = false // a later sync within the commit is a checkpoint's
	w.early.Store(w.commit)
	c.mark = Mark{gen, w.commit}
	return true, nil
}

// durableMark reports whether everything up to m is durable.
func (w *wal) durableMark(m Mark) bool { return m.frame <= w.durable.Load() || m.gen != w.gen.Load() }

// awaitFrame waits until a frame that the connection c reads is durable, if it was let go.
func (w *wal) awaitFrame(c *mainFile, frame uint64) error {
	if c.ahead || frame > w.early.Load() || frame <= w.durable.Load() {
		return nil
	}
	return w.settle(Mark{w.gen.Load(), frame}) // a reader keeps the log from starting over
}

// settle syncs the log, or waits for the sync that is under way, until m is durable. A sync that is under way may have begun before m was
// written: then one of those who wait does the next, for all of them.
func (w *wal) settle(m Mark) error {
	for !w.durableMark(m) {
		w.mu.Lock()
		if w.durableMark(m) {
			w.mu.Unlock()
			return nil
		}
		err := w.s.Failed()
		if err == nil && w.f == nil {
			err = w.s.ioErr("syncing", w.name, fs.ErrClosed)
		}
		round := w.round
		if err == nil && round == nil {
			w.round = make(chan struct{})
		}
		w.mu.Unlock()
		switch {
		case err != nil:
			return err
		case round != nil:
			<-round
		default:
			if err := w.lead(); err != nil {
				return err
			}
		}
	}
	return nil
}

// lead does the sync that the round's others wait for.
func (w *wal) lead() error {
	err := w.sync(nil)
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.round)
	w.round = nil
	return err
}
