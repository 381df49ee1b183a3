package sqlval

import (
	"encoding/binary"
	"math"

	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/convert"
	"latchkey/engine/sqltype/wtf8"
	"latchkey/engine/tds"
)

// Append appends a value of type t as ti has it: what Info gave for t. inRow is true in rows, false for output parameters. The value's
// kind must be t's, or any in a sql_variant; the caller converts before.
func Append(dst []byte, ti tds.TypeInfo, t sqltype.Type, v sqltype.Value, inRow bool) []byte {
	if v.IsNull() {
		return ti.AppendCell(dst, nil, inRow)
	}
	dst, at := ti.BeginCell(dst, inRow)
	switch {
	case ti.ID == tds.TypeVariant:
		dst = appendVariant(dst, v)
	case t.Kind.IsDateTime() && ti.ID == tds.TypeNVarChar: // TDS 7.2
		if text, err := convert.Convert(v, t, sqltype.Sized(sqltype.NVarChar, sqltype.MaxNational), convert.Options{}); err == nil {
			dst = wtf8.AppendUTF16LE(dst, text.Text())
		}
	default:
		dst = appendBytes(dst, t, v)
	}
	return ti.EndCell(dst, at)
}

// appendBytes appends the value alone.
func appendBytes(dst []byte, t sqltype.Type, v sqltype.Value) []byte {
	switch k := v.Kind(); {
	case k == sqltype.Bit, k == sqltype.TinyInt:
		return append(dst, byte(v.Int()))
	case k == sqltype.SmallInt:
		return binary.LittleEndian.AppendUint16(dst, uint16(v.Int()))
	case k == sqltype.Int, k == sqltype.SmallMoney:
		return binary.LittleEndian.AppendUint32(dst, uint32(v.Int()))
	case k == sqltype.BigInt:
		return binary.LittleEndian.AppendUint64(dst, uint64(v.Int()))
	case k == sqltype.Money: // the high half first
		n := uint64(v.Int())
		return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(dst, uint32(n>>32)), uint32(n))
	case k == sqltype.Real:
		return binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(v.Float())))
	case k == sqltype.Float:
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v.Float()))
	case k == sqltype.Decimal:
		neg, hi, lo := v.DecimalParts()
		sign := byte(1)
		if neg {
			sign = 0
		}
		start := len(dst)
		dst = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(append(dst, sign), lo), hi)
		p := v.Precision()
		if t.Kind == sqltype.Decimal {
			p = int(t.Precision)
		}
		return dst[:start+sqltype.DecimalBytes(uint8(p))]
	case k.IsDateTime():
		return appendDate(dst, v)
	case k.IsNational():
		return wtf8.AppendUTF16LE(dst, v.Text())
	case k.IsText():
		dst, _ = t.Collation.AppendEncoded(dst, v.Text())
		return dst
	}
	return append(dst, v.Bytes()...)
}

func little(dst []byte, n int64, size int) []byte {
	for range size {
		dst, n = append(dst, byte(n)), n>>8
	}
	return dst
}

// unit is the number of ticks in the last digit of a scale.
func unit(scale int) int64 {
	return [...]int64{10_000_000, 1_000_000, 100_000, 10_000, 1_000, 100, 10, 1}[min(max(scale, 0), 7)]
}

func appendDate(dst []byte, v sqltype.Value) []byte {
	switch v.Kind() {
	case sqltype.SmallDateTime:
		return little(little(dst, int64(v.Days()-sqltype.BaseDay), 2), v.RawTime(), 2)
	case sqltype.DateTime:
		return little(little(dst, int64(v.Days()-sqltype.BaseDay), 4), v.RawTime(), 4)
	case sqltype.Date:
		return little(dst, int64(v.Days()), 3)
	}
	dst = little(dst, v.RawTime()/unit(v.Scale()), sqltype.TimeBytes(uint8(v.Scale())))
	if v.Kind() == sqltype.Time {
		return dst
	}
	dst = little(dst, int64(v.Days()), 3)
	if v.Kind() == sqltype.DateTimeOffset {
		dst = little(dst, int64(v.Offset()), 2)
	}
	return dst
}

// appendVariant appends base type, properties and value ([MS-TDS] 2.2.5.5.4). Its text has the default collation.
func appendVariant(dst []byte, v sqltype.Value) []byte {
	t := sqltype.Of(v.Kind())
	id, props := tds.TypeID(0), 0
	switch k := v.Kind(); {
	case k == sqltype.Decimal:
		t.Precision, t.Scale = uint8(v.Precision()), uint8(v.Scale())
		dst = append(dst, byte(tds.TypeNumericN), 2, t.Precision, t.Scale)
		return appendBytes(dst, t, v)
	case k == sqltype.Time, k == sqltype.DateTime2, k == sqltype.DateTimeOffset:
		dst = append(dst, byte(Info(t, tds.V74).ID), 1, byte(v.Scale()))
		return appendBytes(dst, t, v)
	case k.IsText(), k == sqltype.XML:
		id, props = tds.TypeBigVarChar, 7
		if k.IsNational() {
			id = tds.TypeNVarChar
		}
		c := t.Collation.Wire()
		dst = append(append(append(dst, byte(id), byte(props)), c[:]...), 0x40, 0x1F)
		return appendBytes(dst, t, v)
	case k.IsBinary():
		dst = append(dst, byte(tds.TypeBigVarBinary), 2, 0x40, 0x1F)
		return appendBytes(dst, t, v)
	}
	for fixed, k := range fixedIDs {
		if k == v.Kind() {
			id = fixed
		}
	}
	return appendBytes(append(dst, byte(id), 0), t, v)
}

// fixedIDs are the base types of a variant that have no properties.
var fixedIDs = map[tds.TypeID]sqltype.Kind{
	tds.TypeInt1: sqltype.TinyInt, tds.TypeBit: sqltype.Bit, tds.TypeInt2: sqltype.SmallInt, tds.TypeInt4: sqltype.Int,
	tds.TypeDateTim4: sqltype.SmallDateTime, tds.TypeFlt4: sqltype.Real, tds.TypeMoney: sqltype.Money, tds.TypeDateTime: sqltype.DateTime,
	tds.TypeFlt8: sqltype.Float, tds.TypeMoney4: sqltype.SmallMoney, tds.TypeInt8: sqltype.BigInt, tds.TypeGUID: sqltype.UniqueIdentifier,
	tds.TypeDateN: sqltype.Date,
}

// Rows encodes rows of one result. It is not safe for concurrent use.
type Rows struct {
	types   []sqltype.Type
	infos   []tds.TypeInfo
	compact bool
}

// NewRows makes an encoder for columns of the types, for a client of version v.
func NewRows(types []sqltype.Type, v tds.Version) *Rows {
	e := &Rows{types: types, compact: v.HasNBCRow()}
	for _, t := range types {
		e.infos = append(e.infos, Info(t, v))
	}
	return e
}

// Metadata is the result's COLMETADATA. Names beyond the given ones are empty.
func (e *Rows) Metadata(names []string, v tds.Version) *tds.ColMetadata {
	m := &tds.ColMetadata{}
	for i, t := range e.types {
		name := ""
		if i < len(names) {
			name = names[i]
		}
		m.Columns = append(m.Columns, Column(name, t, v))
	}
	return m
}

// Append appends a row of as many values as there are columns: NBCROW where that is shorter, else ROW.
func (e *Rows) Append(dst []byte, row []sqltype.Value) []byte {
	nulls := 0
	for i := range row {
		if row[i].IsNull() {
			nulls++
		}
	}
	if e.compact && nulls > (len(row)+7)/8 {
		dst = tds.AppendNBCRowToken(dst, len(row), func(i int) bool { return row[i].IsNull() })
		for i, v := range row {
			if !v.IsNull() {
				dst = Append(dst, e.infos[i], e.types[i], v, true)
			}
		}
		return dst
	}
	dst = tds.AppendRowToken(dst)
	for i, v := range row {
		dst = Append(dst, e.infos[i], e.types[i], v, true)
	}
	return dst
}
