// Package sqlval carries SQL values over TDS: which TYPE_INFO a column or parameter of a SQL type has ([Info], [TypeOf]), and
// values in both directions ([Append], [Decode]). [Rows] encodes whole rows in place, without allocating for a row.
//
// Columns are always sent as the types that can be NULL; clients show no difference. To a client of TDS 7.2, which has no date,
// time, datetime2 and datetimeoffset, these go as nvarchar, as SQL Server does. xml goes as xml, rowversion as binary(8).
//
// What comes in is checked to be a value of its type (a date before 9999, a decimal within its precision, a finite float); else the
// error is message 8023. Nothing here panics on any bytes.
package sqlval

import (
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/collation"
	"latchkey/engine/tds"
)

// Declared sizes of the legacy large types and of sql_variant.
const (
	sizeLong    = 0x7FFFFFFF
	sizeNText   = 0x7FFFFFFE
	sizeVariant = 8009
)

// Info is the TYPE_INFO of a column or an output parameter of type t, for a client of version v.
func Info(t sqltype.Type, v tds.Version) tds.TypeInfo {
	sized := func(id tds.TypeID, n int) tds.TypeInfo { return tds.TypeInfo{ID: id, Size: uint32(n)} }
	bytes := func(id tds.TypeID, unit int) tds.TypeInfo {
		ti := sized(id, t.Length*unit)
		if t.Length == sqltype.Max {
			ti.Size = tds.SizeMax
		}
		if t.Kind.IsText() {
			ti.Collation = t.Collation.Wire()
		}
		return ti
	}
	if !v.HasDateTypes() && (t.Kind == sqltype.Date || t.Kind == sqltype.Time || t.Kind == sqltype.DateTime2 || t.Kind == sqltype.DateTimeOffset) {
		p, _ := t.Digits()
		return tds.TypeInfo{ID: tds.TypeNVarChar, Size: uint32(2 * p), Collation: collation.Default.Wire()}
	}
	switch t.Kind {
	case sqltype.Bit:
		return sized(tds.TypeBitN, 1)
	case sqltype.TinyInt, sqltype.SmallInt, sqltype.Int, sqltype.BigInt:
		return sized(tds.TypeIntN, t.StorageBytes())
	case sqltype.Decimal:
		return tds.TypeInfo{ID: tds.TypeDecimalN, Size: uint32(t.StorageBytes()), Precision: t.Precision, Scale: t.Scale}
	case sqltype.SmallMoney, sqltype.Money:
		return sized(tds.TypeMoneyN, t.StorageBytes())
	case sqltype.Real, sqltype.Float:
		return sized(tds.TypeFltN, t.StorageBytes())
	case sqltype.SmallDateTime, sqltype.DateTime:
		return sized(tds.TypeDateTimN, t.StorageBytes())
	case sqltype.Date:
		return sized(tds.TypeDateN, 3)
	case sqltype.Time:
		return tds.TypeInfo{ID: tds.TypeTimeN, Size: uint32(t.StorageBytes()), Scale: t.Scale}
	case sqltype.DateTime2:
		return tds.TypeInfo{ID: tds.TypeDateTime2N, Size: uint32(t.StorageBytes()), Scale: t.Scale}
	case sqltype.DateTimeOffset:
		return tds.TypeInfo{ID: tds.TypeDateTimeOffset, Size: uint32(t.StorageBytes()), Scale: t.Scale}
	case sqltype.Char:
		return bytes(tds.TypeBigChar, 1)
	case sqltype.VarChar:
		return bytes(tds.TypeBigVarChar, 1)
	case sqltype.NChar:
		return bytes(tds.TypeNChar, 2)
	case sqltype.NVarChar:
		return bytes(tds.TypeNVarChar, 2)
	case sqltype.Binary:
		return bytes(tds.TypeBigBinary, 1)
	case sqltype.VarBinary:
		return bytes(tds.TypeBigVarBinary, 1)
	case sqltype.RowVersion:
		return sized(tds.TypeBigBinary, 8)
	case sqltype.Text:
		return tds.TypeInfo{ID: tds.TypeText, Size: sizeLong, Collation: t.Collation.Wire()}
	case sqltype.NText:
		return tds.TypeInfo{ID: tds.TypeNText, Size: sizeNText, Collation: t.Collation.Wire()}
	case sqltype.Image:
		return sized(tds.TypeImage, sizeLong)
	case sqltype.UniqueIdentifier:
		return sized(tds.TypeGUID, 16)
	case sqltype.XML:
		return sized(tds.TypeXML, tds.SizeMax)
	case sqltype.Variant:
		return sized(tds.TypeVariant, sizeVariant)
	}
	return sized(tds.TypeIntN, 4) // a bare NULL is an int
}

// Column is a column of a result. Its flags say whether it can be NULL, and how letters compare.
func Column(name string, t sqltype.Type, v tds.Version) tds.Column {
	c := tds.Column{Name: name, Type: Info(t, v)}
	if t.Nullable {
		c.Flags |= tds.ColumnNullable
	}
	if t.Kind.IsText() && t.Collation.CaseSensitive() {
		c.Flags |= tds.ColumnCaseSensitive
	}
	if t.Kind == sqltype.RowVersion {
		c.UserType = 80
	}
	return c
}

// kindsOf maps what has one kind whatever its size.
var kindsOf = [256]sqltype.Kind{
	tds.TypeInt1: sqltype.TinyInt, tds.TypeBit: sqltype.Bit, tds.TypeInt2: sqltype.SmallInt,
	tds.TypeInt4: sqltype.Int, tds.TypeDateTim4: sqltype.SmallDateTime, tds.TypeFlt4: sqltype.Real, tds.TypeMoney: sqltype.Money,
	tds.TypeDateTime: sqltype.DateTime, tds.TypeFlt8: sqltype.Float, tds.TypeMoney4: sqltype.SmallMoney, tds.TypeInt8: sqltype.BigInt,
	tds.TypeGUID: sqltype.UniqueIdentifier, tds.TypeBitN: sqltype.Bit, tds.TypeDateN: sqltype.Date, tds.TypeTimeN: sqltype.Time,
	tds.TypeDateTime2N: sqltype.DateTime2, tds.TypeDateTimeOffset: sqltype.DateTimeOffset, tds.TypeDecimal: sqltype.Decimal,
	tds.TypeNumeric: sqltype.Decimal, tds.TypeDecimalN: sqltype.Decimal, tds.TypeNumericN: sqltype.Decimal,
	tds.TypeChar: sqltype.Char, tds.TypeVarChar: sqltype.VarChar, tds.TypeBinary: sqltype.Binary, tds.TypeVarBinary: sqltype.VarBinary,
	tds.TypeBigVarBinary: sqltype.VarBinary, tds.TypeBigVarChar: sqltype.VarChar, tds.TypeBigBinary: sqltype.Binary,
	tds.TypeBigChar: sqltype.Char, tds.TypeNVarChar: sqltype.NVarChar, tds.TypeNChar: sqltype.NChar, tds.TypeText: sqltype.Text,
	tds.TypeImage: sqltype.Image, tds.TypeNText: sqltype.NText, tds.TypeVariant: sqltype.Variant, tds.TypeXML: sqltype.XML,
}

// TypeOf is the SQL type that a client's parameter or bulk column declares. A collation that is not known (five zero bytes mean the
// database's) becomes def. The error is a *tds.TypeError.
func TypeOf(ti tds.TypeInfo, def collation.Collation) (sqltype.Type, error) {
	t := sqltype.Type{Nullable: true}
	bySize := func(small, large sqltype.Kind) sqltype.Kind {
		if ti.Size == 4 {
			return small
		}
		return large
	}
	switch ti.ID {
	case tds.TypeIntN:
		switch ti.Size {
		case 1:
			t.Kind = sqltype.TinyInt
		case 2:
			t.Kind = sqltype.SmallInt
		case 4:
			t.Kind = sqltype.Int
		case 8:
			t.Kind = sqltype.BigInt
		}
	case tds.TypeFltN:
		t.Kind = bySize(sqltype.Real, sqltype.Float)
	case tds.TypeMoneyN:
		t.Kind = bySize(sqltype.SmallMoney, sqltype.Money)
	case tds.TypeDateTimN:
		t.Kind = bySize(sqltype.SmallDateTime, sqltype.DateTime)
	default:
		t.Kind = kindsOf[ti.ID]
		if t.Kind == sqltype.Null && ti.ID != tds.TypeNull {
			return t, &tds.TypeError{ID: ti.ID}
		}
	}
	switch t.Kind {
	case sqltype.Decimal:
		t.Precision, t.Scale = ti.Precision, ti.Scale
	case sqltype.Time, sqltype.DateTime2, sqltype.DateTimeOffset:
		t.Scale = ti.Scale
	case sqltype.Char, sqltype.VarChar, sqltype.Binary, sqltype.VarBinary:
		t.Length = int(ti.Size)
	case sqltype.NChar, sqltype.NVarChar:
		t.Length = int(ti.Size) / 2
	}
	if ti.IsPLP() && t.Kind != sqltype.XML {
		t.Length = sqltype.Max
	}
	if t.Kind.IsText() {
		t.Collation = def
		if c, ok := collation.FromWire(ti.Collation); ok {
			t.Collation = c
		}
	}
	return t, nil
}
