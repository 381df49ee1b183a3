package sqltype

import (
	"bytes"
	"cmp"
	"math/big"
	"strings"

	"latchkey/engine/sqltype/collation"
)

// Compare orders two values that are not NULL and of one family: numbers with numbers, dates with dates, text with text under
// the collation c, bytes with bytes (trailing zero bytes do not count), guids in their own order. The binder has brought
// both operands to a common type before; numbers of different kinds are compared exactly all the same. Values of different
// families, which only a sql_variant mixes, order by family as SQL Server does. NULL sorts first, as in ORDER BY.
func Compare(a, b Value, c collation.Collation) int {
	fa, fb := family(a.kind), family(b.kind)
	if fa != fb {
		return cmp.Compare(fa, fb)
	}
	switch fa {
	case 0:
		return 0
	case familyNumber:
		return compareNumbers(a, b)
	case familyDate:
		return compareDates(a, b)
	case familyText:
		return c.Compare(a.s, b.s, a.kind.IsNational() || b.kind.IsNational())
	case familyGUID:
		x, y := GUIDSortKey(a.s), GUIDSortKey(b.s)
		return bytes.Compare(x[:], y[:])
	}
	return strings.Compare(strings.TrimRight(a.s, "\x00"), strings.TrimRight(b.s, "\x00"))
}

// The families of sql_variant in ascending order.
const (
	familyNull = iota
	familyBytes
	familyGUID
	familyText
	familyNumber
	familyDate
)

func family(k Kind) int {
	switch {
	case k == Null || k == Variant:
		return familyNull
	case k.IsNumeric():
		return familyNumber
	case k.IsDateTime():
		return familyDate
	case k.IsText(), k == XML:
		return familyText
	case k == UniqueIdentifier:
		return familyGUID
	}
	return familyBytes
}

func compareNumbers(a, b Value) int {
	if a.kind.IsApproximate() || b.kind.IsApproximate() {
		return cmp.Compare(a.ToFloat(), b.ToFloat())
	}
	if a.kind != Decimal && b.kind != Decimal && a.Scale() == b.Scale() {
		return cmp.Compare(int64(a.lo), int64(b.lo))
	}
	if a.kind == Decimal && b.kind == Decimal && a.scale == b.scale {
		if a.neg != b.neg {
			return cmp.Compare(boolInt(b.neg), boolInt(a.neg))
		}
		n := cmp.Or(cmp.Compare(a.hi, b.hi), cmp.Compare(a.lo, b.lo))
		if a.neg {
			return -n
		}
		return n
	}
	s := max(a.Scale(), b.Scale())
	return Rescale(a.Unscaled(), a.Scale(), s, false).Cmp(Rescale(b.Unscaled(), b.Scale(), s, false))
}

func compareDates(a, b Value) int {
	if a.kind == DateTime && b.kind == DateTime {
		return cmp.Or(cmp.Compare(a.Days(), b.Days()), cmp.Compare(a.lo, b.lo))
	}
	return cmp.Or(cmp.Compare(a.Days(), b.Days()), cmp.Compare(a.Ticks(), b.Ticks()))
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// ToFloat is any number as a float64, rounded to nearest.
func (v Value) ToFloat() float64 {
	switch {
	case v.kind.IsApproximate():
		return v.Float()
	case v.kind == Decimal || v.kind.IsMoney():
		if v.kind != Decimal || v.hi == 0 {
			if n, s := v.Unscaled(), v.Scale(); n.IsInt64() && n.Int64() < 1<<53 && n.Int64() > -(1<<53) && s <= 22 {
				return float64(n.Int64()) / exactPow10[s]
			}
		}
		f, _ := new(big.Rat).SetFrac(v.Unscaled(), Pow10(v.Scale())).Float64()
		return f
	}
	return float64(v.Int())
}

// exactPow10 are the powers of ten that a float64 holds exactly.
var exactPow10 = [23]float64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}
