package tds

import (
	"fmt"

	"latchkey/engine/tds/internal/wire"
)

// Version is the TDS version of a LOGIN7 message, as its little-endian number.
type Version uint32

// The versions that exist. V71 and older are refused at login.
const (
	V70  Version = 0x70000000
	V71  Version = 0x71000001
	V72  Version = 0x72090002
	V73A Version = 0x730A0003
	V73B Version = 0x730B0003
	V74  Version = 0x74000004
	V80  Version = 0x08000000
)

// Negotiate is the version to answer to one that a client asks for: the newest that both know. False for 7.1 and older, and
// for numbers that are no version.
func Negotiate(asked Version) (Version, bool) {
	if asked>>24 == 0x08 {
		return V80, true
	}
	switch asked >> 16 {
	case 0x7209:
		return V72, true
	case 0x730A:
		return V73A, true
	case 0x730B:
		return V73B, true
	}
	if asked>>24 >= 0x74 && asked>>24 < 0x80 {
		return V74, true
	}
	return V71, false
}

// Old reports 7.0 and 7.1, which have four-byte row counts and two-byte line numbers.
func (v Version) Old() bool { return v>>24 == 0x70 || v>>24 == 0x71 }

// HasDateTypes reports whether date, time, datetime2 and datetimeoffset exist (7.3 and later); older clients get nvarchar.
func (v Version) HasDateTypes() bool { return v == V80 || v>>24 >= 0x73 }

// HasNBCRow reports whether rows with a bitmap of NULLs exist (7.3B and later).
func (v Version) HasNBCRow() bool { return v == V80 || v >= V73B && v>>24 >= 0x73 }

// HasFeatures reports whether FEATUREEXTACK exists (7.4 and later).
func (v Version) HasFeatures() bool { return v == V80 || v>>24 >= 0x74 }

// String is the version as people write it: 7.4.
func (v Version) String() string {
	switch {
	case v == V80:
		return "8.0"
	case v>>24 >= 0x70 && v>>24 <= 0x74:
		return fmt.Sprintf("7.%d", v>>24&0xF)
	}
	return fmt.Sprintf("%#08x", uint32(v))
}

// DecodeText reads UTF-16LE, as names and statements have it. Halves of surrogate pairs become U+FFFD.
func DecodeText(b []byte) string { return wire.DecodeText(b) }

// AppendText appends s as UTF-16LE.
func AppendText(dst []byte, s string) []byte { return wire.AppendText(dst, s) }
