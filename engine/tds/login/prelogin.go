package login

import (
	"encoding/binary"

	"latchkey/engine/tds/internal/wire"
)

// Encryption is the ENCRYPTION option of a prelogin message.
type Encryption uint8

// The values of the option. EncryptStrict is what go-mssqldb sends inside TDS 8.0.
const (
	EncryptOff    Encryption = 0 // TLS for the login packet alone
	EncryptOn     Encryption = 1
	EncryptNotSup Encryption = 2
	EncryptReq    Encryption = 3
	EncryptStrict Encryption = 4
)

// Prelogin is the message in both directions ([MS-TDS] 2.2.6.5). Options that are nil or false are absent.
type Prelogin struct {
	Version     [6]byte // major, minor, build (big-endian), sub-build
	HasEncrypt  bool
	Encrypt     Encryption
	Instance    []byte // with its zero byte; the server answers one byte, 0 for "that is me"
	ThreadID    []byte // 4 bytes, or none from a server
	MARS        *uint8
	TraceID     []byte // 36 bytes
	FedAuth     *uint8
	Nonce       []byte // 32 bytes
	HasThreadID bool
}

const (
	preVersion = iota
	preEncryption
	preInstance
	preThreadID
	preMARS
	preTraceID
	preFedAuth
	preNonce
	preEnd = 0xFF
)

// maxOptions bounds the options of a prelogin message: eight are known, unknown ones are passed over.
const maxOptions = 32

// Decode reads a prelogin body. Unknown options are ignored; one that appears twice, or has a wrong size, is an error.
func (p *Prelogin) Decode(b []byte) error {
	*p = Prelogin{}
	r := wire.Reader{B: b}
	var seen [256]bool
	for n := 0; ; n++ {
		id := r.U8()
		if r.Err != nil || id == preEnd {
			break
		}
		if n == maxOptions {
			r.Fail("more than %d prelogin options", maxOptions)
			break
		}
		where := r.Bytes(4)
		if r.Err != nil {
			break
		}
		off, size := int(binary.BigEndian.Uint16(where)), int(binary.BigEndian.Uint16(where[2:]))
		if off+size > len(b) || seen[id] {
			r.Fail("prelogin option %d is outside the message or there twice", id)
			break
		}
		seen[id] = true
		p.option(&r, id, b[off:off+size:off+size])
	}
	if r.Err == nil && !seen[preVersion] {
		r.Fail("prelogin without a version")
	}
	return r.Err
}

func (p *Prelogin) option(r *wire.Reader, id uint8, data []byte) {
	size := func(want ...int) bool {
		for _, n := range want {
			if len(data) == n {
				return true
			}
		}
		r.Fail("prelogin option %d has %d bytes", id, len(data))
		return false
	}
	switch id {
	case preVersion:
		if size(6) {
			copy(p.Version[:], data)
		}
	case preEncryption:
		if size(1) {
			p.HasEncrypt, p.Encrypt = true, Encryption(data[0])
		}
	case preInstance:
		p.Instance = data
	case preThreadID:
		if size(0, 4) {
			p.HasThreadID, p.ThreadID = true, data
		}
	case preMARS:
		if size(1) {
			p.MARS = &data[0]
		}
	case preTraceID:
		if size(0, 36) {
			p.TraceID = data
		}
	case preFedAuth:
		if size(1) {
			p.FedAuth = &data[0]
		}
	case preNonce:
		if size(32) {
			p.Nonce = data
		}
	}
}

// Append appends the body, options in the order of their numbers.
func (p *Prelogin) Append(dst []byte) []byte {
	type option struct {
		id   byte
		data []byte
	}
	opts := []option{{preVersion, p.Version[:]}}
	add := func(on bool, id byte, data ...byte) {
		if on {
			opts = append(opts, option{id, data})
		}
	}
	add(p.HasEncrypt, preEncryption, byte(p.Encrypt))
	add(p.Instance != nil, preInstance, p.Instance...)
	add(p.HasThreadID, preThreadID, p.ThreadID...)
	if p.MARS != nil {
		add(true, preMARS, *p.MARS)
	}
	add(p.TraceID != nil, preTraceID, p.TraceID...)
	if p.FedAuth != nil {
		add(true, preFedAuth, *p.FedAuth)
	}
	add(p.Nonce != nil, preNonce, p.Nonce...)
	off := 5*len(opts) + 1
	for _, o := range opts {
		dst = append(dst, o.id, byte(off>>8), byte(off), byte(len(o.data)>>8), byte(len(o.data)))
		off += len(o.data)
	}
	dst = append(dst, preEnd)
	for _, o := range opts {
		dst = append(dst, o.data...)
	}
	return dst
}
