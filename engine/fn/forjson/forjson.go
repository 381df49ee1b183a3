// Package forjson makes the text of FOR JSON: an aggregate over the rows of a query.
//
// A [Shape] says what becomes of the columns: PATH has one level whose columns have paths, AUTO one level for each table. [Operator] is the aggregate
// that the compiler calls with it; the shape travels in the call's specification. Values are written as SQL Server documents them: numbers and bit bare
// (float with an exponent of three digits), dates as ISO 8601 without a fraction of zero, binary as base64, everything else as a string in which the
// solidus is escaped too.
//
// A text is bounded as all values are (package room).
package forjson

import (
	"slices"
	"strings"

	"latchkey/engine/fn/def"
	"latchkey/engine/fn/document"
	"latchkey/engine/room"
	"latchkey/engine/sqltype"
)

// Name is the operator's.
const Name = "FOR JSON"

// Shape says what is made of rows.
type Shape struct {
	Root   *string `json:",omitempty"` // ROOT
	Nulls  bool    `json:",omitempty"` // INCLUDE_NULL_VALUES
	Bare   bool    `json:",omitempty"` // WITHOUT_ARRAY_WRAPPER
	Levels []Level
}

// Level is what objects of one depth hold. Name is the property of the level above that has them; the first has none.
type Level struct {
	Name    string `json:",omitempty"`
	Columns []Column
}

// Column is a property: column At of the query, under a path of names. JSON columns go in as they are.
type Column struct {
	At   int
	Path []string
	JSON bool `json:",omitempty"`
}

// Path makes the path of a column's name in FOR JSON PATH: message 13603 for an empty part.
func Path(name string) ([]string, error) {
	parts := strings.Split(name, ".")
	if slices.Contains(parts, "") {
		return nil, def.Errorf(13603, name)
	}
	return parts, nil
}

// Check refuses properties that meet in one object: message 13601.
func (s *Shape) Check() error {
	for i, l := range s.Levels {
		used := map[string]bool{}
		if i+1 < len(s.Levels) {
			used[s.Levels[i+1].Name] = true
		}
		var open []string // the objects that the column before was in
		for _, c := range l.Columns {
			parents := c.Path[:len(c.Path)-1]
			n := document.Common(open, parents)
			for d := n; d < len(c.Path); d++ {
				key := strings.Join(c.Path[:d+1], "\x00")
				if used[key] {
					return def.Errorf(13601, strings.Join(c.Path, "."))
				}
				used[key] = true
			}
			open = parents
		}
	}
	return nil
}

// Spec is a call of the operator with columns of such types.
func (s *Shape) Spec(types []sqltype.Type) (def.Spec, error) { return document.Spec(Name, s, types) }

// Operator is FOR JSON(columns): nvarchar(max), NULL over no rows.
func Operator() def.Function {
	return document.Operator(Name, func(s *Shape, types []sqltype.Type) (document.Writer, bool) {
		return document.Writer{Kind: sqltype.NVarChar, Accumulate: func() def.Accumulator { return &writer{shape: s, types: types} }}, s.sound(len(types))
	})
}

// sound reports whether the columns of a shape are there.
func (s *Shape) sound(n int) bool {
	for _, l := range s.Levels {
		for _, c := range l.Columns {
			if c.At < 0 || c.At >= n || len(c.Path) == 0 {
				return false
			}
		}
	}
	return len(s.Levels) > 0
}

// writer is the text so far.
type writer struct {
	shape *Shape
	types []sqltype.Type
	b     []byte
	last  []string // the properties of the objects that are open, by level
}

// Add takes a row in.
func (w *writer) Add(args []sqltype.Value) error {
	s := w.shape
	row := make([]string, len(s.Levels))
	for i := range s.Levels {
		text, err := w.properties(&s.Levels[i], args)
		if err != nil {
			return err
		}
		row[i] = text
	}
	end := len(row) - 1
	at := 0 // the first level that has a new object
	if w.last == nil {
		w.head()
	} else {
		for at < end && row[at] == w.last[at] {
			at++
		}
		for range end - at {
			w.b = append(w.b, "}]"...)
		}
		w.b = append(w.b, "},"...)
	}
	for i := at; i <= end; i++ {
		if i > at {
			w.b = comma(w.b)
			w.b = append(quote(w.b, s.Levels[i].Name), ":["...)
		}
		w.b = append(append(w.b, '{'), row[i]...)
	}
	w.last = row
	if len(w.b) > room.Largest {
		return room.TooLarge()
	}
	return nil
}

func (w *writer) head() {
	if r := w.shape.Root; r != nil {
		w.b = append(quote(append(w.b, '{'), *r), ':')
	}
	if !w.shape.Bare {
		w.b = append(w.b, '[')
	}
}

// Remove is refused: there is no FOR JSON with OVER.
func (w *writer) Remove([]sqltype.Value) error { return def.Errorf(40517, Name) }

// Value is the text.
func (w *writer) Value() (sqltype.Value, error) {
	if w.last == nil {
		return sqltype.NullValue, nil
	}
	b := slices.Clip(w.b)
	for range len(w.last) - 1 {
		b = append(b, "}]"...)
	}
	b = append(b, '}')
	if !w.shape.Bare {
		b = append(b, ']')
	}
	if w.shape.Root != nil {
		b = append(b, '}')
	}
	return sqltype.NewText(sqltype.NVarChar, string(b)), nil
}

// comma separates properties.
func comma(b []byte) []byte {
	if n := len(b); n > 0 && b[n-1] != '{' {
		b = append(b, ',')
	}
	return b
}

// properties are those of one object, without its braces.
func (w *writer) properties(l *Level, args []sqltype.Value) (string, error) {
	b := []byte{'{'}
	var open []string
	for _, c := range l.Columns {
		v := args[c.At]
		if v.IsNull() && !w.shape.Nulls {
			continue
		}
		parents := c.Path[:len(c.Path)-1]
		n := document.Common(open, parents)
		for range len(open) - n {
			b = append(b, '}')
		}
		for _, p := range parents[n:] {
			b = append(quote(comma(b), p), ":{"...)
		}
		open = parents
		b = append(quote(comma(b), c.Path[len(c.Path)-1]), ':')
		var err error
		if c.JSON && !v.IsNull() {
			b = append(b, v.Text()...)
		} else if b, err = value(b, v, w.types[c.At]); err != nil {
			return "", err
		}
	}
	for range open {
		b = append(b, '}')
	}
	return string(b[1:]), nil
}
