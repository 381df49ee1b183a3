package tds

import "latchkey/engine/tds/internal/wire"

// Column is a column of a result or of a bulk load.
type Column struct {
	UserType uint32
	Flags    ColumnFlags
	Type     TypeInfo
	// Table is the table's name in its parts, for text, ntext and image. In a bulk load it is one text, and so one part.
	Table []string
	Name  string
}

// ColumnFlags are a column's properties.
type ColumnFlags uint16

// The flags. Updatable is 0 read-only, 4 yes, 8 unknown.
const (
	ColumnNullable        ColumnFlags = 0x01
	ColumnCaseSensitive   ColumnFlags = 0x02
	ColumnUpdatable       ColumnFlags = 0x04
	ColumnUpdateUnknown   ColumnFlags = 0x08
	ColumnIdentity        ColumnFlags = 0x10
	ColumnComputed        ColumnFlags = 0x20
	ColumnFixedLengthCLR  ColumnFlags = 0x100
	ColumnHidden          ColumnFlags = 0x2000
	ColumnKey             ColumnFlags = 0x4000
	ColumnNullableUnknown ColumnFlags = 0x8000
)

// ColMetadata describes the rows that follow.
type ColMetadata struct {
	// Columns may be nil: a statement that gives no rows in answer to a prepare.
	Columns []Column
}

const noMetadata = 0xFFFF

// decode reads the token behind its first byte. bulk is for that of a bulk load, where a table's name is one text without a count of parts:
// SqlClient, the JDBC driver, tedious and FreeTDS all send it so.
func (m *ColMetadata) decode(r *wire.Reader, l Limits, bulk bool) {
	n := int(r.U16())
	if n == noMetadata {
		return
	}
	if n > l.Columns {
		r.Fail("%d columns, over %d", n, l.Columns)
	}
	for range n {
		if r.Err != nil {
			return
		}
		var c Column
		c.UserType, c.Flags = r.U32(), ColumnFlags(r.U16())
		c.Type.decode(r)
		if c.Type.IsLong() {
			c.Table = r.TableName(!bulk)
		}
		c.Name = r.ShortText()
		m.Columns = append(m.Columns, c)
	}
}

// Append appends the token.
func (m *ColMetadata) Append(dst []byte, v Version) []byte { return m.append(dst, v, false) }

func (m *ColMetadata) append(dst []byte, v Version, bulk bool) []byte {
	dst = append(dst, tokenColMetadata)
	if len(m.Columns) == 0 {
		return wire.U16(dst, noMetadata)
	}
	dst = wire.U16(dst, len(m.Columns))
	for i := range m.Columns {
		c := &m.Columns[i]
		if v.Old() {
			dst = wire.U16(dst, uint16(c.UserType))
		} else {
			dst = wire.U32(dst, c.UserType)
		}
		dst = c.Type.append(wire.U16(dst, uint16(c.Flags)))
		if c.Type.IsLong() {
			dst = wire.AppendTableName(dst, c.Table, !bulk)
		}
		dst = wire.AppendShortText(dst, c.Name)
	}
	return dst
}
