package def

import (
	"strings"

	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/collation"
)

// The types that functions want and give most.
var (
	Int     = sqltype.Of(sqltype.Int)
	BigInt  = sqltype.Of(sqltype.BigInt)
	Float   = sqltype.Of(sqltype.Float)
	SysName = sqltype.SysName().Collated(collation.Default)
	// NameArg is what names of things are converted to.
	NameArg = sqltype.Sized(sqltype.NVarChar, sqltype.MaxNational)
)

// Fixed describes a function whose arguments and result have one type each: want gives them in order, and at least the first least of
// them.
func Fixed(name string, result sqltype.Type, least int, want []sqltype.Type, eval Eval) Function {
	return Function{Name: name, Min: least, Max: len(want), Bind: func(args []Arg) (Bound, error) {
		if err := Implicit(name, args, want); err != nil {
			return Bound{}, err
		}
		return Bound{Type: result, Want: want, Eval: eval}, nil
	}}
}

// Nulls is f with NULL among its arguments handed on.
func Nulls(f Function) Function {
	bind := f.Bind
	f.Bind = func(args []Arg) (Bound, error) {
		b, err := bind(args)
		b.NullIn = true
		return b, err
	}
	return f
}

// Changing is f as a volatile function.
func Changing(f Function) Function { f.Volatile = true; return f }

// Implicit refuses arguments that do not become the types that are wanted: message 8116.
func Implicit(name string, args []Arg, want []sqltype.Type) error {
	for i, a := range args {
		if i < len(want) && want[i].Kind != sqltype.Null && !becomes(a.Type, want[i]) {
			return BadType(a.Type, i+1, strings.ToLower(name))
		}
	}
	return nil
}

// becomes is stricter than the conversion chart where functions are: no text or number out of a sql_variant or xml, no number out of
// a date.
func becomes(from, to sqltype.Type) bool {
	f, t := from.Kind, to.Kind
	switch {
	case f == t, f == sqltype.Null:
		return true
	case f == sqltype.Variant, f == sqltype.XML, f == sqltype.Image:
		return false
	case t.IsText():
		return true
	case t.IsNumeric():
		return f.IsNumeric() || f.IsText() && !f.IsLegacyLOB() || f.IsBinary() && t.IsInteger()
	case t.IsBinary():
		return f.IsBinary() || f.IsText() && !f.IsLegacyLOB()
	case t.IsDateTime():
		return f.IsDateTime() || f.IsText() && !f.IsLegacyLOB()
	case t == sqltype.UniqueIdentifier:
		return f.IsText() || f.IsBinary()
	}
	return false
}

// TextType is the type in which a function takes an argument as text: varchar or nvarchar of a length that holds it. Message 8116 for what
// is no text and does not become it.
func TextType(t sqltype.Type, n int, function string) (sqltype.Type, error) {
	switch k := t.Kind; {
	case k == sqltype.Char, k == sqltype.VarChar:
		t.Kind = sqltype.VarChar
	case k == sqltype.NChar, k == sqltype.NVarChar:
		t.Kind = sqltype.NVarChar
	case k == sqltype.Text:
		t.Kind, t.Length = sqltype.VarChar, sqltype.Max
	case k == sqltype.NText:
		t.Kind, t.Length = sqltype.NVarChar, sqltype.Max
	case k == sqltype.Null:
		return sqltype.Sized(sqltype.VarChar, 1), nil
	case k == sqltype.Variant, k == sqltype.XML, k == sqltype.Image:
		return t, BadType(t, n, strings.ToLower(function))
	default:
		out := sqltype.Sized(sqltype.VarChar, TextLength(t))
		out.Nullable = t.Nullable
		return out, nil
	}
	if t.Length == 0 {
		t.Length = 1
	}
	return t, nil
}

// TextLength is the length of the longest text that a value of t becomes.
func TextLength(t sqltype.Type) int {
	switch k := t.Kind; {
	case k == sqltype.Bit:
		return 1
	case k == sqltype.TinyInt:
		return 3
	case k == sqltype.SmallInt:
		return 6
	case k == sqltype.Int:
		return 12
	case k == sqltype.BigInt:
		return 24
	case k == sqltype.Decimal:
		return 41
	case k.IsNumeric():
		return 30
	case k == sqltype.UniqueIdentifier:
		return 36
	case k.IsDateTime():
		return 40
	case k.IsBinary():
		if t.Length == sqltype.Max || k == sqltype.Image {
			return sqltype.Max
		}
		return max(t.Length, 8)
	case k.IsText():
		return t.Length
	}
	return 30
}

// Wide is t without a bound, for the inside of a function.
func Wide(t sqltype.Type) sqltype.Type {
	t.Length = sqltype.Max
	return t
}

// Longest is t with the greatest length that is not max; max stays max.
func Longest(t sqltype.Type) sqltype.Type {
	if t.Length != sqltype.Max {
		t.Length = sqltype.MaxBytes
		if t.Kind.IsNational() {
			t.Length = sqltype.MaxNational
		}
	}
	return t
}

// Text makes a text value of t's kind.
func Text(t sqltype.Type, s string) sqltype.Value { return sqltype.NewText(t.Kind, s) }

// IntValue makes an int.
func IntValue(n int) sqltype.Value { return sqltype.NewInt(sqltype.Int, int64(n)) }

// BitValue makes an int of 0 or 1, as most functions that answer a question do.
func BitValue(b bool) sqltype.Value {
	if b {
		return IntValue(1)
	}
	return IntValue(0)
}
