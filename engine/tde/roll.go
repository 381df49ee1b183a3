package tde

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"latchkey/ekm"
	"latchkey/engine/tde/header"
	"latchkey/engine/tde/logchain"
	"latchkey/engine/tde/pagecipher"
	"latchkey/engine/tde/scan"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

// Sentinels of Roll.
var (
	// ErrLogGap: the log begins behind what the database has, or ends before it.
	ErrLogGap = errors.New("the log does not continue the database")
	// ErrRolling: rolling forward was cut short by a crash; only rolling at least as far, or restoring anew, helps.
	ErrRolling = errors.New("the database is half rolled forward")
)

// RollOptions say how far.
type RollOptions struct {
	// From is the LSN that the database has: that of the snapshot, or what Roll returned last.
	From uint64
	// StopAt ends before the first transaction that was committed later; zero takes all.
	StopAt time.Time
}

// Rolled is how far Roll came.
type Rolled struct {
	LSN     uint64    // of the last transaction that the database has now
	At      time.Time // its commit; zero if there was none
	Stopped bool      // because of StopAt
}

// rollNote is what lies beside a database while it is rolled forward.
type rollNote struct {
	Format int
	To     uint64 // pages may hold what was committed up to here
	Done   bool   // and they hold all of it
}

// notRolling refuses a database that is half rolled forward, and forgets that one was rolled.
func (db *DB) notRolling() error {
	n, err := readNote(db.cfg)
	if err != nil || n == nil {
		return err
	}
	if !n.Done {
		return fmt.Errorf("opening %q: %w", db.cfg.Path, ErrRolling)
	}
	return db.cfg.FS.Remove(db.cfg.Path + rollSuffix)
}

func readNote(cfg Config) (*rollNote, error) {
	b, err := fsys.ReadFile(cfg.FS, cfg.Path+rollSuffix, 1<<12)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	n := &rollNote{}
	if err := json.Unmarshal(b, n); err != nil || n.Format != 1 {
		return nil, fmt.Errorf("reading %q: it is not a note of this program: %w", cfg.Path+rollSuffix, errors.Join(ErrRolling, err))
	}
	return n, nil
}

func writeNote(cfg Config, n rollNote) error {
	n.Format = 1
	b, err := json.Marshal(n)
	if err != nil {
		return err
	}
	return fsys.WriteFile(cfg.FS, cfg.Path+rollSuffix, b, 0o600)
}

// Roll makes the transactions of a log, as [DB.CopyLog] wrote it, part of a database that is not open, as made by [Restore]. It can be called again with the log that
// follows. Keys unwraps the keys of the database and those that the log was sealed under. After a crash amid it, it must be done again, as far or farther.
func Roll(ctx context.Context, cfg Config, keys Keys, log io.Reader, o RollOptions) (Rolled, error) {
	cfg.defaults()
	r, err := roll(ctx, cfg, keys, log, o)
	return r, mapped("rolling a database forward", cfg.Path, err)
}

func roll(ctx context.Context, cfg Config, keys Keys, log io.Reader, o RollOptions) (Rolled, error) {
	lock, err := cfg.FS.Lock(cfg.Path + ".lock")
	if err != nil {
		return Rolled{}, err
	}
	db := &DB{cfg: cfg, unlock: lock, budget: scan.NewBudget(0)}
	defer db.release()
	note, err := readNote(cfg)
	if err != nil {
		return Rolled{}, err
	}
	main, err := cfg.FS.OpenFile(cfg.Path, os.O_RDWR, 0)
	if err != nil {
		return Rolled{}, err
	}
	defer main.Close()
	if err := db.load(ctx, main, keys); err != nil {
		return Rolled{}, err
	}
	_, generation, plain := policyOf(db.header())
	db.ring.SealWith(generation, plain)
	w := &roller{db: db, main: main, keys: keys, o: o, at: Rolled{LSN: o.From}, note: note, codec: pagecipher.NewCodec(db.ring), pages: db.header().Filled}
	if err := w.run(ctx, logchain.NewReader(log)); err != nil {
		return w.at, err
	}
	return w.at, w.finish()
}

type roller struct {
	db    *DB
	main  fsys.File
	keys  Keys
	o     RollOptions
	at    Rolled
	note  *rollNote
	wrote bool
	codec *pagecipher.Codec
	pages uint32 // of the main file
	size  uint32 // of the database after the last transaction; 0 if there was none
	buf   pagecipher.FrameBuf
	disk  [pagecipher.PageSize]byte
}

func (w *roller) run(ctx context.Context, r *logchain.Reader) error {
	for {
		i, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if i.First > w.at.LSN+1 {
			return fmt.Errorf("%w: it begins at %d, the database has up to %d", ErrLogGap, i.First, w.at.LSN)
		}
		if i.Last() <= w.at.LSN {
			continue
		}
		if err := w.segment(ctx, r, i); err != nil || w.at.Stopped {
			return err
		}
	}
}

// segment writes the frames of a segment that belong to transactions that are wanted.
func (w *roller) segment(ctx context.Context, r *logchain.Reader, i logchain.Info) error {
	last := w.at.LSN
	for _, m := range i.Marks {
		if m.Frame <= w.at.LSN {
			continue
		}
		if !w.o.StopAt.IsZero() && m.Time.After(w.o.StopAt) {
			w.at.Stopped = true
			break
		}
		last, w.at.At = m.Frame, m.Time
	}
	if last <= w.at.LSN {
		return nil
	}
	ring, err := w.ring(ctx, i.Head)
	if err != nil {
		return err
	}
	defer ring.Close()
	from := pagecipher.NewCodec(ring)
	if err := w.begin(last); err != nil {
		return err
	}
	for n := i.First; n <= last; n++ {
		b, err := r.Frame()
		if err != nil {
			return err
		}
		if n <= w.at.LSN {
			continue
		}
		if n%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if _, err := from.OpenFrame(&w.buf, b, i.Number+n-i.First); err != nil {
			return fmt.Errorf("%w: frame %d: %w", ErrCorrupt, n, err)
		}
		if err := w.put(w.buf.Page(), w.buf.Payload()); err != nil {
			return err
		}
		if s := w.buf.Commit(); s != 0 {
			w.size = s
		}
	}
	w.at.LSN = last
	return nil
}

// begin notes, before the first page is written, how far pages may come.
func (w *roller) begin(to uint64) error {
	if w.note != nil && !w.note.Done && to < w.note.To && w.at.Stopped {
		return fmt.Errorf("%w: it must be rolled to %d at least", ErrRolling, w.note.To)
	}
	w.wrote = true
	if w.note != nil && w.note.To >= to && !w.note.Done {
		return nil
	}
	w.note = &rollNote{To: to}
	return writeNote(w.db.cfg, *w.note)
}

// ring holds the keys that a segment is sealed under.
func (w *roller) ring(ctx context.Context, head []byte) (*pagecipher.Ring, error) {
	h, err := header.Decode(head)
	if err != nil {
		return nil, err
	}
	if h.FileID != w.db.header().FileID {
		return nil, fmt.Errorf("%w: it is of another database", ErrLogGap)
	}
	ring := pagecipher.NewRing(h.FileID, nil)
	var newest *secret.Bytes
	for n := range h.Keys {
		k := &h.Keys[n]
		dek, err := w.dek(ctx, k)
		if err != nil {
			ring.Close()
			return nil, err
		}
		defer dek.Destroy()
		if k.Generation == h.Newest().Generation {
			newest = dek
		}
		if err := ring.Add(pagecipher.DEK{Generation: k.Generation, Key: dek.Clone(), Next: k.NextEpoch, Spans: k.Spans}); err != nil {
			ring.Close()
			return nil, err
		}
	}
	if newest != nil {
		if err := h.Verify(newest.Expose()); err != nil {
			ring.Close()
			return nil, err
		}
	}
	return ring, nil
}

// dek is the key of a segment: the database's own if it is wrapped the same, else what the key store unwraps.
func (w *roller) dek(ctx context.Context, k *header.Key) (*secret.Bytes, error) {
	for _, own := range w.db.header().Keys {
		if own.Generation == k.Generation && sameWrap(own.Wrapped, k.Wrapped) {
			return w.db.hdr.deks[k.Generation].Clone(), nil
		}
	}
	return w.db.unwrap(ctx, w.keys, k)
}

func sameWrap(a, b ekm.Wrapped) bool {
	return a.Algorithm == b.Algorithm && string(a.Blob) == string(b.Blob)
}

// put writes a page, and empty ones before it where the file ends: a database has no holes.
func (w *roller) put(page uint32, payload []byte) error {
	for p := w.pages + 1; p < page; p++ {
		if err := w.page(p, make([]byte, pagecipher.PageSize)); err != nil {
			return err
		}
	}
	w.pages = max(w.pages, page)
	return w.page(page, payload)
}

func (w *roller) page(page uint32, payload []byte) error {
	if page == 0 {
		return fmt.Errorf("%w: a frame of page 0", ErrCorrupt)
	}
	if err := w.codec.SealPage(w.disk[:], payload, page); err != nil {
		return err
	}
	_, err := w.main.WriteAt(w.disk[:], header.Size+int64(page-1)*pagecipher.PageSize)
	return err
}

// finish makes everything durable, in the order that keeps header, pages and note true.
func (w *roller) finish() error {
	if !w.wrote {
		if w.note != nil && !w.note.Done {
			return fmt.Errorf("%w: it must be rolled to %d at least", ErrRolling, w.note.To)
		}
		return nil
	}
	if w.note.To > w.at.LSN {
		return fmt.Errorf("%w: it must be rolled to %d at least", ErrRolling, w.note.To)
	}
	if err := w.main.Sync(); err != nil {
		return err
	}
	for p := w.pages + 1; p <= w.size; p++ {
		if err := w.put(p, make([]byte, pagecipher.PageSize)); err != nil {
			return err
		}
	}
	if err := w.db.update(true, func(h *header.Header) { h.Filled = w.size }); err != nil {
		return err
	}
	if w.pages > w.size {
		if err := w.main.Truncate(header.Size + int64(w.size)*pagecipher.PageSize); err != nil {
			return err
		}
	}
	if err := w.main.Sync(); err != nil {
		return err
	}
	return writeNote(w.db.cfg, rollNote{To: w.at.LSN, Done: true})
}
