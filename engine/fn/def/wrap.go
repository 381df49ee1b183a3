package def

import (
	"context"
	"strconv"

	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/convert"
)

func itoa(n int) string { return strconv.Itoa(n) }

// wrap converts the arguments as Bound.Want says and applies the rule of NULL.
func wrap(types []sqltype.Type, b Bound) Eval {
	type step struct {
		i        int
		from, to sqltype.Type
	}
	var steps []step
	for i, want := range b.Want {
		if i < len(types) && want.Kind != sqltype.Null && types[i].Kind != sqltype.Null && !fits(types[i], want) {
			steps = append(steps, step{i, types[i], want})
		}
	}
	eval := b.Eval
	if len(steps) == 0 && b.NullIn {
		return eval
	}
	return func(ctx context.Context, env *Env, args []sqltype.Value) (sqltype.Value, error) {
		if !b.NullIn {
			for _, v := range args {
				if v.IsNull() {
					return v, nil
				}
			}
		}
		for _, s := range steps {
			v, err := convert.Convert(args[s.i], s.from, s.to, convert.Options{DateFormat: env.Settings.DateFormat})
			if err != nil {
				return sqltype.NullValue, err
			}
			args[s.i] = v
		}
		return eval(ctx, env, args)
	}
}

// fits reports whether each value of a type is one of another without conversion.
func fits(have, want sqltype.Type) bool {
	if have.Kind != want.Kind {
		return false
	}
	switch {
	case have.Kind.IsText() || have.Kind.IsBinary():
		return want.Length == sqltype.Max || have.Length == want.Length || have.Length != sqltype.Max && have.Length <= want.Length && have.Kind != sqltype.Char && have.Kind != sqltype.NChar && have.Kind != sqltype.Binary
	case have.Kind == sqltype.Decimal:
		return have.Scale == want.Scale && have.Precision <= want.Precision
	}
	return have.Scale == want.Scale
}
