// Package owner finds what extended properties belong to, by the names that sp_addextendedproperty and fn_listextendedproperty take.
//
// [Find] takes a [Way] of up to three levels, such as SCHEMA dbo, TABLE t, COLUMN c. A level without a name is all of its type.
package owner

import (
	"cmp"
	"slices"
	"strings"

	"latchkey/engine/schema"
	"latchkey/engine/schema/property"
)

// Way is three levels; those without a type are at its end.
type Way [3]Level

// Level says one step on the way to the owner of an extended property, as sp_addextendedproperty takes it: SCHEMA dbo, TABLE t, COLUMN c.
type Level struct {
	Type string // "" for none
	Name string
	Any  bool // no name was given: all of the type
}

// Named is an owner of extended properties as fn_listextendedproperty shows it.
type Named struct {
	property.Owner
	Type, Name string        // "" for the database
	Of         schema.Object // the object that it is or is part of, nil for the database, schemas and types
}

// Find finds what three levels say. ok is false where they are no way to anything that has properties.
func Find(s *schema.Snapshot, levels Way) (found []Named, ok bool) {
	kind := [3]string{}
	for i, l := range levels {
		kind[i] = strings.ToUpper(strings.TrimSpace(l.Type))
		if i > 0 && kind[i] != "" && (kind[i-1] == "" || levels[i-1].Any) {
			return nil, false
		}
	}
	match := func(l Level, name string) bool { return l.Any || s.Same(l.Name, name) }
	switch kind[0] {
	case "":
		return []Named{{Owner: property.Owner{Class: property.OfDatabase}}}, true
	case "SCHEMA", "USER":
	case "TYPE":
		return types(s, "dbo", levels[0]), kind[1] == ""
	default:
		return nil, false
	}
	if kind[1] == "" {
		for _, x := range s.Schemas() {
			if match(levels[0], x.Name) {
				found = append(found, Named{Owner: property.Owner{Class: property.OfSchema, Major: x.ID, Minor: 0}, Type: "SCHEMA", Name: x.Name})
			}
		}
		return found, true
	}
	if kind[1] == "TYPE" {
		return types(s, levels[0].Name, levels[1]), kind[2] == ""
	}
	kinds := levelKinds(kind[1])
	if kinds == nil {
		return nil, false
	}
	for _, o := range s.Objects() {
		h := o.Meta()
		if h.Parent != 0 || !slices.Contains(kinds, o.Kind()) || !s.Same(h.Schema, levels[0].Name) || !match(levels[1], h.Name) {
			continue
		}
		if kind[2] == "" {
			found = append(found, Named{Owner: property.Owner{Class: property.OfObject, Major: h.ID, Minor: 0}, Type: kind[1], Name: h.Name, Of: o})
			continue
		}
		within, ok := inside(s, o, kind[2])
		if !ok {
			return nil, false
		}
		for _, x := range within {
			if match(levels[2], x.Name) {
				found = append(found, x)
			}
		}
	}
	return found, kind[2] == "" || slices.Contains([]string{"COLUMN", "INDEX", "PARAMETER", "CONSTRAINT", "TRIGGER"}, kind[2])
}

// inside are the parts of an object of a type of level 2.
func inside(s *schema.Snapshot, o schema.Object, kind string) (out []Named, ok bool) {
	class := property.OfObject
	switch kind {
	case "COLUMN":
	case "INDEX":
		class = property.OfIndex
	case "PARAMETER":
		class = property.OfParameter
	case "CONSTRAINT", "TRIGGER":
		for _, x := range s.Objects() {
			if x.Meta().Parent == o.Meta().ID && (x.Kind() == schema.TriggerKind) == (kind == "TRIGGER") {
				out = append(out, Named{Owner: property.Owner{Class: property.OfObject, Major: x.Meta().ID, Minor: 0}, Type: kind, Name: x.Meta().Name, Of: o})
			}
		}
		return out, true
	default:
		return nil, false
	}
	for _, p := range schema.Parts(o, class) {
		out = append(out, Named{Owner: property.Owner{Class: class, Major: o.Meta().ID, Minor: p.ID}, Type: kind, Name: p.Name, Of: o})
	}
	slices.SortFunc(out, func(a, b Named) int { return cmp.Compare(a.Minor, b.Minor) })
	return out, true
}

func types(s *schema.Snapshot, in string, l Level) (found []Named) {
	for _, t := range s.Types() {
		if s.Same(t.Schema, in) && (l.Any || s.Same(l.Name, t.Name)) {
			found = append(found, Named{Owner: property.Owner{Class: property.OfType, Major: t.ID, Minor: 0}, Type: "TYPE", Name: t.Name})
		}
	}
	return found
}

// levelKinds are the kinds of objects that a type of level 1 means, nil for one that there is not.
func levelKinds(t string) []schema.Kind {
	switch t {
	case "TABLE":
		return []schema.Kind{schema.TableKind}
	case "VIEW":
		return []schema.Kind{schema.ViewKind}
	case "PROCEDURE":
		return []schema.Kind{schema.ProcedureKind}
	case "FUNCTION":
		return []schema.Kind{schema.ScalarFunction, schema.InlineFunction, schema.TableFunction}
	case "SYNONYM":
		return []schema.Kind{schema.SynonymKind}
	case "SEQUENCE":
		return []schema.Kind{schema.SequenceKind}
	}
	return nil
}
