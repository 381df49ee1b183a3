package collation

import (
	"cmp"
	"encoding/binary"
	"strings"
	"unicode/utf8"

	"latchkey/engine/sqltype/wtf8"
)

// Compare returns -1, 0 or 1 as a sorts before, with or after b. National is true for nchar and nvarchar. Trailing blanks do not
// count, except in LIKE, which does not use this.
func (c Collation) Compare(a, b string, national bool) int {
	a, b = strings.TrimRight(a, " "), strings.TrimRight(b, " ")
	if a == b {
		return 0
	}
	if c.bin || c.bin2 {
		return c.compareBinary(a, b, national)
	}
	w := c.weigher(national)
	if r, ok := c.compareASCII(a, b, w); ok {
		return r
	}
	var bufA, bufB [64]element
	return c.compareElements(w.append(bufA[:0], a), w.append(bufB[:0], b), w)
}

// Equal reports whether Compare would return 0.
func (c Collation) Equal(a, b string, national bool) bool { return c.Compare(a, b, national) == 0 }

func (c Collation) weigher(national bool) weigher {
	return weigher{windows: c.windows || national, ks: c.ks, ws: c.ws}
}

// compareASCII is the short way for what most strings are; false if one of them needs the long way.
func (c Collation) compareASCII(a, b string, w weigher) (int, bool) {
	table := w.table()
	first, caseDiff := 0, 0
	for i := range max(len(a), len(b)) {
		x, y := element{}, element{}
		if i < len(a) {
			if a[i] >= utf8.RuneSelf {
				return 0, false
			}
			x = table[a[i]]
		}
		if i < len(b) {
			if b[i] >= utf8.RuneSelf {
				return 0, false
			}
			y = table[b[i]]
		}
		if x.special || y.special {
			return 0, false
		}
		if first == 0 {
			first = cmp.Compare(x.primary, y.primary)
		}
		if caseDiff == 0 {
			caseDiff = cmp.Compare(x.tertiary, y.tertiary)
		}
	}
	if first != 0 || !c.cs {
		return first, true
	}
	return c.caseOrder(caseDiff, w), true
}

// caseOrder turns the order of cases round for the code page's tables, which have capitals first.
func (c Collation) caseOrder(n int, w weigher) int {
	if !w.windows {
		return -n
	}
	return n
}

func (c Collation) compareElements(a, b []element, w weigher) int {
	if n := compareLevel(a, b, func(e element) (uint32, bool) { return e.primary, e.primary != 0 && !e.special }); n != 0 {
		return n
	}
	if !c.ai {
		if n := compareAccents(a, b); n != 0 {
			return n
		}
	}
	if c.cs {
		if n := compareLevel(a, b, func(e element) (uint32, bool) { return uint32(e.tertiary) + 1, e.primary != 0 && !e.special }); n != 0 {
			return c.caseOrder(n, w)
		}
	}
	// Hyphens and apostrophes: which one, and behind how many letters.
	return compareLevel(positions(a), positions(b), func(e element) (uint32, bool) { return e.primary, true })
}

func compareLevel(a, b []element, weight func(element) (uint32, bool)) int {
	i, j := 0, 0
	for {
		x, y := uint32(0), uint32(0)
		for ; i < len(a) && x == 0; i++ {
			if v, ok := weight(a[i]); ok {
				x = v
			}
		}
		for ; j < len(b) && y == 0; j++ {
			if v, ok := weight(b[j]); ok {
				y = v
			}
		}
		if x != y {
			return cmp.Compare(x, y)
		}
		if x == 0 {
			return 0
		}
	}
}

// accents folds each letter's marks into one weight.
func accents(es []element) []element {
	var out []element
	for _, e := range es {
		switch {
		case e.special:
		case e.primary != 0:
			out = append(out, element{primary: 1 + uint32(e.secondary)})
		case len(out) > 0:
			out[len(out)-1].primary = out[len(out)-1].primary*31 + uint32(e.secondary)
		default:
			out = append(out, element{primary: 1 + uint32(e.secondary)})
		}
	}
	return out
}

func compareAccents(a, b []element) int {
	return compareLevel(accents(a), accents(b), func(e element) (uint32, bool) { return e.primary, true })
}

func positions(es []element) []element {
	var out []element
	n := uint32(0)
	for _, e := range es {
		switch {
		case e.special:
			out = append(out, element{primary: n<<8 | e.primary&0xFF | 1<<31})
		case e.primary != 0:
			n++
		}
	}
	return out
}

// compareBinary pads the shorter string with blanks, in bytes of the code page or in UTF-16 units.
func (c Collation) compareBinary(a, b string, national bool) int {
	if !national {
		x, _ := c.AppendEncoded(nil, a)
		y, _ := c.AppendEncoded(nil, b)
		for i := range max(len(x), len(y)) {
			if n := cmp.Compare(byteAt(x, i), byteAt(y, i)); n != 0 {
				return n
			}
		}
		return 0
	}
	x, y := wtf8.AppendUTF16LE(nil, a), wtf8.AppendUTF16LE(nil, b)
	for i := 0; i < max(len(x), len(y)); i += 2 {
		u, v := unitAt(x, i), unitAt(y, i)
		if c.bin && i > 0 { // the older rule: behind the first unit, bytes as they lie in memory
			u, v = u>>8|u<<8, v>>8|v<<8
		}
		if n := cmp.Compare(u, v); n != 0 {
			return n
		}
	}
	return 0
}

func byteAt(b []byte, i int) byte {
	if i < len(b) {
		return b[i]
	}
	return ' '
}

func unitAt(b []byte, i int) uint16 {
	if i+1 < len(b) {
		return binary.LittleEndian.Uint16(b[i:])
	}
	return ' '
}

// AppendKey appends a key of s: two strings have the same key exactly when Compare returns 0. Under the linguistic collations
// keys also sort as Compare does.
func (c Collation) AppendKey(dst []byte, s string, national bool) []byte {
	s = strings.TrimRight(s, " ")
	if c.bin || c.bin2 {
		if !national {
			dst, _ = c.AppendEncoded(dst, s)
			return dst
		}
		return wtf8.AppendUTF16LE(dst, s)
	}
	w := c.weigher(national)
	var buf [64]element
	es := w.append(buf[:0], s)
	for _, e := range es {
		if e.primary != 0 && !e.special {
			dst = append(dst, byte(e.primary>>16), byte(e.primary>>8), byte(e.primary))
		}
	}
	dst = append(dst, 0, 0, 0)
	if !c.ai {
		for _, e := range accents(es) {
			dst = binary.BigEndian.AppendUint32(dst, e.primary)
		}
		dst = append(dst, 0, 0, 0, 0)
	}
	if c.cs {
		for _, e := range es {
			if e.primary != 0 && !e.special {
				t := e.tertiary + 1
				if !w.windows {
					t = 3 - t
				}
				dst = append(dst, t)
			}
		}
		dst = append(dst, 0)
	}
	for _, e := range positions(es) {
		dst = binary.BigEndian.AppendUint32(dst, e.primary)
	}
	return dst
}
