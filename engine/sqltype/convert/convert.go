// Package convert turns SQL Server values into other types: CAST, CONVERT with its styles, implied conversions and the fitting
// of a value to a column.
//
// [Convert] is the one entry: give it the value, the type it had, the type wanted and [Options]. It returns the value as exactly
// that type holds it (rounded, padded, cut), or an *sqltype.Error with SQL Server's number and words. Whether a conversion is
// allowed at all is asked before, of the types: [CheckImplicit], [CheckExplicit].
//
// Styles are those of the documentation: 0-14, 20-25, 100-114, 120, 121, 126, 127, 130 and 131 for dates (the last two in the
// tabular Hijri calendar that SQL Server uses), 0-2 and 126 for money, 0-3 for float, 0-2 for binary. The language is us_english;
// Options.DateFormat is SET DATEFORMAT. Two-digit years end at 2049.
//
// Everything here is a pure function of its arguments. Results never depend on the machine's locale, zone or clock.
package convert

import (
	"strings"

	"latchkey/engine/sqltype"
)

// DateFormat is the order of a numeric date: SET DATEFORMAT.
type DateFormat uint8

// The orders. MDY is that of us_english.
const (
	MDY DateFormat = iota
	DMY
	YMD
	YDM
	MYD
	DYM
)

// Options change how Convert works. The zero value is CAST.
type Options struct {
	// Style is CONVERT's third argument; it counts only if HasStyle.
	Style    int
	HasStyle bool
	// DateFormat is the session's.
	DateFormat DateFormat
	// Store fits a value to a column: text or bytes that are too long are refused (message 2628, or 8152 without Table) instead
	// of cut. Blanks at the end of text may still be cut.
	Store bool
	// Table ("db.schema.table") and Column name the target in message 2628.
	Table, Column string
}

// style is the style to use, and whether one was given.
func (o Options) style(byDefault int) int {
	if o.HasStyle {
		return o.Style
	}
	return byDefault
}

// Convert makes a value of type to out of v, which is of type from. NULL stays NULL. A sql_variant (from.Kind Variant) converts by
// the kind of the value within.
func Convert(v sqltype.Value, from, to sqltype.Type, o Options) (sqltype.Value, error) {
	if v.IsNull() || to.Kind == sqltype.Variant {
		return v, nil
	}
	if from.Kind == sqltype.Variant || from.Kind == sqltype.Null || from.Kind != v.Kind() {
		from.Kind = v.Kind()
	}
	if err := CheckExplicit(from.Kind, to.Kind); err != nil {
		return sqltype.NullValue, err
	}
	c := conversion{v: v, from: from, to: to, o: o}
	switch k := to.Kind; {
	case k == sqltype.Bit:
		return c.toBit()
	case k.IsInteger():
		return c.toInteger()
	case k == sqltype.Decimal:
		return c.toDecimal()
	case k.IsMoney():
		return c.toMoney()
	case k.IsApproximate():
		return c.toFloat()
	case k.IsDateTime():
		return c.toDateTime()
	case k.IsText():
		return c.toText()
	case k == sqltype.XML:
		if from.Kind.IsBinary() {
			return sqltype.NewText(sqltype.XML, to.Collation.Decode([]byte(v.Bytes()))), nil
		}
		return v.As(sqltype.XML), nil
	case k.IsBinary():
		return c.toBinary()
	case k == sqltype.UniqueIdentifier:
		return c.toGUID()
	}
	return sqltype.NullValue, sqltype.NewError(529, from.Kind.MessageName(), to.Kind.MessageName())
}

// conversion is one call of Convert.
type conversion struct {
	v        sqltype.Value
	from, to sqltype.Type
	o        Options
}

func (c *conversion) fromName() string { return c.from.Kind.MessageName() }
func (c *conversion) toName() string   { return c.to.Kind.MessageName() }

// overflow is message 8115 with the name that SQL Server gives the source: "expression" for numbers of a fixed size.
func (c *conversion) overflow() error {
	from := c.fromName()
	if k := c.from.Kind; k.IsInteger() || k.IsMoney() {
		if !(k.IsInteger() && c.to.Kind == sqltype.Decimal) {
			from = "expression"
		}
	}
	return sqltype.Overflow(from, c.to.Kind)
}

func (c *conversion) toGUID() (sqltype.Value, error) {
	switch k := c.from.Kind; {
	case k == sqltype.UniqueIdentifier:
		return c.v, nil
	case k.IsText():
		return sqltype.ParseGUID(c.v.Text())
	}
	var b [16]byte
	copy(b[:], c.v.Bytes())
	return sqltype.NewGUID(b), nil
}

// trimmed is the text of the source without blanks around it.
func (c *conversion) trimmed() string { return trimNumber(c.v.Text()) }

// trimNumber takes off what may stand around a number: tabs and ends of lines in front of it alone.
func trimNumber(s string) string { return strings.TrimRight(strings.TrimLeft(s, " \t\r\n"), " ") }
