package server_test

import (
	"context"
	"fmt"
	"sync"
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
	for range 5 {
		if got := th.Ask(bad); got != "now" {
			t.Errorf("a free attempt: %s", got)
		}
		th.Fail(bad)
	}
	if got := th.Ask(bad); got != "250ms" {
		t.Errorf("the first that waits: %s", got)
	}
	th.Fail(bad)
	for range 9 {
		c.Advance(time.Minute)
		if got := th.Ask(bad); got != "now" {
			t.Errorf("after a minute: %s", got)
		}
		th.Fail(bad)
	}
	if got := th.Ask(good); got != "now" {
		t.Errorf("another address: %s", got)
	}
	th.Succeed(good)
	var refused, asked int
	for range 10 { // at once: the gap is 4 s by now, so that the third would wait longer than a login lasts
		if th.Ask(bad) == "refused" {
			refused++
		} else {
			asked++
		}
	}
	if refused < 7 {
		t.Errorf("%d of 10 attempts were refused", refused)
	}
	for range asked {
		th.Abandon(bad)
	}
	c.Advance(16 * time.Minute)
	if got := th.Ask(bad); got != "now" {
		t.Errorf("it is not forgotten: %s", got)
	}
}

// A burst gets no further than attempts one by one: five are looked at, the others wait for what comes of those.
func TestBurst(t *testing.T) {
	c := clock.NewFake(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	th := server.NewThrottle(c)
	const from = "192.0.2.1"
	ctx, cancel := context.WithCancel(t.Context())
	let, refused := make(chan struct{}, 64), make(chan struct{}, 64)
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			switch ok, err := th.Enter(ctx, from); {
			case ok:
				let <- struct{}{}
			case err == nil:
				refused <- struct{}{}
			}
		})
	}
	for range 5 {
		<-let
	}
	for range 5 {
		if len(let) != 0 {
			t.Fatal("more than five are looked at")
		}
		th.Fail(from)
	}
	for range 64 - 5 - 5 { // of those that remain, as many are refused as the queue has no room for: 0.25, 0.75, 1.75, 3.75 and 7.75 s
		<-refused
	}
	if len(let) != 0 {
		t.Error("one is looked at without waiting")
	}
	cancel()
	all.Wait()
	if got := th.Ask(from); got == "now" {
		t.Error("the failures are forgotten")
	}
}

// A pool of an application that opens many connections with the right password is never refused.
func TestPoolIsNotThrottled(t *testing.T) {
	th := server.NewThrottle(clock.NewFake(time.Now()))
	const from = "192.0.2.1"
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			if ok, err := th.Enter(t.Context(), from); !ok || err != nil {
				t.Errorf("%v, %v", ok, err)
				return
			}
			th.Succeed(from)
		})
	}
	all.Wait()
	if n := th.Size(); n != 0 {
		t.Errorf("%d addresses are remembered", n)
	}
}

// One right password among many wrong ones does not clear an address, and addresses of one IPv6 network are one.
func TestThrottleCannotBeCleared(t *testing.T) {
	c := clock.NewFake(time.Now())
	th := server.NewThrottle(c)
	fail := func(a string) {
		for th.Ask(a) == "refused" {
			c.Advance(10 * time.Second)
		}
		th.Fail(a)
	}
	for range 20 {
		fail("2001:db8::1")
	}
	for th.Ask("2001:db8::1") == "refused" {
		c.Advance(10 * time.Second)
	}
	th.Succeed("2001:db8::1")
	if got := th.Ask("2001:db8::abcd"); got == "now" {
		t.Error("it was cleared, or a neighbour is free")
	}
	if got := th.Ask("2001:db8:0:1::1"); got != "now" {
		t.Errorf("another network: %s", got)
	}
	for i := range 3 * server.MostTracked {
		fail(fmt.Sprintf("10.%d.%d.%d", i>>16&255, i>>8&255, i&255))
	}
	if n := th.Size(); n > server.MostTracked {
		t.Errorf("%d addresses are remembered", n)
	}
}
