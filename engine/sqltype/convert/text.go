package convert

import (
	"math/big"
	"strconv"
	"strings"

	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/wtf8"
)

// toText writes the value and fits it to the target's length.
func (c *conversion) toText() (sqltype.Value, error) {
	text, err := c.write()
	if err != nil {
		return sqltype.NullValue, err
	}
	limit := c.to.Length
	if c.to.IsLarge() {
		limit = -1
	}
	if limit >= 0 && c.length(text) > limit {
		if text, err = c.tooLong(text, limit); err != nil {
			return sqltype.NullValue, err
		}
	}
	if !c.to.Kind.IsNational() && !isASCII(text) {
		b, _ := c.to.Collation.AppendEncoded(nil, text)
		text = c.to.Collation.Decode(b)
	}
	if c.to.Kind == sqltype.Char || c.to.Kind == sqltype.NChar {
		if n := c.length(text); n < limit {
			text += strings.Repeat(" ", limit-n)
		}
	}
	return sqltype.NewText(c.to.Kind, text), nil
}

// length is what the target's declared length counts: bytes, or UTF-16 units.
func (c *conversion) length(s string) int {
	if c.to.Kind.IsNational() {
		return wtf8.Len(s)
	}
	return c.to.Collation.EncodedLen(s)
}

func (c *conversion) cut(s string, n int) string {
	if c.to.Kind.IsNational() {
		return wtf8.Truncate(s, n)
	}
	return c.to.Collation.TruncateEncoded(s, n)
}

// tooLong is what happens to text that does not fit: it depends on where the text came from.
func (c *conversion) tooLong(text string, limit int) (string, error) {
	switch k := c.from.Kind; {
	case k == sqltype.TinyInt, k == sqltype.SmallInt, k == sqltype.Int:
		if !c.to.Kind.IsNational() {
			return "*", nil
		}
		return "", sqltype.Overflow("expression", c.to.Kind)
	case k.IsMoney():
		return "", sqltype.NewError(234, c.toName())
	case k.IsNumeric():
		return "", c.overflow()
	case k == sqltype.UniqueIdentifier:
		return "", sqltype.NewError(8170)
	}
	short := c.cut(text, limit)
	if c.o.Store && c.length(strings.TrimRight(text, " ")) > limit {
		return "", c.truncated(short)
	}
	return short, nil
}

// truncated is the error for a value that does not fit its column.
func (c *conversion) truncated(kept string) error {
	if c.o.Table == "" {
		return sqltype.NewError(8152)
	}
	return sqltype.NewError(2628, c.o.Table, c.o.Column, wtf8.Truncate(kept, 100))
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// write is the value as text of any length.
func (c *conversion) write() (string, error) {
	v := c.v
	switch k := c.from.Kind; {
	case k.IsText(), k == sqltype.XML:
		return v.Text(), nil
	case k.IsBinary():
		return c.bytesToText()
	case k.IsInteger():
		return strconv.FormatInt(v.Int(), 10), nil
	case k == sqltype.Decimal:
		return string(sqltype.AppendDecimal(nil, v.Unscaled(), v.Scale())), nil
	case k.IsMoney():
		return c.moneyToText()
	case k.IsApproximate():
		return c.floatToText()
	case k.IsDateTime():
		return c.dateToText()
	case k == sqltype.UniqueIdentifier:
		return sqltype.FormatGUID(v.Bytes()), nil
	}
	return "", sqltype.NewError(529, c.fromName(), c.toName())
}

func (c *conversion) moneyToText() (string, error) {
	n := big.NewInt(c.v.Int())
	switch style := c.o.style(0); style {
	case 0, 1:
		text := string(sqltype.AppendDecimal(nil, sqltype.Rescale(n, 4, 2, true), 2))
		if style == 1 {
			text = group(text)
		}
		return text, nil
	case 2, 126:
		return string(sqltype.AppendDecimal(nil, n, 4)), nil
	default:
		return "", sqltype.NewError(281, style, c.fromName())
	}
}

// group puts commas between the thousands of an amount with two digits behind the point.
func group(s string) string {
	start := 0
	if s[0] == '-' {
		start = 1
	}
	for i := len(s) - 6; i > start; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func (c *conversion) floatToText() (string, error) {
	f := c.v.Float()
	isReal := c.from.Kind == sqltype.Real
	switch style := c.o.style(0); style {
	case 0:
		return exponent3(strconv.FormatFloat(f, 'g', 6, 64)), nil
	case 1:
		return exponent3(strconv.FormatFloat(f, 'e', 7, 64)), nil
	case 2:
		return exponent3(strconv.FormatFloat(f, 'e', 15, 64)), nil
	case 3:
		digits := 16
		if isReal {
			digits = 8
		}
		return exponent3(strconv.FormatFloat(f, 'e', digits, 64)), nil
	case 126, 128, 129:
		size := 64
		if isReal {
			size = 32
		}
		return exponent3(strconv.FormatFloat(f, 'e', -1, size)), nil
	default:
		return "", sqltype.NewError(281, style, c.fromName())
	}
}

// exponent3 gives the exponent the three digits that SQL Server writes.
func exponent3(s string) string {
	mantissa, exp, ok := strings.Cut(s, "e")
	if !ok {
		return s
	}
	sign, n := exp[:1], exp[1:]
	for len(n) < 3 {
		n = "0" + n
	}
	return mantissa + "e" + sign + n
}
