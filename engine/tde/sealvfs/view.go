package sealvfs

import (
	"errors"
	"io"

	"latchkey/engine/tde/pagecipher"
)

// View is the pages as of one commit. It holds while a connection holds a read transaction that began with no writer in between:
// then no frame that it needs leaves the log unless it is in the main file, and no later one reaches the main file.
type View struct {
	s      *Store
	codec  *pagecipher.Codec
	salts  uint64
	frames map[uint32]uint64 // page -> its last frame in the log
	raw    [pagecipher.DiskFrame]byte
	plain  [pagecipher.PageSize]byte
	frame  pagecipher.FrameBuf
}

// View takes the view of the last commit. The caller keeps writers out meanwhile.
func (s *Store) View() *View {
	w := s.log
	w.mu.Lock()
	defer w.mu.Unlock()
	v := &View{s: s, codec: pagecipher.NewCodec(s.cfg.Ring), salts: w.salts.Load(), frames: map[uint32]uint64{}}
	for i, page := range w.pages[:min(uint64(len(w.pages)), w.commit)] {
		v.frames[page] = uint64(i) + 1
	}
	return v
}

// Read gives the page as it is to be in a main file, in dst, PageSize bytes. Of a page that the database has but that was never
// written it gives an empty one.
func (v *View) Read(dst []byte, page uint32) error {
	s := v.s
	if frame := v.frames[page]; frame != 0 {
		err := s.log.load(v.codec, v.raw[:], &v.frame, frame)
		var bad *Error
		switch {
		case err == nil && salts(&v.frame) == v.salts:
			return v.seal(dst, v.frame.Payload(), page)
		case errors.As(err, &bad) && !bad.bad:
			return err
		case s.log.salts.Load() == v.salts: // the log has not started over, so the frame should be there
			if err == nil || errors.Is(err, io.EOF) {
				err = s.corrupt(s.log.name, frame, "it is gone")
			}
			return err
		}
	}
	l := s.stripe(page)
	l.RLock()
	defer l.RUnlock()
	err := s.fetch(v.codec, v.raw[:], v.plain[:], page)
	if errors.Is(err, io.EOF) {
		clear(v.plain[:])
		return v.seal(dst, v.plain[:], page)
	}
	if err != nil {
		return err
	}
	if st, _ := pagecipher.Look(v.raw[:pagecipher.PageSize]); st == pagecipher.Hole {
		return v.seal(dst, v.plain[:], page)
	}
	copy(dst, v.raw[:pagecipher.PageSize])
	return nil
}

func (v *View) seal(dst, payload []byte, page uint32) error {
	v.s.change.RLock()
	defer v.s.change.RUnlock()
	if err := v.codec.SealPage(dst, payload, page); err != nil {
		return v.s.ioErr("sealing a page of", v.s.cfg.Path, err)
	}
	return nil
}

// Close wipes what the view holds in clear.
func (v *View) Close() {
	clear(v.plain[:])
	clear(v.frame[:])
}
