package room

import "latchkey/internal/clock"

// NewWith makes a Room over a memory that a test has.
func NewWith(limit int64, used func() int64, free func(), c clock.Clock) *Room {
	if c == nil {
		c = clock.System{}
	}
	return &Room{limit: limit, used: used, free: free, clock: c, places: make(chan struct{}, 1)}
}

// Resident is the process's memory.
func Resident() int64 { return resident() }
