package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"latchkey/agent/frame"
	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/internal/secret"
)

// Connections of one session: at once, and kept while no call runs.
const (
	maxLinks = 64
	maxIdle  = 4
)

// tries is how often a call is begun: once more after a connection that was closed meanwhile, once more after an agent that was leaving.
const tries = 3

// Session is a session of a Provider. It implements ekm.Session.
type Session struct {
	p        *Provider
	identity []byte // wide, as name
	name     []byte
	secret   *secret.Bytes // wide; nil if there is none
	nobody   bool          // no credential at all
	opened   bool          // it has been open: later openings say so

	ctx    context.Context // ends when the session is aborted
	cancel context.CancelCauseFunc
	room   chan struct{} // holds one for each call

	mu      sync.Mutex
	closed  bool
	idle    []*link
	running sync.WaitGroup
}

var errSession = errors.New("the session is closed")

func newSession(p *Provider, cred *ekm.Credential) (*Session, error) {
	s := &Session{p: p, nobody: cred == nil, room: make(chan struct{}, maxLinks)}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	if cred == nil {
		return s, nil
	}
	var err error
	if s.identity, err = frame.Wide(cred.Identity); err != nil {
		return nil, invalid("identity", err)
	}
	if s.name, err = frame.Wide(cred.Name); err != nil {
		return nil, invalid("name", err)
	}
	wide, err := frame.AppendUTF16(make([]byte, 0, 2*cred.Secret.Len()), cred.Secret.Expose())
	if err != nil {
		secret.Wipe(wide)
		return nil, invalid("secret", err)
	}
	s.secret = secret.NewLocked(wide)
	if err := s.request().Check(); err != nil {
		s.forget()
		return nil, invalid("credential", err)
	}
	return s, nil
}

func invalid(what string, err error) error {
	return code.Wrap(code.InvalidArgument, "reading the "+what, "", err)
}

// request is the opening of the session. What it holds is the session's own memory.
func (s *Session) request() frame.OpenRequest {
	m := frame.OpenRequest{Identity: s.identity, Name: s.name, Secret: s.secret.Expose()}
	if !s.nobody {
		m.Flags |= frame.OpenCredential
	}
	if s.opened {
		m.Flags |= frame.OpenAgain
	}
	return m
}

func (s *Session) forget() { s.secret.Destroy() }

// connect makes a connection and opens the session on it.
func (s *Session) connect(ctx context.Context, end time.Time) (*link, error) {
	for try := 1; ; try++ {
		l, err := connect(ctx, &s.p.cfg, end)
		if err != nil {
			return nil, err
		}
		notDone, err := l.do(ctx, call{op: frame.Open, body: s.request(), end: end, decode: func([]byte) error { return nil }})
		if err == nil {
			return l, nil
		}
		going := l.going
		l.close()
		_, gone := errors.AsType[*broken](err)
		if try < tries && ctx.Err() == nil && (notDone && going || gone && !isTimeout(err)) {
			continue
		}
		return nil, lost(ctx, frame.Open, err)
	}
}

// get gives a connection of the session, a new one if fresh is asked for.
func (s *Session) get(ctx context.Context, end time.Time, fresh bool) (*link, error) {
	s.mu.Lock()
	if n := len(s.idle); n > 0 && !fresh {
		l := s.idle[n-1]
		s.idle = s.idle[:n-1]
		s.mu.Unlock()
		return l, nil
	}
	s.mu.Unlock()
	return s.connect(ctx, end)
}

// put gives a connection back.
func (s *Session) put(l *link) {
	s.mu.Lock()
	keep := !l.going && !s.closed && len(s.idle) < maxIdle
	if keep {
		s.idle = append(s.idle, l)
	}
	s.mu.Unlock()
	if !keep {
		l.close()
	}
}

// begin starts a call; done must be called.
func (s *Session) begin(ctx context.Context, op frame.Op, end time.Time) (context.Context, func(), error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, nil, code.Wrap(code.Failure, op.String(), "", errSession)
	}
	s.running.Add(1)
	s.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.ctx, cancel)
	wctx, wcancel := context.WithDeadline(ctx, end)
	defer wcancel()
	select {
	case s.room <- struct{}{}:
	case <-wctx.Done():
		stop()
		cancel()
		s.running.Done()
		return nil, nil, ended(ctx, op.String(), wctx.Err())
	}
	return ctx, func() {
		<-s.room
		stop()
		cancel()
		s.running.Done()
	}, nil
}

// call carries out one operation, connecting again where that is needed and right.
func (s *Session) call(ctx context.Context, op frame.Op, body message, decode func([]byte) error) error {
	if m, ok := body.(interface{ Check() error }); ok {
		if err := m.Check(); err != nil {
			return invalid("argument", err)
		}
	}
	end := s.p.cfg.end(ctx)
	ctx, done, err := s.begin(ctx, op, end)
	if err != nil {
		return err
	}
	defer done()
	q := call{op: op, body: body, decode: decode, end: end}
	for try := 1; ; try++ {
		l, err := s.get(ctx, end, !op.Again() || try > 1)
		if err != nil {
			return err
		}
		notDone, err := l.do(ctx, q)
		going := l.going
		s.put(l)
		if err == nil {
			return nil
		}
		b, gone := errors.AsType[*broken](err)
		repeat := notDone && going || gone && (op.Again() || !b.sent) && !isTimeout(b.err)
		if repeat && try < tries && ctx.Err() == nil {
			q.flags |= frame.FlagRepeat
			continue
		}
		if s.ctx.Err() != nil {
			return code.Wrap(code.Failure, op.String(), "", fmt.Errorf("%w: %w", errSession, err))
		}
		return lost(ctx, op, err)
	}
}

// KeyByName finds a key by its name.
func (s *Session) KeyByName(ctx context.Context, name string) (k ekm.KeyInfo, err error) {
	wide, err := frame.Wide(name)
	if err != nil {
		return k, invalid("key's name", err)
	}
	err = s.call(ctx, frame.KeyByName, frame.NameRequest{Name: wide}, key(&k))
	return k, err
}

// KeyByThumbprint finds a key by its thumbprint.
func (s *Session) KeyByThumbprint(ctx context.Context, t ekm.Thumbprint) (k ekm.KeyInfo, err error) {
	err = s.call(ctx, frame.KeyByThumb, thumb(t), key(&k))
	return k, err
}

func thumb(t ekm.Thumbprint) frame.Thumb { return frame.Thumb{Thumbprint: []byte(t)} }

func key(k *ekm.KeyInfo) func([]byte) error {
	return func(b []byte) error {
		m, err := frame.ParseKey(b)
		if err == nil {
			*k, err = m.Info()
		}
		return err
	}
}

// PublicKey exports the public half.
func (s *Session) PublicKey(ctx context.Context, t ekm.Thumbprint) (k ekm.PublicKey, err error) {
	err = s.call(ctx, frame.PublicKey, thumb(t), func(b []byte) error {
		m, err := frame.ParsePublicBlob(b)
		if err == nil {
			k, err = m.Key()
		}
		return err
	})
	return k, err
}

// Keys enumerates keys, on one connection: the list that it walks belongs to that.
func (s *Session) Keys(ctx context.Context) iter.Seq2[ekm.KeyInfo, error] {
	return func(yield func(ekm.KeyInfo, error) bool) {
		ctx, done, err := s.begin(ctx, frame.KeyNext, s.p.cfg.end(ctx))
		if err != nil {
			yield(ekm.KeyInfo{}, err)
			return
		}
		defer done()
		l, err := s.get(ctx, s.p.cfg.end(ctx), true)
		if err != nil {
			yield(ekm.KeyInfo{}, err)
			return
		}
		defer s.put(l)
		after := uint32(0)
		for {
			var k ekm.KeyInfo
			_, err := l.do(ctx, call{op: frame.KeyNext, body: frame.Number{Value: after}, end: s.p.cfg.end(ctx), decode: func(b []byte) error {
				m, err := frame.ParseKey(b)
				if err == nil {
					after = m.ID
					k, err = m.Info()
				}
				return err
			}})
			if errors.Is(err, code.NotFound) {
				return
			}
			if !yield(k, lost(ctx, frame.KeyNext, err)) || err != nil {
				return
			}
		}
	}
}

// CreateKey makes a key. It is never sent twice; code 5003 means that its outcome is not known.
func (s *Session) CreateKey(ctx context.Context, name string, alg ekm.AlgorithmID) (t ekm.Thumbprint, err error) {
	wide, err := frame.Wide(name)
	if err != nil {
		return "", invalid("key's name", err)
	}
	err = s.call(ctx, frame.CreateKey, frame.CreateRequest{Algorithm: uint32(alg), Name: wide}, made(&t))
	return t, err
}

func made(t *ekm.Thumbprint) func([]byte) error {
	return func(b []byte) error {
		m, err := frame.ParseThumbResponse(b)
		*t = ekm.Thumbprint(m.Thumbprint)
		return err
	}
}

// DropKey removes a key. It is never sent twice.
func (s *Session) DropKey(ctx context.Context, t ekm.Thumbprint) error {
	return s.call(ctx, frame.DropKey, thumb(t), func([]byte) error { return nil })
}

// ImportKey hands a key over. It is never sent twice.
func (s *Session) ImportKey(ctx context.Context, name string, blob []byte) (t ekm.Thumbprint, err error) {
	wide, err := frame.Wide(name)
	if err != nil {
		return "", invalid("key's name", err)
	}
	err = s.call(ctx, frame.ImportKey, frame.ImportRequest{BlobType: 1, Name: wide, Blob: blob}, made(&t))
	return t, err
}

// Wrap encrypts a small secret.
func (s *Session) Wrap(ctx context.Context, t ekm.Thumbprint, plain *secret.Bytes) (w ekm.Wrapped, err error) {
	err = s.call(ctx, frame.Wrap, frame.WrapRequest{Thumb: []byte(t), Plain: plain.Expose()}, func(b []byte) error {
		m, err := frame.ParseWrapped(b)
		w = ekm.Wrapped{Algorithm: m.Algorithm, Blob: append([]byte(nil), m.Blob...)}
		return err
	})
	return w, err
}

// Unwrap decrypts what Wrap made. The caller destroys the result.
func (s *Session) Unwrap(ctx context.Context, t ekm.Thumbprint, w ekm.Wrapped) (plain *secret.Bytes, err error) {
	err = s.call(ctx, frame.Unwrap, frame.UnwrapRequest{Thumb: []byte(t), Blob: w.Blob, Algorithm: w.Algorithm}, func(b []byte) error {
		m, err := frame.ParsePlain(b)
		if err == nil {
			plain = secret.New(m.Plain)
		}
		return err
	})
	return plain, err
}

// Close ends the session. With abort, calls that run are cut off; without, they finish first.
func (s *Session) Close(abort bool) error {
	s.p.mu.Lock()
	delete(s.p.sessions, s)
	s.p.mu.Unlock()
	if abort {
		return s.closeNow()
	}
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	return s.closeNow()
}

// closeNow ends the session without touching the provider's list.
func (s *Session) closeNow() error {
	s.mu.Lock()
	cut := !s.closed
	s.closed = true
	idle := s.idle
	s.idle = nil
	s.mu.Unlock()
	for _, l := range idle {
		l.close()
	}
	if cut {
		s.cancel(errSession)
	}
	s.running.Wait()
	s.cancel(errSession)
	s.forget()
	return nil
}

var _ ekm.Session = (*Session)(nil)
