package provider

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/engine/catalog/model"
)

var errClosed = errors.New("the server's providers are closed")

// poolKey is what one shared session is for. A row of the catalogue is never changed once it is published, so the row itself
// tells one state of a credential from the next.
type poolKey struct {
	provider int
	path     string
	version  string
	cred     *model.Credential
}

// shared is a session that several may use at once.
type shared struct {
	ready chan struct{} // closed when sess or err is there
	sess  *tracked
	err   error

	// Under Set.mu.
	users  int
	doomed bool // to be closed when nobody uses it any more
	used   time.Time
	stop   func() // ends the wait for idleness, nil without one
}

func (e *shared) stopTimer() {
	if e.stop != nil {
		e.stop()
		e.stop = nil
	}
}

// Lease is the use of a shared session, until Done.
type Lease struct {
	ekm.Session
	set *Set
	key poolKey
	e   *shared
}

// Opener unseals the credential for a new session; the Set destroys its secret.
type Opener func() (*ekm.Credential, error)

// Borrow lends the session of a provider under a credential, opening it if there is none. cred is the credential's row as it is
// now, nil for a provider without credentials. The caller calls Done when it is through.
func (s *Set) Borrow(ctx context.Context, p *model.Provider, cred *model.Credential, unseal Opener) (*Lease, error) {
	key := poolKey{provider: p.ID, path: p.Path, version: p.Version, cred: cred}
	for {
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			return nil, errClosed
		}
		e := s.pool[key]
		mine := e == nil
		if mine {
			e = &shared{ready: make(chan struct{})}
			s.pool[key] = e
		}
		e.users++
		e.stopTimer()
		s.mu.Unlock()
		if mine {
			e.sess, e.err = s.unsealed(ctx, p, unseal)
			close(e.ready)
		}
		select {
		case <-e.ready:
		case <-ctx.Done():
			s.release(key, e, false)
			return nil, ctx.Err()
		}
		if e.err == nil {
			return &Lease{Session: e.sess, set: s, key: key, e: e}, nil
		}
		s.release(key, e, true)
		if mine || !errors.Is(e.err, context.Canceled) && !errors.Is(e.err, context.DeadlineExceeded) {
			return nil, e.err
		}
		// Who opened it gave up; that is not our failure.
	}
}

func (s *Set) unsealed(ctx context.Context, p *model.Provider, unseal Opener) (*tracked, error) {
	cred, err := unseal()
	if err != nil {
		return nil, err
	}
	if cred != nil && cred.Secret != nil {
		defer cred.Secret.Destroy()
	}
	return s.start(ctx, p, cred)
}

// Done ends the use. err is what the last call on the session returned: after one that speaks of the session rather than of a key,
// the session is not lent again.
func (l *Lease) Done(err error) {
	c := code.Of(err)
	bad := err != nil && (c.Space() != code.Provider || c == code.Failure || c == code.AuthFailure)
	l.set.release(l.key, l.e, bad)
}

// Close does nothing: a lease ends with Done.
func (l *Lease) Close(bool) error { return nil }

func (s *Set) release(key poolKey, e *shared, bad bool) {
	var closing []*tracked
	s.mu.Lock()
	e.users--
	e.used = s.cfg.Clock.Now()
	e.doomed = e.doomed || bad
	if e.doomed && s.pool[key] == e {
		delete(s.pool, key)
	}
	if e.users == 0 {
		switch {
		case e.doomed || s.closed:
			closing = append(closing, e.sess)
		case len(s.pool) > s.cfg.MaxSessions:
			closing = append(closing, s.evictLocked()...)
		}
		if s.pool[key] == e {
			s.watchLocked(key, e)
		}
	}
	s.mu.Unlock()
	end(closing)
}

func end(list []*tracked) {
	for _, t := range list {
		if t != nil {
			_ = t.Close(false)
		}
	}
}

// evictLocked takes the session out that was idle for longest.
func (s *Set) evictLocked() []*tracked {
	var oldest *shared
	var at poolKey
	for k, e := range s.pool {
		if e.users == 0 && (oldest == nil || e.used.Before(oldest.used)) {
			oldest, at = e, k
		}
	}
	if oldest == nil {
		return nil
	}
	delete(s.pool, at)
	oldest.stopTimer()
	return []*tracked{oldest.sess}
}

// watchLocked closes the session if it stays idle.
func (s *Set) watchLocked(key poolKey, e *shared) {
	e.stopTimer()
	timer := s.cfg.Clock.NewTimer(s.cfg.Idle)
	done := make(chan struct{})
	e.stop = func() { timer.Stop(); close(done) }
	go func() {
		select {
		case <-done:
			return
		case <-timer.C():
		}
		s.mu.Lock()
		idle := s.pool[key] == e && e.users == 0
		if idle {
			delete(s.pool, key)
			e.stop = nil
		}
		s.mu.Unlock()
		if idle {
			end([]*tracked{e.sess})
		}
	}()
}

// Forget lets go of the sessions that were opened with a credential, after it was altered or dropped or taken from its login:
// the next use opens a new one. Sessions in use are told the credential as it is now, if it is given and their provider can change it.
func (s *Set) Forget(ctx context.Context, credential int, now *ekm.Credential) {
	var closing []*tracked
	paths := map[string]bool{}
	s.mu.Lock()
	for k, e := range s.pool {
		if k.cred == nil || k.cred.ID != credential {
			continue
		}
		delete(s.pool, k)
		e.doomed = true
		if e.users == 0 {
			e.stopTimer()
			closing = append(closing, e.sess)
		} else {
			paths[k.path] = true
		}
	}
	s.mu.Unlock()
	end(closing)
	if now == nil {
		return
	}
	for path := range paths {
		p, err := s.at(ctx, path)
		if err != nil {
			continue
		}
		if c, ok := p.(CredentialChanger); ok {
			if err := c.ChangeCredential(ctx, now); err != nil {
				s.cfg.Log.Warn("open sessions keep the credential that they have", "credential", now.Name, "error", err)
			}
		}
	}
}

func sortBy[T any, K cmp.Ordered](list []T, key func(T) K) {
	slices.SortFunc(list, func(a, b T) int { return cmp.Compare(key(a), key(b)) })
}
