package client

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"latchkey/agent/frame"
	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/internal/clock"
)

// Config says how to reach an agent. Dial is required.
type Config struct {
	// Dial connects; peer.Dial with its address. Its error is peer.ErrNone if nobody listens, peer.ErrForeign if the wrong one does.
	Dial func(ctx context.Context) (net.Conn, error)
	// Name of this client, for the agent's log: at most 128 bytes.
	Name string
	// ConnectWait is how long a call waits for an agent that is not there: 5 s if 0, within the call's own time.
	ConnectWait time.Duration
	// Deadline of a call whose context has none or a later one: 35 s if 0, at most 60 s.
	Deadline time.Duration
}

// Provider implements ekm.Provider. Make one with New.
type Provider struct {
	cfg   Config
	info  ekm.ProviderInfo
	algs  []ekm.Algorithm
	agent string

	mu       sync.Mutex
	closed   bool
	sessions map[*Session]struct{}
}

// New connects to an agent and reads what its provider is. Later calls connect by themselves.
func New(ctx context.Context, cfg Config) (*Provider, error) {
	cfg.defaults()
	p := &Provider{cfg: cfg, sessions: map[*Session]struct{}{}}
	end := cfg.end(ctx)
	l, err := connect(ctx, &p.cfg, end)
	if err != nil {
		return nil, err
	}
	defer l.close()
	p.agent = l.hello.Agent
	if _, err := l.do(ctx, call{op: frame.Info, body: nothing{}, end: end, decode: func(b []byte) (err error) {
		p.info, err = frame.ParseInfo(b)
		return err
	}}); err != nil {
		return nil, lost(ctx, frame.Info, err)
	}
	if _, err := l.do(ctx, call{op: frame.Algorithms, body: nothing{}, end: end, decode: func(b []byte) (err error) {
		p.algs, err = frame.ParseAlgorithms(b)
		return err
	}}); err != nil {
		return nil, lost(ctx, frame.Algorithms, err)
	}
	return p, nil
}

func (c *Config) defaults() {
	if c.ConnectWait == 0 {
		c.ConnectWait = 5 * time.Second
	}
	if c.Deadline == 0 {
		c.Deadline = frame.DefaultStoreDeadline
	}
	c.Deadline = min(c.Deadline, frame.MaxDeadline)
}

// end is when a call that begins now must have ended.
func (c *Config) end(ctx context.Context) time.Time {
	end := clock.System{}.Now().Add(c.Deadline)
	if d, ok := ctx.Deadline(); ok && d.Before(end) {
		return d
	}
	return end
}

// Status is what Ping returns.
type Status struct {
	frame.PingResponse
	Version  string   // of the agent
	Instance [16]byte // another after each start
}

// Ping asks an agent how it is, without waiting for one that is not there.
func Ping(ctx context.Context, cfg Config) (Status, error) {
	cfg.ConnectWait = time.Nanosecond
	cfg.defaults()
	end := cfg.end(ctx)
	l, err := connect(ctx, &cfg, end)
	if err != nil {
		return Status{}, err
	}
	defer l.close()
	s := Status{Version: l.hello.Agent, Instance: l.hello.Instance}
	_, err = l.do(ctx, call{op: frame.Ping, body: nothing{}, end: end, decode: func(b []byte) (err error) {
		s.PingResponse, err = frame.ParsePingResponse(b)
		return err
	}})
	return s, lost(ctx, frame.Ping, err)
}

// lost makes a code of a call that got no response and is not repeated.
func lost(ctx context.Context, op frame.Op, err error) error {
	b, ok := errors.AsType[*broken](err)
	switch {
	case !ok:
		return err
	case ctx.Err() != nil || isTimeout(b.err):
		return ended(ctx, op.String(), err)
	case errors.Is(err, frame.ErrMalformed) || errors.Is(err, frame.ErrBounds):
		return code.Wrap(code.AgentProtocol, op.String(), "", err)
	case !op.Again() && b.sent:
		return code.Wrap(code.AgentOutcomeUnknown, op.String(), "", err)
	}
	return code.Wrap(code.AgentUnreachable, op.String(), "", err)
}

// Info describes the provider behind the agent, as it was when New read it.
func (p *Provider) Info() ekm.ProviderInfo { return p.info }

// Algorithms lists the key algorithms, as they were when New read them.
func (p *Provider) Algorithms() []ekm.Algorithm { return slices.Clone(p.algs) }

// Agent is the version of the agent that New reached.
func (p *Provider) Agent() string { return p.agent }

// OpenSession opens a session. It keeps a copy of the credential until the session is closed.
func (p *Provider) OpenSession(ctx context.Context, cred *ekm.Credential) (ekm.Session, error) {
	s, err := newSession(p, cred)
	if err != nil {
		return nil, err
	}
	l, err := s.connect(ctx, s.p.cfg.end(ctx))
	if err != nil {
		s.forget()
		return nil, err
	}
	s.opened = true
	s.put(l)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		_ = s.closeNow()
		return nil, code.Wrap(code.Failure, "opening a session", "", errClosed)
	}
	p.sessions[s] = struct{}{}
	return s, nil
}

var errClosed = errors.New("the provider is closed")

// Close ends the provider and cuts off the calls of its sessions.
func (p *Provider) Close() error {
	p.mu.Lock()
	p.closed = true
	open := p.sessions
	p.sessions = map[*Session]struct{}{}
	p.mu.Unlock()
	for s := range open {
		_ = s.closeNow()
	}
	return nil
}

var _ ekm.Provider = (*Provider)(nil)
