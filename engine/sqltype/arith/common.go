package arith

import (
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/convert"
)

// Common is the type that two operands of a comparison, CASE, COALESCE or UNION take: that of higher precedence, wide enough for
// both. Errors are messages 206 and 257. The collation is a's if both are text: conflicts are the binder's to find.
func Common(a, b sqltype.Type) (sqltype.Type, error) {
	nullable := a.Nullable || b.Nullable
	hi, lo := a, b
	if lo.Kind.Precedence() > hi.Kind.Precedence() {
		hi, lo = lo, hi
	}
	hi.Nullable = nullable
	if lo.Kind == sqltype.Null {
		return hi, nil
	}
	if err := conversionTo(lo, hi); err != nil {
		return sqltype.Type{}, err
	}
	switch k := hi.Kind; {
	case k == sqltype.Decimal:
		d := AsDecimal(lo, hi)
		s := max(hi.Scale, d.Scale)
		whole := max(hi.Precision-hi.Scale, d.Precision-d.Scale)
		if s+whole > sqltype.MaxPrecision {
			s = sqltype.MaxPrecision - min(whole, sqltype.MaxPrecision)
			whole = min(whole, sqltype.MaxPrecision)
		}
		hi.Precision, hi.Scale = s+whole, s
	case k.IsDateTime():
		hi.Scale = max(hi.Scale, lo.Scale)
	case k.IsText() && lo.Kind.IsText(), k.IsBinary() && lo.Kind.IsBinary() && k != sqltype.RowVersion:
		if hi.Length == sqltype.Max || lo.Length == sqltype.Max || lo.Kind.IsLegacyLOB() {
			if !hi.Kind.IsLegacyLOB() {
				hi = concatType(hi, sqltype.Sized(lo.Kind, sqltype.Max))
			}
		} else {
			limit := sqltype.MaxBytes
			if hi.Kind.IsNational() {
				limit = sqltype.MaxNational
			}
			hi.Length = min(max(hi.Length, stringLength(lo)), limit)
		}
		hi.Collation = a.Collation
	}
	hi.Nullable = nullable
	return hi, nil
}

// conversionTo is convert.CheckImplicit, with the words of an operand.
func conversionTo(from, to sqltype.Type) error {
	if from.Kind == to.Kind {
		return nil
	}
	return convert.CheckImplicit(from, to)
}
