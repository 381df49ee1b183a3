package server

import (
	"context"
	"fmt"
	"log/slog"
	"net"

	"latchkey/internal/clock"
)

// Throttle is the throttle by itself.
type Throttle struct{ t *throttle }

// NewThrottle makes one.
func NewThrottle(c clock.Clock) Throttle { return Throttle{newThrottle(c)} }

// Ask is how long an attempt must wait: "now", a duration, "later" for those that wait for others' outcome, or "refused".
func (t Throttle) Ask(a string) string {
	d, settled, ok := t.t.ask(network(addr(a)))
	switch {
	case !ok:
		return "refused"
	case settled != nil:
		t.t.woken(network(addr(a)))
		return "later"
	case d == 0:
		return "now"
	}
	return fmt.Sprint(d)
}

// Fail, Succeed and Abandon say what came of an attempt.
func (t Throttle) Fail(a string)    { t.t.settle(network(addr(a)), failed) }
func (t Throttle) Succeed(a string) { t.t.settle(network(addr(a)), succeeded) }
func (t Throttle) Abandon(a string) { t.t.settle(network(addr(a)), abandoned) }

// Enter waits as a login does.
func (t Throttle) Enter(ctx context.Context, a string) (bool, error) {
	return t.t.enter(ctx, network(addr(a)))
}

// Size is how many addresses are remembered.
func (t Throttle) Size() int { return len(t.t.by) }

func addr(a string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(a)} }

// MostTracked is how many addresses are remembered.
const MostTracked = mostTracked

// Notices are the notices by themselves.
type Notices struct{ n *notices }

// NewNotices makes them.
func NewNotices(c clock.Clock, log *slog.Logger) Notices { return Notices{newNotices(c, log)} }

// Warn and Close are their own.
func (n Notices) Warn(from, cause, text string) { n.n.warn(network(addr(from)), cause, text) }
func (n Notices) Close()                        { n.n.close() }

// NoticeWindow is how long counts are gathered.
const NoticeWindow = noticeWindow
