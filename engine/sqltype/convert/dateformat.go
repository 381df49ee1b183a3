package convert

import (
	"fmt"
	"strings"

	"latchkey/engine/sqltype"
)

var monthNames = [12]string{
	"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
}

// layouts are the styles in a small language: Y four-digit year, y two, M month, N month's short name, D day, d day with a
// blank in front, H hour of 24, h hour of 12 with a blank in front, I minute, S second, F fraction behind a colon (a point for
// the newer types), f fraction behind a point, P AM or PM, J and j day and month of the Hijri calendar, K its year, L its
// month's name. A bar separates date from time, a type without one of them leaves it out.
var layouts = map[int]string{
	0: "N d Y|h:IP", 1: "M/D/y|", 2: "y.M.D|", 3: "D/M/y|", 4: "D.M.y|", 5: "D-M-y|", 6: "D N y|", 7: "N D, y|", 8: "|H:I:S",
	9: "N d Y|h:I:SFP", 10: "M-D-y|", 11: "y/M/D|", 12: "yMD|", 13: "D N Y|H:I:SF", 14: "|H:I:SF",
	20: "Y-M-D|H:I:S", 21: "Y-M-D|H:I:Sf", 22: "M/D/y|h:I:S P", 23: "Y-M-D|", 24: "|H:I:S", 25: "Y-M-D|H:I:Sf",
	100: "N d Y|h:IP", 101: "M/D/Y|", 102: "Y.M.D|", 103: "D/M/Y|", 104: "D.M.Y|", 105: "D-M-Y|", 106: "D N Y|", 107: "N D, Y|", 108: "|H:I:S",
	109: "N d Y|h:I:SFP", 110: "M-D-Y|", 111: "Y/M/D|", 112: "YMD|", 113: "D N Y|H:I:SF", 114: "|H:I:SF",
	120: "Y-M-D|H:I:S", 121: "Y-M-D|H:I:Sf", 126: "Y-M-D|H:I:Sf", 127: "Y-M-D|H:I:Sf", 130: "J L K|h:I:SFP", 131: "J/j/K|h:I:SFP",
}

// dateToText writes a date or time in the style asked for; without one, the old types in style 0 and the new ones in 121.
func (c *conversion) dateToText() (string, error) {
	k := c.from.Kind
	style := c.o.style(121)
	if !c.o.HasStyle && (k == sqltype.DateTime || k == sqltype.SmallDateTime) {
		style = 0
	}
	layout, ok := layouts[style]
	if !ok {
		return "", sqltype.NewError(281, style, k.String())
	}
	iso := style == 126 || style == 127
	date, clock, _ := strings.Cut(layout, "|")
	if k == sqltype.Date {
		clock = ""
	}
	if k == sqltype.Time {
		date = ""
	}
	if date == "" && clock == "" {
		return "", sqltype.NewError(9809, style, k.String(), c.to.Kind.String())
	}
	days, ticks := c.v.Local()
	zone := ""
	if k == sqltype.DateTimeOffset && date != "" && clock != "" {
		sign, off := '+', c.v.Offset()
		if off < 0 {
			sign, off = '-', -off
		}
		zone = fmt.Sprintf("%c%02d:%02d", sign, off/60, off%60)
		switch {
		case style == 127:
			days, ticks, zone = c.v.Days(), c.v.Ticks(), "Z"
		case !iso:
			zone = " " + zone
		}
	}
	w := dateWriter{v: c.v, style: style, clock: sqltype.ClockOf(ticks)}
	if k != sqltype.Time {
		w.year, w.month, w.day = sqltype.DateFromDays(days)
		w.hijriYear, w.hijriMonth, w.hijriDay = hijriFromDays(days)
	}
	w.write(date)
	if date != "" && clock != "" {
		w.b.WriteString(map[bool]string{true: "T", false: " "}[iso])
	}
	w.write(clock)
	return w.b.String() + zone, nil
}

type dateWriter struct {
	b                               strings.Builder
	v                               sqltype.Value
	style                           int
	year, month, day                int
	hijriYear, hijriMonth, hijriDay int
	clock                           sqltype.Clock
}

func (w *dateWriter) write(layout string) {
	hour12 := (w.clock.Hour+11)%12 + 1
	half := "AM"
	if w.clock.Hour >= 12 {
		half = "PM"
	}
	for _, c := range layout {
		switch c {
		case 'Y':
			fmt.Fprintf(&w.b, "%04d", w.year)
		case 'y':
			fmt.Fprintf(&w.b, "%02d", w.year%100)
		case 'M':
			fmt.Fprintf(&w.b, "%02d", w.month)
		case 'N':
			w.b.WriteString(monthNames[w.month-1][:3])
		case 'D':
			fmt.Fprintf(&w.b, "%02d", w.day)
		case 'd':
			fmt.Fprintf(&w.b, "%2d", w.day)
		case 'H':
			fmt.Fprintf(&w.b, "%02d", w.clock.Hour)
		case 'h':
			fmt.Fprintf(&w.b, "%2d", hour12)
		case 'I':
			fmt.Fprintf(&w.b, "%02d", w.clock.Minute)
		case 'S':
			fmt.Fprintf(&w.b, "%02d", w.clock.Second)
		case 'F', 'f':
			w.fraction(c == 'F')
		case 'P':
			w.b.WriteString(half)
		case 'J':
			fmt.Fprintf(&w.b, "%2d", w.hijriDay)
		case 'j':
			fmt.Fprintf(&w.b, "%02d", w.hijriMonth)
		case 'K':
			fmt.Fprintf(&w.b, "%04d", w.hijriYear)
		case 'L':
			w.b.WriteString(hijriMonths[w.hijriMonth-1])
		default:
			w.b.WriteRune(c)
		}
	}
}

// fraction writes milliseconds for the old types, and as many digits as the type has for the new ones.
func (w *dateWriter) fraction(colon bool) {
	iso := w.style == 126 || w.style == 127
	if iso && w.clock.Ticks == 0 {
		return
	}
	switch w.v.Kind() {
	case sqltype.DateTime, sqltype.SmallDateTime:
		point := "."
		if colon {
			point = ":"
		}
		fmt.Fprintf(&w.b, "%s%03d", point, (w.clock.Ticks+5000)/10000)
	default:
		if s := w.v.Scale(); s > 0 {
			w.b.WriteString("." + fmt.Sprintf("%07d", w.clock.Ticks)[:s])
		}
	}
}

// hijriMonths are the month names of styles 130 and 131.
var hijriMonths = [12]string{
	"محرم", "صفر", "ربيع الاول", "ربيع الثانى", "جمادى الاولى", "جمادى الثانية", "رجب", "شعبان", "رمضان", "شوال", "ذو القعدة", "ذو الحجة",
}

// hijriEpoch is 1 Muharram 1, 16 July 622 of the Julian calendar, in days since 0001-01-01 (Gregorian).
const hijriEpoch = 227014

// hijriFromDays converts by the tabular calendar with the leap years 2, 5, 7, 10, 13, 16, 18, 21, 24, 26 and 29 of thirty.
func hijriFromDays(days int) (year, month, day int) {
	n := days - hijriEpoch
	if n < 0 {
		return 1, 1, 1
	}
	year = (30*n + 10646) / 10631
	n -= hijriYearStart(year)
	month = min(n*2/59+1, 12)
	for month < 12 && n >= hijriMonthStart(month+1) {
		month++
	}
	for month > 1 && n < hijriMonthStart(month) {
		month--
	}
	return year, month, n - hijriMonthStart(month) + 1
}

// daysFromHijri is the inverse; false for a day that does not exist.
func daysFromHijri(year, month, day int) (int, bool) {
	if year < 1 || year > 9666 || month < 1 || month > 12 || day < 1 || day > 30 {
		return 0, false
	}
	days := hijriEpoch + hijriYearStart(year) + hijriMonthStart(month) + day - 1
	y, m, d := hijriFromDays(days)
	return days, y == year && m == month && d == day
}

func hijriYearStart(year int) int   { return (year-1)*354 + (3+11*year)/30 }
func hijriMonthStart(month int) int { return (59*(month-1) + 1) / 2 }
