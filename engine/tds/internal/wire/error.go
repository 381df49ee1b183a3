package wire

import (
	"errors"
	"fmt"
)

// Error says what is wrong with a message and at which byte of its body.
type Error struct {
	What   string // "column count 5000 is over 4096"
	Offset int
}

// Error names the byte.
func (e *Error) Error() string { return fmt.Sprintf("tds: %s at byte %d", e.What, e.Offset) }

// ErrIncomplete means that a message ends too early.
var ErrIncomplete = errors.New("tds: the message ends too early")
