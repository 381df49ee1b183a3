package cell

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"latchkey/engine/sqltype"
)

// ErrForm means that a cell does not hold a value of the type that it is read as, or that a value is not of the type that it is
// to be written as.
var ErrForm = errors.New("cell and type do not fit")

// Storage is one of SQLite's storage classes.
type Storage uint8

// The storage classes.
const (
	Null Storage = iota
	Integer
	Real
	Text
	Blob
)

// String is the name that SQLite gives the class.
func (s Storage) String() string {
	return [...]string{"NULL", "INTEGER", "REAL", "TEXT", "BLOB"}[min(s, Blob)]
}

// Raw is a cell: I for Integer, F for Real, S for Text and Blob.
type Raw struct {
	Storage Storage
	I       int64
	F       float64
	S       string
}

// maxSmallDecimal is the precision up to which a decimal is an integer.
const maxSmallDecimal = 18

// StorageOf is the class of a type's cells.
func StorageOf(t sqltype.Type) Storage {
	switch k := t.Kind; {
	case k == sqltype.Decimal:
		if t.Precision > maxSmallDecimal {
			return Blob
		}
		return Integer
	case k.IsInteger(), k.IsMoney():
		return Integer
	case k.IsApproximate():
		return Real
	case k == sqltype.DateTimeOffset:
		return Blob
	case k.IsDateTime():
		return Integer
	case k.IsText(), k == sqltype.XML:
		return Text
	case k == sqltype.Null:
		return Null
	}
	return Blob
}

// Affinity is the type of a column of a STRICT table that holds values of t.
func Affinity(t sqltype.Type) string {
	if s := StorageOf(t); s != Null {
		return s.String()
	}
	return "ANY"
}

// Same reports whether a value has the same cell as either type, so that a conversion between them may be left out if it cannot
// change or refuse the value.
func Same(a, b sqltype.Type) bool {
	if StorageOf(a) != StorageOf(b) {
		return false
	}
	scale := func(t sqltype.Type) uint8 {
		if t.Kind.IsMoney() {
			return 4
		}
		return t.Scale
	}
	switch {
	case a.Kind == b.Kind:
		return a.Kind != sqltype.Decimal || a.Scale == b.Scale
	case a.Kind.IsInteger() && b.Kind.IsInteger(), a.Kind.IsApproximate() && b.Kind.IsApproximate():
		return true
	case a.Kind.IsExact() && b.Kind.IsExact():
		return scale(a) == scale(b)
	case a.Kind.IsBinary() && b.Kind.IsBinary():
		return true
	}
	return StorageOf(a) == Text
}

// Key is SQL for what to compare, sort and group values of t by, with $1 for the value: "$1" for most types.
func Key(t sqltype.Type) string {
	switch t.Kind {
	case sqltype.DateTimeOffset:
		return "substr($1,1,8)"
	case sqltype.Variant:
		return "lk('KEY(sql_variant)',$1)"
	}
	return "$1"
}

func mismatch(t sqltype.Type, v sqltype.Value) error {
	return fmt.Errorf("writing a value of type %v as %v: %w", v.Kind(), t, ErrForm)
}

// Encode is the cell of a value. The value must be of the type's kind (any text will do for text, any bytes for bytes) and a
// decimal of its scale.
func Encode(t sqltype.Type, v sqltype.Value) (Raw, error) {
	k := v.Kind()
	if k == sqltype.Null {
		return Raw{}, nil
	}
	if t.Kind == sqltype.Variant {
		return encodeVariant(v)
	}
	switch {
	case t.Kind == sqltype.Decimal:
		if k != sqltype.Decimal || v.Scale() != int(t.Scale) {
			return Raw{}, mismatch(t, v)
		}
		return encodeDecimal(t, v)
	case t.Kind.IsText() || t.Kind == sqltype.XML:
		if !k.IsText() && k != sqltype.XML {
			return Raw{}, mismatch(t, v)
		}
		return Raw{Storage: Text, S: v.Text()}, nil
	case t.Kind.IsBinary():
		if !k.IsBinary() {
			return Raw{}, mismatch(t, v)
		}
		return Raw{Storage: Blob, S: v.Bytes()}, nil
	case k != t.Kind:
		return Raw{}, mismatch(t, v)
	}
	return encodeFixed(v)
}

// encodeFixed is the cell of a value whose form follows from its kind.
func encodeFixed(v sqltype.Value) (Raw, error) {
	whole := func(n int64) (Raw, error) { return Raw{Storage: Integer, I: n}, nil }
	switch k := v.Kind(); {
	case k.IsInteger(), k.IsMoney():
		return whole(v.Int())
	case k.IsApproximate():
		return Raw{Storage: Real, F: v.Float()}, nil
	case k == sqltype.Date:
		return whole(int64(v.Days()))
	case k == sqltype.Time:
		return whole(v.RawTime())
	case k == sqltype.SmallDateTime:
		return whole(int64(v.Days()-sqltype.BaseDay)*1440 + v.RawTime())
	case k == sqltype.DateTime:
		return whole(int64(v.Days()-sqltype.BaseDay)*sqltype.UnitsPerDay + v.RawTime())
	case k == sqltype.DateTime2:
		return whole(int64(v.Days())*sqltype.TicksPerDay + v.RawTime())
	case k == sqltype.DateTimeOffset:
		var b [10]byte
		binary.BigEndian.PutUint64(b[:], uint64(int64(v.Days())*sqltype.TicksPerDay+v.RawTime())^1<<63)
		binary.BigEndian.PutUint16(b[8:], uint16(v.Offset()+1<<15))
		return Raw{Storage: Blob, S: string(b[:])}, nil
	case k == sqltype.UniqueIdentifier:
		b := sqltype.GUIDSortKey(v.Bytes())
		return Raw{Storage: Blob, S: string(b[:])}, nil
	}
	return Raw{}, fmt.Errorf("writing a value of type %v: %w", v.Kind(), ErrForm)
}

func encodeDecimal(t sqltype.Type, v sqltype.Value) (Raw, error) {
	neg, hi, lo := v.DecimalParts()
	if t.Precision <= maxSmallDecimal {
		if hi != 0 || lo >= 1e18 {
			return Raw{}, mismatch(t, v)
		}
		n := int64(lo)
		if neg {
			n = -n
		}
		return Raw{Storage: Integer, I: n}, nil
	}
	var b [17]byte
	if neg {
		hi, lo = ^hi, ^lo
	} else {
		b[0] = 1
	}
	binary.BigEndian.PutUint64(b[1:], hi)
	binary.BigEndian.PutUint64(b[9:], lo)
	return Raw{Storage: Blob, S: string(b[:])}, nil
}

// Decode is the value of a cell. The content of text is not checked, everything else is.
func Decode(t sqltype.Type, r Raw) (sqltype.Value, error) {
	if r.Storage == Null {
		return sqltype.NullValue, nil
	}
	if want := StorageOf(t); r.Storage != want {
		if want != Real || r.Storage != Integer { // SQLite keeps whole floats as integers, and some functions give them so
			return sqltype.NullValue, fmt.Errorf("reading %v as %v: %w", r.Storage, t, ErrForm)
		}
		r.F = float64(r.I)
	}
	switch k := t.Kind; {
	case k == sqltype.Decimal:
		return decodeDecimal(t, r)
	case k.IsText() || k == sqltype.XML:
		return sqltype.NewText(k, r.S), nil
	case k == sqltype.Variant:
		return decodeVariant(r.S)
	case k.IsBinary():
		return sqltype.NewBytes(k, r.S), nil
	}
	return decodeFixed(t, r)
}

func decodeFixed(t sqltype.Type, r Raw) (sqltype.Value, error) {
	bad := func() (sqltype.Value, error) {
		return sqltype.NullValue, fmt.Errorf("reading %v as %v: out of range: %w", r.Storage, t, ErrForm)
	}
	n := r.I
	switch k := t.Kind; {
	case k == sqltype.Bit:
		return sqltype.NewBit(n != 0), nil
	case k.IsInteger(), k.IsMoney():
		if lo, hi := sqltype.IntRange(k); n < lo || n > hi {
			return sqltype.NullValue, sqltype.Overflow("expression", k)
		}
		if k.IsMoney() {
			return sqltype.NewMoney(k, n), nil
		}
		return sqltype.NewInt(k, n), nil
	case k.IsApproximate():
		if v := sqltype.NewFloat(k, r.F); !v.IsNull() {
			return v, nil
		}
		return sqltype.NullValue, sqltype.Overflow("expression", k)
	case k == sqltype.Date:
		if n < 0 || n > sqltype.MaxDay {
			return bad()
		}
		return sqltype.NewDate(int(n)), nil
	case k == sqltype.Time:
		if n < 0 || n >= sqltype.TicksPerDay {
			return bad()
		}
		return sqltype.NewTime(int(t.Scale), n), nil
	case k == sqltype.SmallDateTime:
		if n < 0 || n >= 65536*1440 {
			return bad()
		}
		return sqltype.NewSmallDateTime(int(n/1440)+sqltype.BaseDay, int(n%1440)), nil
	case k == sqltype.DateTime:
		days, units := floor(n, sqltype.UnitsPerDay)
		if days += sqltype.BaseDay; days < sqltype.MinDateTimeDay || days > sqltype.MaxDay {
			return bad()
		}
		return sqltype.NewDateTime(int(days), units), nil
	case k == sqltype.DateTime2:
		days, ticks := floor(n, sqltype.TicksPerDay)
		if days < 0 || days > sqltype.MaxDay {
			return bad()
		}
		return sqltype.NewDateTime2(int(t.Scale), int(days), ticks), nil
	case k == sqltype.DateTimeOffset && len(r.S) == 10:
		days, ticks := floor(int64(be64(r.S)^1<<63), sqltype.TicksPerDay)
		off := int(r.S[8])<<8 | int(r.S[9]) - 1<<15
		if off < -sqltype.MaxOffset || off > sqltype.MaxOffset || days < -1 || days > sqltype.MaxDay+1 {
			return bad()
		}
		return sqltype.NewDateTimeOffset(int(t.Scale), int(days), ticks, off), nil
	case k == sqltype.UniqueIdentifier && len(r.S) == 16:
		return sqltype.GUIDFromSortKey([16]byte([]byte(r.S))), nil
	}
	return bad()
}

func decodeDecimal(t sqltype.Type, r Raw) (sqltype.Value, error) {
	var neg bool
	var hi, lo uint64
	if r.Storage == Integer {
		neg, lo = r.I < 0, uint64(r.I)
		if neg {
			lo = -lo
		}
	} else {
		if len(r.S) != 17 || r.S[0] > 1 {
			return sqltype.NullValue, fmt.Errorf("reading %d bytes as %v: %w", len(r.S), t, ErrForm)
		}
		hi, lo = be64(r.S[1:]), be64(r.S[9:])
		if neg = r.S[0] == 0; neg {
			hi, lo = ^hi, ^lo
		}
	}
	if v, ok := sqltype.DecimalFromParts(int(t.Precision), int(t.Scale), neg, hi, lo); ok {
		return v, nil
	}
	return sqltype.NullValue, sqltype.Overflow("expression", sqltype.Decimal)
}

func be64(s string) uint64 {
	_ = s[7]
	return uint64(s[0])<<56 | uint64(s[1])<<48 | uint64(s[2])<<40 | uint64(s[3])<<32 | uint64(s[4])<<24 | uint64(s[5])<<16 | uint64(s[6])<<8 | uint64(s[7])
}

// floor divides towards minus infinity.
func floor(n, by int64) (q, r int64) {
	if q, r = n/by, n%by; r < 0 {
		q, r = q-1, r+by
	}
	return q, r
}

// variantVersion begins the cell of a sql_variant.
const variantVersion = 1

func encodeVariant(v sqltype.Value) (Raw, error) {
	b := []byte{variantVersion, byte(v.Kind().SystemID()), 0, 0}
	t := sqltype.Type{Kind: v.Kind()}
	if t.Kind == sqltype.Decimal {
		t.Precision = sqltype.MaxPrecision
		b[2] = byte(v.Precision())
	}
	t.Scale = uint8(v.Scale())
	b[3] = byte(v.Scale())
	r, err := Encode(t, v)
	switch r.Storage {
	case Integer:
		b = binary.BigEndian.AppendUint64(b, uint64(r.I))
	case Real:
		b = binary.BigEndian.AppendUint64(b, math.Float64bits(r.F))
	default:
		b = append(b, r.S...)
	}
	return Raw{Storage: Blob, S: string(b)}, err
}

func decodeVariant(s string) (sqltype.Value, error) {
	if len(s) < 4 || s[0] != variantVersion {
		return sqltype.NullValue, fmt.Errorf("reading a sql_variant: %w", ErrForm)
	}
	k, ok := variantKind(s[1])
	if !ok {
		return sqltype.NullValue, fmt.Errorf("reading a sql_variant of type %d: %w", s[1], ErrForm)
	}
	t := sqltype.Type{Kind: k, Scale: s[3]}
	if k == sqltype.Decimal {
		t.Precision = sqltype.MaxPrecision
	}
	r := Raw{Storage: StorageOf(t), S: s[4:]}
	if r.Storage == Integer || r.Storage == Real {
		if len(r.S) != 8 {
			return sqltype.NullValue, fmt.Errorf("reading a sql_variant of type %v: %w", k, ErrForm)
		}
		r.I = int64(be64(r.S))
		r.F, r.S = math.Float64frombits(uint64(r.I)), ""
	}
	v, err := Decode(t, r)
	if err == nil && k == sqltype.Decimal { // back to the precision that it had
		neg, hi, lo := v.DecimalParts()
		if v, ok = sqltype.DecimalFromParts(int(s[2]), int(s[3]), neg, hi, lo); !ok {
			err = fmt.Errorf("reading a sql_variant of type %v: %w", k, ErrForm)
		}
	}
	return v, err
}

// variantKind finds the kind of a system_type_id. A sql_variant holds no value of the large types, of rowversion, xml or itself.
func variantKind(id byte) (sqltype.Kind, bool) {
	for k := sqltype.Bit; k < sqltype.Variant; k++ {
		if byte(k.SystemID()) == id {
			return k, true
		}
	}
	return sqltype.Null, false
}
