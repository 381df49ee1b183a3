package aggregate

import (
	"math"
	"math/big"
	"strings"

	"latchkey/engine/cell"
	"latchkey/engine/fn/def"
	"latchkey/engine/room"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/collation"
	"latchkey/engine/sqltype/convert"
	"latchkey/engine/sqltype/wtf8"
)

// unique hands each value on once.
type unique struct {
	inner def.Accumulator
	seen  map[cell.Raw]int
	t     sqltype.Type
}

func (u *unique) key(v sqltype.Value) (cell.Raw, error) { return cell.Encode(u.t, v) }

// Add counts the value and hands it on if it is the first of its kind.
func (u *unique) Add(args []sqltype.Value) error {
	k, err := u.key(args[0])
	if err != nil {
		return err
	}
	u.seen[k]++
	if u.seen[k] > 1 {
		return nil
	}
	return u.inner.Add(args)
}

// Remove is the inverse of Add.
func (u *unique) Remove(args []sqltype.Value) error {
	k, err := u.key(args[0])
	if err != nil {
		return err
	}
	u.seen[k]--
	if u.seen[k] > 0 {
		return nil
	}
	delete(u.seen, k)
	return u.inner.Remove(args)
}

// Value is that of the inner state.
func (u *unique) Value() (sqltype.Value, error) { return u.inner.Value() }

// total is SUM and AVG of exact numbers: a word, and a big integer for what it cannot hold.
type total struct {
	t     sqltype.Type
	mean  bool
	scale int // of the decimals that come in, for their mean
	n     int64
	small int64
	big   *big.Int // what small could not hold
}

// Add takes a number in.
func (s *total) Add(args []sqltype.Value) error { s.take(args[0], false); return nil }

// Remove takes a number out.
func (s *total) Remove(args []sqltype.Value) error { s.take(args[0], true); return nil }

func (s *total) take(v sqltype.Value, out bool) {
	if v.IsNull() {
		return
	}
	n, fits := v.Int(), true
	if v.Kind() == sqltype.Decimal {
		neg, hi, lo := v.DecimalParts()
		fits = hi == 0 && lo < 1<<63
		if n = int64(lo); neg {
			n = -n
		}
	}
	if s.n++; out {
		s.n -= 2
	}
	if fits {
		if out {
			n = -n // of -2^63 is -2^63, which the next line sends to the big integer
		}
		if n != math.MinInt64 {
			sum := s.small + n
			if (s.small >= 0) != (n >= 0) || (sum >= 0) == (s.small >= 0) {
				s.small = sum
				return
			}
		}
	}
	x := v.Unscaled()
	if out {
		x.Neg(x)
	}
	if s.big == nil {
		s.big = new(big.Int)
	}
	s.big.Add(s.big, x)
}

// Value is the sum, or the mean cut towards zero.
func (s *total) Value() (sqltype.Value, error) {
	if s.n == 0 {
		return sqltype.NullValue, nil
	}
	sum := big.NewInt(s.small)
	if s.big != nil {
		sum.Add(sum, s.big)
	}
	if s.mean {
		if s.t.Kind == sqltype.Decimal {
			if _, err := sqltype.NewDecimal(sqltype.MaxPrecision, s.scale, sum); err != nil {
				return sqltype.NullValue, sqltype.Overflow("expression", sqltype.Decimal)
			}
			sum = sqltype.Rescale(sum, s.scale, int(s.t.Scale), false)
		}
		sum.Quo(sum, big.NewInt(s.n))
	}
	if s.t.Kind == sqltype.Decimal {
		v, err := sqltype.NewDecimal(int(s.t.Precision), int(s.t.Scale), sum)
		if err != nil {
			err = sqltype.Overflow("expression", sqltype.Decimal)
		}
		return v, err
	}
	if lo, hi := sqltype.IntRange(s.t.Kind); !sum.IsInt64() || sum.Int64() < lo || sum.Int64() > hi {
		return sqltype.NullValue, sqltype.Overflow("expression", s.t.Kind)
	}
	if s.t.Kind.IsMoney() {
		return sqltype.NewMoney(s.t.Kind, sum.Int64()), nil
	}
	return sqltype.NewInt(s.t.Kind, sum.Int64()), nil
}

// best is MIN and MAX of sql_variant.
type best struct {
	sign int
	v    sqltype.Value
}

// Add keeps the value if it is the better one.
func (b *best) Add(args []sqltype.Value) error {
	if v := args[0]; !v.IsNull() && (b.v.IsNull() || sqltype.Compare(v, b.v, collation.Default)*b.sign > 0) {
		b.v = v
	}
	return nil
}

// Remove is refused.
func (b *best) Remove([]sqltype.Value) error { return errFrame }

// Value is the best one.
func (b *best) Value() (sqltype.Value, error) { return b.v, nil }

// xor is CHECKSUM_AGG.
type xor struct {
	n   int
	sum int32
}

// Add takes a number in.
func (x *xor) Add(args []sqltype.Value) error { x.take(args[0], 1); return nil }

// Remove takes a number out.
func (x *xor) Remove(args []sqltype.Value) error { x.take(args[0], -1); return nil }

func (x *xor) take(v sqltype.Value, n int) {
	if !v.IsNull() {
		x.n += n
		x.sum ^= int32(v.Int())
	}
}

// Value is the checksum.
func (x *xor) Value() (sqltype.Value, error) {
	if x.n == 0 {
		return sqltype.NullValue, nil
	}
	return sqltype.NewInt(sqltype.Int, int64(x.sum)), nil
}

// spread is variance by Welford's method, which does not cancel.
type spread struct {
	sample, root bool
	n            float64
	mean, m2     float64
}

// Add takes a number in.
func (s *spread) Add(args []sqltype.Value) error {
	if v := args[0]; !v.IsNull() {
		x := v.ToFloat()
		s.n++
		d := x - s.mean
		s.mean += d / s.n
		s.m2 += d * (x - s.mean)
	}
	return nil
}

// Remove takes a number out.
func (s *spread) Remove(args []sqltype.Value) error {
	if v := args[0]; !v.IsNull() {
		if s.n--; s.n == 0 {
			s.mean, s.m2 = 0, 0
			return nil
		}
		x := v.ToFloat()
		d := x - s.mean
		s.mean -= d / s.n
		s.m2 = math.Max(0, s.m2-d*(x-s.mean))
	}
	return nil
}

// Value is the variance or its root.
func (s *spread) Value() (sqltype.Value, error) {
	by := s.n
	if s.sample {
		by--
	}
	if by <= 0 {
		return sqltype.NullValue, nil
	}
	f := s.m2 / by
	if s.root {
		f = math.Sqrt(f)
	}
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return sqltype.NullValue, sqltype.Overflow("expression", sqltype.Float)
	}
	return sqltype.NewFloat(sqltype.Float, f), nil
}

// joined is STRING_AGG.
type joined struct {
	t, from, in sqltype.Type
	b           strings.Builder
	some        bool
	size        int
}

// Add appends a value; NULL does not count.
func (j *joined) Add(args []sqltype.Value) error {
	if args[0].IsNull() {
		return nil
	}
	v, err := convert.Convert(args[0], j.from, j.in, convert.Options{})
	if err != nil {
		return err
	}
	text := v.Text()
	if j.some {
		text = wtf8.Join(args[1].Text(), text)
	}
	j.some = true
	j.b.WriteString(text)
	if j.t.Length != sqltype.Max {
		if j.t.Kind.IsNational() {
			j.size += wtf8.Len(text)
		} else {
			j.size += j.t.Collation.EncodedLen(text)
		}
		if j.size > j.t.Length {
			return def.Errorf(9829)
		}
	} else if j.b.Len() > room.Largest {
		return room.TooLarge()
	}
	return nil
}

// Remove is refused: there is no STRING_AGG with OVER.
func (j *joined) Remove([]sqltype.Value) error { return errFrame }

// Value is the text.
func (j *joined) Value() (sqltype.Value, error) {
	if !j.some {
		return sqltype.NullValue, nil
	}
	return sqltype.NewText(j.t.Kind, j.b.String()), nil
}
