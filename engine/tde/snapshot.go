package tde

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/ncruces/go-sqlite3"

	"latchkey/engine/tde/header"
	"latchkey/engine/tde/logchain"
	"latchkey/engine/tde/pagecipher"
	"latchkey/engine/tde/sealvfs"
	"latchkey/internal/fsys"
)

// PageSize is the size of a database page in bytes, in a file and in a snapshot.
const PageSize = pagecipher.PageSize

// Snapshot is the database as of one commit, for a backup: its pages as they are to lie in a file, sealed if the database is, and
// a header with the wrapped keys, so that [Restore] needs no key. It is for one goroutine. While it is open the log cannot
// be emptied, and a scan does not end. Close it before the DB.
type Snapshot struct {
	db    *DB
	c     *Conn
	view  *sealvfs.View
	pages uint32
	lsn   uint64
}

// Snapshot takes a snapshot of the last commit. It waits for a running write transaction, and keeps writers out for less than a
// millisecond.
func (db *DB) Snapshot(ctx context.Context) (*Snapshot, error) {
	if db.closed.Load() {
		return nil, ErrClosed
	}
	for !db.freeze.TryRLock() { // a scan is ending; it may wait for readers
		if err := sleep(ctx, db.cfg.Clock, checkpointRetry); err != nil {
			return nil, err
		}
	}
	db.snaps.Add(1)
	db.freeze.RUnlock()
	s, err := db.snapshot(ctx)
	if err != nil {
		db.snaps.Add(-1)
		return nil, mapped("taking a snapshot", db.cfg.Path, err)
	}
	return s, nil
}

func (db *DB) snapshot(ctx context.Context) (_ *Snapshot, err error) {
	guard, err := db.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer guard.Close()
	c, err := db.connect(ctx)
	if err != nil {
		return nil, err
	}
	s := &Snapshot{db: db, c: c}
	defer func() {
		if err != nil {
			_ = c.Close()
		}
	}()
	for { // no commit may fall between the view and the read transaction that holds it
		if err = guard.Exec("BEGIN IMMEDIATE"); err == nil {
			break
		}
		if !errors.Is(err, sqlite3.BUSY) {
			return nil, err
		}
		if err = sleep(ctx, db.cfg.Clock, 10*time.Millisecond); err != nil {
			return nil, err
		}
	}
	if err = c.Exec("BEGIN; SELECT count(*) FROM sqlite_schema"); err != nil {
		return nil, err
	}
	if err = db.store.Await(db.store.Mark()); err != nil { // a backup must not have what the database might lose
		return nil, err
	}
	s.view, s.lsn = db.store.View(), db.store.LogEnd()
	if err = guard.Exec("ROLLBACK"); err != nil {
		return nil, err
	}
	st, _, err := c.Prepare("PRAGMA page_count")
	if err != nil {
		return nil, c.Err(err)
	}
	defer st.Close()
	if !st.Step() {
		return nil, errors.Join(errors.New("no page count"), c.Err(st.Err()))
	}
	n, err := strconv.ParseUint(st.ColumnText(0), 10, 32)
	s.pages = uint32(n)
	return s, err
}

// Pages is the number of pages. They are numbered from 1.
func (s *Snapshot) Pages() uint32 { return s.pages }

// LSN is the number of the last frame that the snapshot has; 0 if the log is not kept. A log that is to be rolled forward on it begins there.
func (s *Snapshot) LSN() uint64 { return s.lsn }

// Page reads a page into dst, PageSize bytes. A page that does not authenticate is a [CorruptError].
func (s *Snapshot) Page(dst []byte, page uint32) error {
	if page == 0 || page > s.pages || len(dst) < PageSize {
		return fmt.Errorf("page %d of %d into %d bytes", page, s.pages, len(dst))
	}
	return mapped("reading a snapshot", s.db.cfg.Path, s.view.Read(dst, page))
}

// Header is the header that belongs to the pages. Take it after the last Page: it names the keys of all that were read.
func (s *Snapshot) Header() ([]byte, error) {
	return s.db.copyHeader(s.pages)
}

// copyHeader is the header as a copy elsewhere of so many pages needs it.
func (db *DB) copyHeader(pages uint32) ([]byte, error) {
	db.hdr.Lock()
	defer db.hdr.Unlock()
	h := db.hdr.h.Clone()
	h.Filled = pages
	if h.State.Scanning() {
		h.Position = 1 // pages that were read early are not what the scan has made of them since
	}
	var dek []byte
	if k := h.Newest(); k != nil {
		dek = db.hdr.deks[k.Generation].Expose()
	}
	return h.Encode(dek)
}

// Close releases the snapshot.
func (s *Snapshot) Close() error {
	if s.view == nil {
		return nil
	}
	s.view.Close()
	s.view = nil
	err := s.c.Close()
	s.db.snaps.Add(-1)
	return mapped("closing a snapshot", s.db.cfg.Path, err)
}

// HeaderInfo tells what a snapshot's header says of its database, without keys and without authentication.
func HeaderInfo(head []byte) (Status, error) {
	h, err := header.Decode(head)
	if err != nil {
		return Status{}, mapped("reading a header", "", err)
	}
	return statusOf(h, h.Filled), nil
}

// restoreBatch is how many pages a restore writes at once.
const restoreBatch = 128

// Restore makes a database file, which must not exist yet, from a snapshot's header and pages: next is called for page 1, 2, ...
// and fills PageSize bytes. The file appears whole or not at all. Whether it is genuine shows when it is opened, with the keys.
func Restore(ctx context.Context, cfg Config, head []byte, next func(dst []byte) error) error {
	cfg.defaults()
	return mapped("restoring a database", cfg.Path, restore(ctx, cfg, head, next))
}

func restore(ctx context.Context, cfg Config, head []byte, next func(dst []byte) error) error {
	h, err := header.Decode(head)
	if err != nil {
		return err
	}
	return build(cfg, func(f fsys.File) error {
		for c := range int64(2) {
			if _, err := f.WriteAt(head, c*header.CopySize); err != nil {
				return err
			}
		}
		batch := make([]byte, restoreBatch*PageSize)
		for n := int64(0); n < int64(h.Filled); {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			b := batch[:min(restoreBatch, int64(h.Filled)-n)*PageSize]
			for at := 0; at < len(b); at += PageSize {
				if err := next(b[at : at+PageSize]); err != nil {
					if errors.Is(err, io.EOF) {
						err = io.ErrUnexpectedEOF
					}
					return fmt.Errorf("page %d of %d: %w", n+int64(at/PageSize)+1, h.Filled, err)
				}
			}
			if _, err := f.WriteAt(b, header.Size+n*PageSize); err != nil {
				return err
			}
			n += int64(len(b) / PageSize)
		}
		return f.Sync()
	})
}

// build makes the database file by fill, under another name until it is durable.
func build(cfg Config, fill func(fsys.File) error) error {
	lock, err := cfg.FS.Lock(cfg.Path + ".lock")
	if err != nil {
		return err
	}
	defer lock.Close()
	if _, err := cfg.FS.Stat(cfg.Path); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = &fs.PathError{Op: "create", Path: cfg.Path, Err: fs.ErrExist}
		}
		return err
	}
	for _, suffix := range []string{"-wal", "-scan", "-new", rollSuffix} { // of a file that is gone
		if err := cfg.FS.Remove(cfg.Path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := logchain.Remove(cfg.FS, cfg.Path+chainSuffix); err != nil {
		return err
	}
	f, err := cfg.FS.OpenFile(cfg.Path+"-new", os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = fill(f)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = cfg.FS.Rename(cfg.Path+"-new", cfg.Path)
	}
	if err != nil {
		_ = cfg.FS.Remove(cfg.Path + "-new")
		return err
	}
	return cfg.FS.SyncDir(filepath.Dir(cfg.Path))
}
