package sealvfs

import (
	"errors"
	"io"
	"slices"

	"latchkey/engine/tde/logchain"
	"latchkey/engine/tde/pagecipher"
)

// Keeper gets the frames that were committed, before they leave the log. A *logchain.Chain is one.
type Keeper interface {
	// Next is the number that the next frame will get.
	Next() uint64
	// Has is the last frame that it has of the log with these salts.
	Has(salts uint64) uint64
	// Append takes frames; when it returns nil they are durable.
	Append(i logchain.Info, frame func(n uint64) ([]byte, error)) error
}

type keeping struct {
	Keeper
	head func() ([]byte, error) // the database's header as of now
}

// KeepLog gives every frame that is committed from now on to k, at the latest when the log starts over. head is the header that belongs to them. With
// recovered, the frames up to that one, which SQLite found in the log at opening, count too, unless k has them. A nil k ends it.
func (s *Store) KeepLog(k Keeper, head func() ([]byte, error), recovered uint64) error {
	w := s.log
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waitKeptLocked()
	if k == nil {
		w.keep, w.marks = nil, nil
		return nil
	}
	w.keep, w.kept, w.next, w.marks = &keeping{k, head}, w.commit, k.Next(), w.marks[:0]
	if recovered == 0 {
		return nil
	}
	if err := w.readHeadLocked(); err != nil {
		return err
	}
	return w.recoverLocked(recovered)
}

// recoverLocked finds the commits in a log that a crash left. When they were is not known: all of them get the time at which the file was last written.
func (w *wal) recoverLocked(last uint64) error {
	info, err := w.s.cfg.FS.Stat(w.name)
	if err != nil {
		return w.s.ioErr("measuring", w.name, err)
	}
	w.kept = w.keep.Has(w.salts.Load())
	w.pages = w.pages[:0]
	for frame := uint64(1); frame <= last; frame++ {
		if err := w.loadLocked(&w.buf, frame); err != nil {
			return err
		}
		w.pages = append(w.pages, w.buf.Page())
		if w.buf.Commit() != 0 {
			w.commit = frame
			if frame > w.kept {
				w.marks = append(w.marks, logchain.Mark{Frame: frame, Time: info.ModTime()})
			}
		}
	}
	return nil
}

// waitKeptLocked waits for what is just being given to the keeper.
func (w *wal) waitKeptLocked() {
	for w.giving {
		w.given.Wait()
	}
}

// keepLocked gives the committed frames up to last that the keeper has not yet to it. They are durable in the log, or in the main file, already:
// the keeper must not have what the database might lose. With goOn writers add frames meanwhile; a writer that starts the log over does without.
func (w *wal) keepLocked(last uint64, goOn bool) error {
	w.waitKeptLocked()
	if w.keep == nil || last <= w.kept {
		return nil
	}
	if err := w.s.Failed(); err != nil {
		return err
	}
	head, err := w.keep.head()
	if err != nil {
		return w.s.ioErr("keeping", w.name, err)
	}
	i := logchain.Info{Frames: last - w.kept, Salts: w.salts.Load(), Number: w.kept + 1, Plain: w.plain, Head: head}
	n := 0 // marks that go
	for ; n < len(w.marks) && w.marks[n].Frame <= last; n++ {
		if m := w.marks[n]; m.Frame > w.kept {
			i.Marks = append(i.Marks, logchain.Mark{Frame: m.Frame - w.kept, Time: m.Time})
		}
	}
	keep, f := w.keep, w.f
	if goOn {
		w.giving = true
		w.mu.Unlock()
	}
	var raw [pagecipher.DiskFrame]byte
	err = keep.Append(i, func(n uint64) ([]byte, error) {
		k, err := f.ReadAt(raw[:], diskOffset(i.Number+n))
		if k < len(raw) {
			if err == nil || errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		return raw[:], nil
	})
	if goOn {
		w.mu.Lock()
		w.giving = false
		w.given.Broadcast()
	}
	if err != nil {
		return w.s.ioErr("keeping", w.name, err)
	}
	w.kept, w.next, w.marks = last, keep.Next(), slices.Delete(w.marks, 0, n)
	return nil
}

// KeepNow makes the log durable and gives what had been committed by then to the keeper.
func (s *Store) KeepNow() error {
	if err := s.log.sync(nil); err != nil {
		return err
	}
	w := s.log
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waitKeptLocked()
	last := w.kept
	for _, m := range w.marks {
		if m.Frame <= w.durable.Load() { // a commit may have come since the sync
			last = m.Frame
		}
	}
	return w.keepLocked(last, true)
}

// LogEnd is the number of the last frame that was committed; 0 if nobody keeps the log.
func (s *Store) LogEnd() uint64 {
	w := s.log
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.keep == nil {
		return 0
	}
	return w.next - 1 + w.commit - min(w.kept, w.commit)
}

// ResealFrame makes of a frame in clear one as the ring seals it now.
func (s *Store) ResealFrame(frame []byte, number uint64) error {
	c := pagecipher.NewCodec(s.cfg.Ring)
	var buf pagecipher.FrameBuf
	defer clear(buf[:])
	if _, err := c.OpenFrame(&buf, frame, number); err != nil {
		return err
	}
	return c.SealFrame(frame, &buf, number)
}
