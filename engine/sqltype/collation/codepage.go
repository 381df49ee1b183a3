package collation

import (
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/unicode/norm"

	"latchkey/engine/sqltype/wtf8"
)

// decode1252 maps code page 1252 to Unicode. The five bytes without a character stand for the C1 control of the same number, as
// in Windows, so that every byte survives a round trip.
var decode1252 = func() (t [256]rune) {
	for i := range t {
		if t[i] = charmap.Windows1252.DecodeByte(byte(i)); t[i] == utf8.RuneError {
			t[i] = rune(i)
		}
	}
	return t
}()

// AppendEncoded appends s in the encoding of char and varchar under c. A character that the code page lacks becomes the letter
// that it is built on (as Windows' best fit does for accented and full-width letters), else a question mark for each UTF-16
// unit; exact reports that nothing was replaced.
func (c Collation) AppendEncoded(dst []byte, s string) (out []byte, exact bool) {
	if c.utf8 {
		return append(dst, s...), true
	}
	exact = true
	for i := 0; i < len(s); {
		if b := s[i]; b < utf8.RuneSelf {
			dst = append(dst, b)
			i++
			continue
		}
		r, n := wtf8.Next(s[i:])
		i += n
		b, ok := encode1252(r)
		if !ok {
			exact = false
			b = bestFit(r)
			if r > 0xFFFF {
				dst = append(dst, '?')
			}
		}
		dst = append(dst, b)
	}
	return dst, exact
}

func encode1252(r rune) (byte, bool) {
	if b, ok := charmap.Windows1252.EncodeRune(r); ok {
		return b, true
	}
	if r >= 0x80 && r < 0xA0 && decode1252[r] == r {
		return byte(r), true
	}
	return '?', false
}

func bestFit(r rune) byte {
	switch {
	case r >= 0xFF01 && r <= 0xFF5E:
		return byte(r - 0xFEE0)
	case r == 0x3000 || r >= 0x2000 && r <= 0x200A:
		return ' '
	case r == 0x2010 || r == 0x2011 || r == 0x2212:
		return '-'
	case r >= 0x100 && r < 0x250:
		if d := norm.NFD.PropertiesString(string(r)).Decomposition(); len(d) > 0 {
			if base, _ := utf8.DecodeRune(d); base < utf8.RuneSelf {
				return byte(base)
			}
		}
	}
	return '?'
}

// Decode reads bytes of char or varchar under c.
func (c Collation) Decode(b []byte) string {
	if c.utf8 {
		return string(b)
	}
	ascii := true
	for _, x := range b {
		if x >= utf8.RuneSelf {
			ascii = false
			break
		}
	}
	if ascii {
		return string(b)
	}
	out := make([]byte, 0, len(b)*3/2+4)
	for _, x := range b {
		out = utf8.AppendRune(out, decode1252[x])
	}
	return string(out)
}

// EncodedLen is the number of bytes of s as char or varchar under c: DATALENGTH of a varchar.
func (c Collation) EncodedLen(s string) int {
	if c.utf8 {
		return len(s)
	}
	return wtf8.Len(s)
}

// TruncateEncoded returns the longest prefix of s whose encoding under c has at most n bytes.
func (c Collation) TruncateEncoded(s string, n int) string {
	if !c.utf8 {
		return wtf8.Truncate(s, n)
	}
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n]
}
