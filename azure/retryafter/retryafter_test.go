package retryafter_test

import (
	"net/http"
	"testing"
	"time"

	"latchkey/azure/retryafter"
)

func TestRetryAfterOfAnySizeIsBounded(t *testing.T) {
	now := time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	date := func(d time.Duration) string { return now.Add(d).Format(http.TimeFormat) }
	for _, tc := range []struct {
		name, value, date string
		want              time.Duration
	}{
		{"Retry-After", "7", "", 7 * time.Second},
		{"Retry-After", "-7", "", 0},
		{"Retry-After", "", "", 0},
		{"Retry-After", "1.5", "", 0},
		{"Retry-After", "soon", "", 0},
		{"Retry-After", "4000000000", "", time.Hour},
		{"Retry-After", "9223372036854775807", "", time.Hour},
		{"Retry-After", "99999999999999999999999999", "", time.Hour},
		{"retry-after-ms", "250", "", 250 * time.Millisecond},
		{"x-ms-retry-after-ms", "99999999999999999999999999", "", time.Hour},
		{"Retry-After", date(9 * time.Second), "", 9 * time.Second},
		{"Retry-After", date(-9 * time.Second), "", 0},
		{"Retry-After", date(10000 * time.Hour), "", time.Hour},
		{"Retry-After", date(10 * time.Minute), date(10*time.Minute - 3*time.Second), 3 * time.Second}, // by the server's clock
	} {
		h := http.Header{}
		h.Set(tc.name, tc.value)
		if tc.date != "" {
			h.Set("Date", tc.date)
		}
		if got := retryafter.Read(h, now); got != tc.want {
			t.Errorf("%s: %s (Date %s) = %v, want %v", tc.name, tc.value, tc.date, got, tc.want)
		}
	}
}
