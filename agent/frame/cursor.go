package frame

import (
	"encoding/binary"
	"fmt"
)

// cursor reads the fields of a body. The first error stays; what is read after it is zero.
type cursor struct {
	b    []byte
	what string // of what message, for errors
	err  error
}

func (c *cursor) fail(kind error, format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("%w: %s: %s", kind, c.what, fmt.Sprintf(format, args...))
	}
}

func (c *cursor) raw(n int, field string) []byte {
	if c.err != nil || n > len(c.b) {
		c.fail(ErrMalformed, "%s is cut off", field)
		return nil
	}
	out := c.b[:n:n]
	c.b = c.b[n:]
	return out
}

func (c *cursor) u8(field string) uint8 {
	if b := c.raw(1, field); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) u16(field string) uint16 {
	if b := c.raw(2, field); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (c *cursor) u32(field string) uint32 {
	if b := c.raw(4, field); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (c *cursor) u64(field string) uint64 {
	if b := c.raw(8, field); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// bytes reads a field of variable length within bounds.
func (c *cursor) bytes(field string, lowest, highest int) []byte {
	n := c.u32(field)
	if c.err != nil {
		return nil
	}
	if n > MaxBody || int(n) < lowest || int(n) > highest {
		c.fail(ErrBounds, "%s has %d bytes, allowed are %d to %d", field, n, lowest, highest)
		return nil
	}
	return c.raw(int(n), field)
}

// wide is bytes that hold UTF-16: an even number of them.
func (c *cursor) wide(field string, lowest, highest int) []byte {
	b := c.bytes(field, lowest, highest)
	if len(b)%2 != 0 {
		c.fail(ErrBounds, "%s has %d bytes, which is odd", field, len(b))
		return nil
	}
	return b
}

// end is for requests: nothing may follow.
func (c *cursor) end() error {
	if c.err == nil && len(c.b) > 0 {
		c.fail(ErrMalformed, "%d bytes follow", len(c.b))
	}
	return c.err
}

// appendBytes appends a length and b.
func appendBytes[T []byte | string](out []byte, b T) []byte {
	return append(binary.LittleEndian.AppendUint32(out, uint32(len(b))), b...)
}

// bounds checks a field that is to be sent.
func bounds(message, field string, n, lowest, highest int) error {
	if n < lowest || n > highest {
		return fmt.Errorf("%w: %s: %s has %d bytes, allowed are %d to %d", ErrBounds, message, field, n, lowest, highest)
	}
	return nil
}
