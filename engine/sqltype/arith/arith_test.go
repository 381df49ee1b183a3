package arith_test

import (
	"errors"
	"math/big"
	"testing"

	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/arith"
	"latchkey/engine/sqltype/convert"
)

func dec(p, s int) sqltype.Type { return sqltype.DecimalType(p, s) }

func TestDecimalResultTypes(t *testing.T) {
	for _, test := range []struct {
		op   arith.Op
		a, b sqltype.Type
		want string
	}{
		{arith.Add, dec(10, 2), dec(5, 4), "decimal(13,4)"},
		{arith.Mul, dec(10, 2), dec(5, 4), "decimal(16,6)"},
		{arith.Div, dec(10, 2), dec(5, 4), "decimal(20,8)"},
		{arith.Mod, dec(10, 2), dec(5, 4), "decimal(5,4)"},
		{arith.Add, dec(38, 10), dec(38, 10), "decimal(38,10)"},
		{arith.Add, dec(38, 10), dec(38, 2), "decimal(38,2)"},
		{arith.Mul, dec(38, 20), dec(38, 20), "decimal(38,6)"},
		{arith.Mul, dec(38, 2), dec(38, 2), "decimal(38,4)"},
		{arith.Mul, dec(30, 10), dec(10, 8), "decimal(38,15)"},
		{arith.Div, dec(38, 10), dec(38, 10), "decimal(38,6)"},
		{arith.Div, dec(38, 20), dec(10, 0), "decimal(38,20)"},
		{arith.Add, dec(10, 2), sqltype.Of(sqltype.Int), "decimal(13,2)"},
		{arith.Mul, sqltype.Of(sqltype.Money), dec(5, 2), "decimal(25,6)"},
		{arith.Add, sqltype.Of(sqltype.Int), sqltype.Of(sqltype.BigInt), "bigint"},
		{arith.Add, sqltype.Of(sqltype.TinyInt), sqltype.Of(sqltype.TinyInt), "tinyint"},
		{arith.Add, sqltype.Of(sqltype.Real), dec(5, 2), "real"},
		{arith.Add, sqltype.Sized(sqltype.VarChar, 10), sqltype.Of(sqltype.Int), "int"},
		{arith.Add, sqltype.Sized(sqltype.VarChar, 10), sqltype.Sized(sqltype.NVarChar, 4000), "nvarchar(4000)"},
		{arith.Add, sqltype.Sized(sqltype.Char, 10), sqltype.Sized(sqltype.VarChar, sqltype.Max), "varchar(max)"},
		{arith.Add, sqltype.Of(sqltype.DateTime), sqltype.Of(sqltype.Int), "datetime"},
		{arith.Or, sqltype.Of(sqltype.SmallInt), sqltype.Of(sqltype.Int), "int"},
	} {
		got, err := arith.Result(test.op, test.a, test.b)
		if err != nil || got.String() != test.want {
			t.Errorf("%s %s %s is %s, %v, want %s", test.a, test.op, test.b, got, err, test.want)
		}
	}
}

func TestResultErrors(t *testing.T) {
	of := sqltype.Of
	for _, test := range []struct {
		op     arith.Op
		a, b   sqltype.Type
		number int
	}{
		{arith.Add, of(sqltype.Bit), of(sqltype.Bit), 8117},
		{arith.Add, of(sqltype.Date), of(sqltype.Int), 206},
		{arith.Add, of(sqltype.Date), of(sqltype.Date), 8117},
		{arith.Mul, of(sqltype.DateTime), of(sqltype.Int), 8117},
		{arith.Sub, of(sqltype.VarChar), of(sqltype.VarChar), 8117},
		{arith.Add, of(sqltype.VarChar), of(sqltype.VarBinary), 402},
		{arith.Mod, of(sqltype.Float), of(sqltype.Int), 402},
		{arith.And, of(sqltype.Float), of(sqltype.Int), 402},
		{arith.Add, of(sqltype.UniqueIdentifier), of(sqltype.Int), 8117},
	} {
		if got, err := arith.Result(test.op, test.a, test.b); !errors.Is(err, sqltype.Number(test.number)) {
			t.Errorf("%s %s %s: %s, %v, want %d", test.a, test.op, test.b, got, err, test.number)
		}
	}
}

func parse(t *testing.T, s string, to sqltype.Type) sqltype.Value {
	t.Helper()
	from := sqltype.Sized(sqltype.VarChar, 100)
	v, err := convert.Convert(sqltype.NewText(sqltype.VarChar, s), from, to, convert.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestApply(t *testing.T) {
	of := sqltype.Of
	max := sqltype.Sized(sqltype.VarChar, 100)
	for _, test := range []struct {
		a    string
		ta   sqltype.Type
		op   arith.Op
		b    string
		tb   sqltype.Type
		want string // a message number after "!"
	}{
		{"7", of(sqltype.Int), arith.Div, "-2", of(sqltype.Int), "-3"},
		{"7", of(sqltype.Int), arith.Mod, "-2", of(sqltype.Int), "1"},
		{"2147483647", of(sqltype.Int), arith.Add, "1", of(sqltype.Int), "!8115"},
		{"-2147483648", of(sqltype.Int), arith.Div, "-1", of(sqltype.Int), "!8115"},
		{"9223372036854775807", of(sqltype.BigInt), arith.Add, "1", of(sqltype.BigInt), "!8115"},
		{"-9223372036854775808", of(sqltype.BigInt), arith.Mul, "-1", of(sqltype.BigInt), "!8115"},
		{"-9223372036854775808", of(sqltype.BigInt), arith.Mul, "1", of(sqltype.BigInt), "-9223372036854775808"},
		{"-9223372036854775808", of(sqltype.BigInt), arith.Sub, "1", of(sqltype.BigInt), "!8115"},
		{"1", of(sqltype.Int), arith.Div, "0", of(sqltype.Int), "!8134"},
		{"1", of(sqltype.Float), arith.Div, "0", of(sqltype.Float), "!8134"},
		{"1e308", of(sqltype.Float), arith.Mul, "10", of(sqltype.Float), "!8115"},
		{"200", of(sqltype.TinyInt), arith.Add, "100", of(sqltype.TinyInt), "!8115"},
		{"2", dec(1, 0), arith.Div, "3.0", dec(2, 1), "0.666666"},
		{"1", dec(38, 10), arith.Div, "3", dec(38, 10), "0.333333"},
		{"0.1", dec(5, 1), arith.Add, "0.2", dec(5, 1), "0.3"},
		{"-0.1", dec(5, 1), arith.Sub, "0.2", dec(5, 2), "-0.30"},
		{"99999999999999999999999999999999999999", dec(38, 0), arith.Add, "1", dec(38, 0), "!8115"},
		{"1.5", dec(5, 1), arith.Mod, "1", of(sqltype.Int), "0.5"},
		{"10", of(sqltype.Money), arith.Div, "3", of(sqltype.Money), "3.33"},
		{"0.01", of(sqltype.Money), arith.Mul, "0.05", of(sqltype.Money), "0.00"},
		{"a", sqltype.Sized(sqltype.VarChar, 5), arith.Add, "b", sqltype.Sized(sqltype.Char, 3), "ab  "},
		{"1", max, arith.Add, "2", of(sqltype.Int), "3"},
		{"2000-01-01", of(sqltype.DateTime), arith.Add, "1", of(sqltype.Int), "Jan  2 2000 12:00AM"},
		{"2000-01-03", of(sqltype.DateTime), arith.Sub, "2000-01-01", of(sqltype.DateTime), "Jan  3 1900 12:00AM"},
		{"9999-12-31", of(sqltype.DateTime), arith.Add, "1", of(sqltype.Int), "!517"},
		{"6", of(sqltype.Int), arith.Xor, "3", of(sqltype.TinyInt), "5"},
	} {
		r, err := arith.Result(test.op, test.ta, test.tb)
		if err != nil {
			t.Fatal(err)
		}
		v, err := arith.Apply(test.op, parse(t, test.a, test.ta), parse(t, test.b, test.tb), arith.Operands{A: test.ta, B: test.tb, Result: r})
		got := ""
		var e *sqltype.Error
		if errors.As(err, &e) {
			got = "!" + big.NewInt(int64(e.Number)).String()
		} else {
			out, err := convert.Convert(v, r, max, convert.Options{})
			if err != nil {
				t.Fatal(err)
			}
			got = out.Text()
		}
		if got != test.want {
			t.Errorf("%s %s %s = %s, want %s", test.a, test.op, test.b, got, test.want)
		}
	}
}

func TestCommon(t *testing.T) {
	of := sqltype.Of
	for _, test := range []struct {
		a, b sqltype.Type
		want string
	}{
		{of(sqltype.Int), of(sqltype.Null), "int"},
		{dec(10, 2), dec(5, 4), "decimal(12,4)"},
		{dec(10, 2), of(sqltype.BigInt), "decimal(21,2)"},
		{sqltype.Sized(sqltype.VarChar, 3), sqltype.Sized(sqltype.NVarChar, 2), "nvarchar(3)"},
		{sqltype.Sized(sqltype.VarChar, 3), sqltype.Sized(sqltype.NVarChar, sqltype.Max), "nvarchar(max)"},
		{of(sqltype.DateTime), sqltype.Scaled(sqltype.DateTime2, 3), "datetime2(3)"},
		{sqltype.Sized(sqltype.VarChar, 3), of(sqltype.DateTime), "datetime"},
	} {
		for _, pair := range [][2]sqltype.Type{{test.a, test.b}, {test.b, test.a}} {
			got, err := arith.Common(pair[0], pair[1])
			if err != nil || got.String() != test.want {
				t.Errorf("%s and %s: %s, %v, want %s", pair[0], pair[1], got, err, test.want)
			}
		}
	}
}

// Decimal results are those of exact rational arithmetic, rounded (or cut, for division) to the result's scale.
func FuzzDecimal(f *testing.F) {
	f.Add(int64(1), uint64(5), int64(3), uint64(7), uint8(2), uint8(3), uint8(2))
	f.Fuzz(func(t *testing.T, ahi int64, alo uint64, bhi int64, blo uint64, sa, sb, op uint8) {
		sa, sb, op = sa%39, sb%39, op%5
		make := func(hi int64, lo uint64, s uint8) (sqltype.Value, bool) {
			neg := hi < 0
			if neg {
				hi = -hi
			}
			return sqltype.DecimalFromParts(38, int(s), neg, uint64(hi), lo)
		}
		a, ok := make(ahi, alo, sa)
		b, ok2 := make(bhi, blo, sb)
		if !ok || !ok2 {
			return
		}
		ta, tb := dec(38, int(sa)), dec(38, int(sb))
		r, err := arith.Result(arith.Op(op), ta, tb)
		if err != nil {
			t.Fatal(err)
		}
		got, err := arith.Apply(arith.Op(op), a, b, arith.Operands{A: ta, B: tb, Result: r})
		if err != nil {
			return
		}
		x := new(big.Rat).SetFrac(a.Unscaled(), sqltype.Pow10(int(sa)))
		y := new(big.Rat).SetFrac(b.Unscaled(), sqltype.Pow10(int(sb)))
		want := new(big.Rat)
		switch arith.Op(op) {
		case arith.Add:
			want.Add(x, y)
		case arith.Sub:
			want.Sub(x, y)
		case arith.Mul:
			want.Mul(x, y)
		case arith.Div:
			want.Quo(x, y)
		default:
			return
		}
		diff := want.Sub(want, new(big.Rat).SetFrac(got.Unscaled(), sqltype.Pow10(got.Scale())))
		if limit := new(big.Rat).SetFrac(big.NewInt(1), sqltype.Pow10(got.Scale())); diff.Abs(diff).Cmp(limit) >= 0 {
			t.Fatalf("off by %s at scale %d", diff.FloatString(40), got.Scale())
		}
	})
}
