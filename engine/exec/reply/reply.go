// Package reply writes a session's answer: which DONE follows what, when counts are told, where rows go.
//
// A [Writer] is made for one request around the connection's reply. It holds one DONE back, since only the last one of an answer has
// no MORE, and knows whether a statement runs in a batch (DONE) or inside a procedure or dynamic batch (DONEINPROC).
// [Writer.Capture] sends rows to a function in place of the client: INSERT ... EXEC.
//
// It knows nothing of statements and errors beyond their tokens, and is for one goroutine.
package reply

import (
	"latchkey/engine/exec/raise"
	"latchkey/engine/sqltype"
	"latchkey/engine/tds"
	"latchkey/engine/tds/sqlval"
)

// Sink is the connection's reply; *conn.Reply is one.
type Sink interface {
	Tokens
	Values
}

// Tokens takes tokens and sends them.
type Tokens interface {
	Token(t tds.ServerToken) error
	Flush() error
	// Version is the client's.
	Version() tds.Version
}

// Values takes rows and output parameters.
type Values interface {
	Row(e *sqlval.Rows, row []sqltype.Value) error
	Output(name string, ordinal int, t sqltype.Type, v sqltype.Value) error
}

// Result describes rows. It is immutable and may be kept with a plan.
type Result struct {
	names []string
	types []sqltype.Type
	meta  map[tds.Version]*tds.ColMetadata
	flags []tds.ColumnFlags
}

// NewResult describes rows of so many columns. flags may be nil: they are added to those that the types have.
func NewResult(names []string, types []sqltype.Type, flags []tds.ColumnFlags) *Result {
	r := &Result{names: names, types: types, flags: flags, meta: make(map[tds.Version]*tds.ColMetadata, 2)}
	for _, v := range []tds.Version{tds.V72, tds.V74} {
		m := sqlval.NewRows(types, v).Metadata(names, v)
		for i := range flags {
			m.Columns[i].Flags |= flags[i]
		}
		r.meta[v] = m
	}
	return r
}

// Names of the columns.
func (r *Result) Names() []string { return r.names }

// Types of the columns.
func (r *Result) Types() []sqltype.Type { return r.types }

// Metadata is the token for a client of a version.
func (r *Result) Metadata(v tds.Version) *tds.ColMetadata {
	if v.HasDateTypes() {
		return r.meta[tds.V74]
	}
	return r.meta[tds.V72]
}

// The commands of a DONE that clients look at.
const (
	Select uint16 = tds.CommandSelect
	Insert uint16 = 0xC3
	Delete uint16 = 0xC4
	Update uint16 = 0xC5
	Merge  uint16 = 0x117
	Use    uint16 = 0xE2
)

// Writer writes one answer.
type Writer struct {
	sink    Sink
	depth   int // of procedures and dynamic batches
	pending tds.Done
	sent    tds.Done         // the one being written
	status  tds.ReturnStatus // likewise
	held    bool
	rows    *sqlval.Rows
	encodes *Result     // what rows is for
	as      tds.Version // and for which client
	open    bool
	count   uint64
	capture func(*Result, []sqltype.Value) error
	shape   *Result
}

// New makes a Writer.
func New(s Sink) *Writer { return &Writer{sink: s} }

// Begin prepares a Writer for another answer.
func (w *Writer) Begin(s Sink) { *w = Writer{sink: s, rows: w.rows, encodes: w.encodes, as: w.as} }

// Version is the client's.
func (w *Writer) Version() tds.Version { return w.sink.Version() }

// Enter says that what follows is inside a procedure or dynamic batch.
func (w *Writer) Enter() { w.depth++ }

// Leave undoes Enter.
func (w *Writer) Leave() { w.depth-- }

// Capture sends rows to f, nil to the client again. It returns what was there before.
func (w *Writer) Capture(f func(*Result, []sqltype.Value) error) func(*Result, []sqltype.Value) error {
	before := w.capture
	w.capture = f
	return before
}

// Capturing reports whether rows go to a function.
func (w *Writer) Capturing() bool { return w.capture != nil }

func (w *Writer) release() error {
	if !w.held {
		return nil
	}
	w.held = false
	w.sent = w.pending
	w.sent.Status |= tds.DoneMore
	return w.sink.Token(&w.sent)
}

// Token writes a token that is neither rows nor DONE.
func (w *Writer) Token(t tds.ServerToken) error {
	if err := w.release(); err != nil {
		return err
	}
	return w.sink.Token(t)
}

// Rows begins a result.
func (w *Writer) Rows(r *Result) error {
	w.open, w.count, w.shape = true, 0, r
	if w.capture != nil {
		return nil
	}
	if err := w.release(); err != nil {
		return err
	}
	v := w.sink.Version()
	if w.encodes != r || w.as != v { // the same result as before has its encoder already
		w.rows, w.encodes, w.as = sqlval.NewRows(r.types, v), r, v
	}
	return w.sink.Token(r.Metadata(v))
}

// Open reports whether a result was begun and not ended.
func (w *Writer) Open() bool { return w.open }

// Row writes a row of the result.
func (w *Writer) Row(row []sqltype.Value) error {
	w.count++
	if w.capture != nil {
		return w.capture(w.shape, row)
	}
	return w.sink.Row(w.rows, row)
}

// Count is the number of rows of the result so far.
func (w *Writer) Count() uint64 { return w.count }

// EndRows ends a result and gives its number of rows; the DONE is the caller's.
func (w *Writer) EndRows() uint64 {
	w.open = false
	return w.count
}

// Done ends a statement. counted says that n rows are told; a statement inside a procedure that tells no count and gave no rows has
// no DONE at all under NOCOUNT.
func (w *Writer) Done(command uint16, counted bool, n uint64, noCount bool) error {
	kind := tds.DonePlain
	if w.depth > 0 {
		kind = tds.DoneInProc
		if noCount && command != Select {
			return nil
		}
	}
	if w.capture != nil {
		return nil
	}
	if err := w.release(); err != nil {
		return err
	}
	w.pending = tds.Done{Kind: kind, Command: command}
	if counted && !noCount {
		w.pending.Status, w.pending.Rows = tds.DoneCount, n
	}
	w.held = true
	return nil
}

// Failed ends a statement that failed.
func (w *Writer) Failed(command uint16) error {
	w.open = false
	if err := w.release(); err != nil {
		return err
	}
	kind := tds.DonePlain
	if w.depth > 0 {
		kind = tds.DoneInProc
	}
	w.pending, w.held = tds.Done{Kind: kind, Command: command, Status: tds.DoneError}, true
	return nil
}

// ProcDone ends a procedure with its status; without a status for a dynamic batch. Call it behind Leave.
func (w *Writer) ProcDone(status *int32, failed bool) error {
	if w.capture != nil {
		return nil
	}
	if err := w.release(); err != nil {
		return err
	}
	if status != nil {
		if err := w.sink.Token(&tds.ReturnStatus{Value: *status}); err != nil {
			return err
		}
	}
	w.pending, w.held = tds.Done{Kind: tds.DoneProc}, true
	if w.depth > 0 {
		w.pending.Kind = tds.DoneInProc
	}
	if failed {
		w.pending.Status = tds.DoneError
	}
	return nil
}

// Status writes a procedure's status, for RPC, where output parameters follow it.
func (w *Writer) Status(n int32) error {
	w.status.Value = n
	return w.Token(&w.status)
}

// Output writes an output parameter.
func (w *Writer) Output(name string, ordinal int, t sqltype.Type, v sqltype.Value) error {
	if err := w.release(); err != nil {
		return err
	}
	return w.sink.Output(name, ordinal, t, v)
}

// Message writes an ERROR, or an INFO for a severity up to 10.
func (w *Writer) Message(e *raise.Error) error {
	if err := w.release(); err != nil {
		return err
	}
	m := &tds.Message{
		Info: e.Info(), Number: int32(e.Number), State: e.State, Class: e.Severity, Text: raise.Cut(e.Text),
		Procedure: e.Proc, Line: uint32(max(e.Line, 0)),
	}
	if m.Info {
		m.Class = 0
	}
	return w.sink.Token(m)
}

// Flush sends what there is.
func (w *Writer) Flush() error {
	if err := w.release(); err != nil {
		return err
	}
	return w.sink.Flush()
}

// End ends the answer: the last DONE goes out without MORE; an answer without any gets one.
func (w *Writer) End() error {
	w.sent = tds.Done{}
	if w.held {
		w.sent = w.pending
	}
	w.held = false
	return w.sink.Token(&w.sent)
}
