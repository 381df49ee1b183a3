package document

import (
	"strings"

	"latchkey/engine/compile/names"
	"latchkey/engine/compile/plan"
	"latchkey/engine/fn/forxml"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// xmlForm is FOR XML.
type xmlForm struct {
	forxml.Shape
	mode     string
	row      string // the element of a row, but in AUTO
	elements bool   // columns are elements
	binary   bool   // and may be binary
}

// xml reads what is behind FOR XML.
func (c compiler) xml(f *ast.For) (form, error) {
	out := &xmlForm{mode: f.Mode, row: "row", elements: f.Mode == "PATH", binary: f.Mode == "PATH"}
	out.Text = f.Content
	switch {
	case f.Mode == "EXPLICIT":
		return nil, plan.Unsupported("FOR XML EXPLICIT", c.Pos)
	case f.Element != nil && f.Mode == "AUTO":
		return nil, plan.Fail(c.Pos, 102, "(")
	case f.Element != nil:
		if out.row = f.Element.Text; out.row != "" {
			if err := forxml.Valid("Row", out.row, out.row); err != nil {
				return nil, err
			}
		}
	}
	var err error
	for _, o := range f.Options {
		switch o.Name {
		case "ROOT":
			if out.Root, err = c.root(o, "root"); err != nil {
				return nil, err
			}
			if *out.Root == "" {
				return nil, plan.Fail(c.Pos, 6861)
			}
			if err := forxml.Valid("Root", *out.Root, *out.Root); err != nil {
				return nil, err
			}
		case "ELEMENTS", "ELEMENTS ABSENT", "ELEMENTS XSINIL":
			out.elements, out.Nil = true, strings.HasSuffix(o.Name, "XSINIL")
		case "TYPE":
			out.Type = true
		case "BINARY BASE64":
			out.binary = true
		case "XMLDATA", "XMLSCHEMA":
			return nil, plan.Unsupported("FOR XML "+f.Mode+", "+o.Name, c.Pos)
		default:
			return nil, plan.Fail(c.Pos, 102, o.Name)
		}
	}
	if out.Nil && out.row == "" && out.Root == nil {
		return nil, plan.Unsupported("FOR XML "+f.Mode+"(''), ELEMENTS XSINIL", c.Pos)
	}
	return out, nil
}

// arrange implements form: 6809 for a column without a name, 6829 for a binary one.
func (f *xmlForm) arrange(c compiler, res *names.Result) error {
	for _, g := range c.groups(res, f.mode == "AUTO") {
		l := forxml.Level{Element: f.row}
		if f.mode == "AUTO" {
			if g.source == "" {
				return plan.Fail(c.Pos, 6809)
			}
			l.Element = forxml.Encoded(g.source)
		}
		for _, at := range g.columns {
			item := res.Items[at]
			if f.Text && item.Type.Kind == sqltype.XML {
				return plan.Unsupported("METHOD value OF XML IN XML", c.Pos) // its own markup is no text
			}
			column, err := f.column(c, item.Column.Name, item.Type.Kind)
			if err != nil {
				return err
			}
			column.At = at
			l.Columns = append(l.Columns, column)
		}
		f.Levels = append(f.Levels, l)
	}
	return f.Check()
}

// column says where a column goes.
func (f *xmlForm) column(c compiler, name string, kind sqltype.Kind) (forxml.Column, error) {
	binary := kind.IsBinary() || kind == sqltype.RowVersion || kind == sqltype.Image
	switch {
	case f.mode == "PATH":
		return forxml.Path(name)
	case kind == sqltype.XML && name == "":
		return forxml.Column{}, nil
	case name == "":
		return forxml.Column{}, plan.Fail(c.Pos, 6809)
	case binary && !f.binary:
		return forxml.Column{}, plan.Fail(c.Pos, 6829, name)
	case f.elements, kind == sqltype.XML:
		return forxml.Column{Name: name, Path: []string{forxml.Encoded(name)}}, nil
	}
	return forxml.Column{Name: name, Attr: forxml.Encoded(name)}, nil
}
