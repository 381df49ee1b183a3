package convert

import (
	"strconv"
	"strings"

	"latchkey/engine/sqltype"
)

// orders are the styles that fix the order of a numeric date; 130 and 131 are Hijri.
var orders = map[int]DateFormat{
	0: MDY, 1: MDY, 7: MDY, 9: MDY, 10: MDY, 22: MDY, 100: MDY, 101: MDY, 107: MDY, 109: MDY, 110: MDY,
	2: YMD, 11: YMD, 12: YMD, 20: YMD, 21: YMD, 23: YMD, 25: YMD, 102: YMD, 111: YMD, 112: YMD, 120: YMD, 121: YMD, 126: YMD, 127: YMD,
	3: DMY, 4: DMY, 5: DMY, 6: DMY, 13: DMY, 103: DMY, 104: DMY, 105: DMY, 106: DMY, 113: DMY, 130: DMY, 131: DMY,
}

// parseDate reads text as SQL Server does. The old types tell bad syntax (241, smalldatetime 295) from a day or time that does not
// exist (242); the new ones have 241 for both.
func (c *conversion) parseDate() (sqltype.Value, error) {
	old := c.to.Kind == sqltype.DateTime || c.to.Kind == sqltype.SmallDateTime
	syntax := sqltype.NewError(241)
	if c.to.Kind == sqltype.SmallDateTime {
		syntax = sqltype.NewError(295)
	}
	outOfRange := syntax
	if old {
		outOfRange = sqltype.NewError(242, c.fromName(), c.toName())
	}
	order := c.o.DateFormat
	p := dateParser{old: old, to: c.to.Kind}
	if c.o.HasStyle {
		if o, ok := orders[c.o.Style]; ok && c.o.Style != 0 {
			order = o
		}
		if _, ok := layouts[c.o.Style]; !ok {
			return sqltype.NullValue, sqltype.NewError(9809, c.o.Style, c.fromName(), c.toName())
		}
		p.hijri = c.o.Style == 130 || c.o.Style == 131
		p.styled = c.o.Style != 0
	}
	p.order = order
	if !p.parse(strings.Trim(c.v.Text(), " \t\r\n")) {
		return sqltype.NullValue, syntax
	}
	m, ok := p.moment()
	if !ok {
		return sqltype.NullValue, outOfRange
	}
	v, ok := m.as(c.to)
	if !ok {
		return sqltype.NullValue, outOfRange
	}
	return v, nil
}

// dateParser holds what was read. A field not written keeps its default: 1900-01-01 00:00.
type dateParser struct {
	old, hijri, styled bool
	to                 sqltype.Kind
	order              DateFormat

	hasDate           bool
	year, month, day  int
	twoDigits         bool
	hour, minute, sec int
	ticks             int64 // within the second
	half              byte  // 'A' or 'P'
	hasOffset         bool
	offset            int
	bad               bool // well written, but no such time
}

func (p *dateParser) parse(s string) bool {
	p.year, p.month, p.day = 1900, 1, 1
	if p.hijri {
		p.year = 1318
	}
	if s == "" {
		return true
	}
	if !isASCII(s) || len(s) > 200 {
		return false
	}
	date, clock, iso := s, "", false
	if i := strings.IndexByte(s, 'T'); i >= 8 && i <= 10 && isDigit(s[i-1]) { // ISO 8601
		date, clock, iso = s[:i], s[i+1:], true
		if clock == "" || !isDigit(clock[0]) {
			return false
		}
		p.order = YMD
	} else {
		date, clock = splitClock(s)
	}
	if date != "" && !p.date(strings.TrimSpace(date), iso) {
		return false
	}
	return clock == "" || p.clock(clock, iso)
}

// splitClock finds where the time begins: at the number in front of the first colon, or in front of AM or PM.
func splitClock(s string) (date, clock string) {
	at := strings.IndexByte(s, ':')
	if at < 0 {
		low := strings.ToLower(s)
		if !strings.HasSuffix(low, "am") && !strings.HasSuffix(low, "pm") {
			return s, ""
		}
		at = len(strings.TrimRight(low[:len(low)-2], " "))
	}
	start := at
	for start > 0 && isDigit(s[start-1]) {
		start--
	}
	// "2024-05-01 +02:00": the colon belongs to an offset with no time; SQL Server wants one.
	return strings.TrimRight(s[:start], " "), s[start:]
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// date reads the date part.
func (p *dateParser) date(s string, iso bool) bool {
	p.hasDate = true
	var nums, names []string
	seps := ""
	for s != "" {
		n := 0
		switch {
		case isDigit(s[0]):
			for n < len(s) && isDigit(s[n]) {
				n++
			}
			nums = append(nums, s[:n])
			seps += "9"
		case isLetter(s[0]):
			for n < len(s) && isLetter(s[n]) {
				n++
			}
			names = append(names, s[:n])
		case strings.IndexByte("/-.", s[0]) >= 0:
			n = 1
			seps += s[:1]
		case s[0] == ' ' || s[0] == ',':
			n = 1
		default:
			return false
		}
		s = s[n:]
	}
	for _, n := range nums {
		if len(n) > 8 {
			return false
		}
	}
	switch {
	case len(names) > 1:
		return false
	case len(names) == 1:
		return !iso && p.named(names[0], nums)
	case len(nums) == 1:
		return seps == "9" && p.unseparated(nums[0])
	case len(nums) == 3:
		if len(seps) != 5 || seps[0] != '9' || seps[2] != '9' || seps[1] != seps[3] {
			return false
		}
		if iso && seps[1] != '-' {
			return false
		}
		return p.numeric(nums, seps[1] == '-')
	}
	return false
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func atoi(s string) int { n, _ := strconv.Atoi(s); return n }

// setYear takes two digits by the cutoff 2049 and four as they are.
func (p *dateParser) setYear(s string) bool {
	switch len(s) {
	case 4:
		p.year = atoi(s)
	case 1, 2:
		p.year, p.twoDigits = atoi(s), true
		switch {
		case p.hijri:
			p.year += 1400
		case p.year < 50:
			p.year += 2000
		default:
			p.year += 1900
		}
	default:
		return false
	}
	return true
}

func (p *dateParser) unseparated(s string) bool {
	switch len(s) {
	case 4:
		return p.setYear(s)
	case 6, 8:
		y := len(s) - 4
		p.month, p.day = atoi(s[y:y+2]), atoi(s[y+2:])
		return p.setYear(s[:y])
	}
	return false
}

// named reads a date with its month's name: any order of day and year; without a day it is the first.
func (p *dateParser) named(name string, nums []string) bool {
	p.month = 0
	for i, m := range monthNames {
		if strings.EqualFold(name, m) || strings.EqualFold(name, m[:3]) {
			p.month = i + 1
		}
	}
	if p.month == 0 || len(nums) == 0 || len(nums) > 2 {
		return false
	}
	if len(nums) == 1 {
		if len(nums[0]) == 4 {
			return p.setYear(nums[0])
		}
		return false
	}
	day, year := nums[0], nums[1]
	if len(day) == 4 || len(year) < 3 && (p.order == YMD || p.order == YDM || p.order == MYD) {
		day, year = year, day
	}
	if len(day) > 2 {
		return false
	}
	p.day = atoi(day)
	return p.setYear(year)
}

// numeric reads three numbers by the session's order. A four-digit number in front is the year whatever the order; then month and
// day follow the order of the rest, except that the newer types take year-month-day with hyphens for what it looks like.
func (p *dateParser) numeric(n []string, hyphens bool) bool {
	order := p.order
	if len(n[0]) == 4 {
		if order == MDY || order == MYD || order == YMD || !p.old && hyphens && !p.styled {
			order = YMD
		} else {
			order = YDM
		}
	} else if len(n[2]) == 4 && (order == YMD || order == YDM) {
		if order == YMD {
			order = MDY
		} else {
			order = DMY
		}
	}
	at := [...][3]int{MDY: {2, 0, 1}, DMY: {2, 1, 0}, YMD: {0, 1, 2}, YDM: {0, 2, 1}, MYD: {1, 0, 2}, DYM: {1, 2, 0}}[order]
	if len(n[at[1]]) > 2 || len(n[at[2]]) > 2 {
		return false
	}
	p.month, p.day = atoi(n[at[1]]), atoi(n[at[2]])
	return p.setYear(n[at[0]])
}

// clock reads hh[:mm[:ss[.fff]]][AM|PM] and an offset.
func (p *dateParser) clock(s string, iso bool) bool {
	number := func() (int, bool) {
		n := 0
		for n < len(s) && isDigit(s[n]) {
			n++
		}
		v := 0
		if n > 0 && n <= 2 {
			v = atoi(s[:n])
		}
		ok := n > 0 && n <= 2
		s = s[n:]
		return v, ok
	}
	var ok bool
	if p.hour, ok = number(); !ok {
		return false
	}
	if rest, found := strings.CutPrefix(s, ":"); found {
		s = rest
		if p.minute, ok = number(); !ok {
			return false
		}
		if rest, found := strings.CutPrefix(s, ":"); found {
			s = rest
			if p.sec, ok = number(); !ok {
				return false
			}
			if s != "" && (s[0] == '.' || s[0] == ':') {
				if s, ok = p.fraction(s); !ok {
					return false
				}
			}
		} else if iso && p.old {
			return false
		}
	}
	s = strings.TrimLeft(s, " ")
	if len(s) >= 2 && (s[1]|0x20) == 'm' && ((s[0]|0x20) == 'a' || (s[0]|0x20) == 'p') {
		p.half = s[0] &^ 0x20
		s = strings.TrimLeft(s[2:], " ")
		p.bad = p.half == 'A' && p.hour > 12
	}
	return s == "" || p.zone(s, iso)
}

// fraction reads up to three digits of milliseconds behind a colon, or digits behind a point: three for the old types, else seven.
func (p *dateParser) fraction(s string) (string, bool) {
	point := s[0] == '.'
	n := 1
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	digits := s[1:n]
	limit := 7
	if p.old || !point {
		limit = 3
	}
	if len(digits) > limit || len(digits) == 0 && !point {
		return s, false
	}
	if point {
		digits += strings.Repeat("0", 7-len(digits))
		p.ticks = int64(atoi(digits))
	} else {
		p.ticks = int64(atoi(digits)) * 10000
	}
	return s[n:], true
}

// zone reads Z or an offset. The old types know Z alone, and in ISO form.
func (p *dateParser) zone(s string, iso bool) bool {
	p.hasOffset = true
	if s == "Z" || s == "z" {
		return !p.old || iso
	}
	if p.old || len(s) != 6 || s[0] != '+' && s[0] != '-' || s[3] != ':' ||
		!isDigit(s[1]) || !isDigit(s[2]) || !isDigit(s[4]) || !isDigit(s[5]) {
		return false
	}
	h, m := atoi(s[1:3]), atoi(s[4:])
	p.offset = h*60 + m
	if m > 59 || p.offset > sqltype.MaxOffset {
		p.bad = true
	}
	if s[0] == '-' {
		p.offset = -p.offset
	}
	return true
}

// moment is what was read, if there is such a day and time.
func (p *dateParser) moment() (moment, bool) {
	var days int
	var ok bool
	if p.hijri && p.hasDate {
		days, ok = daysFromHijri(p.year, p.month, p.day)
	} else if p.hijri {
		days, ok = sqltype.BaseDay, true
	} else {
		days, ok = sqltype.DaysFromDate(p.year, p.month, p.day)
	}
	switch {
	case p.half == 'P' && p.hour < 12:
		p.hour += 12
	case p.half == 'A' && p.hour == 12:
		p.hour = 0
	}
	if !ok || p.bad || p.hour > 23 || p.minute > 59 || p.sec > 59 {
		return moment{}, false
	}
	ticks := int64(p.hour)*sqltype.TicksPerHour + int64(p.minute)*sqltype.TicksPerMinute + int64(p.sec)*sqltype.TicksPerSecond + p.ticks
	m := moment{days: days, ticks: ticks}
	if p.hasOffset && p.to == sqltype.DateTimeOffset {
		m.offset = p.offset
	}
	return m, true
}
