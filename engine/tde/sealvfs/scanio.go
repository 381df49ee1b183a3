package sealvfs

import (
	"errors"
	"io"

	"latchkey/engine/tde/pagecipher"
)

// Batch is up to StripePages neighbouring pages of a scan, as they are to be on disk.
type Batch struct {
	First  uint32
	Pages  []uint32
	Images []byte // PageSize bytes for each of Pages

	codec *pagecipher.Codec
	raw   []byte
	plain [pagecipher.PageSize]byte
}

// Image is the image of Pages[i].
func (b *Batch) Image(i int) []byte {
	return b.Images[i*pagecipher.PageSize:][:pagecipher.PageSize]
}

// Reseal reads the stripe of pages that begins with first (1, 65, 129, ...) and puts into b those that are not yet as the ring
// writes them, resealed. From now on the stripe remembers which of its pages are written.
func (s *Store) Reseal(b *Batch, first uint32) error {
	s.change.RLock()
	defer s.change.RUnlock()
	if b.codec == nil {
		b.codec, b.raw = pagecipher.NewCodec(s.cfg.Ring), make([]byte, stripePages*pagecipher.PageSize)
	}
	b.First, b.Pages, b.Images = first, b.Pages[:0], b.Images[:0]
	l := s.stripe(first)
	l.Lock()
	l.first, l.touched = first, 0
	n, err := s.main.ReadAt(b.raw, offset(first))
	l.Unlock()
	if err != nil && !errors.Is(err, io.EOF) {
		return s.ioErr("reading", s.cfg.Path, err)
	}
	for i := range n / pagecipher.PageSize {
		page, disk := first+uint32(i), b.raw[i*pagecipher.PageSize:][:pagecipher.PageSize]
		if page > s.pages.Load() {
			break
		}
		if s.cfg.Ring.Is(pagecipher.Look(disk)) {
			continue // also not authenticated here: a read does that
		}
		st, slot, err := b.codec.OpenPage(b.plain[:], disk, page)
		if err == nil {
			err = s.check(page, st, slot)
		}
		if err != nil {
			return s.corruptErr(s.cfg.Path, uint64(page), err)
		}
		at := len(b.Images)
		if cap(b.Images) < stripePages*pagecipher.PageSize {
			b.Images = make([]byte, 0, stripePages*pagecipher.PageSize)
		}
		b.Images = b.Images[:at+pagecipher.PageSize]
		if err := b.codec.SealPage(b.Images[at:], b.plain[:], page); err != nil {
			return s.ioErr("sealing a page of", s.cfg.Path, err)
		}
		b.Pages = append(b.Pages, page)
	}
	clear(b.plain[:])
	return nil
}

// Install writes the batch in place, but for pages that were written since Reseal. Its images must be durable in a journal.
// If a write fails, the images stand in for what it left, until the file is opened anew; nothing more is written then.
func (s *Store) Install(b *Batch) error {
	if len(b.Pages) == 0 {
		return nil
	}
	s.change.RLock()
	defer s.change.RUnlock()
	if err := s.Failed(); err != nil {
		return err
	}
	l := s.stripe(b.First)
	l.Lock()
	defer l.Unlock()
	for i := 0; i < len(b.Pages); {
		if !s.installable(l, b.Pages[i]) {
			i++
			continue
		}
		j := i + 1 // a run of neighbours goes in one write
		for j < len(b.Pages) && b.Pages[j] == b.Pages[j-1]+1 && s.installable(l, b.Pages[j]) {
			j++
		}
		if err := s.installRun(b, i, j); err != nil {
			return err
		}
		i = j
	}
	return nil
}

func (s *Store) installable(l *stripe, page uint32) bool {
	return l.touched&(1<<(page-l.first)) == 0 && page <= s.pages.Load()
}

func (s *Store) installRun(b *Batch, i, j int) error {
	run := b.Images[i*pagecipher.PageSize : j*pagecipher.PageSize]
	_, err := s.main.WriteAt(run, offset(b.Pages[i]))
	if err == nil {
		return nil
	}
	for k := i; k < j; k++ {
		s.overlay.Store(b.Pages[k], append([]byte(nil), b.Image(k)...))
	}
	s.Fail(err)
	return s.ioErr("writing", s.cfg.Path, err)
}

// Restore writes a journal's image in place if the page on disk does not authenticate, and reports whether it did. A page
// that does authenticate may be newer than the image, and stays.
func (s *Store) Restore(c *pagecipher.Codec, page uint32, image []byte) (bool, error) {
	var raw, plain [pagecipher.PageSize]byte
	if page == 0 || page > s.pages.Load() {
		return false, nil
	}
	if n, err := s.main.ReadAt(raw[:], offset(page)); n < len(raw) && err != nil && !errors.Is(err, io.EOF) {
		return false, s.ioErr("reading", s.cfg.Path, err)
	}
	if st, slot, err := c.OpenPage(plain[:], raw[:], page); err == nil && s.check(page, st, slot) == nil {
		return false, nil
	}
	if st, slot, err := c.OpenPage(plain[:], image, page); err != nil || st == pagecipher.Hole || s.check(page, st, slot) != nil {
		return false, nil // the journal's own end was torn: then the page was not being written
	}
	if _, err := s.main.WriteAt(image, offset(page)); err != nil {
		return false, s.ioErr("restoring a page of", s.cfg.Path, err)
	}
	s.cache.Drop(uint64(page))
	return true, nil
}

// VerifyPage reads a page from disk, whatever the cache says.
func (s *Store) VerifyPage(b *Batch, page uint32) (pagecipher.State, error) {
	if b.codec == nil {
		b.codec, b.raw = pagecipher.NewCodec(s.cfg.Ring), make([]byte, stripePages*pagecipher.PageSize)
	}
	l := s.stripe(page)
	l.RLock()
	defer l.RUnlock()
	err := s.fetch(b.codec, b.raw, b.plain[:], page)
	if errors.Is(err, io.EOF) {
		return pagecipher.Hole, nil
	}
	st, _ := pagecipher.Look(b.raw[:pagecipher.PageSize])
	clear(b.plain[:])
	return st, err
}

// SyncLog makes the log durable, also its truncation.
func (s *Store) SyncLog() error { return s.log.sync(nil) }

// LogEmpty reports whether the log holds nothing.
func (s *Store) LogEmpty() (bool, error) {
	n, err := s.log.size()
	return n == 0, err
}
