// Package format has FORMAT: numbers, dates and times by .NET's format strings, in the culture en-US (or the invariant one, whose
// formats differ in the currency sign and the standard dates alone and are given the same here; other cultures are message 9818).
//
// A format that .NET would refuse gives NULL, as in SQL Server.
package format

import (
	"context"
	"math/big"
	"strconv"
	"strings"

	"latchkey/engine/fn/def"
	"latchkey/engine/sqltype"
)

// Functions is FORMAT.
func Functions() []def.Function {
	return []def.Function{{
		Name: "FORMAT", Min: 2, Max: 3, Bind: bind,
		Note: "in the culture en-US",
	}}
}

func bind(args []def.Arg) (def.Bound, error) {
	t := args[0].Type
	if k := t.Kind; !k.IsNumeric() && !k.IsDateTime() && k != sqltype.Null || k == sqltype.Bit {
		return def.Bound{}, def.BadType(t, 1, "format")
	}
	want := []sqltype.Type{{}, def.NameArg, def.NameArg}[:len(args)]
	if err := def.Implicit("format", args, []sqltype.Type{{}, def.NameArg, def.NameArg}); err != nil {
		return def.Bound{}, err
	}
	out := sqltype.Sized(sqltype.NVarChar, sqltype.MaxNational)
	return def.Bound{Type: out, Want: want, NullIn: true, Eval: func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
		if len(a) == 3 && !a[2].IsNull() {
			switch c := strings.ToLower(strings.TrimSpace(a[2].Text())); c {
			case "", "en", "en-us", "iv":
			default:
				return sqltype.NullValue, &sqltype.Error{Number: 9818, Level: 16, State: 1, Message: "The culture parameter '" + a[2].Text() + "' provided in the function call is not supported."}
			}
		}
		if a[0].IsNull() || a[1].IsNull() {
			return sqltype.NullValue, nil
		}
		s, ok := Value(a[0], a[1].Text())
		if !ok {
			return sqltype.NullValue, nil
		}
		return sqltype.NewText(sqltype.NVarChar, s), nil
	}}, nil
}

// Value formats a number, date or time; false for a format that is none.
func Value(v sqltype.Value, format string) (string, bool) {
	switch k := v.Kind(); {
	case k == sqltype.Time:
		return span(v.Ticks(), format)
	case k.IsDateTime():
		return date(v, format)
	}
	return number(v, format)
}

// digits is a number as decimal digits with scale of them behind the point.
type digits struct {
	neg   bool
	whole bool // of an integer type
	n     *big.Int
	scale int
}

func digitsOf(v sqltype.Value) digits {
	if v.Kind().IsApproximate() {
		precision := 15 // what .NET shows of a double
		if v.Kind() == sqltype.Real {
			precision = 7
		}
		return parse(strconv.FormatFloat(v.Float(), 'e', precision-1, 64))
	}
	n := v.Unscaled()
	return digits{neg: n.Sign() < 0, whole: v.Kind().IsInteger(), n: n.Abs(n), scale: v.Scale()}
}

// parse reads d.ddde+xx.
func parse(s string) digits {
	m, e, _ := strings.Cut(s, "e")
	exp, _ := strconv.Atoi(e) // FormatFloat wrote it
	d := digits{neg: strings.HasPrefix(m, "-")}
	m = strings.TrimPrefix(m, "-")
	whole, frac, _ := strings.Cut(m, ".")
	frac = strings.TrimRight(frac, "0")
	d.n, _ = new(big.Int).SetString(whole+frac, 10)
	d.scale = len(frac) - exp
	if d.scale < 0 {
		d.n.Mul(d.n, sqltype.Pow10(-d.scale))
		d.scale = 0
	}
	return d
}

// fixed writes the digits rounded to a number of them behind the point.
func (d digits) fixed(places int) string {
	return string(sqltype.AppendDecimal(nil, sqltype.Rescale(d.n, d.scale, places, true), places))
}

func (d digits) zero(places int) bool { return sqltype.Rescale(d.n, d.scale, places, true).Sign() == 0 }

// grouped puts commas between the thousands.
func grouped(s string) string {
	whole, frac, point := strings.Cut(s, ".")
	var b strings.Builder
	for i := range len(whole) {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteByte(whole[i])
	}
	if point {
		b.WriteString("." + frac)
	}
	return b.String()
}

// maxPlaces bounds a precision.
const maxPlaces = 99

func number(v sqltype.Value, format string) (string, bool) {
	d := digitsOf(v)
	if format == "" {
		format = "G"
	}
	letter, places := format[0]&^0x20, -1
	if rest := format[1:]; len(rest) <= 2 && letter >= 'A' && letter <= 'Z' {
		if n, err := strconv.Atoi(rest); err == nil && n >= 0 && rest[0] != '+' {
			places = n
		} else if rest != "" {
			return custom(d, format)
		}
		return standard(v, d, format[0], places)
	}
	return custom(d, format)
}

func standard(v sqltype.Value, d digits, letter byte, places int) (string, bool) {
	p := places
	if p < 0 {
		p = 2
	}
	sign := ""
	if d.neg && !d.zero(p) {
		sign = "-"
	}
	switch letter &^ 0x20 {
	case 'N':
		return sign + grouped(d.fixed(p)), true
	case 'F':
		return sign + d.fixed(p), true
	case 'C':
		if sign != "" {
			return "($" + grouped(d.fixed(p)) + ")", true
		}
		return "$" + grouped(d.fixed(p)), true
	case 'P':
		d.n = new(big.Int).Mul(d.n, big.NewInt(100))
		return sign + grouped(d.fixed(p)) + " %", true
	case 'D':
		if !d.whole {
			return "", false
		}
		s := d.n.String()
		s = strings.Repeat("0", max(0, places-len(s))) + s
		if d.neg {
			s = "-" + s
		}
		return s, true
	case 'X':
		if !d.whole {
			return "", false
		}
		n := uint64(v.Int())
		switch v.Kind() {
		case sqltype.Int:
			n = uint64(uint32(n))
		case sqltype.SmallInt:
			n = uint64(uint16(n))
		case sqltype.TinyInt:
			n = uint64(uint8(n))
		}
		s := strconv.FormatUint(n, 16)
		s = strings.Repeat("0", max(0, places-len(s))) + s
		if letter == 'X' {
			s = strings.ToUpper(s)
		}
		return s, true
	case 'E':
		if places < 0 {
			p = 6
		}
		return exponential(d, p, letter), true
	case 'G', 'R':
		if v.Kind().IsApproximate() {
			precision := -1
			if letter&^0x20 == 'G' {
				precision = map[sqltype.Kind]int{sqltype.Real: 7, sqltype.Float: 15}[v.Kind()]
			}
			return strconv.FormatFloat(v.Float(), 'G', precision, 64), true
		}
		s := string(sqltype.AppendDecimal(nil, d.n, d.scale))
		if d.neg {
			s = "-" + s
		}
		return s, true
	}
	return "", false
}

func exponential(d digits, places int, letter byte) string {
	all := d.n.String()
	exp := len(all) - 1 - d.scale
	if d.n.Sign() == 0 {
		exp = 0
	}
	n := sqltype.Rescale(d.n, len(all)-1, places, true)
	s := string(sqltype.AppendDecimal(nil, n, places))
	if strings.HasPrefix(s, "10") { // 9.99 was rounded up
		exp++
		s = string(sqltype.AppendDecimal(nil, sqltype.DivRound(n, big.NewInt(10), true), places))
	}
	sign := "+"
	if exp < 0 {
		sign, exp = "-", -exp
	}
	e := strconv.Itoa(exp)
	s += string(letter) + sign + strings.Repeat("0", max(0, 3-len(e))) + e
	if d.neg && d.n.Sign() != 0 {
		s = "-" + s
	}
	return s
}
