package tds

import "latchkey/engine/tds/internal/wire"

// DoneKind says which of the three DONE tokens it is. The zero value is DONE.
type DoneKind uint8

// The kinds: DONE behind a statement of a batch, DONEINPROC behind one inside a procedure, DONEPROC behind the procedure.
const (
	DonePlain  DoneKind = tokenDone
	DoneProc   DoneKind = tokenDoneProc
	DoneInProc DoneKind = tokenDoneInProc
)

// DoneStatus are the bits of a DONE.
type DoneStatus uint16

// The bits. The last DONE of a reply has no DoneMore.
const (
	DoneMore      DoneStatus = 0x01
	DoneError     DoneStatus = 0x02
	DoneInTran    DoneStatus = 0x04
	DoneCount     DoneStatus = 0x10 // Rows counts
	DoneAttention DoneStatus = 0x20 // the answer to an attention
	DoneRPCBatch  DoneStatus = 0x80
	DoneSrvError  DoneStatus = 0x100 // severe: throw the result away
)

// CommandSelect is the Command of a DONE behind a SELECT, which some clients look for.
const CommandSelect = 0xC1

// Done ends a statement or a procedure.
type Done struct {
	Kind    DoneKind
	Status  DoneStatus
	Command uint16
	Rows    uint64
}

// Append appends the token.
func (m *Done) Append(dst []byte, v Version) []byte {
	kind := m.Kind
	if kind == 0 {
		kind = DonePlain
	}
	dst = wire.U16(wire.U16(append(dst, byte(kind)), uint16(m.Status)), m.Command)
	if v.Old() {
		return wire.U32(dst, uint32(min(m.Rows, 1<<32-1)))
	}
	return wire.U64(dst, m.Rows)
}
