package convert_test

import (
	"errors"
	"testing"

	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/convert"
)

func vc(s string) sqltype.Value { return sqltype.NewText(sqltype.VarChar, s) }

var long = sqltype.Sized(sqltype.VarChar, 8000)

func typ(t *testing.T, name string) sqltype.Type {
	t.Helper()
	k, ok := sqltype.KindByName(name)
	if !ok {
		t.Fatalf("no type %q", name)
	}
	return sqltype.Of(k)
}

// through parses text as a type and writes it in a style (-1: none).
func through(t *testing.T, s string, to sqltype.Type, style int) (string, error) {
	t.Helper()
	v, err := convert.Convert(vc(s), long, to, convert.Options{})
	if err != nil {
		return "", err
	}
	out, err := convert.Convert(v, to, sqltype.Sized(sqltype.NVarChar, 4000), convert.Options{Style: style, HasStyle: style >= 0})
	return out.Text(), err
}

func TestDateStyles(t *testing.T) {
	dt := sqltype.Of(sqltype.DateTime)
	dt2 := sqltype.Scaled(sqltype.DateTime2, 7)
	dto := sqltype.Scaled(sqltype.DateTimeOffset, 7)
	const at = "2006-01-02T15:04:05.127"
	for _, test := range []struct {
		in    string
		typ   sqltype.Type
		style int
		want  string
	}{
		{at, dt, -1, "Jan  2 2006  3:04PM"},
		{at, dt, 0, "Jan  2 2006  3:04PM"},
		{at, dt, 1, "01/02/06"},
		{at, dt, 101, "01/02/2006"},
		{at, dt, 2, "06.01.02"},
		{at, dt, 102, "2006.01.02"},
		{at, dt, 103, "02/01/2006"},
		{at, dt, 104, "02.01.2006"},
		{at, dt, 105, "02-01-2006"},
		{at, dt, 106, "02 Jan 2006"},
		{at, dt, 107, "Jan 02, 2006"},
		{at, dt, 108, "15:04:05"},
		{at, dt, 109, "Jan  2 2006  3:04:05:127PM"},
		{at, dt, 110, "01-02-2006"},
		{at, dt, 111, "2006/01/02"},
		{at, dt, 12, "060102"},
		{at, dt, 112, "20060102"},
		{at, dt, 113, "02 Jan 2006 15:04:05:127"},
		{at, dt, 114, "15:04:05:127"},
		{at, dt, 120, "2006-01-02 15:04:05"},
		{at, dt, 121, "2006-01-02 15:04:05.127"},
		{at, dt, 126, "2006-01-02T15:04:05.127"},
		{at, dt, 127, "2006-01-02T15:04:05.127"},
		{"2006-01-02T15:04:05", dt, 126, "2006-01-02T15:04:05"},
		{"2007-05-08 12:35:29.1234567", dt2, -1, "2007-05-08 12:35:29.1234567"},
		{"2007-05-08 12:35:29.1234567", dt2, 0, "May  8 2007 12:35PM"},
		{"2007-05-08 12:35:29.1234567", dt2, 9, "May  8 2007 12:35:29.1234567PM"},
		{"2007-05-08 12:35:29.1234567 +12:15", dto, -1, "2007-05-08 12:35:29.1234567 +12:15"},
		{"2007-05-08 12:35:29.1234567 +12:15", dto, 126, "2007-05-08T12:35:29.1234567+12:15"},
		{"2007-05-08 12:35:29.1234567 +12:15", dto, 127, "2007-05-08T00:20:29.1234567Z"},
		{"2007-05-08", sqltype.Of(sqltype.Date), -1, "2007-05-08"},
		{"2007-05-08 12:35:29", sqltype.Of(sqltype.SmallDateTime), -1, "May  8 2007 12:35PM"},
		{"2007-05-08 12:35:30", sqltype.Of(sqltype.SmallDateTime), 120, "2007-05-08 12:36:00"},
		{"12:35:29.1234567", sqltype.Scaled(sqltype.Time, 3), -1, "12:35:29.123"},
		{"2018-06-15", dt, 131, " 1/10/1439 12:00:00:000AM"},
		// Rounding to three-hundredths of a second.
		{"2000-01-01 23:59:59.998", dt, 121, "2000-01-01 23:59:59.997"},
		{"2000-01-01 23:59:59.999", dt, 121, "2000-01-02 00:00:00.000"},
		{"2000-01-01 01:01:01.005", dt, 121, "2000-01-01 01:01:01.007"},
		{"2000-01-01 01:01:01.001", dt, 121, "2000-01-01 01:01:01.000"},
	} {
		got, err := through(t, test.in, test.typ, test.style)
		if err != nil || got != test.want {
			t.Errorf("%s as %s in style %d: %q, %v, want %q", test.in, test.typ, test.style, got, err, test.want)
		}
	}
}

func TestDateInput(t *testing.T) {
	dt, dt2, date := sqltype.Of(sqltype.DateTime), sqltype.Scaled(sqltype.DateTime2, 3), sqltype.Of(sqltype.Date)
	for _, test := range []struct {
		in   string
		typ  sqltype.Type
		o    convert.Options
		want string
	}{
		{"", dt, convert.Options{}, "1900-01-01 00:00:00.000"},
		{"20240229", dt, convert.Options{}, "2024-02-29 00:00:00.000"},
		{"240229", dt, convert.Options{}, "2024-02-29 00:00:00.000"},
		{"2024", dt, convert.Options{}, "2024-01-01 00:00:00.000"},
		{"1/2/49", dt, convert.Options{}, "2049-01-02 00:00:00.000"},
		{"1/2/50", dt, convert.Options{}, "1950-01-02 00:00:00.000"},
		{"1/2/2003 4pm", dt, convert.Options{}, "2003-01-02 16:00:00.000"},
		{"1.2.2003", dt, convert.Options{DateFormat: convert.DMY}, "2003-02-01 00:00:00.000"},
		{"2003-02-01", dt, convert.Options{DateFormat: convert.DMY}, "2003-01-02 00:00:00.000"},
		{"2003-02-01", dt2, convert.Options{DateFormat: convert.DMY}, "2003-02-01 00:00:00.000"},
		{"2003-02-01T00:00:00", dt, convert.Options{DateFormat: convert.DMY}, "2003-02-01 00:00:00.000"},
		{"Jan 2 2003 3:04:05:006AM", dt, convert.Options{}, "2003-01-02 03:04:05.007"},
		{"2 January, 2003", dt, convert.Options{}, "2003-01-02 00:00:00.000"},
		{"2003 Jan 2", date, convert.Options{}, "2003-01-02"},
		{"Feb 2003", date, convert.Options{}, "2003-02-01"},
		{"12:30", dt, convert.Options{}, "1900-01-01 12:30:00.000"},
		{"12am", dt, convert.Options{}, "1900-01-01 00:00:00.000"},
		{"01/02/2003", dt, convert.Options{Style: 103, HasStyle: true}, "2003-02-01 00:00:00.000"},
		{"01/10/1439", date, convert.Options{Style: 131, HasStyle: true}, "2018-06-15"},
		{"2024-05-01T10:00:00Z", dt, convert.Options{}, "2024-05-01 10:00:00.000"},
		{"2024-05-01 10:00:00.1234", dt2, convert.Options{}, "2024-05-01 10:00:00.123"},
		{"9999-12-31 23:59:59.997", dt, convert.Options{}, "9999-12-31 23:59:59.997"},
	} {
		v, err := convert.Convert(vc(test.in), long, test.typ, test.o)
		if err != nil {
			t.Errorf("%q: %v", test.in, err)
			continue
		}
		out, _ := convert.Convert(v, test.typ, long, convert.Options{Style: 121, HasStyle: true})
		if out.Text() != test.want {
			t.Errorf("%q as %s is %q, want %q", test.in, test.typ, out.Text(), test.want)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, test := range []struct {
		v       sqltype.Value
		to      sqltype.Type
		number  int
		message string
	}{
		{vc("abc"), typ(t, "int"), 245, "Conversion failed when converting the varchar value 'abc' to data type int."},
		{vc("1.5"), typ(t, "int"), 245, "Conversion failed when converting the varchar value '1.5' to data type int."},
		{vc("3000000000"), typ(t, "int"), 248, "The conversion of the varchar value '3000000000' overflowed an int column."},
		{vc("300"), typ(t, "tinyint"), 244, "The conversion of the varchar value '300' overflowed an INT1 column. Use a larger integer column."},
		{vc("x"), typ(t, "bigint"), 8114, "Error converting data type varchar to bigint."},
		{vc("99999999999999999999"), typ(t, "bigint"), 8115, "Arithmetic overflow error converting expression to data type bigint."},
		{vc("x"), typ(t, "float"), 8114, "Error converting data type varchar to float."},
		{vc("1e5"), typ(t, "decimal"), 8114, "Error converting data type varchar to numeric."},
		{vc("x"), typ(t, "money"), 235, "Cannot convert a char value to money. The char value has incorrect syntax."},
		{vc("x"), typ(t, "datetime"), 241, "Conversion failed when converting date and/or time from character string."},
		{vc("2011-02-30"), typ(t, "datetime"), 242, "The conversion of a varchar data type to a datetime data type resulted in an out-of-range value."},
		{vc("1752-12-31"), typ(t, "datetime"), 242, "The conversion of a varchar data type to a datetime data type resulted in an out-of-range value."},
		{vc("2011-02-30"), typ(t, "date"), 241, "Conversion failed when converting date and/or time from character string."},
		{vc("x"), typ(t, "smalldatetime"), 295, "Conversion failed when converting character string to smalldatetime data type."},
		{vc("x"), typ(t, "uniqueidentifier"), 8169, "Conversion failed when converting from a character string to uniqueidentifier."},
		{sqltype.NewInt(sqltype.Int, 256), typ(t, "tinyint"), 220, "Arithmetic overflow error for data type tinyint, value = 256."},
		{sqltype.NewInt(sqltype.BigInt, 1<<40), typ(t, "int"), 8115, "Arithmetic overflow error converting expression to data type int."},
		{sqltype.NewInt(sqltype.Int, 1000), sqltype.DecimalType(3, 0), 8115, "Arithmetic overflow error converting int to data type numeric."},
		{sqltype.NewFloat(sqltype.Float, 1e20), typ(t, "int"), 232, "Arithmetic overflow error for type int, value = 100000000000000000000.000000."},
		{sqltype.NewDate(0), typ(t, "datetime"), 242, "The conversion of a date data type to a datetime data type resulted in an out-of-range value."},
		{sqltype.NewDate(0), typ(t, "int"), 529, "Explicit conversion from data type date to int is not allowed."},
		{sqltype.NewInt(sqltype.Int, 1), typ(t, "date"), 529, "Explicit conversion from data type int to date is not allowed."},
		{sqltype.NewInt(sqltype.BigInt, 12345), sqltype.Sized(sqltype.VarChar, 2), 8115, "Arithmetic overflow error converting expression to data type varchar."},
		{sqltype.NewInt(sqltype.Int, 12345), sqltype.Sized(sqltype.NVarChar, 2), 8115, "Arithmetic overflow error converting expression to data type nvarchar."},
	} {
		_, err := convert.Convert(test.v, sqltype.Of(test.v.Kind()), test.to, convert.Options{})
		var e *sqltype.Error
		if !errors.As(err, &e) || e.Number != test.number || e.Message != test.message {
			t.Errorf("%v as %s: %v, want %d %s", test.v, test.to, err, test.number, test.message)
		}
		if err != nil && !errors.Is(err, sqltype.Number(test.number)) {
			t.Errorf("errors.Is does not find %d", test.number)
		}
	}
}

func TestValues(t *testing.T) {
	for _, test := range []struct {
		in    string
		typ   sqltype.Type
		style int
		want  string
	}{
		{" -12 ", typ(t, "int"), -1, "-12"},
		{"", typ(t, "int"), -1, "0"},
		{"-9223372036854775808", typ(t, "bigint"), -1, "-9223372036854775808"},
		{"TRUE", typ(t, "bit"), -1, "1"},
		{"-0.005", sqltype.DecimalType(5, 2), -1, "-0.01"},
		{"12345678901234567890123456789012345678", sqltype.DecimalType(38, 0), -1, "12345678901234567890123456789012345678"},
		{".5", sqltype.DecimalType(5, 2), -1, "0.50"},
		{"$1,234,567.8951", typ(t, "money"), -1, "1234567.90"},
		{"-$1234567.8951", typ(t, "money"), 1, "-1,234,567.90"},
		{"1234567.8951", typ(t, "money"), 2, "1234567.8951"},
		{"123456", typ(t, "float"), -1, "123456"},
		{"1234567", typ(t, "float"), -1, "1.23457e+006"},
		{"0.00001", typ(t, "float"), -1, "1e-005"},
		{"1234567", typ(t, "float"), 1, "1.2345670e+006"},
		{"1234567", typ(t, "float"), 2, "1.234567000000000e+006"},
		{"0.1", typ(t, "float"), 3, "1.0000000000000001e-001"},
		{"{6F9619FF-8B86-D011-B42D-00C04FC964FF}", typ(t, "uniqueidentifier"), -1, "6F9619FF-8B86-D011-B42D-00C04FC964FF"},
	} {
		got, err := through(t, test.in, test.typ, test.style)
		if err != nil || got != test.want {
			t.Errorf("%q as %s in style %d: %q, %v, want %q", test.in, test.typ, test.style, got, err, test.want)
		}
	}
	if v, err := convert.Convert(sqltype.NewInt(sqltype.Int, 12345), typ(t, "int"), sqltype.Sized(sqltype.VarChar, 2), convert.Options{}); err != nil || v.Text() != "*" {
		t.Errorf("an int that does not fit is %q, %v", v.Text(), err)
	}
	if v, _ := convert.Convert(sqltype.NewFloat(sqltype.Float, 1.5), typ(t, "float"), sqltype.DecimalType(5, 0), convert.Options{}); v.Unscaled().Int64() != 2 {
		t.Errorf("1.5 rounds to %v", v.Unscaled())
	}
	if v, _ := convert.Convert(sqltype.NewMoney(sqltype.Money, 15000), typ(t, "money"), typ(t, "int"), convert.Options{}); v.Int() != 2 {
		t.Errorf("money 1.5 is int %d", v.Int())
	}
	d, _ := convert.Convert(vc("1.5"), long, sqltype.DecimalType(5, 1), convert.Options{})
	if v, _ := convert.Convert(d, sqltype.DecimalType(5, 1), typ(t, "int"), convert.Options{}); v.Int() != 1 {
		t.Errorf("decimal 1.5 is int %d", v.Int())
	}
	if v, _ := convert.Convert(d, sqltype.DecimalType(5, 1), sqltype.Sized(sqltype.VarBinary, 20), convert.Options{}); v.Bytes() != "\x05\x01\x00\x01\x0f\x00\x00\x00" {
		t.Errorf("decimal 1.5 is bytes % x", v.Bytes())
	}
}

func TestBinaryStyles(t *testing.T) {
	bin := sqltype.Sized(sqltype.VarBinary, 10)
	for style, want := range map[int]string{0: "abc", 1: "0x616263", 2: "616263"} {
		o := convert.Options{Style: style, HasStyle: true}
		v, err := convert.Convert(sqltype.NewBytes(sqltype.VarBinary, "abc"), bin, long, o)
		if err != nil || v.Text() != want {
			t.Errorf("style %d: %q, %v", style, v.Text(), err)
		}
		back, err := convert.Convert(v, long, bin, o)
		if err != nil || back.Bytes() != "abc" {
			t.Errorf("style %d back: %q, %v", style, back.Bytes(), err)
		}
	}
	if v, _ := convert.Convert(sqltype.NewInt(sqltype.Int, 258), typ(t, "int"), sqltype.Sized(sqltype.Binary, 8), convert.Options{}); v.Bytes() != "\x00\x00\x00\x00\x00\x00\x01\x02" {
		t.Errorf("int 258 is % x", v.Bytes())
	}
}

func TestStoreRefusesWhatIsTooLong(t *testing.T) {
	to := sqltype.Sized(sqltype.VarChar, 3)
	if v, err := convert.Convert(vc("abc  "), long, to, convert.Options{Store: true}); err != nil || v.Text() != "abc" {
		t.Errorf("blanks at the end: %q, %v", v.Text(), err)
	}
	if _, err := convert.Convert(vc("abcd"), long, to, convert.Options{Store: true}); !errors.Is(err, sqltype.Number(8152)) {
		t.Errorf("without a table: %v", err)
	}
	_, err := convert.Convert(vc("abcd"), long, to, convert.Options{Store: true, Table: "db.dbo.t", Column: "c"})
	if want := "String or binary data would be truncated in table 'db.dbo.t', column 'c'. Truncated value: 'abc'."; err == nil || err.Error() != want {
		t.Errorf("with a table: %v", err)
	}
	if v, err := convert.Convert(vc("é"), long, sqltype.Sized(sqltype.Char, 3), convert.Options{}); err != nil || v.Text() != "é  " {
		t.Errorf("char is padded by bytes of the code page: %q, %v", v.Text(), err)
	}
	if v, _ := convert.Convert(sqltype.NewText(sqltype.NVarChar, "Ā€日"), sqltype.Sized(sqltype.NVarChar, 3), long, convert.Options{}); v.Text() != "A€?" {
		t.Errorf("code page 1252: %q", v.Text())
	}
}

func TestImplicitConversions(t *testing.T) {
	for _, test := range []struct {
		from, to sqltype.Kind
		number   int
	}{
		{sqltype.VarChar, sqltype.Int, 0},
		{sqltype.Int, sqltype.VarChar, 0},
		{sqltype.VarChar, sqltype.VarBinary, 257},
		{sqltype.Money, sqltype.VarChar, 257},
		{sqltype.DateTime, sqltype.Int, 257},
		{sqltype.Date, sqltype.Int, 206},
		{sqltype.Int, sqltype.Date, 206},
		{sqltype.Int, sqltype.DateTime, 0},
		{sqltype.UniqueIdentifier, sqltype.Int, 206},
		{sqltype.Variant, sqltype.Int, 257},
	} {
		err := convert.CheckImplicit(sqltype.Of(test.from), sqltype.Of(test.to))
		if test.number == 0 && err != nil || test.number != 0 && !errors.Is(err, sqltype.Number(test.number)) {
			t.Errorf("%s to %s: %v, want %d", test.from, test.to, err, test.number)
		}
	}
}

// Whatever converts to text without loss comes back as it was; nothing panics on any text.
func FuzzText(f *testing.F) {
	for _, s := range []string{"", "1", "-1.5", "2024-01-02 03:04:05.678", "Jan 2 2003 3PM", "1/2/3", "0x00", "12:30:00.1234567 +01:00", "$1,000", "1e5", "20240101", "{6F9619FF-8B86-D011-B42D-00C04FC964FF}", "2003-02-01T00:00:00.5Z"} {
		for k := range byte(29) {
			f.Add(s, k, uint8(121))
		}
	}
	f.Fuzz(func(t *testing.T, s string, kind, style uint8) {
		to := sqltype.Of(sqltype.Kind(kind))
		switch {
		case to.Length == 1:
			to.Length = 50
		case to.Kind == sqltype.Decimal:
			to = sqltype.DecimalType(38, 10)
		}
		_, _ = convert.Convert(vc(s), long, to, convert.Options{Style: int(style), HasStyle: true})
		v, err := convert.Convert(vc(s), long, to, convert.Options{})
		if err != nil {
			var e *sqltype.Error
			if !errors.As(err, &e) || e.Number == 50000 {
				t.Fatalf("%q as %s: untyped error %v", s, to, err)
			}
			return
		}
		if v.IsNull() || to.Kind.IsText() || to.Kind.IsBinary() || to.Kind == sqltype.XML || to.Kind == sqltype.Variant {
			return
		}
		lossless := map[bool]int{true: 3, false: 121}[to.Kind.IsApproximate()]
		if to.Kind.IsMoney() {
			lossless = 2
		}
		text, err := convert.Convert(v, to, long, convert.Options{Style: lossless, HasStyle: true})
		if err != nil {
			t.Fatalf("%q as %s: writing: %v", s, to, err)
		}
		back, err := convert.Convert(text, long, to, convert.Options{})
		if err != nil || back != v {
			t.Fatalf("%q as %s became %q became %v (%v), want %v", s, to, text.Text(), back, err, v)
		}
		if n, err := convert.Convert(v, to, long, convert.Options{}); err == nil && n.IsNull() {
			t.Fatal("a value became NULL")
		}
	})
}
