// Package wire has the numbers, texts and lengths that all of TDS is made of: a bounds-checked [Reader] and functions that append.
// Nothing here knows a message. The Reader keeps the first error and gives zeros from then on, so that decoders read straight on
// and look at Err at the end, or before they loop or allocate by what they read. Nothing panics on any bytes.
package wire

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
)

// Reader takes a message apart with every bound checked. After a failure all reads give zeros and Err stays the first one.
type Reader struct {
	B   []byte
	At  int
	Err error
}

// Fail records the first failure, at the place where the reader is.
func (r *Reader) Fail(format string, args ...any) {
	if r.Err == nil {
		r.Err = &Error{What: fmt.Sprintf(format, args...), Offset: r.At}
	}
}

// Left is the number of bytes not read.
func (r *Reader) Left() int { return len(r.B) - r.At }

// Bytes is the next n bytes, not copied.
func (r *Reader) Bytes(n int) []byte {
	if r.Err != nil {
		return nil
	}
	if n < 0 || n > r.Left() {
		r.Err = ErrIncomplete
		return nil
	}
	b := r.B[r.At : r.At+n : r.At+n]
	r.At += n
	return b
}

// U8 reads one, little-endian.
func (r *Reader) U8() uint8 {
	if b := r.Bytes(1); b != nil {
		return b[0]
	}
	return 0
}

// U16 reads one, little-endian.
func (r *Reader) U16() uint16 {
	if b := r.Bytes(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

// U32 reads one, little-endian.
func (r *Reader) U32() uint32 {
	if b := r.Bytes(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// U64 reads one, little-endian.
func (r *Reader) U64() uint64 {
	if b := r.Bytes(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// Text is n UTF-16 units.
func (r *Reader) Text(n int) string { return DecodeText(r.Bytes(2 * n)) }

// ShortText is a B_VARCHAR.
func (r *Reader) ShortText() string { return r.Text(int(r.U8())) }

// LongText is a US_VARCHAR.
func (r *Reader) LongText() string { return r.Text(int(r.U16())) }

// End fails if something is left.
func (r *Reader) End() error {
	if r.Err == nil && r.Left() > 0 {
		r.Fail("%d bytes too many", r.Left())
	}
	return r.Err
}

// DecodeText reads UTF-16LE. Halves of surrogate pairs become U+FFFD: it is for names and statements; data has its own decoder.
func DecodeText(b []byte) string {
	if s, ok := ascii(b); ok {
		return s
	}
	u := make([]uint16, len(b)/2)
	for i := range u {
		u[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(u))
}

// Next makes a slice longer by one, whose content is what was there before.
func Next[E any](s []E) []E { return slices.Grow(s, 1)[:len(s)+1] }

// Same is DecodeText of what is most often s again, which is not made anew then.
func Same(s string, b []byte) string {
	if len(b) != 2*len(s) {
		return DecodeText(b)
	}
	for i := range len(s) {
		if s[i] >= 0x80 || b[2*i] != s[i] || b[2*i+1] != 0 {
			return DecodeText(b)
		}
	}
	return s
}

// ascii decodes text of ASCII alone, which names and most statements are. As DecodeText, it drops an odd last byte.
func ascii(b []byte) (string, bool) {
	const notASCII = 0xFF80_FF80_FF80_FF80
	b = b[:len(b)&^1]
	i := 0
	for ; i+8 <= len(b); i += 8 {
		if binary.LittleEndian.Uint64(b[i:])&notASCII != 0 {
			return "", false
		}
	}
	for ; i < len(b); i += 2 {
		if b[i] >= 0x80 || b[i+1] != 0 {
			return "", false
		}
	}
	var out strings.Builder
	out.Grow(len(b) / 2)
	for i := 0; i < len(b); i += 2 {
		out.WriteByte(b[i])
	}
	return out.String(), true
}

// AppendText appends s as UTF-16LE.
func AppendText(dst []byte, s string) []byte {
	for _, c := range s {
		if c < 0x10000 {
			dst = append(dst, byte(c), byte(c>>8))
			continue
		}
		hi, lo := utf16.EncodeRune(c)
		dst = append(dst, byte(hi), byte(hi>>8), byte(lo), byte(lo>>8))
	}
	return dst
}

// TextLen is the number of UTF-16 units of s.
func TextLen(s string) int {
	n := 0
	for _, c := range s {
		n++
		if c >= 0x10000 {
			n++
		}
	}
	return n
}

// Cut is the longest prefix of s with at most n UTF-16 units: what does not fit its length field is dropped, so that a token is
// always well formed.
func Cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for i, c := range s {
		if n--; c >= 0x10000 {
			n--
		}
		if n < 0 {
			return s[:i]
		}
	}
	return s
}

// AppendShortText appends a B_VARCHAR; what is over 255 units is dropped.
func AppendShortText(dst []byte, s string) []byte {
	s = Cut(s, 255)
	return AppendText(append(dst, byte(TextLen(s))), s)
}

// AppendLongText appends a US_VARCHAR; what is over 65,535 units is dropped.
func AppendLongText(dst []byte, s string) []byte {
	s = Cut(s, 65535)
	return AppendText(U16(dst, TextLen(s)), s)
}

// U16 appends a number, little-endian.
func U16[T ~int | ~uint16](dst []byte, n T) []byte { return append(dst, byte(n), byte(n>>8)) }

// U32 appends a number, little-endian.
func U32[T ~int | ~uint32](dst []byte, n T) []byte {
	return binary.LittleEndian.AppendUint32(dst, uint32(n))
}

// U64 appends a number, little-endian.
func U64(dst []byte, n uint64) []byte { return binary.LittleEndian.AppendUint64(dst, n) }

// Patch16 writes the length of what follows position at into the two bytes there.
func Patch16(dst []byte, at int) []byte {
	binary.LittleEndian.PutUint16(dst[at:], uint16(len(dst)-at-2))
	return dst
}
