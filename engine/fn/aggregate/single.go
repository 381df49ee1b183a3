package aggregate

import (
	"latchkey/engine/fn/def"
	"latchkey/engine/sqltype"
)

// Operators are what the compiler's SQL needs of aggregates: SINGLE(x), the value of a subquery's one row, NULL without one, and
// message 512 for more.
func Operators() []def.Function {
	return []def.Function{{Name: "SINGLE", Kind: def.Operator, Min: 1, Max: 1, Bind: func(args []def.Arg) (def.Bound, error) {
		t := args[0].Type
		if t.Kind == sqltype.Null {
			t = def.Int
		}
		t.Nullable = true
		return def.Bound{Type: t, NullIn: true, Accumulate: func() def.Accumulator { return &single{} }}, nil
	}}}
}

// single is SINGLE.
type single struct {
	n int
	v sqltype.Value
}

// Add takes the one row.
func (s *single) Add(args []sqltype.Value) error {
	if s.n++; s.n > 1 {
		return &sqltype.Error{Number: 512, Level: 16, State: 1, Message: "Subquery returned more than 1 value. This is not permitted when the subquery follows =, !=, <, <= , >, >= or when the subquery is used as an expression."}
	}
	s.v = args[0]
	return nil
}

// Remove is refused.
func (s *single) Remove([]sqltype.Value) error { return errFrame }

// Value is the row's.
func (s *single) Value() (sqltype.Value, error) { return s.v, nil }
