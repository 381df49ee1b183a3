package cell_test

import (
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"latchkey/engine/cell"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/collation"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func decimal(p, s int, n *big.Int) sqltype.Value {
	v, err := sqltype.NewDecimal(p, s, n)
	if err != nil {
		panic(err)
	}
	return v
}

// makers make a random value of each type whose cells SQLite compares, the edges more often than chance would.
var makers = map[sqltype.Type]func(r *rand.Rand) sqltype.Value{
	sqltype.Of(sqltype.Bit):     func(r *rand.Rand) sqltype.Value { return sqltype.NewBit(r.IntN(2) == 1) },
	sqltype.Of(sqltype.TinyInt): func(r *rand.Rand) sqltype.Value { return sqltype.NewInt(sqltype.TinyInt, int64(r.IntN(256))) },
	sqltype.Of(sqltype.SmallInt): func(r *rand.Rand) sqltype.Value {
		return sqltype.NewInt(sqltype.SmallInt, within(r, math.MinInt16, math.MaxInt16))
	},
	sqltype.Of(sqltype.Int): func(r *rand.Rand) sqltype.Value {
		return sqltype.NewInt(sqltype.Int, within(r, math.MinInt32, math.MaxInt32))
	},
	sqltype.Of(sqltype.BigInt): func(r *rand.Rand) sqltype.Value {
		return sqltype.NewInt(sqltype.BigInt, within(r, math.MinInt64, math.MaxInt64))
	},
	sqltype.Of(sqltype.Money): func(r *rand.Rand) sqltype.Value {
		return sqltype.NewMoney(sqltype.Money, within(r, math.MinInt64, math.MaxInt64))
	},
	sqltype.Of(sqltype.SmallMoney): func(r *rand.Rand) sqltype.Value {
		return sqltype.NewMoney(sqltype.SmallMoney, within(r, math.MinInt32, math.MaxInt32))
	},
	sqltype.DecimalType(18, 6): func(r *rand.Rand) sqltype.Value {
		return decimal(18, 6, big.NewInt(within(r, -999999999999999999, 999999999999999999)))
	},
	sqltype.DecimalType(19, 0): func(r *rand.Rand) sqltype.Value {
		return decimal(19, 0, big.NewInt(within(r, math.MinInt64, math.MaxInt64)))
	},
	sqltype.DecimalType(38, 12): func(r *rand.Rand) sqltype.Value { return decimal(38, 12, wide(r)) },
	sqltype.Of(sqltype.Float): func(r *rand.Rand) sqltype.Value {
		return sqltype.NewFloat(sqltype.Float, (r.Float64()-0.5)*math.Pow(10, float64(r.IntN(600)-300)))
	},
	sqltype.Of(sqltype.Real):        func(r *rand.Rand) sqltype.Value { return sqltype.NewFloat(sqltype.Real, (r.Float64()-0.5)*1e10) },
	sqltype.Of(sqltype.Date):        func(r *rand.Rand) sqltype.Value { return sqltype.NewDate(int(within(r, 0, sqltype.MaxDay))) },
	sqltype.Scaled(sqltype.Time, 7): func(r *rand.Rand) sqltype.Value { return sqltype.NewTime(7, within(r, 0, sqltype.TicksPerDay-1)) },
	sqltype.Of(sqltype.SmallDateTime): func(r *rand.Rand) sqltype.Value {
		return sqltype.NewSmallDateTime(int(within(r, sqltype.BaseDay, sqltype.MaxSmallDay)), int(within(r, 0, 1439)))
	},
	sqltype.Of(sqltype.DateTime): func(r *rand.Rand) sqltype.Value {
		return sqltype.NewDateTime(int(within(r, sqltype.MinDateTimeDay, sqltype.MaxDay)), within(r, 0, sqltype.UnitsPerDay-1))
	},
	sqltype.Scaled(sqltype.DateTime2, 7): func(r *rand.Rand) sqltype.Value {
		return sqltype.NewDateTime2(7, int(within(r, 0, sqltype.MaxDay)), within(r, 0, sqltype.TicksPerDay-1))
	},
	sqltype.Of(sqltype.UniqueIdentifier): func(r *rand.Rand) sqltype.Value {
		var b [16]byte
		b[r.IntN(16)] = byte(r.Uint32())
		b[r.IntN(16)] = byte(r.Uint32())
		return sqltype.NewGUID(b)
	},
}

func within(r *rand.Rand, lo, hi int64) int64 {
	switch r.IntN(6) {
	case 0:
		return lo
	case 1:
		return hi
	case 2:
		if lo <= 0 && hi >= 1 {
			return r.Int64N(2)
		}
	}
	span := uint64(hi-lo) + 1
	if span == 0 {
		return int64(r.Uint64())
	}
	return lo + int64(r.Uint64N(span))
}

func wide(r *rand.Rand) *big.Int {
	n := new(big.Int).SetUint64(r.Uint64())
	n.Mul(n, new(big.Int).SetUint64(r.Uint64()))
	n.Mod(n, sqltype.Pow10(r.IntN(39)))
	if r.IntN(2) == 0 {
		n.Neg(n)
	}
	return n
}

// Two values compare in SQLite as they do in SQL Server, and come back as they were.
func TestOrderAndRoundTrip(t *testing.T) {
	c, err := sqlite3.Open(":memory:")
	must(t, err)
	s, _, err := c.Prepare("SELECT (?1 > ?2) - (?1 < ?2), ?1")
	must(t, err)
	r := rand.New(rand.NewPCG(1, 2))
	for typ, next := range makers {
		for range 400 {
			a, b := next(r), next(r)
			must(t, cell.Bind(s, 1, typ, a))
			must(t, cell.Bind(s, 2, typ, b))
			if !s.Step() {
				t.Fatal(s.Err())
			}
			if got, want := s.ColumnInt(0), sqltype.Compare(a, b, collation.Default); got != want {
				t.Errorf("%v: %v against %v is %d, want %d", typ, a, b, got, want)
			}
			back, err := cell.Column(s, 1, typ)
			if err != nil || back != a {
				t.Errorf("%v: %v came back as %v, %v", typ, a, back, err)
			}
			must(t, s.Reset())
		}
	}
	must(t, errors.Join(s.Close(), c.Close()))
}

// Literals mean what Bind binds, in a STRICT table of the type's affinity.
func TestLiterals(t *testing.T) {
	c, err := sqlite3.Open(":memory:")
	must(t, err)
	values := map[sqltype.Type][]sqltype.Value{
		sqltype.Sized(sqltype.NVarChar, 20): {
			sqltype.NewText(sqltype.NVarChar, ""), sqltype.NewText(sqltype.NVarChar, "it's"), sqltype.NewText(sqltype.NVarChar, "a\x00b"),
			sqltype.NewText(sqltype.NVarChar, "\xed\xa0\x80"), sqltype.NewText(sqltype.NVarChar, "😀"),
		},
		sqltype.Sized(sqltype.VarBinary, 20): {sqltype.NewBytes(sqltype.VarBinary, ""), sqltype.NewBytes(sqltype.VarBinary, "\x00'\xff")},
		sqltype.Scaled(sqltype.DateTimeOffset, 7): {
			sqltype.NewDateTimeOffset(7, 0, 0, 840), sqltype.NewDateTimeOffset(7, sqltype.MaxDay, sqltype.TicksPerDay-1, -840),
		},
		sqltype.Of(sqltype.Variant): {
			sqltype.NewInt(sqltype.SmallInt, -5), sqltype.NewText(sqltype.NVarChar, "x"), decimal(20, 2, big.NewInt(-12345)), sqltype.NewFloat(sqltype.Float, -1.5),
			sqltype.NewDateTimeOffset(3, 5, 10000, 60), sqltype.NewDateTime(700000, 5), sqltype.NewBytes(sqltype.VarBinary, "\x01"),
		},
	}
	r := rand.New(rand.NewPCG(3, 4))
	for typ, next := range makers {
		for range 20 {
			values[typ] = append(values[typ], next(r))
		}
	}
	for typ, list := range values {
		must(t, c.Exec("CREATE TABLE t(v "+cell.Affinity(typ)+") STRICT"))
		for _, v := range append(list, sqltype.NullValue) {
			lit, err := cell.Literal(typ, v)
			must(t, err)
			must(t, c.Exec("DELETE FROM t; INSERT INTO t VALUES("+lit+")"))
			s, _, err := c.Prepare("SELECT v FROM t")
			must(t, err)
			s.Step()
			back, err := cell.Column(s, 0, typ)
			if err != nil || back != v {
				t.Errorf("%v as %s: %v came back as %v, %v", typ, lit, v, back, err)
			}
			must(t, s.Close())
		}
		must(t, c.Exec("DROP TABLE t"))
	}
	must(t, c.Close())
}

func TestWrongCells(t *testing.T) {
	for _, tt := range []struct {
		t sqltype.Type
		r cell.Raw
	}{
		{sqltype.Of(sqltype.Int), cell.Raw{Storage: cell.Text, S: "5"}},
		{sqltype.DecimalType(38, 0), cell.Raw{Storage: cell.Blob, S: "short"}},
		{sqltype.DecimalType(38, 0), cell.Raw{Storage: cell.Blob, S: "\x02" + strings.Repeat("0", 16)}},
		{sqltype.Of(sqltype.UniqueIdentifier), cell.Raw{Storage: cell.Blob, S: "short"}},
		{sqltype.Of(sqltype.Date), cell.Raw{Storage: cell.Integer, I: -1}},
		{sqltype.Scaled(sqltype.DateTimeOffset, 7), cell.Raw{Storage: cell.Blob, S: strings.Repeat("\xff", 10)}},
		{sqltype.Of(sqltype.Variant), cell.Raw{Storage: cell.Blob, S: "\x02abc"}},
		{sqltype.Of(sqltype.Variant), cell.Raw{Storage: cell.Blob, S: "\x01\x38\x00\x00abc"}},
	} {
		if v, err := cell.Decode(tt.t, tt.r); !errors.Is(err, cell.ErrForm) {
			t.Errorf("%v of %+v is %v, %v", tt.t, tt.r, v, err)
		}
	}
	if _, err := cell.Decode(sqltype.Of(sqltype.Int), cell.Raw{Storage: cell.Integer, I: 1 << 40}); !errors.Is(err, sqltype.Number(8115)) {
		t.Errorf("an int of 2^40: %v", err)
	}
	if _, err := cell.Encode(sqltype.Of(sqltype.Int), sqltype.NewText(sqltype.VarChar, "x")); !errors.Is(err, cell.ErrForm) {
		t.Errorf("text as int: %v", err)
	}
	if _, err := cell.Encode(sqltype.DecimalType(5, 2), decimal(5, 1, big.NewInt(5))); !errors.Is(err, cell.ErrForm) {
		t.Errorf("a decimal of another scale: %v", err)
	}
}

func TestCollationNames(t *testing.T) {
	for _, c := range collation.All() {
		for _, k := range []sqltype.Kind{sqltype.VarChar, sqltype.NVarChar} {
			name := cell.Collation(sqltype.Sized(k, 1).Collated(c))
			back, national, err := cell.ParseCollation(name)
			if err != nil || back != c {
				t.Errorf("%s is %v, %v", name, back, err)
			}
			for _, pair := range [][2]string{{"a-b", "ab"}, {"a", "B"}, {"é", "f"}, {"\U0001f600", "\uffee"}} {
				if x, y := c.Compare(pair[0], pair[1], national), c.Compare(pair[0], pair[1], k == sqltype.NVarChar); x != y {
					t.Errorf("%s orders %q as %d, want %d", name, pair, x, y)
				}
			}
		}
	}
	if _, _, err := cell.ParseCollation("Klingon:N"); err == nil {
		t.Error("an unknown collation was taken")
	}
}

// What decodes as a type encodes to the same cell.
func FuzzDecode(f *testing.F) {
	kinds := []sqltype.Type{
		sqltype.Of(sqltype.Variant), sqltype.DecimalType(38, 4), sqltype.DecimalType(9, 4), sqltype.Of(sqltype.UniqueIdentifier), sqltype.Scaled(sqltype.DateTimeOffset, 7),
		sqltype.Of(sqltype.DateTime), sqltype.Scaled(sqltype.DateTime2, 7), sqltype.Of(sqltype.SmallDateTime), sqltype.Of(sqltype.Int), sqltype.Sized(sqltype.NVarChar, 5),
	}
	f.Add(uint8(0), uint8(4), int64(5), "\x01\x38\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05")
	f.Add(uint8(1), uint8(4), int64(5), "\x01"+strings.Repeat("\x00", 15)+"\x09")
	f.Add(uint8(4), uint8(4), int64(5), "\x80\x00\x00\x00\x00\x00\x00\x00\x80\x00")
	f.Add(uint8(5), uint8(1), int64(-5), "")
	f.Fuzz(func(t *testing.T, kind, storage uint8, n int64, s string) {
		typ := kinds[int(kind)%len(kinds)]
		r := cell.Raw{Storage: cell.Storage(storage % 5)}
		switch r.Storage {
		case cell.Integer:
			r.I = n
		case cell.Real:
			r.F = math.Float64frombits(uint64(n))
		case cell.Text, cell.Blob:
			r.S = s
		}
		v, err := cell.Decode(typ, r)
		if err != nil {
			return
		}
		back, err := cell.Encode(typ, v)
		if err != nil {
			t.Fatalf("%v: %+v gives %v, which has no cell: %v", typ, r, v, err)
		}
		again, err := cell.Decode(typ, back)
		if err != nil || again != v {
			t.Fatalf("%v: %+v gives %v, then %v, %v", typ, r, v, again, err)
		}
	})
}
