package datetime

import (
	"context"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"latchkey/engine/fn/def"
	"latchkey/engine/sqltype"
)

// fromParts describes a function that makes a value of whole numbers. With precise the last number is the scale, a constant.
func fromParts(name string, n int, precise bool, kind sqltype.Kind, build func(t sqltype.Type, a []int) (sqltype.Value, bool)) def.Function {
	return def.Function{Name: name, Min: n, Max: n, BindAttrs: func(args []def.Arg, attrs []string) (def.Bound, error) {
		want := make([]sqltype.Type, n)
		for i := range want {
			want[i] = def.Int
		}
		if err := def.Implicit(name, args, want); err != nil {
			return def.Bound{}, err
		}
		t := sqltype.Of(kind)
		b := def.Bound{Want: want, NullIn: precise}
		if precise {
			scale := -1
			if len(attrs) == 1 {
				scale, _ = strconv.Atoi(attrs[0])
			} else if c := args[n-1].Const; c != nil && c.Kind().IsInteger() {
				scale = int(c.Int())
			}
			if scale < 0 || scale > sqltype.MaxTimeScale {
				return def.Bound{}, &sqltype.Error{Number: 10760, Level: 16, State: 1, Message: "Scale argument is not valid. Valid expressions for data type " + kind.String() + " scale argument are integer constants and integer constant expressions."}
			}
			t.Scale = uint8(scale)
			b.Attrs = []string{strconv.Itoa(scale)}
		}
		b.Type = t
		b.Eval = func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
			numbers := make([]int, len(a))
			for i, v := range a {
				if v.IsNull() {
					return sqltype.NullValue, nil
				}
				numbers[i] = int(v.Int())
			}
			if v, ok := build(t, numbers); ok {
				return v, nil
			}
			return sqltype.NullValue, def.Errorf(289, kind.String())
		}
		return b, nil
	}}
}

// clockTicks is a time of day; the fraction is in units of 10^-scale seconds.
func clockTicks(h, m, s, fraction, scale int) (int64, bool) {
	unit := int64(1)
	for range sqltype.MaxTimeScale - scale {
		unit *= 10
	}
	if h < 0 || h > 23 || m < 0 || m > 59 || s < 0 || s > 59 || fraction < 0 || int64(fraction)*unit >= sqltype.TicksPerSecond {
		return 0, false
	}
	return int64(h)*sqltype.TicksPerHour + int64(m)*sqltype.TicksPerMinute + int64(s)*sqltype.TicksPerSecond + int64(fraction)*unit, true
}

func making() []def.Function {
	return []def.Function{
		fromParts("DATEFROMPARTS", 3, false, sqltype.Date, func(_ sqltype.Type, a []int) (sqltype.Value, bool) {
			d, ok := sqltype.DaysFromDate(a[0], a[1], a[2])
			return sqltype.NewDate(d), ok
		}),
		fromParts("DATETIMEFROMPARTS", 7, false, sqltype.DateTime, func(t sqltype.Type, a []int) (sqltype.Value, bool) {
			d, ok := sqltype.DaysFromDate(a[0], a[1], a[2])
			ticks, ok2 := clockTicks(a[3], a[4], a[5], a[6], 3)
			if !ok || !ok2 {
				return sqltype.NullValue, false
			}
			v, err := rebuild(t, sqltype.NullValue, d, ticks)
			return v, err == nil
		}),
		fromParts("SMALLDATETIMEFROMPARTS", 5, false, sqltype.SmallDateTime, func(t sqltype.Type, a []int) (sqltype.Value, bool) {
			d, ok := sqltype.DaysFromDate(a[0], a[1], a[2])
			ticks, ok2 := clockTicks(a[3], a[4], 0, 0, 0)
			if !ok || !ok2 {
				return sqltype.NullValue, false
			}
			v, err := rebuild(t, sqltype.NullValue, d, ticks)
			return v, err == nil
		}),
		fromParts("TIMEFROMPARTS", 5, true, sqltype.Time, func(t sqltype.Type, a []int) (sqltype.Value, bool) {
			ticks, ok := clockTicks(a[0], a[1], a[2], a[3], int(t.Scale))
			return sqltype.NewTime(int(t.Scale), ticks), ok
		}),
		fromParts("DATETIME2FROMPARTS", 8, true, sqltype.DateTime2, func(t sqltype.Type, a []int) (sqltype.Value, bool) {
			d, ok := sqltype.DaysFromDate(a[0], a[1], a[2])
			ticks, ok2 := clockTicks(a[3], a[4], a[5], a[6], int(t.Scale))
			return sqltype.NewDateTime2(int(t.Scale), d, ticks), ok && ok2
		}),
		fromParts("DATETIMEOFFSETFROMPARTS", 10, true, sqltype.DateTimeOffset, func(t sqltype.Type, a []int) (sqltype.Value, bool) {
			d, ok := sqltype.DaysFromDate(a[0], a[1], a[2])
			ticks, ok2 := clockTicks(a[3], a[4], a[5], a[6], int(t.Scale))
			off := a[7]*60 + a[8]
			if !ok || !ok2 || a[7] < -14 || a[7] > 14 || a[8] < -59 || a[8] > 59 || a[7]*a[8] < 0 || off < -sqltype.MaxOffset || off > sqltype.MaxOffset {
				return sqltype.NullValue, false
			}
			v, err := rebuild(t, sqltype.NewDateTimeOffset(7, 0, 0, off), d, ticks)
			return v, err == nil
		}),
	}
}

func zones() []def.Function {
	return []def.Function{
		{Name: "SWITCHOFFSET", Min: 2, Max: 2, Bind: bindOffset("switchoffset", func(v sqltype.Value, t sqltype.Type, off int) (sqltype.Value, error) {
			return sqltype.NewDateTimeOffset(int(t.Scale), v.Days(), v.Ticks(), off), nil
		})},
		{Name: "TODATETIMEOFFSET", Min: 2, Max: 2, Bind: bindOffset("todatetimeoffset", func(v sqltype.Value, t sqltype.Type, off int) (sqltype.Value, error) {
			days, ticks := local(v)
			return rebuild(t, sqltype.NewDateTimeOffset(7, 0, 0, off), days, ticks)
		})},
		{Name: "AT TIME ZONE", Min: 2, Max: 2, Bind: bindAtTimeZone},
	}
}

func bindOffset(name string, eval func(v sqltype.Value, t sqltype.Type, off int) (sqltype.Value, error)) func([]def.Arg) (def.Bound, error) {
	return func(args []def.Arg) (def.Bound, error) {
		byText := offset7
		if name != "switchoffset" {
			byText = dateTime2
		}
		in, err := dateArg(args[0], 1, name, byText)
		if err != nil {
			return def.Bound{}, err
		}
		if in.Kind == sqltype.Time || in.Kind == sqltype.Date && name == "switchoffset" {
			return def.Bound{}, def.BadType(in, 1, name)
		}
		if name == "switchoffset" && in.Kind != sqltype.DateTimeOffset {
			in = offset7
		}
		out := sqltype.Scaled(sqltype.DateTimeOffset, int(in.Scale))
		zone := args[1].Type
		if !zone.Kind.IsInteger() && !zone.Kind.IsText() && zone.Kind != sqltype.Null {
			return def.Bound{}, def.BadType(zone, 2, name)
		}
		return def.Bound{Type: out, Want: []sqltype.Type{in, {}}, Session: true, Eval: func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
			off, ok := offsetOf(a[1])
			if !ok {
				return sqltype.NullValue, def.Errorf(9812, name)
			}
			return eval(a[0], out, off)
		}}, nil
	}
}

// offsetOf reads minutes, or +hh:mm.
func offsetOf(v sqltype.Value) (int, bool) {
	if v.Kind().IsInteger() {
		n := v.Int()
		return int(n), n >= -sqltype.MaxOffset && n <= sqltype.MaxOffset
	}
	s := strings.TrimSpace(v.Text())
	if len(s) != 6 || s[0] != '+' && s[0] != '-' || s[3] != ':' {
		return 0, false
	}
	h, err := strconv.ParseUint(s[1:3], 10, 8)
	m, err2 := strconv.ParseUint(s[4:], 10, 8)
	n := int(h*60 + m)
	if err != nil || err2 != nil || m > 59 || n > sqltype.MaxOffset {
		return 0, false
	}
	if s[0] == '-' {
		n = -n
	}
	return n, true
}

func bindAtTimeZone(args []def.Arg) (def.Bound, error) {
	in, err := dateArg(args[0], 1, "at time zone", dateTime2)
	if err != nil {
		return def.Bound{}, err
	}
	if in.Kind == sqltype.Date || in.Kind == sqltype.Time {
		return def.Bound{}, def.BadType(in, 1, "AT TIME ZONE")
	}
	scale := int(in.Scale)
	if in.Kind == sqltype.DateTime {
		scale = 3
	}
	out := sqltype.Scaled(sqltype.DateTimeOffset, scale)
	want := []sqltype.Type{in, def.NameArg}
	if err := def.Implicit("at time zone", args[1:], want[1:]); err != nil {
		return def.Bound{}, err
	}
	type found struct {
		name string
		zone *time.Location
	}
	var last atomic.Pointer[found]
	return def.Bound{Type: out, Want: want, Session: true, Eval: func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
		f := last.Load()
		if f == nil || f.name != a[1].Text() {
			zone, ok := zoneOf(a[1].Text())
			if !ok {
				return sqltype.NullValue, def.Errorf(9820, a[1].Text())
			}
			f = &found{a[1].Text(), zone}
			last.Store(f)
		}
		zone := f.zone
		v := a[0]
		if v.Kind() == sqltype.DateTimeOffset {
			_, seconds := goTime(v.Days(), v.Ticks(), time.UTC).In(zone).Zone()
			return sqltype.NewDateTimeOffset(scale, v.Days(), v.Ticks(), seconds/60), nil
		}
		// In the overlap of autumn this is the first of the two. In the gap of spring, where the clock never shows it, it is the time as
		// long before or behind, under the other offset.
		days, ticks := v.Local()
		t := goTime(days, ticks, zone)
		if start, _ := t.ZoneBounds(); !start.IsZero() {
			_, now := t.Zone()
			_, before := start.Add(-1).Zone()
			if early := t.Add(time.Duration(now-before) * time.Second); early.Before(start) && before > now {
				t = early
			}
		}
		_, seconds := t.Zone()
		days, ok := sqltype.DaysFromDate(t.Year(), int(t.Month()), t.Day())
		if !ok {
			return sqltype.NullValue, def.Errorf(517, "datetimeoffset")
		}
		h, m, s := t.Clock()
		ticks = ticks%sqltype.TicksPerSecond + int64(h)*sqltype.TicksPerHour + int64(m)*sqltype.TicksPerMinute + int64(s)*sqltype.TicksPerSecond
		return rebuild(out, sqltype.NewDateTimeOffset(7, 0, 0, seconds/60), days, ticks)
	}}, nil
}

func goTime(days int, ticks int64, zone *time.Location) time.Time {
	y, m, d := sqltype.DateFromDays(max(days, 0))
	c := sqltype.ClockOf(ticks)
	return time.Date(y, time.Month(m), d, c.Hour, c.Minute, c.Second, int(c.Ticks)*100, zone)
}
