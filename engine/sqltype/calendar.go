package sqltype

// The units of time in ticks of 100 ns.
const (
	TicksPerSecond = 10_000_000
	TicksPerMinute = 60 * TicksPerSecond
	TicksPerHour   = 60 * TicksPerMinute
	TicksPerDay    = 24 * TicksPerHour
)

// The ends of the calendars, in days since 0001-01-01.
const (
	MaxDay         = 3652058 // 9999-12-31
	MinDateTimeDay = 639905  // 1753-01-01, the first of datetime
	BaseDay        = 693595  // 1900-01-01, day 0 of datetime and smalldatetime
	MaxSmallDay    = BaseDay + 65535
	// UnitsPerDay of datetime: three-hundredths of a second.
	UnitsPerDay = 300 * 86400
	// MaxOffset of a datetimeoffset, in minutes either way.
	MaxOffset = 14 * 60
)

// DaysFromDate counts days since 0001-01-01 in the proleptic Gregorian calendar; false if there is no such day in years 1 to 9999.
func DaysFromDate(year, month, day int) (int, bool) {
	if year < 1 || year > 9999 || month < 1 || month > 12 || day < 1 || day > DaysInMonth(year, month) {
		return 0, false
	}
	y := year - 1
	days := y*365 + y/4 - y/100 + y/400 + int(monthStart[month-1]) + day - 1
	if month > 2 && isLeap(year) {
		days++
	}
	return days, true
}

// DateFromDays is the inverse of DaysFromDate.
func DateFromDays(days int) (year, month, day int) {
	n400 := days / 146097
	days -= n400 * 146097
	n100 := min(days/36524, 3)
	days -= n100 * 36524
	n4 := days / 1461
	days -= n4 * 1461
	n1 := min(days/365, 3)
	days -= n1 * 365
	year = n400*400 + n100*100 + n4*4 + n1 + 1
	for month = 1; month < 12 && days >= DaysInMonth(year, month); month++ {
		days -= DaysInMonth(year, month)
	}
	return year, month, days + 1
}

// DaysInMonth of a month from 1 to 12.
func DaysInMonth(year, month int) int {
	if month == 2 && isLeap(year) {
		return 29
	}
	return int(monthStart[month] - monthStart[month-1])
}

var monthStart = [13]int16{0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365}

func isLeap(y int) bool { return y%4 == 0 && (y%100 != 0 || y%400 == 0) }

// pow10Ticks is the number of ticks in the last digit of a scale.
var pow10Ticks = [8]int64{10_000_000, 1_000_000, 100_000, 10_000, 1_000, 100, 10, 1}

// RoundTicks rounds ticks half up to a scale. The result may be TicksPerDay: the next day.
func RoundTicks(ticks int64, scale int) int64 {
	unit := pow10Ticks[min(max(scale, 0), 7)]
	return (ticks + unit/2) / unit * unit
}

// TicksToUnits rounds ticks to the three-hundredths of a second of datetime; the result may be UnitsPerDay.
func TicksToUnits(ticks int64) int64 { return (ticks*3 + 50000) / 100000 }

// Clock is a time of day taken apart.
type Clock struct {
	Hour, Minute, Second int
	Ticks                int64 // of 100 ns, within the second
}

// ClockOf takes ticks since midnight apart.
func ClockOf(ticks int64) Clock {
	return Clock{
		Hour: int(ticks / TicksPerHour), Minute: int(ticks / TicksPerMinute % 60),
		Second: int(ticks / TicksPerSecond % 60), Ticks: ticks % TicksPerSecond,
	}
}

// Local is the date and time of day that v shows: of a datetimeoffset in its own offset, else its days and ticks.
func (v Value) Local() (days int, ticks int64) {
	days, ticks = v.Days(), v.Ticks()
	if v.kind == DateTimeOffset {
		return Shift(days, ticks, int64(v.off)*TicksPerMinute)
	}
	return days, ticks
}

// Shift moves a date and time by ticks, less than a day either way.
func Shift(days int, ticks, by int64) (int, int64) {
	ticks += by
	switch {
	case ticks < 0:
		return days - 1, ticks + TicksPerDay
	case ticks >= TicksPerDay:
		return days + 1, ticks - TicksPerDay
	}
	return days, ticks
}
