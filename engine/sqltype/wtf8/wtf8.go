// Package wtf8 converts between UTF-16LE, the encoding of nchar and nvarchar on the wire, and the strings that hold such text
// in memory. SQL Server counts and stores UTF-16 code units and accepts halves of surrogate pairs, which UTF-8 cannot hold; so
// a lone half is kept as its three-byte generalised encoding (WTF-8). Every string made here converts back to the same bytes.
//
// Use [Next] instead of a range loop wherever the text may come from a client: range reads a lone half as three errors.
// Bytes that are not WTF-8 (a programming error) read as U+FFFD, one for each byte; nothing here fails or panics.
package wtf8

import (
	"encoding/binary"
	"strings"
	"unicode/utf8"
)

const (
	surrogateMin = 0xD800
	surrogateLow = 0xDC00
	surrogateMax = 0xDFFF
)

// Next returns the first code point of s and its size in bytes; a lone surrogate is returned as itself. It returns (0, 0) at
// the end.
func Next(s string) (rune, int) {
	if s == "" {
		return 0, 0
	}
	if c := s[0]; c < utf8.RuneSelf {
		return rune(c), 1
	}
	r, n := utf8.DecodeRuneInString(s)
	if r == utf8.RuneError && n == 1 && len(s) >= 3 && s[0] == 0xED && s[1] >= 0xA0 && s[1] <= 0xBF && s[2]&0xC0 == 0x80 {
		return 0xD000 | rune(s[1]&0x3F)<<6 | rune(s[2]&0x3F), 3
	}
	return r, n
}

// Len is the number of UTF-16 code units of s: what LEN and the declared length of nvarchar count.
func Len(s string) int {
	n := 0
	for i := 0; i < len(s); {
		if s[i] < utf8.RuneSelf {
			i++
			n++
			continue
		}
		r, size := Next(s[i:])
		i += size
		n++
		if r > 0xFFFF {
			n++
		}
	}
	return n
}

// Truncate returns the longest prefix of s with at most n code units. A pair that does not fit is cut in two, as SQL Server
// does outside its supplementary-character collations, and its first half kept.
func Truncate(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for i := 0; i < len(s); {
		r, size := Next(s[i:])
		units := 1
		if r > 0xFFFF {
			units = 2
		}
		if n < units {
			if n == 1 {
				return string(appendRune([]byte(s[:i]), surrogateMin+(r-0x10000)>>10))
			}
			return s[:i]
		}
		n -= units
		i += size
	}
	return s
}

// AppendUTF16LE appends s as UTF-16LE.
func AppendUTF16LE(dst []byte, s string) []byte {
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			dst = append(dst, c, 0)
			i++
			continue
		}
		r, size := Next(s[i:])
		i += size
		if r > 0xFFFF {
			r -= 0x10000
			hi, lo := surrogateMin+r>>10, surrogateLow+r&0x3FF
			dst = append(dst, byte(hi), byte(hi>>8), byte(lo), byte(lo>>8))
			continue
		}
		dst = append(dst, byte(r), byte(r>>8))
	}
	return dst
}

// FromUTF16LE decodes UTF-16LE. An odd last byte is read as a unit below 0x100, so that no byte is lost without a trace; callers
// that must refuse it check the length.
func FromUTF16LE(b []byte) string {
	if s, ok := ascii(b); ok {
		return s
	}
	out := make([]byte, 0, len(b)/2*3/2+3)
	for i := 0; i < len(b); {
		r := rune(b[i])
		if i+1 < len(b) {
			r |= rune(b[i+1]) << 8
		}
		i += 2
		if r >= surrogateMin && r < surrogateLow && i+1 < len(b) {
			if lo := rune(b[i]) | rune(b[i+1])<<8; lo >= surrogateLow && lo <= surrogateMax {
				r = 0x10000 + (r-surrogateMin)<<10 + (lo - surrogateLow)
				i += 2
			}
		}
		out = appendRune(out, r)
	}
	return string(out)
}

// ascii decodes text of ASCII alone, which most is: four units at a time, in one allocation.
func ascii(b []byte) (string, bool) {
	const notASCII = 0xFF80_FF80_FF80_FF80
	i := 0
	for ; i+8 <= len(b); i += 8 {
		if binary.LittleEndian.Uint64(b[i:])&notASCII != 0 {
			return "", false
		}
	}
	for ; i < len(b); i += 2 {
		if i+1 == len(b) || b[i] >= utf8.RuneSelf || b[i+1] != 0 {
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

// Join concatenates two strings; a high half at the end of a and a low half at the start of b become the one character that
// they are in UTF-16.
func Join(a, b string) string {
	if len(a) >= 3 && len(b) >= 3 && a[len(a)-3] == 0xED && b[0] == 0xED {
		hi, n := Next(a[len(a)-3:])
		lo, m := Next(b)
		if n == 3 && m == 3 && hi >= surrogateMin && hi < surrogateLow && lo >= surrogateLow && lo <= surrogateMax {
			mid := appendRune([]byte(a[:len(a)-3]), 0x10000+(hi-surrogateMin)<<10+(lo-surrogateLow))
			return string(append(mid, b[3:]...))
		}
	}
	return a + b
}

// appendRune is utf8.AppendRune that keeps surrogates.
func appendRune(b []byte, r rune) []byte {
	if r >= surrogateMin && r <= surrogateMax {
		return append(b, 0xE0|byte(r>>12), 0x80|(byte(r>>6)&0x3F), 0x80|(byte(r)&0x3F))
	}
	return utf8.AppendRune(b, r)
}
