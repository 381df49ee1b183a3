package frame

import (
	"encoding/binary"
	"fmt"
)

// magic begins the bodies of Hello's request and response.
const magic = "LATCHKEY"

// maxWord bounds names of algorithms, clients and versions, maxText and maxReason the texts of failures, maxURI keys' URIs.
const (
	maxWord   = 128
	maxText   = 1024
	maxReason = 256
	maxURI    = 2048
)

// HelloRequest begins a connection.
type HelloRequest struct {
	Lowest, Highest uint16 // versions spoken
	Features        uint32
	Client          string // for logs
}

// Append appends the body.
func (m HelloRequest) Append(b []byte) []byte {
	b = append(b, magic...)
	b = binary.LittleEndian.AppendUint16(b, m.Lowest)
	b = binary.LittleEndian.AppendUint16(b, m.Highest)
	b = binary.LittleEndian.AppendUint32(b, m.Features)
	return appendBytes(b, m.Client)
}

// ParseHelloRequest reads the body. It lets bytes follow: the request's shape holds for all versions.
func ParseHelloRequest(body []byte) (HelloRequest, error) {
	c := cursor{b: body, what: "hello"}
	if string(c.raw(len(magic), "the first word")) != magic {
		c.fail(ErrMalformed, "it does not begin with %q", magic)
	}
	m := HelloRequest{Lowest: c.u16("lowest"), Highest: c.u16("highest"), Features: c.u32("features")}
	m.Client = string(c.bytes("client", 0, maxWord))
	if m.Lowest == 0 || m.Lowest > m.Highest {
		c.fail(ErrMalformed, "versions %d to %d", m.Lowest, m.Highest)
	}
	if c.err != nil {
		return HelloRequest{}, c.err
	}
	return m, nil
}

// Choose is the highest version that both sides speak; 0 if there is none.
func (m HelloRequest) Choose() uint16 {
	v := min(m.Highest, Version)
	if v < m.Lowest || v < Lowest {
		return 0
	}
	return v
}

// HelloResponse is the agent's answer.
type HelloResponse struct {
	Version     uint16
	Features    uint32
	MaxBody     uint32
	MaxDeadline uint32 // milliseconds
	Instance    [16]byte
	Agent       string // its version, for logs
}

// Append appends the body.
func (m HelloResponse) Append(b []byte) []byte {
	b = append(b, magic...)
	b = binary.LittleEndian.AppendUint16(b, m.Version)
	b = binary.LittleEndian.AppendUint16(b, 0)
	b = binary.LittleEndian.AppendUint32(b, m.Features)
	b = binary.LittleEndian.AppendUint32(b, m.MaxBody)
	b = binary.LittleEndian.AppendUint32(b, m.MaxDeadline)
	b = append(b, m.Instance[:]...)
	return appendBytes(b, m.Agent)
}

// ParseHelloResponse reads the body.
func ParseHelloResponse(body []byte) (HelloResponse, error) {
	c := cursor{b: body, what: "hello's answer"}
	if string(c.raw(len(magic), "the first word")) != magic {
		c.fail(ErrMalformed, "it does not begin with %q", magic)
	}
	m := HelloResponse{Version: c.u16("version")}
	c.u16("reserved")
	m.Features, m.MaxBody, m.MaxDeadline = c.u32("features"), c.u32("max body"), c.u32("max deadline")
	copy(m.Instance[:], c.raw(len(m.Instance), "instance"))
	m.Agent = string(c.bytes("agent", 0, maxWord))
	if c.err == nil && (m.Version < Lowest || m.Version > Version) {
		c.fail(ErrMalformed, "version %d", m.Version)
	}
	if c.err != nil {
		return HelloResponse{}, c.err
	}
	return m, nil
}

// Failure is the body of a response whose code is not 0. Class is that of package keystore.
type Failure struct {
	Class      uint32
	Status     uint32
	RetryAfter uint32 // milliseconds
	Sent       bool
	Text       string // one line, no secrets
	Reason     string
}

// Append appends the body, its texts cut to their bounds.
func (m Failure) Append(b []byte) []byte {
	sent := uint32(0)
	if m.Sent {
		sent = 1
	}
	for _, v := range []uint32{m.Class, m.Status, m.RetryAfter, sent} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	b = appendBytes(b, cut(m.Text, maxText))
	return appendBytes(b, cut(m.Reason, maxReason))
}

// cut shortens s to n bytes, not within a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n]
}

// ParseFailure reads the body.
func ParseFailure(body []byte) (Failure, error) {
	c := cursor{b: body, what: "failure"}
	m := Failure{Class: c.u32("class"), Status: c.u32("status"), RetryAfter: c.u32("retry after")}
	m.Sent = c.u32("sent") != 0
	m.Text = string(c.bytes("text", 0, maxText))
	m.Reason = string(c.bytes("reason", 0, maxReason))
	if c.err != nil {
		return Failure{}, c.err
	}
	return m, nil
}

// PingResponse is what an agent says of itself.
type PingResponse struct {
	Uptime      uint64 // milliseconds
	Connections uint32
	Sessions    uint32
	Running     uint32 // calls
	Going       bool
}

// Append appends the body.
func (m PingResponse) Append(b []byte) []byte {
	state := uint32(0)
	if m.Going {
		state = 1
	}
	b = binary.LittleEndian.AppendUint64(b, m.Uptime)
	for _, v := range []uint32{m.Connections, m.Sessions, m.Running, state} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return b
}

// ParsePingResponse reads the body.
func ParsePingResponse(body []byte) (PingResponse, error) {
	c := cursor{b: body, what: "ping's answer"}
	m := PingResponse{Uptime: c.u64("uptime"), Connections: c.u32("connections"), Sessions: c.u32("sessions"), Running: c.u32("running")}
	m.Going = c.u32("state") != 0
	if c.err != nil {
		return PingResponse{}, c.err
	}
	return m, nil
}

// ParseEmpty checks the body of a request that has none.
func ParseEmpty(op Op, body []byte) error {
	if len(body) > 0 {
		return fmt.Errorf("%w: %v: %d bytes follow", ErrMalformed, op, len(body))
	}
	return nil
}
