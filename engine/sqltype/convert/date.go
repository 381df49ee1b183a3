package convert

import (
	"math"

	"latchkey/engine/sqltype"
)

// moment is a date and a time between two types: local time, or UTC if utc is set, with the offset from it.
type moment struct {
	days   int
	ticks  int64
	offset int
	utc    bool
}

// as rounds the moment to a type; false if the type cannot hold it.
func (m moment) as(t sqltype.Type) (sqltype.Value, bool) {
	days, ticks := m.days, m.ticks
	if m.utc && t.Kind != sqltype.DateTimeOffset {
		days, ticks = sqltype.Shift(days, ticks, int64(m.offset)*sqltype.TicksPerMinute)
	}
	scale := int(t.Scale)
	carry := func(whole int64) {
		if ticks >= whole {
			days, ticks = days+1, ticks-whole
		}
	}
	switch t.Kind {
	case sqltype.Date:
		return sqltype.NewDate(days), days >= 0 && days <= sqltype.MaxDay
	case sqltype.Time:
		ticks = sqltype.RoundTicks(ticks, scale)
		carry(sqltype.TicksPerDay) // 23:59:59.9999999 becomes midnight
		return sqltype.NewTime(scale, ticks), true
	case sqltype.SmallDateTime:
		// Seconds from 29.999 on round up.
		ticks = (ticks + 30*sqltype.TicksPerSecond + 10_000) / sqltype.TicksPerMinute
		carry(1440)
		return sqltype.NewSmallDateTime(days, int(ticks)), days >= sqltype.BaseDay && days <= sqltype.MaxSmallDay
	case sqltype.DateTime:
		ticks = sqltype.TicksToUnits(ticks)
		carry(sqltype.UnitsPerDay)
		return checkedDateTime(days, ticks)
	case sqltype.DateTime2:
		ticks = sqltype.RoundTicks(ticks, scale)
		carry(sqltype.TicksPerDay)
		return sqltype.NewDateTime2(scale, days, ticks), days >= 0 && days <= sqltype.MaxDay
	}
	if !m.utc {
		days, ticks = sqltype.Shift(days, ticks, -int64(m.offset)*sqltype.TicksPerMinute)
	}
	ticks = sqltype.RoundTicks(ticks, scale)
	carry(sqltype.TicksPerDay)
	return sqltype.NewDateTimeOffset(scale, days, ticks, m.offset), days >= 0 && days <= sqltype.MaxDay
}

func (c *conversion) toDateTime() (sqltype.Value, error) {
	outOfRange := sqltype.NewError(242, c.fromName(), c.toName())
	k := c.from.Kind
	switch {
	case k.IsText():
		return c.parseDate()
	case k.IsBinary():
		v, ok := c.bytesToDate()
		if !ok {
			return sqltype.NullValue, c.overflow()
		}
		return v, nil
	case k.IsNumeric():
		v, ok := dateFromNumber(c.v.ToFloat(), c.to)
		if !ok {
			return sqltype.NullValue, sqltype.Overflow("expression", c.to.Kind)
		}
		return v, nil
	}
	m := moment{days: c.v.Days(), ticks: c.v.Ticks(), offset: c.v.Offset(), utc: k == sqltype.DateTimeOffset}
	if k == sqltype.Time {
		m.days = sqltype.BaseDay
	}
	if k == sqltype.DateTime && c.to.Kind == sqltype.DateTime {
		return c.v, nil
	}
	v, ok := m.as(c.to)
	if !ok {
		return sqltype.NullValue, outOfRange
	}
	return v, nil
}

// dateNumber is a datetime or smalldatetime as days since 1900 with a fraction.
func dateNumber(v sqltype.Value) float64 {
	units := float64(v.Ticks()) / sqltype.TicksPerDay
	if v.Kind() == sqltype.DateTime {
		units = float64(v.RawTime()) / sqltype.UnitsPerDay
	}
	return float64(v.Days()-sqltype.BaseDay) + units
}

// dateFromNumber is the inverse for the two old types.
func dateFromNumber(f float64, t sqltype.Type) (sqltype.Value, bool) {
	if math.Abs(f) > 4e6 {
		return sqltype.NullValue, false
	}
	days := math.Floor(f)
	units := math.Round((f - days) * sqltype.UnitsPerDay)
	if units >= sqltype.UnitsPerDay {
		days, units = days+1, 0
	}
	v, ok := checkedDateTime(int(days)+sqltype.BaseDay, int64(units))
	if !ok || t.Kind == sqltype.DateTime {
		return v, ok
	}
	return moment{days: v.Days(), ticks: v.Ticks()}.as(t)
}
