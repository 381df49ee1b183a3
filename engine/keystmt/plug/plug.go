// Package plug joins package keystmt to package exec: [Handler] takes the dialect's statements, [Procedures] are the system procedures of
// the dialect (sp_configure, sp_addsrvrolemember and their kin), [Keys] the functions that use keys, [Views] the catalogue's views,
// [Databases] the databases.
//
// The keys that a session has open are kept with it ([Ring]) and wiped when it ends or is reset.
package plug

import (
	"context"

	"latchkey/engine/catalog"
	"latchkey/engine/catalog/database"
	"latchkey/engine/databases"
	"latchkey/engine/exec/actor"
	"latchkey/engine/exec/handler"
	"latchkey/engine/fn/def"
	"latchkey/engine/keystmt"
	"latchkey/engine/keystmt/keyfunc"
	"latchkey/engine/keystmt/keyview"
	"latchkey/engine/keystmt/ring"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// Databases makes a manager of databases what package keystmt asks for.
type Databases struct{ *databases.Manager }

// Set is ALTER DATABASE ... SET options, but for ENCRYPTION.
func (d Databases) Set(ctx context.Context, caller catalog.Caller, o database.Set, t keystmt.Termination) (catalog.Result, error) {
	return d.Manager.Set(ctx, caller, o, databases.Termination(t))
}

// ringKey is where a session keeps its open keys.
type ringKey struct{}

type kept struct{ ring ring.Ring }

// Reset wipes the keys.
func (k *kept) Reset() { k.ring.Wipe() }

// Ring is the keys that a session has open.
func Ring(c *handler.Context) *ring.Ring {
	return &c.Keep(ringKey{}, func() handler.Kept { return new(kept) }).(*kept).ring
}

// session is a Context as package keystmt sees it.
type session struct{ *handler.Context }

// Ring is the keys that the session has open.
func (s session) Ring() *ring.Ring { return Ring(s.Context) }

// Impersonate makes the session act as another.
func (s session) Impersonate(id keystmt.Identity, noRevert bool, cookie string) {
	s.Context.Impersonate(actor.Identity{Login: id.Login, User: id.User, Database: id.Database, Name: id.Name}, noRevert, cookie)
}

// Eval computes an expression.
func (s session) Eval(ctx context.Context, x ast.Expr) (sqltype.Value, error) {
	v, _, err := s.Context.Eval(ctx, x)
	return v, err
}

// Handler carries out the statements of a dialect.
func Handler(d *keystmt.Dialect) handler.Handler {
	return handler.Func(func(ctx context.Context, c *handler.Context, s ast.Statement) (bool, error) {
		return d.Run(ctx, session{c}, s)
	})
}

// Keys gives the functions that use keys to a session: what exec.Config.Keys takes.
func Keys(cat *catalog.Catalog, provided keyfunc.Provided) func(c *handler.Context) def.Keys {
	return func(c *handler.Context) def.Keys {
		return &keyfunc.Functions{Catalog: cat, Provided: provided, Ring: Ring(c), Caller: c.Caller}
	}
}

var (
	_ keystmt.Databases = Databases{}
	_ keystmt.Session   = session{}
	_ def.Keys          = (*keyfunc.Functions)(nil)
)

// Views are the catalogue's system views for sessions.
func Views(v *keyview.Views) []*handler.View {
	var out []*handler.View
	for _, name := range v.Names() {
		sv := &handler.View{Name: name, Params: v.Parameters(name)}
		for _, col := range v.Columns(name) {
			sv.Columns = append(sv.Columns, handler.Column{Name: col.Name, Type: col.Type})
		}
		sv.Rows = func(ctx context.Context, c *handler.Context, db int, args []sqltype.Value) ([][]sqltype.Value, error) {
			caller := c.Caller()
			if caller.User != 0 && db != caller.Database {
				return nil, nil // a user of a database is nobody in another one
			}
			caller.Database = db
			return v.Rows(ctx, caller, Ring(c), name, args...)
		}
		out = append(out, sv)
	}
	return out
}
