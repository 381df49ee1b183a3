package server

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"latchkey/internal/clock"
)

// How much of what clients without a login cause is written.
const (
	noticeWindow = time.Minute
	inFull       = 5    // of one address and one cause in a window, if there was no more than that in the window before
	mostInFull   = 60   // of all in a window; it halves, to leastInFull, while it does not suffice
	leastInFull  = 10   //
	mostCounted  = 1024 // addresses and causes that are counted by themselves
	mostSummed   = 8    // lines of counts in a window
)

// notices writes what clients that are not logged in cause to the log: the first of an address and a cause as they come, then how many
// more there were, once a minute. So nobody without a login fills the disk, or turns the log over until what it should tell is gone.
// It is safe for concurrent use.
type notices struct {
	clock clock.Clock
	log   *slog.Logger

	mu     sync.Mutex
	began  time.Time // of the window; zero before the first
	budget int       // lines in full that may be written in the window
	left   int
	by     map[source]*tally
	beyond int // notices of sources that are not counted by themselves
	timer  bool
	stop   chan struct{}
	closed bool
}

type source struct {
	from  netip.Prefix
	cause string
}

type tally struct {
	written, more int
	loud          bool // there was more than could be written in the window before
}

func newNotices(c clock.Clock, log *slog.Logger) *notices {
	return &notices{clock: c, log: log, budget: mostInFull, left: mostInFull, by: make(map[source]*tally), stop: make(chan struct{})}
}

// warn writes a notice, or counts it. cause is one of few words, not a text of the client.
func (n *notices) warn(from netip.Prefix, cause, text string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.turnLocked()
	k := source{from, cause}
	t := n.by[k]
	if t == nil && len(n.by) < mostCounted {
		t = &tally{}
		n.by[k] = t
	}
	if t != nil && !t.loud && t.written < inFull && n.left > 0 {
		n.left--
		t.written++
		n.log.Warn(text, args...)
		return
	}
	if t == nil {
		n.beyond++
	} else {
		t.more++
	}
	if !n.timer && !n.closed {
		n.timer = true
		go n.wait(n.began.Add(noticeWindow).Sub(n.clock.Now()))
	}
}

// wait writes the counts at the end of the window.
func (n *notices) wait(d time.Duration) {
	t := n.clock.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C():
	case <-n.stop:
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.timer = false
	if !n.closed {
		n.turnLocked()
	}
}

// turnLocked ends a window that is over.
func (n *notices) turnLocked() {
	now := n.clock.Now()
	if !n.began.IsZero() && now.Sub(n.began) < noticeWindow {
		return
	}
	n.sumLocked()
	if n.left == 0 {
		n.budget = max(leastInFull, n.budget/2)
	} else {
		n.budget = min(mostInFull, 2*n.budget)
	}
	quiet := now.Sub(n.began) >= 2*noticeWindow
	for k, t := range n.by {
		if t.more == 0 || quiet {
			delete(n.by, k)
			continue
		}
		n.by[k] = &tally{loud: true}
	}
	n.began, n.left, n.beyond = now, n.budget, 0
}

// sumLocked writes what was counted.
func (n *notices) sumLocked() {
	type line struct {
		source
		more int
	}
	var lines []line
	for k, t := range n.by {
		if t.more > 0 {
			lines = append(lines, line{k, t.more})
		}
	}
	slices.SortFunc(lines, func(a, b line) int {
		return cmp.Or(cmp.Compare(b.more, a.more), a.from.Addr().Compare(b.from.Addr()), cmp.Compare(a.cause, b.cause))
	})
	rest, sources := n.beyond, 0
	for i, l := range lines {
		if i >= mostSummed {
			rest += l.more
			sources++
			continue
		}
		n.log.Warn(fmt.Sprintf("... and %s more from %s", thousands(l.more), name(l.from)), "cause", l.cause, "seconds", int(n.clock.Now().Sub(n.began).Seconds()))
	}
	if rest > 0 {
		n.log.Warn(fmt.Sprintf("... and %s more from other addresses", thousands(rest)), "sources", fmt.Sprintf("%d or more", max(sources, 1)))
	}
}

// close writes what is left to write.
func (n *notices) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return
	}
	n.closed = true
	close(n.stop)
	n.sumLocked()
	clear(n.by)
	n.beyond = 0
}

func name(p netip.Prefix) string {
	switch {
	case !p.IsValid():
		return "an unknown address"
	case p.IsSingleIP():
		return p.Addr().String()
	}
	return p.String()
}

// thousands writes a count with commas.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
