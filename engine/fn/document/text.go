package document

import (
	"encoding/base64"
	"strconv"
	"strings"

	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/convert"
)

// Text is the text of a value of a type, which is not NULL, and whether it is a number; bit is 0 or 1. Documents quote or escape it.
func Text(v sqltype.Value, t sqltype.Type) (text string, number bool, err error) {
	k := v.Kind()
	switch {
	case k == sqltype.Bit, k.IsInteger():
		return strconv.FormatInt(v.Int(), 10), true, nil
	case k == sqltype.Float:
		return float(v.Float(), 15, 64), true, nil
	case k == sqltype.Real:
		return float(v.Float(), 7, 32), true, nil
	case k.IsBinary() || k == sqltype.RowVersion || k == sqltype.Image:
		return base64.StdEncoding.EncodeToString([]byte(v.Bytes())), false, nil
	case k.IsText() || k == sqltype.XML:
		return v.Text(), false, nil
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
	if err != nil {
		return "", false, err
	}
	text = s.Text()
	if k.IsDateTime() {
		text = iso(text)
	}
	return text, k.IsNumeric(), nil
}

// float writes a number as SQL Server does: 1.500000000000000e+000.
func float(f float64, digits, bits int) string {
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', digits, bits), "e")
	return mantissa + "e" + exponent[:1] + strings.Repeat("0", max(0, 3-len(exponent[1:]))) + exponent[1:]
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
