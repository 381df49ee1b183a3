package arith

import (
	"math"
	"math/big"
	"math/bits"

	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/convert"
	"latchkey/engine/sqltype/wtf8"
)

// Operands are the types that Apply needs: of its two values, and of the result as Result gave it.
type Operands struct{ A, B, Result sqltype.Type }

// Apply computes a op b. NULL gives NULL.
func Apply(op Op, a, b sqltype.Value, t Operands) (sqltype.Value, error) {
	if a.IsNull() || b.IsNull() {
		return sqltype.NullValue, nil
	}
	r := t.Result
	if op == Add && (r.Kind.IsText() || r.Kind.IsBinary()) {
		return concat(a, b, t)
	}
	if r.Kind == sqltype.Decimal {
		return decimalApply(op, a, b, t)
	}
	var err error
	if r.Kind == sqltype.DateTime || r.Kind == sqltype.SmallDateTime {
		return dateApply(op, a, b, t)
	}
	if a.Kind() != r.Kind {
		if a, err = convert.Convert(a, t.A, r, convert.Options{}); err != nil {
			return sqltype.NullValue, err
		}
	}
	if b.Kind() != r.Kind {
		if b, err = convert.Convert(b, t.B, r, convert.Options{}); err != nil {
			return sqltype.NullValue, err
		}
	}
	switch {
	case r.Kind.IsInteger():
		return intApply(op, r.Kind, a.Int(), b.Int())
	case r.Kind.IsMoney():
		return moneyApply(op, r.Kind, a.Int(), b.Int())
	case r.Kind.IsApproximate():
		return floatApply(op, r.Kind, a.Float(), b.Float())
	}
	return sqltype.NullValue, sqltype.NewError(8117, r.Kind.String(), op.String())
}

func intApply(op Op, k sqltype.Kind, x, y int64) (sqltype.Value, error) {
	var n int64
	switch op {
	case Add:
		n = x + y
		if (x > 0) == (y > 0) && (n > 0) != (x > 0) && x != 0 && y != 0 {
			return sqltype.NullValue, sqltype.Overflow("expression", k)
		}
	case Sub:
		n = x - y
		if (x >= 0) != (y >= 0) && (n >= 0) != (x >= 0) {
			return sqltype.NullValue, sqltype.Overflow("expression", k)
		}
	case Mul:
		hi, lo := bits.Mul64(magnitude(x), magnitude(y))
		neg := (x < 0) != (y < 0)
		if hi != 0 || lo > 1<<63 || lo == 1<<63 && !neg {
			return sqltype.NullValue, sqltype.Overflow("expression", k)
		}
		n = int64(lo)
		if neg {
			n = -n
		}
	case Div, Mod:
		switch {
		case y == 0:
			return sqltype.NullValue, sqltype.NewError(8134)
		case op == Mod:
			if y != -1 {
				n = x % y
			}
		case x == math.MinInt64 && y == -1:
			return sqltype.NullValue, sqltype.Overflow("expression", k)
		default:
			n = x / y
		}
	case And:
		n = x & y
	case Or:
		n = x | y
	case Xor:
		n = x ^ y
	}
	if lo, hi := sqltype.IntRange(k); n < lo || n > hi {
		return sqltype.NullValue, sqltype.Overflow("expression", k)
	}
	return sqltype.NewInt(k, n), nil
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

// moneyApply works in ten-thousandths: products are rounded, quotients cut.
func moneyApply(op Op, k sqltype.Kind, x, y int64) (sqltype.Value, error) {
	a, b := big.NewInt(x), big.NewInt(y)
	switch op {
	case Add:
		a.Add(a, b)
	case Sub:
		a.Sub(a, b)
	case Mul:
		a = sqltype.DivRound(a.Mul(a, b), big.NewInt(10000), true)
	case Div, Mod:
		if y == 0 {
			return sqltype.NullValue, sqltype.NewError(8134)
		}
		if op == Mod {
			a.Rem(a, b)
		} else {
			a.Quo(a.Mul(a, big.NewInt(10000)), b)
		}
	default:
		return sqltype.NullValue, sqltype.NewError(8117, k.String(), op.String())
	}
	if lo, hi := sqltype.IntRange(k); !a.IsInt64() || a.Int64() < lo || a.Int64() > hi {
		return sqltype.NullValue, sqltype.Overflow("expression", k)
	}
	return sqltype.NewMoney(k, a.Int64()), nil
}

func floatApply(op Op, k sqltype.Kind, x, y float64) (sqltype.Value, error) {
	var f float64
	switch op {
	case Add:
		f = x + y
	case Sub:
		f = x - y
	case Mul:
		f = x * y
	case Div:
		if y == 0 {
			return sqltype.NullValue, sqltype.NewError(8134)
		}
		f = x / y
	default:
		return sqltype.NullValue, sqltype.NewError(402, k.String(), k.String(), op.String())
	}
	v := sqltype.NewFloat(k, f)
	if v.IsNull() {
		return v, sqltype.Overflow("expression", k)
	}
	return v, nil
}

func decimalApply(op Op, a, b sqltype.Value, t Operands) (sqltype.Value, error) {
	var err error
	if !a.Kind().IsExact() {
		if a, err = convert.Convert(a, t.A, AsDecimal(t.A, decimalOf(t.B, t.Result)), convert.Options{}); err != nil {
			return sqltype.NullValue, err
		}
	}
	if !b.Kind().IsExact() {
		if b, err = convert.Convert(b, t.B, AsDecimal(t.B, decimalOf(t.A, t.Result)), convert.Options{}); err != nil {
			return sqltype.NullValue, err
		}
	}
	if v, ok := smallDecimal(op, a, b, t.Result); ok {
		return v, nil
	}
	x, y := a.Unscaled(), b.Unscaled()
	sa, sb, s := a.Scale(), b.Scale(), int(t.Result.Scale)
	var n *big.Int
	switch op {
	case Add, Sub, Mod:
		common := max(sa, sb)
		x, y = sqltype.Rescale(x, sa, common, true), sqltype.Rescale(y, sb, common, true)
		switch {
		case op == Add:
			n = new(big.Int).Add(x, y)
		case op == Sub:
			n = new(big.Int).Sub(x, y)
		case y.Sign() == 0:
			return sqltype.NullValue, sqltype.NewError(8134)
		default:
			n = new(big.Int).Rem(x, y)
		}
		n = sqltype.Rescale(n, common, s, true)
	case Mul:
		n = sqltype.Rescale(new(big.Int).Mul(x, y), sa+sb, s, true)
	case Div:
		if y.Sign() == 0 {
			return sqltype.NullValue, sqltype.NewError(8134)
		}
		// x/10^sa / (y/10^sb), cut to s digits.
		x = new(big.Int).Mul(x, sqltype.Pow10(s+sb))
		n = sqltype.DivRound(x, new(big.Int).Mul(y, sqltype.Pow10(sa)), false)
	default:
		return sqltype.NullValue, sqltype.NewError(402, "numeric", "numeric", op.String())
	}
	v, err := sqltype.NewDecimal(int(t.Result.Precision), s, n)
	if err != nil {
		return sqltype.NullValue, sqltype.Overflow("expression", sqltype.Decimal)
	}
	return v, nil
}

func decimalOf(t, otherwise sqltype.Type) sqltype.Type {
	if t.Kind == sqltype.Decimal {
		return t
	}
	return otherwise
}

// smallDecimal adds and subtracts numbers of one scale that fit into 62 bits without big integers.
func smallDecimal(op Op, a, b sqltype.Value, r sqltype.Type) (sqltype.Value, bool) {
	if op > Sub || a.Kind() != sqltype.Decimal || b.Kind() != sqltype.Decimal || a.Scale() != b.Scale() || a.Scale() != int(r.Scale) {
		return sqltype.NullValue, false
	}
	na, ha, la := a.DecimalParts()
	nb, hb, lb := b.DecimalParts()
	if ha|hb != 0 || (la|lb)>>62 != 0 {
		return sqltype.NullValue, false
	}
	x, y := int64(la), int64(lb)
	if na {
		x = -x
	}
	if nb != (op == Sub) {
		y = -y
	}
	n := x + y
	return sqltype.DecimalFromParts(int(r.Precision), int(r.Scale), n < 0, 0, magnitude(n))
}

// dateApply adds or subtracts two operands as days since 1900 with three-hundredths of a second.
func dateApply(op Op, a, b sqltype.Value, t Operands) (sqltype.Value, error) {
	dt := sqltype.Of(sqltype.DateTime)
	x, err := convert.Convert(a, t.A, dt, convert.Options{})
	if err != nil {
		return sqltype.NullValue, err
	}
	y, err := convert.Convert(b, t.B, dt, convert.Options{})
	if err != nil {
		return sqltype.NullValue, err
	}
	total := func(v sqltype.Value) int64 {
		return int64(v.Days()-sqltype.BaseDay)*sqltype.UnitsPerDay + v.RawTime()
	}
	n := total(x) + total(y)
	if op == Sub {
		n = total(x) - total(y)
	}
	days, units := n/sqltype.UnitsPerDay, n%sqltype.UnitsPerDay
	if units < 0 {
		days, units = days-1, units+sqltype.UnitsPerDay
	}
	day := int(days) + sqltype.BaseDay
	if day < sqltype.MinDateTimeDay || day > sqltype.MaxDay {
		return sqltype.NullValue, sqltype.NewError(517, t.Result.Kind.String())
	}
	return convert.Convert(sqltype.NewDateTime(day, units), dt, t.Result, convert.Options{})
}

func concat(a, b sqltype.Value, t Operands) (sqltype.Value, error) {
	wide := func() sqltype.Type { // as the result, of any length, without the padding of char
		k := map[bool]sqltype.Kind{true: sqltype.NVarChar, false: sqltype.VarChar}[t.Result.Kind.IsNational()]
		if t.Result.Kind.IsBinary() {
			k = sqltype.VarBinary
		}
		return sqltype.Type{Kind: k, Length: sqltype.Max, Collation: t.Result.Collation}
	}
	x, err := convert.Convert(a, t.A, wide(), convert.Options{})
	if err != nil {
		return sqltype.NullValue, err
	}
	y, err := convert.Convert(b, t.B, wide(), convert.Options{})
	if err != nil {
		return sqltype.NullValue, err
	}
	if t.Result.Kind.IsBinary() {
		return convert.Convert(sqltype.NewBytes(sqltype.VarBinary, x.Bytes()+y.Bytes()), wide(), t.Result, convert.Options{})
	}
	return convert.Convert(sqltype.NewText(x.Kind(), wtf8.Join(x.Text(), y.Text())), wide(), t.Result, convert.Options{})
}

// Negate is unary minus. tinyint has no negative numbers and becomes smallint before ([NegateType]).
func Negate(v sqltype.Value, t sqltype.Type) (sqltype.Value, error) {
	switch {
	case v.IsNull():
		return v, nil
	case v.Kind().IsApproximate():
		return sqltype.NewFloat(v.Kind(), -v.Float()), nil
	case v.Kind() == sqltype.Decimal:
		neg, hi, lo := v.DecimalParts()
		n, _ := sqltype.DecimalFromParts(v.Precision(), v.Scale(), !neg, hi, lo)
		return n, nil
	case v.Kind().IsMoney():
		return moneyApply(Sub, t.Kind, 0, v.Int())
	case v.Kind().IsInteger():
		return intApply(Sub, t.Kind, 0, v.Int())
	}
	return sqltype.NullValue, sqltype.NewError(8117, v.Kind().String(), "minus")
}

// NegateType is the type of unary minus. The error is message 8117.
func NegateType(t sqltype.Type) (sqltype.Type, error) {
	switch {
	case t.Kind == sqltype.TinyInt:
		t.Kind = sqltype.SmallInt
	case t.Kind == sqltype.Bit || !t.Kind.IsNumeric() && t.Kind != sqltype.Null:
		return t, sqltype.NewError(8117, t.Kind.String(), "minus")
	}
	return t, nil
}

// Not is the bitwise complement of an integer. The error is message 8117.
func Not(v sqltype.Value) (sqltype.Value, error) {
	switch k := v.Kind(); {
	case v.IsNull():
		return v, nil
	case k == sqltype.Bit:
		return sqltype.NewBit(!v.Bool()), nil
	case k == sqltype.TinyInt:
		return sqltype.NewInt(k, int64(^uint8(v.Int()))), nil
	case k.IsInteger():
		return sqltype.NewInt(k, ^v.Int()), nil
	default:
		return sqltype.NullValue, sqltype.NewError(8117, k.String(), "'~'")
	}
}
