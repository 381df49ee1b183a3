// Package forxml makes the text of FOR XML: an aggregate over the rows of a query.
//
// A [Shape] says what becomes of the columns: RAW and PATH have one level of elements, AUTO one for each table; each column is an attribute or content at a
// path of elements, which [Path] reads from its name. [Operator] is the aggregate that the compiler calls with it; the shape travels in the call's
// specification. Values have the texts of package document.
//
// A text is bounded as all values are (package room).
package forxml

import (
	"errors"

	"latchkey/engine/fn/def"
	"latchkey/engine/fn/document"
	"latchkey/engine/room"
	"latchkey/engine/sqltype"
)

// Name is the operator's.
const Name = "FOR XML"

// Shape says what is made of rows.
type Shape struct {
	Root   *string `json:",omitempty"` // ROOT
	Nil    bool    `json:",omitempty"` // ELEMENTS XSINIL: an element also for NULL
	Type   bool    `json:",omitempty"` // TYPE: the result is xml
	Text   bool    `json:",omitempty"` // the content's text alone, as the method value gives it of '.'
	Levels []Level
}

// Level is what elements of one depth hold. Element is their name; "" for none, in the only level.
type Level struct {
	Element string `json:",omitempty"`
	Columns []Column
}

// Column is column At of the query. Its value is content of the innermost element of Path, which lies in the level's, or its attribute Attr. Data
// stands apart from data before it by a space. Name is for messages.
type Column struct {
	At   int
	Name string   `json:",omitempty"`
	Path []string `json:",omitempty"`
	Attr string   `json:",omitempty"`
	Data bool     `json:",omitempty"`
}

// Check refuses attributes that have no place: messages 6810 (twice), 6852 (behind content) and 6864 (of no element).
func (s *Shape) Check() error {
	type element struct {
		content bool
		has     map[string]bool
	}
	for _, l := range s.Levels {
		within := []element{{}}
		var open []string
		for _, c := range l.Columns {
			keep := document.Common(open, c.Path)
			within = within[:keep+1]
			for range c.Path[keep:] {
				within[len(within)-1].content = true
				within = append(within, element{})
			}
			open = c.Path
			e := &within[len(within)-1]
			switch {
			case c.Attr == "":
				e.content = true
				continue
			case l.Element == "" && len(c.Path) == 0:
				return def.Errorf(6864)
			case e.content:
				return def.Errorf(6852, c.Name)
			case e.has[c.Attr]:
				return def.Errorf(6810, c.Name)
			case e.has == nil:
				e.has = make(map[string]bool)
			}
			e.has[c.Attr] = true
		}
	}
	return nil
}

// Spec is a call of the operator with columns of such types.
func (s *Shape) Spec(types []sqltype.Type) (def.Spec, error) { return document.Spec(Name, s, types) }

// kind is the result's.
func (s *Shape) kind() sqltype.Kind {
	if s.Type && !s.Text {
		return sqltype.XML
	}
	return sqltype.NVarChar
}

// Operator is FOR XML(columns): nvarchar(max) or xml, NULL over no rows.
func Operator() def.Function {
	return document.Operator(Name, func(s *Shape, types []sqltype.Type) (document.Writer, bool) {
		return document.Writer{Kind: s.kind(), Accumulate: func() def.Accumulator {
			return &writer{shape: s, types: types, doc: markup{bare: s.Text, strict: s.Type}}
		}}, s.sound(len(types))
	})
}

// sound reports whether the columns of a shape are there.
func (s *Shape) sound(n int) bool {
	for _, l := range s.Levels {
		if l.Element == "" && len(s.Levels) > 1 {
			return false
		}
		for _, c := range l.Columns {
			if c.At < 0 || c.At >= n {
				return false
			}
		}
	}
	return len(s.Levels) > 0
}

// instance is the name space of xsi:nil.
const instance = "http://www.w3.org/2001/XMLSchema-instance"

// writer is the text so far.
type writer struct {
	shape *Shape
	types []sqltype.Type
	doc   markup
	last  []string // the elements that are open, by level
}

// Add takes a row in.
func (w *writer) Add(args []sqltype.Value) error {
	s := w.shape
	end := len(s.Levels) - 1
	at := 0 // the first level that has a new element
	if w.last == nil {
		w.last = make([]string, len(s.Levels))
		w.head()
	} else {
		if end > 0 {
			for at < end {
				text, err := w.level(at, args)
				if err != nil {
					return err
				}
				if text != w.last[at] {
					break
				}
				at++
			}
		}
		for i := end; i >= at; i-- {
			w.doc.end(s.Levels[i].Element)
		}
	}
	for i := at; i <= end; i++ {
		if i < end { // who comes next is compared with it
			text, err := w.level(i, args)
			if err != nil {
				return err
			}
			w.last[i] = text
		}
		if err := w.begin(&w.doc, i, args); err != nil {
			return err
		}
	}
	if len(w.doc.b) > room.Largest {
		return room.TooLarge()
	}
	return nil
}

func (w *writer) head() {
	if r := w.shape.Root; r != nil {
		w.doc.start(*r)
		w.nilSpace(&w.doc)
	}
}

// nilSpace declares what xsi:nil needs.
func (w *writer) nilSpace(d *markup) {
	if w.shape.Nil {
		_ = d.attribute("xmlns:xsi", instance)
	}
}

// level is an element of a level by itself.
func (w *writer) level(i int, args []sqltype.Value) (string, error) {
	d := markup{strict: w.doc.strict}
	err := w.begin(&d, i, args)
	return string(d.b), err
}

// begin writes an element of a level, but for its end.
func (w *writer) begin(d *markup, i int, args []sqltype.Value) error {
	l := &w.shape.Levels[i]
	d.start(l.Element)
	if i == 0 && w.shape.Root == nil {
		w.nilSpace(d)
	}
	var open []string
	for _, c := range l.Columns {
		v := args[c.At]
		keep := document.Common(open, c.Path) // also a NULL ends what it is not in
		for n := len(open); n > keep; n-- {
			d.end(open[n-1])
		}
		open = open[:keep]
		null := v.IsNull()
		if null && (!w.shape.Nil || len(c.Path) == 0 || c.Attr != "") {
			continue
		}
		for _, name := range c.Path[keep:] {
			d.start(name)
		}
		open = c.Path
		if null {
			_ = d.attribute("xsi:nil", "true")
			continue
		}
		if err := w.column(d, c, v); err != nil {
			return err
		}
	}
	for n := len(open); n > 0; n-- {
		d.end(open[n-1])
	}
	return nil
}

func (w *writer) column(d *markup, c Column, v sqltype.Value) error {
	text, _, err := document.Text(v, w.types[c.At])
	if err != nil {
		return err
	}
	switch {
	case c.Attr != "":
		err = d.attribute(c.Attr, text)
	case v.Kind() == sqltype.XML:
		d.raw(text)
	default:
		err = d.text(text, c.Data)
	}
	var bad illegal
	if errors.As(err, &bad) {
		name := c.Name
		if name == "" {
			name = "NoName"
		}
		return def.Errorf(6841, name, rune(bad))
	}
	return err
}

// Remove is refused: there is no FOR XML with OVER.
func (w *writer) Remove([]sqltype.Value) error { return def.Errorf(40517, Name) }

// Value is the text.
func (w *writer) Value() (sqltype.Value, error) {
	if w.last == nil {
		return sqltype.NullValue, nil
	}
	d := w.doc.clone()
	for i := len(w.shape.Levels) - 1; i >= 0; i-- {
		d.end(w.shape.Levels[i].Element)
	}
	if w.shape.Root != nil {
		d.end(*w.shape.Root)
	}
	return sqltype.NewText(w.shape.kind(), string(d.b)), nil
}
