package collation

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"latchkey/engine/sqltype/wtf8"
)

// element is the weight of one letter or mark: primary tells letters apart, secondary accents, tertiary case. A mark has no
// primary weight. special marks hyphen and apostrophe, which Windows sorts as if they were not there, unless nothing else differs.
type element struct {
	primary   uint32
	secondary uint16
	tertiary  uint8
	special   bool
}

// Primary weights: blank, then symbols, digits, letters. Letters leave room for nothing in between: accents are secondary.
const (
	weightBlank  = 1
	weightSymbol = 0x100
	weightDigit  = 0x40000
	weightLetter = 0x50000
	weightAfter  = 0x60000 // Latin letters without a decomposition, then other scripts, by code point
)

// windowsSymbols is the order of ASCII symbols in Windows' tables; code pages' tables have them by code.
const windowsSymbols = "_-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$"

// The weights of ASCII in the order of code pages, and in that of Windows.
var (
	codePageASCII = asciiWeights(false)
	windowsASCII  = asciiWeights(true)
)

func asciiWeights(windows bool) *[128]element {
	t := new([128]element)
	for c := range rune(128) {
		e := element{primary: weightSymbol + uint32(c)}
		switch {
		case c == ' ':
			e.primary = weightBlank
		case c >= '0' && c <= '9':
			e.primary = weightDigit + uint32(c)
		case c >= 'a' && c <= 'z':
			e.primary = weightLetter + uint32(c)
		case c >= 'A' && c <= 'Z':
			e.primary, e.tertiary = weightLetter+uint32(c+32), 1
		}
		t[c] = e
	}
	if windows {
		for i, c := range windowsSymbols {
			t[c].primary = weightSymbol + 0x80 + uint32(i)
			t[c].special = c == '-' || c == '\''
		}
	}
	return t
}

// weigher turns text into elements under one collation and order.
type weigher struct {
	windows bool // the order of Windows; otherwise that of the code page
	ks, ws  bool
}

func (w weigher) table() *[128]element {
	if w.windows {
		return windowsASCII
	}
	return codePageASCII
}

// append adds the elements of s.
func (w weigher) append(dst []element, s string) []element {
	table := w.table()
	for i := 0; i < len(s); {
		if b := s[i]; b < utf8.RuneSelf {
			dst = append(dst, table[b])
			i++
			continue
		}
		r, n := wtf8.Next(s[i:])
		i += n
		dst = w.rune(dst, r)
	}
	return dst
}

func (w weigher) rune(dst []element, r rune) []element {
	width := uint16(0)
	switch {
	case r >= 0xFF01 && r <= 0xFF5E:
		r -= 0xFEE0
		width = 1
	case r == 0x3000:
		r, width = ' ', 1
	case r == 0xA0:
		return append(dst, element{primary: weightBlank + 1})
	}
	kana := uint16(0)
	if r >= 0x30A1 && r <= 0x30F6 {
		r, kana = r-0x60, 1
	}
	start := len(dst)
	dst = w.letter(dst, r)
	if start < len(dst) {
		if w.ws {
			dst[start].secondary += width << 14
		}
		if w.ks {
			dst[start].secondary += kana << 15
		}
	}
	return dst
}

// expansions are letters that Windows sorts as two.
var expansions = map[rune]string{'ß': "ss", 'æ': "ae", 'œ': "oe", 'þ': "th", 'ǆ': "dž"}

func (w weigher) letter(dst []element, r rune) []element {
	if r < utf8.RuneSelf {
		return append(dst, w.table()[r])
	}
	if unicode.Is(unicode.Mn, r) {
		return append(dst, element{secondary: uint16(r)&0x3FFF | 1})
	}
	if two, ok := expansions[unicode.ToLower(r)]; ok && w.windows {
		start := len(dst)
		dst = w.append(dst, two)
		if unicode.IsUpper(r) {
			for i := start; i < len(dst); i++ {
				dst[i].tertiary = 1
			}
		}
		return dst
	}
	if r < 0xD800 || r > 0xDFFF {
		if d := norm.NFD.PropertiesString(string(r)).Decomposition(); len(d) > 0 && r < 0xAC00 {
			for len(d) > 0 {
				part, n := utf8.DecodeRune(d)
				d = d[n:]
				dst = w.letter(dst, part)
			}
			return dst
		}
	}
	e := element{primary: weightSymbol + 0x1000 + uint32(r)}
	switch {
	case unicode.IsDigit(r):
		e.primary = weightDigit + 0x100 + uint32(r)
	case unicode.IsLetter(r) || r >= 0xD800 && r <= 0xDFFF:
		lower := unicode.ToLower(r)
		e.primary = weightAfter + uint32(lower)
		if lower != r {
			e.tertiary = 1
		}
	}
	return append(dst, e)
}
