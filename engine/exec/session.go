package exec

import (
	"context"

	"latchkey/engine/exec/flow"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/reply"
	"latchkey/engine/exec/scope"
	"latchkey/engine/exec/setting"
	"latchkey/engine/exec/unit"
	"latchkey/engine/tds"
	"latchkey/engine/tds/conn"
)

var (
	_ conn.Session    = (*Session)(nil)
	_ conn.BulkLoader = (*Session)(nil)
	_ conn.Resetter   = (*Session)(nil)
)

// Database is the name of the session's database.
func (s *Session) Database() string { return s.actor.Database }

// Batch runs a batch.
func (s *Session) Batch(ctx context.Context, m *tds.Batch, out *conn.Reply) error {
	s.bulk = nil // its rows were to follow at once
	return s.request(ctx, out, func(ctx context.Context) error {
		u, err := s.parts.Units.Get(unit.Key{Text: m.Text, QuotedIdentifier: s.work.Set.Has(setting.QuotedIdentifier)})
		if err != nil {
			return s.flow.Refuse(nil, err)
		}
		f := s.work.NewFrame(nil, u)
		return s.body(ctx, f)
	})
}

// body runs a frame's statements to their end. The error is errStop or one that ends the request.
func (s *Session) body(ctx context.Context, f *scope.Frame) error {
	if s.work.Set.Has(setting.ParseOnly) && !turnsOn(f.Unit.Statements) {
		return nil
	}
	s.work.Frame = f
	sig, err := s.flow.List(ctx, f, f.Unit.Statements)
	s.work.Frame = nil
	if err == nil {
		if lost := flow.Astray(sig); lost != nil {
			err = s.flow.Refuse(f, lost)
		}
	}
	if err == nil && sig.Kind == flow.Stop {
		err = flow.ErrStop
	}
	s.define.Leave(ctx, f)
	return err
}

// request is what all requests have around them.
func (s *Session) request(ctx context.Context, out *conn.Reply, run func(context.Context) error) error {
	return s.serve(ctx, out, run)
}

// serve is request for any reader.
func (s *Session) serve(ctx context.Context, out reply.Sink, run func(context.Context) error) error {
	s.answer.Begin(out)
	s.actor.Place.Begin("BATCH")
	s.flow.Begin()
	if err := s.tellRollback(); err != nil {
		return err
	}
	err := run(ctx)
	if err == flow.ErrStop {
		err = nil
	}
	if err == nil {
		err = s.endBatch(ctx)
	}
	s.actor.Place.End(s.work.Tx.Count())
	if err != nil {
		if ctx.Err() != nil {
			s.cancelled(ctx)
			return err
		}
		s.server.cfg.Log.Error("a request failed", "session", s.actor.ID, "error", err)
		return err
	}
	return s.answer.End()
}

// endBatch rolls a doomed transaction back: message 3998.
func (s *Session) endBatch(ctx context.Context) error {
	if s.work.Tx.Doomed() {
		if err := s.answer.Message(raise.New(3998).At(1, "")); err != nil {
			return err
		}
		return s.transaction.Rollback(ctx)
	}
	return nil
}

// cancelled is what an attention leaves: the transaction stays, unless XACT_ABORT is on or SQLite rolled it back with the change that
// was interrupted. Its answer is cut short, so the client is told with the next one.
func (s *Session) cancelled(ctx context.Context) {
	if s.work.Tx.Count() == 0 || !s.work.Set.Has(setting.XactAbort) && !s.work.Tx.Lost() {
		return
	}
	s.untold = s.work.Tx.Descriptor()
	if _, err := s.work.Tx.Rollback(context.WithoutCancel(ctx), ""); err != nil {
		s.server.cfg.Log.Error("rolling back behind an attention", "session", s.actor.ID, "error", err)
	}
}

// tellRollback tells the client of a transaction that ended with an attention.
func (s *Session) tellRollback() error {
	if s.untold == 0 {
		return nil
	}
	id := s.untold
	s.untold = 0
	return s.answer.Token(&tds.EnvChange{Type: tds.EnvRollback, OldBytes: tds.Descriptor(id)})
}

// Reset makes the session as after its login.
func (s *Session) Reset(ctx context.Context, keepTransaction bool, out *conn.Reply) error {
	s.answer.Begin(out)
	if !keepTransaction && s.work.Tx.Count() > 0 {
		if all, err := s.work.Tx.Rollback(ctx, ""); !all {
			return err
		}
	}
	s.forget()
	s.work.Set = setting.Default(s.login.ODBC)
	if s.login.Language != "" {
		_ = s.work.Set.AssignText("LANGUAGE", s.login.Language)
	}
	s.work.Apply()
	if s.actor.DB == s.home {
		return nil
	}
	old := s.actor.Database
	if d := s.actor.Catalog.State().Databases.Get(s.home); d != nil && s.actor.Enter(ctx, d.Name) == nil {
		return out.Token(&tds.EnvChange{Type: tds.EnvDatabase, New: s.actor.Database, Old: old})
	}
	return nil
}

// Close ends the session: its transaction is rolled back.
func (s *Session) Close() {
	if s.closed {
		return
	}
	s.closed = true
	ctx := context.Background()
	if s.work.Tx.Count() > 0 {
		if _, err := s.work.Tx.Rollback(ctx, ""); err != nil {
			s.server.cfg.Log.Error("rolling back at the end of a session", "session", s.actor.ID, "error", err)
		}
	}
	s.forget()
	s.actor.Place.Close()
}

// TransMgr carries out a transaction manager request.
func (s *Session) TransMgr(ctx context.Context, m *tds.TransMgr, out *conn.Reply) error {
	return s.request(ctx, out, func(ctx context.Context) error {
		f := &scope.Frame{Unit: &unit.Unit{}, Saved: s.work.Set, Line: 1}
		if err := s.transaction.TransMgr(ctx, m); err != nil {
			return s.flow.Refuse(f, err)
		}
		return nil
	})
}
