package convert

import "latchkey/engine/sqltype"

// Class says how one type may become another.
type Class uint8

// The classes of SQL Server's conversion chart.
const (
	None     Class = iota // not at all: message 529 for CAST, 206 where the conversion is implied
	Explicit              // by CAST or CONVERT only: message 257 where it is implied
	Implicit
)

// Of looks a pair up in the conversion chart. A NULL literal converts to everything.
func Of(from, to sqltype.Kind) Class {
	f, t := groupOf(from), groupOf(to)
	if from == to || from == sqltype.Null {
		return Implicit
	}
	if to == sqltype.Null {
		return None
	}
	return chart[f][t]
}

// CheckImplicit is nil if a value may become the other type without being asked to, else message 257 or 206.
func CheckImplicit(from, to sqltype.Type) error {
	if to.Kind == sqltype.Variant && from.IsLarge() {
		return sqltype.NewError(206, from.String(), to.Kind.String())
	}
	switch Of(from.Kind, to.Kind) {
	case Implicit:
		return nil
	case Explicit:
		return sqltype.NewError(257, from.Kind.MessageName(), to.Kind.MessageName())
	}
	return sqltype.NewError(206, from.Kind.MessageName(), to.Kind.MessageName())
}

// CheckExplicit is nil if CAST may convert, else message 529.
func CheckExplicit(from, to sqltype.Kind) error {
	if Of(from, to) == None {
		return sqltype.NewError(529, from.MessageName(), to.MessageName())
	}
	return nil
}

// The rows and columns of the chart: kinds that behave alike.
const (
	gBytes  = iota // binary, varbinary
	gChar          // char, varchar
	gNChar         // nchar, nvarchar
	gOld           // datetime, smalldatetime
	gDate          // date
	gTime          // time
	gNew           // datetime2, datetimeoffset
	gExact         // integers, decimal
	gMoney         // money, smallmoney
	gApprox        // real, float
	gStamp         // rowversion
	gGUID          // uniqueidentifier
	gImage         // image
	gText          // text, ntext
	gXML           // xml
	gVar           // sql_variant
	groups
)

func groupOf(k sqltype.Kind) int {
	switch k {
	case sqltype.Binary, sqltype.VarBinary:
		return gBytes
	case sqltype.Char, sqltype.VarChar:
		return gChar
	case sqltype.NChar, sqltype.NVarChar:
		return gNChar
	case sqltype.DateTime, sqltype.SmallDateTime:
		return gOld
	case sqltype.Date:
		return gDate
	case sqltype.Time:
		return gTime
	case sqltype.DateTime2, sqltype.DateTimeOffset:
		return gNew
	case sqltype.Money, sqltype.SmallMoney:
		return gMoney
	case sqltype.Real, sqltype.Float:
		return gApprox
	case sqltype.RowVersion:
		return gStamp
	case sqltype.UniqueIdentifier:
		return gGUID
	case sqltype.Image:
		return gImage
	case sqltype.Text, sqltype.NText:
		return gText
	case sqltype.XML:
		return gXML
	case sqltype.Variant:
		return gVar
	}
	return gExact
}

// chart is "Data type conversion chart" of the documentation, by groups: i implicit, e explicit, - none.
var chart = func() (c [groups][groups]Class) {
	rows := [groups]string{
		//         byt chr nch old dat tim new exa mon app stm gui img txt xml var
		gBytes:  "i i i i e e e i i - i i i - i i",
		gChar:   "e i i i i i i i i i e i i i i i",
		gNChar:  "e i i i i i i i i i e i - i i i",
		gOld:    "e i i i i i i e e e e - - - - i",
		gDate:   "e i i i i - i - - - - - - - - i",
		gTime:   "e i i i - i i - - - - - - - - i",
		gNew:    "e i i i i i i - - - - - - - - i",
		gExact:  "i i i i - - - i i i i - - - - i",
		gMoney:  "i e e i - - - i i i i - - - - i",
		gApprox: "i i i i - - - i i i - - - - - i",
		gStamp:  "i i - i - - - i i - i - i - - -",
		gGUID:   "i i i - - - - - - - - i - - - i",
		gImage:  "i - - - - - - - - - i - i - - -",
		gText:   "- i i - - - - - - - - - - i i -",
		gXML:    "e e e - - - - - - - - - - - i -",
		gVar:    "e e e e e e e e e e - e - - - i",
	}
	for f, row := range rows {
		for t := range groups {
			switch row[2*t] {
			case 'i':
				c[f][t] = Implicit
			case 'e':
				c[f][t] = Explicit
			}
		}
	}
	return c
}()
