package sqltype

import "strings"

// Kind is a base type of SQL Server. The zero Kind is that of NULL and of a type not known yet.
type Kind uint8

// The kinds. Their order here means nothing; precedence is [Kind.Precedence].
const (
	Null Kind = iota
	Bit
	TinyInt
	SmallInt
	Int
	BigInt
	Decimal // numeric is the same type by another name; messages say numeric
	SmallMoney
	Money
	Real
	Float
	Date
	Time
	SmallDateTime
	DateTime
	DateTime2
	DateTimeOffset
	Char
	VarChar
	Text
	NChar
	NVarChar
	NText
	Binary
	VarBinary
	Image
	RowVersion
	UniqueIdentifier
	XML
	Variant
	lastKind = Variant
)

// info is what is known of a kind.
type info struct {
	name       string
	precedence uint8 // higher wins, as in SQL Server's list of data type precedence
	systemID   uint8 // sys.types.system_type_id
}

var kinds = [...]info{
	Null:             {"NULL", 0, 0},
	Bit:              {"bit", 12, 104},
	TinyInt:          {"tinyint", 13, 48},
	SmallInt:         {"smallint", 14, 52},
	Int:              {"int", 15, 56},
	BigInt:           {"bigint", 16, 127},
	SmallMoney:       {"smallmoney", 17, 122},
	Money:            {"money", 18, 60},
	Decimal:          {"decimal", 19, 106},
	Real:             {"real", 20, 59},
	Float:            {"float", 21, 62},
	Time:             {"time", 22, 41},
	Date:             {"date", 23, 40},
	SmallDateTime:    {"smalldatetime", 24, 58},
	DateTime:         {"datetime", 25, 61},
	DateTime2:        {"datetime2", 26, 42},
	DateTimeOffset:   {"datetimeoffset", 27, 43},
	XML:              {"xml", 28, 241},
	Variant:          {"sql_variant", 29, 98},
	NText:            {"ntext", 11, 99},
	Text:             {"text", 10, 35},
	Image:            {"image", 9, 34},
	RowVersion:       {"timestamp", 8, 189},
	UniqueIdentifier: {"uniqueidentifier", 7, 36},
	NVarChar:         {"nvarchar", 6, 231},
	NChar:            {"nchar", 5, 239},
	VarChar:          {"varchar", 4, 167},
	Char:             {"char", 3, 175},
	VarBinary:        {"varbinary", 2, 165},
	Binary:           {"binary", 1, 173},
}

// String is the type's name as sys.types has it: decimal, timestamp.
func (k Kind) String() string {
	if k > lastKind {
		return "unknown"
	}
	return kinds[k].name
}

// MessageName is the type's name in SQL Server's messages, which say numeric for decimal.
func (k Kind) MessageName() string {
	if k == Decimal {
		return "numeric"
	}
	return k.String()
}

// Precedence is the rank in SQL Server's data type precedence: of two operands the higher one's type is the common one.
func (k Kind) Precedence() int {
	if k > lastKind {
		return 0
	}
	return int(kinds[k].precedence)
}

// SystemID is sys.types.system_type_id.
func (k Kind) SystemID() int {
	if k > lastKind {
		return 0
	}
	return int(kinds[k].systemID)
}

// IsInteger reports bit, tinyint, smallint, int and bigint.
func (k Kind) IsInteger() bool { return k >= Bit && k <= BigInt }

// IsMoney reports money and smallmoney.
func (k Kind) IsMoney() bool { return k == Money || k == SmallMoney }

// IsApproximate reports real and float.
func (k Kind) IsApproximate() bool { return k == Real || k == Float }

// IsExact reports the exact numbers: integers, decimals and money.
func (k Kind) IsExact() bool { return k >= Bit && k <= Money }

// IsNumeric reports all numbers.
func (k Kind) IsNumeric() bool { return k >= Bit && k <= Float }

// IsDateTime reports the types of dates and times.
func (k Kind) IsDateTime() bool { return k >= Date && k <= DateTimeOffset }

// IsText reports character data: char, varchar, text and their national forms. xml is not among them.
func (k Kind) IsText() bool { return k >= Char && k <= NText }

// IsNational reports nchar, nvarchar, ntext and xml, which are UTF-16 on the wire.
func (k Kind) IsNational() bool { return k >= NChar && k <= NText || k == XML }

// IsBinary reports binary, varbinary, image and rowversion.
func (k Kind) IsBinary() bool { return k >= Binary && k <= RowVersion }

// IsLegacyLOB reports text, ntext and image.
func (k Kind) IsLegacyLOB() bool { return k == Text || k == NText || k == Image }

// kindNames maps the names that a script may write, synonyms included.
var kindNames = func() map[string]Kind {
	m := map[string]Kind{
		"numeric": Decimal, "dec": Decimal, "integer": Int, "rowversion": RowVersion, "character": Char,
		"national character": NChar, "national char": NChar, "national text": NText, "char varying": VarChar,
		"character varying": VarChar, "national char varying": NVarChar, "national character varying": NVarChar,
		"binary varying": VarBinary, "double precision": Float,
	}
	for k := Bit; k <= lastKind; k++ {
		m[kinds[k].name] = k
	}
	return m
}()

// KindByName finds a kind by a name or synonym in any case ("INT", "dec", "rowversion"). sysname is a type of its own:
// [SysName].
func KindByName(name string) (Kind, bool) {
	k, ok := kindNames[strings.ToLower(name)]
	return k, ok
}
