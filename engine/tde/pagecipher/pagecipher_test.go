package pagecipher_test

import (
	"bytes"
	"errors"
	"testing"

	"latchkey/engine/tde/pagecipher"
	"latchkey/internal/secret"
)

func newCodec(t testing.TB, epochs *int) *pagecipher.Codec {
	t.Helper()
	salt := [16]byte{1, 2, 3}
	next := uint16(1)
	r := pagecipher.NewRing(pagecipher.FileID{9}, func(g uint32) (pagecipher.DEK, error) {
		if epochs != nil {
			*epochs++
		}
		next++
		return pagecipher.DEK{Generation: g, Next: next, Spans: []pagecipher.Span{{First: 1, Salt: salt}}}, nil
	})
	key := bytes.Repeat([]byte{7}, 32)
	if err := r.Add(pagecipher.DEK{Generation: 1, Key: secret.New(key), Next: 1}); err != nil {
		t.Fatal(err)
	}
	r.SealWith(1, false)
	return pagecipher.NewCodec(r)
}

func TestEpochBeginsOnceAndOnlyWhenNeeded(t *testing.T) {
	epochs := 0
	c := newCodec(t, &epochs)
	page, disk := make([]byte, pagecipher.PageSize), make([]byte, pagecipher.PageSize)
	if _, _, err := c.OpenPage(page, disk, 1); err != nil || epochs != 0 {
		t.Errorf("a reader began an epoch: %d, %v", epochs, err)
	}
	for n := range uint32(100) {
		if err := c.SealPage(disk, page, n+1); err != nil {
			t.Fatal(err)
		}
	}
	if epochs != 1 {
		t.Errorf("%d epochs for 100 pages", epochs)
	}
}

func TestNoEpochNoSeal(t *testing.T) {
	full := errors.New("disk full")
	r := pagecipher.NewRing(pagecipher.FileID{9}, func(uint32) (pagecipher.DEK, error) { return pagecipher.DEK{}, full })
	if err := r.Add(pagecipher.DEK{Generation: 1, Key: secret.New(make([]byte, 16)), Next: 1}); err != nil {
		t.Fatal(err)
	}
	if err := r.Add(pagecipher.DEK{Generation: 2, Key: secret.New(make([]byte, 15))}); err == nil {
		t.Error("a key of 15 bytes was taken")
	}
	r.SealWith(1, false)
	disk := make([]byte, pagecipher.PageSize)
	if err := pagecipher.NewCodec(r).SealPage(disk, make([]byte, pagecipher.PageSize), 1); !errors.Is(err, full) {
		t.Errorf("sealed without a durable epoch: %v", err)
	}
}

func TestNothingIsAllocatedForAPage(t *testing.T) {
	c := newCodec(t, nil)
	page, disk := make([]byte, pagecipher.PageSize), make([]byte, pagecipher.PageSize)
	var f, g pagecipher.FrameBuf
	wal := make([]byte, pagecipher.DiskFrame)
	if n := testing.AllocsPerRun(100, func() {
		if c.SealPage(disk, page, 3) != nil || c.SealFrame(wal, &f, 3) != nil {
			t.Fatal("seal")
		}
		if _, _, err := c.OpenPage(page, disk, 3); err != nil {
			t.Fatal(err)
		}
		if _, err := c.OpenFrame(&g, wal, 3); err != nil {
			t.Fatal(err)
		}
	}); n > 0.5 {
		t.Errorf("%.1f allocations", n)
	}
}

// Nothing but the very bytes that were sealed opens as sealed, and nothing makes the decoder panic.
func FuzzPage(f *testing.F) {
	c := newCodec(f, nil)
	page := bytes.Repeat([]byte("page "), pagecipher.PageSize/5+1)[:pagecipher.PageSize]
	sealed := make([]byte, pagecipher.PageSize)
	if err := c.SealPage(sealed, page, 5); err != nil {
		f.Fatal(err)
	}
	f.Add(0, byte(0), uint32(5), []byte(nil))
	f.Add(4095, byte(1), uint32(5), []byte{0})
	f.Add(4094, byte(3), uint32(5), make([]byte, 4096))
	f.Fuzz(func(t *testing.T, at int, by byte, number uint32, rest []byte) {
		disk := bytes.Clone(sealed)
		copy(disk, rest)
		if at >= 0 {
			disk[at%len(disk)] ^= by
		}
		dst := make([]byte, pagecipher.Payload)
		st, _, err := c.OpenPage(dst, disk, number)
		if err != nil {
			if !errors.Is(err, pagecipher.ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		if st == pagecipher.Sealed && (number != 5 || !bytes.Equal(disk, sealed) || !bytes.Equal(dst, page[:pagecipher.Payload])) {
			t.Fatal("something else opened")
		}
	})
}

func FuzzFrame(f *testing.F) {
	c := newCodec(f, nil)
	var frame pagecipher.FrameBuf
	copy(frame[:], bytes.Repeat([]byte("frame"), 900))
	sealed := make([]byte, pagecipher.DiskFrame)
	if err := c.SealFrame(sealed, &frame, 5); err != nil {
		f.Fatal(err)
	}
	f.Add(0, byte(0), uint64(5), []byte(nil))
	f.Add(3, byte(1), uint64(5), []byte{0})
	f.Add(4126, byte(3), uint64(6), make([]byte, 4128))
	f.Fuzz(func(t *testing.T, at int, by byte, number uint64, rest []byte) {
		disk := bytes.Clone(sealed)
		copy(disk, rest)
		if at >= 0 {
			disk[at%len(disk)] ^= by
		}
		var got pagecipher.FrameBuf
		st, err := c.OpenFrame(&got, disk, number)
		if err != nil {
			if !errors.Is(err, pagecipher.ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		if st == pagecipher.Sealed && (number != 5 || !bytes.Equal(disk, sealed) || got != frame) {
			t.Fatal("something else opened")
		}
		var head [pagecipher.WALHeader]byte
		if _, err := c.OpenWALHeader(head[:], disk); err != nil && !errors.Is(err, pagecipher.ErrCorrupt) {
			t.Fatal(err)
		}
	})
}

func BenchmarkSealPage(b *testing.B) {
	c := newCodec(b, nil)
	page, disk := make([]byte, pagecipher.PageSize), make([]byte, pagecipher.PageSize)
	b.SetBytes(pagecipher.PageSize)
	for b.Loop() {
		if err := c.SealPage(disk, page, 3); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenPage(b *testing.B) {
	c := newCodec(b, nil)
	page, disk := make([]byte, pagecipher.PageSize), make([]byte, pagecipher.PageSize)
	if err := c.SealPage(disk, page, 3); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(pagecipher.PageSize)
	for b.Loop() {
		if _, _, err := c.OpenPage(page, disk, 3); err != nil {
			b.Fatal(err)
		}
	}
}
