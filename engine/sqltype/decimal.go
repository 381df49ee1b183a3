package sqltype

import (
	"math/big"
	"math/bits"
	"strings"
)

// NewDecimal makes decimal(p,s) from an unscaled integer. It fails with message 8115 if the integer has more than p digits.
func NewDecimal(p, s int, unscaled *big.Int) (Value, error) {
	if unscaled.CmpAbs(Pow10(p)) >= 0 {
		return NullValue, Overflow("numeric", Decimal)
	}
	v := Value{kind: Decimal, prec: uint8(p), scale: uint8(s), neg: unscaled.Sign() < 0}
	var b [16]byte
	unscaled.FillBytes(b[:])
	for i := range 8 {
		v.hi = v.hi<<8 | uint64(b[i])
		v.lo = v.lo<<8 | uint64(b[8+i])
	}
	return v, nil
}

// DecimalFromParts makes a decimal from sign and 128-bit magnitude, as on the wire. False if it has more than p digits, or p or s
// is out of range.
func DecimalFromParts(p, s int, neg bool, hi, lo uint64) (Value, bool) {
	if p < 1 || p > MaxPrecision || s < 0 || s > p {
		return NullValue, false
	}
	lim := pow10Parts[p]
	if hi > lim[0] || hi == lim[0] && lo >= lim[1] {
		return NullValue, false
	}
	return Value{kind: Decimal, prec: uint8(p), scale: uint8(s), neg: neg && hi|lo != 0, hi: hi, lo: lo}, true
}

// DecimalFromInt makes decimal(p,0); p must hold n.
func DecimalFromInt(p int, n int64) Value {
	v := Value{kind: Decimal, prec: uint8(p), lo: uint64(n)}
	if n < 0 {
		v.neg, v.lo = true, -uint64(n)
	}
	return v
}

// DecimalParts is the sign and the 128-bit magnitude of a decimal.
func (v Value) DecimalParts() (neg bool, hi, lo uint64) { return v.neg, v.hi, v.lo }

// Precision is the declared precision of a decimal.
func (v Value) Precision() int { return int(v.prec) }

// Unscaled is the integer of a decimal, money or integer, which stands [Value.Scale] digits left of the point.
func (v Value) Unscaled() *big.Int {
	if v.kind != Decimal {
		return big.NewInt(v.Int())
	}
	n := new(big.Int).SetUint64(v.hi)
	n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(v.lo))
	if v.neg {
		n.Neg(n)
	}
	return n
}

// pow10Parts holds 10^n as two words.
var pow10Parts = func() (t [MaxPrecision + 1][2]uint64) {
	t[0][1] = 1
	for i := 1; i < len(t); i++ {
		hi, lo := bits.Mul64(t[i-1][1], 10)
		t[i] = [2]uint64{t[i-1][0]*10 + hi, lo}
	}
	return t
}()

// Pow10 is 10^n for n >= 0.
func Pow10(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// Rescale moves an unscaled integer from one scale to another. Digits that go are rounded half away from zero, or cut off.
func Rescale(n *big.Int, from, to int, round bool) *big.Int {
	switch {
	case to > from:
		return new(big.Int).Mul(n, Pow10(to-from))
	case to < from:
		return DivRound(n, Pow10(from-to), round)
	}
	return n
}

// DivRound is n/d towards zero, or rounded half away from zero. d must not be zero.
func DivRound(n, d *big.Int, round bool) *big.Int {
	q, r := new(big.Int).QuoRem(n, d, new(big.Int))
	if round && r.Lsh(r, 1).CmpAbs(d) >= 0 {
		q.Add(q, big.NewInt(int64(n.Sign()*d.Sign())))
	}
	return q
}

// ParseDecimal reads a decimal literal or string: blanks around, sign, digits, point. It gives the unscaled integer and the
// number of digits behind the point; leading zeros do not count as digits, at most 4,000 digits are read.
func ParseDecimal(s string) (unscaled *big.Int, digits, scale int, ok bool) {
	s = strings.Trim(s, " \t\r\n")
	neg := false
	if s != "" && (s[0] == '-' || s[0] == '+') {
		neg, s = s[0] == '-', strings.TrimLeft(s[1:], " ")
	}
	whole, frac, _ := strings.Cut(s, ".")
	if len(whole)+len(frac) == 0 || len(s) > 4000 {
		return nil, 0, 0, false
	}
	for _, part := range []string{whole, frac} {
		for i := range len(part) {
			if part[i] < '0' || part[i] > '9' {
				return nil, 0, 0, false
			}
		}
	}
	whole = strings.TrimLeft(whole, "0")
	n, ok := new(big.Int).SetString("0"+whole+frac, 10)
	if !ok {
		return nil, 0, 0, false
	}
	if neg {
		n.Neg(n)
	}
	return n, max(len(whole)+len(frac), 1), len(frac), true
}

// AppendDecimal appends an unscaled integer with a point in front of its last scale digits: -0.50.
func AppendDecimal(dst []byte, n *big.Int, scale int) []byte {
	text := new(big.Int).Abs(n).String()
	if n.Sign() < 0 {
		dst = append(dst, '-')
	}
	if len(text) <= scale {
		text = strings.Repeat("0", scale-len(text)+1) + text
	}
	dst = append(dst, text[:len(text)-scale]...)
	if scale > 0 {
		dst = append(append(dst, '.'), text[len(text)-scale:]...)
	}
	return dst
}
