package fsys

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// sector is the unit that a disk writes whole, in bytes. A torn write stores some of its sectors.
const sector = 512

// Crash says what a power cut leaves of the changes that were not synced. The zero value loses all of them.
type Crash struct {
	// Rand decides; nil loses everything that was not synced. The same seed gives the same disk.
	Rand *rand.Rand
	// Keep is the chance, 0 to 1, that one unsynced write reached the disk. Writes are kept or lost one by one, which
	// covers reordering: a later one may survive an earlier.
	Keep float64
	// Torn is the chance, 0 to 1, that a kept write reached the disk only in part, in sectors of 512 bytes.
	Torn float64
}

// CrashClone returns the disk as a machine would find it after a power cut now. m goes on unharmed and shares nothing with
// the clone. Unsynced directory changes survive up to an arbitrary point in their order, as a journaling file system
// leaves them.
func (m *Mem) CrashClone(c Crash) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := NewMem()
	clones := map[*memNode]*memNode{}
	for _, name := range slices.Sorted(maps.Keys(m.dirs)) { // sorted: a seed must give one disk
		d := m.dirs[name]
		entries := maps.Clone(d.durable)
		if c.Rand != nil {
			for _, change := range d.pending[:c.Rand.IntN(len(d.pending)+1)] {
				change(entries)
			}
		}
		nd := newMemDir()
		for _, base := range slices.Sorted(maps.Keys(entries)) {
			n := entries[base]
			if clones[n] == nil {
				clones[n] = c.survivor(n)
			}
			nd.live[base] = clones[n]
			out.used += int64(len(clones[n].live))
		}
		nd.durable = maps.Clone(nd.live)
		out.dirs[name] = nd
	}
	return out
}

func (c Crash) survivor(n *memNode) *memNode {
	b := slices.Clone(n.durable)
	for _, w := range n.pending {
		if c.Rand == nil || c.Rand.Float64() >= c.Keep {
			continue
		}
		if w.data == nil || c.Rand.Float64() >= c.Torn {
			b = w.apply(b)
			continue
		}
		for off := int64(0); off < int64(len(w.data)); { // sectors of the disk, not of the write
			end := min(int64(len(w.data)), (w.off+off)/sector*sector+sector-w.off)
			if c.Rand.IntN(2) == 0 {
				b = memWrite{off: w.off + off, data: w.data[off:end]}.apply(b)
			}
			off = end
		}
	}
	return &memNode{live: b, durable: slices.Clone(b), modTime: n.modTime}
}
