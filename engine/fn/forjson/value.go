package forjson

import (
	"strconv"

	"latchkey/engine/fn/document"
	"latchkey/engine/sqltype"
)

// value writes a value of a type.
func value(b []byte, v sqltype.Value, t sqltype.Type) ([]byte, error) {
	if v.IsNull() {
		return append(b, "null"...), nil
	}
	if v.Kind() == sqltype.Bit {
		return strconv.AppendBool(b, v.Bool()), nil
	}
	text, number, err := document.Text(v, t)
	switch {
	case err != nil:
		return b, err
	case number:
		return append(b, text...), nil
	case v.Kind().IsBinary(), v.Kind() == sqltype.RowVersion, v.Kind() == sqltype.Image:
		return append(append(append(b, '"'), text...), '"'), nil // of base64 not even the solidus is escaped
	}
	return quote(b, text), nil
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
