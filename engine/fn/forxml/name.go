package forxml

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"latchkey/engine/fn/def"
)

// Path says where a column of FOR XML PATH goes, from its name: messages 6846 (prefix of a name space) and 6850 (no name of XML).
func Path(name string) (c Column, err error) {
	c.Name = name
	parts := strings.Split(name, "/")
	for i, p := range parts {
		last := i == len(parts)-1
		switch {
		case last && (p == "" && i == 0 || p == "*" || p == "text()" || p == "node()"):
			return c, nil
		case last && p == "data()":
			c.Data = true
			return c, nil
		case last && (p == "comment()" || strings.HasPrefix(p, "processing-instruction(")):
			return c, &def.Refusal{Name: "FOR XML PATH " + p}
		case last && strings.HasPrefix(p, "@"):
			c.Attr = p[1:]
			return c, Valid("Column", name, c.Attr)
		}
		if err := Valid("Column", name, p); err != nil {
			return c, err
		}
		c.Path = append(c.Path, p)
	}
	return c, nil
}

// Valid refuses what is no name of XML: messages 6846 and 6850. What it is part of is the name of a kind of thing, as Column or Row.
func Valid(kind, whole, name string) error {
	for i, r := range name {
		switch {
		case r == ':' && i > 0:
			return def.Errorf(6846, name[:i], whole)
		case !inName(r, i == 0):
			return def.Errorf(6850, kind, whole, r, r)
		}
	}
	if name == "" {
		return def.Errorf(6850, kind, whole, '/', '/')
	}
	return nil
}

// inName reports whether a character may be in a name: NameStartChar and NameChar of XML 1.0, fifth edition, 2.3, but for the colon.
func inName(r rune, first bool) bool {
	switch {
	case r == '_', r >= 'A' && r <= 'Z', r >= 'a' && r <= 'z':
		return true
	case r == '-', r == '.', r >= '0' && r <= '9', r == 0xB7, r >= 0x300 && r <= 0x36F, r == 0x203F, r == 0x2040:
		return !first
	}
	for _, span := range [...][2]rune{
		{0xC0, 0xD6},
		{0xD8, 0xF6},
		{0xF8, 0x2FF},
		{0x370, 0x37D},
		{0x37F, 0x1FFF},
		{0x200C, 0x200D},
		{0x2070, 0x218F},
		{0x2C00, 0x2FEF},
		{0x3001, 0xD7FF},
		{0xF900, 0xFDCF},
		{0xFDF0, 0xFFFC},
		{0x10000, 0xEFFFF}, // not U+FFFD, which stands for what is no character
	} {
		if r >= span[0] && r <= span[1] {
			return true
		}
	}
	return false
}

// Encoded makes a name of XML of any: what may not be in one is written as _xHHHH_, as RAW and AUTO have names of columns and tables.
func Encoded(name string) string {
	var b strings.Builder
	for i, r := range name {
		_, n := utf8.DecodeRuneInString(name[i:])
		switch {
		case r == '_' && i+n < len(name) && (name[i+n] == 'x' || name[i+n] == 'X') && escaped(name[i:]):
			b.WriteString("_x005F_")
		case inName(r, i == 0):
			b.WriteRune(r)
		case r > 0xFFFF:
			fmt.Fprintf(&b, "_x%08X_", r)
		default:
			fmt.Fprintf(&b, "_x%04X_", r)
		}
	}
	return b.String()
}

// escaped reports whether a text begins as something that Encoded wrote.
func escaped(s string) bool {
	if len(s) < 7 || s[6] != '_' {
		return false
	}
	return strings.Trim(s[2:6], "0123456789abcdefABCDEF") == ""
}
