package forxml_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"latchkey/engine/fn"
	"latchkey/engine/fn/forxml"
	"latchkey/engine/sqltype"
)

// rows runs the operator over rows of texts.
func rows(t *testing.T, s *forxml.Shape, columns int, values [][]sqltype.Value) string {
	t.Helper()
	types := make([]sqltype.Type, columns)
	for i := range types {
		types[i] = sqltype.Sized(sqltype.NVarChar, sqltype.Max)
	}
	spec, err := s.Spec(types)
	if err != nil {
		t.Fatal(err)
	}
	args := make([]fn.Arg, columns)
	for i := range args {
		args[i].Type = types[i]
	}
	b, err := forxml.Operator().BindAttrs(args, spec.Attrs)
	if err != nil {
		t.Fatal(err)
	}
	a := b.Accumulate()
	for _, r := range values {
		if err := a.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	v, err := a.Value()
	if err != nil {
		t.Fatal(err)
	}
	return v.Text()
}

// FuzzColumn: whatever a column is named, it is refused or makes XML that another reader takes, with the value in it; and the content alone is the value.
func FuzzColumn(f *testing.F) {
	for _, name := range []string{"a", "@a", "a/b/@c", "a/text()", "data()", "*", "a b", "a/", "/a", "x:y", "é_1.2-3", "_x0020_", ""} {
		f.Add(name, "v & <w> \"q\"\r\n\t", true)
		f.Add(name, "", false)
	}
	f.Fuzz(func(t *testing.T, name, value string, path bool) {
		if strings.IndexFunc(name, func(r rune) bool { return r > 0xFF }) >= 0 {
			return // the reader knows letters of an older Unicode
		}
		var c forxml.Column
		if path {
			var err error
			if c, err = forxml.Path(name); err != nil {
				return
			}
		} else if c = (forxml.Column{Name: name, Path: []string{forxml.Encoded(name)}}); name == "" {
			return
		}
		s := &forxml.Shape{Type: true, Levels: []forxml.Level{{Element: "row", Columns: []forxml.Column{c}}}}
		if s.Check() != nil {
			t.Fatalf("one column alone is refused: %q", name)
		}
		for _, r := range value {
			if r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r > 0xFFFD && r <= 0xFFFF || r == 0xFFFD {
				return // XML has no such characters
			}
		}
		row := [][]sqltype.Value{{sqltype.NewText(sqltype.NVarChar, value)}}
		got := rows(t, s, 1, row)
		var back strings.Builder
		d := xml.NewDecoder(strings.NewReader(got))
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%q: %v", got, err)
			}
			switch token := token.(type) {
			case xml.CharData:
				back.Write(token)
			case xml.StartElement:
				for _, a := range token.Attr {
					back.WriteString(a.Value)
				}
			}
		}
		if back.String() != value {
			t.Errorf("%q came back as %q from %s", value, back.String(), got)
		}
		s.Text = true
		if got = rows(t, s, 1, row); c.Attr == "" && got != value {
			t.Errorf("the content of %q is %q", value, got)
		}
	})
}

// A shape that does not fit its columns is refused.
func TestUnsound(t *testing.T) {
	for _, s := range []forxml.Shape{
		{}, {Levels: []forxml.Level{{Columns: []forxml.Column{{At: 1}}}}}, {Levels: []forxml.Level{{Columns: []forxml.Column{{At: -1}}}}}, {Levels: []forxml.Level{{}, {}}},
	} {
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := forxml.Operator().BindAttrs(make([]fn.Arg, 1), []string{string(b)}); err == nil {
			t.Errorf("%s is taken", b)
		}
	}
}
