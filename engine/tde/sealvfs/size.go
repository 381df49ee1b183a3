package sealvfs

import "latchkey/engine/tde/pagecipher"

// LogUse is what of the log of a [Store] is in use.
type LogUse struct {
	Next   uint64 // the keeper's number for the first committed frame that it does not have; 0 if nobody keeps the log
	Frames uint64 // committed since the log started over
	Bytes  int64  // of the file; 0 without one
	Plain  bool   // frames in clear may be in the file
}

// LogUse tells what of the log is in use.
func (s *Store) LogUse() (LogUse, error) {
	w := s.log
	w.mu.Lock()
	defer w.mu.Unlock()
	u := LogUse{Frames: w.commit, Plain: w.plain}
	if w.keep != nil {
		u.Next = w.next
	}
	if w.f == nil {
		return u, nil
	}
	size, err := w.f.Size()
	if err != nil {
		return u, w.s.ioErr("measuring", w.name, err)
	}
	u.Bytes = max(size, pagecipher.DiskWALHeader)
	return u, nil
}
