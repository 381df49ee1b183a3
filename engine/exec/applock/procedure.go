package applock

import (
	"context"
	"errors"
	"strings"
	"time"

	"latchkey/engine/exec/handler"
	"latchkey/engine/exec/raise"
	"latchkey/engine/sqltype"
)

// What sp_getapplock returns beside 0, granted, and 1, granted after a wait.
const (
	statusTimeout   = -1
	statusCancelled = -2
	statusDeadlock  = -3
	statusInvalid   = -999
)

// kept ends a session's locks with it.
type kept struct {
	locks   *Locks
	session int
}

// Reset gives back what the session holds.
func (k kept) Reset() { k.locks.EndSession(k.session) }

type keptKey struct{}

// Procedures are sp_getapplock and sp_releaseapplock over these locks. Of @DbPrincipal only public, the default, and dbo, for those who own
// the database, are taken.
func (s *Locks) Procedures() []*handler.Procedure {
	name := func(p string, length int) handler.Param {
		return handler.Param{Name: p, Type: sqltype.Sized(sqltype.NVarChar, length)}
	}
	optional := func(p handler.Param) handler.Param { p.Optional = true; return p }
	return []*handler.Procedure{
		{
			Name: "sp_getapplock",
			Params: []handler.Param{
				name("@Resource", 255), name("@LockMode", 32), optional(name("@LockOwner", 32)),
				{Name: "@LockTimeout", Type: sqltype.Of(sqltype.Int), Optional: true},
				optional(name("@DbPrincipal", 128)),
			},
			Run: s.get,
		},
		{
			Name:   "sp_releaseapplock",
			Params: []handler.Param{name("@Resource", 255), optional(name("@LockOwner", 32)), optional(name("@DbPrincipal", 128))},
			Run:    s.giveBack,
		},
	}
}

// named checks what both procedures take: messages 1224, 1226, 1228.
func named(c *handler.Context, proc string, resource sqltype.Value, owner, principal string) (n Name, transaction bool, err error) {
	if resource.IsNull() || resource.Text() == "" {
		return n, false, raise.New(1224, proc)
	}
	switch strings.ToLower(owner) {
	case "", "transaction":
		transaction = true
	case "session":
	default:
		return n, false, raise.New(1226, proc)
	}
	switch principal = strings.ToLower(principal); {
	case principal == "" || principal == "public":
		principal = "public"
	case principal == "dbo" && c.Parts.Actor.Perm().Database("CONTROL"):
	default:
		return n, false, raise.New(1228, proc)
	}
	return Name{c.Caller().Database, principal, resource.Text()}, transaction, nil
}

func (s *Locks) get(ctx context.Context, c *handler.Context, a *handler.Args) (int, error) {
	const proc = "sp_getapplock"
	n, transaction, err := named(c, proc, a.Values[0], a.Text(2), a.Text(4))
	if err != nil {
		return statusInvalid, err
	}
	mode, ok := ParseMode(strings.ToLower(a.Text(1)))
	if !ok {
		return statusInvalid, raise.New(1225, proc)
	}
	wait, given := a.Int(3)
	if !given {
		wait = c.Settings().LockTimeout
	}
	if wait < -1 {
		return statusInvalid, raise.New(1227, proc)
	}
	if transaction && !c.InTransaction() {
		return statusInvalid, raise.New(1229)
	}
	c.Keep(keptKey{}, func() handler.Kept { return kept{s, c.Session()} })
	waited, err := s.Get(ctx, Request{Name: n, Mode: mode, Session: c.Session(), Transaction: transaction, Timeout: time.Duration(wait) * time.Millisecond})
	switch {
	case errors.Is(err, ErrTimeout):
		return statusTimeout, nil
	case errors.Is(err, ErrDeadlock):
		return statusDeadlock, nil
	case errors.Is(err, ErrTooMany):
		return statusInvalid, raise.New(1204)
	case err != nil:
		return statusCancelled, err
	case waited:
		return 1, nil
	}
	return 0, nil
}

func (s *Locks) giveBack(_ context.Context, c *handler.Context, a *handler.Args) (int, error) {
	const proc = "sp_releaseapplock"
	n, transaction, err := named(c, proc, a.Values[0], a.Text(1), a.Text(2))
	if err != nil {
		return statusInvalid, err
	}
	if s.Release(n, c.Session(), transaction) != nil {
		return statusInvalid, raise.New(1223, n.Principal, n.Resource)
	}
	return 0, nil
}
