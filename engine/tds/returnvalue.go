package tds

import "latchkey/engine/tds/internal/wire"

// ReturnValue is an output parameter.
type ReturnValue struct {
	Ordinal  uint16
	Name     string // as the client wrote it, with its @
	Function bool   // the value of a function instead
	UserType uint32
	Flags    ColumnFlags
	Type     TypeInfo
	Value    []byte // nil is NULL
}

func (m *ReturnValue) decode(r *wire.Reader, l Limits) {
	m.Ordinal, m.Name = r.U16(), r.ShortText()
	m.Function = r.U8() == 2
	m.UserType, m.Flags = r.U32(), ColumnFlags(r.U16())
	m.Type.decode(r)
	if r.Err == nil {
		m.Value = m.Type.cell(r, l, false)
	}
}

// AppendHead appends the token up to the value, which the caller appends by TypeInfo.AppendCell or BeginCell.
func (m *ReturnValue) AppendHead(dst []byte, v Version) []byte {
	dst = wire.AppendShortText(wire.U16(append(dst, tokenReturnValue), m.Ordinal), m.Name)
	status := byte(1)
	if m.Function {
		status = 2
	}
	dst = append(dst, status)
	if v.Old() {
		dst = wire.U16(dst, uint16(m.UserType))
	} else {
		dst = wire.U32(dst, m.UserType)
	}
	return m.Type.append(wire.U16(dst, uint16(m.Flags)))
}

// Append appends the token.
func (m *ReturnValue) Append(dst []byte, v Version) []byte {
	return m.Type.AppendCell(m.AppendHead(dst, v), m.Value, false)
}

// ReturnStatus is the number that a procedure returned.
type ReturnStatus struct{ Value int32 }

// Append appends the token.
func (m *ReturnStatus) Append(dst []byte, _ Version) []byte {
	return wire.U32(append(dst, tokenReturnStatus), uint32(m.Value))
}

// Order names the columns that the rows are sorted by, counted from 1.
type Order struct{ Columns []uint16 }

// Append appends the token.
func (m *Order) Append(dst []byte, _ Version) []byte {
	dst = append(dst, tokenOrder, 0, 0)
	at := len(dst) - 2
	for _, c := range m.Columns {
		dst = wire.U16(dst, c)
	}
	return wire.Patch16(dst, at)
}
