package login

import (
	"encoding/binary"

	"latchkey/engine/tds"

	"latchkey/engine/tds/internal/wire"

	"latchkey/internal/secret"
)

// Login is LOGIN7 ([MS-TDS] 2.2.6.4).
type Login struct {
	Version       tds.Version
	PacketSize    uint32
	ClientVersion uint32
	ClientPID     uint32
	ConnectionID  uint32
	Option1       uint8
	Option2       uint8
	TypeFlags     uint8
	Option3       uint8
	TimeZone      int32
	LCID          uint32

	HostName   string
	UserName   string
	Password   *secret.Bytes // UTF-16LE, not obfuscated; nil in a message without one
	AppName    string
	ServerName string
	Library    string // CltIntName
	Language   string
	Database   string
	ClientID   [6]byte
	SSPI       []byte
	AttachFile string
	// NewPassword is a change of the password at login.
	NewPassword *secret.Bytes
	Features    []tds.Feature
}

// The flags of a login that a server looks at.
const (
	Option1InitDBFatal  = 0x40 // fail if the database cannot be used
	Option1UseDBNotify  = 0x20 // answer USE with messages
	Option2ODBC         = 0x02 // ANSI defaults on
	Option2SSPI         = 0x80 // integrated security
	TypeReadOnly        = 0x20 // read-only intent
	Option3Extension    = 0x10 // a feature block follows
	Option3UserInstance = 0x02
)

const (
	loginFixed = 94
	maxLogin   = wire.MaxFeature
	maxName    = 128 // characters of every name
	maxFile    = 260
)

// Version reads the version of a LOGIN7 body, also of one that Decode refuses, so that the refusal can be written for it.
func Version(b []byte) tds.Version {
	if len(b) < 8 {
		return 0
	}
	return tds.Version(binary.LittleEndian.Uint32(b[4:]))
}

// Decode reads a LOGIN7 body of version 7.2 or later. The passwords are copied into secrets and overwritten in b.
func (l *Login) Decode(b []byte) error {
	*l = Login{}
	r := wire.Reader{B: b}
	size := r.U32()
	if len(b) > maxLogin || r.Err == nil && int64(size) != int64(len(b)) {
		r.Fail("login of %d bytes says that it has %d", len(b), size)
		return r.Err
	}
	l.Version, l.PacketSize, l.ClientVersion, l.ClientPID, l.ConnectionID = tds.Version(r.U32()), r.U32(), r.U32(), r.U32(), r.U32()
	l.Option1, l.Option2, l.TypeFlags, l.Option3 = r.U8(), r.U8(), r.U8(), r.U8()
	l.TimeZone, l.LCID = int32(r.U32()), r.U32()
	if r.Err == nil && l.Version.Old() {
		r.Fail("TDS %s is too old: 7.2 is the first version served", l.Version)
	}
	field := func(what string, limit int) []byte {
		off, n := int(r.U16()), int(r.U16())
		if r.Err != nil || n == 0 {
			return nil
		}
		if n > limit {
			r.Fail("%s of %d characters in the login is over %d", what, n, limit)
			return nil
		}
		if off < loginFixed || off+2*n > len(b) {
			r.Fail("%s lies outside the login", what)
			return nil
		}
		return b[off : off+2*n]
	}
	l.HostName = wire.DecodeText(field("host name", maxName))
	l.UserName = wire.DecodeText(field("user name", maxName))
	password := field("password", maxName)
	l.AppName = wire.DecodeText(field("application name", maxName))
	l.ServerName = wire.DecodeText(field("server name", maxName))
	extOff, extSize := int(r.U16()), int(r.U16())
	l.Library = wire.DecodeText(field("library name", maxName))
	l.Language = wire.DecodeText(field("language", maxName))
	l.Database = wire.DecodeText(field("database", maxName))
	copy(l.ClientID[:], r.Bytes(6))
	sspiOff, sspiSize := int(r.U16()), int(r.U16())
	l.AttachFile = wire.DecodeText(field("file name", maxFile))
	newPassword := field("new password", maxName)
	sspiLong := r.U32()
	l.Password, l.NewPassword = takePassword(password), takePassword(newPassword)
	if r.Err != nil {
		return r.Err
	}
	if sspiSize == 0xFFFF && sspiLong > 0 {
		sspiSize = int(min(sspiLong, maxLogin))
	}
	if sspiSize > 0 {
		if sspiOff < loginFixed || sspiOff+sspiSize > len(b) {
			r.Fail("the security token lies outside the login")
			return r.Err
		}
		l.SSPI = b[sspiOff : sspiOff+sspiSize : sspiOff+sspiSize]
	}
	if l.Option3&Option3Extension != 0 {
		l.features(&r, extOff, extSize)
	}
	return r.Err
}

// features follows the pointer in the extension field to the list of features.
func (l *Login) features(r *wire.Reader, off, size int) {
	if off < loginFixed || size < 4 || off+4 > len(r.B) {
		r.Fail("the feature block lies outside the login")
		return
	}
	at := binary.LittleEndian.Uint32(r.B[off:])
	if at < loginFixed || int64(at) >= int64(len(r.B)) {
		r.Fail("the feature list lies outside the login")
		return
	}
	r.At = int(at)
	l.Features = wire.DecodeFeatures(r)
}

// takePassword undoes the obfuscation (swapped halves, then XOR 0xA5) into a secret and overwrites b.
func takePassword(b []byte) *secret.Bytes {
	if len(b) == 0 {
		return nil
	}
	for i, c := range b {
		c ^= 0xA5
		b[i] = c<<4 | c>>4
	}
	return secret.Take(b)
}

func hidePassword(s *secret.Bytes) []byte {
	out := make([]byte, s.Len())
	for i, c := range s.Expose() {
		out[i] = (c<<4 | c>>4) ^ 0xA5
	}
	return out
}

// Append appends the body, as a client would send it.
func (l *Login) Append(dst []byte) []byte {
	start := len(dst)
	dst = append(dst, make([]byte, loginFixed)...)
	extension := 0
	put := func(at, off, n int) {
		binary.LittleEndian.PutUint16(dst[start+at:], uint16(off))
		binary.LittleEndian.PutUint16(dst[start+at+2:], uint16(n))
	}
	for i, n := range []uint32{0, uint32(l.Version), l.PacketSize, l.ClientVersion, l.ClientPID, l.ConnectionID} {
		binary.LittleEndian.PutUint32(dst[start+4*i:], n)
	}
	copy(dst[start+24:], []byte{l.Option1, l.Option2, l.TypeFlags, l.Option3})
	binary.LittleEndian.PutUint32(dst[start+28:], uint32(l.TimeZone))
	binary.LittleEndian.PutUint32(dst[start+32:], l.LCID)
	text := func(at int, b []byte) {
		put(at, len(dst)-start, len(b)/2)
		dst = append(dst, b...)
	}
	utf16le := func(s string) []byte { return wire.AppendText(nil, s) }
	text(36, utf16le(l.HostName))
	text(40, utf16le(l.UserName))
	text(44, hidePassword(l.Password))
	text(48, utf16le(l.AppName))
	text(52, utf16le(l.ServerName))
	if l.Option3&Option3Extension != 0 {
		put(56, len(dst)-start, 4)
		extension = len(dst)
		dst = append(dst, 0, 0, 0, 0)
	}
	text(60, utf16le(l.Library))
	text(64, utf16le(l.Language))
	text(68, utf16le(l.Database))
	copy(dst[start+72:], l.ClientID[:])
	put(78, len(dst)-start, len(l.SSPI))
	dst = append(dst, l.SSPI...)
	text(82, utf16le(l.AttachFile))
	text(86, hidePassword(l.NewPassword))
	if l.Option3&Option3Extension != 0 {
		binary.LittleEndian.PutUint32(dst[extension:], uint32(len(dst)-start))
		dst = wire.AppendFeatures(dst, l.Features)
	}
	binary.LittleEndian.PutUint32(dst[start:], uint32(len(dst)-start))
	return dst
}
