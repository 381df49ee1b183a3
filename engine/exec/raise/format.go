package raise

import (
	"fmt"
	"strconv"
	"strings"

	"latchkey/engine/sqltype"
)

// maxText is the most characters of a message: longer ones are cut to 2,044 and an ellipsis.
const maxText = 2047

// Format fills a RAISERROR message with its arguments: %d %i %o %s %u %x %X, with flags, width and precision, * among them, and the
// sizes h, l and I64. Errors are messages 2786, 2787 and 2748. Missing arguments print as (null).
func Format(format string, args []sqltype.Value) (string, error) {
	var b strings.Builder
	next := 0
	arg := func() (sqltype.Value, int) {
		next++
		if next > len(args) {
			return sqltype.NullValue, next
		}
		return args[next-1], next
	}
	for i := 0; i < len(format); {
		if format[i] != '%' {
			j := strings.IndexByte(format[i:], '%')
			if j < 0 {
				j = len(format) - i
			}
			b.WriteString(format[i : i+j])
			i += j
			continue
		}
		if strings.HasPrefix(format[i:], "%%") {
			b.WriteByte('%')
			i += 2
			continue
		}
		s := parseSpec(format[i:])
		if s.verb == 0 {
			return "", New(2787, clip(format[i:]))
		}
		i += s.length
		if err := s.stars(arg); err != nil {
			return "", err
		}
		v, at := arg()
		text, err := s.print(v, at)
		if err != nil {
			return "", err
		}
		b.WriteString(text)
		if b.Len() > 4*maxText {
			break // nothing behind the cut is needed
		}
	}
	return Cut(b.String()), nil
}

// Cut bounds a message's text as the server does.
func Cut(s string) string {
	n := 0
	for i := range s {
		if n == maxText-3 {
			if len([]rune(s[i:])) <= 3 {
				return s
			}
			return s[:i] + "..."
		}
		n++
	}
	return s
}

func clip(s string) string {
	if len(s) > 20 {
		s = strings.ToValidUTF8(s[:20], "")
	}
	return s
}

// spec is one conversion: %[flags][width][.precision][size]verb.
type spec struct {
	flags              string
	width, precision   int // -1 for none
	starWidth, starPre bool
	verb               byte
	long               bool // I64
	length             int
}

func parseSpec(s string) spec {
	p := spec{width: -1, precision: -1}
	i := 1
	for i < len(s) && strings.IndexByte("-+0# ", s[i]) >= 0 {
		i++
	}
	p.flags = s[1:i]
	number := func() (n int, star bool) {
		if i < len(s) && s[i] == '*' {
			i++
			return -1, true
		}
		start := i
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		if start == i {
			return -1, false
		}
		n, err := strconv.Atoi(s[start:i])
		if err != nil || n > maxText {
			n = maxText
		}
		return n, false
	}
	p.width, p.starWidth = number()
	if i < len(s) && s[i] == '.' {
		i++
		if p.precision, p.starPre = number(); p.precision < 0 {
			p.precision = 0
		}
	}
	switch {
	case strings.HasPrefix(s[i:], "I64"):
		p.long = true
		i += 3
	case i < len(s) && (s[i] == 'h' || s[i] == 'l'):
		i++
	}
	if i < len(s) && strings.IndexByte("diosuxX", s[i]) >= 0 {
		p.verb = s[i]
		i++
	}
	p.length = i
	return p
}

// stars takes the widths that arguments give.
func (p *spec) stars(arg func() (sqltype.Value, int)) error {
	for _, s := range []struct {
		star bool
		to   *int
	}{{p.starWidth, &p.width}, {p.starPre, &p.precision}} {
		if !s.star {
			continue
		}
		v, at := arg()
		if !v.Kind().IsInteger() {
			return New(2786, at)
		}
		n := v.Int()
		if n < 0 {
			p.flags, n = p.flags+"-", -n
		}
		*s.to = int(min(n, maxText))
	}
	return nil
}

func (p *spec) print(v sqltype.Value, at int) (string, error) {
	var text string
	switch k := v.Kind(); {
	case v.IsNull():
		text = "(null)"
	case p.verb == 's':
		if !k.IsText() {
			return "", New(2786, at)
		}
		text = v.Text()
		if r := []rune(text); p.precision >= 0 && len(r) > p.precision {
			text = string(r[:p.precision])
		}
	case !k.IsInteger():
		return "", New(2786, at)
	default:
		if k == sqltype.BigInt && !p.long {
			return "", New(2786, at)
		}
		text = p.number(v)
	}
	return p.pad(text), nil
}

func (p *spec) number(v sqltype.Value) string {
	n := v.Int()
	u := uint64(n)
	if v.Kind() != sqltype.BigInt {
		u = uint64(uint32(n))
	}
	var digits, sign string
	switch p.verb {
	case 'd', 'i':
		digits = strconv.FormatInt(n, 10)
		if n < 0 {
			sign, digits = "-", digits[1:]
		} else if strings.Contains(p.flags, "+") {
			sign = "+"
		} else if strings.Contains(p.flags, " ") {
			sign = " "
		}
	case 'u':
		digits = strconv.FormatUint(u, 10)
	case 'o':
		digits = strconv.FormatUint(u, 8)
		if strings.Contains(p.flags, "#") {
			sign = "0"
		}
	default:
		digits = fmt.Sprintf("%"+string(p.verb), u)
		if strings.Contains(p.flags, "#") && u != 0 {
			sign = "0" + string(p.verb)
		}
	}
	for len(digits) < p.precision {
		digits = "0" + digits
	}
	if strings.Contains(p.flags, "0") && !strings.Contains(p.flags, "-") && p.precision < 0 {
		for len(digits)+len(sign) < p.width {
			digits = "0" + digits
		}
	}
	return sign + digits
}

func (p *spec) pad(text string) string {
	if fill := p.width - len([]rune(text)); fill > 0 {
		if strings.Contains(p.flags, "-") {
			return text + strings.Repeat(" ", fill)
		}
		return strings.Repeat(" ", fill) + text
	}
	return text
}
