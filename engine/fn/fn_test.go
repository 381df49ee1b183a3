package fn_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/engine/fn"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/collation"
	"latchkey/engine/sqltype/convert"
)

// value reads "int:5", "nvarchar(10):abc", "NULL", "int:NULL". A text without a type is varchar of its length.
func value(t testing.TB, s string) (fn.Arg, sqltype.Value) {
	t.Helper()
	if w, ok := strings.CutPrefix(s, "@"); ok {
		return fn.Arg{Word: w}, sqltype.NullValue
	}
	if s == "NULL" {
		return fn.Arg{Type: sqltype.Type{Nullable: true}, Const: &sqltype.NullValue}, sqltype.NullValue
	}
	name, text, ok := strings.Cut(s, ":")
	typ := sqltype.Sized(sqltype.VarChar, max(len(s), 1))
	if ok {
		if p, err := parseType(name); err == nil {
			typ = p
		} else {
			text = s
		}
	} else {
		text = s
	}
	if text == "NULL" {
		return fn.Arg{Type: typ}, sqltype.NullValue
	}
	var v sqltype.Value
	var err error
	if typ.Kind.IsBinary() {
		v, err = convert.Convert(sqltype.NewText(sqltype.VarChar, text), sqltype.Sized(sqltype.VarChar, 8000), typ, convert.Options{HasStyle: true, Style: 1})
	} else {
		v, err = convert.Convert(sqltype.NewText(sqltype.NVarChar, text), sqltype.Sized(sqltype.NVarChar, sqltype.Max), typ, convert.Options{})
	}
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return fn.Arg{Type: typ, Const: &v}, v
}

// parseType goes by way of a specification, which is the one reader of types.
func parseType(s string) (sqltype.Type, error) {
	c, err := fn.Parse("ISNULL(" + s + "," + s + ")")
	return c.Type, err
}

func show(t sqltype.Type, v sqltype.Value) string {
	if v.IsNull() {
		return t.String() + ":NULL"
	}
	o := convert.Options{}
	if v.Kind().IsBinary() {
		o = convert.Options{HasStyle: true, Style: 1}
	}
	if v.Kind().IsApproximate() {
		return fmt.Sprintf("%v:%.10g", t, v.Float())
	}
	if v.Kind() == sqltype.DateTime {
		o = convert.Options{HasStyle: true, Style: 121}
	}
	if v.Kind().IsMoney() {
		o = convert.Options{HasStyle: true, Style: 2}
	}
	s, err := convert.Convert(v, sqltype.Type{Kind: v.Kind()}, sqltype.Sized(sqltype.NVarChar, sqltype.Max), o)
	if err != nil {
		return err.Error()
	}
	return t.String() + ":" + s.Text()
}

// call computes name(args...); ISNULL | int:5 gives its result as type:value, or the number of the message.
func call(t testing.TB, env *fn.Env, expr string) string {
	t.Helper()
	fields := strings.Split(expr, "|")
	name := strings.TrimSpace(fields[0])
	var args []fn.Arg
	var values []sqltype.Value
	for _, f := range fields[1:] {
		a, v := value(t, strings.TrimPrefix(strings.TrimSuffix(f, " "), " "))
		args = append(args, a)
		if a.Word == "" {
			values = append(values, v)
		}
	}
	var c fn.Call
	var err error
	if f, ok := fn.Lookup(name); ok {
		c, err = f.Resolve(args)
	} else {
		c, err = fn.Operator(name, args...)
	}
	number := func(err error) string {
		var r *fn.Refusal
		var e *sqltype.Error
		switch {
		case errors.As(err, &r):
			return "refused"
		case errors.As(err, &e):
			return fmt.Sprintf("Msg %d", e.Number)
		}
		return err.Error()
	}
	if err != nil {
		return number(err)
	}
	for i, p := range c.Params {
		if values[i].IsNull() {
			continue
		}
		if values[i], err = convert.Convert(values[i], sqltype.Type{Kind: values[i].Kind()}, p, convert.Options{}); err != nil {
			return number(err)
		}
	}
	spec, err := fn.Parse(c.Spec)
	if err != nil {
		t.Errorf("%s: its specification %s: %v", expr, c.Spec, err)
	} else if fmt.Sprint(spec.Params) != fmt.Sprint(c.Params) {
		t.Errorf("%s: its specification %s has parameters %v, want %v", expr, c.Spec, spec.Params, c.Params)
	}
	v, err := c.Eval(t.Context(), env, slices.Clone(values))
	again, err2 := spec.Eval(t.Context(), env, slices.Clone(values))
	if err != nil {
		if fmt.Sprint(err) != fmt.Sprint(err2) {
			t.Errorf("%s: %v, but %v by its specification", expr, err, err2)
		}
		return number(err)
	}
	if !c.Volatile && v != again && !(v.Kind() == sqltype.Decimal) {
		t.Errorf("%s: %v, but %v by its specification %s", expr, show(c.Type, v), show(c.Type, again), c.Spec)
	}
	if v.IsNull() && !c.Type.Nullable {
		t.Errorf("%s is NULL and its type says that it never is", expr)
	}
	if !v.IsNull() && v.Kind() != c.Type.Kind && c.Type.Kind != sqltype.Variant {
		t.Errorf("%s is a %v, its type %v", expr, v.Kind(), c.Type)
	}
	return show(c.Type, v)
}

// documented are calls with the results that SQL Server's documentation gives, and edges.
var documented = map[string]string{
	// text
	"LEN | abc  ":                                           "int:3",
	"LEN | nvarchar(10):😀a":                                 "int:3",
	"LEN | nvarchar(max):abc":                               "bigint:3",
	"LEN | int:-12":                                         "int:3",
	"LEN | NULL":                                            "int:NULL",
	"LEN | text:a":                                          "Msg 8116",
	"LEN":                                                   "Msg 174",
	"DATALENGTH | nvarchar(10):abc ":                        "int:6",
	"DATALENGTH | abc ":                                     "int:3",
	"DATALENGTH | int:5":                                    "int:4",
	"DATALENGTH | decimal(20,2):5":                          "int:13",
	"DATALENGTH | varbinary(max):0x0102":                    "bigint:2",
	"SUBSTRING | abcdef | int:2 | int:3":                    "varchar(3):bcd",
	"SUBSTRING | abcdef | int:-1 | int:4":                   "varchar(4):ab",
	"SUBSTRING | abcdef | int:5 | int:100":                  "varchar(6):ef",
	"SUBSTRING | abcdef | int:1 | int:-1":                   "Msg 537",
	"SUBSTRING | varbinary(5):0x0102030405 | int:2 | int:2": "varbinary(2):0x0203",
	"SUBSTRING | int:12345 | int:1 | int:2":                 "Msg 8116",
	"LEFT | abcdefg | int:2":                                "varchar(2):ab",
	"LEFT | abc | int:-1":                                   "Msg 537",
	"RIGHT | nvarchar(10):abcdefg | int:2":                  "nvarchar(2):fg",
	"RIGHT | abc | int:-1":                                  "Msg 536",
	"RIGHT | abc | int:9":                                   "varchar(3):abc",
	"UPPER | nvarchar(10):straße é":                         "nvarchar(10):STRAßE É",
	"LOWER | ABC":                                           "varchar(3):abc",
	"LTRIM |   x y":                                         "varchar(5):x y",
	"RTRIM | char(5):ab":                                    "varchar(5):ab",
	"TRIM | nvarchar(20):##.ab.# | #.":                      "nvarchar(20):ab",
	"REPLACE | abcdefghicde | CDE | xxx":                    "varchar(8000):abxxxfghixxx",
	"REPLACE | abc | varchar(1): | x":                       "varchar(8000):abc",
	"STUFF | abcdef | int:2 | int:3 | ijklmn":               "varchar(8000):aijklmnef",
	"STUFF | abc | int:4 | int:1 | x":                       "varchar(8000):NULL",
	"CHARINDEX | is | This is a string":                     "int:3",
	"CHARINDEX | is | This is a string | int:4":             "int:6",
	"CHARINDEX | TEST | a test":                             "int:3",
	"CHARINDEX | zz | a test":                               "int:0",
	"PATINDEX | %ter% | interesting data":                   "int:3",
	"PATINDEX | %[^0-9]% | 12a":                             "int:3",
	"PATINDEX | a% | ba":                                    "int:0",
	"REVERSE | abc":                                         "varchar(3):cba",
	"REPLICATE | ab | int:3":                                "varchar(8000):ababab",
	"REPLICATE | ab | int:-1":                               "varchar(8000):NULL",
	"SPACE | int:2":                                         "varchar(8000):  ",
	"CONCAT | a | NULL | int:5 | nvarchar(5):b":             "nvarchar(18):a5b",
	"CONCAT_WS | - | a | NULL | b":                          "varchar(4):a-b",
	"STR | float:123.45 | int:6 | int:1":                    "varchar(6): 123.5",
	"STR | float:123.45 | int:2 | int:2":                    "varchar(2):**",
	"STR | float:123.5":                                     "varchar(10):       124",
	"CHAR | int:65":                                         "char(1):A",
	"CHAR | int:256":                                        "char(1):NULL",
	"NCHAR | int:937":                                       "nchar(1):Ω",
	"ASCII | €":                                             "int:128",
	"UNICODE | nvarchar(2):Ω":                               "int:937",
	"QUOTENAME | abc[]def":                                  "nvarchar(258):[abc[]]def]",
	"QUOTENAME | it's | '":                                  "nvarchar(258):'it''s'",
	"SOUNDEX | Smith":                                       "varchar(5):S530",
	"SOUNDEX | Smythe":                                      "varchar(5):S530",
	"DIFFERENCE | Green | Greene":                           "int:4",
	"DIFFERENCE | Blotchet-Halls | Greene":                  "int:0",
	"TRANSLATE | 2*[3+4]/{7-2} | []{} | ()()":               "varchar(13):2*(3+4)/(7-2)",
	"TRANSLATE | abc | ab | x":                              "Msg 9828",
	`STRING_ESCAPE | \	/ " | json`:                          `nvarchar(max):\\\t\/ \"`,
	"ISNUMERIC | 1e5":                                       "int:1",
	"ISNUMERIC | $1,000":                                    "int:1",
	"ISNUMERIC | abc":                                       "int:0",
	"ISNUMERIC | varchar(1):":                               "int:0",
	"ISNUMERIC | NULL":                                      "int:0",
	// choice
	"ISNULL | varchar(2):NULL | abcdef":                      "varchar(2):ab",
	"ISNULL | int:NULL | 5":                                  "int:5",
	"ISNULL | int:NULL | x":                                  "Msg 245",
	"COALESCE | NULL | int:NULL | bigint:5":                  "bigint:5",
	"COALESCE | NULL | NULL":                                 "Msg 4127",
	"NULLIF | int:4 | int:4":                                 "int:NULL",
	"NULLIF | abc | ABC ":                                    "varchar(3):NULL",
	"NULLIF | int:4 | decimal(5,2):5":                        "int:4",
	"CHOOSE | int:3 | a | bb | ccc":                          "varchar(3):ccc",
	"CHOOSE | int:9 | a | b":                                 "varchar(1):NULL",
	"GREATEST | decimal(4,2):6.62 | decimal(4,3):3.1415 | 7": "decimal(5,3):7.000",
	"LEAST | int:5 | NULL | int:3":                           "int:3",
	// numbers
	"ABS | int:-5":                                "int:5",
	"ABS | int:-2147483648":                       "Msg 8115",
	"ABS | decimal(5,2):-1.50":                    "decimal(5,2):1.50",
	"CEILING | decimal(5,2):-123.45":              "decimal(5,0):-123",
	"CEILING | money:123.45":                      "money:124.0000",
	"FLOOR | decimal(5,2):-123.45":                "decimal(5,0):-124",
	"ROUND | decimal(8,4):123.9994 | int:3":       "decimal(8,4):123.9990",
	"ROUND | decimal(5,2):123.45 | int:-2":        "decimal(5,2):100.00",
	"ROUND | decimal(5,2):748.58 | int:-3":        "Msg 8115",
	"ROUND | decimal(5,2):150.75 | int:0 | int:1": "decimal(5,2):150.00",
	"ROUND | int:15 | int:-1":                     "int:20",
	"ROUND | float:2.5 | int:0":                   "float:3",
	"SIGN | int:-9":                               "int:-1",
	"POWER | int:2 | int:10":                      "int:1024",
	"POWER | int:2 | int:31":                      "Msg 8115",
	"POWER | float:2 | float:0.5":                 "float:1.414213562",
	"SQRT | int:2":                                "float:1.414213562",
	"SQRT | int:-2":                               "Msg 3623",
	"SQUARE | float:1.5":                          "float:2.25",
	"LOG | float:10":                              "float:2.302585093",
	"LOG | int:8 | int:2":                         "float:3",
	"LOG | int:0":                                 "Msg 3623",
	"PI":                                          "float:3.141592654",
	"EXP | int:800":                               "Msg 8115",
	"DEGREES | float:3.141592653589793":           "float:180",
	"RADIANS | int:180":                           "int:3",
	"ATN2 | float:0 | float:0":                    "Msg 3623",
	"ABS | date:2000-01-01":                       "Msg 8116",
	// dates
	"DATEADD | @month | int:1 | date:2006-08-30":                                                 "date:2006-09-30",
	"DATEADD | @month | int:1 | date:2006-08-31":                                                 "date:2006-09-30",
	"DATEADD | @year | int:1 | datetime:2004-02-29":                                              "datetime:2005-02-28 00:00:00.000",
	"DATEADD | @ms | int:1 | datetime:2000-01-01":                                                "datetime:2000-01-01 00:00:00.000",
	"DATEADD | @ms | int:2 | datetime:2000-01-01":                                                "datetime:2000-01-01 00:00:00.003",
	"DATEADD | @hour | int:25 | time(0):23:30":                                                   "time(0):00:30:00",
	"DATEADD | @ns | int:150 | datetime2(7):2000-01-01":                                          "datetime2(7):2000-01-01 00:00:00.0000002",
	"DATEADD | @hour | int:1 | date:2000-01-01":                                                  "Msg 9810",
	"DATEADD | @day | int:1 | date:9999-12-31":                                                   "Msg 517",
	"DATEADD | @day | int:-1 | int:0":                                                            "datetime:1899-12-31 00:00:00.000",
	"DATEADD | @fortnight | int:1 | date:2000-01-01":                                             "Msg 155",
	"DATEADD | int:1 | int:1 | date:2000-01-01":                                                  "Msg 1023",
	"DATEDIFF | @year | 2005-12-31 23:59:59.9999999 | 2006-01-01 00:00:00.0000000":               "int:1",
	"DATEDIFF | @microsecond | 2005-12-31 23:59:59.9999999 | 2006-01-01 00:00:00.0000000":        "int:1",
	"DATEDIFF | @week | 2005-12-31 23:59:59.9999999 | 2006-01-01":                                "int:1",
	"DATEDIFF | @day | int:0 | datetime:2000-01-01":                                              "int:36524",
	"DATEDIFF | @second | 1900-01-01 | 2000-01-01":                                               "Msg 535",
	"DATEDIFF_BIG | @second | 1900-01-01 | 2000-01-01":                                           "bigint:3155673600",
	"DATEDIFF | @hour | time:01:59 | time:00:01":                                                 "int:-1",
	"DATEPART | @week | 2007-04-21":                                                              "int:16",
	"DATEPART | @weekday | 2007-04-21":                                                           "int:7",
	"DATEPART | @iso_week | 2010-01-01":                                                          "int:53",
	"DATEPART | @dayofyear | 2007-10-30":                                                         "int:303",
	"DATEPART | @quarter | 2007-10-30":                                                           "int:4",
	"DATEPART | @ms | datetime:2000-01-01 00:00:00.007":                                          "int:7",
	"DATEPART | @ns | 00:00:01.1234567":                                                          "int:123456700",
	"DATEPART | @tz | datetimeoffset:2007-05-10 00:00:01.1234567 +05:10":                         "int:310",
	"DATEPART | @hour | date:2000-01-01":                                                         "Msg 9810",
	"DATENAME | @month | 2007-10-30":                                                             "nvarchar(30):October",
	"DATENAME | @weekday | 2007-10-30":                                                           "nvarchar(30):Tuesday",
	"DATENAME | @tz | datetimeoffset:2007-10-30 12:15:32 -05:10":                                 "nvarchar(30):-05:10",
	"DATETRUNC | @quarter | datetime2:2021-12-08 11:30:15.1234567":                               "datetime2(7):2021-10-01 00:00:00.0000000",
	"DATETRUNC | @iso_week | date:2021-11-11":                                                    "date:2021-11-08",
	"DATETRUNC | @week | date:2021-11-11":                                                        "date:2021-11-07",
	"DAY | 2015-04-30 01:01:01.1234567":                                                          "int:30",
	"MONTH | int:0":                                                                              "int:1",
	"YEAR | date:2010-04-30":                                                                     "int:2010",
	"EOMONTH | 2024-02-10":                                                                       "date:2024-02-29",
	"EOMONTH | date:2024-01-31 | int:1":                                                          "date:2024-02-29",
	"DATEFROMPARTS | int:2010 | int:12 | int:31":                                                 "date:2010-12-31",
	"DATEFROMPARTS | int:2010 | int:13 | int:31":                                                 "Msg 289",
	"DATETIMEFROMPARTS | int:2010 | int:12 | int:31 | int:23 | int:59 | int:59 | int:0":          "datetime:2010-12-31 23:59:59.000",
	"DATETIME2FROMPARTS | int:2011 | int:8 | int:15 | int:14 | int:23 | int:44 | int:50 | int:2": "datetime2(2):2011-08-15 14:23:44.50",
	"TIMEFROMPARTS | int:23 | int:59 | int:59 | int:0 | int:0":                                   "time(0):23:59:59",
	"TIMEFROMPARTS | int:14 | int:23 | int:44 | int:500 | int:2":                                 "Msg 289",
	"DATETIMEOFFSETFROMPARTS | int:2010 | int:12 | int:31 | int:14 | int:23 | int:23 | int:0 | int:12 | int:0 | int:7": "datetimeoffset(7):2010-12-31 14:23:23.0000000 +12:00",
	"SMALLDATETIMEFROMPARTS | int:2010 | int:12 | int:31 | int:23 | int:59":                                            "smalldatetime:Dec 31 2010 11:59PM",
	"ISDATE | 2009-05-12 10:19:41.177": "int:1",
	"ISDATE | 2009-13-45":              "int:0",
	"SWITCHOFFSET | datetimeoffset(2):1998-09-20 7:45:50.71 -05:00 | -08:00":              "datetimeoffset(2):1998-09-20 04:45:50.71 -08:00",
	"TODATETIMEOFFSET | datetime2(0):2000-01-01 | int:-120":                               "datetimeoffset(0):2000-01-01 00:00:00 -02:00",
	"TODATETIMEOFFSET | datetime2(0):2000-01-01 | +99:00":                                 "Msg 9812",
	"AT TIME ZONE | datetime2(0):2022-03-27 01:01:00 | Central European Standard Time":    "datetimeoffset(0):2022-03-27 01:01:00 +01:00",
	"AT TIME ZONE | datetime2(0):2022-03-27 02:01:00 | Central European Standard Time":    "datetimeoffset(0):2022-03-27 03:01:00 +02:00",
	"AT TIME ZONE | datetime2(0):2022-10-30 02:01:00 | Central European Standard Time":    "datetimeoffset(0):2022-10-30 02:01:00 +02:00",
	"AT TIME ZONE | datetimeoffset(0):2022-07-01 00:00:00 +00:00 | Pacific Standard Time": "datetimeoffset(0):2022-06-30 17:00:00 -07:00",
	"AT TIME ZONE | datetime2(0):2022-07-01 | Middle-earth":                               "Msg 9820",
	// LIKE
	"LIKE | abc | A%":                       "bit:1",
	"LIKE | abc | _b_":                      "bit:1",
	"LIKE | abc | [a-c][^x]%":               "bit:1",
	"LIKE | 50% | 50!% | !":                 "bit:1",
	"LIKE | 501 | 50!% | !":                 "bit:0",
	"LIKE | a | a | xx":                     "Msg 506",
	"LIKE | a[b | a[b":                      "bit:0",
	"LIKE | a[b | a[[]b":                    "bit:1",
	"LIKE | abc | varchar(9):abc  ":         "bit:0",
	"LIKE | char(9):abc | abc":              "bit:1",
	"LIKE | nchar(9):abc | nvarchar(9):abc": "bit:0",
	"LIKE | NULL | a":                       "bit:NULL",
	"LIKE | int:123 | 1%":                   "bit:1",
	"LIKE | nvarchar(5):É | nvarchar(5):é":  "bit:1",
	"LIKE | nvarchar(5):É | nvarchar(5):e":  "bit:0",
	// FORMAT
	"FORMAT | int:123456789 | ###-##-####":                                     "nvarchar(4000):123-45-6789",
	"FORMAT | decimal(10,3):1234.565 | N":                                      "nvarchar(4000):1,234.57",
	"FORMAT | decimal(10,3):-1234.5 | C":                                       "nvarchar(4000):($1,234.50)",
	"FORMAT | float:0.1234 | P1":                                               "nvarchar(4000):12.3 %",
	"FORMAT | int:42 | D5":                                                     "nvarchar(4000):00042",
	"FORMAT | int:255 | X4":                                                    "nvarchar(4000):00FF",
	"FORMAT | float:12345.678 | E2":                                            "nvarchar(4000):1.23E+004",
	"FORMAT | int:1234567 | #,##0":                                             "nvarchar(4000):1,234,567",
	"FORMAT | decimal(5,2):1.5 | 000.00":                                       "nvarchar(4000):001.50",
	"FORMAT | decimal(5,2):1.5 | #.##":                                         "nvarchar(4000):1.5",
	"FORMAT | decimal(5,2):0.5 | #.00":                                         "nvarchar(4000):.50",
	"FORMAT | int:-5 | 0;(0);zero":                                             "nvarchar(4000):(5)",
	"FORMAT | int:0 | 0;(0);zero":                                              "nvarchar(4000):zero",
	"FORMAT | int:12345678 | #,##0,,.0M":                                       "nvarchar(4000):12.3M",
	"FORMAT | decimal(3,2):0.25 | 0%":                                          "nvarchar(4000):25%",
	"FORMAT | datetime2:2020-11-07 15:04:05.1234567 | yyyy-MM-dd HH:mm:ss.fff": "nvarchar(4000):2020-11-07 15:04:05.123",
	"FORMAT | date:2020-11-07 | d":                                             "nvarchar(4000):11/7/2020",
	"FORMAT | date:2020-11-07 | D | en-US":                                     "nvarchar(4000):Saturday, November 7, 2020",
	"FORMAT | datetime:2020-11-07 15:04:05 | h:mm tt":                          "nvarchar(4000):3:04 PM",
	"FORMAT | datetimeoffset:2020-11-07 15:04:05 -05:00 | o":                   "nvarchar(4000):2020-11-07T15:04:05.0000000-05:00",
	"FORMAT | time:07:35 | hh:mm":                                              "nvarchar(4000):NULL",
	`FORMAT | time:07:35 | hh\:mm`:                                             "nvarchar(4000):07:35",
	"FORMAT | int:5 | N | de-DE":                                               "Msg 9818",
	"FORMAT | abc | N":                                                         "Msg 8116",
	// JSON
	`ISJSON | {"a":1}`:    "int:1",
	`ISJSON | {"a":}`:     "int:0",
	`ISJSON | 5`:          "int:0",
	`ISJSON | 5 | SCALAR`: "int:1",
	`JSON_VALUE | {"a":{"b":[10,"x\u0041"]}} | $.a.b[1]`: "nvarchar(4000):xA",
	`JSON_VALUE | {"a b":1.50} | $."a b"`:                "nvarchar(4000):1.50",
	`JSON_VALUE | {"a":[1]} | $.a`:                       "nvarchar(4000):NULL",
	`JSON_VALUE | {"a":[1]} | strict $.a`:                "Msg 13623",
	`JSON_VALUE | {"a":1} | strict $.b`:                  "Msg 13608",
	`JSON_VALUE | {"a":1 | $.a`:                          "Msg 13609",
	`JSON_VALUE | {"a":1} | a`:                           "Msg 13607",
	`JSON_QUERY | {"a": [1, {"b":2}]} | $.a[1]`:          `nvarchar(max):{"b":2}`,
	`JSON_QUERY | {"a":1} | $.a`:                         "nvarchar(max):NULL",
	`JSON_MODIFY | {} | $.a | b`:                         "refused",
	// the rest
	"HASHBYTES | SHA2_256 | abc":                                "varbinary(8000):0xBA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD",
	"HASHBYTES | MD5 | nvarchar(3):a":                           "varbinary(8000):0x4144E195F46DE78A3623DA7364D04F11",
	"HASHBYTES | CRC | abc":                                     "varbinary(8000):NULL",
	"PARSENAME | [a.b].c..d | int:1":                            "nvarchar(128):d",
	"PARSENAME | [a.b].c..d | int:4":                            "nvarchar(128):a.b",
	"PARSENAME | [a.b].c..d | int:2":                            "nvarchar(128):NULL",
	"FORMATMESSAGE | %s has %5d, %x%% | abc | int:42 | int:255": "nvarchar(2048):abc has    42, ff%",
	"FORMATMESSAGE | %s | int:5":                                "Msg 2786",
	"FORMATMESSAGE | %q | int:5":                                "Msg 2787",
	"FORMATMESSAGE | %d and %s | int:5":                         "nvarchar(2048):5 and (null)",
	"TYPE_ID | datetime":                                        "refused",
	"STATS_DATE | int:1 | int:1":                                "refused",
	"SQL_VARIANT_PROPERTY | decimal(8,2):46279.1 | BaseType":    "sql_variant:numeric",
	"SQL_VARIANT_PROPERTY | decimal(8,2):46279.1 | Precision":   "sql_variant:8",
	"COLLATIONPROPERTY | Latin1_General_BIN2 | CodePage":        "sql_variant:1252",
	"DB_ID":                                "refused",
	"@@ROWCOUNT":                           "refused",
	"@@MAX_PRECISION":                      "tinyint:38",
	"NEG | int:-2147483648":                "Msg 8115",
	"NEG | tinyint:5":                      "smallint:-5",
	"~ | int:5":                            "int:-6",
	"+ | int:2147483647 | int:1":           "Msg 8115",
	"/ | decimal(5,2):1 | int:3":           "decimal(16,13):0.3333333333333",
	"= | abc | ABC  ":                      "bit:1",
	"= | text:abc | abc":                   "Msg 402",
	"< | nvarchar(9):b-a | nvarchar(9):ba": "bit:0",
}

func TestDocumented(t *testing.T) {
	env := &fn.Env{Now: time.Date(2026, 11, 22, 8, 0, 0, 123456700, time.UTC)}
	for expr, want := range documented {
		if got := call(t, env, expr); got != want {
			t.Errorf("%s is %s, want %s", expr, got, want)
		}
	}
}

func TestNow(t *testing.T) {
	env := &fn.Env{Now: time.Date(2026, 11, 22, 23, 30, 0, 123456700, time.UTC), Zone: time.FixedZone("x", 3600)}
	for expr, want := range map[string]string{
		"GETDATE":           "datetime:2026-11-23 00:30:00.123",
		"CURRENT_TIMESTAMP": "datetime:2026-11-23 00:30:00.123",
		"GETUTCDATE":        "datetime:2026-11-22 23:30:00.123",
		"SYSDATETIME":       "datetime2(7):2026-11-23 00:30:00.1234567",
		"SYSUTCDATETIME":    "datetime2(7):2026-11-22 23:30:00.1234567",
		"SYSDATETIMEOFFSET": "datetimeoffset(7):2026-11-23 00:30:00.1234567 +01:00",
	} {
		if got := call(t, env, expr); got != want {
			t.Errorf("%s is %s, want %s", expr, got, want)
		}
	}
	env.Settings.DateFirst = 1
	if got := call(t, env, "DATEPART | @weekday | 2007-04-21"); got != "int:6" {
		t.Errorf("weekday with DATEFIRST 1: %s", got)
	}
	env.Settings.DateFormat = convert.DMY
	if got := call(t, env, "MONTH | 02/03/2020"); got != "int:3" {
		t.Errorf("month with DATEFORMAT dmy: %s", got)
	}
}

// Case-sensitive and binary collations reach the functions by the types of their arguments.
func TestCollationOfArguments(t *testing.T) {
	for name, want := range map[string]string{"Latin1_General_CS_AS": "int:0", "Latin1_General_BIN2": "int:0", "Latin1_General_CI_AI": "int:2"} {
		c, err := collation.Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		f, _ := fn.Lookup("CHARINDEX")
		typ := sqltype.Sized(sqltype.NVarChar, 10).Collated(c)
		k, err := f.Resolve([]fn.Arg{{Type: typ}, {Type: typ}})
		if err != nil {
			t.Fatal(err)
		}
		if k, err = fn.Parse(k.Spec); err != nil {
			t.Fatal(err)
		}
		v, err := k.Eval(t.Context(), &fn.Env{}, []sqltype.Value{sqltype.NewText(sqltype.NVarChar, "E"), sqltype.NewText(sqltype.NVarChar, "dé")})
		if got := show(k.Type, v); err != nil || got != want {
			t.Errorf("under %s %s, %v; want %s", name, got, err, want)
		}
	}
}

func TestFeatures(t *testing.T) {
	list := fn.Features()
	if !slices.IsSortedFunc(list, func(a, b fn.Feature) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("not sorted")
	}
	supported := 0
	for _, f := range list {
		if f.Supported {
			supported++
		} else if f.Note == "" {
			t.Errorf("%s is refused without a reason", f.Name)
		}
		if _, ok := fn.LookupTable(f.Name); ok || f.Kind == "operator" {
			continue
		}
		if g, ok := fn.Lookup(strings.ToLower(f.Name)); !ok || g.Name != f.Name {
			t.Errorf("%s is not found in lower case", f.Name)
		}
	}
	t.Logf("%d functions, %d supported", len(list), supported)
}

func TestTables(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"STRING_SPLIT", []string{"nvarchar(max):a,,b", "nvarchar(1):,", "NULL"}, "a 1; 2;b 3;"},
		{"generate_series", []string{"int:5", "int:1", "int:-2"}, "5;3;1;"},
		{"generate_series", []string{"bigint:9223372036854775806", "bigint:9223372036854775807", "NULL"}, "9223372036854775806;9223372036854775807;"},
		{"generate_series", []string{"int:1", "int:2", "int:0"}, "Argument value 0 is invalid for argument 3 of generate_series function.;"},
		{"OPENJSON", []string{`nvarchar(max):{"a":null,"b":"x","c":[1]}`, "NULL"}, "a NULL 0;b x 1;c [1] 4;"},
		{"OPENJSON", []string{`nvarchar(max):{"a":[true,2]}`, "$.a"}, "0 true 3;1 2 2;"},
	} {
		f, ok := fn.LookupTable(tt.name)
		if !ok {
			t.Fatal(tt.name)
		}
		var args []sqltype.Value
		for _, a := range tt.args {
			_, v := value(t, a)
			args = append(args, v)
		}
		got := ""
		for row, err := range f.Rows(t.Context(), args) {
			if err != nil {
				got += err.Error() + ";"
				break
			}
			if len(row) != len(f.Columns) {
				t.Errorf("%s: a row of %d columns", tt.name, len(row))
			}
			var parts []string
			for i, v := range row {
				_, s, _ := strings.Cut(show(f.Columns[i].Type, v), ":")
				parts = append(parts, s)
			}
			got += strings.Join(parts, " ") + ";"
		}
		if got != tt.want {
			t.Errorf("%s%v is %q, want %q", tt.name, tt.args, got, tt.want)
		}
	}
}
