// Package keyview tells what only the running server knows: [Server] is catalog.Runtime, which the catalogue asks before it changes
// something, and [Views] has the rows of the catalogue's system views and DMVs for one caller, with encryption scans, sessions with
// providers and open keys in them.
//
// sys.dm_cryptographic_provider_keys authenticates the caller with the provider, under the credential of its login, and shows the keys that
// the provider enumerates: no rows if that fails, as documented. Everything else is read from memory and calls nobody.
package keyview

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"latchkey/ekm"
	"latchkey/engine/catalog"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/catalog/views"
	"latchkey/engine/keystmt/provider"
	"latchkey/engine/keystmt/ring"
	"latchkey/engine/sqltype"
	"latchkey/engine/tde"
)

// Sessions counts sessions; *sessions.Registry does.
type Sessions interface {
	LoginSessions(login int) int
	DatabaseSessions(db, but int) int
}

// Databases tells of open databases; *databases.Manager does.
type Databases interface {
	Status(id int) (tde.Status, bool)
	State(id int) (state int, ok bool)
	Scanning(id int) (scan, protector bool)
}

// Server is the running server. Its parts may be set after the catalogue was opened, before anybody uses it; nil parts have nothing.
type Server struct {
	Sessions  Sessions
	Databases Databases
	Providers *provider.Set
}

// LoginSessions is the number of sessions of a login.
func (s *Server) LoginSessions(login int) int {
	if s.Sessions == nil {
		return 0
	}
	return s.Sessions.LoginSessions(login)
}

// DatabaseSessions is the number of sessions in a database, the caller's own left out.
func (s *Server) DatabaseSessions(db, caller int) int {
	if s.Sessions == nil {
		return 0
	}
	return s.Sessions.DatabaseSessions(db, caller)
}

// ProviderSessions is the number of open sessions with a provider.
func (s *Server) ProviderSessions(id int) int {
	if s.Providers == nil {
		return 0
	}
	return s.Providers.Count(id)
}

// Scanning reports whether a scan of a database runs or is suspended, and whether its protector is being changed.
func (s *Server) Scanning(db int) (scan, protector bool) {
	if s.Databases == nil {
		return false, false
	}
	return s.Databases.Scanning(db)
}

// session is views.Runtime for one session.
type session struct {
	*Server
	ring *ring.Ring
}

// Encryption is the state of a database's encryption.
func (s session) Encryption(db int) (views.Encryption, bool) {
	if s.Databases == nil {
		return views.Encryption{}, false
	}
	st, ok := s.Databases.Status(db)
	if !ok || st.State == tde.NoKey {
		return views.Encryption{}, false
	}
	e := views.Encryption{
		State: int(st.State), Scan: int(st.Scan), Percent: st.Percent, Opened: st.Opened, Set: st.Set, Bits: 8 * st.Algorithm.KeyLen(),
	}
	if st.Scan != tde.ScanNone {
		e.ScanTime = later(st.Set, st.Regenerated)
	}
	return e, true
}

// DatabaseState is what a database is in.
func (s session) DatabaseState(db int) (int, bool) {
	if s.Databases == nil {
		return 0, false
	}
	return s.Databases.State(db)
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// ProviderSessions are the open sessions with providers.
func (s session) ProviderSessions() []views.ProviderSession {
	if s.Providers == nil {
		return nil
	}
	var out []views.ProviderSession
	for _, o := range s.Providers.Sessions() {
		out = append(out, views.ProviderSession{
			Provider: o.Provider, Handle: binary.BigEndian.AppendUint64(nil, o.Handle), Identity: o.Identity, Session: o.Session,
		})
	}
	return out
}

// OpenKeys are the symmetric keys that the session has open.
func (s session) OpenKeys() []views.OpenKey {
	if s.ring == nil {
		return nil
	}
	var out []views.OpenKey
	for _, o := range s.ring.List() {
		out = append(out, views.OpenKey{Database: o.Database, Key: o.Key, Opened: o.At})
	}
	return out
}

// Views are the catalogue's system views.
type Views struct {
	Catalog *catalog.Catalog
	Server  *Server
	Access  provider.Access
}

// Names lists the views, with their schema: sys.databases.
func (v *Views) Names() []string { return views.Names() }

// Columns is the columns of a view in order; nil for a name that is none of these. Names are in lower case.
func (v *Views) Columns(name string) []views.Column { return views.Columns(name) }

// Parameters is how many arguments a view takes: 1 for the functions sys.dm_cryptographic_provider_..., else 0.
func (v *Views) Parameters(name string) int {
	switch name {
	case keysView, "sys.dm_cryptographic_provider_algorithms", "sys.dm_cryptographic_provider_sessions":
		return 1
	}
	return 0
}

const keysView = "sys.dm_cryptographic_provider_keys"

// ErrArgument means that an argument is missing or not a number.
var ErrArgument = errors.New("the view wants a number as its argument")

// Rows is a view's rows as the caller may see them. r is the session's keys, nil for none; args are a function's arguments. Errors are
// those of views.Rows.
func (v *Views) Rows(ctx context.Context, caller catalog.Caller, r *ring.Ring, name string, args ...sqltype.Value) ([][]sqltype.Value, error) {
	env := views.Env{State: v.Catalog.State(), Caller: caller, Runtime: session{v.Server, r}, Now: v.Catalog.Clock().Now()}
	if v.Parameters(name) == 1 {
		if len(args) != 1 || !args[0].IsNull() && !args[0].Kind().IsInteger() {
			return nil, fmt.Errorf("%s: %w", name, ErrArgument)
		}
		if args[0].IsNull() {
			return nil, nil
		}
		env.Arg = int(args[0].Int())
	}
	if name == keysView {
		return v.keys(ctx, caller, env)
	}
	return views.Rows(name, env)
}

// maxKeys bounds what a provider may enumerate.
const maxKeys = 100_000

func (v *Views) keys(ctx context.Context, caller catalog.Caller, env views.Env) ([][]sqltype.Value, error) {
	p := env.State.Providers.Get(env.Arg)
	if p == nil {
		return nil, nil
	}
	return v.enumerate(ctx, caller, env, p)
}

func (v *Views) enumerate(ctx context.Context, caller catalog.Caller, env views.Env, p *model.Provider) ([][]sqltype.Value, error) {
	var out [][]sqltype.Value
	err := v.Access.Use(ctx, caller, p.GUID, func(s ekm.Session) error {
		for k, err := range s.Keys(ctx) {
			if err != nil {
				return err
			}
			row, err := views.KeyRow(env.State, p.ID, len(out)+1, k)
			if err != nil {
				return err
			}
			if out = append(out, row); len(out) >= maxKeys {
				return nil
			}
		}
		return nil
	})
	if m := new(msg.Error); errors.As(err, &m) || ctx.Err() == nil {
		return out, nil
	}
	return nil, err
}
