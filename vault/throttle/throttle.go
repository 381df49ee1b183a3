// Package throttle counts vault transactions against the service's published limits, so that a client meets the same 429 here as there.
//
// Use [New] with a [Profile]; the zero Profile is off and lets everything pass. Limits are per vault and ten seconds, each
// call weighed by its key: a 4096-bit HSM operation costs as much as eight of the 2048-bit kind. All vaults of a
// subscription together may use five times one vault's limit. Refused calls do not count. A Managed HSM has no such limits:
// do not ask for it.
//
// Windows are fixed, ten seconds from the first call: a client may spend two windows' worth around an edge, as with the real service.
package throttle

import (
	"sync"
	"time"

	"latchkey/internal/clock"
)

// Window is the period that limits are counted over.
const Window = 10 * time.Second

// Profile is a set of limits in calls per Window for a 2048-bit key. Zero fields do not limit.
type Profile struct {
	CreateHSM, CreateSoftware int
	OtherHSM, OtherSoftware   int
	// Subscription is how many vaults' worth of calls all vaults of a subscription may make together.
	Subscription int
}

// Off limits nothing.
func Off() Profile { return Profile{} }

// Real has the limits that the service publishes.
func Real() Profile {
	return Profile{CreateHSM: 10, CreateSoftware: 20, OtherHSM: 2000, OtherSoftware: 4000, Subscription: 5}
}

// Bucket says which limit a call counts against.
type Bucket uint8

// The buckets.
const (
	None   Bucket = iota // not counted
	Create               // create, import, rotate, release, restore
	Other                // everything else
)

// Call is one transaction.
type Call struct {
	Subscription, Vault string
	Bucket              Bucket
	HSM                 bool
	RSABits             int // 0 for other keys and for calls without a key
}

// weight is what a call takes of its bucket, in 2048-bit operations.
func (c Call) weight() int {
	if c.Bucket == Create {
		return 1
	}
	switch {
	case c.RSABits > 3072:
		return 8
	case c.RSABits > 2048:
		return 4
	}
	return 1
}

// Limiter counts. It is safe for concurrent use.
type Limiter struct {
	profile Profile
	clock   clock.Clock

	mu   sync.Mutex
	used map[bucketKey]*window
}

type bucketKey struct {
	owner  string // "v" + vault or "s" + subscription
	bucket Bucket
	hsm    bool
}

type window struct {
	ends time.Time
	used int
}

// New makes a Limiter. A nil clock is the system's.
func New(p Profile, c clock.Clock) *Limiter {
	if c == nil {
		c = clock.System{}
	}
	return &Limiter{profile: p, clock: c, used: map[bucketKey]*window{}}
}

// Allow counts a call and returns 0, or returns how long to wait and counts nothing.
func (l *Limiter) Allow(c Call) time.Duration {
	limit := l.profile.limit(c)
	if limit == 0 {
		return 0
	}
	now := l.clock.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	vault := l.windowLocked(bucketKey{"v" + c.Vault, c.Bucket, c.HSM}, now)
	if vault.used+c.weight() > limit {
		return vault.ends.Sub(now)
	}
	if l.profile.Subscription > 0 {
		sub := l.windowLocked(bucketKey{"s" + c.Subscription, c.Bucket, c.HSM}, now)
		if sub.used+c.weight() > limit*l.profile.Subscription {
			return sub.ends.Sub(now)
		}
		sub.used += c.weight()
	}
	vault.used += c.weight()
	return 0
}

func (p Profile) limit(c Call) int {
	switch {
	case c.Bucket == Create && c.HSM:
		return p.CreateHSM
	case c.Bucket == Create:
		return p.CreateSoftware
	case c.Bucket == Other && c.HSM:
		return p.OtherHSM
	case c.Bucket == Other:
		return p.OtherSoftware
	}
	return 0
}

// windowLocked finds the current window. The map is bounded by the vaults that exist, since callers resolve a vault first.
func (l *Limiter) windowLocked(k bucketKey, now time.Time) *window {
	w := l.used[k]
	if w == nil {
		w = &window{}
		l.used[k] = w
	}
	// A clock set back must not leave a window that never ends.
	if !now.Before(w.ends) || w.ends.Sub(now) > Window {
		w.ends, w.used = now.Add(Window), 0
	}
	return w
}
