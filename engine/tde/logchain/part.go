package logchain

import "latchkey/engine/tde/pagecipher"

// Part is a segment as it lies on disk.
type Part struct {
	First  uint64 // LSN of the first frame
	Frames uint64
	Bytes  int64  // of its frames
	Plain  bool   // some frames may be in clear
	Head   []byte // the database's header as of then
}

// Parts are the segments, oldest first.
func (c *Chain) Parts() ([]Part, error) {
	c.files.RLock()
	defer c.files.RUnlock()
	c.mu.Lock()
	segs := append([]seg(nil), c.segs...)
	c.mu.Unlock()
	var out []Part
	for _, s := range segs {
		i, err := c.info(s.first)
		if err != nil {
			return nil, err
		}
		out = append(out, Part{First: i.First, Frames: i.Frames, Bytes: int64(i.Frames) * pagecipher.DiskFrame, Plain: i.Plain, Head: i.Head})
	}
	return out, nil
}
