// Package retryafter reads how long a server asks to be left alone. [Read] takes the three headers that Azure's services use, in
// every form, and never answers with more than [Max] or less than nothing: what a server sends there is not to be trusted.
package retryafter

import (
	"errors"
	"net/http"
	"strconv"
	"time"
)

// Max bounds what a server may ask for.
const Max = time.Hour

// Read reads the three headers that Azure's services use; seconds, milliseconds or an HTTP date.
func Read(h http.Header, now time.Time) time.Duration {
	for _, name := range []string{"retry-after-ms", "x-ms-retry-after-ms"} {
		if d, ok := count(h.Get(name), time.Millisecond); ok {
			return d
		}
	}
	v := h.Get("Retry-After")
	if d, ok := count(v, time.Second); ok {
		return d
	}
	if at, err := http.ParseTime(v); err == nil {
		if theirs, err := http.ParseTime(h.Get("Date")); err == nil {
			now = theirs // the date is by the server's clock, which ours may be far from
		}
		return min(max(at.Sub(now), 0), Max)
	}
	return 0
}

// count reads a number of units up to Max; a number beyond what an integer holds counts as that.
func count(s string, unit time.Duration) (time.Duration, bool) {
	n, err := strconv.ParseUint(s, 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange), err == nil && n >= uint64(Max/unit):
		return Max, true
	case err != nil:
		return 0, false
	}
	return time.Duration(n) * unit, true
}
