package tds

import (
	"encoding/binary"

	"latchkey/engine/tds/internal/wire"
)

// LoginAck accepts a login.
type LoginAck struct {
	// Interface is 1, T-SQL.
	Interface uint8
	Version   Version
	Program   string
	// Server is the server's version: major, minor, build high, build low.
	Server [4]byte
}

func (m *LoginAck) decode(r *wire.Reader) {
	m.Interface = r.U8()
	if b := r.Bytes(4); b != nil {
		m.Version = Version(binary.BigEndian.Uint32(b))
	}
	m.Program = r.ShortText()
	copy(m.Server[:], r.Bytes(4))
}

// Append appends the token. The TDS version is the message's own, big-endian here and only here.
func (m *LoginAck) Append(dst []byte, _ Version) []byte {
	dst = append(dst, tokenLoginAck, 0, 0)
	at := len(dst) - 2
	dst = binary.BigEndian.AppendUint32(append(dst, m.Interface), uint32(m.Version))
	return wire.Patch16(append(wire.AppendShortText(dst, m.Program), m.Server[:]...), at)
}

// Feature is one request of a login's feature block, or one acknowledgement.
type Feature = wire.Feature

// The features of [MS-TDS] 2.2.6.4 that have a meaning here.
const (
	FeatureSessionRecovery = 0x01
	FeatureFedAuth         = 0x02
	FeatureColumnEncrypt   = 0x04
	FeatureUTF8            = 0x0A
)

// FeatureAck acknowledges features. Send it only to a client that asked, and only for what it asked.
type FeatureAck struct{ Features []Feature }

// Append appends the token.
func (m *FeatureAck) Append(dst []byte, _ Version) []byte {
	return wire.AppendFeatures(append(dst, tokenFeatureAck), m.Features)
}
