package server

import (
	"net"
	"time"

	"latchkey/internal/clock"
)

// Throttle is the throttle by itself.
type Throttle struct{ t *throttle }

// NewThrottle makes one.
func NewThrottle(c clock.Clock) Throttle { return Throttle{newThrottle(c)} }

// Reserve, Fail, Succeed and Size are its own, by the text of an address.
func (t Throttle) Reserve(a string) (time.Duration, bool) { return t.t.reserve(network(addr(a))) }
func (t Throttle) Fail(a string)                          { t.t.fail(network(addr(a))) }
func (t Throttle) Succeed(a string)                       { t.t.succeed(network(addr(a))) }
func (t Throttle) Size() int                              { return len(t.t.by) }

func addr(a string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(a)} }

// MostTracked is how many addresses are remembered.
const MostTracked = mostTracked
