package work

import (
	"context"

	"latchkey/engine/catalog"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/perm"
	"latchkey/engine/exec/scope"
	"latchkey/engine/exec/setting"
	"latchkey/engine/fn"
	"latchkey/engine/schema"
)

// Host is the session as package env and the functions see it.
type Host struct{ Session *Session }

// Catalog is the server's.
func (h Host) Catalog() *catalog.Catalog { return h.Session.Actor.Catalog }

// Caller is who runs the statement.
func (h Host) Caller() catalog.Caller { return h.Session.Actor.Caller() }

// Login is who logged in.
func (h Host) Login() int { return h.Session.Actor.First().Login }

// Perm answers what the caller may do in a database.
func (h Host) Perm(db int) *perm.Eval { return h.Session.Actor.PermIn(db) }

// Look borrows a connection beside the statement's, or the transaction's own.
func (h Host) Look(ctx context.Context, db int, f func(w *Statement) error) error {
	s := h.Session
	main := db
	if db == model.TempDB {
		main = s.Actor.DB
	}
	w := &Statement{Ctx: ctx, s: s, Frame: &scope.Frame{}, Main: main, Set: s.PlanSettings()}
	if s.Tx.Database() == main {
		c, err := w.Conn()
		if err != nil {
			return err
		}
		defer c.Use(ctx, &s.Env)
	}
	return w.Finish(f(w))
}

// Snapshot is what a database holds.
func (h Host) Snapshot(ctx context.Context, db int) (snap *schema.Snapshot, err error) {
	err = h.Look(ctx, db, func(w *Statement) error {
		if db != model.TempDB {
			snap, err = w.Snapshot(db)
			return err
		}
		c, err := w.Conn()
		if err != nil {
			return err
		}
		snap, err = h.Session.Temp.snapshot(ctx, c)
		return err
	})
	return snap, err
}

// Identity is the last value of a table's identity.
func (h Host) Identity(ctx context.Context, db int, t *schema.Table) (n int64, ok bool, err error) {
	err = h.Look(ctx, db, func(w *Statement) error {
		c, err := w.Conn()
		if err != nil {
			return err
		}
		sh := h.Session.Temp.Shared
		if db != model.TempDB {
			if sh, err = h.Session.Known.Shared(db); err != nil {
				return err
			}
		}
		if sh == nil {
			return nil
		}
		n, ok, err = sh.Identity(c, t)
		return err
	})
	return n, ok, err
}

// StatementEnv brings the environment to the statement that begins.
func (s *Session) StatementEnv() {
	if s.nested == 0 {
		s.Env.Now, s.own, s.rows, s.Env.Eliminated = s.Clock.Now(), nil, nil, false
	}
	s.Env.Settings = fn.Settings{
		DateFirst: s.Set.DateFirst, Language: s.Set.Language, DateFormat: s.Set.DateFormat, TextSize: int(s.Set.TextSize),
		Options: int(s.Set.Options()), NoArithAbort: !s.Set.Has(setting.ArithAbort) && !s.Set.Has(setting.AnsiWarnings),
	}
}

// ModuleSettings sets what a module keeps from its creation.
func (s *Session) ModuleSettings(quoted, nulls bool) {
	for o, on := range map[setting.Option]bool{setting.QuotedIdentifier: quoted, setting.AnsiNulls: nulls} {
		s.Set.On &^= o
		if on {
			s.Set.On |= o
		}
	}
}

// DatabaseState is the state that a database is in now, as sys.databases shows it; false if only the catalogue knows.
func (h Host) DatabaseState(db int) (int, bool) { return h.Session.Known.State(db) }
