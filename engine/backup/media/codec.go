package media

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"runtime"

	"github.com/klauspost/compress/zstd"

	"latchkey/internal/secret"
)

func (f *frame) put(b []byte, content []byte) {
	binary.LittleEndian.PutUint32(b[0:], f.kind)
	binary.LittleEndian.PutUint32(b[4:], f.stored)
	binary.LittleEndian.PutUint32(b[8:], f.raw)
	binary.LittleEndian.PutUint64(b[12:], f.number)
	f.crc = crc32.Update(crc32.Checksum(b[:20], castagnoli()), castagnoli(), content)
	binary.LittleEndian.PutUint32(b[20:], f.crc)
}

func (f *frame) get(b []byte) {
	f.kind = binary.LittleEndian.Uint32(b[0:])
	f.stored = binary.LittleEndian.Uint32(b[4:])
	f.raw = binary.LittleEndian.Uint32(b[8:])
	f.number = binary.LittleEndian.Uint64(b[12:])
	f.crc = binary.LittleEndian.Uint32(b[20:])
}

func checksum(head, content []byte) uint32 {
	return crc32.Update(crc32.Checksum(head[:20], castagnoli()), castagnoli(), content)
}

// codec turns a block's stream bytes into stored ones and back. It is for one goroutine.
type codec struct {
	id   string
	enc  *zstd.Encoder
	dec  *zstd.Decoder
	aead cipher.AEAD
	tmp  []byte
}

func newCodec(h *Header, key *secret.Bytes) (*codec, error) {
	c := &codec{id: h.ID}
	var err error
	if h.Compressed {
		if c.enc, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest)); err != nil {
			return nil, err
		}
		if c.dec, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(4*BlockSize)); err != nil {
			return nil, err
		}
	}
	if h.Encryption != nil {
		if key == nil {
			return nil, fmt.Errorf("the set is encrypted and there is no key")
		}
		block, err := aes.NewCipher(key.Expose())
		if err != nil {
			return nil, err
		}
		if c.aead, err = cipher.NewGCMWithRandomNonce(block); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *codec) close() {
	if c.dec != nil {
		c.dec.Close()
	}
}

// bind is a sealed block's associated data: the set and the block's number, so that blocks cannot change places.
func (c *codec) bind(number uint64) []byte {
	return binary.LittleEndian.AppendUint64([]byte("latchkey backup block 1\x00"+c.id), number)
}

// encode appends the stored form of raw to dst.
func (c *codec) encode(dst, raw []byte, number uint64) []byte {
	if c.enc != nil {
		if c.aead == nil {
			return c.enc.EncodeAll(raw, dst)
		}
		c.tmp = c.enc.EncodeAll(raw, c.tmp[:0])
		raw = c.tmp
	}
	if c.aead != nil {
		return c.aead.Seal(dst, nil, raw, c.bind(number))
	}
	return append(dst, raw...)
}

// decode appends the stream bytes of a stored block, want of them, to dst.
func (c *codec) decode(dst, stored []byte, number uint64, want int) ([]byte, error) {
	begin := len(dst)
	var err error
	if c.aead != nil {
		if stored, err = c.aead.Open(c.tmp[:0], nil, stored, c.bind(number)); err != nil {
			return nil, fmt.Errorf("it does not authenticate")
		}
		c.tmp = stored[:0]
	}
	if c.dec != nil {
		if dst, err = c.dec.DecodeAll(stored, dst); err != nil {
			return nil, fmt.Errorf("decompressing: %w", err)
		}
	} else {
		dst = append(dst, stored...)
	}
	if len(dst)-begin != want {
		return nil, fmt.Errorf("it holds %d bytes where %d were said", len(dst)-begin, want)
	}
	return dst, nil
}

func workers() int { return max(1, min(4, runtime.GOMAXPROCS(0))) }
