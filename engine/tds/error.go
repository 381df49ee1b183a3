package tds

import (
	"fmt"

	"latchkey/engine/tds/internal/wire"
)

// Error says what is wrong with a message and at which byte of its body.
type Error = wire.Error

// ErrIncomplete means that a message ends too early. For [BulkDecoder] it asks for more bytes.
var ErrIncomplete = wire.ErrIncomplete

// TypeError means a data type that this package does not decode.
type TypeError struct{ ID TypeID }

// Error names the type.
func (e *TypeError) Error() string {
	return fmt.Sprintf("tds: data type %#02x is not supported", uint8(e.ID))
}
