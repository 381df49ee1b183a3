// Package like matches text with the patterns of LIKE and PATINDEX: % for any text, _ for one character, [a-f], [^a-f], and an escape
// character.
//
// Characters are UTF-16 units, or code points under collations that count them so. Two are equal, and one is in a range, as the
// collation says of each alone: ß is not ss here. A pattern with [ and no ] matches nothing, as in SQL Server. In char and varchar
// blanks at the end of the text do not count; in nchar and nvarchar they do.
package like

import (
	"strings"
	"unsafe"

	"latchkey/engine/sqltype/collation"
	"latchkey/engine/sqltype/wtf8"
)

// Pattern is a compiled pattern. It is safe for concurrent use.
type Pattern struct {
	items    []item
	never    bool // ill-formed: matches nothing
	coll     collation.Collation
	national bool
	binary   bool // compared by code
	folds    bool // ASCII letters of either case are equal
	supp     bool
}

type op uint8

const (
	one  op = iota // this character
	any1           // any character
	many           // any text
	set            // one of these
)

type item struct {
	op     op
	r      rune
	key    string
	not    bool
	ranges [][2]rune
}

// Compile reads a pattern. escape below 0 means none.
func Compile(pattern string, escape rune, c collation.Collation, national bool) *Pattern {
	name := c.String()
	p := &Pattern{
		coll: c, national: national, binary: strings.Contains(name, "_BIN"), folds: !c.CaseSensitive(), supp: c.Supplementary(),
	}
	p.folds = p.folds && !p.binary
	rs := p.units(pattern)
	for i := 0; i < len(rs); i++ {
		switch r := rs[i]; {
		case r == escape:
			if i++; i == len(rs) {
				p.never = true
				return p
			}
			p.items = append(p.items, p.single(rs[i]))
		case r == '%':
			if n := len(p.items); n == 0 || p.items[n-1].op != many {
				p.items = append(p.items, item{op: many})
			}
		case r == '_':
			p.items = append(p.items, item{op: any1})
		case r == '[':
			it, n := set1(rs[i+1:], escape)
			if n < 0 {
				p.never = true
				return p
			}
			i += n
			p.items = append(p.items, it)
		default:
			p.items = append(p.items, p.single(r))
		}
	}
	return p
}

func (p *Pattern) single(r rune) item { return item{op: one, r: r, key: p.key(r)} }

func (p *Pattern) key(r rune) string {
	if p.binary || r == ' ' {
		return ""
	}
	return string(p.coll.AppendKey(nil, text(r), p.national))
}

// text is a character as WTF-8, a lone surrogate too.
func text(r rune) string {
	if r >= 0xd800 && r < 0xe000 {
		return string([]byte{0xe0 | byte(r>>12), 0x80 | byte(r>>6)&0x3f, 0x80 | byte(r)&0x3f})
	}
	return string(r)
}

// set1 reads what follows [; it gives the number of characters read, or -1 if there is no ].
func set1(rs []rune, escape rune) (item, int) {
	it := item{op: set}
	i := 0
	if i < len(rs) && rs[i] == '^' {
		it.not = true
		i++
	}
	for ; i < len(rs); i++ {
		if rs[i] == ']' {
			return it, i + 1
		}
		if rs[i] == escape && i+1 < len(rs) {
			i++
		}
		lo, hi := rs[i], rs[i]
		if i+2 < len(rs) && rs[i+1] == '-' && rs[i+2] != ']' {
			i += 2
			if rs[i] == escape && i+1 < len(rs) {
				i++
			}
			hi = rs[i]
		}
		it.ranges = append(it.ranges, [2]rune{lo, hi})
	}
	return it, -1
}

// units takes text apart into what counts as a character.
func (p *Pattern) units(s string) []rune {
	rs := make([]rune, 0, len(s))
	for len(s) > 0 {
		r, n := wtf8.Next(s)
		s = s[max(n, 1):]
		if r > 0xffff && !p.supp {
			r -= 0x10000
			rs = append(rs, 0xd800+r>>10, 0xdc00+r&0x3ff)
			continue
		}
		rs = append(rs, r)
	}
	return rs
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// Match reports whether the whole text matches.
func (p *Pattern) Match(s string) bool {
	if ascii(s) {
		return match(p, p.items, unsafe.Slice(unsafe.StringData(s), len(s)))
	}
	return match(p, p.items, p.units(s))
}

// Index is the place, from 1, of the first match, 0 for none: PATINDEX. A pattern that does not begin with % must match from the start.
func (p *Pattern) Index(s string) int {
	if ascii(s) {
		return index(p, unsafe.Slice(unsafe.StringData(s), len(s)))
	}
	return index(p, p.units(s))
}

func index[T byte | rune](p *Pattern, s []T) int {
	items := p.items
	if len(items) == 0 || items[0].op != many {
		if match(p, items, s) {
			return 1
		}
		return 0
	}
	if items = items[1:]; len(items) == 0 {
		return 1
	}
	for i := range s {
		if match(p, items, s[i:]) {
			return i + 1
		}
	}
	if len(s) == 0 && match(p, items, s) {
		return 1
	}
	return 0
}

func match[T byte | rune](p *Pattern, items []item, s []T) bool {
	if p.never {
		return false
	}
	i, at := 0, 0
	star, resume := -1, 0
	for {
		switch {
		case at < len(items) && items[at].op == many:
			if at+1 == len(items) {
				return true
			}
			star, resume = at, i
			at++
			continue
		case i == len(s):
			return at == len(items)
		case at < len(items) && p.fits(&items[at], rune(s[i])):
			i, at = i+1, at+1
			continue
		case at == len(items) && !p.national && blanks(s[i:]):
			return true
		}
		if star < 0 {
			return false
		}
		resume++
		i, at = resume, star+1
	}
}

func blanks[T byte | rune](s []T) bool {
	for _, c := range s {
		if c != ' ' {
			return false
		}
	}
	return true
}

func (p *Pattern) fits(it *item, r rune) bool {
	switch it.op {
	case any1:
		return true
	case one:
		return p.equal(it, r)
	}
	for _, x := range it.ranges {
		if p.in(r, x[0], x[1]) {
			return !it.not
		}
	}
	return it.not
}

func (p *Pattern) equal(it *item, r rune) bool {
	if r == it.r {
		return true
	}
	if p.binary || r == ' ' || it.r == ' ' {
		return false
	}
	if r < 0x80 && it.r < 0x80 {
		return p.folds && lower(r) == lower(it.r)
	}
	return it.key != "" && p.key(r) == it.key
}

func lower(r rune) rune {
	if r >= 'A' && r <= 'Z' {
		return r + 'a' - 'A'
	}
	return r
}

func alnum(r rune) bool {
	r = lower(r)
	return r >= 'a' && r <= 'z' || r >= '0' && r <= '9'
}

func (p *Pattern) in(r, lo, hi rune) bool {
	if p.binary {
		return lo <= r && r <= hi
	}
	if p.folds && alnum(r) && alnum(lo) && alnum(hi) {
		r, lo, hi = lower(r), lower(lo), lower(hi)
		return lo <= r && r <= hi
	}
	if lo == hi {
		x := p.single(lo)
		return p.equal(&x, r)
	}
	if r == ' ' {
		return lo == ' ' || hi == ' '
	}
	t := text(r)
	return p.coll.Compare(text(lo), t, p.national) <= 0 && p.coll.Compare(t, text(hi), p.national) <= 0
}

// Prefix is the text that every match begins with, and whether the pattern is that text and then % alone. A compiler may turn it into
// a range of an index.
func Prefix(pattern string, escape rune) (prefix string, onlyPrefix bool) {
	var b strings.Builder
	for i := 0; i < len(pattern); {
		r, n := wtf8.Next(pattern[i:])
		switch {
		case r == escape && i+n < len(pattern):
			i += n
			_, n = wtf8.Next(pattern[i:])
		case r == '%':
			return b.String(), i+1 == len(pattern)
		case r == '_' || r == '[' || r == escape:
			return b.String(), false
		}
		n = max(n, 1)
		b.WriteString(pattern[i : i+n])
		i += n
	}
	return b.String(), false
}

// Finder looks for a text in others, comparing characters as the collation does.
type Finder struct {
	p    *Pattern
	text string
}

// Literal makes a Finder of a text.
func Literal(text string, c collation.Collation, national bool) *Finder {
	p := Compile("", -1, c, national)
	p.supp = true
	for _, r := range p.units(text) {
		p.items = append(p.items, p.single(r))
	}
	return &Finder{p, text}
}

// Find gives the bytes of the first occurrence at or behind from; start -1 for none, or if the text is empty.
func (f *Finder) Find(s string, from int) (start, end int) {
	if len(f.p.items) == 0 || from > len(s) {
		return -1, -1
	}
	if f.p.binary {
		if i := strings.Index(s[from:], f.text); i >= 0 {
			return from + i, from + i + len(f.text)
		}
		return -1, -1
	}
	for i := from; i < len(s); {
		if end := f.at(s, i); end >= 0 {
			return i, end
		}
		_, n := wtf8.Next(s[i:])
		i += max(n, 1)
	}
	return -1, -1
}

// at gives the end of an occurrence at i, -1 for none.
func (f *Finder) at(s string, i int) int {
	for k := range f.p.items {
		r, n := wtf8.Next(s[i:])
		if n == 0 || !f.p.equal(&f.p.items[k], r) {
			return -1
		}
		i += n
	}
	return i
}

// Has reports whether a character is among those of the text.
func (f *Finder) Has(r rune) bool { return f.Index(r) >= 0 }

// Index is the place of a character among those of the text, from 0, or -1.
func (f *Finder) Index(r rune) int {
	for k := range f.p.items {
		if f.p.equal(&f.p.items[k], r) {
			return k
		}
	}
	return -1
}

// Len is the number of characters of the text.
func (f *Finder) Len() int { return len(f.p.items) }
