// Package authn lets SQL logins in: [Gate.Login] checks name and password, counts failures, locks out, and says what the client may
// hear.
//
// Every refusal looks the same to the client: message 18456, state 1, after the same work. The reason is for the log
// ([Refused.Reason]). Only who has shown the right password hears that it has expired or must be changed (18487, 18488). A disabled
// login, one made from a key and one without CONNECT SQL are refused as if the password were wrong.
//
// After [Threshold] failures within [Window] a login with CHECK_POLICY is locked out for Window, whoever tries; sa is not
// spared. Counts are kept in memory and end with the process: a restart is not at an attacker's command. Throttling by address is
// the listener's affair, and bounding how many checks run at once too ([Gate.Login] blocks while too many do).
package authn

import (
	"context"
	"errors"
	"sync"
	"time"

	"latchkey/engine/catalog"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/catalog/password"
	"latchkey/engine/catalog/perm"
	"latchkey/engine/catalog/principal"
	"latchkey/internal/secret"
)

// The lock-out.
const (
	Threshold = 10
	Window    = 15 * time.Minute
	// maxChecks is how many passwords are checked at once: each takes a processor for a while.
	maxChecks = 4
)

// Refused is why a login was refused, for the log alone.
type Refused struct {
	Reason string
	State  int // of message 18456 in the log, as SQL Server has them: 5 no such login, 7 disabled, 8 wrong password, 10 locked out, 12 no access
}

// Error is the reason.
func (r *Refused) Error() string { return r.Reason }

// Gate lets logins in. It is safe for concurrent use.
type Gate struct {
	cat    *catalog.Catalog
	work   work
	checks chan struct{}

	mu     sync.Mutex
	failed map[int]*failures // by login: names that nobody has are not remembered
}

type failures struct {
	count       int
	first, last time.Time
	locked      time.Time // until
}

// work is what costs time in a login: each attempt must do one of the two, once.
type work struct {
	check func(hash []byte, pw *secret.Bytes) bool
	decoy func(pw *secret.Bytes)
}

// New makes a Gate.
func New(c *catalog.Catalog) *Gate {
	return &Gate{cat: c, work: work{password.Check, password.Decoy}, checks: make(chan struct{}, maxChecks), failed: make(map[int]*failures)}
}

// Attempt is what a client sends.
type Attempt struct {
	Name     string
	Password *secret.Bytes // stays the caller's
	// NewPassword changes an expired password while logging in; nil without one. It is destroyed.
	NewPassword *secret.Bytes
}

// Login lets a login in and gives its row. A refusal is a *msg.Error that wraps a *Refused.
func (g *Gate) Login(ctx context.Context, a Attempt) (*model.Login, error) {
	select {
	case g.checks <- struct{}{}:
		defer func() { <-g.checks }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s := g.cat.State()
	now := g.cat.Clock().Now()
	refuse := func(state int, reason string) (*model.Login, error) {
		return nil, msg.New(18456, a.Name, "", "").Because(&Refused{reason, state})
	}
	l := s.FindLogin(a.Name)
	if l == nil || l.Kind != model.SQLLogin || l.Hash == nil {
		g.work.decoy(a.Password)
		switch {
		case l == nil || l.IsRole():
			return refuse(5, "Could not find a login matching the name provided.")
		case l.Disabled:
			return refuse(7, "The account is disabled.")
		}
		return refuse(5, "The login has no password to connect with.")
	}
	locked := l.PolicyChecked && g.locked(l.ID, now)
	right := g.work.check(l.Hash, a.Password)
	switch {
	case locked:
		return refuse(10, "The account is currently locked out.")
	case !right:
		g.fail(l.ID, now)
		return refuse(8, "Password did not match that for the login provided.")
	case l.Disabled:
		return refuse(7, "The account is disabled.")
	case !perm.For(s, l.ID, 0).Server("CONNECT SQL"):
		return refuse(12, "Login-based server access validation failed: CONNECT SQL is not granted.")
	}
	expired := l.ExpirationChecked && now.Sub(l.HashSet) > principal.PasswordAge
	if expired || l.MustChange {
		if a.NewPassword == nil {
			number := 18488
			if expired {
				number = 18487
			}
			return nil, msg.New(number, a.Name, "").Because(&Refused{"The password has expired or must be changed.", 18})
		}
		op := &principal.AlterLogin{Name: l.Name, Password: &principal.Password{Text: a.NewPassword, Old: clone(a.Password)}}
		if _, err := g.cat.Do(ctx, catalog.Caller{Login: l.ID, Database: model.Master}, op); err != nil {
			return nil, err
		}
		l = g.cat.State().Logins.Get(l.ID)
		if l == nil {
			return refuse(5, "The login was dropped meanwhile.")
		}
	}
	g.Unlock(l.ID)
	return l, nil
}

func clone(s *secret.Bytes) *secret.Bytes {
	if s == nil {
		return nil
	}
	return s.Clone()
}

func (g *Gate) locked(login int, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	f := g.failed[login]
	return f != nil && now.Before(f.locked)
}

func (g *Gate) fail(login int, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f := g.failed[login]
	if f == nil || now.Sub(f.first) > Window && !now.Before(f.locked) {
		f = &failures{first: now}
		g.failed[login] = f
	}
	f.count++
	f.last = now
	if f.count >= Threshold {
		f.locked = now.Add(Window)
	}
}

// Unlock forgets a login's failures: ALTER LOGIN ... WITH PASSWORD = ... UNLOCK.
func (g *Gate) Unlock(login int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.failed, login)
}

// Failures tells LOGINPROPERTY's BadPasswordCount, BadPasswordTime and whether the login IsLocked.
func (g *Gate) Failures(login int) (count int, last time.Time, locked bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f := g.failed[login]
	if f == nil {
		return 0, time.Time{}, false
	}
	return f.count, f.last, g.cat.Clock().Now().Before(f.locked)
}

// State is the state of message 18456 for the log; 1 if err is no refusal. The client always gets 1.
func State(err error) int {
	var r *Refused
	if errors.As(err, &r) {
		return r.State
	}
	return 1
}

// Reason is why a login was refused, "" if err is no refusal.
func Reason(err error) string {
	var r *Refused
	if errors.As(err, &r) {
		return r.Reason
	}
	return ""
}
