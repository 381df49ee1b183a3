package tds

import "latchkey/engine/tds/internal/wire"

// Headers is ALL_HEADERS, in front of a batch, an RPC or a transaction manager request.
type Headers struct {
	// Transaction is the descriptor that ENVCHANGE 8 gave, 0 outside a transaction.
	Transaction uint64
	// Outstanding is the number of requests under way, always 1 without MARS.
	Outstanding uint32
	// Trace is the activity id, 20 bytes, or nil.
	Trace []byte
	// Notification is a query notification request, which nothing here serves, or nil.
	Notification []byte
}

const (
	headerNotification = 1
	headerTransaction  = 2
	headerTrace        = 3
)

func (h *Headers) decode(r *wire.Reader) {
	start := r.At
	total := r.U32()
	if r.Err != nil {
		return
	}
	if total < 4 || int64(total) > int64(len(r.B)-start) {
		r.Fail("headers of %d bytes", total)
		return
	}
	end := start + int(total)
	seen := [4]bool{}
	for r.At < end && r.Err == nil {
		at := r.At
		n, typ := r.U32(), r.U16()
		if r.Err == nil && (n < 6 || int64(n) > int64(end-at)) {
			r.Fail("header of %d bytes", n)
			return
		}
		data := r.Bytes(int(n) - 6)
		if r.Err != nil {
			return
		}
		if typ < 1 || typ > headerTrace {
			r.Fail("header type %d", typ)
			return
		}
		if seen[typ] {
			r.Fail("header type %d is there twice", typ)
			return
		}
		seen[typ] = true
		switch typ {
		case headerNotification:
			h.Notification = data
		case headerTransaction:
			in := wire.Reader{B: data}
			h.Transaction, h.Outstanding = in.U64(), in.U32()
			if in.End() != nil {
				r.Fail("transaction header of %d bytes", n)
			}
		case headerTrace:
			if len(data) != 20 && len(data) != 0 {
				r.Fail("trace header of %d bytes", n)
			}
			h.Trace = data
		}
	}
}

func (h *Headers) append(dst []byte) []byte {
	total := 4 + 18
	if h.Trace != nil {
		total += 6 + len(h.Trace)
	}
	if h.Notification != nil {
		total += 6 + len(h.Notification)
	}
	dst = wire.U32(dst, total)
	if h.Notification != nil {
		dst = append(wire.U16(wire.U32(dst, 6+len(h.Notification)), headerNotification), h.Notification...)
	}
	dst = wire.U32(wire.U64(wire.U16(wire.U32(dst, 18), headerTransaction), h.Transaction), h.Outstanding)
	if h.Trace != nil {
		dst = append(wire.U16(wire.U32(dst, 6+len(h.Trace)), headerTrace), h.Trace...)
	}
	return dst
}
