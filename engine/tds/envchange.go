package tds

import "latchkey/engine/tds/internal/wire"

// EnvType is what an ENVCHANGE is about.
type EnvType uint8

// The types that a server sends.
const (
	EnvDatabase   EnvType = 1
	EnvLanguage   EnvType = 2
	EnvPacketSize EnvType = 4
	EnvCollation  EnvType = 7 // 5 bytes
	EnvBegin      EnvType = 8 // New is the transaction's descriptor
	EnvCommit     EnvType = 9 // Old is
	EnvRollback   EnvType = 10
	EnvTransEnded EnvType = 17
	EnvResetDone  EnvType = 18
)

// EnvChange tells a client about its session. The texts are for the types up to EnvPacketSize, the bytes for the others.
type EnvChange struct {
	Type               EnvType
	New, Old           string
	NewBytes, OldBytes []byte
}

// Descriptor is a transaction's descriptor as an ENVCHANGE has it.
func Descriptor(id uint64) []byte { return wire.U64(nil, id) }

func (t EnvType) isText() bool { return t <= EnvPacketSize }

func (m *EnvChange) decode(r *wire.Reader) {
	m.Type = EnvType(r.U8())
	if m.Type.isText() {
		m.New, m.Old = r.ShortText(), r.ShortText()
		return
	}
	if b := r.Bytes(int(r.U8())); len(b) > 0 {
		m.NewBytes = b
	}
	if b := r.Bytes(int(r.U8())); len(b) > 0 {
		m.OldBytes = b
	}
}

// Append appends the token.
func (m *EnvChange) Append(dst []byte, _ Version) []byte {
	dst = append(dst, tokenEnvChange, 0, 0, byte(m.Type))
	at := len(dst) - 3
	if m.Type.isText() {
		return wire.Patch16(wire.AppendShortText(wire.AppendShortText(dst, m.New), m.Old), at)
	}
	for _, b := range [][]byte{m.NewBytes, m.OldBytes} {
		b = b[:min(len(b), 255)]
		dst = append(append(dst, byte(len(b))), b...)
	}
	return wire.Patch16(dst, at)
}
