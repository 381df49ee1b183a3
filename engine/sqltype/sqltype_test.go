package sqltype_test

import (
	"errors"
	"math"
	"math/big"
	"slices"
	"testing"
	"time"
	"unsafe"

	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/collation"
)

func TestCalendarAgreesWithPackageTime(t *testing.T) {
	first := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	for days := 0; days <= sqltype.MaxDay; days += 13 {
		y, m, d := sqltype.DateFromDays(days)
		want := first.AddDate(0, 0, days)
		if y != want.Year() || m != int(want.Month()) || d != want.Day() {
			t.Fatalf("day %d is %d-%d-%d, want %s", days, y, m, d, want)
		}
		if back, ok := sqltype.DaysFromDate(y, m, d); !ok || back != days {
			t.Fatalf("%d-%d-%d is day %d, want %d", y, m, d, back, days)
		}
	}
	for days, want := range map[int][3]int{sqltype.MaxDay: {9999, 12, 31}, sqltype.MinDateTimeDay: {1753, 1, 1}, sqltype.BaseDay: {1900, 1, 1}, sqltype.MaxSmallDay: {2079, 6, 6}} {
		y, m, d := sqltype.DateFromDays(days)
		if [3]int{y, m, d} != want {
			t.Errorf("day %d is %d-%d-%d, want %v", days, y, m, d, want)
		}
	}
	for _, bad := range [][3]int{{0, 1, 1}, {2023, 2, 29}, {1900, 2, 29}, {2000, 13, 1}, {2000, 4, 31}, {10000, 1, 1}} {
		if _, ok := sqltype.DaysFromDate(bad[0], bad[1], bad[2]); ok {
			t.Errorf("%v is a day", bad)
		}
	}
}

func TestGUIDOrder(t *testing.T) {
	// Ascending in SQL Server: the last group counts most.
	texts := []string{
		"FFFFFFFF-0000-0000-0000-000000000000", "00000000-0001-0000-0000-000000000000", "00000000-0000-0100-0000-000000000000",
		"00000000-0000-0000-0001-000000000000", "00000000-0000-0000-0100-000000000000", "00000000-0000-0000-0000-000000000001",
		"00000000-0000-0000-0000-010000000000",
	}
	for i := range texts {
		v, err := sqltype.ParseGUID(texts[i])
		if err != nil {
			t.Fatal(err)
		}
		if got := sqltype.FormatGUID(v.Bytes()); got != texts[i] {
			t.Errorf("%s is written as %s", texts[i], got)
		}
		if got := sqltype.GUIDFromSortKey(sqltype.GUIDSortKey(v.Bytes())); got != v {
			t.Errorf("%s does not come back from its key", texts[i])
		}
		if i > 0 {
			before, _ := sqltype.ParseGUID(texts[i-1])
			if sqltype.Compare(before, v, collation.Default) >= 0 {
				t.Errorf("%s does not sort before %s", texts[i-1], texts[i])
			}
		}
	}
}

func TestCompareAcrossKinds(t *testing.T) {
	d := func(s string, p, scale int) sqltype.Value {
		n, _, sc, ok := sqltype.ParseDecimal(s)
		if !ok {
			t.Fatal(s)
		}
		v, err := sqltype.NewDecimal(p, scale, sqltype.Rescale(n, sc, scale, true))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	ordered := []sqltype.Value{
		sqltype.NullValue,
		sqltype.NewBytes(sqltype.VarBinary, "\x01"), sqltype.NewText(sqltype.VarChar, "z"),
		sqltype.NewInt(sqltype.BigInt, math.MinInt64), d("-1.5", 38, 37), d("-1.4", 5, 1), sqltype.NewInt(sqltype.Int, -1), sqltype.NewBit(false),
		sqltype.NewMoney(sqltype.Money, 1), d("0.001", 5, 3), sqltype.NewFloat(sqltype.Float, 0.5), sqltype.NewInt(sqltype.TinyInt, 255),
		d("255.0000000001", 20, 10),
		sqltype.NewDate(1), sqltype.NewDateTime2(7, 1, 1), sqltype.NewDateTime(sqltype.BaseDay, 0), sqltype.NewDateTime(sqltype.BaseDay, 1),
	}
	if !slices.IsSortedFunc(ordered, func(a, b sqltype.Value) int { return sqltype.Compare(a, b, collation.Default) }) {
		t.Error("not in order")
	}
	for _, eq := range [][2]sqltype.Value{
		{d("1.0", 5, 1), d("1.000", 10, 3)},
		{sqltype.NewInt(sqltype.Int, 1), sqltype.NewMoney(sqltype.Money, 10000)},
		{sqltype.NewText(sqltype.Char, "a  "), sqltype.NewText(sqltype.VarChar, "A")},
		{sqltype.NewBytes(sqltype.Binary, "a\x00"), sqltype.NewBytes(sqltype.VarBinary, "a")},
		{sqltype.NewDateTimeOffset(0, 100, 0, 60), sqltype.NewDateTimeOffset(7, 100, 0, -60)},
	} {
		if sqltype.Compare(eq[0], eq[1], collation.Default) != 0 {
			t.Errorf("%v and %v differ", eq[0], eq[1])
		}
	}
}

func TestDecimalLimits(t *testing.T) {
	for p := 1; p <= sqltype.MaxPrecision; p++ {
		most := new(big.Int).Sub(sqltype.Pow10(p), big.NewInt(1))
		v, err := sqltype.NewDecimal(p, 0, most)
		if err != nil {
			t.Fatal(err)
		}
		if v.Unscaled().Cmp(most) != 0 {
			t.Errorf("%s came back as %s", most, v.Unscaled())
		}
		neg, hi, lo := v.DecimalParts()
		if w, ok := sqltype.DecimalFromParts(p, 0, neg, hi, lo); !ok || w != v {
			t.Errorf("parts of 10^%d-1", p)
		}
		if _, err := sqltype.NewDecimal(p, 0, sqltype.Pow10(p)); !errors.Is(err, sqltype.Number(8115)) {
			t.Errorf("10^%d fits into %d digits: %v", p, p, err)
		}
	}
}

func TestDeclarations(t *testing.T) {
	for _, test := range []struct {
		typ    sqltype.Type
		number int
	}{
		{sqltype.DecimalType(39, 0), 2750},
		{sqltype.DecimalType(5, 6), 2751},
		{sqltype.Scaled(sqltype.Time, 8), 1002},
		{sqltype.Sized(sqltype.VarChar, 8001), 131},
		{sqltype.Sized(sqltype.NVarChar, 4001), 131},
		{sqltype.Sized(sqltype.Char, 0), 1001},
		{sqltype.Sized(sqltype.Char, sqltype.Max), 1001},
		{sqltype.Sized(sqltype.VarChar, sqltype.Max), 0},
		{sqltype.SysName(), 0},
	} {
		err := test.typ.Check("c")
		if test.number == 0 && err != nil || test.number != 0 && !errors.Is(err, sqltype.Number(test.number)) {
			t.Errorf("%s: %v, want %d", test.typ, err, test.number)
		}
	}
	if k, ok := sqltype.KindByName("Double Precision"); !ok || k != sqltype.Float {
		t.Error("double precision")
	}
}

func TestValueStaysSmall(t *testing.T) {
	if n := unsafe.Sizeof(sqltype.Value{}); n > 40 {
		t.Errorf("a value has %d bytes", n)
	}
}
