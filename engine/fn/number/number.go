// Package number has the mathematical functions, checksums and random numbers.
package number

import (
	"context"
	"math"
	"math/big"

	"latchkey/engine/cell"
	"latchkey/engine/fn/def"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/arith"
	"latchkey/engine/sqltype/convert"
)

// Functions lists them.
func Functions() []def.Function {
	return append(append(exact(), floats()...), random()...)
}

// numeric is the type that a function takes a number in: text is float, bit is refused where SQL Server does.
func numeric(a def.Arg, n int, function string) (sqltype.Type, error) {
	t := a.Type
	switch k := t.Kind; {
	case k == sqltype.Null:
		return def.Int, nil
	case k == sqltype.TinyInt, k == sqltype.SmallInt, k == sqltype.Int:
		return sqltype.Type{Kind: sqltype.Int, Nullable: t.Nullable}, nil
	case k == sqltype.BigInt, k == sqltype.Decimal, k == sqltype.Float:
		return t, nil
	case k.IsMoney():
		return sqltype.Type{Kind: sqltype.Money, Nullable: t.Nullable}, nil
	case k == sqltype.Real, k == sqltype.Bit, k.IsText() && !k.IsLegacyLOB():
		return sqltype.Type{Kind: sqltype.Float, Nullable: t.Nullable}, nil
	case k.IsBinary() && k != sqltype.Image:
		return sqltype.Type{Kind: sqltype.Int, Nullable: t.Nullable}, nil
	}
	return t, def.BadType(t, n, function)
}

// same describes a function of one number that gives its type, or what typeOf makes of it.
func same(name, lower string, typeOf func(sqltype.Type) sqltype.Type, native func(sqltype.Type) string, eval func(t sqltype.Type, v sqltype.Value) (sqltype.Value, error)) def.Function {
	return def.Function{Name: name, Min: 1, Max: 1, Bind: func(args []def.Arg) (def.Bound, error) {
		t, err := numeric(args[0], 1, lower)
		if err != nil {
			return def.Bound{}, err
		}
		out := t
		if typeOf != nil {
			out = typeOf(t)
		}
		b := def.Bound{Type: out, Want: []sqltype.Type{t}, Eval: func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) { return eval(out, a[0]) }}
		if native != nil && t.Kind == args[0].Type.Kind {
			b.Native = native(t)
		}
		return b, nil
	}}
}

func over(k sqltype.Kind) error { return sqltype.Overflow("expression", k) }

// decimal makes a decimal of type t.
func decimal(t sqltype.Type, n *big.Int) (sqltype.Value, error) {
	v, err := sqltype.NewDecimal(int(t.Precision), int(t.Scale), n)
	if err != nil {
		return v, over(sqltype.Decimal)
	}
	return v, nil
}

func money(n *big.Int) (sqltype.Value, error) {
	if !n.IsInt64() {
		return sqltype.NullValue, over(sqltype.Money)
	}
	return sqltype.NewMoney(sqltype.Money, n.Int64()), nil
}

func whole(k sqltype.Kind, n int64) (sqltype.Value, error) {
	if lo, hi := sqltype.IntRange(k); n < lo || n > hi {
		return sqltype.NullValue, over(k)
	}
	return sqltype.NewInt(k, n), nil
}

func float(f float64) (sqltype.Value, error) {
	switch {
	case math.IsNaN(f):
		return sqltype.NullValue, def.Errorf(3623)
	case math.IsInf(f, 0):
		return sqltype.NullValue, over(sqltype.Float)
	}
	return sqltype.NewFloat(sqltype.Float, f), nil
}

// noScale is the type of CEILING and FLOOR.
func noScale(t sqltype.Type) sqltype.Type {
	if t.Kind == sqltype.Decimal {
		t.Scale = 0
	}
	return t
}

// toInteger gives CEILING (up 1) and FLOOR (up -1).
func toInteger(up int) func(sqltype.Type, sqltype.Value) (sqltype.Value, error) {
	return func(t sqltype.Type, v sqltype.Value) (sqltype.Value, error) {
		switch {
		case v.Kind().IsInteger():
			return v, nil
		case v.Kind().IsApproximate():
			if up > 0 {
				return float(math.Ceil(v.Float()))
			}
			return float(math.Floor(v.Float()))
		}
		unit := sqltype.Pow10(v.Scale())
		n, r := new(big.Int).QuoRem(v.Unscaled(), unit, new(big.Int))
		if r.Sign() == up {
			n.Add(n, big.NewInt(int64(up)))
		}
		if v.Kind().IsMoney() {
			return money(n.Mul(n, unit))
		}
		return decimal(t, n)
	}
}

func exact() []def.Function {
	small := func(sql string) func(sqltype.Type) string {
		return func(t sqltype.Type) string {
			if t.Kind == sqltype.Float || t.Kind == sqltype.Decimal && cell.StorageOf(t) == cell.Integer {
				return sql
			}
			return ""
		}
	}
	return []def.Function{
		same("ABS", "abs", nil, small("abs($1)"), func(t sqltype.Type, v sqltype.Value) (sqltype.Value, error) {
			neg := v.Kind().IsApproximate() && v.Float() < 0 || !v.Kind().IsApproximate() && v.Unscaled().Sign() < 0
			if !neg {
				return v, nil
			}
			return arith.Negate(v, t)
		}),
		same("CEILING", "ceiling", noScale, nil, toInteger(1)),
		same("FLOOR", "floor", noScale, nil, toInteger(-1)),
		same("SIGN", "sign", nil, nil, func(t sqltype.Type, v sqltype.Value) (sqltype.Value, error) {
			s := 0
			if v.Kind().IsApproximate() {
				if f := v.Float(); f > 0 {
					s = 1
				} else if f < 0 {
					s = -1
				}
				return float(float64(s))
			}
			s = v.Unscaled().Sign()
			if v.Kind().IsInteger() {
				return sqltype.NewInt(t.Kind, int64(s)), nil
			}
			n := new(big.Int).Mul(big.NewInt(int64(s)), sqltype.Pow10(v.Scale()))
			if v.Kind().IsMoney() {
				return money(n)
			}
			return decimal(t, n)
		}),
		{Name: "ROUND", Min: 2, Max: 3, Bind: bindRound},
		{Name: "POWER", Min: 2, Max: 2, Bind: bindPower},
		same("DEGREES", "degrees", angle, nil, scaled(180/math.Pi)),
		same("RADIANS", "radians", angle, nil, scaled(math.Pi/180)),
		{Name: "CHECKSUM", Min: 1, Max: -1, Bind: bindChecksum(true), Note: "the values differ from SQL Server's"},
		{Name: "BINARY_CHECKSUM", Min: 1, Max: -1, Bind: bindChecksum(false), Note: "the values differ from SQL Server's"},
	}
}

// angle is the type of DEGREES and RADIANS.
func angle(t sqltype.Type) sqltype.Type {
	if t.Kind == sqltype.Decimal {
		out := sqltype.DecimalType(sqltype.MaxPrecision, max(18, int(t.Scale)))
		out.Nullable = t.Nullable
		return out
	}
	return t
}

func scaled(by float64) func(sqltype.Type, sqltype.Value) (sqltype.Value, error) {
	return func(t sqltype.Type, v sqltype.Value) (sqltype.Value, error) {
		x, err := float(v.ToFloat() * by)
		if err != nil || t.Kind == sqltype.Float {
			return x, err
		}
		if t.Kind.IsInteger() { // cut, not rounded
			return convert.Convert(sqltype.NewFloat(sqltype.Float, math.Trunc(x.Float())), def.Float, t, convert.Options{})
		}
		return convert.Convert(x, def.Float, t, convert.Options{})
	}
}

func bindRound(args []def.Arg) (def.Bound, error) {
	t, err := numeric(args[0], 1, "round")
	if err != nil {
		return def.Bound{}, err
	}
	want := []sqltype.Type{t, def.Int, def.Int}[:len(args)]
	if err := def.Implicit("round", args, want); err != nil {
		return def.Bound{}, err
	}
	return def.Bound{Type: t, Want: want, Eval: func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
		return round(t, a[0], int(a[1].Int()), len(a) == 3 && a[2].Int() != 0)
	}}, nil
}

func round(t sqltype.Type, v sqltype.Value, digits int, cut bool) (sqltype.Value, error) {
	if v.Kind().IsApproximate() {
		return roundFloat(v.Float(), digits, cut)
	}
	s := v.Scale()
	if digits >= s {
		return v, nil
	}
	if digits < s-sqltype.MaxPrecision-1 {
		digits = s - sqltype.MaxPrecision - 1
	}
	unit := sqltype.Pow10(s - digits)
	n := sqltype.DivRound(v.Unscaled(), unit, !cut)
	n.Mul(n, unit)
	switch {
	case v.Kind() == sqltype.Decimal:
		return decimal(t, n)
	case v.Kind().IsMoney():
		return money(n)
	case !n.IsInt64():
		return sqltype.NullValue, over(t.Kind)
	}
	return whole(t.Kind, n.Int64())
}

func roundFloat(f float64, digits int, cut bool) (sqltype.Value, error) {
	if digits > 300 {
		return float(f)
	}
	if digits < -308 {
		return float(0)
	}
	unit := math.Pow(10, math.Abs(float64(digits)))
	x := f * unit
	if digits < 0 {
		x = f / unit
	}
	if math.IsInf(x, 0) || math.Abs(x) >= 1<<53 && digits > 0 {
		return float(f)
	}
	if cut {
		x = math.Trunc(x)
	} else {
		x = math.Round(x)
	}
	if digits < 0 {
		return float(x * unit)
	}
	return float(x / unit)
}

func bindPower(args []def.Arg) (def.Bound, error) {
	t, err := numeric(args[0], 1, "power")
	if err != nil {
		return def.Bound{}, err
	}
	if err := def.Implicit("power", args, []sqltype.Type{{}, def.Float}); err != nil {
		return def.Bound{}, err
	}
	out := t
	if t.Kind == sqltype.Decimal {
		out.Precision = sqltype.MaxPrecision
	}
	return def.Bound{Type: out, Want: []sqltype.Type{t, def.Float}, Eval: func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
		y := a[1].Float()
		if y < 0 && a[0].ToFloat() == 0 {
			return sqltype.NullValue, sqltype.NewError(8134)
		}
		if y >= 0 && y <= 200 && y == math.Trunc(y) && !a[0].Kind().IsApproximate() {
			n := new(big.Int).Exp(a[0].Unscaled(), big.NewInt(int64(y)), nil)
			n = sqltype.Rescale(n, a[0].Scale()*int(y), a[0].Scale(), true)
			switch {
			case out.Kind == sqltype.Decimal:
				return decimal(out, n)
			case out.Kind == sqltype.Money:
				return money(n)
			case !n.IsInt64():
				return sqltype.NullValue, over(out.Kind)
			}
			return whole(out.Kind, n.Int64())
		}
		x, err := float(math.Pow(a[0].ToFloat(), y))
		if err != nil || out.Kind == sqltype.Float {
			return x, err
		}
		return convert.Convert(x, def.Float, out, convert.Options{})
	}}, nil
}

// bindChecksum mixes the values with a rotation, as SQL Server's does, over text as it compares (fold) or as it is. NULL counts.
func bindChecksum(fold bool) func([]def.Arg) (def.Bound, error) {
	return func(args []def.Arg) (def.Bound, error) {
		types := make([]sqltype.Type, len(args))
		for i, a := range args {
			types[i] = a.Type
			if k := a.Type.Kind; k.IsLegacyLOB() || k == sqltype.XML {
				return def.Bound{}, def.BadType(a.Type, i+1, "checksum")
			}
		}
		return def.Bound{Type: def.Int.NotNull(), NullIn: true, Eval: func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
			var sum uint32
			for i, v := range a {
				sum = sum<<4 | sum>>28
				switch k := v.Kind(); {
				case v.IsNull():
					sum ^= 0x7fffffff
				case k.IsInteger():
					sum ^= uint32(v.Int()) ^ uint32(v.Int()>>31>>1)*31*boolWord(k == sqltype.BigInt)
				case k.IsText():
					var key []byte
					if fold {
						key = types[i].Collation.AppendKey(nil, v.Text(), k.IsNational())
					} else {
						key = []byte(v.Text())
					}
					for _, c := range key {
						sum = (sum<<4 | sum>>28) ^ uint32(c)
					}
				default:
					r, err := cell.Encode(sqltype.Of(sqltype.Variant), v)
					if err != nil {
						return sqltype.NullValue, err
					}
					for j := 4; j < len(r.S); j++ {
						sum = (sum<<4 | sum>>28) ^ uint32(r.S[j])
					}
				}
			}
			return sqltype.NewInt(sqltype.Int, int64(int32(sum))), nil
		}}, nil
	}
}

func boolWord(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}
