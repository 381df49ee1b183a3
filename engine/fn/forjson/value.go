package forjson

import (
	"encoding/base64"
	"strconv"
	"strings"

	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/convert"
)

// value writes a value of a type.
func value(b []byte, v sqltype.Value, t sqltype.Type) ([]byte, error) {
	if v.IsNull() {
		return append(b, "null"...), nil
	}
	k := v.Kind()
	switch {
	case k == sqltype.Bit:
		return strconv.AppendBool(b, v.Bool()), nil
	case k.IsInteger():
		return strconv.AppendInt(b, v.Int(), 10), nil
	case k == sqltype.Float:
		return float(b, v.Float(), 15, 64), nil
	case k == sqltype.Real:
		return float(b, v.Float(), 7, 32), nil
	case k.IsBinary() || k == sqltype.RowVersion || k == sqltype.Image:
		return append(base64.StdEncoding.AppendEncode(append(b, '"'), []byte(v.Bytes())), '"'), nil
	case k.IsText() || k == sqltype.XML:
		return quote(b, v.Text()), nil
	}
	o := convert.Options{}
	switch {
	case k == sqltype.Money || k == sqltype.SmallMoney:
		o.Style, o.HasStyle = 2, true
	case k.IsDateTime():
		o.Style, o.HasStyle = 126, true
	}
	from := t
	if from.Kind != k { // of a sql_variant
		from = sqltype.Type{Kind: k, Scale: uint8(v.Scale()), Precision: uint8(v.Precision())}
	}
	s, err := convert.Convert(v, from, sqltype.Sized(sqltype.VarChar, 100), o)
	switch {
	case err != nil:
		return b, err
	case k.IsDateTime():
		return quote(b, iso(s.Text())), nil
	case k.IsNumeric():
		return append(b, s.Text()...), nil
	}
	return quote(b, s.Text()), nil
}

// float writes a number as SQL Server does: 1.500000000000000e+000.
func float(b []byte, f float64, digits, bits int) []byte {
	s := strconv.FormatFloat(f, 'e', digits, bits)
	mantissa, exponent, _ := strings.Cut(s, "e")
	b = append(append(append(b, mantissa...), 'e'), exponent[0])
	for range 3 - len(exponent[1:]) {
		b = append(b, '0')
	}
	return append(b, exponent[1:]...)
}

// iso drops a fraction of zero, and writes UTC as Z.
func iso(s string) string {
	if i := strings.IndexByte(s, '.'); i >= 0 {
		end := i + 1
		for end < len(s) && s[end] >= '0' && s[end] <= '9' {
			end++
		}
		if strings.Trim(s[i+1:end], "0") == "" {
			s = s[:i] + s[end:]
		}
	}
	if u, ok := strings.CutSuffix(s, "+00:00"); ok {
		s = u + "Z"
	}
	return s
}

// quote writes a string.
func quote(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c != '/' {
			continue
		}
		b = append(b, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\', '/':
			b = append(b, '\\', c)
		case '\b':
			b = append(b, `\b`...)
		case '\f':
			b = append(b, `\f`...)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		default:
			b = append(b, `\u00`...)
			b = append(b, hex[c>>4], hex[c&15])
		}
	}
	return append(append(b, s[from:]...), '"')
}
