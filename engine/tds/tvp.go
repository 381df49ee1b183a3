package tds

import "latchkey/engine/tds/internal/wire"

// Table is the value of a table-valued parameter ([MS-TDS] 2.2.5.5.5). Its rows stay encoded: read them with [Table.Rows].
type Table struct {
	Schema, Type string
	Columns      []TableColumn // empty for a table without rows that declares none
	Count        int           // of rows
	rows         []byte
	extra        []byte // the optional order and uniqueness metadata, kept as it came
}

// TableColumn is a column of a table parameter. It has no name: columns go by position.
type TableColumn struct {
	UserType uint32
	Flags    uint16
	Type     TypeInfo
}

// IsDefault reports that rows leave the column out.
func (c TableColumn) IsDefault() bool { return c.Flags&tvpDefault != 0 }

const (
	tvpDefault     = 0x200
	tvpNoColumns   = 0xFFFF
	tvpEnd         = 0x00
	tvpRow         = 0x01
	tvpOrderUnique = 0x10
	tvpOrdering    = 0x11
)

func (t *Table) decode(r *wire.Reader, l Limits) {
	if db := r.ShortText(); db != "" {
		r.Fail("a table type in database %q", db)
	}
	t.Schema, t.Type = r.ShortText(), r.ShortText()
	if n := int(r.U16()); n != tvpNoColumns {
		if n > l.Columns {
			r.Fail("%d columns, over %d", n, l.Columns)
		}
		for range n {
			if r.Err != nil {
				return
			}
			var c TableColumn
			c.UserType, c.Flags = r.U32(), r.U16()
			c.Type.decode(r)
			if name := r.ShortText(); name != "" {
				r.Fail("a name (%q) for a column of a table parameter", name)
			}
			t.Columns = append(t.Columns, c)
		}
	}
	start := r.At
	for {
		token := r.U8()
		if r.Err != nil || token == tvpEnd {
			break
		}
		n := int(r.U16())
		switch token {
		case tvpOrderUnique:
			r.Bytes(3 * n)
		case tvpOrdering:
			r.Bytes(2 * n)
		default:
			r.Fail("token %#02x in a table parameter", token)
		}
	}
	if r.Err != nil {
		return
	}
	t.extra = r.B[start : r.At-1]
	t.walk(r, l)
}

// walk checks every row, so that Rows cannot fail later.
func (t *Table) walk(r *wire.Reader, l Limits) {
	start := r.At
	for {
		token := r.U8()
		if r.Err != nil {
			return
		}
		if token == tvpEnd {
			break
		}
		if token != tvpRow || len(t.Columns) == 0 {
			r.Fail("token %#02x among the rows of a table parameter", token)
			return
		}
		for _, c := range t.Columns {
			if !c.IsDefault() {
				c.Type.cell(r, l, false)
			}
		}
		t.Count++
	}
	t.rows = r.B[start : r.At-1]
}

// Rows calls f for each row, in order, until f returns false. The slice is reused; a nil cell is NULL, also for a column that
// the rows leave out.
func (t *Table) Rows(f func(cells [][]byte) bool) {
	r := wire.Reader{B: t.rows}
	l := Limits{}.withDefaults()
	cells := make([][]byte, len(t.Columns))
	for r.Left() > 0 && r.Err == nil {
		r.U8()
		for i, c := range t.Columns {
			cells[i] = nil
			if !c.IsDefault() {
				cells[i] = c.Type.cell(&r, l, false)
			}
		}
		if r.Err != nil || !f(cells) {
			return
		}
	}
}

// AddRow appends a row, as a client does.
func (t *Table) AddRow(cells ...[]byte) {
	t.rows = append(t.rows, tvpRow)
	for i, c := range t.Columns {
		if !c.IsDefault() && i < len(cells) {
			t.rows = c.Type.AppendCell(t.rows, cells[i], false)
		}
	}
	t.Count++
}

func (t *Table) append(dst []byte) []byte {
	dst = wire.AppendShortText(wire.AppendShortText(append(dst, 0), t.Schema), t.Type)
	if len(t.Columns) == 0 {
		dst = wire.U16(dst, tvpNoColumns)
	} else {
		dst = wire.U16(dst, len(t.Columns))
	}
	for _, c := range t.Columns {
		dst = append(c.Type.append(wire.U16(wire.U32(dst, c.UserType), c.Flags)), 0)
	}
	dst = append(append(dst, t.extra...), tvpEnd)
	return append(append(dst, t.rows...), tvpEnd)
}
