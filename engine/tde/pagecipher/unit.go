package pagecipher

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// Sizes in bytes.
const (
	PageSize = 4096                // of a page, in memory and on disk
	Reserved = 32                  // of a page's end, that SQLite leaves to us
	Payload  = PageSize - Reserved // of a page, that SQLite uses

	FrameHeader = 24                     // of a WAL frame, as SQLite sees it
	Frame       = FrameHeader + PageSize // of a WAL frame, as SQLite sees it
	WALHeader   = 32                     // of a WAL file, as SQLite sees it

	DiskFrame     = 16 + 8 + 8 + PageSize // of a WAL frame on disk
	DiskWALHeader = WALHeader + Reserved  // of a WAL file's header on disk

	nonceSize = 12
	tagSize   = 16
	labelSize = 4 // slot 2, flags 1, spare 1: the end of every unit
)

// FileID identifies one database file. It is random and public.
type FileID [16]byte

// Slot names a sub-key: bit 15 is the parity of the DEK's generation, the rest its epoch from 1. 0 means plain.
type Slot uint16

// MaxEpoch is the last epoch of a DEK.
const MaxEpoch = 1<<15 - 1

// MakeSlot is the slot of an epoch of a DEK of this generation.
func MakeSlot(generation uint32, epoch uint16) Slot {
	return Slot(generation&1)<<15 | Slot(epoch&MaxEpoch)
}

// Epoch is the epoch of a slot.
func (s Slot) Epoch() uint16 { return uint16(s) & MaxEpoch }

// Parity is the generation's lowest bit.
func (s Slot) Parity() uint32 { return uint32(s >> 15) }

// Kind is what a unit is part of.
type Kind uint8

// The kinds of units. The numbers are part of the format.
const (
	Main   Kind = 1 // a page of the main file; its number is the page's, from 1
	WAL    Kind = 2 // a frame of the write-ahead log; its number is the frame's, from 1
	WALTop Kind = 3 // the header of the write-ahead log; number 0
	Temp   Kind = 4 // a block of a temporary file
)

// The flags of a unit: exactly one is set.
const (
	flagSealed = 1
	flagPlain  = 2
)

// State is what a unit on disk looks like.
type State uint8

// The states of a unit.
const (
	Hole    State = iota // all zeros: never written
	Plain                // in clear, with a checksum
	Sealed               // encrypted
	Invalid              // none of these
)

// ErrCorrupt matches every error about the content of a unit.
var ErrCorrupt = errors.New("content does not authenticate")

// Error tells what is wrong with a unit. It matches [ErrCorrupt].
type Error struct {
	Kind   Kind
	Number uint64
	Reason string
}

// Error names the unit and the reason.
func (e *Error) Error() string {
	name := map[Kind]string{Main: "page", WAL: "log frame", WALTop: "log header", Temp: "temporary block"}[e.Kind]
	return fmt.Sprintf("%s %d: %s", name, e.Number, e.Reason)
}

// Is matches ErrCorrupt.
func (e *Error) Is(target error) bool { return target == ErrCorrupt }

func label(unit []byte) (Slot, byte, byte) {
	l := unit[len(unit)-labelSize:]
	return Slot(binary.BigEndian.Uint16(l)), l[2], l[3]
}

// Look tells the state of a unit by its label, and its slot if it is sealed. It does not authenticate.
func Look(unit []byte) (State, Slot) {
	if len(unit) < labelSize {
		return Invalid, 0
	}
	slot, flags, spare := label(unit)
	switch {
	case flags == flagSealed && spare == 0 && slot.Epoch() != 0:
		return Sealed, slot
	case flags == flagPlain && spare == 0 && slot == 0:
		return Plain, 0
	case isZero(unit):
		return Hole, 0
	}
	return Invalid, 0
}

func isZero(b []byte) bool {
	for len(b) >= 8 {
		if binary.NativeEndian.Uint64(b) != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) } // the package caches it
