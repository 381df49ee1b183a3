package exec

import (
	"context"
	"fmt"

	"latchkey/engine/catalog/model"
	"latchkey/engine/exec/unit"
	"latchkey/engine/sessions"
	"latchkey/engine/sqltype"
	"latchkey/engine/tds"
	"latchkey/engine/tds/sqlval"
)

// Run runs a batch in a database as the server itself: for what it keeps in tables of its own. Results go nowhere; the error is the first message that is one.
func (s *Server) Run(ctx context.Context, database, batch string) error {
	return s.Query(ctx, database, batch, func([]sqltype.Value) error { return nil })
}

// Query is Run that gives the rows of all results to row, which must not keep the slice.
func (s *Server) Query(ctx context.Context, database, batch string, row func([]sqltype.Value) error) error {
	id, release, err := s.cfg.Sessions.Reserve()
	if err != nil {
		return err
	}
	defer release()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	login := s.cfg.Catalog.State().Logins.Get(model.SA)
	if login == nil {
		return fmt.Errorf("there is no login %d", model.SA)
	}
	place := s.cfg.Sessions.Open(id, sessions.Who{Login: model.SA, LoginName: login.Name, Program: "Latchkey", Library: "internal"}, cancel)
	n, err := s.Open(ctx, Login{Session: place, Database: database, ODBC: true})
	if err != nil {
		place.Close()
		return err
	}
	defer n.Close()
	told := &silent{row: row}
	err = n.serve(ctx, told, func(ctx context.Context) error {
		u, err := s.units.Get(unit.Key{Text: batch, QuotedIdentifier: true})
		if err != nil {
			return n.flow.Refuse(nil, err)
		}
		return n.body(ctx, n.work.NewFrame(nil, u))
	})
	if err == nil {
		err = told.failed
	}
	return err
}

// silent is an answer of which only the first error and the rows are read.
type silent struct {
	failed error
	row    func([]sqltype.Value) error
}

// Token keeps the first error.
func (s *silent) Token(t tds.ServerToken) error {
	if m, ok := t.(*tds.Message); ok && !m.Info && s.failed == nil {
		s.failed = fmt.Errorf("message %d, line %d: %s", m.Number, m.Line, m.Text)
	}
	return nil
}

// Row hands a row over.
func (s *silent) Row(_ *sqlval.Rows, values []sqltype.Value) error { return s.row(values) }

// Output drops a parameter.
func (*silent) Output(string, int, sqltype.Type, sqltype.Value) error { return nil }

// Flush does nothing.
func (*silent) Flush() error { return nil }

// Version is the newest.
func (*silent) Version() tds.Version { return tds.V74 }
