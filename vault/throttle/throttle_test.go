package throttle_test

import (
	"testing"
	"time"

	"latchkey/internal/clock"
	"latchkey/vault/throttle"
)

func start() *clock.Fake { return clock.NewFake(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)) }

// count calls until the first refusal.
func count(l *throttle.Limiter, c throttle.Call) int {
	for n := 0; ; n++ {
		if l.Allow(c) != 0 || n > 100_000 {
			return n
		}
	}
}

func TestPublishedLimits(t *testing.T) {
	for _, c := range []struct {
		name string
		call throttle.Call
		want int
	}{
		{"RSA-2048 software", throttle.Call{Bucket: throttle.Other, RSABits: 2048}, 4000},
		{"RSA-3072 software", throttle.Call{Bucket: throttle.Other, RSABits: 3072}, 1000},
		{"RSA-4096 software", throttle.Call{Bucket: throttle.Other, RSABits: 4096}, 500},
		{"EC software", throttle.Call{Bucket: throttle.Other}, 4000},
		{"RSA-2048 HSM", throttle.Call{Bucket: throttle.Other, HSM: true, RSABits: 2048}, 2000},
		{"RSA-3072 HSM", throttle.Call{Bucket: throttle.Other, HSM: true, RSABits: 3072}, 500},
		{"RSA-4096 HSM", throttle.Call{Bucket: throttle.Other, HSM: true, RSABits: 4096}, 250},
		{"EC HSM", throttle.Call{Bucket: throttle.Other, HSM: true}, 2000},
		{"create software", throttle.Call{Bucket: throttle.Create, RSABits: 4096}, 20},
		{"create HSM", throttle.Call{Bucket: throttle.Create, HSM: true}, 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.call.Vault, c.call.Subscription = "v", "s"
			if got := count(throttle.New(throttle.Real(), start()), c.call); got != c.want {
				t.Errorf("passed %d calls, want %d", got, c.want)
			}
		})
	}
}

func TestWeightedSum(t *testing.T) {
	l := throttle.New(throttle.Real(), start())
	for range 125 { // half of the 250
		if l.Allow(throttle.Call{Vault: "v", Bucket: throttle.Other, HSM: true, RSABits: 4096}) != 0 {
			t.Fatal("refused too early")
		}
	}
	if got := count(l, throttle.Call{Vault: "v", Bucket: throttle.Other, HSM: true, RSABits: 2048}); got != 1000 {
		t.Errorf("passed %d more, want the other half: 1000", got)
	}
}

func TestWindowEnds(t *testing.T) {
	clk := start()
	l := throttle.New(throttle.Real(), clk)
	call := throttle.Call{Vault: "v", Bucket: throttle.Create}
	count(l, call)
	clk.Advance(4 * time.Second)
	if got := l.Allow(call); got != 6*time.Second {
		t.Fatalf("wait is %v, want 6s", got)
	}
	clk.Advance(6 * time.Second)
	if got := count(l, call); got != 20 {
		t.Errorf("passed %d in the new window, want 20", got)
	}
	clk.Set(clk.Now().Add(-time.Hour))
	if got := l.Allow(call); got != 0 {
		t.Errorf("a clock set back by an hour makes callers wait %v", got)
	}
}

func TestSubscription(t *testing.T) {
	l := throttle.New(throttle.Real(), start())
	total := 0
	for _, v := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		total += count(l, throttle.Call{Subscription: "s", Vault: v, Bucket: throttle.Create})
	}
	if total != 100 {
		t.Errorf("seven vaults made %d creates, want 5 x 20", total)
	}
}

func TestOff(t *testing.T) {
	l := throttle.New(throttle.Off(), nil)
	for range 10_000 {
		if l.Allow(throttle.Call{Bucket: throttle.Create}) != 0 {
			t.Fatal("the off profile refused")
		}
	}
}
