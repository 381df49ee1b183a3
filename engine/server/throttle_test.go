package server_test

import (
	"fmt"
	"testing"
	"time"

	"latchkey/engine/server"
	"latchkey/internal/clock"
)

// The first failures cost nothing; then attempts are spaced further and further, and refused when the queue is long.
func TestThrottle(t *testing.T) {
	c := clock.NewFake(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	th := server.NewThrottle(c)
	const bad, good = "192.0.2.1", "192.0.2.2"
	try := func(a string) string {
		d, ok := th.Reserve(a)
		return fmt.Sprint(d, ok)
	}
	for range 5 {
		if got := try(bad); got != "0s true" {
			t.Errorf("a free attempt waits: %s", got)
		}
		th.Fail(bad)
	}
	if got := try(bad); got != "250ms true" {
		t.Errorf("the first that waits: %s", got)
	}
	for range 10 {
		th.Fail(bad)
	}
	if got := try(good); got != "0s true" {
		t.Errorf("another address waits: %s", got)
	}
	var refused int
	for range 10 { // at once: the gap is 4 s by now, so that the third would wait longer than a login lasts
		if _, ok := th.Reserve(bad); !ok {
			refused++
		}
	}
	if refused < 7 {
		t.Errorf("%d of 10 attempts were refused", refused)
	}
	c.Advance(16 * time.Minute)
	if got := try(bad); got != "0s true" {
		t.Errorf("it is not forgotten: %s", got)
	}
}

// One right password among many wrong ones does not clear an address, and addresses of one IPv6 network are one.
func TestThrottleCannotBeCleared(t *testing.T) {
	th := server.NewThrottle(clock.NewFake(time.Now()))
	for range 20 {
		th.Fail("2001:db8::1")
	}
	th.Succeed("2001:db8::1")
	if d, ok := th.Reserve("2001:db8::abcd"); ok && d == 0 {
		t.Error("it was cleared, or a neighbour is free")
	}
	if d, ok := th.Reserve("2001:db8:0:1::1"); !ok || d != 0 {
		t.Error("another network waits")
	}
	for i := range 3 * server.MostTracked {
		th.Fail(fmt.Sprintf("10.%d.%d.%d", i>>16&255, i>>8&255, i&255))
	}
	if n := th.Size(); n > server.MostTracked {
		t.Errorf("%d addresses are remembered", n)
	}
}
