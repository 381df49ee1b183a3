package sqlval

import (
	"encoding/binary"
	"math"

	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/wtf8"
	"latchkey/engine/tds"
)

// invalid is message 8023, without the parameter's number, which the caller knows.
func invalid(t sqltype.Type) error {
	return &sqltype.Error{
		Number: 8023, Level: 16, State: 1,
		Message: "The supplied value is not a valid instance of data type " + t.Kind.MessageName() +
			". Check the source data for invalid values. An example of an invalid value is data of numeric type with scale greater than precision.",
	}
}

// Decode makes a value of type t (from TypeOf) of the bytes of a parameter, a table's cell or a bulk cell; nil is NULL. The error is
// message 8023.
func Decode(t sqltype.Type, b []byte) (sqltype.Value, error) {
	if b == nil || t.Kind == sqltype.Null {
		return sqltype.NullValue, nil
	}
	v, ok := decode(t, b)
	if !ok {
		return sqltype.NullValue, invalid(t)
	}
	return v, nil
}

func decode(t sqltype.Type, b []byte) (sqltype.Value, bool) {
	switch k := t.Kind; {
	case k.IsInteger(), k.IsMoney():
		return decodeInt(k, b)
	case k.IsApproximate():
		return decodeFloat(k, b)
	case k == sqltype.Decimal:
		return decodeDecimal(t, b)
	case k.IsDateTime():
		return decodeDate(t, b)
	case k == sqltype.Variant:
		return decodeVariant(b)
	case k == sqltype.UniqueIdentifier:
		if len(b) != 16 {
			return sqltype.NullValue, false
		}
		return sqltype.NewGUID([16]byte(b)), true
	case k == sqltype.XML && (len(b) < 2 || b[0] != 0xFF || b[1] != 0xFE) && looksLikeUTF8(b):
		return sqltype.NewText(k, string(b)), true
	case k.IsNational():
		if k == sqltype.XML && len(b) >= 2 && b[0] == 0xFF && b[1] == 0xFE { // byte order mark
			b = b[2:]
		}
		return sqltype.NewText(k, wtf8.FromUTF16LE(b)), len(b)%2 == 0
	case k.IsText():
		return sqltype.NewText(k, t.Collation.Decode(b)), true
	}
	return sqltype.NewBytes(t.Kind, string(b)), true
}

// looksLikeUTF8 tells the encodings of an xml parameter apart: in UTF-16 its first character, "<" or a blank, has a zero beside it.
func looksLikeUTF8(b []byte) bool { return len(b) == 1 || len(b) >= 2 && b[0] != 0 && b[1] != 0 }

func decodeInt(k sqltype.Kind, b []byte) (sqltype.Value, bool) {
	var n int64
	switch len(b) {
	case 1:
		n = int64(b[0])
	case 2:
		n = int64(int16(binary.LittleEndian.Uint16(b)))
	case 4:
		n = int64(int32(binary.LittleEndian.Uint32(b)))
	case 8:
		n = int64(binary.LittleEndian.Uint64(b))
		if k == sqltype.Money {
			n = int64(uint64(binary.LittleEndian.Uint32(b))<<32 | uint64(binary.LittleEndian.Uint32(b[4:])))
		}
	default:
		return sqltype.NullValue, false
	}
	switch {
	case k == sqltype.Bit:
		return sqltype.NewBit(n != 0), true
	case k.IsMoney():
		return sqltype.NewMoney(k, n), len(b) == 4 || len(b) == 8 && k == sqltype.Money
	}
	lo, hi := sqltype.IntRange(k)
	return sqltype.NewInt(k, n), n >= lo && n <= hi
}

func decodeFloat(k sqltype.Kind, b []byte) (sqltype.Value, bool) {
	var f float64
	switch len(b) {
	case 4:
		f = float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	case 8:
		f = math.Float64frombits(binary.LittleEndian.Uint64(b))
	default:
		return sqltype.NullValue, false
	}
	v := sqltype.NewFloat(k, f)
	return v, !v.IsNull()
}

func decodeDecimal(t sqltype.Type, b []byte) (sqltype.Value, bool) {
	if len(b) < 2 || len(b) > 17 || b[0] > 1 {
		return sqltype.NullValue, false
	}
	var m [16]byte
	copy(m[:], b[1:])
	return sqltype.DecimalFromParts(int(t.Precision), int(t.Scale), b[0] == 0, binary.LittleEndian.Uint64(m[8:]), binary.LittleEndian.Uint64(m[:]))
}

func littleInt(b []byte) int64 {
	n := int64(0)
	for i, c := range b {
		n |= int64(c) << (8 * i)
	}
	return n
}

func decodeDate(t sqltype.Type, b []byte) (sqltype.Value, bool) {
	scale := int(t.Scale)
	size := sqltype.TimeBytes(t.Scale)
	switch t.Kind {
	case sqltype.SmallDateTime, sqltype.DateTime:
		switch len(b) {
		case 4:
			days, minutes := int(littleInt(b[:2]))+sqltype.BaseDay, int(littleInt(b[2:]))
			if t.Kind == sqltype.DateTime {
				return sqltype.NewDateTime(days, int64(minutes)*60*300), minutes < 1440
			}
			return sqltype.NewSmallDateTime(days, minutes), minutes < 1440
		case 8:
			days, units := int(int32(binary.LittleEndian.Uint32(b)))+sqltype.BaseDay, littleInt(b[4:])
			return sqltype.NewDateTime(days, units),
				t.Kind == sqltype.DateTime && days >= sqltype.MinDateTimeDay && days <= sqltype.MaxDay && units < sqltype.UnitsPerDay
		}
		return sqltype.NullValue, false
	case sqltype.Date:
		d := int(littleInt(b))
		return sqltype.NewDate(d), len(b) == 3 && d <= sqltype.MaxDay
	}
	want := map[sqltype.Kind]int{sqltype.Time: size, sqltype.DateTime2: size + 3, sqltype.DateTimeOffset: size + 5}[t.Kind]
	if len(b) != want {
		return sqltype.NullValue, false
	}
	ticks := littleInt(b[:size]) * unit(scale)
	if ticks >= sqltype.TicksPerDay {
		return sqltype.NullValue, false
	}
	if t.Kind == sqltype.Time {
		return sqltype.NewTime(scale, ticks), true
	}
	days := int(littleInt(b[size : size+3]))
	if t.Kind == sqltype.DateTime2 {
		return sqltype.NewDateTime2(scale, days, ticks), days <= sqltype.MaxDay
	}
	off := int(int16(littleInt(b[size+3:])))
	return sqltype.NewDateTimeOffset(scale, days, ticks, off), days <= sqltype.MaxDay && off >= -sqltype.MaxOffset && off <= sqltype.MaxOffset
}

func decodeVariant(b []byte) (sqltype.Value, bool) {
	if len(b) < 2 || len(b) < 2+int(b[1]) {
		return sqltype.NullValue, false
	}
	id, props, data := tds.TypeID(b[0]), b[2:2+int(b[1])], b[2+int(b[1]):]
	ti := tds.TypeInfo{ID: id}
	switch {
	case len(props) == 0:
		k, ok := fixedIDs[id]
		if !ok || len(data) != sqltype.Of(k).StorageBytes() {
			return sqltype.NullValue, false
		}
		return decode(sqltype.Of(k), data)
	case (id == tds.TypeNumericN || id == tds.TypeDecimalN) && len(props) == 2:
		ti.Precision, ti.Scale = props[0], props[1]
	case (id == tds.TypeTimeN || id == tds.TypeDateTime2N || id == tds.TypeDateTimeOffset) && len(props) == 1 && props[0] <= 7:
		ti.Scale = props[0]
	case (id == tds.TypeBigVarChar || id == tds.TypeBigChar || id == tds.TypeNVarChar || id == tds.TypeNChar) && len(props) == 7:
		copy(ti.Collation[:], props)
		ti.Size = 8000
	case (id == tds.TypeBigVarBinary || id == tds.TypeBigBinary) && len(props) == 2:
		ti.Size = 8000
	default:
		return sqltype.NullValue, false
	}
	t, err := TypeOf(ti, sqltype.Type{}.Collation)
	if err != nil || len(data) > 8000 {
		return sqltype.NullValue, false
	}
	return decode(t, data)
}
