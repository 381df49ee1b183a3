package json

import (
	"context"

	"latchkey/engine/fn/def"
	"latchkey/engine/sqltype"
)

// members are what the columns of OPENJSON ... WITH are made of: MEMBER(row, path) is the text of a scalar of any length, PART(row, path) an
// object or an array as it stands (AS JSON). NULL for what is not there or of the other kind; 13608, 13623 and 13624 in strict mode.
func members() []def.Function {
	long := sqltype.Sized(sqltype.NVarChar, sqltype.Max)
	make := func(name string, nested bool, wrong int) def.Function {
		f := def.Fixed(name, nullable(long), 2, []sqltype.Type{long, def.NameArg}, func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
			raw, strict, ok, err := Find(a[0].Text(), a[1].Text())
			if err != nil || !ok || kindOf(raw) == nullKind {
				return sqltype.NullValue, err
			}
			if k := kindOf(raw); nested != (k == objectKind || k == arrayKind) {
				if strict {
					err = def.Errorf(wrong)
				}
				return sqltype.NullValue, err
			}
			return sqltype.NewText(sqltype.NVarChar, Scalar(raw)), nil
		})
		f.Kind = def.Operator
		return f
	}
	return []def.Function{make("JSON MEMBER", false, 13623), make("JSON PART", true, 13624)}
}
