// Package datetime has the functions over dates and times.
//
// GETDATE and the like give Env.Now, in Env.Zone, the same for a whole statement. Text becomes a date as DATEFORMAT says; weeks begin as
// DATEFIRST says, except where SQL Server always takes Sunday (DATEDIFF). The language is us_english.
package datetime

import (
	"strings"
	"time"

	"latchkey/engine/fn/def"
	"latchkey/engine/sqltype"
)

// Functions lists them.
func Functions() []def.Function {
	return append(append(append(now(), parts()...), making()...), zones()...)
}

// part is a date part.
type part uint8

const (
	year part = iota
	quarter
	month
	dayOfYear
	day
	week
	weekday
	isoWeek
	hour
	minute
	second
	millisecond
	microsecond
	nanosecond
	tzOffset
	noPart
)

// partNames are the names, in full, in the order of the constants.
var partNames = [...]string{
	"year", "quarter", "month", "dayofyear", "day", "week", "weekday", "iso_week", "hour", "minute", "second", "millisecond", "microsecond",
	"nanosecond", "tzoffset",
}

// String is the name in SQL Server's messages.
func (p part) String() string { return partNames[min(int(p), len(partNames)-1)] }

// partOf finds a part by its name or abbreviation.
func partOf(word string) part {
	switch strings.ToLower(word) {
	case "yy", "yyyy":
		return year
	case "qq", "q":
		return quarter
	case "mm", "m":
		return month
	case "dy", "y":
		return dayOfYear
	case "dd", "d":
		return day
	case "wk", "ww":
		return week
	case "dw", "w":
		return weekday
	case "isowk", "isoww":
		return isoWeek
	case "hh":
		return hour
	case "mi", "n":
		return minute
	case "ss", "s":
		return second
	case "ms":
		return millisecond
	case "mcs":
		return microsecond
	case "ns":
		return nanosecond
	case "tz":
		return tzOffset
	}
	for i, name := range partNames {
		if strings.EqualFold(name, word) {
			return part(i)
		}
	}
	return noPart
}

// unitTicks is the length of a part in ticks; 0 for those of no fixed length, and for the nanosecond.
func (p part) unitTicks() int64 {
	switch p {
	case hour:
		return sqltype.TicksPerHour
	case minute:
		return sqltype.TicksPerMinute
	case second:
		return sqltype.TicksPerSecond
	case millisecond:
		return sqltype.TicksPerSecond / 1000
	case microsecond:
		return 10
	}
	return 0
}

func (p part) ofTime() bool { return p >= hour && p <= nanosecond }

// dateArg is the type that a function takes a date in: text becomes byText, numbers datetime.
func dateArg(a def.Arg, n int, function string, byText sqltype.Type) (sqltype.Type, error) {
	t := a.Type
	switch k := t.Kind; {
	case k.IsDateTime():
		return t, nil
	case k == sqltype.Null, k.IsText() && !k.IsLegacyLOB():
		byText.Nullable = t.Nullable
		return byText, nil
	case k.IsInteger(), k == sqltype.Decimal, k.IsMoney(), k.IsApproximate():
		return sqltype.Type{Kind: sqltype.DateTime, Nullable: t.Nullable}, nil
	}
	return t, def.BadType(t, n, function)
}

// check refuses parts that a type does not have: message 9810.
func (p part) check(t sqltype.Type, function string) error {
	bad := false
	switch t.Kind {
	case sqltype.Date:
		bad = p.ofTime()
	case sqltype.Time:
		bad = p <= isoWeek
	case sqltype.DateTime, sqltype.SmallDateTime:
		bad = (p == microsecond || p == nanosecond) && (function == "dateadd" || function == "datetrunc")
	}
	if bad || p == tzOffset && (function == "dateadd" || function == "datediff" || function == "datetrunc") {
		return def.Errorf(9810, p.String(), function, t.Kind.String())
	}
	return nil
}

// civil is a date and time of day taken apart.
type civil struct {
	days             int
	ticks            int64
	year, month, day int
	sqltype.Clock
}

func civilOf(days int, ticks int64) civil {
	c := civil{days: days, ticks: ticks, Clock: sqltype.ClockOf(ticks)}
	c.year, c.month, c.day = sqltype.DateFromDays(days)
	return c
}

// local is what a value shows; a time of day is on 1900-01-01.
func local(v sqltype.Value) (days int, ticks int64) {
	days, ticks = v.Local()
	if v.Kind() == sqltype.Time {
		days = sqltype.BaseDay
	}
	return days, ticks
}

func (c civil) dayOfYear() int {
	first, _ := sqltype.DaysFromDate(c.year, 1, 1)
	return c.days - first + 1
}

// isoWeekday is 1 for Monday: 0001-01-01 was one.
func isoWeekday(days int) int { return (days%7+7)%7 + 1 }

// get is DATEPART.
func (c civil) get(p part, v sqltype.Value, dateFirst int) int {
	switch p {
	case year:
		return c.year
	case quarter:
		return (c.month + 2) / 3
	case month:
		return c.month
	case dayOfYear:
		return c.dayOfYear()
	case day:
		return c.day
	case week:
		first, _ := sqltype.DaysFromDate(c.year, 1, 1)
		return (c.dayOfYear()-1+(isoWeekday(first)-dateFirst+7)%7)/7 + 1
	case weekday:
		return (isoWeekday(c.days)-dateFirst+7)%7 + 1
	case isoWeek:
		_, w := time.Date(c.year, time.Month(c.month), c.day, 0, 0, 0, 0, time.UTC).ISOWeek()
		return w
	case hour:
		return c.Hour
	case minute:
		return c.Minute
	case second:
		return c.Second
	case millisecond:
		if v.Kind() == sqltype.DateTime { // .003, .007, .010
			return int((v.RawTime()%300*10 + 1) / 3)
		}
		return int(c.Ticks / 10_000)
	case microsecond:
		return int(c.Ticks / 10)
	case nanosecond:
		return int(c.Ticks * 100)
	case tzOffset:
		return v.Offset()
	}
	return 0
}

// rebuild makes a value of t, of v's offset, from local days and ticks: message 517 if it has no such day.
func rebuild(t sqltype.Type, v sqltype.Value, days int, ticks int64) (sqltype.Value, error) {
	over := func() (sqltype.Value, error) { return sqltype.NullValue, def.Errorf(517, t.Kind.String()) }
	least, most := 0, sqltype.MaxDay
	switch t.Kind {
	case sqltype.Time:
		return sqltype.NewTime(int(t.Scale), sqltype.RoundTicks(ticks, int(t.Scale))%sqltype.TicksPerDay), nil
	case sqltype.DateTime:
		units := sqltype.TicksToUnits(ticks)
		if units == sqltype.UnitsPerDay {
			days, units = days+1, 0
		}
		if days < sqltype.MinDateTimeDay || days > most {
			return over()
		}
		return sqltype.NewDateTime(days, units), nil
	case sqltype.SmallDateTime:
		minutes := int((ticks + sqltype.TicksPerMinute/2) / sqltype.TicksPerMinute)
		if minutes == 1440 {
			days, minutes = days+1, 0
		}
		if days < sqltype.BaseDay || days > sqltype.MaxSmallDay {
			return over()
		}
		return sqltype.NewSmallDateTime(days, minutes), nil
	}
	if t.Kind != sqltype.Date {
		if ticks = sqltype.RoundTicks(ticks, int(t.Scale)); ticks == sqltype.TicksPerDay {
			days, ticks = days+1, 0
		}
	}
	if t.Kind == sqltype.DateTimeOffset {
		days, ticks = sqltype.Shift(days, ticks, -int64(v.Offset())*sqltype.TicksPerMinute)
	}
	if days < least || days > most {
		return over()
	}
	switch t.Kind {
	case sqltype.Date:
		return sqltype.NewDate(days), nil
	case sqltype.DateTime2:
		return sqltype.NewDateTime2(int(t.Scale), days, ticks), nil
	}
	return sqltype.NewDateTimeOffset(int(t.Scale), days, ticks, v.Offset()), nil
}

// addMonths moves a date; the day becomes the last of the month if that is shorter. False if the year is outside 1 to 9999.
func (c civil) addMonths(n int64) (days int, ok bool) {
	m := int64(c.year)*12 + int64(c.month-1) + n
	y := m / 12
	if m < 12 || y > 9999 {
		return 0, false
	}
	return sqltype.DaysFromDate(int(y), int(m%12)+1, min(c.day, sqltype.DaysInMonth(int(y), int(m%12)+1)))
}
