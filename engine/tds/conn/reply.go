package conn

import (
	"context"
	"fmt"
	"time"

	"latchkey/engine/sqltype"
	"latchkey/engine/tds"
	"latchkey/engine/tds/sqlval"
)

// Reply collects the tokens of an answer and writes full packets while it grows. It is for the Session's goroutine alone, until the
// method that got it returns. Every method fails once the request is cancelled; a Session may also just look at its ctx.
type Reply struct {
	c      *conn
	ctx    context.Context
	buf    []byte // tokens not sent yet
	out    []byte // packets being written
	id     uint8
	ended  bool // the last token was a DONE without DoneMore
	severe bool // a message of class 20 or more was sent
	err    error

	bounded time.Time // when the deadline for writing was set
}

// Version is the connection's, for whoever makes column metadata.
func (r *Reply) Version() tds.Version { return r.c.version }

// Token appends a token. A Message without a server's name gets it, and line 1 if it has none.
func (r *Reply) Token(t tds.ServerToken) error {
	if err := r.check(); err != nil {
		return err
	}
	return r.token(t)
}

func (r *Reply) token(t tds.ServerToken) error {
	r.ended = false
	switch t := t.(type) {
	case *tds.Message:
		m := *t
		if m.Server == "" {
			m.Server = r.c.cfg.ServerName
		}
		if m.Procedure == "" { // line 0 is in front of a procedure's first
			m.Line = max(m.Line, 1)
		}
		r.severe = r.severe || !m.Info && m.Class >= 20
		r.buf = m.Append(r.buf, r.c.version)
		return r.spill()
	case *tds.Done:
		r.ended = t.Status&tds.DoneMore == 0
	}
	r.buf = t.Append(r.buf, r.c.version)
	return r.spill()
}

// Row appends a row. e made the result's metadata before.
func (r *Reply) Row(e *sqlval.Rows, row []sqltype.Value) error {
	if err := r.check(); err != nil {
		return err
	}
	r.buf = e.Append(r.buf, row)
	return r.spill()
}

// Output appends an output parameter: its name as the client wrote it, and its place in the call.
func (r *Reply) Output(name string, ordinal int, t sqltype.Type, v sqltype.Value) error {
	if err := r.check(); err != nil {
		return err
	}
	r.ended = false
	col := sqlval.Column("", t, r.c.version)
	h := tds.ReturnValue{Ordinal: uint16(ordinal), Name: name, Type: col.Type, Flags: col.Flags}
	r.buf = sqlval.Append(h.AppendHead(r.buf, r.c.version), col.Type, t, v, false)
	return r.spill()
}

// Flush sends what there is as a packet that is not the last: progress that a client wants to see now, such as RAISERROR WITH NOWAIT.
func (r *Reply) Flush() error {
	if err := r.check(); err != nil {
		return err
	}
	if len(r.buf) == 0 {
		return nil
	}
	return r.send(len(r.buf), 0)
}

func (r *Reply) check() error {
	if r.err != nil {
		return r.err
	}
	return r.ctx.Err()
}

// spill sends full packets once there are a few.
func (r *Reply) spill() error {
	room := r.c.size - tds.HeaderSize
	if len(r.buf) < 4*room {
		return nil
	}
	return r.send(len(r.buf)/room*room, 0)
}

// send writes the first n bytes of the buffer; last marks the end of the message.
func (r *Reply) send(n int, last tds.Status) error {
	if r.err != nil {
		return r.err
	}
	room := r.c.size - tds.HeaderSize
	r.out = r.out[:0]
	for at := 0; at < n || at == 0; at += room {
		if len(r.out) >= maxOut { // a huge row is not there twice
			if err := r.write(); err != nil {
				return err
			}
		}
		part := r.buf[at:min(at+room, n)]
		h := tds.Header{Type: tds.PacketReply, Length: len(part) + tds.HeaderSize, SPID: r.c.cfg.SPID, ID: r.id}
		if at+room >= n {
			h.Status = last
		}
		r.id++
		r.out = append(h.Append(r.out), part...)
	}
	r.buf = r.buf[:copy(r.buf, r.buf[n:])]
	return r.write()
}

// maxOut is when packets that were made are written, in bytes.
const maxOut = 256 << 10

// write writes the packets that were made.
func (r *Reply) write() error {
	if r.err = r.bound(); r.err != nil {
		return r.err
	}
	if _, err := r.c.stream.Write(r.out); err != nil {
		r.err = fmt.Errorf("writing a reply: %w", err)
	}
	r.out = r.out[:0]
	return r.err
}

// bound sets the deadline of a write. One that is a little older does as well: setting it costs.
func (r *Reply) bound() error {
	now := r.c.cfg.Clock.Now()
	if age := now.Sub(r.bounded); !r.bounded.IsZero() && age >= 0 && age < r.c.cfg.WriteTimeout/16 {
		return nil
	}
	r.bounded = now
	return r.c.socket.SetWriteDeadline(now.Add(r.c.cfg.WriteTimeout))
}

// reset prepares the reply for the next request.
func (r *Reply) reset(ctx context.Context) {
	const keep = 256 << 10
	if cap(r.buf) > keep {
		r.buf = nil
	}
	if cap(r.out) > keep {
		r.out = nil
	}
	r.ctx, r.buf, r.id, r.ended, r.severe = ctx, r.buf[:0], 1, false, false
}
