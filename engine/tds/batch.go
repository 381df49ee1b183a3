package tds

import "latchkey/engine/tds/internal/wire"

// Batch is a SQL batch: statements as text.
type Batch struct {
	Headers Headers
	Text    string
}

// Decode reads the body of a batch.
func (m *Batch) Decode(b []byte) error {
	*m = Batch{}
	r := wire.Reader{B: b}
	m.Headers.decode(&r)
	if r.Err == nil && r.Left()%2 != 0 {
		r.Fail("the text of the batch has an odd number of bytes")
	}
	m.Text = r.Text(r.Left() / 2)
	return r.Err
}

// Append appends the body.
func (m *Batch) Append(dst []byte) []byte { return wire.AppendText(m.Headers.append(dst), m.Text) }
