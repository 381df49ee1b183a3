package akv

import (
	"fmt"
	"strconv"
	"time"
)

// Duration is an ISO 8601 duration in calendar units: years, months, weeks and days. Rotation policies use no smaller ones.
type Duration struct{ Years, Months, Days int }

// ParseDuration reads "P90D", "P2Y", "P1Y6M", "P4W". A part is at most five digits.
func ParseDuration(s string) (Duration, error) {
	bad := fmt.Errorf("%q is not an ISO 8601 duration of years, months, weeks and days such as \"P90D\"", s)
	if len(s) < 3 || s[0] != 'P' {
		return Duration{}, bad
	}
	var d Duration
	order := 0
	for rest := s[1:]; rest != ""; {
		i := 0
		for i < len(rest) && rest[i] >= '0' && rest[i] <= '9' {
			i++
		}
		if i == 0 || i > 5 || i == len(rest) {
			return Duration{}, bad
		}
		n, err := strconv.Atoi(rest[:i])
		if err != nil {
			return Duration{}, bad
		}
		rank := 0
		switch rest[i] {
		case 'Y':
			d.Years, rank = n, 1
		case 'M':
			d.Months, rank = n, 2
		case 'W':
			d.Days, rank = 7*n, 3
		case 'D':
			d.Days, rank = d.Days+n, 4
		}
		if rank <= order {
			return Duration{}, bad
		}
		order, rest = rank, rest[i+1:]
	}
	return d, nil
}

// After is t plus d.
func (d Duration) After(t time.Time) time.Time { return t.UTC().AddDate(d.Years, d.Months, d.Days) }

// Before is t less d.
func (d Duration) Before(t time.Time) time.Time { return t.UTC().AddDate(-d.Years, -d.Months, -d.Days) }

// AtLeast compares with a number of days, taking a month as 30 days and a year as 365.
func (d Duration) AtLeast(days int) bool { return d.Years*365+d.Months*30+d.Days >= days }
