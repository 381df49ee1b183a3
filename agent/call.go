package agent

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"latchkey/agent/frame"
	"latchkey/agent/peer"
	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/ekm/keystore"
	"latchkey/internal/clock"
)

// refusal is a request of which nothing was carried out.
type refusal struct {
	code  code.Code
	class keystore.Class
	retry time.Duration
	text  string
}

// Error is the text.
func (r *refusal) Error() string { return r.text }

func denied(p peer.Identity) *refusal {
	who := p.Account
	if who == "" {
		who = "a caller whose account is unknown"
	}
	return &refusal{code: code.AgentDenied, class: keystore.Refused, text: who + " is not among the accounts that the agent serves (allow)"}
}

func busy(format string, args ...any) *refusal {
	return &refusal{code: code.AgentBusy, class: keystore.Throttled, retry: 250 * time.Millisecond, text: fmt.Sprintf(format, args...)}
}

func invalid(err error) *refusal {
	return &refusal{code: code.InvalidArgument, class: keystore.Invalid, text: err.Error()}
}

// respond carries a request out and makes the whole response, in c.out. false ends the connection after it.
func (c *conn) respond(w work) (out []byte, more bool) {
	h := w.h
	ctx, cancel := context.WithTimeout(c.ctx, h.Within())
	defer cancel()
	head := frame.Response{Op: h.Op, ID: h.ID}
	c.out = head.Append(c.out[:0])
	out, err := c.dispatch(ctx, h, w.body, c.out)
	more = true
	if c.gen.going.Load() {
		head.Flags |= frame.FlagGoing
	}
	if err != nil {
		number, failure, undone := describe(ctx, err)
		head.Code = number
		if undone {
			head.Flags |= frame.FlagNotDone
		}
		more = c.refusal == nil && number != int32(code.AgentProtocol.Number())
		out = failure.Append(c.out[:frame.HeaderLen])
		c.s.log.Debug("a call failed", "op", h.Op.String(), "code", number, "account", c.pc.Peer.Account, "error", failure.Text)
	} else if h.Op == frame.Close {
		more = false
	}
	head.Length = uint32(len(out) - frame.HeaderLen)
	head.Append(out[:0]) // over the one that stood there
	if cap(out) <= responseCap {
		c.out = out
	}
	return out, more
}

// dispatch appends the body of a successful response to out.
func (c *conn) dispatch(ctx context.Context, h frame.Request, body, out []byte) (_ []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			c.s.log.Error("a call made the provider panic", "op", h.Op.String(), "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			err = code.Wrap(code.ProviderError, h.Op.String(), "", errors.New("the provider failed in a way that it did not foresee; the agent's log tells more"))
		}
	}()
	if c.fresh.Load() {
		if h.Op != frame.Hello {
			return nil, &refusal{code: code.AgentProtocol, text: "the first request was no hello"}
		}
		return c.hello(body, out)
	}
	switch h.Op {
	case frame.Info, frame.Algorithms, frame.Ping, frame.Close:
		if err := frame.ParseEmpty(h.Op, body); err != nil {
			return nil, invalid(err)
		}
		return c.plain(h.Op, out)
	case frame.Hello:
		return nil, invalid(errors.New("a second hello"))
	}
	if h.Op > frame.Ping || h.Op == 0 {
		return nil, &refusal{code: code.NotSupported, class: keystore.Invalid, text: h.Op.String() + " is not known"}
	}
	if h.Op != frame.Open && c.session == nil {
		return nil, invalid(errors.New("no session is open on this connection"))
	}
	leave, err := c.s.enter(ctx, h.Within()/2)
	if err != nil {
		return nil, err
	}
	defer leave()
	switch h.Op {
	case frame.Open:
		return out, c.open(ctx, body)
	case frame.Wrap, frame.Unwrap:
		return c.crypt(ctx, h.Op, body, out)
	case frame.CreateKey, frame.DropKey, frame.ImportKey:
		return c.manage(ctx, h.Op, body, out)
	}
	return c.find(ctx, h.Op, body, out)
}

// enter waits for a place among the calls that run.
func (s *Server) enter(ctx context.Context, wait time.Duration) (func(), error) {
	leave := func() {
		s.running.Add(-1)
		<-s.calls
	}
	select {
	case s.calls <- struct{}{}:
		s.running.Add(1)
		return leave, nil
	default:
	}
	t := clock.System{}.NewTimer(wait)
	defer t.Stop()
	select {
	case s.calls <- struct{}{}:
		s.running.Add(1)
		return leave, nil
	case <-t.C():
	case <-ctx.Done():
	}
	return nil, busy("%d calls run, which is the limit (limits.calls)", cap(s.calls))
}

func (c *conn) hello(body, out []byte) ([]byte, error) {
	m, err := frame.ParseHelloRequest(body)
	if err != nil {
		return nil, &refusal{code: code.AgentProtocol, text: err.Error()}
	}
	if c.refusal != nil {
		return nil, c.refusal
	}
	v := m.Choose()
	if v == 0 {
		return nil, &refusal{code: code.AgentProtocol, text: fmt.Sprintf("versions %d to %d of the protocol are asked for, %d to %d are spoken", m.Lowest, m.Highest, frame.Lowest, frame.Version)}
	}
	c.fresh.Store(false)
	c.s.log.Debug("a client connected", "client", keystore.Clip(m.Client), "account", c.pc.Peer.Account, "pid", c.pc.Peer.PID)
	return frame.HelloResponse{
		Version: v, MaxBody: frame.MaxBody, MaxDeadline: uint32(frame.MaxDeadline.Milliseconds()), Instance: c.s.instance, Agent: c.s.cfg.Version,
	}.Append(out), nil
}

func (c *conn) plain(op frame.Op, out []byte) ([]byte, error) {
	switch op {
	case frame.Info:
		return frame.AppendInfo(out, c.gen.provider.Info())
	case frame.Algorithms:
		return frame.AppendAlgorithms(out, c.gen.provider.Algorithms())
	case frame.Ping:
		return c.s.Status().Append(out), nil
	case frame.Close:
		return out, c.closeSession()
	}
	return out, nil
}

// describe makes what crosses the wire of an error; undone says that nothing of the request was carried out.
func describe(ctx context.Context, err error) (number int32, f frame.Failure, undone bool) {
	var r *refusal
	if errors.As(err, &r) {
		return int32(r.code.Number()), frame.Failure{Class: uint32(r.class), RetryAfter: uint32(r.retry.Milliseconds()), Text: keystore.Clip(r.text)}, true
	}
	f.Text = keystore.Clip(err.Error())
	if k := keystore.FailureOf(err); k != nil {
		f.Class, f.Status, f.Sent = uint32(k.Class), uint32(max(k.Status, 0)), k.Sent
		f.Reason = keystore.Clip(k.Reason)
		f.RetryAfter = uint32(min(max(k.RetryAfter.Milliseconds(), 0), 1<<31))
	}
	number = numberOf(err)
	if number == failureNumber && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		number = int32(code.AgentTimeout.Number())
	}
	return number, f, false
}

const failureNumber int32 = 1

// numberOf is the outermost number of err in the provider's space. Numbers of other spaces, and those that would make the database
// server believe in success or ask again with a larger buffer, are 1.
func numberOf(err error) int32 {
	c, ok := providerCode(err)
	if !ok || c == code.Success || c == code.InsufficientBuffer {
		return failureNumber
	}
	return int32(c.Number())
}

func providerCode(err error) (code.Code, bool) {
	if c, ok := err.(code.Code); ok { //nolint:errorlint // the tree is walked here
		return c, c.Space() == code.Provider
	}
	switch u := err.(type) { //nolint:errorlint // as above
	case interface{ Unwrap() error }:
		if e := u.Unwrap(); e != nil {
			return providerCode(e)
		}
	case interface{ Unwrap() []error }:
		for _, e := range u.Unwrap() {
			if c, ok := providerCode(e); ok {
				return c, true
			}
		}
	}
	return 0, false
}

// manage makes and removes keys. These are never repeated by a client.
func (c *conn) manage(ctx context.Context, op frame.Op, body, out []byte) ([]byte, error) {
	var t ekm.Thumbprint
	switch op {
	case frame.CreateKey:
		m, err := frame.ParseCreateRequest(body)
		if err != nil {
			return nil, invalid(err)
		}
		name, err := frame.Text(m.Name)
		if err != nil {
			return nil, invalid(err)
		}
		if t, err = c.session.CreateKey(ctx, name, ekm.AlgorithmID(m.Algorithm)); err != nil {
			return nil, err
		}
	case frame.DropKey:
		m, err := frame.ParseThumb(body)
		if err != nil {
			return nil, invalid(err)
		}
		return out, c.session.DropKey(ctx, ekm.Thumbprint(m.Thumbprint))
	default:
		m, err := frame.ParseImportRequest(body)
		if err != nil {
			return nil, invalid(err)
		}
		name, err := frame.Text(m.Name)
		if err != nil {
			return nil, invalid(err)
		}
		if t, err = c.session.ImportKey(ctx, name, m.Blob); err != nil {
			return nil, err
		}
	}
	if n := len(t); n < 1 || n > ekm.MaxThumbprintLen {
		return nil, code.Wrap(code.ProviderError, op.String(), "", fmt.Errorf("the provider gave a thumbprint of %d bytes", n))
	}
	return frame.Thumb{Thumbprint: []byte(t)}.Append(out), nil
}
