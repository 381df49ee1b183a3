package token

import (
	"crypto/sha256"
	"sync"
	"time"

	"latchkey/vault/rbac"
)

// entry is what is remembered of a token whose signature and issuer were checked.
type entry struct {
	principal rbac.Principal
	audience  string
	notBefore int64 // Unix seconds; 0 if the token names none
	expires   int64
	issuer    *Issuer
	epoch     uint64 // of the issuer's keys before the check
}

// cache maps SHA-256 of a token to its entry. Sharded, so that cores do not wait for each other.
type cache struct {
	shards [16]shard
	limit  int // per shard; 0 keeps nothing
}

type shard struct {
	mu sync.RWMutex
	m  map[[sha256.Size]byte]*entry
}

func newCache(size int) *cache {
	c := &cache{}
	if size > 0 {
		c.limit = (size + len(c.shards) - 1) / len(c.shards)
	}
	for i := range c.shards {
		c.shards[i].m = map[[sha256.Size]byte]*entry{}
	}
	return c
}

func (c *cache) shard(sum *[sha256.Size]byte) *shard { return &c.shards[int(sum[0])%len(c.shards)] }

func (c *cache) get(sum *[sha256.Size]byte) (*entry, bool) {
	s := c.shard(sum)
	s.mu.RLock()
	e, ok := s.m[*sum]
	s.mu.RUnlock()
	return e, ok
}

// put remembers e. When the shard is full it first drops what expired, then any other: only holders of valid tokens fill
// it, and a dropped one costs a signature check.
func (c *cache) put(sum *[sha256.Size]byte, e *entry, now time.Time) {
	if c.limit == 0 {
		return
	}
	s := c.shard(sum)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.m[*sum]; !ok && len(s.m) >= c.limit {
		for k, old := range s.m {
			if old.expires <= now.Unix() {
				delete(s.m, k)
			}
		}
		for k := range s.m {
			if len(s.m) < c.limit {
				break
			}
			delete(s.m, k)
		}
	}
	s.m[*sum] = e
}
