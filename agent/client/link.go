package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"latchkey/agent/frame"
	"latchkey/agent/peer"
	"latchkey/ekm/code"
	"latchkey/ekm/keystore"
	"latchkey/internal/clock"
	"latchkey/internal/secret"
)

// message is the body of a request.
type message interface{ Append(b []byte) []byte }

// nothing is the body of requests that have none.
type nothing struct{}

func (nothing) Append(b []byte) []byte { return b }

// link is one connection. It is used by one call at a time.
type link struct {
	c     net.Conn
	id    uint32
	buf   []byte
	hello frame.HelloResponse
	going bool // the agent is leaving, or the connection is of no more use
}

// bufferLen holds every frame that carries key material but the longest credentials.
const bufferLen = 8 << 10

// broken is a call that got no response. sent says that the agent may have read the request.
type broken struct {
	sent bool
	err  error
}

func (e *broken) Error() string { return e.err.Error() }

func (e *broken) Unwrap() error { return e.err }

// call is one request as the session or provider sees it.
type call struct {
	op     frame.Op
	flags  uint16
	body   message
	decode func(body []byte) error // of a success; the body is overwritten afterwards
	end    time.Time               // when the caller needs the response
}

// do sends a request and reads its response. Errors are *broken, a *code.Error that the agent sent, or one of decode. notDone
// tells that the agent did nothing of the request.
func (l *link) do(ctx context.Context, q call) (notDone bool, err error) {
	now := clock.System{}.Now()
	left := q.end.Sub(now)
	if left <= 0 {
		return true, &broken{err: context.DeadlineExceeded}
	}
	stop := context.AfterFunc(ctx, func() { l.c.Close() })
	defer stop()
	defer func() {
		secret.Wipe(l.buf[:cap(l.buf)])
		if err != nil && ctx.Err() != nil {
			l.going = true
		}
	}()
	l.id++
	h := frame.Request{Op: q.op, Flags: q.flags, ID: l.id, Deadline: uint32(max(left.Milliseconds(), 1))}
	if o, ok := q.body.(frame.OpenRequest); ok && len(o.Identity)+len(o.Secret)+len(o.Name) > bufferLen/2 {
		l.buf = make([]byte, frame.HeaderLen+frame.MaxBody) // growing on the way would leave parts of the secret behind
	}
	out := q.body.Append(h.Append(l.buf[:0]))
	frame.SetLength(out)
	_ = l.c.SetDeadline(now.Add(left + frame.Slack))
	n, err := l.c.Write(out)
	secret.Wipe(out)
	if err != nil {
		l.going = true
		return n == 0, &broken{sent: n == len(out), err: err}
	}
	body, r, err := l.receive(h)
	if err != nil {
		l.going = true
		return false, &broken{sent: true, err: err}
	}
	l.going = l.going || r.Flags&frame.FlagGoing != 0
	if r.Code == 0 {
		if err := q.decode(body); err != nil {
			l.going = true
			return false, code.Wrap(code.AgentProtocol, q.op.String(), "", err)
		}
		return false, nil
	}
	f, err := frame.ParseFailure(body)
	if err != nil {
		l.going = true
		return false, code.Wrap(code.AgentProtocol, q.op.String(), "", err)
	}
	notDone = r.Flags&frame.FlagNotDone != 0
	return notDone, code.Wrap(code.In(code.Provider, int(max(r.Code, 1))), q.op.String(), "", &keystore.Failure{
		Class: keystore.Class(min(f.Class, uint32(keystore.Canceled))), Status: int(f.Status), Reason: keystore.Clip(f.Reason), Detail: keystore.Clip(f.Text),
		RetryAfter: time.Duration(f.RetryAfter) * time.Millisecond, Sent: f.Sent && !notDone,
	})
}

// receive reads the response to h into the link's buffer.
func (l *link) receive(h frame.Request) ([]byte, frame.Response, error) {
	head := l.buf[:frame.HeaderLen]
	if _, err := io.ReadFull(l.c, head); err != nil {
		return nil, frame.Response{}, err
	}
	r, err := frame.ParseResponse(head, h)
	if err != nil {
		return nil, r, err
	}
	if int(r.Length) > cap(l.buf) {
		l.buf = make([]byte, r.Length)
	}
	body := l.buf[:r.Length]
	_, err = io.ReadFull(l.c, body)
	return body, r, err
}

func (l *link) close() {
	l.c.Close()
	secret.Wipe(l.buf[:cap(l.buf)])
}

// Waits while an agent is not there: between attempts, and between those of a call to an agent that closes at once.
const retryEvery = 50 * time.Millisecond

// connect makes a link, waiting for an agent that is not there yet.
func connect(ctx context.Context, cfg *Config, end time.Time) (*link, error) {
	giveUp := clock.System{}.Now().Add(cfg.ConnectWait)
	for {
		l, again, err := connectOnce(ctx, cfg, end)
		if err == nil {
			return l, nil
		}
		if again {
			if next := (clock.System{}).Now().Add(retryEvery); next.Before(end) && next.Before(giveUp) && clock.Sleep(ctx, clock.System{}, retryEvery) == nil {
				continue
			}
		}
		return nil, err
	}
}

// connectOnce tries once; again says that waiting may help.
func connectOnce(ctx context.Context, cfg *Config, end time.Time) (_ *link, again bool, _ error) {
	const op = "connecting to the agent"
	dctx, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	c, err := cfg.Dial(dctx)
	switch {
	case errors.Is(err, peer.ErrForeign):
		return nil, false, code.Wrap(code.AgentForeign, op, "", err)
	case err != nil && dctx.Err() != nil:
		return nil, false, ended(ctx, op, err)
	case err != nil:
		return nil, errors.Is(err, peer.ErrNone), code.Wrap(code.AgentUnreachable, op, "", err)
	}
	l := &link{c: c, buf: make([]byte, bufferLen)}
	_, err = l.do(ctx, call{
		op: frame.Hello, body: frame.HelloRequest{Lowest: frame.Lowest, Highest: frame.Version, Client: cfg.Name}, end: end,
		decode: func(b []byte) (err error) { l.hello, err = frame.ParseHelloResponse(b); return err },
	})
	if err == nil {
		return l, false, nil
	}
	l.close()
	b, ok := errors.AsType[*broken](err)
	switch {
	case !ok:
		return nil, false, err
	case ctx.Err() != nil || isTimeout(b.err):
		return nil, false, ended(ctx, op, err)
	case errors.Is(err, frame.ErrMalformed) || errors.Is(err, frame.ErrBounds):
		return nil, false, code.Wrap(code.AgentProtocol, op, "", err)
	}
	return nil, true, code.Wrap(code.AgentUnreachable, op, "", fmt.Errorf("it closed the connection: %w", err))
}

func isTimeout(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	n, ok := errors.AsType[net.Error](err)
	return ok && n.Timeout()
}

// ended is the error of a call that its caller's context or its deadline ended.
func ended(ctx context.Context, op string, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return code.Wrap(code.Failure, op, "", &keystore.Failure{Class: keystore.Canceled, Err: ctx.Err()})
	}
	return code.Wrap(code.AgentTimeout, op, "", &keystore.Failure{Class: keystore.Outage, Sent: true, Err: err})
}
