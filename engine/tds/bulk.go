package tds

import "latchkey/engine/tds/internal/wire"

// Bulk is a bulk load's message, as a client makes it: metadata, rows, DONE. Servers read it with [BulkDecoder] while it arrives.
type Bulk struct {
	Columns []Column
	Rows    [][][]byte
}

// Append appends the body.
func (m *Bulk) Append(dst []byte) []byte {
	dst = (&ColMetadata{Columns: m.Columns}).append(dst, V74, true)
	for _, cells := range m.Rows {
		dst = (&Row{Columns: m.Columns, Cells: cells}).Append(dst, V74)
	}
	return (&Done{}).Append(dst, V74)
}

// BulkDecoder reads the stream of a bulk load piece by piece, so that it is never in memory as a whole. Feed it with Write, then
// call Next until it reports ErrIncomplete. After the last byte call End and Next again, then Close says whether the stream was whole.
type BulkDecoder struct {
	limits  Limits
	buf     []byte
	at      int
	started bool
	done    bool
	ended   bool // no more bytes come
	retryAt int  // how many bytes must be there before an incomplete row is looked at again
	columns []Column
	row     Row
	err     error
}

// NewBulkDecoder makes a decoder. One row may have at most l.Value bytes.
func NewBulkDecoder(l Limits) *BulkDecoder { return &BulkDecoder{limits: l.withDefaults()} }

// Write adds bytes of the stream. Cells that Next returned before are not valid any more.
func (d *BulkDecoder) Write(b []byte) (int, error) {
	if d.at > 0 {
		d.buf = d.buf[:copy(d.buf, d.buf[d.at:])]
		d.at = 0
	}
	if d.err == nil && len(d.buf)+len(b) > d.limits.Value {
		r := wire.Reader{}
		r.Fail("a row of a bulk load is over %d bytes", d.limits.Value)
		d.err = r.Err
	}
	if d.err == nil && d.done && len(b) > 0 {
		r := wire.Reader{}
		r.Fail("%d bytes behind the end of a bulk load", len(b))
		d.err = r.Err
	}
	if d.err != nil {
		return 0, d.err
	}
	d.buf = append(d.buf, b...)
	return len(b), nil
}

// Columns is the metadata, nil until it arrived.
func (d *BulkDecoder) Columns() []Column { return d.columns }

// Peek reads the metadata if it is there, and no row.
func (d *BulkDecoder) Peek() {
	if d.err != nil || d.started {
		return
	}
	r := wire.Reader{B: d.buf, At: d.at}
	switch _, err := d.token(&r); {
	case err == nil:
		d.at = r.At
	case err != ErrIncomplete:
		d.err = err
	}
}

// Next is the next row's cells, nil ones being NULL; they refer to the decoder's buffer. ErrIncomplete asks for more bytes, and is
// also what Next returns when the stream has ended ([BulkDecoder.Done]).
func (d *BulkDecoder) Next() ([][]byte, error) {
	if d.err != nil {
		return nil, d.err
	}
	for !d.done && (d.ended || len(d.buf)-d.at >= d.retryAt) {
		r := wire.Reader{B: d.buf, At: d.at}
		cells, err := d.token(&r)
		if err == ErrIncomplete {
			// A quarter more each time, so that a large row in small pieces is not read again for each piece.
			left := len(d.buf) - d.at
			d.retryAt = left + left/4 + 1
			return nil, err
		}
		if err != nil {
			d.err = err
			return nil, err
		}
		d.at, d.retryAt = r.At, 0
		if cells != nil {
			return cells, nil
		}
	}
	return nil, ErrIncomplete
}

func (d *BulkDecoder) token(r *wire.Reader) ([][]byte, error) {
	token := r.U8()
	switch {
	case r.Err != nil:
	case !d.started && token == tokenColMetadata:
		var m ColMetadata
		if m.decode(r, d.limits, true); r.Err == nil {
			if len(m.Columns) == 0 {
				r.Fail("a bulk load without columns")
			}
			d.columns, d.started = m.Columns, true
		}
	case d.started && (token == tokenRow || token == tokenNBCRow):
		d.row.Columns, d.row.Compress = d.columns, token == tokenNBCRow
		if d.row.decode(r, d.limits); r.Err == nil {
			return d.row.Cells, nil
		}
	case d.started && token == tokenDone:
		if r.Bytes(12); r.Err == nil {
			d.done = true
			if r.Left() > 0 {
				r.Fail("%d bytes behind the end of a bulk load", r.Left())
			}
		}
	default:
		r.Fail("token %#02x in a bulk load", token)
	}
	return nil, r.Err
}

// End says that no more bytes come: what is there is all. Call Next until ErrIncomplete once more behind it.
func (d *BulkDecoder) End() { d.ended = true }

// Size is the memory that the decoder holds for rows.
func (d *BulkDecoder) Size() int { return cap(d.buf) }

// Done reports whether the closing DONE was read.
func (d *BulkDecoder) Done() bool { return d.done }

// Close says whether the stream was whole. A stream may end without DONE between two rows, as some clients send it.
func (d *BulkDecoder) Close() error {
	if d.err == nil && !d.done && (d.at < len(d.buf) || !d.started) {
		return ErrIncomplete
	}
	return d.err
}
