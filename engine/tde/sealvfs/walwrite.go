package sealvfs

import (
	"encoding/binary"
	"errors"
	"slices"

	"latchkey/engine/tde/logchain"
	"latchkey/engine/tde/pagecipher"
)

// writeAt takes the log's header, a frame's header or a frame's body from the connection that writes, of which there is one at a time.
func (w *wal) writeAt(c *mainFile, p []byte, off int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writer = c
	if err := w.s.Failed(); err != nil {
		return err
	}
	if off == 0 && len(p) == pagecipher.WALHeader {
		return w.restartLocked(p)
	}
	rel := off - pagecipher.WALHeader
	frame, at := uint64(rel/pagecipher.Frame)+1, int(rel%pagecipher.Frame)
	if rel < 0 || !(at == 0 && len(p) == pagecipher.FrameHeader || at == pagecipher.FrameHeader && len(p) == pagecipher.PageSize) {
		return w.s.ioErr("writing", w.name, errors.New("not a frame's header or body"))
	}
	if at == 0 && binary.BigEndian.Uint32(p[4:]) != 0 {
		c.show()
	}
	err := w.partLocked(p, frame, at == 0)
	if err != nil {
		w.await, w.recks = 0, 0 // SQLite gives the transaction up
		c.shown()
	}
	return err
}

func (w *wal) partLocked(p []byte, frame uint64, head bool) error {
	if head && w.await == 0 && frame <= w.last { // the frames from here on were undone
		w.undoLocked(frame)
	}
	if len(w.pend) > 0 && (frame < w.first || frame > w.first+uint64(len(w.pend))) || len(w.pend) >= w.ring.Len() && frame == w.first+uint64(len(w.pend)) {
		if err := w.flushLocked(); err != nil {
			return err
		}
	}
	if len(w.pend) == 0 {
		w.first = frame
	}
	if frame == w.first+uint64(len(w.pend)) {
		w.pend = append(w.pend, pending{buf: w.ring.Take(frame)})
	}
	if frame <= w.flushed.Load() {
		w.redo.Store(true)
		w.s.cache.Drop(w.cacheKey(w.gen.Load(), frame))
		w.durable.Store(min(w.durable.Load(), frame-1))
		w.rewrote = min(w.rewrote, frame)
	}
	return w.takeLocked(&w.pend[frame-w.first], p, frame, head)
}

// takeLocked puts a part into its frame and writes everything if the transaction is complete.
func (w *wal) takeLocked(e *pending, p []byte, frame uint64, head bool) error {
	if head {
		copy(e.buf.Header(), p)
		e.head = true
		if w.await == 0 {
			e.body = false // a new frame: its body follows
			w.last = frame
		} else if frame == w.await {
			w.await, w.recks = 0, 0
			return w.flushLocked()
		}
		return nil
	}
	if again := frame < w.last || e.body || !e.head; again && (w.recks == 0 || frame < w.recks) {
		w.recks = frame
	}
	copy(e.buf.Payload(), p)
	e.body = true
	if !e.head || e.buf.Commit() == 0 || frame != w.last {
		return nil
	}
	if w.recks != 0 {
		w.await = frame
		return nil
	}
	return w.flushLocked()
}

// undoLocked drops the frames from this one on: SQLite undid them.
func (w *wal) undoLocked(frame uint64) {
	if w.recks >= frame {
		w.recks = 0
	}
	if len(w.pend) > 0 {
		w.pend = w.pend[:min(uint64(len(w.pend)), frame-min(frame, w.first))]
	}
}

func (w *wal) cacheKey(gen uint32, frame uint64) uint64 {
	return 1<<63 | uint64(gen&0x7fffffff)<<32 | frame
}

// flushLocked writes what is pending. On an error it is dropped: SQLite undoes the transaction.
func (w *wal) flushLocked() error {
	if len(w.pend) == 0 {
		return nil
	}
	w.s.change.RLock()
	defer w.s.change.RUnlock()
	defer w.emptyLocked()
	if err := w.s.Failed(); err != nil {
		return err
	}
	if _, sealing := w.s.cfg.Ring.Sealing(); !sealing {
		w.plain = true
	}
	for i := 0; i < len(w.pend); i += outMax {
		if err := w.putLocked(w.pend[i:min(i+outMax, len(w.pend))], w.first+uint64(i)); err != nil {
			return err
		}
	}
	return nil
}

// leave is called when a connection closes.
func (w *wal) leave(c *mainFile) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.writer == c {
		w.writer = nil
	}
}

func (w *wal) emptyLocked() {
	w.pend = w.pend[:0]
	w.redo.Store(false)
}

// putLocked seals neighbouring frames and writes them at once.
func (w *wal) putLocked(pend []pending, first uint64) error {
	w.out = slices.Grow(w.out[:0], outMax*pagecipher.DiskFrame)[:len(pend)*pagecipher.DiskFrame]
	for i := range pend {
		e := &pend[i]
		if !e.head || !e.body {
			if err := w.completeLocked(e, first+uint64(i)); err != nil {
				return err
			}
		}
		e.buf.SetDurable(w.durable.Load())
	}
	if err := w.sealLocked(pend, first); err != nil {
		return w.s.ioErr("sealing a frame of", w.name, err)
	}
	if _, err := w.f.WriteAt(w.out, diskOffset(first)); err != nil {
		return w.s.ioErr("writing", w.name, err)
	}
	gen := w.gen.Load()
	for i := range pend {
		b, frame := pend[i].buf, first+uint64(i)
		for uint64(len(w.pages)) < frame {
			w.pages = append(w.pages, 0)
		}
		w.pages[frame-1] = b.Page()
		if b.Commit() != 0 && frame == w.last {
			w.commit = frame
			if w.keep != nil {
				w.marks = append(w.marks, logchain.Mark{Frame: frame, Time: w.s.cfg.Now()})
			}
		}
		w.ring.Publish(frame, w.cacheKey(gen, frame))
	}
	w.flushed.Store(max(w.flushed.Load(), first+uint64(len(pend))-1))
	return nil
}

// parallelFrames is from how many frames on two processors pay.
const parallelFrames = 64

// sealLocked seals frames into out, half of them beside.
func (w *wal) sealLocked(pend []pending, first uint64) error {
	seal := func(c *pagecipher.Codec, from, to int) error {
		for i := from; i < to; i++ {
			if err := c.SealFrame(w.out[i*pagecipher.DiskFrame:], pend[i].buf, first+uint64(i)); err != nil {
				return err
			}
		}
		return nil
	}
	half := len(pend) / 2
	if _, sealing := w.s.cfg.Ring.Sealing(); !sealing || len(pend) < parallelFrames {
		half = len(pend)
	}
	beside := make(chan error, 1)
	if half < len(pend) {
		go func() { beside <- seal(w.codec2, half, len(pend)) }()
	} else {
		beside <- nil
	}
	return errors.Join(seal(w.codec, 0, half), <-beside)
}
