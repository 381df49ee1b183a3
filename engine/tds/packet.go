package tds

import (
	"encoding/binary"

	"latchkey/engine/tds/internal/wire"
)

// PacketType is the first byte of a packet: what its message is.
type PacketType uint8

// The packet types of [MS-TDS] 2.2.3.1.1.
const (
	PacketBatch     PacketType = 0x01
	PacketOldLogin  PacketType = 0x02 // before 7.0
	PacketRPC       PacketType = 0x03
	PacketReply     PacketType = 0x04
	PacketAttention PacketType = 0x06
	PacketBulk      PacketType = 0x07
	PacketFedAuth   PacketType = 0x08
	PacketTransMgr  PacketType = 0x0E
	PacketLogin     PacketType = 0x10
	PacketSSPI      PacketType = 0x11
	PacketPrelogin  PacketType = 0x12 // TLS records of the handshake travel in these too
)

// TLSHandshake is the first byte of a connection that begins with TLS: TDS 8.0.
const TLSHandshake = 0x16

// Status is a packet's status bits.
type Status uint8

// The status bits. The two resets count in the first packet of a batch, an RPC or a transaction manager request.
const (
	StatusEnd           Status = 0x01 // the last packet of its message
	StatusIgnore        Status = 0x02 // with StatusEnd: the client gave the message up
	StatusReset         Status = 0x08
	StatusResetKeepTran Status = 0x10
)

// HeaderSize is the size of a packet's header. A packet's length counts it.
const HeaderSize = 8

// The bounds of a negotiated packet size. Before login it is DefaultPacketSize.
const (
	MinPacketSize     = 512
	DefaultPacketSize = 4096
	MaxPacketSize     = 32767
	MaxPacketSizeTLS  = 16383 // what clients take inside TLS
)

// Header is a packet's header.
type Header struct {
	Type   PacketType
	Status Status
	Length int // with the header
	SPID   uint16
	ID     uint8
	Window uint8
}

// DecodeHeader reads a header. It fails if the length is under HeaderSize or over limit.
func DecodeHeader(b []byte, limit int) (Header, error) {
	if len(b) < HeaderSize {
		return Header{}, ErrIncomplete
	}
	h := Header{
		Type: PacketType(b[0]), Status: Status(b[1]), Length: int(binary.BigEndian.Uint16(b[2:])),
		SPID: binary.BigEndian.Uint16(b[4:]), ID: b[6], Window: b[7],
	}
	if h.Length < HeaderSize || h.Length > limit {
		r := wire.Reader{At: 2}
		r.Fail("packet length %d is not between %d and %d", h.Length, HeaderSize, limit)
		return h, r.Err
	}
	return h, nil
}

// Append appends the header.
func (h Header) Append(dst []byte) []byte {
	return append(dst, byte(h.Type), byte(h.Status), byte(h.Length>>8), byte(h.Length), byte(h.SPID>>8), byte(h.SPID), h.ID, h.Window)
}

// AppendPackets cuts a message into packets of at most size bytes (with headers) and appends them; the last one carries
// StatusEnd. Packet ids count from id, and the next is returned.
func AppendPackets(dst []byte, h Header, body []byte, size int) (out []byte, nextID uint8) {
	room := max(size, MinPacketSize) - HeaderSize
	first := h.Status
	for {
		n := min(len(body), room)
		h.Length = n + HeaderSize
		h.Status = first
		if n == len(body) {
			h.Status |= StatusEnd
		}
		dst = append(h.Append(dst), body[:n]...)
		body = body[n:]
		h.ID++
		first &^= StatusReset | StatusResetKeepTran
		if len(body) == 0 {
			return dst, h.ID
		}
	}
}
