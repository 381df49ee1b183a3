package datetime

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"latchkey/engine/fn/def"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/convert"
)

var (
	dateTime  = sqltype.Of(sqltype.DateTime)
	dateTime2 = sqltype.Scaled(sqltype.DateTime2, 7)
	offset7   = sqltype.Scaled(sqltype.DateTimeOffset, 7)
	date      = sqltype.Of(sqltype.Date)
)

// moment is the statement's time: local days and ticks, and the offset in minutes.
func moment(env *def.Env, utc bool) (days int, ticks int64, offset int, err error) {
	if env.Now.IsZero() {
		return 0, 0, 0, &def.Refusal{Name: "GETDATE", Why: "no statement runs"}
	}
	t := env.Now.UTC()
	if env.Zone != nil && !utc {
		t = t.In(env.Zone)
	}
	_, seconds := t.Zone()
	days, ok := sqltype.DaysFromDate(t.Year(), int(t.Month()), t.Day())
	if !ok {
		return 0, 0, 0, def.Errorf(517, "datetime")
	}
	h, m, s := t.Clock()
	ticks = int64(h)*sqltype.TicksPerHour + int64(m)*sqltype.TicksPerMinute + int64(s)*sqltype.TicksPerSecond + int64(t.Nanosecond()/100)
	return days, ticks, seconds / 60, nil
}

func now() []def.Function {
	clock := func(name string, t sqltype.Type, utc, bare bool) def.Function {
		f := def.Fixed(name, t.NotNull(), 0, nil, func(_ context.Context, env *def.Env, _ []sqltype.Value) (sqltype.Value, error) {
			days, ticks, off, err := moment(env, utc)
			if err != nil {
				return sqltype.NullValue, err
			}
			return rebuild(t, sqltype.NewDateTimeOffset(7, 0, 0, off), days, ticks)
		})
		f.Volatile, f.Once, f.NoParens = true, true, bare
		return f
	}
	return []def.Function{
		clock("GETDATE", dateTime, false, false), clock("GETUTCDATE", dateTime, true, false), clock("CURRENT_TIMESTAMP", dateTime, false, true),
		clock("SYSDATETIME", dateTime2, false, false), clock("SYSUTCDATETIME", dateTime2, true, false),
		clock("SYSDATETIMEOFFSET", offset7, false, false), clock("CURRENT_DATE", date, false, true),
		{Name: "CURRENT_TIMEZONE", Min: 0, Max: 0, Refused: "the server's zone has no Windows name"},
		{Name: "CURRENT_TIMEZONE_ID", Min: 0, Max: 0, Refused: "the server's zone has no Windows name"},
	}
}

// withPart describes a function whose first argument is a date part.
func withPart(name, lower string, n int, bind func(p part, args []def.Arg) (def.Bound, error)) def.Function {
	return def.Function{Name: name, Min: n, Max: n, Words: []int{0}, Bind: func(args []def.Arg) (def.Bound, error) {
		p := partOf(args[0].Word)
		if p == noPart {
			return def.Bound{}, def.Errorf(155, args[0].Word, lower)
		}
		b, err := bind(p, args[1:])
		b.Session = true // text becomes a date as DATEFORMAT says, weeks begin as DATEFIRST says
		return b, err
	}}
}

func dateFirst(env *def.Env) int {
	if n := env.Settings.DateFirst; n >= 1 && n <= 7 {
		return n
	}
	return 7
}

func parts() []def.Function {
	get := func(name string, p part) def.Function {
		return def.Function{Name: name, Min: 1, Max: 1, Bind: func(args []def.Arg) (def.Bound, error) { return bindPart(p, args, name) }}
	}
	return []def.Function{
		withPart("DATEADD", "dateadd", 3, bindAdd),
		withPart("DATEDIFF", "datediff", 3, bindDiff(false)),
		withPart("DATEDIFF_BIG", "datediff_big", 3, bindDiff(true)),
		withPart("DATEPART", "datepart", 2, func(p part, args []def.Arg) (def.Bound, error) { return bindPart(p, args, "datepart") }),
		withPart("DATENAME", "datename", 2, bindName),
		withPart("DATETRUNC", "datetrunc", 2, bindTrunc),
		get("DAY", day), get("MONTH", month), get("YEAR", year),
		{Name: "EOMONTH", Min: 1, Max: 2, Bind: bindEndOfMonth},
		{Name: "ISDATE", Min: 1, Max: 1, Bind: bindIsDate},
		{Name: "DATE_BUCKET", Kind: def.Scalar, Refused: "not built"},
	}
}

func bindPart(p part, args []def.Arg, function string) (def.Bound, error) {
	t, err := dateArg(args[0], 1, function, offset7)
	if err == nil {
		err = p.check(t, "datepart")
	}
	return def.Bound{Type: def.Int, Want: []sqltype.Type{t}, Eval: func(_ context.Context, env *def.Env, a []sqltype.Value) (sqltype.Value, error) {
		days, ticks := local(a[0])
		return def.IntValue(civilOf(days, ticks).get(p, a[0], dateFirst(env))), nil
	}}, err
}

func bindName(p part, args []def.Arg) (def.Bound, error) {
	t, err := dateArg(args[0], 2, "datename", offset7)
	if err == nil {
		err = p.check(t, "datename")
	}
	return def.Bound{Type: sqltype.Sized(sqltype.NVarChar, 30), Want: []sqltype.Type{t}, Eval: func(_ context.Context, env *def.Env, a []sqltype.Value) (sqltype.Value, error) {
		days, ticks := local(a[0])
		c := civilOf(days, ticks)
		var s string
		switch p {
		case month:
			s = time.Month(c.month).String()
		case weekday:
			s = time.Weekday(isoWeekday(days) % 7).String()
		case tzOffset:
			s = offsetText(a[0].Offset())
		default:
			s = strconv.Itoa(c.get(p, a[0], dateFirst(env)))
		}
		return sqltype.NewText(sqltype.NVarChar, s), nil
	}}, err
}

func offsetText(minutes int) string {
	sign := '+'
	if minutes < 0 {
		sign, minutes = '-', -minutes
	}
	return fmt.Sprintf("%c%02d:%02d", sign, minutes/60, minutes%60)
}

func bindAdd(p part, args []def.Arg) (def.Bound, error) {
	if k := args[0].Type.Kind; !k.IsNumeric() && !k.IsText() && k != sqltype.Null {
		return def.Bound{}, def.BadType(args[0].Type, 2, "dateadd")
	}
	t, err := dateArg(args[1], 3, "dateadd", dateTime)
	if err == nil {
		err = p.check(t, "dateadd")
	}
	if err == nil && p == isoWeek {
		err = def.Errorf(9810, p.String(), "dateadd", t.Kind.String())
	}
	t.Nullable = args[0].Type.Nullable || args[1].Type.Nullable
	n := def.Int
	if args[0].Type.Kind == sqltype.BigInt {
		n = def.BigInt
	}
	return def.Bound{Type: t, Want: []sqltype.Type{n, t}, Eval: func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
		return add(p, t, a[1], a[0].Int())
	}}, err
}

func add(p part, t sqltype.Type, v sqltype.Value, n int64) (sqltype.Value, error) {
	days, ticks := local(v)
	over := func() (sqltype.Value, error) { return sqltype.NullValue, def.Errorf(517, t.Kind.String()) }
	months, dayUnit := int64(0), int64(0)
	switch p {
	case year:
		months = 12
	case quarter:
		months = 3
	case month:
		months = 1
	case day, dayOfYear, weekday:
		dayUnit = 1
	case week:
		dayUnit = 7
	}
	switch {
	case months > 0:
		if n > 120_000 || n < -120_000 {
			return over()
		}
		d, ok := civilOf(days, ticks).addMonths(n * months)
		if !ok {
			return over()
		}
		return rebuild(t, v, d, ticks)
	case dayUnit > 0:
		if n > 4_000_000 || n < -4_000_000 {
			return over()
		}
		return rebuild(t, v, days+int(n*dayUnit), ticks)
	}
	// Ticks: whole days first, so that nothing overflows. Nanoseconds are rounded to ticks.
	unit := p.unitTicks()
	if p == nanosecond {
		n, unit = int64(math.Round(float64(n)/100)), 1
	}
	perDay := sqltype.TicksPerDay / unit
	d := n/perDay + int64(days)
	ticks += n % perDay * unit
	for ticks < 0 {
		d, ticks = d-1, ticks+sqltype.TicksPerDay
	}
	for ticks >= sqltype.TicksPerDay {
		d, ticks = d+1, ticks-sqltype.TicksPerDay
	}
	if t.Kind != sqltype.Time && (d < 0 || d > sqltype.MaxDay+1) {
		return over()
	}
	return rebuild(t, v, int(d), ticks)
}

func bindDiff(big bool) func(part, []def.Arg) (def.Bound, error) {
	name, out := "datediff", def.Int
	if big {
		name, out = "datediff_big", def.BigInt
	}
	return func(p part, args []def.Arg) (def.Bound, error) {
		var want []sqltype.Type
		for i, a := range args {
			t, err := dateArg(a, i+2, name, offset7)
			if err != nil {
				return def.Bound{}, err
			}
			if p == tzOffset || p == isoWeek {
				return def.Bound{}, def.Errorf(9810, p.String(), name, t.Kind.String())
			}
			want = append(want, t)
		}
		return def.Bound{Type: out, Want: want, Eval: func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
			n, ok := diff(p, a[0], a[1])
			if !ok || !big && (n > math.MaxInt32 || n < math.MinInt32) {
				return sqltype.NullValue, def.Errorf(535, name, name)
			}
			return sqltype.NewInt(out.Kind, n), nil
		}}, nil
	}
}

// diff counts the boundaries of a part between two moments, of datetimeoffsets in UTC; false for more than 64 bits hold.
func diff(p part, a, b sqltype.Value) (int64, bool) {
	at := func(v sqltype.Value) civil {
		days := v.Days()
		if v.Kind() == sqltype.Time {
			days = sqltype.BaseDay
		}
		return civilOf(days, v.Ticks())
	}
	x, y := at(a), at(b)
	days := int64(y.days - x.days)
	switch p {
	case year:
		return int64(y.year - x.year), true
	case quarter:
		return int64(y.year*4+(y.month-1)/3) - int64(x.year*4+(x.month-1)/3), true
	case month:
		return int64(y.year*12+y.month) - int64(x.year*12+x.month), true
	case day, dayOfYear, weekday:
		return days, true
	case week: // which begins on Sunday, whatever DATEFIRST says
		return int64((y.days+1)/7 - (x.days+1)/7), true
	}
	if p == nanosecond {
		ticks := days*sqltype.TicksPerDay + y.ticks - x.ticks
		return ticks * 100, ticks < math.MaxInt64/100 && ticks > math.MinInt64/100
	}
	unit := p.unitTicks()
	return days*(sqltype.TicksPerDay/unit) + y.ticks/unit - x.ticks/unit, true
}

func bindTrunc(p part, args []def.Arg) (def.Bound, error) {
	t, err := dateArg(args[0], 2, "datetrunc", dateTime2)
	if err == nil {
		err = p.check(t, "datetrunc")
	}
	if err == nil && (p == weekday || p == nanosecond) {
		err = def.Errorf(9810, p.String(), "datetrunc", t.Kind.String())
	}
	return def.Bound{Type: t, Want: []sqltype.Type{t}, Eval: func(_ context.Context, env *def.Env, a []sqltype.Value) (sqltype.Value, error) {
		days, ticks := local(a[0])
		c := civilOf(days, ticks)
		switch p {
		case year:
			days, ticks = first(c.year, 1), 0
		case quarter:
			days, ticks = first(c.year, (c.month-1)/3*3+1), 0
		case month:
			days, ticks = first(c.year, c.month), 0
		case day, dayOfYear:
			ticks = 0
		case week:
			days, ticks = days-(isoWeekday(days)-dateFirst(env)+7)%7, 0
		case isoWeek:
			days, ticks = days-isoWeekday(days)+1, 0
		default:
			ticks -= ticks % p.unitTicks()
		}
		return rebuild(t, a[0], days, ticks)
	}}, err
}

func first(year, month int) int {
	days, _ := sqltype.DaysFromDate(year, month, 1)
	return days
}

func bindEndOfMonth(args []def.Arg) (def.Bound, error) {
	t, err := dateArg(args[0], 1, "eomonth", dateTime2)
	if err == nil && t.Kind == sqltype.Time {
		err = def.BadType(t, 1, "eomonth")
	}
	want := []sqltype.Type{t, def.Int}[:len(args)]
	return def.Bound{Type: date, Want: want, NullIn: true, Session: true, Eval: func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
		if a[0].IsNull() {
			return sqltype.NullValue, nil
		}
		days, ticks := local(a[0])
		c := civilOf(days, ticks)
		c.day = 1
		n := int64(0)
		if len(a) == 2 {
			n = a[1].Int() // NULL counts as 0
		}
		d, ok := c.addMonths(n)
		if !ok {
			return sqltype.NullValue, def.Errorf(517, "date")
		}
		y, m, _ := sqltype.DateFromDays(d)
		return sqltype.NewDate(d + sqltype.DaysInMonth(y, m) - 1), nil
	}}, err
}

func bindIsDate(args []def.Arg) (def.Bound, error) {
	t := args[0].Type
	if k := t.Kind; k.IsLegacyLOB() || k == sqltype.Date || k == sqltype.Time || k == sqltype.DateTime2 || k == sqltype.DateTimeOffset {
		return def.Bound{}, def.BadType(t, 1, "isdate")
	}
	return def.Bound{Type: def.Int.NotNull(), NullIn: true, Session: true, Eval: func(_ context.Context, env *def.Env, a []sqltype.Value) (sqltype.Value, error) {
		v := a[0]
		switch k := v.Kind(); {
		case k == sqltype.DateTime, k == sqltype.SmallDateTime:
			return def.BitValue(true), nil
		case !k.IsText():
			return def.BitValue(false), nil
		}
		_, err := convert.Convert(v, t, dateTime, convert.Options{DateFormat: env.Settings.DateFormat})
		return def.BitValue(err == nil), nil
	}}, nil
}
