package format

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"latchkey/engine/sqltype"
)

// standards are the patterns of the standard formats in en-US.
var standards = map[byte]string{
	'd': "M/d/yyyy", 'D': "dddd, MMMM d, yyyy", 't': "h:mm tt", 'T': "h:mm:ss tt", 'f': "dddd, MMMM d, yyyy h:mm tt",
	'F': "dddd, MMMM d, yyyy h:mm:ss tt", 'g': "M/d/yyyy h:mm tt", 'G': "M/d/yyyy h:mm:ss tt", 'M': "MMMM d", 'm': "MMMM d", 'Y': "MMMM yyyy",
	'y': "MMMM yyyy", 's': "yyyy-MM-ddTHH:mm:ss", 'u': "yyyy-MM-dd HH:mm:ssZ", 'o': "yyyy-MM-ddTHH:mm:ss.fffffffK", 'O': "yyyy-MM-ddTHH:mm:ss.fffffffK",
	'R': "ddd, dd MMM yyyy HH:mm:ss 'GMT'", 'r': "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
}

func date(v sqltype.Value, format string) (string, bool) {
	if format == "" {
		format = "G"
	}
	days, ticks := v.Local()
	if len(format) == 1 {
		p, ok := standards[format[0]]
		if !ok {
			return "", false
		}
		if strings.IndexByte("uRr", format[0]) >= 0 && v.Kind() == sqltype.DateTimeOffset {
			days, ticks = v.Days(), v.Ticks()
		}
		format = p
	}
	y, m, d := sqltype.DateFromDays(days)
	c := sqltype.ClockOf(ticks)
	offset := v.Kind() == sqltype.DateTimeOffset
	return spell(format, func(letter byte, n int) (string, bool) {
		pad := func(x, width int) (string, bool) { return fmt.Sprintf("%0*d", width, x), true }
		switch letter {
		case 'd':
			weekday := time.Weekday((days%7 + 8) % 7)
			switch {
			case n <= 2:
				return pad(d, n)
			case n == 3:
				return weekday.String()[:3], true
			}
			return weekday.String(), true
		case 'M':
			switch {
			case n <= 2:
				return pad(m, n)
			case n == 3:
				return time.Month(m).String()[:3], true
			}
			return time.Month(m).String(), true
		case 'y':
			if n <= 2 {
				return pad(y%100, n)
			}
			return pad(y, n)
		case 'H':
			return pad(c.Hour, min(n, 2))
		case 'h':
			return pad((c.Hour+11)%12+1, min(n, 2))
		case 'm':
			return pad(c.Minute, min(n, 2))
		case 's':
			return pad(c.Second, min(n, 2))
		case 'f', 'F':
			return fraction(c.Ticks, letter, n)
		case 't':
			if c.Hour < 12 {
				return "AM"[:min(n, 2)], true
			}
			return "PM"[:min(n, 2)], true
		case 'g':
			return "A.D.", true
		case 'K':
			if !offset {
				return "", true
			}
			return zone(v.Offset(), 3)
		case 'z':
			return zone(v.Offset(), n)
		case '/', ':':
			return strings.Repeat(string(letter), n), true
		}
		return strings.Repeat(string(letter), n), true
	}, "dMyHhmsfFtgKz")
}

func fraction(ticks int64, letter byte, n int) (string, bool) {
	if n > 7 {
		return "", false
	}
	s := fmt.Sprintf("%07d", ticks)[:n]
	if letter == 'F' {
		s = strings.TrimRight(s, "0")
	}
	return s, true
}

func zone(minutes, n int) (string, bool) {
	sign := "+"
	if minutes < 0 {
		sign, minutes = "-", -minutes
	}
	switch n {
	case 1:
		return sign + strconv.Itoa(minutes/60), true
	case 2:
		return fmt.Sprintf("%s%02d", sign, minutes/60), true
	}
	return fmt.Sprintf("%s%02d:%02d", sign, minutes/60, minutes%60), true
}

// spell replaces runs of the letters in a pattern; quotes, \ and % are .NET's.
func spell(format string, letter func(c byte, n int) (string, bool), letters string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(format); {
		c := format[i]
		switch {
		case c == '\'' || c == '"':
			end := strings.IndexByte(format[i+1:], c)
			if end < 0 {
				return "", false
			}
			b.WriteString(format[i+1 : i+1+end])
			i += end + 2
		case c == '\\':
			if i+1 == len(format) {
				return "", false
			}
			b.WriteByte(format[i+1])
			i += 2
		case c == '%':
			i++
		case strings.IndexByte(letters, c) >= 0:
			n := 1
			for i+n < len(format) && format[i+n] == c {
				n++
			}
			s, ok := letter(c, n)
			if !ok {
				return "", false
			}
			if c == 'F' && s == "" && strings.HasSuffix(b.String(), ".") { // the point goes with the digits
				t := b.String()
				b.Reset()
				b.WriteString(t[:len(t)-1])
			}
			b.WriteString(s)
			i += n
		default:
			b.WriteByte(c)
			i++
		}
		if b.Len() > 8*sqltype.MaxNational {
			return "", false
		}
	}
	return b.String(), true
}

// span formats a time of day, which is .NET's TimeSpan: separators must be escaped.
func span(ticks int64, format string) (string, bool) {
	c := sqltype.ClockOf(ticks)
	general := fmt.Sprintf("%02d:%02d:%02d", c.Hour, c.Minute, c.Second)
	switch format {
	case "", "c", "t", "T":
		if c.Ticks != 0 {
			general += fmt.Sprintf(".%07d", c.Ticks)
		}
		return general, true
	case "g":
		s := fmt.Sprintf("%d:%02d:%02d", c.Hour, c.Minute, c.Second)
		if c.Ticks != 0 {
			s += "." + strings.TrimRight(fmt.Sprintf("%07d", c.Ticks), "0")
		}
		return s, true
	case "G":
		return fmt.Sprintf("0:%s.%07d", general, c.Ticks), true
	}
	if len(format) == 1 {
		return "", false
	}
	for i := 0; i < len(format); i++ { // no letters but these, nothing unescaped
		switch k := format[i]; {
		case k == '\\':
			i++
		case k == '\'' || k == '"':
			end := strings.IndexByte(format[i+1:], k)
			if end < 0 {
				return "", false
			}
			i += end + 1
		case strings.IndexByte("dhmsfF%", k) < 0:
			return "", false
		}
	}
	return spell(format, func(letter byte, n int) (string, bool) {
		if n > 2 && letter != 'f' && letter != 'F' && letter != 'd' {
			return "", false
		}
		x := map[byte]int{'d': 0, 'h': c.Hour, 'm': c.Minute, 's': c.Second}[letter]
		if letter == 'f' || letter == 'F' {
			return fraction(c.Ticks, letter, n)
		}
		return fmt.Sprintf("%0*d", n, x), true
	}, "dhmsfF")
}
