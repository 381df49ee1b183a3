// Package arith does SQL Server's arithmetic: which type an operator gives ([Result]), what it computes ([Apply]), and the common
// type of two operands of a comparison, CASE, UNION or COALESCE ([Common]).
//
// The binder calls Result once and keeps the type; the executor calls Apply for each row with the same types. Apply converts its
// operands itself. Decimals are exact, with the documented precision and scale (at most 38 digits; multiplication and division
// keep six digits behind the point before they give up whole digits). Integer division cuts towards zero, money keeps four
// digits, a result outside its type is message 8115, a zero divisor 8134, never a wrapped number or an infinity.
//
// ANSI_WARNINGS OFF and ARITHABORT OFF (NULL instead of an error) are the executor's: it turns 8115 and 8134 into NULL there.
package arith

import (
	"latchkey/engine/sqltype"
)

// Op is an operator of two operands.
type Op uint8

// The operators.
const (
	Add Op = iota
	Sub
	Mul
	Div
	Mod
	And
	Or
	Xor
)

// String is the operator's name in SQL Server's messages.
func (o Op) String() string {
	if o > Xor {
		return "unknown"
	}
	return [...]string{"add", "subtract", "multiply", "divide", "modulo", "'&'", "'|'", "'^'"}[o]
}

// Result is the type of a op b. Errors are messages 8117, 402, 206 and 257.
func Result(op Op, a, b sqltype.Type) (sqltype.Type, error) {
	t, err := result(op, a, b)
	t.Nullable = a.Nullable || b.Nullable
	return t, err
}

func result(op Op, a, b sqltype.Type) (sqltype.Type, error) {
	switch {
	case a.Kind == sqltype.Null && b.Kind == sqltype.Null:
		return sqltype.Of(sqltype.Int), nil
	case a.Kind == sqltype.Null:
		a = b
	case b.Kind == sqltype.Null:
		b = a
	}
	if a.Kind.IsLegacyLOB() || b.Kind.IsLegacyLOB() {
		return sqltype.Type{}, incompatible(op, a, b)
	}
	for _, t := range []sqltype.Type{a, b} {
		if k := t.Kind; k == sqltype.XML || k == sqltype.Variant || k == sqltype.UniqueIdentifier {
			return sqltype.Type{}, sqltype.NewError(8117, k.String(), op.String())
		}
	}
	textual := func(t sqltype.Type) bool { return t.Kind.IsText() || t.Kind.IsBinary() }
	if textual(a) && textual(b) {
		if op != Add {
			return sqltype.Type{}, sqltype.NewError(8117, a.Kind.String(), op.String())
		}
		if a.Kind.IsBinary() != b.Kind.IsBinary() {
			return sqltype.Type{}, incompatible(op, a, b)
		}
		return concatType(a, b), nil
	}
	hi, lo := a, b
	if lo.Kind.Precedence() > hi.Kind.Precedence() {
		hi, lo = lo, hi
	}
	if hi.Kind.IsDateTime() {
		return dateResult(op, hi, lo)
	}
	if lo.Kind.IsBinary() && (op >= And || op == Add || op == Sub) && hi.Kind.IsInteger() {
		return hi, nil
	}
	if err := conversionTo(lo, hi); err != nil {
		return sqltype.Type{}, err
	}
	return numberResult(op, a, b, hi)
}

func incompatible(op Op, a, b sqltype.Type) error {
	return sqltype.NewError(402, a.Kind.MessageName(), b.Kind.MessageName(), op.String())
}

func numberResult(op Op, a, b, hi sqltype.Type) (sqltype.Type, error) {
	k := hi.Kind
	switch {
	case op >= And:
		if !k.IsInteger() {
			return sqltype.Type{}, incompatible(op, a, b)
		}
		return sqltype.Of(k), nil
	case k == sqltype.Bit:
		return sqltype.Type{}, sqltype.NewError(8117, "bit", op.String())
	case op == Mod && k.IsApproximate():
		return sqltype.Type{}, incompatible(op, a, b)
	case k == sqltype.Decimal:
		return decimalResult(op, AsDecimal(a, hi), AsDecimal(b, hi)), nil
	}
	return sqltype.Of(k), nil
}

// AsDecimal is the decimal type that a number has as an operand of a decimal; text becomes other's type.
func AsDecimal(t, other sqltype.Type) sqltype.Type {
	switch {
	case t.Kind == sqltype.Decimal:
		return t
	case t.Kind == sqltype.Bit:
		return sqltype.DecimalType(1, 0)
	case t.Kind.IsInteger() || t.Kind.IsMoney():
		p, s := t.Digits()
		return sqltype.DecimalType(p, s)
	}
	return other
}

// decimalResult is the documented table of precision and scale.
func decimalResult(op Op, a, b sqltype.Type) sqltype.Type {
	p1, s1, p2, s2 := int(a.Precision), int(a.Scale), int(b.Precision), int(b.Scale)
	whole := max(p1-s1, p2-s2)
	const limit = sqltype.MaxPrecision
	var p, s int
	switch op {
	case Add, Sub:
		s = max(s1, s2)
		p = s + whole + 1
		if p > limit {
			s = min(s, max(limit-whole, 0))
		}
	case Mul:
		s, p = s1+s2, p1+p2+1
	case Div:
		s = max(6, s1+p2+1)
		p = p1 - s1 + s2 + s
	default:
		s = max(s1, s2)
		p = min(p1-s1, p2-s2) + s
	}
	if (op == Mul || op == Div) && p > limit {
		s = min(s, max(limit-(p-s), 6))
	}
	return sqltype.DecimalType(max(min(p, limit), 1), s)
}

// dateResult: the two old types take part in addition and subtraction, with numbers, text or each other; the new ones do not.
func dateResult(op Op, hi, lo sqltype.Type) (sqltype.Type, error) {
	if op != Add && op != Sub {
		return sqltype.Type{}, sqltype.NewError(8117, hi.Kind.String(), op.String())
	}
	if hi.Kind != sqltype.DateTime && hi.Kind != sqltype.SmallDateTime {
		if lo.Kind.IsNumeric() {
			return sqltype.Type{}, sqltype.NewError(206, hi.Kind.MessageName(), lo.Kind.MessageName())
		}
		if lo.Kind == hi.Kind || lo.Kind.IsText() {
			return sqltype.Type{}, sqltype.NewError(8117, hi.Kind.String(), op.String())
		}
		return sqltype.Type{}, incompatible(op, hi, lo)
	}
	if lo.Kind == sqltype.Date || lo.Kind == sqltype.Time {
		return sqltype.Type{}, incompatible(op, hi, lo)
	}
	return sqltype.Of(hi.Kind), nil
}

// concatType is the type of a string joined to a string.
func concatType(a, b sqltype.Type) sqltype.Type {
	t := a
	if b.Kind.Precedence() > a.Kind.Precedence() {
		t = b
		if a.Kind.IsText() && !t.Kind.IsText() {
			t.Collation = a.Collation
		}
	}
	limit := sqltype.MaxBytes
	if t.Kind.IsNational() {
		limit = sqltype.MaxNational
	}
	if a.Length == sqltype.Max || b.Length == sqltype.Max {
		switch t.Kind {
		case sqltype.Char:
			t.Kind = sqltype.VarChar
		case sqltype.NChar:
			t.Kind = sqltype.NVarChar
		case sqltype.Binary:
			t.Kind = sqltype.VarBinary
		}
		t.Length = sqltype.Max
		return t
	}
	t.Length = min(stringLength(a)+stringLength(b), limit)
	return t
}

func stringLength(t sqltype.Type) int {
	if t.Kind == sqltype.RowVersion {
		return 8
	}
	return t.Length
}
