package sqlval_test

import (
	"math/big"
	"testing"

	"github.com/google/go-cmp/cmp"

	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/collation"
	"latchkey/engine/sqltype/wtf8"
	"latchkey/engine/tds"
	"latchkey/engine/tds/sqlval"
)

type sample struct {
	t sqltype.Type
	v sqltype.Value
}

func samples(t testing.TB) []sample {
	dec := func(p, s int, n string) sample {
		i, ok := new(big.Int).SetString(n, 10)
		if !ok {
			t.Fatal(n)
		}
		v, err := sqltype.NewDecimal(p, s, i)
		if err != nil {
			t.Fatal(err)
		}
		return sample{sqltype.DecimalType(p, s), v}
	}
	long := make([]byte, 100000)
	for i := range long {
		long[i] = byte('a' + i%26)
	}
	of := sqltype.Of
	var out []sample
	for _, k := range []sqltype.Kind{sqltype.TinyInt, sqltype.SmallInt, sqltype.Int, sqltype.BigInt} {
		lo, hi := sqltype.IntRange(k)
		out = append(out, sample{of(k), sqltype.NewInt(k, lo)}, sample{of(k), sqltype.NewInt(k, hi)})
	}
	for _, k := range []sqltype.Kind{sqltype.SmallMoney, sqltype.Money} {
		lo, hi := sqltype.IntRange(k)
		out = append(out, sample{of(k), sqltype.NewMoney(k, lo)}, sample{of(k), sqltype.NewMoney(k, hi)})
	}
	for scale := range 8 {
		ticks := sqltype.RoundTicks(863999999999-5000000, scale)
		out = append(out,
			sample{sqltype.Scaled(sqltype.Time, scale), sqltype.NewTime(scale, ticks)},
			sample{sqltype.Scaled(sqltype.DateTime2, scale), sqltype.NewDateTime2(scale, sqltype.MaxDay, ticks)},
			sample{sqltype.Scaled(sqltype.DateTimeOffset, scale), sqltype.NewDateTimeOffset(scale, 700000, ticks, -840)})
	}
	return append(out,
		sample{of(sqltype.Bit), sqltype.NewBit(true)},
		sample{of(sqltype.Real), sqltype.NewFloat(sqltype.Real, 1.25e10)},
		sample{of(sqltype.Float), sqltype.NewFloat(sqltype.Float, -1.7976931348623157e308)},
		dec(38, 0, "-99999999999999999999999999999999999999"), dec(9, 2, "123456789"), dec(19, 19, "1"), dec(28, 5, "-12345678901234567890"),
		sample{of(sqltype.Date), sqltype.NewDate(sqltype.MaxDay)},
		sample{of(sqltype.DateTime), sqltype.NewDateTime(sqltype.MinDateTimeDay, sqltype.UnitsPerDay-1)},
		sample{of(sqltype.SmallDateTime), sqltype.NewSmallDateTime(sqltype.MaxSmallDay, 1439)},
		sample{sqltype.Sized(sqltype.Char, 4), sqltype.NewText(sqltype.Char, "é€  ")},
		sample{sqltype.Sized(sqltype.VarChar, 10), sqltype.NewText(sqltype.VarChar, "")},
		sample{sqltype.Sized(sqltype.VarChar, sqltype.Max), sqltype.NewText(sqltype.VarChar, string(long))},
		sample{sqltype.Sized(sqltype.NChar, 2), sqltype.NewText(sqltype.NChar, "\U0001F600")},
		sample{sqltype.Sized(sqltype.NVarChar, 10), sqltype.NewText(sqltype.NVarChar, wtf8.FromUTF16LE([]byte{0, 0xD8, 'a', 0}))},
		sample{sqltype.Sized(sqltype.NVarChar, sqltype.Max), sqltype.NewText(sqltype.NVarChar, "")},
		sample{sqltype.Sized(sqltype.Binary, 3), sqltype.NewBytes(sqltype.Binary, "\x00\x01\x02")},
		sample{sqltype.Sized(sqltype.VarBinary, 8000), sqltype.NewBytes(sqltype.VarBinary, string(long[:8000]))},
		sample{sqltype.Sized(sqltype.VarBinary, sqltype.Max), sqltype.NewBytes(sqltype.VarBinary, string(long))},
		sample{of(sqltype.Text), sqltype.NewText(sqltype.Text, "old")},
		sample{of(sqltype.NText), sqltype.NewText(sqltype.NText, "öld")},
		sample{of(sqltype.Image), sqltype.NewBytes(sqltype.Image, "\xff")},
		sample{of(sqltype.UniqueIdentifier), sqltype.NewGUID([16]byte{1, 2, 3})},
		sample{of(sqltype.XML), sqltype.NewText(sqltype.XML, "<a/>")},
		sample{of(sqltype.Variant), sqltype.NewInt(sqltype.BigInt, -1)},
		sample{of(sqltype.Variant), sqltype.NewText(sqltype.NVarChar, "v")},
		sample{of(sqltype.Variant), dec(10, 2, "-5").v},
		sample{of(sqltype.Variant), sqltype.NewDateTime2(3, 1, 10000)},
		sample{of(sqltype.Variant), sqltype.NewBytes(sqltype.VarBinary, "b")},
	)
}

// Every value comes back from a row and from a parameter, and so does NULL.
func TestRoundTrip(t *testing.T) {
	for _, s := range samples(t) {
		for _, v := range []sqltype.Value{s.v, sqltype.NullValue} {
			ti := sqlval.Info(s.t, tds.V74)
			typ, err := sqlval.TypeOf(ti, collation.Default)
			if err != nil {
				t.Fatal(err)
			}
			if typ != s.t {
				t.Errorf("%s came back as %s", s.t, typ)
			}
			call := tds.RPC{Calls: []tds.Call{{Proc: "p", Params: []tds.Param{{Name: "@p", Type: ti}}}}}
			b := call.Append(nil)
			b = b[:len(b)-len(ti.AppendCell(nil, nil, false))]
			b = sqlval.Append(b, ti, s.t, v, false)
			var back tds.RPC
			if err := back.Decode(b, tds.Limits{}); err != nil {
				t.Fatalf("%s %v: %v", s.t, v, err)
			}
			if got, err := sqlval.Decode(typ, back.Calls[0].Params[0].Value); err != nil || got != v {
				t.Errorf("parameter %s: %v, %v, want %v", s.t, got, err, v)
			}
			rows := sqlval.NewRows([]sqltype.Type{s.t, sqltype.Of(sqltype.Bit), sqltype.Of(sqltype.Bit)}, tds.V74)
			for _, rest := range []sqltype.Value{sqltype.NewBit(true), sqltype.NullValue} { // NULLs make it a NBCROW
				b = rows.Metadata([]string{"a", "b", "c"}, tds.V74).Append(nil, tds.V74)
				b = rows.Append(b, []sqltype.Value{v, rest, rest})
				tokens, err := tds.DecodeReply(b, tds.Limits{})
				if err != nil {
					t.Fatalf("%s %v: %v", s.t, v, err)
				}
				cells := tokens[1].(*tds.Row).Cells
				if got, err := sqlval.Decode(typ, cells[0]); err != nil || got != v {
					t.Errorf("row %s: %v, %v, want %v", s.t, got, err, v)
				}
				if got, _ := sqlval.Decode(sqltype.Of(sqltype.Bit), cells[2]); got != rest {
					t.Errorf("row %s: the last column is %v, want %v", s.t, got, rest)
				}
			}
		}
	}
}

func TestOldClientsGetDatesAsText(t *testing.T) {
	typ := sqltype.Scaled(sqltype.DateTime2, 3)
	ti := sqlval.Info(typ, tds.V72)
	got := sqlval.Append(nil, ti, typ, sqltype.NewDateTime2(3, 0, 10000), true)
	if want := ti.AppendCell(nil, tds.AppendText(nil, "0001-01-01 00:00:00.001"), true); !cmp.Equal(got, want) {
		t.Errorf("got % x, want % x", got, want)
	}
}

func TestValuesThatAreNone(t *testing.T) {
	for _, s := range []struct {
		t sqltype.Type
		b string
	}{
		{sqltype.Of(sqltype.Date), "\xff\xff\xff"},
		{sqltype.Of(sqltype.DateTime), "\x00\x00\x00\x80\x00\x00\x00\x00"},
		{sqltype.Scaled(sqltype.Time, 7), "\xff\xff\xff\xff\xff"},
		{sqltype.Of(sqltype.Float), "\x00\x00\x00\x00\x00\x00\xf0\x7f"},
		{sqltype.DecimalType(5, 0), "\x01\xff\xff\xff\xff"},
		{sqltype.Sized(sqltype.NVarChar, 5), "abc"},
	} {
		if v, err := sqlval.Decode(s.t, []byte(s.b)); err == nil {
			t.Errorf("% x is a %s: %v", s.b, s.t, v)
		}
	}
}

// Whatever decodes, encodes and decodes to the same value.
func FuzzDecode(f *testing.F) {
	for _, s := range samples(f) {
		ti := sqlval.Info(s.t, tds.V74)
		f.Add(uint8(ti.ID), ti.Precision, ti.Scale, uint8(ti.Size), []byte("\x01\x02\x03\x04"))
	}
	f.Add(uint8(tds.TypeVariant), uint8(0), uint8(0), uint8(0), []byte("\xe7\x07\x09\x04\xd0\x00\x34\x40\x1fa\x00"))
	f.Fuzz(func(t *testing.T, id, p, s, size uint8, b []byte) {
		ti := tds.TypeInfo{ID: tds.TypeID(id), Precision: p % 39, Scale: s % 8, Size: uint32(size)}
		typ, err := sqlval.TypeOf(ti, collation.Default)
		if err != nil {
			return
		}
		v, err := sqlval.Decode(typ, b)
		if err != nil || typ.Kind == sqltype.Variant || typ.Kind == sqltype.Null || typ.Kind == sqltype.XML {
			return
		}
		info := sqlval.Info(typ, tds.V74)
		if k := typ.Kind; (k.IsText() || k.IsBinary()) && !typ.IsLarge() && len(b) > typ.StorageBytes() {
			return
		}
		enc := sqlval.Append(nil, info, typ, v, false)
		dec := tds.RPC{Calls: []tds.Call{{Proc: "p", Params: []tds.Param{{Type: info}}}}}
		msg := dec.Append(nil)
		msg = append(msg[:len(msg)-len(info.AppendCell(nil, nil, false))], enc...)
		var back tds.RPC
		if err := back.Decode(msg, tds.Limits{}); err != nil {
			t.Fatalf("%s %v: %v", typ, v, err)
		}
		again, err := sqlval.Decode(typ, back.Calls[0].Params[0].Value)
		if err != nil || again != v {
			t.Fatalf("%s: %v, %v, want %v", typ, again, err, v)
		}
	})
}

func BenchmarkRows(b *testing.B) {
	types := []sqltype.Type{
		sqltype.Of(sqltype.Int), sqltype.Sized(sqltype.NVarChar, 50), sqltype.DecimalType(18, 4), sqltype.Scaled(sqltype.DateTime2, 7),
		sqltype.Sized(sqltype.VarChar, 100), sqltype.Of(sqltype.Float),
	}
	n, _ := sqltype.NewDecimal(18, 4, big.NewInt(123456789))
	row := []sqltype.Value{
		sqltype.NewInt(sqltype.Int, 42), sqltype.NewText(sqltype.NVarChar, "a name of some length"), n, sqltype.NewDateTime2(7, 700000, 1),
		sqltype.NewText(sqltype.VarChar, "text in the code page"), sqltype.NullValue,
	}
	e := sqlval.NewRows(types, tds.V74)
	buf := e.Append(nil, row)
	b.ReportAllocs()
	b.SetBytes(int64(len(buf)))
	for b.Loop() {
		buf = e.Append(buf[:0], row)
	}
}
