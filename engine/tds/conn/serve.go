package conn

import (
	"context"
	"errors"
	"fmt"

	"latchkey/engine/sqltype"
	"latchkey/engine/tds"
)

// requests serves messages until the connection ends.
func (c *conn) requests(ctx context.Context) error {
	p := newPackets(ctx, c)
	defer func() { // the watcher ends before Serve does
		_ = c.socket.Close()
		p.end()
	}()
	out := &Reply{c: c}
	for {
		r, err := p.take()
		if err != nil {
			return err
		}
		if err := c.serve(r, out); err != nil {
			return err
		}
		p.reuse(r)
	}
}

// serve answers one request.
func (c *conn) serve(r *request, out *Reply) error {
	out.reset(r.ctx)
	err := c.handle(r, out)
	c.share.give(r.taken)
	attention := r.finish()
	out.ctx = context.Background() // what follows is sent whatever happened
	switch {
	case out.err != nil:
		return out.err
	case r.typ == tds.PacketAttention:
		err = out.token(&tds.Done{Status: tds.DoneAttention})
	case attention:
		err = c.acknowledge(out)
	case err != nil:
		err = c.failed(err, out)
	case !out.ended:
		err = out.token(&tds.Done{})
	}
	if sendErr := out.send(len(out.buf), tds.StatusEnd); sendErr != nil {
		return sendErr
	}
	if err == nil && out.severe {
		err = errClosing
	}
	return err
}

// acknowledge ends the reply that was cut short, and answers the attention in a message of its own: tedious looks for it there.
func (c *conn) acknowledge(out *Reply) error {
	if !out.ended {
		if err := out.token(&tds.Done{Status: tds.DoneError}); err != nil {
			return err
		}
	}
	if err := out.send(len(out.buf), tds.StatusEnd); err != nil {
		return err
	}
	out.id = 1
	return out.token(&tds.Done{Status: tds.DoneAttention})
}

// failed tells the client about an error and decides whether the connection goes on: with SQL errors and malformed data types it
// does, with anything else not.
func (c *conn) failed(err error, out *Reply) error {
	var sql *sqltype.Error
	var typ *tds.TypeError
	var told *refusedError
	m := tds.Message{State: 1, Class: 16}
	ends := false
	switch {
	case errors.As(err, &told):
		m = told.m
	case errors.As(err, &sql):
		m.Number, m.State, m.Class, m.Text = int32(sql.Number), sql.State, sql.Level, sql.Message
	case errors.As(err, &typ):
		m.Number = 8009
		m.Text = fmt.Sprintf("The incoming tabular data stream (TDS) remote procedure call (RPC) protocol stream is incorrect. Data type %#02x is unknown.", uint8(typ.ID))
	case errors.Is(err, context.Canceled): // the server stops
		m.Number, m.Class, m.Text, ends = 596, 21, "Cannot continue the execution because the session is in the kill state.", true
	case errors.Is(err, tds.ErrIncomplete):
		m.Number, m.Class, ends = 4002, 20, true
		m.Text = "The incoming tabular data stream (TDS) protocol stream is incorrect. The stream ended unexpectedly."
	case isProtocol(err):
		m.Number, m.Class, ends = 4002, 20, true
		m.Text = "The incoming tabular data stream (TDS) protocol stream is incorrect."
	default:
		m.Number, m.Class, ends = 3624, 20, true
		m.Text = "An internal error ended this connection. The server's log says more."
	}
	if e := out.token(&m); e != nil {
		return e
	}
	if e := out.token(&tds.Done{Status: tds.DoneError}); e != nil {
		return e
	}
	if ends {
		return err
	}
	return nil
}

func isProtocol(err error) bool {
	var e *tds.Error
	return errors.As(err, &e)
}

// handle decodes a request and calls the session.
func (c *conn) handle(r *request, out *Reply) error {
	switch {
	case r.typ == tds.PacketAttention:
		return nil
	case r.chunks != nil:
		return c.bulk(r, out)
	case r.refused != nil:
		return r.refused
	case r.ignored:
		return out.Token(&tds.Done{Status: tds.DoneError})
	}
	switch r.typ {
	case tds.PacketBatch:
		var m tds.Batch
		if err := m.Decode(r.body); err != nil {
			return err
		}
		if err := c.reset(r, out); err != nil {
			return err
		}
		return c.session.Batch(r.ctx, &m, out)
	case tds.PacketRPC:
		defer c.forget()
		if err := c.rpc.Decode(r.body, c.cfg.Limits); err != nil {
			return err
		}
		if err := c.reset(r, out); err != nil {
			return err
		}
		return c.session.RPC(r.ctx, &c.rpc, out)
	}
	var m tds.TransMgr
	if err := m.Decode(r.body); err != nil {
		return err
	}
	if err := c.reset(r, out); err != nil {
		return err
	}
	if m.Request.Distributed() {
		return &sqltype.Error{Number: 8501, Level: 16, State: 3, Message: "MSDTC on server '" + c.cfg.ServerName + "' is unavailable."}
	}
	return c.session.TransMgr(r.ctx, &m, out)
}

// forget keeps what the last RPC was decoded into for the next one, unless it is much.
func (c *conn) forget() {
	const much = 64
	total := cap(c.rpc.Calls)
	for i := range c.rpc.Calls {
		call := &c.rpc.Calls[i]
		total += cap(call.Params)
		for j := range call.Params {
			if call.Params[j].Table != nil {
				total += much
			}
		}
	}
	if total > much {
		c.rpc = tds.RPC{}
	}
}

// reset does what the status bits of the request's first packet ask for, and acknowledges it.
func (c *conn) reset(r *request, out *Reply) error {
	if r.status&(tds.StatusReset|tds.StatusResetKeepTran) == 0 {
		return nil
	}
	if s, ok := c.session.(Resetter); ok {
		if err := s.Reset(r.ctx, r.status&tds.StatusResetKeepTran != 0, out); err != nil {
			return fmt.Errorf("resetting the connection: %w", err)
		}
	}
	c.resetDone = tds.EnvChange{Type: tds.EnvResetDone}
	return out.Token(&c.resetDone)
}

func (c *conn) bulk(r *request, out *Reply) error {
	s := &BulkStream{chunks: r.chunks, d: tds.NewBulkDecoder(c.cfg.Limits), budget: c.cfg.Budget}
	defer s.drain()
	b, ok := c.session.(BulkLoader)
	if !ok {
		return &sqltype.Error{Number: 4022, Level: 16, State: 1, Message: "Bulk load data was expected but not sent. The batch will be terminated."}
	}
	err := b.BulkLoad(r.ctx, s, out)
	s.drain()
	r.mu.Lock()
	ignored := r.ignored
	r.mu.Unlock()
	if ignored {
		out.ctx = context.WithoutCancel(r.ctx)
		return out.Token(&tds.Done{Status: tds.DoneError})
	}
	return err
}
