package server_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"latchkey/engine/server"
	"latchkey/internal/clock"
)

// What clients without a login cause is written in full a few times, then as a count; other addresses and causes are not lost in it.
func TestNotices(t *testing.T) {
	c := clock.NewFake(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	out := &lockedBuffer{}
	n := server.NewNotices(c, slog.New(slog.NewTextHandler(out, nil)))
	defer n.Close()
	for range 4317 {
		n.Warn("10.0.0.7", "login failed", "Login failed for user 'sa'.")
	}
	n.Warn("10.0.0.8", "login failed", "Login failed for user 'app'.")
	n.Warn("10.0.0.7", "turned away", "a connection was turned away")
	if got := strings.Count(out.String(), "user 'sa'"); got != 5 {
		t.Errorf("%d in full", got)
	}
	if !strings.Contains(out.String(), "user 'app'") || !strings.Contains(out.String(), "turned away") {
		t.Errorf("others are lost:\n%s", out)
	}
	if err := c.BlockUntil(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	c.Advance(server.NoticeWindow)
	until(t, func() bool { return strings.Contains(out.String(), "... and 4,312 more from 10.0.0.7") })

	// Who goes on like that is a line a minute; who stops is written in full again.
	for range 100 {
		n.Warn("10.0.0.7", "login failed", "Login failed for user 'sa'.")
	}
	if got := strings.Count(out.String(), "user 'sa'"); got != 5 {
		t.Errorf("%d in full in the next minute", got-5)
	}
	if err := c.BlockUntil(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	c.Advance(3 * server.NoticeWindow)
	until(t, func() bool { return strings.Contains(out.String(), "... and 100 more from 10.0.0.7") })
	c.Advance(3 * server.NoticeWindow)
	n.Warn("10.0.0.7", "login failed", "Login failed for user 'sa'.")
	if got := strings.Count(out.String(), "user 'sa'"); got != 6 {
		t.Errorf("%d in full after a rest", got-5)
	}
}

// However many addresses there are, a minute is a bounded number of lines, and all are counted.
func TestNoticesOfManyAddresses(t *testing.T) {
	c := clock.NewFake(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	out := &lockedBuffer{}
	n := server.NewNotices(c, slog.New(slog.NewTextHandler(out, nil)))
	const minutes, each = 20, 5000
	for range minutes {
		for i := range each {
			n.Warn(fmt.Sprintf("10.1.%d.%d", i>>8, i&255), "turned away", "away")
		}
		c.Advance(server.NoticeWindow)
	}
	n.Close()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) > minutes*35 {
		t.Errorf("%d lines in %d minutes", len(lines), minutes)
	}
	total := 0
	for _, l := range lines {
		if strings.Contains(l, "msg=away") {
			total++
			continue
		}
		_, after, ok := strings.Cut(l, "... and ")
		count, _, _ := strings.Cut(after, " ")
		var k int
		if _, err := fmt.Sscan(strings.ReplaceAll(count, ",", ""), &k); err != nil || !ok {
			t.Fatalf("line %q", l)
		}
		total += k
	}
	if total != minutes*each {
		t.Errorf("%d of %d are accounted for", total, minutes*each)
	}
}
