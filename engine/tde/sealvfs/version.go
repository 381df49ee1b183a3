package sealvfs

// Version counts the commits that anybody may see: it is another number from before a commit can be read. quiet reports that no commit was on
// its way then, that is, counted and perhaps not readable yet. So a snapshot that began after a quiet Version has all that was readable so far, and
// still has as long as Version is the same.
func (s *Store) Version() (version uint64, quiet bool) {
	version = s.showing.Load()
	return version, s.shown.Load() == version // never more
}

// show counts a commit whose last frame is being written, which SQLite shows to others afterwards.
func (f *mainFile) show() {
	if !f.showing {
		f.showing = true
		f.s.showing.Add(1)
	}
}

// shown says that others can read what show counted, or that they never will.
func (f *mainFile) shown() {
	if f.showing {
		f.showing = false
		f.s.shown.Add(1)
	}
}
