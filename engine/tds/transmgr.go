package tds

import "latchkey/engine/tds/internal/wire"

// TransMgr is a transaction manager request ([MS-TDS] 2.2.6.9).
type TransMgr struct {
	Headers Headers
	Request TransMgrType
	// Isolation is 0 (as it is) to 5 (snapshot): of a begin, or of what a commit or rollback begins anew.
	Isolation uint8
	Name      string
	// BeginAfter reports that a commit or rollback begins another transaction, NextName and Isolation being its.
	BeginAfter bool
	NextName   string
	// Payload of the distributed requests, which are refused.
	Payload []byte
}

// TransMgrType is the kind of request.
type TransMgrType uint16

// The kinds.
const (
	TransDTCAddress TransMgrType = 0
	TransPropagate  TransMgrType = 1
	TransBegin      TransMgrType = 5
	TransPromote    TransMgrType = 6
	TransCommit     TransMgrType = 7
	TransRollback   TransMgrType = 8
	TransSave       TransMgrType = 9
)

// Distributed reports the requests of distributed transactions.
func (t TransMgrType) Distributed() bool { return t <= TransPropagate || t == TransPromote }

// Decode reads the body of a request.
func (m *TransMgr) Decode(b []byte) error {
	*m = TransMgr{}
	r := wire.Reader{B: b}
	m.Headers.decode(&r)
	m.Request = TransMgrType(r.U16())
	switch m.Request {
	case TransDTCAddress, TransPropagate, TransPromote:
		m.Payload = r.Bytes(r.Left())
	case TransBegin:
		m.Isolation, m.Name = isolation(&r), byteText(&r)
	case TransCommit, TransRollback:
		m.Name = byteText(&r)
		if m.BeginAfter = r.U8()&1 != 0; m.BeginAfter {
			m.Isolation, m.NextName = isolation(&r), byteText(&r)
		}
	case TransSave:
		m.Name = byteText(&r)
	default:
		r.Fail("transaction manager request %d", m.Request)
	}
	return r.End()
}

func isolation(r *wire.Reader) uint8 {
	n := r.U8()
	if n > 5 {
		r.Fail("isolation level %d", n)
	}
	return n
}

// byteText is text behind a count of bytes.
func byteText(r *wire.Reader) string {
	n := int(r.U8())
	if n%2 != 0 {
		r.Fail("a name of %d bytes", n)
		return ""
	}
	return r.Text(n / 2)
}

func appendByteText(dst []byte, s string) []byte {
	s = wire.Cut(s, 127)
	return wire.AppendText(append(dst, byte(2*wire.TextLen(s))), s)
}

// Append appends the body.
func (m *TransMgr) Append(dst []byte) []byte {
	dst = wire.U16(m.Headers.append(dst), uint16(m.Request))
	switch m.Request {
	case TransBegin:
		return appendByteText(append(dst, m.Isolation), m.Name)
	case TransCommit, TransRollback:
		dst = appendByteText(dst, m.Name)
		if !m.BeginAfter {
			return append(dst, 0)
		}
		return appendByteText(append(dst, 1, m.Isolation), m.NextName)
	case TransSave:
		return appendByteText(dst, m.Name)
	}
	return append(dst, m.Payload...)
}
