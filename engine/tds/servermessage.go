package tds

import "latchkey/engine/tds/internal/wire"

// Message is an ERROR, or an INFO if its Info is set.
type Message struct {
	Info      bool
	Number    int32
	State     uint8
	Class     uint8 // severity
	Text      string
	Server    string
	Procedure string
	Line      uint32 // from 1 in the batch
}

func (m *Message) decode(r *wire.Reader) {
	m.Number, m.State, m.Class = int32(r.U32()), r.U8(), r.U8()
	m.Text, m.Server, m.Procedure, m.Line = r.LongText(), r.ShortText(), r.ShortText(), r.U32()
}

// maxMessageText keeps the token's 16-bit length from overflowing, whatever the names are.
const maxMessageText = 32000

// Append appends the token. Text over 32,000 UTF-16 units less the names is cut.
func (m *Message) Append(dst []byte, v Version) []byte {
	token := byte(tokenError)
	if m.Info {
		token = tokenInfo
	}
	dst = append(dst, token, 0, 0)
	at := len(dst) - 2
	dst = append(wire.U32(dst, uint32(m.Number)), m.State, m.Class)
	dst = wire.AppendLongText(dst, wire.Cut(m.Text, maxMessageText))
	dst = wire.AppendShortText(wire.AppendShortText(dst, m.Server), m.Procedure)
	if v.Old() {
		dst = wire.U16(dst, uint16(min(m.Line, 0xFFFF)))
	} else {
		dst = wire.U32(dst, m.Line)
	}
	return wire.Patch16(dst, at)
}
