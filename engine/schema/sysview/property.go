package sysview

import (
	"latchkey/engine/schema/owner"
	"latchkey/engine/schema/property"
	"latchkey/engine/sqltype"
)

// Arguments are the types of the arguments of a view that is a function, nil for one that is none.
func Arguments(view string) []sqltype.Type {
	if view != "sys.fn_listextendedproperty" {
		return nil
	}
	n := sqltype.SysName()
	n.Nullable = true
	return []sqltype.Type{n, n, n, n, n, n, n}
}

// classDesc is class_desc of sys.extended_properties.
func classDesc(c property.Class) string {
	switch c {
	case property.OfDatabase:
		return "DATABASE"
	case property.OfObject:
		return "OBJECT_OR_COLUMN"
	case property.OfParameter:
		return "PARAMETER"
	case property.OfSchema:
		return "SCHEMA"
	case property.OfType:
		return "TYPE"
	case property.OfIndex:
		return "INDEX"
	}
	return ""
}

func (l *lister) extendedProperties() (out []row, err error) {
	for _, p := range l.Snapshot.Properties() {
		switch p.Class {
		case property.OfObject, property.OfParameter, property.OfIndex:
			if o := l.Snapshot.ByID(p.Major); o == nil || !l.sees(o) {
				continue
			}
		}
		out = append(out, row{
			"class": int(p.Class), "class_desc": classDesc(p.Class), "major_id": p.Major, "minor_id": p.Minor, "name": p.Name, "value": p.Value,
		})
	}
	return out, nil
}

// listProperties is fn_listextendedproperty: the name, then three levels of type and name; what is NULL is any.
func (l *lister) listProperties() (out []row, err error) {
	a := l.Arguments
	if len(a) < 7 {
		return nil, nil
	}
	var levels owner.Way
	for i := range levels {
		t, n := a[1+2*i], a[2+2*i]
		levels[i] = owner.Level{Type: t.Text(), Name: n.Text(), Any: n.IsNull()}
	}
	owners, _ := owner.Find(l.Snapshot, levels)
	for _, o := range owners {
		if o.Of != nil && !l.sees(o.Of) {
			continue
		}
		for _, p := range l.Snapshot.Properties() {
			if p.Owner != o.Owner || !a[0].IsNull() && !l.Snapshot.Same(a[0].Text(), p.Name) {
				continue
			}
			r := row{"name": p.Name, "value": p.Value}
			if o.Type != "" {
				r["objtype"], r["objname"] = o.Type, o.Name
			}
			out = append(out, r)
		}
	}
	return out, nil
}
