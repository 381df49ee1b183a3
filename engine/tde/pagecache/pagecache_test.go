package pagecache_test

import (
	"bytes"
	"sync"
	"testing"

	"latchkey/engine/tde/pagecache"
	"latchkey/engine/tde/pagecipher"
)

func payload(b byte) []byte { return bytes.Repeat([]byte{b}, pagecipher.Payload) }

func has(c *pagecache.Cache, key uint64) (byte, bool) {
	dst := make([]byte, pagecipher.Payload)
	ok := c.Get(key, dst)
	return dst[len(dst)-1], ok
}

func TestCache(t *testing.T) {
	c := pagecache.New(1600)
	for k := uint64(1); k <= 1000; k++ {
		c.Put(k, payload(byte(k)))
	}
	for k := uint64(1); k <= 1000; k++ {
		if b, ok := has(c, k); !ok || b != byte(k) {
			t.Fatalf("entry %d: %v %d", k, ok, b)
		}
	}
	c.Put(5, payload(99))
	if b, _ := has(c, 5); b != 99 {
		t.Errorf("replaced entry holds %d", b)
	}
	c.Drop(5)
	c.DropRange(10, 12)
	for _, k := range []uint64{5, 10, 11, 12, 2000} {
		if _, ok := has(c, k); ok {
			t.Errorf("entry %d is there", k)
		}
	}
	c.Wipe()
	if _, ok := has(c, 1); ok {
		t.Error("an entry is there after Wipe")
	}
}

// entries counts the keys from..to-1 that c has.
func entries(c *pagecache.Cache, from, to uint64) (n int) {
	for k := from; k < to; k++ {
		if _, ok := has(c, k); ok {
			n++
		}
	}
	return n
}

// The cache keeps to its bound, and what was only written does not push out what was read.
func TestOfferPushesNothingOut(t *testing.T) {
	c := pagecache.New(64)
	for k := uint64(0); k < 10_000; k++ {
		c.Put(k, payload(1))
	}
	before := entries(c, 0, 10_000)
	if before > 64 || before < 32 {
		t.Fatalf("%d entries in a cache of 64", before)
	}
	for k := uint64(10_000); k < 20_000; k++ {
		c.Offer(k, payload(2))
	}
	if after := entries(c, 0, 10_000); after != before {
		t.Errorf("offers pushed out %d entries", before-after)
	}
	for k := uint64(0); k < 10_000; k++ {
		c.Offer(k, payload(3))
	}
	for k := uint64(0); k < 10_000; k++ {
		if b, ok := has(c, k); ok && b != 3 {
			t.Fatalf("entry %d is stale: %d", k, b)
		}
	}
}

// What was written fills places that nobody has, within the bound, and is the first to go when something is read.
func TestOfferFillsRoom(t *testing.T) {
	const places = 160
	c := pagecache.New(places)
	for k := range uint64(10_000) {
		c.Offer(k, payload(1))
	}
	if n := entries(c, 0, 10_000); n != places {
		t.Fatalf("%d of %d places are taken by what was written", n, places)
	}
	c.Wipe()
	for k := range uint64(places / 4) { // far from full
		c.Put(k, payload(1))
	}
	read := entries(c, 0, places/4)
	for k := uint64(10_000); k < 20_000; k++ {
		c.Offer(k, payload(2))
	}
	for k := uint64(20_000); k < 20_000+2*places; k++ {
		c.Put(k, payload(3))
	}
	if n := entries(c, 0, places/4); n != read {
		t.Errorf("%d of %d entries that were read went before those that were only written", read-n, read)
	}
	var key uint64
	for k := uint64(10_000); k < 20_000; k++ {
		if _, ok := has(c, k); ok {
			key = k
			break
		}
	}
	c.Drop(key)
	c.Offer(key, payload(9))
	if b, ok := has(c, key); !ok || b != 9 {
		t.Errorf("a place that became free was not taken: %d %v", b, ok)
	}
}

// A full cache keeps what is read often when much is read once, and comes to hold what is read often later.
func TestPutOfWhatIsReadOnce(t *testing.T) {
	const places = 160
	c := pagecache.New(places)
	for k := range uint64(10_000) {
		c.Put(k, payload(1))
	}
	for range 100 {
		for k := uint64(20_000); k < 20_000+places/8; k++ {
			if _, ok := has(c, k); !ok {
				c.Put(k, payload(2))
			}
		}
	}
	if n := entries(c, 20_000, 20_000+places/8); n < places/8-2 {
		t.Errorf("%d of %d entries that are read often got in", n, places/8)
	}
	const once = 2 * places
	for k := uint64(30_000); k < 30_000+once; k++ {
		c.Put(k, payload(3))
	}
	if n := entries(c, 30_000, 30_000+once); n > once/8 {
		t.Errorf("%d of %d that were read once got in", n, once)
	}
	if n := entries(c, 0, 100_000); n > places {
		t.Errorf("%d entries in a cache of %d", n, places)
	}
}

func TestNoCache(t *testing.T) {
	c := pagecache.New(0)
	c.Put(1, payload(1))
	c.Offer(1, payload(1))
	if _, ok := has(c, 1); ok {
		t.Error("a cache of nothing holds something")
	}
}

func TestFrames(t *testing.T) {
	f := pagecache.NewFrames(4)
	write := func(frame, key uint64, b byte) {
		copy(f.Take(frame).Payload(), payload(b))
		f.Publish(frame, key)
	}
	get := func(frame, key uint64) (byte, bool) {
		dst := make([]byte, pagecipher.Payload)
		ok := f.Get(frame, key, dst)
		return dst[0], ok
	}
	write(1, 101, 1)
	write(2, 102, 2)
	if b, ok := get(1, 101); !ok || b != 1 {
		t.Errorf("frame 1: %d %v", b, ok)
	}
	if _, ok := get(1, 201); ok {
		t.Error("frame 1 of another log was read")
	}
	f.Take(2)
	if _, ok := get(2, 102); ok {
		t.Error("a frame that is being written was read")
	}
	write(5, 105, 5) // the place of frame 1
	if _, ok := get(1, 101); ok {
		t.Error("frame 1 was read from the place of frame 5")
	}
	if b, ok := get(5, 105); !ok || b != 5 {
		t.Errorf("frame 5: %d %v", b, ok)
	}
	f.Wipe()
	if _, ok := get(5, 105); ok {
		t.Error("a frame is there after Wipe")
	}
}

// A reader gets a frame whole and as it was published, or not at all, whatever the writer does.
func TestFramesConcurrently(t *testing.T) {
	f := pagecache.NewFrames(8)
	const rounds = 2000
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := uint64(1); n <= rounds; n++ {
			b := f.Take(n)
			copy(b.Payload(), payload(byte(n)))
			f.Publish(n, n)
		}
	})
	for range 2 {
		wg.Go(func() {
			dst := make([]byte, pagecipher.Payload)
			for n := uint64(1); n <= rounds; n++ {
				if f.Get(n, n, dst) && !bytes.Equal(dst, payload(byte(n))) {
					t.Errorf("frame %d is torn", n)
					return
				}
			}
		})
	}
	wg.Wait()
}
