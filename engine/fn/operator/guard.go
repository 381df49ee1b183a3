package operator

import (
	"context"
	"fmt"

	"latchkey/engine/fn/def"
	"latchkey/engine/sqltype"
)

// guards are what the compiler puts around queries: SINGLE, an aggregate that refuses a second row (512), and RECURSION, which refuses a
// level of recursion above a limit (530).
func guards() []def.Function {
	return []def.Function{
		{Name: "SINGLE", Kind: def.Operator, Min: 1, Max: 1, Bind: func(args []def.Arg) (def.Bound, error) {
			t := args[0].Type
			t.Nullable = true
			return def.Bound{Type: t, NullIn: true, Accumulate: func() def.Accumulator { return &single{} }}, nil
		}},
		{Name: "RECURSION", Kind: def.Operator, Min: 2, Max: 2, Bind: func([]def.Arg) (def.Bound, error) {
			return def.Bound{Type: sqltype.Of(sqltype.BigInt), Eval: recursion}, nil
		}},
	}
}

// single is the value of a subquery of one row.
type single struct {
	n int
	v sqltype.Value
}

// Add takes the row in.
func (s *single) Add(args []sqltype.Value) error {
	if s.n++; s.n > 1 {
		return &sqltype.Error{Number: 512, Level: 16, State: 1, Message: "Subquery returned more than 1 value. This is not permitted when the subquery follows =, !=, <, <= , >, >= or when the subquery is used as an expression."}
	}
	s.v = args[0]
	return nil
}

// Remove takes it out again.
func (s *single) Remove([]sqltype.Value) error {
	s.n--
	s.v = sqltype.NullValue
	return nil
}

// Value is that of the row, NULL without one.
func (s *single) Value() (sqltype.Value, error) { return s.v, nil }

func recursion(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
	if level, most := a[0].Int(), a[1].Int(); level > most {
		return sqltype.NullValue, &sqltype.Error{Number: 530, Level: 16, State: 1, Message: fmt.Sprintf("The statement terminated. The maximum recursion %d has been exhausted before statement completion.", most)}
	}
	return a[0], nil
}
