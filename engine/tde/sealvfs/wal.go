package sealvfs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"latchkey/engine/tde/logchain"
	"latchkey/engine/tde/pagecache"
	"latchkey/engine/tde/pagecipher"
	"latchkey/internal/fsys"
)

const (
	// pendMax is how many frames of a transaction wait in memory before they are written, if the cache is large. Their buffers are kept:
	// memory that is used for the first time costs more than sealing.
	pendMax = 4096
	pendMin = 64
	outMax  = 64 // frames that are written at once
)

// LogCache is how many of cachePages go to the last frames of the log.
func LogCache(cachePages int) int { return min(pendMax, max(0, cachePages)/4) }

// wal is the write-ahead log, shared by all connections. SQLite lets one of them write at a time.
//
// SQLite writes a frame as a header and a body; of a page that it writes again in one transaction it writes the body in place
// and, after the transaction's last frame, all headers from there on, because their checksums are cumulative. Here header and
// body become one sealed unit, so parts are gathered in pend and written when the transaction is complete, when the ring is full,
// or at a sync: an acknowledged transaction has always left the process. Each frame also says how many frames were durable
// before it. A frame that is damaged though a later one says that it was durable is corruption; without such a witness it
// is the torn end that a crash leaves.
type wal struct {
	s    *Store
	name string

	mu    sync.Mutex
	f     fsys.File // nil while there is no log
	codec *pagecipher.Codec
	// codec2 seals beside codec.
	codec2 *pagecipher.Codec
	head   [pagecipher.WALHeader]byte // as SQLite wrote it; zeros if unknown
	plain  bool                       // frames in clear may be in the file

	gen     atomic.Uint32 // changes when the log starts over; part of cache keys
	writer  *mainFile     // the connection that wrote last: what is pending is its own
	flushed atomic.Uint64 // frames of this generation below and at it are in the file
	salts   atomic.Uint64 // of head
	redo    atomic.Bool   // pend holds a frame that is in the file already
	commit  uint64        // the last frame that ended a transaction, of those written in this generation
	durable atomic.Uint64 // frames known to be synced
	early   atomic.Uint64 // the last frame that was let go before its sync: see early.go
	round   chan struct{} // closed when the sync that waiters share ends; nil if there is none
	rewrote uint64        // the first frame that was written again since the oldest sync that is under way began
	syncing int           // syncs under way
	pages   []uint32      // of the frames written in this generation, by frame-1; 0 if unknown

	giving bool // the keeper is just getting frames, without mu
	given  sync.Cond

	keep  *keeping        // nil: frames may go
	kept  uint64          // frames of this generation that the keeper has
	next  uint64          // the keeper's number for the one after these
	marks []logchain.Mark // commits behind kept, by frame

	ring  *pagecache.Frames // has the buffers of pend, and the frames that were written last
	pend  []pending
	first uint64 // frame number of pend[0]
	last  uint64 // frame whose header SQLite wrote last as a new one
	recks uint64 // the first frame whose body was written again in this transaction, 0 if none: as SQLite's iReCksum
	await uint64 // the transaction's last frame, whose header will be written again; 0 if it will not
	out   []byte
	raw   [pagecipher.DiskFrame]byte
	buf   pagecipher.FrameBuf // of partsLocked
	old   pagecipher.FrameBuf // of completeLocked
}

type pending struct {
	buf        *pagecipher.FrameBuf
	head, body bool // which parts SQLite wrote
}

func openWAL(s *Store) (*wal, error) {
	w := &wal{s: s, name: s.cfg.Path + "-wal", ring: pagecache.NewFrames(max(pendMin, LogCache(s.cfg.CachePages))), codec: pagecipher.NewCodec(s.cfg.Ring), codec2: pagecipher.NewCodec(s.cfg.Ring)}
	w.given.L = &w.mu
	f, err := s.cfg.FS.OpenFile(w.name, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return w, nil
	}
	if err != nil {
		return nil, s.ioErr("opening", w.name, err)
	}
	size, err := f.Size()
	if err != nil {
		_ = f.Close()
		return nil, s.ioErr("opening", w.name, err)
	}
	w.f, w.plain = f, size > 0
	w.flushed.Store(diskFrames(size))
	return w, nil
}

func diskFrames(size int64) uint64 {
	return uint64(max(0, size-pagecipher.DiskWALHeader) / pagecipher.DiskFrame)
}

func diskOffset(frame uint64) int64 {
	return pagecipher.DiskWALHeader + int64(frame-1)*pagecipher.DiskFrame
}

// open makes the file if there is none.
func (w *wal) open() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.f != nil {
		return nil
	}
	f, err := w.s.cfg.FS.OpenFile(w.name, os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		if err = w.s.cfg.FS.SyncDir(filepath.Dir(w.name)); err != nil {
			_ = f.Close()
		}
	}
	if err != nil {
		return w.s.ioErr("creating", w.name, err)
	}
	w.f = f
	return nil
}

func (w *wal) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.f == nil {
		return nil
	}
	err := w.f.Close()
	w.f = nil
	return err
}

// remove deletes the file, after its frames were copied back.
func (w *wal) remove() error {
	if err := w.truncate(0); err != nil { // wipes what is in clear
		return err
	}
	if err := w.close(); err != nil {
		return w.s.ioErr("closing", w.name, err)
	}
	if err := w.s.cfg.FS.Remove(w.name); err != nil {
		return err
	}
	return w.s.cfg.FS.SyncDir(filepath.Dir(w.name))
}

// size is the log's size as SQLite counts.
func (w *wal) size() (int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.f == nil {
		return 0, nil
	}
	size, err := w.f.Size()
	if err != nil {
		return 0, w.s.ioErr("measuring", w.name, err)
	}
	if size < pagecipher.DiskWALHeader {
		return 0, nil
	}
	frames := diskFrames(size)
	if n := w.first + uint64(len(w.pend)); len(w.pend) > 0 && n-1 > frames {
		frames = n - 1
	}
	return pagecipher.WALHeader + int64(frames)*pagecipher.Frame, nil
}

// restartLocked begins the log anew with SQLite's header.
func (w *wal) restartLocked(head []byte) error {
	if err := w.keepLocked(w.commit, false); err != nil {
		return err
	}
	w.s.change.RLock()
	defer w.s.change.RUnlock()
	var disk [pagecipher.DiskWALHeader]byte
	if err := w.codec.SealWALHeader(disk[:], head); err != nil {
		return w.s.ioErr("sealing the header of", w.name, err)
	}
	if _, err := w.f.WriteAt(disk[:], 0); err != nil {
		return w.s.ioErr("writing", w.name, err)
	}
	w.setHeadLocked(head)
	w.resetLocked()
	return nil
}

func (w *wal) setHeadLocked(head []byte) {
	copy(w.head[:], head)
	w.salts.Store(binary.BigEndian.Uint64(head[16:]))
}

func (w *wal) resetLocked() {
	w.gen.Add(1)
	w.kept, w.marks = 0, w.marks[:0]
	w.flushed.Store(0)
	w.early.Store(0)
	w.durable.Store(0)
	w.commit, w.pend, w.pages = 0, w.pend[:0], w.pages[:0]
	w.last, w.recks, w.await = 0, 0, 0
}

// completeLocked reads the part of a frame that SQLite did not write again.
func (w *wal) completeLocked(e *pending, frame uint64) error {
	old := &w.old
	if err := w.loadLocked(old, frame); err != nil {
		return err
	}
	if !e.head {
		copy(e.buf.Header(), old.Header())
	}
	if !e.body {
		copy(e.buf.Payload(), old.Payload())
	}
	return nil
}

func (w *wal) loadLocked(buf *pagecipher.FrameBuf, frame uint64) error {
	return w.load(w.codec, w.raw[:], buf, frame)
}

// load reads a frame from the file through c and raw.
func (w *wal) load(c *pagecipher.Codec, raw []byte, buf *pagecipher.FrameBuf, frame uint64) error {
	n, err := w.f.ReadAt(raw[:pagecipher.DiskFrame], diskOffset(frame))
	if n < pagecipher.DiskFrame {
		if err == nil || errors.Is(err, io.EOF) {
			return io.EOF
		}
		return w.s.ioErr("reading", w.name, err)
	}
	st, err := c.OpenFrame(buf, raw[:pagecipher.DiskFrame], frame)
	if err == nil {
		err = w.allowed(st)
	}
	if err != nil {
		return w.s.corruptErr(w.name, frame, err)
	}
	return nil
}

func (w *wal) allowed(st pagecipher.State) error {
	if st == pagecipher.Plain && !w.s.policy.Load().Plain {
		return errors.New("it is in clear in an encrypted database")
	}
	return nil
}

// flush writes what is pending of the connection c, whose transaction ends. Usually it was written with its last frame. What is
// pending of another connection, which may be amid a frame, is left alone.
func (w *wal) flush(c *mainFile) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.flushOfLocked(c)
}

func (w *wal) flushOfLocked(c *mainFile) error {
	if w.writer != c {
		return nil
	}
	return w.flushLocked()
}

// sync makes everything written durable, also what is pending of the connection c. What is pending of others is not committed.
func (w *wal) sync(c *mainFile) error {
	w.mu.Lock()
	err := w.flushOfLocked(c)
	f, gen, flushed := w.f, w.gen.Load(), w.flushed.Load()
	if err == nil {
		err = w.s.Failed()
	}
	if err != nil || f == nil {
		w.mu.Unlock()
		return err
	}
	if w.syncing++; w.syncing == 1 {
		w.rewrote = math.MaxUint64
	}
	w.mu.Unlock()
	err = f.Sync() // without the lock: readers go on
	w.mu.Lock()
	defer w.mu.Unlock()
	w.syncing--
	if err != nil {
		w.s.Fail(err)
		return w.s.ioErr("syncing", w.name, err)
	}
	if err := w.s.Failed(); err != nil { // beside one that failed a sync proves nothing: the system tells of a lost page once
		return err
	}
	if gen != 0 && gen == w.gen.Load() { // of a log found at opening we do not know which frames count
		w.durable.Store(max(w.durable.Load(), min(flushed, w.rewrote-1)))
	}
	return nil
}

// truncate shortens the log to SQLite's size. Before frames in clear go from an encrypted database they are overwritten.
func (w *wal) truncate(size int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.s.Failed(); err != nil {
		return err
	}
	if w.f == nil {
		return nil
	}
	if size > 0 {
		frames := (size - pagecipher.WALHeader) / pagecipher.Frame
		if err := w.f.Truncate(pagecipher.DiskWALHeader + frames*pagecipher.DiskFrame); err != nil {
			return w.s.ioErr("truncating", w.name, err)
		}
		return nil
	}
	if err := w.keepLocked(w.commit, false); err != nil {
		return err
	}
	if _, sealing := w.s.cfg.Ring.Sealing(); sealing && w.plain {
		if err := w.wipeLocked(); err != nil {
			return err
		}
	}
	if err := w.f.Truncate(0); err != nil {
		return w.s.ioErr("truncating", w.name, err)
	}
	w.plain = false
	w.setHeadLocked(make([]byte, pagecipher.WALHeader))
	w.resetLocked()
	return nil
}

// wipeLocked overwrites the log. First comes a header that says, sealed, that there is no log, so that a crash amid
// the wiping does not look like damage.
func (w *wal) wipeLocked() error {
	size, err := w.f.Size()
	if err != nil || size == 0 {
		return err
	}
	w.s.change.RLock()
	defer w.s.change.RUnlock()
	var disk [pagecipher.DiskWALHeader]byte
	if err := w.codec.SealWALHeader(disk[:], make([]byte, pagecipher.WALHeader)); err != nil {
		return w.s.ioErr("sealing the header of", w.name, err)
	}
	zeros := make([]byte, 1<<20)
	write := func(b []byte, off int64) {
		if err == nil {
			_, err = w.f.WriteAt(b, off)
		}
	}
	sync := func() {
		if err == nil {
			if err = w.f.Sync(); err != nil {
				w.s.Fail(err)
			}
		}
	}
	write(disk[:], 0)
	sync()
	for off := int64(len(disk)); off < size; off += int64(len(zeros)) {
		write(zeros[:min(int64(len(zeros)), size-off)], off)
	}
	sync()
	if err != nil {
		return w.s.ioErr("wiping", w.name, err)
	}
	return nil
}

func salts(f *pagecipher.FrameBuf) uint64 { return binary.BigEndian.Uint64(f.Salts()) }

func sameSalts(head []byte, f *pagecipher.FrameBuf) bool { return bytes.Equal(head[16:24], f.Salts()) }
