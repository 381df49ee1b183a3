package sqltype

import (
	"strconv"

	"latchkey/engine/sqltype/collation"
)

// Max is the Length of varchar(max), nvarchar(max) and varbinary(max).
const Max = -1

// The limits of SQL Server.
const (
	MaxPrecision = 38   // digits of a decimal
	MaxBytes     = 8000 // declared length of char, varchar, binary, varbinary, in bytes
	MaxNational  = 4000 // declared length of nchar and nvarchar, in UTF-16 units
	MaxTimeScale = 7    // digits behind the second
)

// Type is the type of a column, variable or expression. Types are comparable with ==; the zero Type is that of a bare NULL.
type Type struct {
	Kind Kind
	// Length is declared: bytes, or UTF-16 units for nchar and nvarchar; Max for the max types. 0 for types without one.
	Length int
	// Precision and Scale are those of decimal; Scale alone those of time, datetime2 and datetimeoffset (0 to 7).
	Precision, Scale uint8
	// Collation of character types; meaningless otherwise.
	Collation collation.Collation
	// Nullable reports whether NULL may occur.
	Nullable bool
}

// Of is the type of a kind without parameters, nullable. For kinds that have parameters it gives the defaults of a declaration:
// decimal(18,0), datetime2(7), varchar(1).
func Of(k Kind) Type {
	t := Type{Kind: k, Nullable: true}
	switch k {
	case Decimal:
		t.Precision = 18
	case Time, DateTime2, DateTimeOffset:
		t.Scale = MaxTimeScale
	case Char, VarChar, NChar, NVarChar, Binary, VarBinary:
		t.Length = 1
	}
	return t
}

// DecimalType is decimal(p,s).
func DecimalType(p, s int) Type {
	return Type{Kind: Decimal, Precision: uint8(p), Scale: uint8(s), Nullable: true}
}

// Sized is a character or binary type of a length, under the default collation.
func Sized(k Kind, length int) Type { return Type{Kind: k, Length: length, Nullable: true} }

// Scaled is time, datetime2 or datetimeoffset with a scale.
func Scaled(k Kind, scale int) Type { return Type{Kind: k, Scale: uint8(scale), Nullable: true} }

// SysName is sysname: nvarchar(128) NOT NULL.
func SysName() Type { return Type{Kind: NVarChar, Length: 128} }

// NotNull is t without NULL.
func (t Type) NotNull() Type { t.Nullable = false; return t }

// Collated is t under another collation.
func (t Type) Collated(c collation.Collation) Type { t.Collation = c; return t }

// IsMax reports varchar(max), nvarchar(max), varbinary(max) and xml.
func (t Type) IsMax() bool { return t.Length == Max || t.Kind == XML }

// IsLarge reports the max types and text, ntext, image.
func (t Type) IsLarge() bool { return t.IsMax() || t.Kind.IsLegacyLOB() }

// Check refuses parameters that no declaration may have: messages 2750, 2751, 1002, 131 and 1001. name is the column's or variable's.
func (t Type) Check(name string) error {
	switch t.Kind {
	case Decimal:
		switch {
		case t.Precision > MaxPrecision:
			return NewError(2750, name, int(t.Precision), MaxPrecision)
		case t.Precision == 0:
			return NewError(1001, 0)
		case t.Scale > t.Precision:
			return NewError(2751, name, int(t.Scale), int(t.Precision))
		}
	case Time, DateTime2, DateTimeOffset:
		if t.Scale > MaxTimeScale {
			return NewError(1002, int(t.Scale))
		}
	case Char, VarChar, Binary, VarBinary, NChar, NVarChar:
		limit := MaxBytes
		if t.Kind.IsNational() {
			limit = MaxNational
		}
		variable := t.Kind == VarChar || t.Kind == NVarChar || t.Kind == VarBinary
		switch {
		case t.Length == Max && variable:
		case t.Length <= 0:
			return NewError(1001, t.Length)
		case t.Length > limit:
			return NewError(131, t.Length, name, limit)
		}
	}
	return nil
}

// String is the type as a declaration writes it, without collation and nullability: decimal(10,2), nvarchar(max).
func (t Type) String() string {
	name := t.Kind.String()
	switch t.Kind {
	case Decimal:
		return name + "(" + strconv.Itoa(int(t.Precision)) + "," + strconv.Itoa(int(t.Scale)) + ")"
	case Time, DateTime2, DateTimeOffset:
		return name + "(" + strconv.Itoa(int(t.Scale)) + ")"
	case Char, VarChar, NChar, NVarChar, Binary, VarBinary:
		if t.Length == Max {
			return name + "(max)"
		}
		return name + "(" + strconv.Itoa(t.Length) + ")"
	}
	return name
}

// StorageBytes is sys.columns.max_length: bytes of the largest value, -1 for the max types, 16 for text, ntext and image.
func (t Type) StorageBytes() int {
	switch t.Kind {
	case Bit, TinyInt:
		return 1
	case SmallInt:
		return 2
	case Int, Real, SmallMoney, SmallDateTime:
		return 4
	case BigInt, Float, Money, DateTime, RowVersion:
		return 8
	case Date:
		return 3
	case Decimal:
		return DecimalBytes(t.Precision)
	case Time:
		return TimeBytes(t.Scale)
	case DateTime2:
		return TimeBytes(t.Scale) + 3
	case DateTimeOffset:
		return TimeBytes(t.Scale) + 5
	case UniqueIdentifier, Text, NText, Image:
		return 16
	case XML:
		return Max
	case Variant:
		return 8016
	case NChar, NVarChar:
		if t.Length == Max {
			return Max
		}
		return 2 * t.Length
	}
	return t.Length
}

// Digits is sys.columns.precision and .scale: digits of numbers and of the shown form of dates and times, else 0.
func (t Type) Digits() (precision, scale int) {
	s := int(t.Scale)
	withDot := s
	if s > 0 {
		withDot++
	}
	switch t.Kind {
	case Bit:
		return 1, 0
	case TinyInt:
		return 3, 0
	case SmallInt:
		return 5, 0
	case Int:
		return 10, 0
	case BigInt:
		return 19, 0
	case SmallMoney:
		return 10, 4
	case Money:
		return 19, 4
	case Real:
		return 24, 0
	case Float:
		return 53, 0
	case Decimal:
		return int(t.Precision), s
	case Date:
		return 10, 0
	case SmallDateTime:
		return 16, 0
	case DateTime:
		return 23, 3
	case Time:
		return 8 + withDot, s
	case DateTime2:
		return 19 + withDot, s
	case DateTimeOffset:
		return 26 + withDot, s
	}
	return 0, 0
}

// DecimalBytes is the storage of a decimal of a precision, sign included: 5, 9, 13 or 17.
func DecimalBytes(precision uint8) int {
	switch {
	case precision <= 9:
		return 5
	case precision <= 19:
		return 9
	case precision <= 28:
		return 13
	}
	return 17
}

// TimeBytes is the storage of a time of day at a scale: 3, 4 or 5.
func TimeBytes(scale uint8) int {
	switch {
	case scale <= 2:
		return 3
	case scale <= 4:
		return 4
	}
	return 5
}
