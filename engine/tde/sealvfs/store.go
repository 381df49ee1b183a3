package sealvfs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"latchkey/engine/tde/header"
	"latchkey/engine/tde/pagecache"
	"latchkey/engine/tde/pagecipher"
	"latchkey/internal/fsys"
)

const (
	stripePages = 64 // pages under one lock, and in one step of a scan
	stripeCount = 64
)

// StripePages is how many neighbouring pages share a lock; Reseal takes at most these.
const StripePages = stripePages

// Config says what a Store works on.
type Config struct {
	FS   fsys.FS
	Path string    // of the main file; the log is Path + "-wal"
	Main fsys.File // the open main file; the Store closes it
	ID   pagecipher.FileID
	Ring *pagecipher.Ring
	// CachePages bounds the cache of decrypted pages; 0 means none.
	CachePages int
	// TempDir is where temporary files go; "" means beside the main file.
	TempDir string
	// Filled is how many pages the header says to be durable. SetFilled makes another number durable there.
	Filled    uint32
	SetFilled func(pages uint32) error
	// Now is the time for commits that are kept.
	Now func() time.Time
	// Committed is what [Committed] calls.
	Committed func(frames int64)
}

// Policy says which pages a database may hold.
type Policy struct {
	Plain  bool    // pages in clear
	Sealed [2]bool // pages sealed under the DEK of this parity
	// Pages below Done must be as the ring writes them now: a scan has passed them.
	Done uint32
}

// Store is the files of one open database.
type Store struct {
	cfg    Config
	main   fsys.File
	log    *wal
	cache  *pagecache.Cache
	locks  lockTable
	policy atomic.Pointer[Policy]
	failed atomic.Pointer[Error]
	last   atomic.Pointer[error]

	showing, shown atomic.Uint64 // commits; see Version

	// change is held shared by every write and exclusively while the sealing key changes, so that none straddles it.
	change  sync.RWMutex
	stripes [stripeCount]stripe

	grow   sync.Mutex // held to lengthen or shorten the main file
	pages  atomic.Uint32
	filled atomic.Uint32

	// settled is false from opening to Repair: until then the file's end may hold pages that no crash-safe write made.
	settled atomic.Bool

	overlay sync.Map // page number -> its image on disk, while a scan writes it in place

	indexDir  string
	indexLock io.Closer
	index     atomic.Pointer[os.FileInfo] // of the index, once a connection made it
	mainName  string
	vfsName   string
}

type stripe struct {
	sync.RWMutex
	first   uint32 // of the pages that a scan is busy with
	touched uint64 // those of them that were written since, by bit
}

// Open makes a Store over the files of cfg.
func Open(cfg Config) (*Store, error) {
	s := &Store{cfg: cfg, main: cfg.Main, cache: pagecache.New(cfg.CachePages - LogCache(cfg.CachePages))}
	s.SetPolicy(Policy{})
	size, err := s.main.Size()
	if err != nil {
		return nil, fmt.Errorf("opening %q: %w", cfg.Path, err)
	}
	s.pages.Store(uint32(max(0, size-header.Size) / pagecipher.PageSize))
	s.filled.Store(cfg.Filled)
	if have := s.pages.Load(); have < cfg.Filled {
		return nil, s.corrupt(cfg.Path, uint64(have)+1, fmt.Sprintf("the file ends before it: %d of %d pages are there", have, cfg.Filled))
	}
	if s.log, err = openWAL(s); err != nil {
		return nil, err
	}
	if s.indexDir, s.indexLock, err = indexDir(); err != nil {
		return nil, err
	}
	return s, nil
}

// Close closes the files. Connections must be closed before.
func (s *Store) Close() error {
	s.unregister()
	err := s.log.close()
	if cerr := s.main.Close(); err == nil {
		err = cerr
	}
	s.cache.Wipe()
	s.log.ring.Wipe()
	rerr := removeIndex(s.indexDir)
	return errors.Join(err, rerr, s.indexLock.Close())
}

// SetPolicy says from now on which pages may be read.
func (s *Store) SetPolicy(p Policy) { s.policy.Store(&p) }

// Change runs f while nothing is being written, so that f may change what the ring seals with, and the policy.
func (s *Store) Change(f func()) {
	s.change.Lock()
	defer s.change.Unlock()
	f()
}

// Pages is the length of the main file in pages.
func (s *Store) Pages() uint32 { return s.pages.Load() }

// Failed is the error after which nothing is written any more; nil if there was none.
func (s *Store) Failed() error {
	if e := s.failed.Load(); e != nil {
		return e
	}
	return nil
}

// Fail ends all writing.
func (s *Store) Fail(err error) {
	s.failed.CompareAndSwap(nil, &Error{File: s.cfg.Path, Op: "writing after a failure", Err: err})
}

func offset(page uint32) int64 { return header.Size + int64(page-1)*pagecipher.PageSize }

func (s *Store) stripe(page uint32) *stripe {
	return &s.stripes[(page-1)/stripePages%stripeCount]
}

// check says whether the policy allows a page that authenticated.
func (s *Store) check(page uint32, st pagecipher.State, slot pagecipher.Slot) error {
	p := s.policy.Load()
	switch {
	case st == pagecipher.Hole:
		if page <= s.filled.Load() {
			return s.corrupt(s.cfg.Path, uint64(page), "it is empty, but was written once")
		}
		return nil
	case st == pagecipher.Plain && !p.Plain:
		return s.corrupt(s.cfg.Path, uint64(page), "it is in clear in an encrypted database")
	case st == pagecipher.Sealed && !p.Sealed[slot.Parity()]:
		return s.corrupt(s.cfg.Path, uint64(page), "it is sealed under a key that this database no longer uses")
	case page < p.Done && !s.cfg.Ring.Is(st, slot):
		return s.corrupt(s.cfg.Path, uint64(page), "it is in the state before a change of encryption that has passed it")
	}
	return nil
}

// readPage reads the page's payload into dst through raw, a page of scratch. io.EOF if the file ends before the page.
func (s *Store) readPage(c *pagecipher.Codec, raw, dst []byte, page uint32) error {
	l := s.stripe(page)
	l.RLock()
	defer l.RUnlock()
	if s.cache.Get(uint64(page), dst) {
		return nil
	}
	if err := s.fetch(c, raw, dst, page); err != nil {
		return err
	}
	s.cache.Put(uint64(page), dst)
	return nil
}

// fetch reads a page from disk. The caller holds the page's stripe.
func (s *Store) fetch(c *pagecipher.Codec, raw, dst []byte, page uint32) error {
	n, err := s.main.ReadAt(raw[:pagecipher.PageSize], offset(page))
	if n < pagecipher.PageSize {
		if err != nil && !errors.Is(err, io.EOF) {
			return s.ioErr("reading", s.cfg.Path, err)
		}
		if page <= s.filled.Load() {
			return s.corrupt(s.cfg.Path, uint64(page), "the file ends before it")
		}
		return io.EOF
	}
	st, slot, err := c.OpenPage(dst, raw, page)
	if err == nil {
		return s.check(page, st, slot)
	}
	if image, ok := s.overlay.Load(page); ok { // a scan's write failed half-way: its journal's image counts
		if st, slot, ierr := c.OpenPage(dst, image.([]byte), page); ierr == nil {
			return s.check(page, st, slot)
		}
	}
	return s.corruptErr(s.cfg.Path, uint64(page), err)
}

// writePage seals the page and writes it in place. disk is scratch of its size.
func (s *Store) writePage(c *pagecipher.Codec, disk, plain []byte, page uint32) error {
	defer yield(page) // after the locks are released
	s.change.RLock()
	defer s.change.RUnlock()
	if err := s.Failed(); err != nil {
		return err
	}
	if page > s.pages.Load()+1 {
		if err := s.growTo(c, page-1); err != nil {
			return err
		}
	}
	if err := c.SealPage(disk, plain, page); err != nil {
		return s.ioErr("sealing a page of", s.cfg.Path, err)
	}
	l := s.stripe(page)
	l.Lock()
	defer l.Unlock()
	if d := page - l.first; l.first != 0 && page >= l.first && d < stripePages {
		l.touched |= 1 << d
	}
	if _, err := s.main.WriteAt(disk, offset(page)); err != nil {
		s.cache.Drop(uint64(page))
		return s.ioErr("writing", s.cfg.Path, err)
	}
	s.overlay.Delete(page)
	s.cache.Offer(uint64(page), plain)
	if page > s.pages.Load() {
		s.grow.Lock()
		defer s.grow.Unlock()
		s.pages.Store(max(s.pages.Load(), page))
	}
	return nil
}

// yieldPages is how many pages are copied back in a row before goroutines that wait for a processor get it: some 300 us.
const yieldPages = 64

// yield is called for each page that is copied back.
func yield(page uint32) {
	if page%yieldPages == 0 {
		runtime.Gosched()
	}
}

// growTo fills the file with empty pages up to last, so that no hole is ever left: a hole that an attacker makes must not pass.
func (s *Store) growTo(c *pagecipher.Codec, last uint32) error {
	s.grow.Lock()
	defer s.grow.Unlock()
	for p := s.pages.Load() + 1; p <= last; p++ {
		if err := s.blank(c, p); err != nil {
			return err
		}
		s.pages.Store(p)
	}
	return nil
}

func (s *Store) blank(c *pagecipher.Codec, page uint32) error {
	var raw, empty [pagecipher.PageSize]byte
	if err := c.SealPage(raw[:], empty[:], page); err != nil {
		return s.ioErr("sealing a page of", s.cfg.Path, err)
	}
	if _, err := s.main.WriteAt(raw[:], offset(page)); err != nil {
		return s.ioErr("writing", s.cfg.Path, err)
	}
	return nil
}

// Repair, after a crash and once the log was copied back, writes empty pages where the end of the file holds pages that
// were never made durable: the log did not need them, so nobody has seen content in them.
func (s *Store) Repair() error {
	c := pagecipher.NewCodec(s.cfg.Ring)
	var raw, dst [pagecipher.PageSize]byte
	for p := s.filled.Load() + 1; p <= s.pages.Load(); p++ {
		if _, err := s.main.ReadAt(raw[:], offset(p)); err != nil {
			return s.ioErr("reading", s.cfg.Path, err)
		}
		if st, _, err := c.OpenPage(dst[:], raw[:], p); err != nil || st == pagecipher.Hole {
			if err := s.blank(c, p); err != nil {
				return err
			}
			s.cache.Drop(uint64(p))
		}
	}
	s.settled.Store(true)
	return s.SyncMain()
}

// SyncMain makes the main file durable, and then the number of its pages.
func (s *Store) SyncMain() error {
	if err := s.Failed(); err != nil {
		return err
	}
	pages := s.pages.Load()
	if err := s.main.Sync(); err != nil {
		s.Fail(err)
		return s.ioErr("syncing", s.cfg.Path, err)
	}
	if pages <= s.filled.Load() || !s.settled.Load() {
		return nil
	}
	if err := s.cfg.SetFilled(pages); err != nil {
		return s.ioErr("recording the size of", s.cfg.Path, err)
	}
	s.filled.Store(pages)
	return nil
}

// truncate shortens the main file to this many pages.
func (s *Store) truncate(pages uint32) error {
	s.change.RLock()
	defer s.change.RUnlock()
	if err := s.Failed(); err != nil {
		return err
	}
	for i := range s.stripes {
		s.stripes[i].Lock()
		defer s.stripes[i].Unlock()
	}
	s.grow.Lock()
	defer s.grow.Unlock()
	have := s.pages.Load()
	if pages >= have {
		return nil // SQLite only shortens; lengthening is done by writing
	}
	if pages < s.filled.Load() { // first say that the pages may be missing, then remove them
		if err := s.cfg.SetFilled(pages); err != nil {
			return s.ioErr("recording the size of", s.cfg.Path, err)
		}
		s.filled.Store(pages)
	}
	s.cache.DropRange(pages+1, have)
	if err := s.main.Truncate(offset(pages + 1)); err != nil {
		return s.ioErr("truncating", s.cfg.Path, err)
	}
	s.pages.Store(pages)
	return nil
}
