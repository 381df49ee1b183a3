package bound

import (
	"math"
	"math/big"

	"latchkey/engine/cell"
	"latchkey/engine/compile/plan"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/arith"
)

// narrow compares a column with a constant or parameter of a higher type (decimal(10,2) with bigint, datetime with datetimeoffset) without
// converting the column, so that its index serves: the value becomes the greatest cell that is not above it and the least that is not
// below. The order of cells is the order of values, so that is exact. ok is false where that is not so, or not needed.
func (b *Builder) narrow(op string, l, r X) (x X, ok bool, err error) {
	col, val := l, r
	if l.Eval != nil {
		col, val = r, l
		op = map[string]string{"=": "=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}[op]
	}
	if b.Inline && !val.Const || val.Flags&HasVolatile != 0 || !narrows(col.Type, val.Type) {
		return X{}, false, nil
	}
	common, err := arith.Common(col.Type, val.Type)
	if err != nil || Comparable(col.Type, val.Type) || cell.Same(col.Type, common) {
		return X{}, false, nil
	}
	floor := func(v sqltype.Value) int64 { n, _ := cells(col.Type, v); return n }
	ceil := func(v sqltype.Value) int64 { _, n := cells(col.Type, v); return n }
	limit := func(f func(sqltype.Value) int64) string {
		t := sqltype.Of(sqltype.BigInt)
		eval := func(fr *plan.Frame) (sqltype.Value, error) {
			v, err := val.Eval(fr)
			if err != nil || v.IsNull() {
				return sqltype.NullValue, err
			}
			return sqltype.NewInt(sqltype.BigInt, f(v)), nil
		}
		if val.Const {
			if v, err := eval(nil); err == nil {
				return b.Constant(v, t).SQL
			}
		}
		return b.Param(plan.Param{Eval: eval, Type: t})
	}
	x.Flags = l.Flags | r.Flags
	switch op {
	case "<", ">=":
		x.SQL = "(" + col.SQL + " " + op + " " + limit(ceil) + ")"
	case ">", "<=":
		x.SQL = "(" + col.SQL + " " + op + " " + limit(floor) + ")"
	default:
		if val.Const && !val.Value.IsNull() {
			if lo, hi := cells(col.Type, val.Value); lo == hi {
				x.SQL = "(" + col.SQL + " = " + limit(floor) + ")"
				break
			}
		}
		x.SQL = "(" + col.SQL + " BETWEEN " + limit(ceil) + " AND " + limit(floor) + ")"
	}
	return x, true, nil
}

// narrows reports that the cells of col are integers in the order of its values and that val is an exact number or a date whose place
// among them can be told.
func narrows(col, val sqltype.Type) bool {
	if cell.StorageOf(col) != cell.Integer {
		return false
	}
	if col.Kind.IsDateTime() {
		return col.Kind != sqltype.Time && val.Kind.IsDateTime() && val.Kind != sqltype.Time
	}
	if !val.Kind.IsExact() {
		return false
	}
	if wide := col.Kind == sqltype.BigInt || col.Kind == sqltype.Money; wide && val.Kind == sqltype.Decimal {
		return val.Precision-val.Scale <= 14 // the ends of 64 bits are far
	}
	return true
}

// cells are the greatest cell of a type at or below a value, and the least at or above it.
func cells(t sqltype.Type, v sqltype.Value) (floor, ceil int64) {
	if !t.Kind.IsDateTime() {
		s := int(t.Scale)
		if t.Kind.IsMoney() {
			s = 4
		}
		n, d := v.Unscaled(), big.NewInt(1)
		if vs := v.Scale(); vs > s {
			d = sqltype.Pow10(vs - s)
		} else {
			n = new(big.Int).Mul(n, sqltype.Pow10(s-vs))
		}
		q, m := new(big.Int).DivMod(n, d, new(big.Int)) // Euclidean: the floor, as d > 0
		f := clamp(q)
		if m.Sign() == 0 {
			return f, f
		}
		return f, clamp(q.Add(q, big.NewInt(1)))
	}
	ticks := int64(v.Days())*sqltype.TicksPerDay + v.Ticks()
	const base = int64(sqltype.BaseDay) * sqltype.TicksPerDay
	switch t.Kind {
	case sqltype.Date:
		return step(ticks, sqltype.TicksPerDay)
	case sqltype.SmallDateTime:
		return step(ticks-base, sqltype.TicksPerMinute)
	case sqltype.DateTime:
		rel := ticks - base
		days, rest := rel/sqltype.TicksPerDay, rel%sqltype.TicksPerDay
		if rest < 0 {
			days, rest = days-1, rest+sqltype.TicksPerDay
		}
		u := rest * 3 / 100000
		for unitTicks(u) > rest {
			u--
		}
		for unitTicks(u+1) <= rest {
			u++
		}
		f := days*sqltype.UnitsPerDay + u
		if unitTicks(u) == rest {
			return f, f
		}
		return f, f + 1
	}
	return ticks, ticks
}

// unitTicks are the ticks that a datetime's three-hundredths of a second convert to.
func unitTicks(u int64) int64 { return (u*100000 + 1) / 3 }

func step(n, unit int64) (floor, ceil int64) {
	q, m := n/unit, n%unit
	switch {
	case m == 0:
		return q, q
	case m < 0:
		return q - 1, q
	}
	return q, q + 1
}

func clamp(n *big.Int) int64 {
	if n.IsInt64() {
		return n.Int64()
	}
	if n.Sign() < 0 {
		return math.MinInt64
	}
	return math.MaxInt64
}
