package convert

import (
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"

	"latchkey/engine/sqltype"
)

func (c *conversion) toBit() (sqltype.Value, error) {
	switch k := c.from.Kind; {
	case k.IsText():
		switch t := c.trimmed(); strings.ToLower(t) {
		case "true":
			return sqltype.NewBit(true), nil
		case "false", "":
			return sqltype.NewBit(false), nil
		default:
			n, err := strconv.ParseInt(t, 10, 64)
			if err != nil && !errors.Is(err, strconv.ErrRange) || strings.ContainsRune(t, '_') {
				return sqltype.NullValue, sqltype.NewError(245, c.fromName(), c.v.Text(), "bit")
			}
			return sqltype.NewBit(n != 0), nil
		}
	case k == sqltype.Decimal:
		_, hi, lo := c.v.DecimalParts()
		return sqltype.NewBit(hi|lo != 0), nil
	case k.IsApproximate():
		return sqltype.NewBit(c.v.Float() != 0), nil
	case k.IsBinary():
		b := c.v.Bytes()
		return sqltype.NewBit(len(b) > 0 && b[len(b)-1] != 0), nil
	case k.IsDateTime():
		return sqltype.NewBit(dateNumber(c.v) != 0), nil
	}
	return sqltype.NewBit(c.v.Int() != 0), nil
}

func (c *conversion) toInteger() (sqltype.Value, error) {
	k := c.from.Kind
	lo, hi := sqltype.IntRange(c.to.Kind)
	switch {
	case k.IsText():
		return c.textToInteger(lo, hi)
	case k.IsBinary():
		return c.bytesToInteger(), nil
	case k.IsApproximate(), k.IsDateTime():
		f := c.v.Float()
		if k.IsDateTime() {
			f = math.Round(dateNumber(c.v)) // the documentation: rounded to the nearest day
		}
		f = math.Trunc(f)
		if f < float64(lo) || f > float64(hi) || hi == math.MaxInt64 && f >= 1<<63 {
			return sqltype.NullValue, sqltype.NewError(232, c.toName(), c.v.ToFloat())
		}
		return sqltype.NewInt(c.to.Kind, int64(f)), nil
	case k == sqltype.Decimal, k.IsMoney():
		n := sqltype.Rescale(c.v.Unscaled(), c.v.Scale(), 0, k.IsMoney())
		if !n.IsInt64() || n.Int64() < lo || n.Int64() > hi {
			return sqltype.NullValue, c.overflow()
		}
		return sqltype.NewInt(c.to.Kind, n.Int64()), nil
	}
	n := c.v.Int()
	if n < lo || n > hi {
		if (c.to.Kind == sqltype.TinyInt || c.to.Kind == sqltype.SmallInt) && k != sqltype.BigInt {
			e := sqltype.NewError(220, c.toName(), n)
			if c.to.Kind == sqltype.TinyInt {
				e.State = 2
			}
			return sqltype.NullValue, e
		}
		return sqltype.NullValue, c.overflow()
	}
	return sqltype.NewInt(c.to.Kind, n), nil
}

func (c *conversion) textToInteger(lo, hi int64) (sqltype.Value, error) {
	t := c.trimmed()
	if t == "" {
		return sqltype.NewInt(c.to.Kind, 0), nil
	}
	digits := strings.TrimLeft(strings.TrimLeft(t, "+-"), " ")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil && strings.TrimLeft(digits, "0123456789") == "" && digits != "" {
		if digits == "9223372036854775808" && t[0] == '-' {
			n, err = math.MinInt64, nil
		}
	} else if err != nil || len(t)-len(strings.TrimLeft(t, "+-")) > 1 || digits[0] == '+' || digits[0] == '-' {
		if c.to.Kind == sqltype.BigInt {
			return sqltype.NullValue, sqltype.NewError(8114, c.fromName(), "bigint")
		}
		return sqltype.NullValue, sqltype.NewError(245, c.fromName(), c.v.Text(), c.toName())
	}
	if t[0] == '-' && n > 0 {
		n = -n
	}
	if err == nil && n >= lo && n <= hi {
		return sqltype.NewInt(c.to.Kind, n), nil
	}
	switch c.to.Kind {
	case sqltype.TinyInt:
		return sqltype.NullValue, sqltype.NewError(244, c.fromName(), c.v.Text(), "INT1")
	case sqltype.SmallInt:
		return sqltype.NullValue, sqltype.NewError(244, c.fromName(), c.v.Text(), "INT2")
	case sqltype.Int:
		return sqltype.NullValue, sqltype.NewError(248, c.fromName(), c.v.Text())
	}
	return sqltype.NullValue, sqltype.Overflow("expression", c.to.Kind)
}

// bytesToInteger reads the last bytes as a big-endian number of the target's size.
func (c *conversion) bytesToInteger() sqltype.Value {
	n := bigEndian(c.v.Bytes())
	switch c.to.Kind {
	case sqltype.TinyInt:
		n = int64(uint8(n))
	case sqltype.SmallInt:
		n = int64(int16(n))
	case sqltype.Int:
		n = int64(int32(n))
	}
	return sqltype.NewInt(c.to.Kind, n)
}

func bigEndian(b string) int64 {
	n := uint64(0)
	for i := max(len(b)-8, 0); i < len(b); i++ {
		n = n<<8 | uint64(b[i])
	}
	return int64(n)
}

func (c *conversion) toDecimal() (sqltype.Value, error) {
	p, s := int(c.to.Precision), int(c.to.Scale)
	var n *big.Int
	scale := 0
	switch k := c.from.Kind; {
	case k.IsText():
		var ok bool
		if n, _, scale, ok = sqltype.ParseDecimal(c.v.Text()); !ok {
			return sqltype.NullValue, sqltype.NewError(8114, c.fromName(), "numeric")
		}
	case k.IsApproximate(), k.IsDateTime():
		f := c.v.Float()
		if k.IsDateTime() {
			f = dateNumber(c.v)
		}
		var ok bool
		if n, scale, ok = floatDigits(f, k == sqltype.Real); !ok {
			return sqltype.NullValue, c.overflow()
		}
	case k.IsBinary():
		v, ok := bytesToDecimal(c.v.Bytes())
		if !ok {
			return sqltype.NullValue, sqltype.NewError(8114, c.fromName(), "numeric")
		}
		n, scale = v.Unscaled(), v.Scale()
	default:
		if k == sqltype.Decimal && c.v.Scale() == s && c.v.Precision() <= p {
			neg, hi, lo := c.v.DecimalParts()
			v, _ := sqltype.DecimalFromParts(p, s, neg, hi, lo)
			return v, nil
		}
		n, scale = c.v.Unscaled(), c.v.Scale()
	}
	v, err := sqltype.NewDecimal(p, s, sqltype.Rescale(n, scale, s, true))
	if err != nil {
		return sqltype.NullValue, c.overflow()
	}
	return v, nil
}

// floatDigits takes a float apart into its decimal digits: 17 significant ones (9 for real), the rest are noise.
func floatDigits(f float64, isReal bool) (n *big.Int, scale int, ok bool) {
	if math.Abs(f) >= 1e39 {
		return nil, 0, false
	}
	digits := 17
	if isReal {
		digits = 9
	}
	mantissa, exp, _ := strings.Cut(strconv.FormatFloat(f, 'e', digits-1, 64), "e")
	e, _ := strconv.Atoi(exp)
	n, ok = new(big.Int).SetString(strings.Replace(mantissa, ".", "", 1), 10)
	scale = digits - 1 - e
	if scale < 0 {
		n, scale = n.Mul(n, sqltype.Pow10(-scale)), 0
	}
	if scale > 80 { // below every scale
		return new(big.Int), 0, ok
	}
	return n, scale, ok
}

func (c *conversion) toMoney() (sqltype.Value, error) {
	lo, hi := sqltype.IntRange(c.to.Kind)
	over := c.overflow()
	var n *big.Int
	switch k := c.from.Kind; {
	case k.IsText():
		var ok bool
		if n, ok = parseMoney(c.v.Text()); !ok {
			if c.to.Kind == sqltype.SmallMoney {
				return sqltype.NullValue, sqltype.NewError(293)
			}
			return sqltype.NullValue, sqltype.NewError(235)
		}
		over = sqltype.NewError(236)
		if c.to.Kind == sqltype.SmallMoney {
			over = sqltype.NewError(294)
		}
	case k.IsApproximate(), k.IsDateTime():
		f := c.v.Float()
		if k.IsDateTime() {
			f = dateNumber(c.v)
		}
		d, scale, ok := floatDigits(f, k == sqltype.Real)
		if !ok {
			return sqltype.NullValue, over
		}
		n = sqltype.Rescale(d, scale, 4, true)
	case k.IsBinary():
		n = big.NewInt(bigEndian(c.v.Bytes()))
		if c.to.Kind == sqltype.SmallMoney {
			n = big.NewInt(int64(int32(n.Int64())))
		}
	default:
		n = sqltype.Rescale(c.v.Unscaled(), c.v.Scale(), 4, true)
	}
	if !n.IsInt64() || n.Int64() < lo || n.Int64() > hi {
		return sqltype.NullValue, over
	}
	return sqltype.NewMoney(c.to.Kind, n.Int64()), nil
}

// parseMoney reads an amount: sign and currency symbol in either order, commas anywhere among the digits, a point. The result is
// in ten-thousandths, rounded.
func parseMoney(s string) (*big.Int, bool) {
	s = trimNumber(s)
	neg, signed, symbol := false, false, false
	for s != "" {
		switch rest, found := cutSymbol(s); {
		case found && !symbol:
			s, symbol = strings.TrimLeft(rest, " "), true
			continue
		case (s[0] == '-' || s[0] == '+') && !signed:
			neg, signed, s = s[0] == '-', true, strings.TrimLeft(s[1:], " ")
			continue
		}
		break
	}
	s = strings.ReplaceAll(s, ",", "")
	if s == "" || s == "." { // of "$", "-", "," and "." nothing is left
		return new(big.Int), true
	}
	if s[0] == '-' || s[0] == '+' {
		return nil, false
	}
	n, _, scale, ok := sqltype.ParseDecimal(s)
	if !ok {
		return nil, false
	}
	n = sqltype.Rescale(n, scale, 4, true)
	if neg {
		n.Neg(n)
	}
	return n, true
}

func cutSymbol(s string) (string, bool) {
	for _, symbol := range [...]string{"$", "€", "£", "¥", "¢", "¤", `\`} {
		if rest, ok := strings.CutPrefix(s, symbol); ok {
			return rest, true
		}
	}
	return s, false
}

func (c *conversion) toFloat() (sqltype.Value, error) {
	var f float64
	switch k := c.from.Kind; {
	case k.IsText():
		t := c.trimmed()
		if t != "" {
			var err error
			if strings.TrimLeft(t, "0123456789+-.eEdD") != "" {
				return sqltype.NullValue, sqltype.NewError(8114, c.fromName(), c.toName())
			}
			f, err = strconv.ParseFloat(strings.NewReplacer("d", "e", "D", "e").Replace(t), 64)
			switch {
			case errors.Is(err, strconv.ErrRange):
				return sqltype.NullValue, c.overflow()
			case err != nil:
				return sqltype.NullValue, sqltype.NewError(8114, c.fromName(), c.toName())
			}
		}
	case k.IsDateTime():
		f = dateNumber(c.v)
	default:
		f = c.v.ToFloat()
	}
	v := sqltype.NewFloat(c.to.Kind, f)
	if v.IsNull() {
		return v, c.overflow()
	}
	return v, nil
}
