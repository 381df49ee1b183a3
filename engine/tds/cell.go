package tds

import (
	"encoding/binary"
	"math"

	"latchkey/engine/tds/internal/wire"
)

const (
	plpNull    = math.MaxUint64
	plpUnknown = math.MaxUint64 - 1
	shortNull  = 0xFFFF
	longNull   = 0xFFFFFFFF
)

// textPointer stands in front of text, ntext and image in rows: 16 bytes of pointer and 8 of time, which no client looks into.
var textPointer = [25]byte{16}

// cell reads a value; nil is NULL, an empty value is not nil. inRow is for text, ntext and image, which have a pointer in rows.
func (t TypeInfo) cell(r *wire.Reader, l Limits, inRow bool) []byte {
	n := 0
	switch t.layout() {
	case layoutNull:
		return nil
	case layoutFixed:
		n = int(t.Size)
	case layoutByte:
		n = int(r.U8())
		if n == 0 {
			return nil
		}
		if r.Err == nil && !t.lengthOK(n) {
			r.Fail("value of %d bytes for data type %#02x of size %d", n, uint8(t.ID), t.Size)
		}
	case layoutShort:
		n = int(r.U16())
		if n == shortNull {
			return nil
		}
		if r.Err == nil && uint32(n) > t.Size {
			r.Fail("value of %d bytes for size %d", n, t.Size)
		}
	case layoutLong:
		if inRow {
			size := int(r.U8())
			if size == 0 {
				return nil
			}
			r.Bytes(size + 8)
		}
		m := r.U32()
		if m == longNull {
			return nil
		}
		n = checkedLen(r, uint64(m), l)
	case layoutVariant:
		if n = checkedLen(r, uint64(r.U32()), l); n == 0 {
			return nil
		}
	case layoutPLP:
		return chunks(r, l)
	default:
		r.Fail("data type %#02x", uint8(t.ID))
	}
	if r.Err == nil && n == 0 {
		return []byte{}
	}
	return r.Bytes(n)
}

func checkedLen(r *wire.Reader, n uint64, l Limits) int {
	if n > uint64(l.Value) {
		r.Fail("value of %d bytes is over %d", n, l.Value)
		return 0
	}
	return int(n)
}

// lengthOK says whether a value of n bytes is one of a type with a one-byte length.
func (t TypeInfo) lengthOK(n int) bool {
	switch t.ID {
	case TypeIntN, TypeFltN, TypeMoneyN, TypeDateTimN:
		// A value may be narrower than declared, as long as it is a width of its type.
		return n <= int(t.Size) && (n == 1 && t.ID == TypeIntN || n == 2 && t.ID == TypeIntN || n == 4 || n == 8)
	case TypeGUID, TypeBitN, TypeDateN, TypeTimeN, TypeDateTime2N, TypeDateTimeOffset:
		return n == int(t.Size)
	case TypeDecimal, TypeNumeric, TypeDecimalN, TypeNumericN:
		return n >= 2 && n <= 17 // a sign and as many bytes as the sender needs: FreeTDS sends those of the precision
	}
	return n <= int(t.Size)
}

// chunks reads a partially length-prefixed value. One chunk is not copied. Several are joined after they were all seen, so that
// the memory is never more than what arrived.
func chunks(r *wire.Reader, l Limits) []byte {
	total := r.U64()
	if r.Err != nil || total == plpNull {
		return nil
	}
	if total != plpUnknown && checkedLen(r, total, l) == 0 && r.Err != nil {
		return nil
	}
	start, sum, count := r.At, 0, 0
	var one []byte
	for r.Err == nil {
		n := r.U32()
		if r.Err != nil || n == 0 {
			break
		}
		sum += checkedLen(r, uint64(n), l)
		checkedLen(r, uint64(sum), l)
		one = r.Bytes(int(n))
		count++
	}
	if r.Err == nil && total != plpUnknown && uint64(sum) != total {
		r.Fail("chunks of %d bytes for a value of %d", sum, total)
	}
	if r.Err != nil {
		return nil
	}
	switch count {
	case 0:
		return []byte{}
	case 1:
		return one
	}
	out := make([]byte, 0, sum)
	again := wire.Reader{B: r.B, At: start}
	for range count {
		out = append(out, again.Bytes(int(again.U32()))...)
	}
	return out
}

// AppendCell appends a value as rows and parameters have it: its length in the type's form, then the bytes. nil is NULL. A value
// that the type cannot hold (wrong width, NULL in a fixed type) is the caller's mistake; the bytes stay well formed.
func (t TypeInfo) AppendCell(dst, value []byte, inRow bool) []byte {
	switch t.layout() {
	case layoutFixed:
		var b [8]byte
		copy(b[:t.Size], value)
		return append(dst, b[:t.Size]...)
	case layoutByte:
		if value == nil {
			return append(dst, 0)
		}
		value = value[:min(len(value), 255)]
		return append(append(dst, byte(len(value))), value...)
	case layoutShort:
		if value == nil {
			return append(dst, 0xFF, 0xFF)
		}
		value = value[:min(len(value), int(t.Size))]
		return append(wire.U16(dst, len(value)), value...)
	case layoutLong:
		if inRow {
			if value == nil {
				return append(dst, 0)
			}
			dst = append(dst, textPointer[:]...)
		} else if value == nil {
			return wire.U32(dst, uint32(longNull))
		}
		return append(wire.U32(dst, len(value)), value...)
	case layoutVariant:
		return append(wire.U32(dst, len(value)), value...)
	case layoutPLP:
		if value == nil {
			return wire.U64(dst, plpNull)
		}
		dst = wire.U64(dst, uint64(len(value)))
		if len(value) > 0 {
			dst = append(wire.U32(dst, len(value)), value...)
		}
		return append(dst, 0, 0, 0, 0)
	}
	return dst
}

// BeginCell appends the place for a length; EndCell fills it in after the caller appended the value's bytes. They save a copy
// for values that are encoded in place. at is what BeginCell returned.
func (t TypeInfo) BeginCell(dst []byte, inRow bool) (out []byte, at int) {
	at = len(dst)
	switch t.layout() {
	case layoutByte:
		return append(dst, 0), at
	case layoutShort:
		return append(dst, 0, 0), at
	case layoutLong:
		if inRow {
			dst = append(dst, textPointer[:]...)
			at = len(dst)
		}
		return append(dst, 0, 0, 0, 0), at
	case layoutVariant:
		return append(dst, 0, 0, 0, 0), at
	case layoutPLP:
		return append(dst, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), at
	}
	return dst, at
}

// EndCell fills in the length of a value begun at at. A value longer than its length field can say is cut.
func (t TypeInfo) EndCell(dst []byte, at int) []byte {
	switch t.layout() {
	case layoutByte:
		dst = dst[:min(len(dst), at+1+255)]
		dst[at] = byte(len(dst) - at - 1)
	case layoutShort:
		dst = dst[:min(len(dst), at+2+int(t.Size))]
		wire.Patch16(dst, at)
	case layoutLong, layoutVariant:
		binary.LittleEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	case layoutPLP:
		n := len(dst) - at - 12
		binary.LittleEndian.PutUint64(dst[at:], uint64(n))
		if n == 0 { // no chunk: the end marker alone
			return dst
		}
		binary.LittleEndian.PutUint32(dst[at+8:], uint32(n))
		return append(dst, 0, 0, 0, 0)
	}
	return dst
}
