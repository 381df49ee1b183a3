package sealvfs

import (
	"sync"

	"latchkey/engine/tde/pagecipher"
)

const shardCount = 16

// cache keeps decrypted pages and log frames for all connections. It pays because SQLite caches per connection, and a copy
// from here costs a fraction of a read and a decryption; see DESIGN.md for the figures. Which version is current is for
// the caller to order: readers and writers of one key hold its stripe, or write a frame before anybody can know of it.
type cache struct {
	shards [shardCount]shard
	limit  int // pages in each shard
}

type shard struct {
	sync.Mutex
	at   map[uint64]int
	keys []uint64
	used []bool // since the hand passed last
	data []*[pagecipher.Payload]byte
	hand int
}

func newCache(pages int) *cache {
	c := &cache{limit: (pages + shardCount - 1) / shardCount}
	for i := range c.shards {
		c.shards[i].at = map[uint64]int{}
	}
	return c
}

func (c *cache) shard(key uint64) *shard { return &c.shards[(key*0x9E3779B97F4A7C15)>>60] }

func (c *cache) get(key uint64, dst []byte) bool {
	if c.limit == 0 {
		return false
	}
	s := c.shard(key)
	s.Lock()
	defer s.Unlock()
	i, ok := s.at[key]
	if ok {
		s.used[i] = true
		copy(dst, s.data[i][:])
	}
	return ok
}

// put stores the first Payload bytes of src; it never fails, at worst something else goes.
func (c *cache) put(key uint64, src []byte) {
	if c.limit == 0 {
		return
	}
	s := c.shard(key)
	s.Lock()
	defer s.Unlock()
	i, ok := s.at[key]
	if !ok {
		i = s.place(c.limit)
		s.keys[i] = key
		s.at[key] = i
	}
	s.used[i] = true
	copy(s.data[i][:], src)
}

// place frees a place: the first that was not used since the hand passed (second chance).
func (s *shard) place(limit int) int {
	if len(s.data) < limit {
		s.keys = append(s.keys, 0)
		s.used = append(s.used, false)
		s.data = append(s.data, new([pagecipher.Payload]byte))
		return len(s.data) - 1
	}
	for s.used[s.hand] {
		s.used[s.hand] = false
		s.hand = (s.hand + 1) % len(s.data)
	}
	i := s.hand
	s.hand = (s.hand + 1) % len(s.data)
	if s.at[s.keys[i]] == i {
		delete(s.at, s.keys[i])
	}
	return i
}

func (c *cache) drop(key uint64) {
	s := c.shard(key)
	s.Lock()
	defer s.Unlock()
	if i, ok := s.at[key]; ok {
		delete(s.at, key)
		s.used[i] = false
	}
}

func (c *cache) dropPages(first, last uint32) {
	for p := uint64(first); p <= uint64(last); p++ {
		c.drop(p)
	}
}

// wipe overwrites and forgets everything.
func (c *cache) wipe() {
	for i := range c.shards {
		s := &c.shards[i]
		s.Lock()
		for _, d := range s.data {
			clear(d[:])
		}
		s.at, s.keys, s.used, s.data, s.hand = map[uint64]int{}, nil, nil, nil, 0
		s.Unlock()
	}
}
