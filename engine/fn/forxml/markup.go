package forxml

import (
	"fmt"
	"slices"
	"unicode/utf8"
)

// markup is XML being written.
type markup struct {
	b      []byte
	open   bool // the last start tag may get attributes
	data   bool // the last that was written is data
	bare   bool // text alone: no markup, nothing escaped
	strict bool // characters that XML has not are errors
}

// illegal is a character that XML does not have.
type illegal rune

func (r illegal) Error() string {
	return fmt.Sprintf("the character 0x%04X is not allowed in XML", rune(r))
}

func (d *markup) clone() *markup {
	c := *d
	c.b = slices.Clip(c.b)
	return &c
}

// start begins an element; "" is none.
func (d *markup) start(name string) {
	if name == "" || d.bare {
		return
	}
	d.settle()
	d.b = append(append(d.b, '<'), name...)
	d.open, d.data = true, false
}

// settle ends a start tag.
func (d *markup) settle() {
	if d.open {
		d.b, d.open = append(d.b, '>'), false
	}
}

// end ends an element that start began.
func (d *markup) end(name string) {
	switch {
	case name == "" || d.bare:
		return
	case d.open:
		d.b = append(d.b, "/>"...)
	default:
		d.b = append(append(append(d.b, "</"...), name...), '>')
	}
	d.open, d.data = false, false
}

// attribute gives the start tag one.
func (d *markup) attribute(name, value string) error {
	if d.bare {
		return nil
	}
	d.b = append(append(append(d.b, ' '), name...), `="`...)
	err := d.escape(value, true)
	d.b = append(d.b, '"')
	return err
}

// text writes content. Data stands apart from data.
func (d *markup) text(s string, data bool) error {
	d.settle()
	if data && d.data {
		d.b = append(d.b, ' ')
	}
	d.data = data
	return d.escape(s, false)
}

// raw writes content that is XML.
func (d *markup) raw(s string) {
	d.settle()
	d.b = append(d.b, s...)
	d.data = false
}

// escape writes characters as they may stand in content, or in an attribute. Values are WTF-8: half of a surrogate pair is no character of XML.
func (d *markup) escape(s string, attribute bool) error {
	from := 0
	for i := 0; i < len(s); {
		r, n := rune(s[i]), 1
		if r >= utf8.RuneSelf {
			if r, n = utf8.DecodeRuneInString(s[i:]); r == utf8.RuneError && n == 1 && i+3 <= len(s) && s[i] == 0xED {
				r, n = rune(s[i]&0xF)<<12|rune(s[i+1]&0x3F)<<6|rune(s[i+2]&0x3F), 3
			}
		}
		at := i
		i += n
		bad := r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r >= 0xD800 && r <= 0xDFFF || r == 0xFFFE || r == 0xFFFF
		if bad && d.strict {
			return illegal(r)
		}
		if d.bare {
			continue
		}
		var to string
		switch {
		case bad, r == '\r', attribute && (r == '\t' || r == '\n'):
			to = fmt.Sprintf("&#x%02X;", r)
		case r == '&':
			to = "&amp;"
		case r == '<':
			to = "&lt;"
		case r == '>':
			to = "&gt;"
		case r == '"' && attribute:
			to = "&quot;"
		default:
			continue
		}
		d.b = append(append(d.b, s[from:at]...), to...)
		from = i
	}
	d.b = append(d.b, s[from:]...)
	return nil
}
