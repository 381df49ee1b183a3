package sealvfs

import (
	"errors"
	"io"

	"latchkey/engine/tde/pagecipher"
)

// readAt reads any part of the log as SQLite sees it: its header, a frame's header, body or checksum, or whole frames.
// Whole frames are read by recovery, which must not stumble over the torn end of a log:
// what does not authenticate there reads as zeros, which SQLite's own check rejects. All other reads fail.
func (w *wal) readAt(c *mainFile, p []byte, off int64) (int, error) {
	if rel := off - pagecipher.WALHeader; rel >= 0 && rel%pagecipher.Frame == pagecipher.FrameHeader {
		frame := uint64(rel/pagecipher.Frame) + 1
		if err := w.awaitFrame(c, frame); err != nil {
			return 0, err
		}
		// The common case, a body that is in the file, goes without the lock.
		if len(p) == pagecipher.PageSize && frame <= w.flushed.Load() && !w.redo.Load() {
			if err := w.body(c, p, frame); err != nil {
				return 0, err // the binding takes a full count for success, whatever the error
			}
			return len(p), nil
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	n, err := w.partsLocked(p, off)
	if err != nil && !errors.Is(err, io.EOF) {
		w.await, w.recks = 0, 0 // if this was the writer, it gives up
	}
	return n, err
}

func (w *wal) partsLocked(p []byte, off int64) (int, error) {
	if w.f == nil {
		return 0, io.EOF
	}
	done := 0
	for done < len(p) {
		if off < pagecipher.WALHeader {
			if err := w.readHeadLocked(); err != nil {
				return done, err
			}
			n := copy(p[done:], w.head[off:])
			done, off = done+n, off+int64(n)
			continue
		}
		rel := off - pagecipher.WALHeader
		frame, at := uint64(rel/pagecipher.Frame)+1, int(rel%pagecipher.Frame)
		e, err := w.frameLocked(&w.buf, frame, at == 0 && len(p)-done >= pagecipher.Frame)
		if err != nil {
			return done, err
		}
		n := copyFrame(p[done:], e, at)
		done, off = done+n, off+int64(n)
	}
	return done, nil
}

// copyFrame copies the frame, as SQLite sees it, from at on: the reserved bytes are zeros.
func copyFrame(p []byte, e *pagecipher.FrameBuf, at int) int {
	n := 0
	if at < pagecipher.FrameHeader {
		n = copy(p, e.Header()[at:])
		at += n
	}
	if at -= pagecipher.FrameHeader; at >= 0 && at < pagecipher.Payload {
		k := copy(p[n:], e.Payload()[at:])
		n, at = n+k, at+k
	}
	if at >= pagecipher.Payload {
		k := min(len(p)-n, pagecipher.PageSize-at)
		clear(p[n : n+k])
		n += k
	}
	return n
}

// body reads a frame's body, which the connection knows to be committed or its own.
func (w *wal) body(c *mainFile, p []byte, frame uint64) error {
	key := w.cacheKey(w.gen.Load(), frame)
	if !w.ring.Get(frame, key, p) && !w.s.cache.Get(key, p) {
		if err := w.load(c.codec, c.raw[:], &c.frame, frame); err != nil {
			return err
		}
		if want := w.salts.Load(); want != 0 && salts(&c.frame) != want {
			return w.s.corrupt(w.name, frame, "it belongs to an earlier log")
		}
		copy(p, c.frame.Payload())
		if !c.copying { // a checkpoint reads a frame once, and for the last time
			w.s.cache.Put(key, p)
		}
	}
	clear(p[pagecipher.Payload:])
	return nil
}

// readHeadLocked reads the header from the file unless it is known. A hole is a log that was never begun, unless frames say otherwise.
func (w *wal) readHeadLocked() error {
	if w.head != [pagecipher.WALHeader]byte{} {
		return nil
	}
	var disk [pagecipher.DiskWALHeader]byte
	n, err := w.f.ReadAt(disk[:], 0)
	if n < len(disk) {
		if err == nil || errors.Is(err, io.EOF) {
			return io.EOF
		}
		return w.s.ioErr("reading", w.name, err)
	}
	head := make([]byte, pagecipher.WALHeader)
	st, err := w.codec.OpenWALHeader(head, disk[:])
	if err == nil {
		err = w.allowed(st)
	}
	if err != nil {
		return w.s.corruptErr(w.name, 0, err)
	}
	w.setHeadLocked(head)
	if st == pagecipher.Hole {
		return w.witnessLocked(0, nil)
	}
	return nil
}

// frameLocked reads a frame, into buf if it is not in memory. whole says that recovery reads it.
func (w *wal) frameLocked(buf *pagecipher.FrameBuf, frame uint64, whole bool) (*pagecipher.FrameBuf, error) {
	if n := frame - w.first; len(w.pend) > 0 && frame >= w.first && n < uint64(len(w.pend)) {
		e := &w.pend[n]
		if !e.head || !e.body {
			if err := w.completeLocked(e, frame); err != nil {
				return nil, err
			}
			e.head, e.body = true, true
		}
		return e.buf, nil
	}
	err := w.loadLocked(buf, frame)
	var bad *Error
	if errors.As(err, &bad) && !bad.bad || errors.Is(err, io.EOF) {
		return nil, err
	}
	if herr := w.readHeadLocked(); herr != nil {
		return nil, herr
	}
	if err == nil && sameSalts(w.head[:], buf) {
		return buf, nil
	}
	if err == nil && !whole {
		return nil, w.s.corrupt(w.name, frame, "it belongs to an earlier log")
	}
	if !whole {
		return nil, err
	}
	if werr := w.witnessLocked(frame, w.head[:]); werr != nil {
		return nil, werr
	}
	if err != nil {
		*buf = pagecipher.FrameBuf{}
	}
	return buf, nil
}

// witnessLocked looks behind frame, which cannot be used, for a frame of the same log (of any, without head) that says that
// the unusable one was durable. Then this is not the end that a crash leaves, and transactions would be lost in silence.
func (w *wal) witnessLocked(frame uint64, head []byte) error {
	if w.head == [pagecipher.WALHeader]byte{} && head != nil {
		return nil // a log that says itself that it is empty
	}
	size, err := w.f.Size()
	if err != nil {
		return w.s.ioErr("measuring", w.name, err)
	}
	var buf pagecipher.FrameBuf
	for n := frame + 1; n <= diskFrames(size); n++ {
		err := w.loadLocked(&buf, n)
		var e *Error
		if errors.As(err, &e) && !e.bad {
			return err
		}
		if err == nil && (head == nil || sameSalts(head, &buf)) && buf.Durable() >= max(frame, 1) {
			return w.s.corrupt(w.name, frame, "it is damaged, although later frames of the log need it")
		}
	}
	return nil
}
