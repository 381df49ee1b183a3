package pagecipher

import (
	"encoding/binary"
	"hash/crc32"
)

const aadSize = 16 + 1 + 1 + 2 + 8 + 16

// Codec seals and opens. It is not safe for concurrent use: it holds the scratch space that spares an allocation per page.
type Codec struct {
	ring *Ring
	aad  [aadSize]byte
	gen  uint64
	last *subkey // the sub-key that opened last, of generation gen of the ring
}

// NewCodec makes a codec over a ring.
func NewCodec(r *Ring) *Codec { return &Codec{ring: r} }

// bind fills the associated data: file id, kind, flags, slot, number, extra.
func (c *Codec) bind(kind Kind, flags byte, s Slot, number uint64, extra []byte) []byte {
	a := &c.aad
	copy(a[:16], c.ring.id[:])
	a[16], a[17] = byte(kind), flags
	binary.BigEndian.PutUint16(a[18:], uint16(s))
	binary.BigEndian.PutUint64(a[20:], number)
	n := copy(a[28:], extra)
	return a[:28+n]
}

// seal writes a unit of len(plain)+Reserved bytes to dst: nonce, ciphertext, tag, label. dst and plain must not overlap.
func (c *Codec) seal(dst, plain []byte, kind Kind, number uint64, extra []byte) error {
	k, err := c.ring.sealer(1)
	if err != nil {
		return err
	}
	l := dst[len(plain)+Reserved-labelSize:][:labelSize]
	if k == nil {
		n := copy(dst, plain)
		clear(dst[n : n+Reserved])
		l[2] = flagPlain
		binary.BigEndian.PutUint32(dst[n+Reserved-labelSize-4:], c.crc(dst[:n], kind, number, extra))
		return nil
	}
	k.aead.Seal(dst[:0], nil, plain, c.bind(kind, flagSealed, k.slot, number, extra))
	binary.BigEndian.PutUint16(l, uint16(k.slot))
	l[2], l[3] = flagSealed, 0
	return nil
}

func (c *Codec) crc(plain []byte, kind Kind, number uint64, extra []byte) uint32 {
	t := castagnoli()
	return crc32.Update(crc32.Checksum(c.bind(kind, flagPlain, 0, number, extra), t), t, plain)
}

// open writes the unit's plain bytes, len(unit)-Reserved, to dst. dst and unit must not overlap.
func (c *Codec) open(dst, unit []byte, kind Kind, number uint64, extra []byte) (State, Slot, error) {
	bad := func(s State, reason string) (State, Slot, error) {
		return s, 0, &Error{Kind: kind, Number: number, Reason: reason}
	}
	n := len(unit) - Reserved
	state, slot := Look(unit)
	switch state {
	case Sealed:
		k, err := c.key(slot)
		if err != nil {
			return bad(state, err.Error())
		}
		if _, err := k.aead.Open(dst[:0:n], nil, unit[:len(unit)-labelSize], c.bind(kind, flagSealed, slot, number, extra)); err != nil {
			return bad(state, "it was changed, torn or moved, or belongs to another database")
		}
		return state, slot, nil
	case Plain:
		want := binary.BigEndian.Uint32(unit[len(unit)-labelSize-4:])
		if !isZero(unit[n:n+Reserved-labelSize-4]) || c.crc(unit[:n], kind, number, extra) != want {
			return bad(state, "its checksum is wrong")
		}
		copy(dst, unit[:n])
		return state, 0, nil
	case Hole:
		clear(dst[:n])
		return state, 0, nil
	}
	return bad(state, "it is neither sealed nor plain")
}

func (c *Codec) key(s Slot) (*subkey, error) {
	g := c.ring.gen.Load()
	if c.last != nil && c.gen == g && c.last.slot == s {
		return c.last, nil
	}
	k, err := c.ring.key(s)
	if err != nil {
		return nil, err
	}
	c.last, c.gen = k, g
	return k, nil
}

// SealPage writes the page of this number, as the ring's current key demands, to dst, PageSize bytes. Of page the first
// Payload bytes count. The two must not overlap.
func (c *Codec) SealPage(dst, page []byte, number uint32) error {
	return c.seal(dst[:PageSize], page[:Payload], Main, uint64(number), nil)
}

// OpenPage writes the first Payload bytes of the page to dst; dst and disk must not overlap. A hole reads as zeros: the
// caller decides whether there may be one. On an error dst has no meaning.
func (c *Codec) OpenPage(dst, disk []byte, number uint32) (State, Slot, error) {
	return c.open(dst[:Payload], disk[:PageSize], Main, uint64(number), nil)
}

// FrameBuf is a WAL frame in memory, in the order of the disk: SQLite's frame header (page number, size of the database
// after a commit, two salts, two checksums), how many frames were durable when it was written, the page's payload.
type FrameBuf [FrameHeader + 8 + Payload]byte

// Header is SQLite's frame header.
func (f *FrameBuf) Header() []byte { return f[:FrameHeader] }

// Page is the page's number.
func (f *FrameBuf) Page() uint32 { return binary.BigEndian.Uint32(f[:]) }

// Commit is the size of the database in pages if the frame ends a transaction, else 0.
func (f *FrameBuf) Commit() uint32 { return binary.BigEndian.Uint32(f[4:]) }

// Salts are the log's salts.
func (f *FrameBuf) Salts() []byte { return f[8:16] }

// Durable is how many frames of the log had been synced when this one was written.
func (f *FrameBuf) Durable() uint64 { return binary.BigEndian.Uint64(f[FrameHeader:]) }

// SetDurable sets what Durable returns.
func (f *FrameBuf) SetDurable(n uint64) { binary.BigEndian.PutUint64(f[FrameHeader:], n) }

// Payload is the page's content.
func (f *FrameBuf) Payload() []byte { return f[FrameHeader+8:] }

// clearHeader is what of a frame stays in clear on disk: page number, commit size and salts. The checksums that SQLite
// computes over the content would tell about it, so they are sealed with it.
const clearHeader = 16

// SealFrame writes the frame of this number (from 1) to dst, DiskFrame bytes.
func (c *Codec) SealFrame(dst []byte, f *FrameBuf, number uint64) error {
	copy(dst, f[:clearHeader])
	return c.seal(dst[clearHeader:DiskFrame], f[clearHeader:], WAL, number, f[:clearHeader])
}

// OpenFrame reads a frame. A hole is an error.
func (c *Codec) OpenFrame(f *FrameBuf, disk []byte, number uint64) (State, error) {
	copy(f[:clearHeader], disk)
	s, _, err := c.open(f[clearHeader:], disk[clearHeader:DiskFrame], WAL, number, disk[:clearHeader])
	if err == nil && s == Hole {
		err = &Error{Kind: WAL, Number: number, Reason: "it was never written"}
	}
	return s, err
}

// SealWALHeader writes the log's header to dst, DiskWALHeader bytes: sealed as a whole, though nothing in it is secret.
func (c *Codec) SealWALHeader(dst, head []byte) error {
	return c.seal(dst[:DiskWALHeader], head[:WALHeader], WALTop, 0, nil)
}

// OpenWALHeader reads the log's header into dst, WALHeader bytes. A hole reads as zeros.
func (c *Codec) OpenWALHeader(dst, disk []byte) (State, error) {
	s, _, err := c.open(dst[:WALHeader], disk[:DiskWALHeader], WALTop, 0, nil)
	return s, err
}

// SealBlock writes a block of a temporary file, Payload bytes, to dst, PageSize bytes; version counts its rewrites.
func (c *Codec) SealBlock(dst, block []byte, number uint64, version uint32) error {
	var extra [4]byte
	binary.BigEndian.PutUint32(extra[:], version)
	return c.seal(dst[:PageSize], block[:Payload], Temp, number, extra[:])
}

// OpenBlock reads what SealBlock wrote.
func (c *Codec) OpenBlock(dst, disk []byte, number uint64, version uint32) error {
	var extra [4]byte
	binary.BigEndian.PutUint32(extra[:], version)
	s, _, err := c.open(dst[:Payload], disk[:PageSize], Temp, number, extra[:])
	if err == nil && s != Sealed {
		err = &Error{Kind: Temp, Number: number, Reason: "it is not sealed"}
	}
	return err
}
