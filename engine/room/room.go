// Package room keeps what statements compute from taking the machine's memory: who is about to make a large value asks first, and is
// refused while the process has more than it may. Few connections hold huge values at once: the others wait for their place.
//
// Make one [Room] for a server and put it into the contexts of its sessions with [With]; functions ask with [Ask], which allows everything
// where there is none. Values below [Large] do not ask: they are what statements are made of, and their number is bounded by sizes of
// rows, caches and connections.
//
// What is promised: once the process is over the bound, and what nobody uses any more was given back, no large value is made until it is
// below it again. It is no account of who has what: one session that fills the memory makes large values fail in all, with message 701, until its
// own are gone; everything else goes on. On Linux the process's resident memory is what counts, elsewhere what Go has of the system.
package room

import (
	"bytes"
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"latchkey/engine/sqltype"
	"latchkey/internal/clock"
)

// Large is the size from which a value must be asked for, in bytes.
const Large = 1 << 20

// Largest is the most bytes that a value of a max type has here. SQL Server has 2,147,483,647.
const Largest = 64 << 20

// Huge is the size from which a value takes one of the places for them, in bytes: see Place.
const Huge = 8 << 20

const (
	each  = 640 << 20              // bytes that a session with huge values may come to have: in SQLite, as rows, in its reply
	wait  = 10 * time.Second       // for a place
	pause = 250 * time.Millisecond // for which no second attempt is made to give memory back
	fresh = 50 * time.Millisecond  // for which what was asked for may not show in the process yet
)

// Room is the memory that there is. It is safe for concurrent use.
type Room struct {
	limit  int64
	used   func() int64
	free   func()
	clock  clock.Clock
	places chan struct{}

	// When Tight looked last and what it saw, nil if it never did. All sessions read it with each request, and few write it.
	seen atomic.Pointer[look]

	mu      sync.Mutex
	asked   int64 // since began
	began   time.Time
	swept   time.Time // when free was called last
	refused int64
}

// look is what Tight saw.
type look struct {
	at    time.Time
	tight bool
}

// New makes a Room of so many bytes for the whole process; 0 is half of the machine's memory, at least 1 GiB. A nil clock is the machine's.
func New(limit int64, c clock.Clock) *Room {
	if limit <= 0 {
		limit = max(machine()/2, 1<<30)
	}
	if c == nil {
		c = clock.System{}
	}
	return &Room{limit: limit, used: resident, free: debug.FreeOSMemory, clock: c, places: make(chan struct{}, max(1, limit/each))}
}

// Place waits for one of the places of connections that hold huge values, of which there are as many as fit into the memory; the caller must
// give it back. The error is message 8645 after 10 s, or that of ctx. Without a Room in ctx there is always one.
func Place(ctx context.Context) (give func(), err error) {
	r, _ := ctx.Value(key{}).(*Room)
	if r == nil {
		return func() {}, nil
	}
	give = func() { <-r.places }
	select {
	case r.places <- struct{}{}:
		return give, nil
	default:
	}
	t := r.clock.NewTimer(wait)
	defer t.Stop()
	select {
	case r.places <- struct{}{}:
		return give, nil
	case <-t.C():
		return nil, &sqltype.Error{Number: 8645, Level: 17, State: 1, Message: "A timeout occurred while waiting for memory resources to execute the query in resource pool 'default' (2). Rerun the query."}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Limit is what the Room was made with, in bytes.
func (r *Room) Limit() int64 { return r.limit }

// Refused is how often a value was refused.
func (r *Room) Refused() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refused
}

// Tight reports whether more than three quarters are taken: what is kept for later only should go. It looks a few times in a second. A nil
// Room never is.
func (r *Room) Tight() bool {
	if r == nil {
		return false
	}
	now := r.clock.Now()
	if l := r.seen.Load(); l.good(now) {
		return l.tight
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.seen.Load()
	if !l.good(now) { // nobody else looked meanwhile
		l = &look{now, r.used() > r.limit/4*3}
		r.seen.Store(l)
	}
	return l.tight
}

// good reports whether what was seen still holds.
func (l *look) good(now time.Time) bool { return l != nil && now.Sub(l.at) < pause }

type key struct{}

// With gives a context whose statements ask r.
func With(ctx context.Context, r *Room) context.Context { return context.WithValue(ctx, key{}, r) }

// Ask must be called before a value of n bytes is made. The error is message 7119 for more than Largest, 701 where there is no room, or that
// of ctx: so a long computation that asks as it grows can be cancelled.
func Ask(ctx context.Context, n int) error {
	if n > Largest {
		return TooLarge()
	}
	if n < Large {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	r, _ := ctx.Value(key{}).(*Room)
	if r == nil || r.take(int64(n)) {
		return nil
	}
	return NoMemory()
}

// TooLarge is message 7119: the value is over Largest.
func TooLarge() error {
	return &sqltype.Error{Number: 7119, Level: 16, State: 1, Message: "Attempting to grow LOB beyond maximum allowed size of " + strconv.Itoa(Largest) + " bytes."}
}

// NoMemory is message 701.
func NoMemory() error {
	return &sqltype.Error{Number: 701, Level: 17, State: 123, Message: "There is insufficient system memory in resource pool 'default' to run this query."}
}

// take reports whether there is room for n bytes. Several who ask at once are counted together, since what they make shows in the process
// only when it is written to.
func (r *Room) take(n int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.clock.Now()
	if now.Sub(r.began) > fresh {
		r.began, r.asked = now, 0
	}
	full := func() bool { return r.used()+r.asked+n > r.limit }
	if full() {
		if now.Sub(r.swept) >= pause {
			r.swept = now
			r.free()
		}
		if full() {
			r.refused++
			return false
		}
	}
	r.asked += n
	return true
}

// resident is how much memory the process has, in bytes.
func resident() int64 {
	if b, err := os.ReadFile("/proc/self/statm"); err == nil {
		if f := bytes.Fields(b); len(f) > 1 {
			if n, err := strconv.ParseInt(string(f[1]), 10, 64); err == nil {
				return n * int64(os.Getpagesize())
			}
		}
	}
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64() - s[1].Value.Uint64())
}

// machine is the memory of the machine, or of the group of processes that this one is in if that has less; 0 if it cannot be told.
func machine() (n int64) {
	b, err := os.ReadFile("/proc/meminfo")
	if err == nil {
		for line := range bytes.Lines(b) {
			if f := bytes.Fields(line); len(f) > 1 && string(f[0]) == "MemTotal:" {
				k, _ := strconv.ParseInt(string(f[1]), 10, 64)
				n = k << 10
			}
		}
	}
	for _, file := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		b, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		if k, err := strconv.ParseInt(string(bytes.TrimSpace(b)), 10, 64); err == nil && k > 0 && (n == 0 || k < n) {
			n = k
		}
	}
	return n
}
