package format

import (
	"math/big"
	"strings"

	"latchkey/engine/sqltype"
)

// custom is a pattern of 0, #, point, comma, percent, sections and literals.
func custom(d digits, format string) (string, bool) {
	sections := split(format)
	pattern := sections[0]
	neg := d.neg && d.n.Sign() != 0
	switch {
	case d.n.Sign() == 0 && len(sections) > 2:
		pattern = sections[2]
	case neg && len(sections) > 1 && sections[1] != "":
		pattern, neg = sections[1], false
	}
	p, ok := read(pattern)
	if !ok {
		return "", false
	}
	n := new(big.Int).Mul(d.n, sqltype.Pow10(p.power))
	scale := d.scale + 3*p.thousands
	n = sqltype.Rescale(n, scale, p.places, true)
	if n.Sign() == 0 {
		neg = false
		if d.n.Sign() != 0 && len(sections) > 2 {
			if p, ok = read(sections[2]); !ok {
				return "", false
			}
			n = sqltype.Rescale(n, 0, p.places, false)
		}
	}
	s := p.write(n)
	if neg {
		s = "-" + s
	}
	return s, true
}

// split cuts a pattern at the semicolons that are no literals.
func split(format string) []string {
	var out []string
	start := 0
	for i := 0; i < len(format); i++ {
		switch format[i] {
		case '\\':
			i++
		case '\'', '"':
			if end := strings.IndexByte(format[i+1:], format[i]); end >= 0 {
				i += end + 1
			}
		case ';':
			out = append(out, format[start:i])
			start = i + 1
		}
	}
	return append(out, format[start:])
}

// picture is a pattern read.
type picture struct {
	items     []item
	whole     int // places for digits in front of the point
	places    int // and behind
	power     int // of ten, from % and ‰
	thousands int // commas that scale
	group     bool
	point     bool
}

// item is a place for a digit ('0' or '#'), the point ('.') or a literal.
type item struct {
	kind byte
	text string
}

func read(pattern string) (p picture, ok bool) {
	commas := 0
	for i := 0; i < len(pattern); i++ {
		c := pattern[i]
		if c != ',' && commas > 0 {
			if c == '0' || c == '#' {
				p.group = p.group || !p.point
			} else if !p.point {
				p.thousands += commas
			}
			commas = 0
		}
		switch c {
		case '0', '#':
			p.items = append(p.items, item{kind: c})
			if p.point {
				p.places++
			} else {
				p.whole++
			}
		case '.':
			if !p.point {
				p.point = true
				p.items = append(p.items, item{kind: '.'})
			}
		case ',':
			if p.whole > 0 {
				commas++
			}
		case '%':
			p.power += 2
			p.items = append(p.items, item{text: "%"})
		case '\\':
			if i++; i < len(pattern) {
				p.items = append(p.items, item{text: pattern[i : i+1]})
			}
		case '\'', '"':
			end := strings.IndexByte(pattern[i+1:], c)
			if end < 0 {
				return p, false
			}
			p.items = append(p.items, item{text: pattern[i+1 : i+1+end]})
			i += end + 1
		case 'E', 'e':
			if rest := strings.TrimLeft(pattern[i+1:], "+-"); strings.HasPrefix(rest, "0") {
				return p, false // exponents are not built
			}
			p.items = append(p.items, item{text: pattern[i : i+1]})
		default:
			p.items = append(p.items, item{text: pattern[i : i+1]})
		}
	}
	if !p.point {
		p.thousands += commas
	}
	return p, p.places <= maxPlaces && p.whole <= maxPlaces
}

// write puts an integer of p.places decimals into the picture.
func (p picture) write(n *big.Int) string {
	text := string(sqltype.AppendDecimal(nil, n, p.places))
	whole, frac, _ := strings.Cut(text, ".")
	if whole == "0" {
		whole = ""
	}
	// The first 0 in front of the point makes all behind it show.
	first := p.whole
	i := 0
	for _, it := range p.items {
		if it.kind == '.' {
			break
		}
		if it.kind == '0' && i < first {
			first = i
		}
		if it.kind != 0 {
			i++
		}
	}
	if least := p.whole - first; len(whole) < least {
		whole = strings.Repeat("0", least-len(whole)) + whole
	}
	// Digits behind the last 0 go if they are zeros.
	keep, at := 0, 0
	behind := false
	for _, it := range p.items {
		if it.kind == '.' {
			behind = true
		} else if behind && it.kind != 0 {
			if at++; it.kind == '0' {
				keep = at
			}
		}
	}
	shown := len(strings.TrimRight(frac, "0"))
	frac = frac[:max(keep, shown)]

	var b strings.Builder
	place, used, behind := 0, 0, false
	digit := func(i int) {
		b.WriteByte(whole[i])
		if left := len(whole) - 1 - i; p.group && left > 0 && left%3 == 0 {
			b.WriteByte(',')
		}
	}
	for _, it := range p.items {
		switch {
		case it.kind == 0:
			b.WriteString(it.text)
		case it.kind == '.':
			behind = true
			if p.whole == 0 {
				b.WriteString(whole)
			}
			if frac != "" {
				b.WriteByte('.')
			}
		case behind:
			if used < len(frac) {
				b.WriteByte(frac[used])
			}
			used++
		default:
			// The first place takes the digits that have none.
			left := p.whole - place
			if place == 0 {
				for i := 0; i < len(whole)-left; i++ {
					digit(i)
				}
			}
			if i := len(whole) - left; i >= 0 {
				digit(i)
			}
			place++
		}
	}
	return b.String()
}
