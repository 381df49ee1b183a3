package bound

import (
	"strings"

	"latchkey/engine/cell"
	"latchkey/engine/compile/plan"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/arith"
	"latchkey/engine/sqltype/collation"
	"latchkey/engine/tsql/token"
)

// operatorNames are what messages call the comparisons.
var operatorNames = map[string]string{
	"=": "equal to", "<>": "not equal to", "<": "less than", ">": "greater than", "<=": "less than or equal to", ">=": "greater than or equal to",
	"IS": "is", "IS NOT": "is",
}

// OperatorName is what messages call a comparison.
func OperatorName(op string) string { return operatorNames[op] }

// Pair is two operands brought to one form: SQLite compares the texts as SQL Server compares the values.
type Pair struct {
	L, R string
	// Null reports that one of them is a bare NULL.
	Null bool
	eval func(*plan.Frame) (cmp int, null bool, err error)
}

// Computable reports that Eval can be called.
func (p Pair) Computable() bool { return p.eval != nil }

// Eval computes L op R in Go: a bit or NULL.
func (p Pair) Eval(op string, f *plan.Frame) (sqltype.Value, error) {
	n, null, err := p.eval(f)
	return outcome(op, n, null, err)
}

// Compare is L op R for = <> < > <= >= and IS, IS NOT (distinctness). Messages 402, 206, 257, 468.
func (b *Builder) Compare(op string, l, r X, pos token.Pos) (X, error) {
	switch op {
	case "!<":
		op = ">="
	case "!>":
		op = "<="
	case "!=":
		op = "<>"
	}
	if b.Settings.AnsiNullsOff && (op == "=" || op == "<>") && (nullish(l) || nullish(r)) {
		op = map[string]string{"=": "IS", "<>": "IS NOT"}[op]
	}
	if n := (op == "=" || op == "<" || op == ">" || op == "<=" || op == ">=") && l.Early() != r.Early() && l.Eval != nil != (r.Eval != nil); n {
		x, ok, err := b.narrow(op, l, r)
		if ok || err != nil {
			return x, err
		}
	}
	p, err := b.Pair(op, l, r, pos)
	if err != nil {
		return X{}, err
	}
	x := X{Flags: l.Flags | r.Flags, SQL: "(" + p.L + " " + op + " " + p.R + ")"}
	if p.Null && op != "IS" && op != "IS NOT" {
		x.SQL = "NULL"
	}
	if p.eval != nil {
		x.Eval = func(f *plan.Frame) (sqltype.Value, error) {
			n, null, err := p.eval(f)
			return outcome(op, n, null, err)
		}
	}
	return x, nil
}

// nullish reports NULL and variables, which = compares to NULL under ANSI_NULLS OFF.
func nullish(x X) bool {
	return x.Type.Kind == sqltype.Null || x.Const && x.Value.IsNull() || len(x.SQL) > 0 && x.SQL[0] == '?'
}

// outcome is what an operator makes of an order; n is 0 for equal, also for two NULLs, and null says that an operand is NULL.
func outcome(op string, n int, null bool, err error) (sqltype.Value, error) {
	if err != nil {
		return sqltype.NullValue, err
	}
	if null && op != "IS" && op != "IS NOT" {
		return sqltype.NullValue, nil
	}
	var ok bool
	switch op {
	case "=", "IS":
		ok = n == 0
	case "<>", "IS NOT":
		ok = n != 0
	case "<":
		ok = n < 0
	case ">":
		ok = n > 0
	case "<=":
		ok = n <= 0
	case ">=":
		ok = n >= 0
	}
	return sqltype.NewBit(ok), nil
}

// Pair brings two operands to one form.
func (b *Builder) Pair(op string, l, r X, pos token.Pos) (Pair, error) {
	for _, x := range []X{l, r} {
		if k := x.Type.Kind; k.IsLegacyLOB() || k == sqltype.XML {
			return Pair{}, plan.Fail(pos, 402, l.Type.Kind.MessageName(), r.Type.Kind.MessageName(), operatorNames[op])
		}
	}
	if l.Type.Kind == sqltype.Null || r.Type.Kind == sqltype.Null {
		p := Pair{L: l.SQL, R: r.SQL, Null: true}
		if l.Eval != nil && r.Eval != nil {
			p.eval = b.compareEval(l, r, sqltype.Compare, collation.Default)
		}
		return p, nil
	}
	common, err := arith.Common(l.Type, r.Type)
	if err != nil {
		return Pair{}, plan.At(err, pos)
	}
	lbl, coll, _, err := Merge(l, r, operatorNames[op]+" operation", pos)
	if err != nil {
		return Pair{}, err
	}
	if lbl == Conflict {
		lc, rc := l.Type.Collation, r.Type.Collation
		if l.Label == Conflict {
			rc = l.Other.Collation
		} else if r.Label == Conflict {
			lc = r.Other.Collation
		}
		return Pair{}, plan.Fail(pos, 468, rc.String(), lc.String(), operatorNames[op])
	}
	lc, rc := l, r
	if !Comparable(l.Type, r.Type) {
		if lc, rc, err = b.toCommon(l, r, common, pos); err != nil {
			return Pair{}, err
		}
	}
	var p Pair
	if lc.Eval != nil && rc.Eval != nil {
		p.eval = b.compareEval(lc, rc, sqltype.Compare, coll)
	} else {
		if common.Kind.IsBinary() && op != "<" && op != ">" && op != "<=" && op != ">=" {
			lc, rc = b.padded(lc, r), b.padded(rc, l)
		}
		lc, rc = b.Hoist(lc), b.Hoist(rc)
	}
	p.L, p.R = lc.SQL, rc.SQL
	if cell.StorageOf(common) == cell.Text {
		common.Collation = coll
		return textPair(op, p, lc, rc, common), nil
	}
	if k := cell.Key(common); k != "$1" {
		p.L, p.R = replaceArg(k, p.L), replaceArg(k, p.R)
	}
	return p, nil
}

// padded makes bytes that are known before the statement runs as long as the binary(n) column that they are compared with: bytes that differ by
// zeros at the end are equal, and SQLite compares what it finds. Between columns of varbinary it stays at that.
func (b *Builder) padded(x, column X) X {
	if column.Type.Kind != sqltype.Binary || column.Column == nil || !x.Early() || b.Inline {
		return x
	}
	eval, n := x.Eval, column.Type.Length
	pad := func(v sqltype.Value) sqltype.Value {
		if v.IsNull() {
			return v
		}
		s := strings.TrimRight(v.Bytes(), "\x00")
		return sqltype.NewBytes(sqltype.VarBinary, s+strings.Repeat("\x00", max(0, n-len(s))))
	}
	if x.Const {
		return b.Constant(pad(x.Value), x.Type)
	}
	x.SQL, x.Eval = "", func(f *plan.Frame) (sqltype.Value, error) {
		v, err := eval(f)
		return pad(v), err
	}
	return x
}

// textPair says by which sequence text is compared. Equality is the same in both orders of a collation, so a column keeps its own and can
// use its index.
func textPair(op string, p Pair, l, r X, common sqltype.Type) Pair {
	want := cell.Collation(common)
	if op == "=" || op == "<>" || op == "IS" || op == "IS NOT" {
		for _, x := range []X{l, r} {
			if x.Column != nil && x.Type.Kind.IsText() && x.Type.Collation == common.Collation {
				want = cell.Collation(x.Type)
				break
			}
		}
	}
	if l.Column == nil || l.Column.Object == nil || cell.Collation(l.Type) != want {
		p.L += " COLLATE " + cell.QuoteName(want)
	}
	return p
}

// Comparable reports that the cells of two types compare as the values do, without conversion.
func Comparable(a, b sqltype.Type) bool {
	switch {
	case a.Kind == sqltype.Null || b.Kind == sqltype.Null:
		return true
	case cell.Same(a, b):
		return a.Kind != sqltype.UniqueIdentifier || b.Kind == sqltype.UniqueIdentifier
	case a.Kind.IsInteger() && b.Kind.IsApproximate(), b.Kind.IsInteger() && a.Kind.IsApproximate():
		return true // SQLite compares integers and floats by value
	}
	return false
}

// toCommon converts both operands to their common type.
func (b *Builder) toCommon(l, r X, common sqltype.Type, pos token.Pos) (X, X, error) {
	common.Collation = b.Settings.Collation
	lt, rt := common, common
	lc, err := b.Convert(l, lt, pos)
	if err != nil {
		return l, r, err
	}
	rc, err := b.Convert(r, rt, pos)
	return lc, rc, err
}

type compareFunc = func(a, b sqltype.Value, c collation.Collation) int

func (b *Builder) compareEval(l, r X, cmp compareFunc, c collation.Collation) func(*plan.Frame) (int, bool, error) {
	le, re := l.Eval, r.Eval
	return func(f *plan.Frame) (int, bool, error) {
		x, err := le(f)
		if err != nil {
			return 0, false, err
		}
		y, err := re(f)
		if err != nil {
			return 0, false, err
		}
		switch {
		case x.IsNull() && y.IsNull():
			return 0, true, nil
		case x.IsNull():
			return -1, true, nil
		case y.IsNull():
			return 1, true, nil
		}
		return cmp(x, y, c), false, nil
	}
}
