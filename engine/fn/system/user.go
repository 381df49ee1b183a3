package system

import (
	"context"
	"fmt"
	"strconv"

	"latchkey/engine/fn/def"
	"latchkey/engine/sqltype"
)

// UserCall is the name of what a call of a function written in T-SQL compiles to: of a database, the function's number and the type of its result.
const UserCall = "USER FUNCTION"

// userCall is [UserCall]. It is an operator, so nobody can call it by its name.
func userCall() def.Function {
	return def.Function{Name: UserCall, Kind: def.Operator, Max: -1, Volatile: true, BindAttrs: func(_ []def.Arg, attrs []string) (def.Bound, error) {
		bad := func() (def.Bound, error) {
			return def.Bound{}, fmt.Errorf("reading a call of a user's function: %w", def.ErrSpec)
		}
		if len(attrs) != 3 {
			return bad()
		}
		db, err := strconv.Atoi(attrs[0])
		if err != nil {
			return bad()
		}
		id, err := strconv.Atoi(attrs[1])
		if err != nil {
			return bad()
		}
		t, err := def.ParseType(attrs[2])
		if err != nil {
			return bad()
		}
		t.Nullable = true
		return def.Bound{Type: t, NullIn: true, Attrs: attrs, Eval: func(ctx context.Context, env *def.Env, args []sqltype.Value) (sqltype.Value, error) {
			if env.Functions == nil {
				return sqltype.NullValue, missing(UserCall)
			}
			return env.Functions.Call(ctx, db, id, args)
		}}, nil
	}}
}
