// Package pagecache keeps decrypted pages and log frames in memory for all connections of a database.
//
// It pays because SQLite caches per connection, and a copy from here costs a fraction of a read and a decryption; see DESIGN.md
// of package tde for the figures. Which version of a page is current is for the caller to order: readers and writers of one key
// hold its lock, or write a frame before anybody can know of it. What it holds is in clear: [Cache.Wipe] overwrites it.
package pagecache

import (
	"sync"

	"latchkey/engine/tde/pagecipher"
)

const shardCount = 16

// Cache is a cache with second chances. It is safe for concurrent use. A nil-sized one ([New] with 0) holds nothing.
type Cache struct {
	shards [shardCount]shard
	limit  int // pages in each shard
	slab   slab
}

type shard struct {
	sync.Mutex
	at   map[uint64]int
	keys []uint64
	used []bool                 // since the hand passed last
	data []*pagecipher.FrameBuf // of which the payload counts
	free []int                  // places without a key
	hand int

	missed uint32 // Puts that found no entry and no room
}

// New makes a cache of at most pages entries.
func New(pages int) *Cache {
	c := &Cache{limit: (pages + shardCount - 1) / shardCount}
	for i := range c.shards {
		c.shards[i].at = map[uint64]int{}
	}
	return c
}

func (c *Cache) shard(key uint64) *shard { return &c.shards[(key*0x9E3779B97F4A7C15)>>60] }

// Get copies the entry of key, Payload bytes, to dst and reports whether there is one.
func (c *Cache) Get(key uint64, dst []byte) bool {
	if c.limit == 0 {
		return false
	}
	s := c.shard(key)
	s.Lock()
	defer s.Unlock()
	i, ok := s.at[key]
	if ok {
		s.used[i] = true
		copy(dst, s.data[i].Payload())
	}
	return ok
}

// admitEvery is which share of what is new a full cache takes. To take all would cost each miss a copy to cold memory and push out what is read often
// for what is read once; what is read often is soon among the share.
const admitEvery = 8

// Put stores the first Payload bytes of src, which was read. In a full cache something else goes, or it is not stored; see admitEvery.
func (c *Cache) Put(key uint64, src []byte) {
	if c.limit == 0 {
		return
	}
	s := c.shard(key)
	s.Lock()
	defer s.Unlock()
	i, ok := s.at[key]
	if !ok {
		if s.full(c.limit) {
			if s.missed++; s.missed%admitEvery != 0 {
				return
			}
		}
		i = s.enter(key, c.limit)
	}
	s.used[i] = true
	c.fill(s, i, src)
}

// Offer is Put for what is written: it renews the entry of key, and without one takes a place that nobody has, but pushes nothing out. What was
// only written may never be read, so it goes before anything that was.
func (c *Cache) Offer(key uint64, src []byte) {
	if c.limit == 0 {
		return
	}
	s := c.shard(key)
	s.Lock()
	defer s.Unlock()
	i, ok := s.at[key]
	if !ok {
		if s.full(c.limit) {
			return
		}
		i = s.enter(key, c.limit)
	}
	c.fill(s, i, src)
}

// fill stores src in a place.
func (c *Cache) fill(s *shard, i int, src []byte) {
	if s.data[i] == nil {
		s.data[i] = c.slab.next(c.limit * shardCount)
	}
	copy(s.data[i].Payload(), src)
}

// full reports whether each place has a key.
func (s *shard) full(limit int) bool { return len(s.free) == 0 && len(s.data) >= limit }

// enter gives key, which has none, a place.
func (s *shard) enter(key uint64, limit int) int {
	i := s.place(limit)
	s.keys[i], s.used[i], s.at[key] = key, false, i
	return i
}

// place frees a place: the first that was not used since the hand passed (second chance).
func (s *shard) place(limit int) int {
	if n := len(s.free); n > 0 {
		i := s.free[n-1]
		s.free = s.free[:n-1]
		return i
	}
	if len(s.data) < limit {
		s.keys = append(s.keys, 0)
		s.used = append(s.used, false)
		s.data = append(s.data, nil)
		return len(s.data) - 1
	}
	for s.used[s.hand] { // no place is free here, so each has a key
		s.used[s.hand] = false
		s.hand = (s.hand + 1) % len(s.data)
	}
	i := s.hand
	s.hand = (s.hand + 1) % len(s.data)
	delete(s.at, s.keys[i])
	return i
}

// Drop forgets the entry of key.
func (c *Cache) Drop(key uint64) {
	s := c.shard(key)
	s.Lock()
	defer s.Unlock()
	if i, ok := s.at[key]; ok {
		delete(s.at, key)
		s.used[i] = false
		s.free = append(s.free, i)
	}
}

// DropRange forgets the entries of keys first to last.
func (c *Cache) DropRange(first, last uint32) {
	for p := uint64(first); p <= uint64(last); p++ {
		c.Drop(p)
	}
}

// Wipe overwrites and forgets everything.
func (c *Cache) Wipe() {
	for i := range c.shards {
		s := &c.shards[i]
		s.Lock()
		for _, d := range s.data {
			if d != nil {
				clear(d[:])
			}
		}
		s.at, s.keys, s.used, s.data, s.free, s.hand = map[uint64]int{}, nil, nil, nil, nil, 0
		s.Unlock()
	}
}
