package tde

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/engine/tde/header"
	"latchkey/engine/tde/logchain"
	"latchkey/engine/tde/pagecipher"
	"latchkey/engine/tde/scan"
	"latchkey/engine/tde/sealvfs"
	"latchkey/internal/clock"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

// Keys reaches the keys that protect databases. [ekm.Session] is one. It is called by Open, CreateKey, ReKey and ReWrap only.
type Keys interface {
	// Wrap encrypts a DEK under the key of this thumbprint.
	Wrap(ctx context.Context, t ekm.Thumbprint, plain *secret.Bytes) (ekm.Wrapped, error)
	// Unwrap decrypts what Wrap gave. The caller destroys the result.
	Unwrap(ctx context.Context, t ekm.Thumbprint, w ekm.Wrapped) (*secret.Bytes, error)
}

// Defaults of Config.
const (
	DefaultCacheBytes = 64 << 20
	DefaultScanRate   = 16 << 20
)

// Config says which database to open and how.
type Config struct {
	FS    fsys.FS     // nil means the machine's
	Path  string      // of the file; beside it lie Path-wal and Path-scan while in use, and Path.lock
	Clock clock.Clock // nil means the machine's
	// CacheBytes bounds the cache of decrypted pages that all connections share, a quarter of it for the log's last; 0 means
	// DefaultCacheBytes, less than 0 none.
	CacheBytes int64
	// ScanRate bounds scans, in bytes of the database in a second; 0 means DefaultScanRate, less than 0 no bound.
	ScanRate int64
	// NormalSync makes commits durable at checkpoints only (synchronous=NORMAL): a power cut may lose the last ones, nothing
	// else. Without it each commit is durable when it returns.
	NormalSync bool
	// LogPages is how many pages (of 4 KiB) the log holds before they are copied back into the file, beside writers; a log that readers do
	// not hold back gets about twice as long. 0 means what the cache keeps of the log, 3,072 with the default cache, at least 1,000.
	LogPages int
	// TempDir is where sealed temporary files go; "" means beside the database.
	TempDir string
	// RequireEncrypted refuses a file that is not encrypted, or being encrypted: for a caller who knows that it must be,
	// since a file cannot prove that it was not replaced by a plain one.
	RequireEncrypted bool
	// Notify is told after each change of state and at a scan's end or failure. It must not block nor call the DB. May be nil.
	Notify func(Status)
}

func (c *Config) defaults() {
	if c.FS == nil {
		c.FS = fsys.OS{}
	}
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	if c.CacheBytes == 0 {
		c.CacheBytes = DefaultCacheBytes
	}
	if c.ScanRate == 0 {
		c.ScanRate = DefaultScanRate
	}
}

// DB is an open database. It is safe for concurrent use.
type DB struct {
	cfg    Config
	unlock io.Closer
	ring   *pagecipher.Ring
	store  *sealvfs.Store
	uri    string
	budget *scan.Budget
	closed atomic.Bool

	hdr struct { // nothing else is locked while this is
		sync.Mutex
		file *header.File
		h    *header.Header // as last written
		deks map[uint32]*secret.Bytes
	}

	op     sync.Mutex // one change of state or keys at a time
	scan   scanState
	keeper struct { // a connection of our own, that keeps the log in being and does checkpoints
		sync.Mutex
		c *Conn
	}
	copier   copier
	chain    atomic.Pointer[logchain.Chain] // nil: the log is not kept
	snaps    atomic.Int64
	freeze   sync.RWMutex // held shared to begin a snapshot, exclusively to end a scan
	changing atomic.Bool  // the protector is being asked
}

// Create makes a database without a key, which must not exist yet, and opens it. It appears whole or not at all.
func Create(ctx context.Context, cfg Config) (*DB, error) {
	cfg.defaults()
	if err := create(cfg); err != nil {
		return nil, mapped("creating a database", cfg.Path, err)
	}
	return Open(ctx, cfg, nil)
}

func create(cfg Config) error {
	h := &header.Header{Filled: 1}
	rand.Read(h.FileID[:])
	return build(cfg, func(f fsys.File) error { return fill(f, h) })
}

// fill writes the header and an empty page 1.
func fill(f fsys.File, h *header.Header) error {
	var disk [pagecipher.PageSize]byte
	c := pagecipher.NewCodec(pagecipher.NewRing(h.FileID, nil))
	if err := c.SealPage(disk[:], firstPage(), 1); err != nil {
		return err
	}
	if _, err := f.WriteAt(disk[:], header.Size); err != nil {
		return err
	}
	return header.New(f).Write(h, nil) // syncs the page too
}

// firstPage is page 1 of an empty SQLite database of 4 KiB pages with 32 reserved bytes in WAL mode, as SQLite's
// newDatabase makes it (sqlite.org/fileformat2.html, 1.3), so that it never opens one in rollback mode.
func firstPage() []byte {
	p := make([]byte, pagecipher.PageSize)
	copy(p, "SQLite format 3\x00")
	p[16], p[17] = pagecipher.PageSize>>8, 0
	p[18], p[19] = 2, 2 // write-ahead log
	p[20] = pagecipher.Reserved
	p[21], p[22], p[23] = 64, 32, 32
	p[31] = 1     // size in pages
	p[100] = 0x0d // an empty leaf of a table
	p[105], p[106] = pagecipher.Payload>>8, pagecipher.Payload&0xff
	return p
}

// Open opens a database. Keys unwraps its DEK; it may be nil for a database without a key. ctx is for the opening only.
// A scan that was under way goes on, unless it was suspended.
func Open(ctx context.Context, cfg Config, keys Keys) (*DB, error) {
	cfg.defaults()
	lock, err := cfg.FS.Lock(cfg.Path + ".lock")
	if err != nil {
		return nil, mapped("opening a database", cfg.Path, err)
	}
	db := &DB{cfg: cfg, unlock: lock, budget: scan.NewBudget(max(0, cfg.ScanRate))}
	if err := db.open(ctx, keys); err != nil {
		db.release()
		return nil, mapped("opening a database", cfg.Path, err)
	}
	return db, nil
}

func (db *DB) open(ctx context.Context, keys Keys) error {
	if err := db.notRolling(); err != nil {
		return err
	}
	main, err := db.cfg.FS.OpenFile(db.cfg.Path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := db.load(ctx, main, keys); err != nil {
		_ = main.Close()
		return err
	}
	h := db.header()
	db.store, err = sealvfs.Open(sealvfs.Config{
		FS: db.cfg.FS, Path: db.cfg.Path, Main: main, ID: h.FileID, Ring: db.ring, TempDir: db.cfg.TempDir,
		CachePages: cachePages(db.cfg), Filled: h.Filled,
		SetFilled: func(pages uint32) error {
			return db.update(false, func(h *header.Header) { h.Filled = pages })
		},
		Now: db.cfg.Clock.Now, Committed: db.committed,
	})
	if err != nil {
		_ = main.Close()
		return err
	}
	db.apply(h)
	if _, err := scan.Recover(db.cfg.FS, db.cfg.Path, h.FileID, pagecipher.NewCodec(db.ring), db.store); err != nil {
		return err
	}
	if err := db.store.RemoveTemp(); err != nil {
		return err
	}
	db.uri = db.store.Register()
	if db.keeper.c, err = db.connect(ctx); err != nil {
		return err
	}
	if err := db.keeper.c.BusyTimeout(checkpointWait); err != nil {
		return err
	}
	if err := db.store.PinIndex(); err != nil {
		return err
	}
	if err := db.resumeChain(); err != nil {
		return err
	}
	// Copy back what a crash left in the log, so that scans and backups may rely on the main file.
	if err := db.checkpoint(ctx); err != nil {
		return err
	}
	if err := db.store.Repair(); err != nil {
		return err
	}
	db.startCopier()
	if !h.State.Scanning() {
		return scan.Wipe(db.cfg.FS, db.cfg.Path)
	}
	if !h.Suspended {
		db.startScan()
	}
	return nil
}

// load reads the header and unwraps the keys.
func (db *DB) load(ctx context.Context, main fsys.File, keys Keys) error {
	file, h, err := header.Load(main)
	if err != nil {
		return err
	}
	db.hdr.file, db.hdr.h, db.hdr.deks = file, h, map[uint32]*secret.Bytes{}
	h.Opened = db.now()
	db.ring = pagecipher.NewRing(h.FileID, db.newEpoch)
	for i := range h.Keys {
		k := &h.Keys[i]
		dek, err := db.unwrap(ctx, keys, k)
		if err != nil {
			return err
		}
		db.hdr.deks[k.Generation] = dek
		if err := db.ring.Add(pagecipher.DEK{Generation: k.Generation, Key: dek.Clone(), Next: k.NextEpoch, Spans: k.Spans}); err != nil {
			return err
		}
	}
	if k := h.Newest(); k != nil {
		if err := h.Verify(db.hdr.deks[k.Generation].Expose()); err != nil {
			return err
		}
	}
	if s := h.State; db.cfg.RequireEncrypted && s != header.Encrypted && s != header.Encrypting && s != header.KeyChange {
		return code.Wrap(code.DatabaseNotEncrypted, "opening a database", db.cfg.Path, fmt.Errorf("%w: %v", ErrNotEncrypted, s))
	}
	return nil
}

func (db *DB) unwrap(ctx context.Context, keys Keys, k *header.Key) (*secret.Bytes, error) {
	if keys == nil {
		return nil, code.Wrap(code.DatabaseKey, "unwrapping the database key", db.cfg.Path, fmt.Errorf("%w: no key store was given", ErrKeys))
	}
	dek, err := keys.Unwrap(ctx, k.Protector, k.Wrapped)
	if err != nil {
		return nil, code.Wrap(code.DatabaseKey, "unwrapping the database key", db.cfg.Path, fmt.Errorf("%w: protector %v: %w", ErrKeys, k.Protector, err))
	}
	if dek.Len() != k.Algorithm.KeyLen() {
		dek.Destroy()
		return nil, code.Wrap(code.DatabaseKey, "unwrapping the database key", db.cfg.Path,
			fmt.Errorf("%w: protector %v gave %d bytes, want %d", ErrKeys, k.Protector, dek.Len(), k.Algorithm.KeyLen()))
	}
	return dek, nil
}

// Close ends the database: a scan stops where it is and goes on at the next opening, the log is copied back, emptied and
// removed; that an empty one could not be removed is no error. All connections and snapshots must be closed before. The keys are wiped in
// any case.
func (db *DB) Close() error {
	if db.closed.Swap(true) {
		return nil
	}
	db.op.Lock()
	defer db.op.Unlock()
	err := db.stopScan()
	db.stopCopier()
	db.keeper.Lock()
	if db.keeper.c != nil {
		if db.store.Failed() == nil {
			_, _, cerr := db.keeper.c.WALCheckpoint("main", checkpointTruncate)
			err = errors.Join(err, db.keeper.c.Err(cerr))
		}
		err = errors.Join(err, db.keeper.c.Close())
		db.keeper.c = nil
	}
	db.keeper.Unlock()
	return mapped("closing the database", db.cfg.Path, errors.Join(err, db.release()))
}

// release frees what open took, as far as it came.
func (db *DB) release() error {
	var err error
	db.stopCopier()
	if db.keeper.c != nil {
		err = db.keeper.c.Close()
	}
	if db.store != nil {
		err = errors.Join(err, db.store.Close())
	}
	if db.ring != nil {
		db.ring.Close()
	}
	db.hdr.Lock()
	for _, d := range db.hdr.deks {
		d.Destroy()
	}
	db.hdr.deks = nil
	db.hdr.Unlock()
	return errors.Join(err, db.unlock.Close())
}

func (db *DB) now() int64 { return db.cfg.Clock.Now().UnixMilli() }
