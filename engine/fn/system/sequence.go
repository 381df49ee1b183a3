package system

import (
	"context"

	"latchkey/engine/fn/def"
	"latchkey/engine/sqltype"
)

// nextValue is what NEXT VALUE FOR compiles to: of a database, a sequence and the version of its definition, for a row and its how manieth call. It is an operator, so nobody can call it by its name.
func nextValue() def.Function {
	long := sqltype.Of(sqltype.BigInt).NotNull()
	f := def.Changing(def.Fixed("NEXT VALUE FOR", long, 5, []sqltype.Type{long, long, long, long, long}, func(ctx context.Context, env *def.Env, a []sqltype.Value) (sqltype.Value, error) {
		if env.Sequences == nil {
			return sqltype.NullValue, nil
		}
		n, err := env.Sequences.Next(ctx, def.Taken{Database: int(a[0].Int()), Sequence: int(a[1].Int()), Version: a[2].Int(), Row: int(a[3].Int()), Nth: int(a[4].Int())})
		return sqltype.NewInt(sqltype.BigInt, n), err
	}))
	f.Kind = def.Operator
	return f
}
