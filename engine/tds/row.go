package tds

import "latchkey/engine/tds/internal/wire"

// Row is one row: ROW, or NBCROW if it is told to leave NULLs out. Servers that encode values in place use [AppendRowToken] and
// TypeInfo.BeginCell instead.
type Row struct {
	Columns []Column
	Cells   [][]byte // nil is NULL
	// Compress makes it a NBCROW, which 7.3B and later read.
	Compress bool
}

// AppendRowToken begins a ROW. The cells follow, by TypeInfo.AppendCell.
func AppendRowToken(dst []byte) []byte { return append(dst, tokenRow) }

// AppendNBCRowToken begins a NBCROW with the bitmap of the columns that are NULL; the cells of the others follow.
func AppendNBCRowToken(dst []byte, columns int, isNull func(i int) bool) []byte {
	dst = append(dst, tokenNBCRow)
	at := len(dst)
	for range (columns + 7) / 8 {
		dst = append(dst, 0)
	}
	for i := range columns {
		if isNull(i) {
			dst[at+i/8] |= 1 << (i % 8)
		}
	}
	return dst
}

// Append appends the token.
func (m *Row) Append(dst []byte, v Version) []byte {
	compress := m.Compress && v.HasNBCRow()
	if compress {
		dst = AppendNBCRowToken(dst, len(m.Columns), func(i int) bool { return m.Cells[i] == nil })
	} else {
		dst = AppendRowToken(dst)
	}
	for i := range m.Columns {
		if !compress || m.Cells[i] != nil {
			dst = m.Columns[i].Type.AppendCell(dst, m.Cells[i], true)
		}
	}
	return dst
}

// decode reads a row behind its token.
func (m *Row) decode(r *wire.Reader, l Limits) {
	var nulls []byte
	if m.Compress {
		nulls = r.Bytes((len(m.Columns) + 7) / 8)
	}
	if r.Err != nil {
		return
	}
	if cap(m.Cells) < len(m.Columns) {
		m.Cells = make([][]byte, len(m.Columns))
	}
	m.Cells = m.Cells[:len(m.Columns)]
	for i := range m.Columns {
		m.Cells[i] = nil
		if nulls == nil || nulls[i/8]&(1<<(i%8)) == 0 {
			m.Cells[i] = m.Columns[i].Type.cell(r, l, true)
		}
		if r.Err != nil {
			return
		}
	}
}
