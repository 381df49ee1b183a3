package sqltype

import (
	"math"
)

// Value is a value of one kind, or NULL. It is 40 bytes, immutable and comparable with ==.
type Value struct {
	kind  Kind
	neg   bool  // decimal: below zero
	prec  uint8 // decimal: declared precision, or digits if it has none
	scale uint8 // decimal, time, datetime2, datetimeoffset
	off   int16 // datetimeoffset: minutes east
	hi    uint64
	lo    uint64
	s     string
}

// NullValue is NULL: the zero Value.
var NullValue = Value{}

// Kind is the value's kind, Null for NULL. A value in a sql_variant has the kind of its base type.
func (v Value) Kind() Kind { return v.kind }

// IsNull reports NULL.
func (v Value) IsNull() bool { return v.kind == Null }

// NewBit makes a bit.
func NewBit(b bool) Value {
	v := Value{kind: Bit}
	if b {
		v.lo = 1
	}
	return v
}

// NewInt makes a value of an integer kind, which must hold n: the caller checks ranges ([IntRange]).
func NewInt(k Kind, n int64) Value { return Value{kind: k, lo: uint64(n)} }

// NewMoney makes money or smallmoney from ten-thousandths.
func NewMoney(k Kind, n int64) Value { return Value{kind: k, lo: uint64(n)} }

// NewFloat makes real or float. A real is rounded to its 24 bits. Not-a-number and infinities become NULL, as they are no value
// of SQL Server; arithmetic reports them as overflow before.
func NewFloat(k Kind, f float64) Value {
	if k == Real {
		f = float64(float32(f))
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return NullValue
	}
	if f == 0 {
		f = 0 // no negative zero: it would not be identical to zero
	}
	return Value{kind: k, lo: math.Float64bits(f)}
}

// NewText makes character data of a kind (or xml) from WTF-8. Padding of char is the caller's.
func NewText(k Kind, s string) Value { return Value{kind: k, s: s} }

// NewBytes makes binary data of a kind from the bytes in s.
func NewBytes(k Kind, s string) Value { return Value{kind: k, s: s} }

// NewDate makes a date from days since 0001-01-01.
func NewDate(days int) Value { return Value{kind: Date, hi: uint64(int64(days))} }

// NewTime makes a time of day from 100 ns ticks since midnight, which must be rounded to the scale ([RoundTicks]).
func NewTime(scale int, ticks int64) Value {
	return Value{kind: Time, scale: uint8(scale), lo: uint64(ticks)}
}

// NewDateTime2 makes a datetime2 from days since 0001-01-01 and rounded ticks.
func NewDateTime2(scale, days int, ticks int64) Value {
	return Value{kind: DateTime2, scale: uint8(scale), hi: uint64(int64(days)), lo: uint64(ticks)}
}

// NewDateTimeOffset makes a datetimeoffset from the instant in UTC and the offset in minutes.
func NewDateTimeOffset(scale, days int, ticks int64, offset int) Value {
	return Value{kind: DateTimeOffset, scale: uint8(scale), hi: uint64(int64(days)), lo: uint64(ticks), off: int16(offset)}
}

// NewDateTime makes a datetime from days since 0001-01-01 and three-hundredths of a second.
func NewDateTime(days int, threeHundredths int64) Value {
	return Value{kind: DateTime, hi: uint64(int64(days)), lo: uint64(threeHundredths)}
}

// NewSmallDateTime makes a smalldatetime from days since 0001-01-01 and minutes.
func NewSmallDateTime(days, minutes int) Value {
	return Value{kind: SmallDateTime, hi: uint64(int64(days)), lo: uint64(minutes)}
}

// NewGUID makes a uniqueidentifier from its 16 bytes as SQL Server stores them (the first three groups little-endian).
func NewGUID(b [16]byte) Value { return Value{kind: UniqueIdentifier, s: string(b[:])} }

// Int is the value of an integer kind; of money, its ten-thousandths. 0 for others.
func (v Value) Int() int64 {
	if v.kind >= Bit && v.kind <= Money && v.kind != Decimal {
		return int64(v.lo)
	}
	return 0
}

// Bool is the value of a bit.
func (v Value) Bool() bool { return v.kind == Bit && v.lo != 0 }

// Float is the value of real and float, 0 for others.
func (v Value) Float() float64 {
	if v.kind.IsApproximate() {
		return math.Float64frombits(v.lo)
	}
	return 0
}

// Text is the WTF-8 of character data and xml.
func (v Value) Text() string { return v.s }

// Bytes is the content of binary data, or the 16 bytes of a uniqueidentifier.
func (v Value) Bytes() string { return v.s }

// Days since 0001-01-01 of a date, in UTC for datetimeoffset.
func (v Value) Days() int { return int(int64(v.hi)) }

// Ticks of 100 ns since midnight, for every kind with a time; in UTC for datetimeoffset. A datetime's three-hundredths of a
// second are rounded to the tick.
func (v Value) Ticks() int64 {
	switch v.kind {
	case DateTime:
		return (int64(v.lo)*100000 + 1) / 3
	case SmallDateTime:
		return int64(v.lo) * TicksPerMinute
	case Time, DateTime2, DateTimeOffset:
		return int64(v.lo)
	}
	return 0
}

// RawTime is the time as the kind counts it: ticks, three-hundredths of a second (datetime) or minutes (smalldatetime).
func (v Value) RawTime() int64 { return int64(v.lo) }

// Offset is the minutes east of UTC of a datetimeoffset.
func (v Value) Offset() int { return int(v.off) }

// Scale is the scale of decimal, money (4), time, datetime2 and datetimeoffset.
func (v Value) Scale() int {
	if v.kind.IsMoney() {
		return 4
	}
	return int(v.scale)
}

// As is v as another kind of the same family, without any check: text as text, bytes as bytes.
func (v Value) As(k Kind) Value {
	if v.kind != Null {
		v.kind = k
	}
	return v
}

// IntRange is the least and greatest value of an integer kind, or of money in ten-thousandths.
func IntRange(k Kind) (lo, hi int64) {
	switch k {
	case Bit:
		return 0, 1
	case TinyInt:
		return 0, 255
	case SmallInt:
		return math.MinInt16, math.MaxInt16
	case Int, SmallMoney:
		return math.MinInt32, math.MaxInt32
	}
	return math.MinInt64, math.MaxInt64
}
