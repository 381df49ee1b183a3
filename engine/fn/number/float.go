package number

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"math"
	"math/bits"

	"latchkey/engine/fn/def"
	"latchkey/engine/sqltype"
)

func floats() []def.Function {
	one := func(name string, f func(float64) float64) def.Function {
		return def.Fixed(name, def.Float, 1, []sqltype.Type{def.Float}, func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
			return float(f(a[0].Float()))
		})
	}
	return []def.Function{
		one("SQRT", math.Sqrt), one("SQUARE", func(x float64) float64 { return x * x }), one("EXP", math.Exp),
		one("LOG10", logOf(math.Log10)),
		one("SIN", math.Sin), one("COS", math.Cos), one("TAN", math.Tan), one("ASIN", math.Asin), one("ACOS", math.Acos), one("ATAN", math.Atan),
		one("COT", func(x float64) float64 { return 1 / math.Tan(x) }),
		def.Fixed("ATN2", def.Float, 2, []sqltype.Type{def.Float, def.Float}, func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
			if a[0].Float() == 0 && a[1].Float() == 0 {
				return sqltype.NullValue, def.Errorf(3623)
			}
			return float(math.Atan2(a[0].Float(), a[1].Float()))
		}),
		def.Fixed("LOG", def.Float, 1, []sqltype.Type{def.Float, def.Float}, func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
			x := logOf(math.Log)(a[0].Float())
			if len(a) == 2 {
				base := a[1].Float()
				if base <= 0 || base == 1 {
					return sqltype.NullValue, def.Errorf(3623)
				}
				x /= math.Log(base)
			}
			return float(x)
		}),
		def.Fixed("PI", def.Float.NotNull(), 0, nil, func(context.Context, *def.Env, []sqltype.Value) (sqltype.Value, error) { return float(math.Pi) }),
	}
}

// logOf makes the logarithm of 0 a fault of the domain too.
func logOf(f func(float64) float64) func(float64) float64 {
	return func(x float64) float64 {
		if x <= 0 {
			return math.NaN()
		}
		return f(x)
	}
}

func random() []def.Function {
	unit := func(n uint64) float64 { return float64(n>>11) / (1 << 53) }
	return []def.Function{
		{Name: "RAND", Min: 0, Max: 1, Volatile: true, Once: true, Note: "the values differ from SQL Server's, with a seed too", Bind: func(args []def.Arg) (def.Bound, error) {
			want := []sqltype.Type{def.Int}[:len(args)]
			if err := def.Implicit("rand", args, want); err != nil {
				return def.Bound{}, err
			}
			return def.Bound{Type: def.Float.NotNull(), Want: want, NullIn: true, Eval: func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
				if len(a) == 1 {
					hi, lo := bits.Mul64(uint64(a[0].Int())+0x9e3779b97f4a7c15, 0xd1342543de82ef95)
					return float(unit((hi ^ lo) * 0x9e3779b97f4a7c15))
				}
				var b [8]byte
				rand.Read(b[:])
				return float(unit(binary.LittleEndian.Uint64(b[:])))
			}}, nil
		}},
	}
}
