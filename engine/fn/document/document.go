// Package document is what FOR JSON and FOR XML have in common: an aggregate over the rows of a query whose shape travels in the call's specification
// ([Operator], [Spec]), paths of nested parts ([Common]), and the texts of values ([Text]): numbers as they are, float with an exponent of three digits,
// dates as ISO 8601 without a fraction of zero, binary as base64.
package document

import (
	"encoding/json"
	"fmt"

	"latchkey/engine/fn/def"
	"latchkey/engine/sqltype"
)

// Spec is a call of an operator, by its name, with a shape over columns of such types. The error is that of encoding the shape.
func Spec(name string, shape any, types []sqltype.Type) (def.Spec, error) {
	b, err := json.Marshal(shape)
	return def.Spec{Name: name, Attrs: []string{string(b)}, Types: types}, err
}

// Writer is what a shape makes of rows.
type Writer struct {
	Kind       sqltype.Kind // of the text: nvarchar(max) or xml
	Accumulate func() def.Accumulator
}

// Operator is the aggregate of that name, NULL over no rows. Open gives the writer of a shape over columns of such types; false if the shape does not fit them.
func Operator[Shape any](name string, open func(s *Shape, types []sqltype.Type) (Writer, bool)) def.Function {
	return def.Function{Name: name, Kind: def.Operator, Min: 1, Max: -1, BindAttrs: func(args []def.Arg, attrs []string) (def.Bound, error) {
		refused := fmt.Errorf("reading a call of %s: %w", name, def.ErrSpec)
		s := new(Shape)
		if len(attrs) != 1 || json.Unmarshal([]byte(attrs[0]), s) != nil {
			return def.Bound{}, refused
		}
		types := make([]sqltype.Type, len(args))
		for i, a := range args {
			types[i] = a.Type
		}
		w, ok := open(s, types)
		if !ok {
			return def.Bound{}, refused
		}
		t := sqltype.Sized(w.Kind, sqltype.Max)
		if w.Kind == sqltype.XML {
			t = sqltype.Of(sqltype.XML)
		}
		t.Nullable = true
		return def.Bound{Type: t, NullIn: true, Attrs: attrs, Accumulate: w.Accumulate}, nil
	}}
}

// Common is how many parts two paths begin with alike.
func Common(a, b []string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
