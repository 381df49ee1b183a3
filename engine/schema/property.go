package schema

import (
	"slices"

	"latchkey/engine/schema/property"
)

// Properties are the extended properties of a database by owner and name.
func (s *Snapshot) Properties() []*property.Property { return s.properties }

// Property finds a property by its name, nil if there is none.
func (s *Snapshot) Property(o property.Owner, name string) *property.Property {
	for _, p := range s.properties {
		if p.Owner == o && s.Same(p.Name, name) {
			return p
		}
	}
	return nil
}

// SetProperty writes a property, new or in place of that of the same owner and name.
func (e *Edit) SetProperty(p *property.Property) error {
	if err := e.change(); err != nil {
		return err
	}
	if old := e.Property(p.Owner, p.Name); old != nil {
		p.Name = old.Name
	}
	return property.Set(e.c, e.Shared.own("property"), p)
}

// DropProperty removes a property of the snapshot.
func (e *Edit) DropProperty(p *property.Property) error {
	if err := e.change(); err != nil {
		return err
	}
	return property.Drop(e.c, e.Shared.own("property"), p)
}

// dropProperties removes those for which gone is true.
func (e *Edit) dropProperties(gone func(*property.Property) bool) error {
	for _, p := range e.properties {
		if gone(p) {
			if err := e.DropProperty(p); err != nil {
				return err
			}
		}
	}
	return nil
}

// tidyProperties removes those of what an object does not have any more, nil being no object: columns, indexes, parameters, constraints.
func (e *Edit) tidyProperties(id int, o Object) error {
	return e.dropProperties(func(p *property.Property) bool {
		if p.Class != property.OfObject && p.Class != property.OfParameter && p.Class != property.OfIndex {
			return false
		}
		if p.Major == id {
			return o == nil || p.Minor != 0 && !slices.ContainsFunc(Parts(o, p.Class), func(x Part) bool { return x.ID == p.Minor })
		}
		c := e.ids[p.Major]
		if c == nil || c.Meta().Parent != id {
			return false
		}
		t, ok := o.(*Table)
		return o == nil || ok && c.Kind() != TriggerKind && !slices.ContainsFunc(t.constraints(), func(x Object) bool { return x.Meta().ID == p.Major })
	})
}

// Part is a column, index or parameter of an object: what extended properties belong to beside objects.
type Part struct {
	ID   int
	Name string
}

// Parts are the columns, indexes or parameters of an object, for a property of a class.
func Parts(o Object, c property.Class) (out []Part) {
	var columns []*Column
	var params []*Param
	switch o := o.(type) {
	case *Table:
		columns = o.Columns
		for _, k := range o.Keys() {
			out = append(out, Part{k.IndexID, k.Name})
		}
		for _, x := range o.Indexes {
			out = append(out, Part{x.ID, x.Name})
		}
	case *View:
		columns = o.Columns
	case *Function:
		columns, params = o.Columns, o.Params
	case *Procedure:
		params = o.Params
	}
	if c == property.OfIndex {
		return out
	}
	out = nil
	for _, x := range columns {
		out = append(out, Part{x.ID, x.Name})
	}
	if c == property.OfParameter {
		out = nil
		for _, x := range params {
			out = append(out, Part{x.ID, x.Name})
		}
	}
	return out
}
