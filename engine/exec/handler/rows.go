package handler

import (
	"context"

	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/reply"
	"latchkey/engine/exec/scope"
	"latchkey/engine/exec/setting"
	"latchkey/engine/exec/unit"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/convert"
	"latchkey/engine/tds"
)

// BeginRows begins a result of a handler or procedure; the one before ends.
func (s *Parts) BeginRows(_ *scope.Frame, columns []Column) (*RowWriter, error) {
	if s.Answer.Open() {
		if err := s.Answer.EndResult(nil); err != nil {
			return nil, err
		}
	}
	names := make([]string, len(columns))
	types := make([]sqltype.Type, len(columns))
	for i, c := range columns {
		names[i], types[i] = c.Name, c.Type
	}
	return &RowWriter{s: s, types: types}, s.Answer.Rows(newResult(names, types))
}

// Extra is the arguments behind the parameters of a variadic procedure, as text.
func (a *Args) Extra() []string {
	var out []string
	for _, x := range a.Rest {
		v, err := convert.Convert(x.Value, x.Type, sqltype.Sized(sqltype.NVarChar, 4000), convert.Options{})
		if err != nil {
			v = sqltype.NullValue
		}
		out = append(out, v.Text())
	}
	return out
}

// Quoted is the setting of QUOTED_IDENTIFIER.
func (s *Parts) Quoted() bool { return s.Work.Set.Has(setting.QuotedIdentifier) }

// Parse parses the text and the declaration of a dynamic batch.
func (s *Parts) Parse(text, params string) (*unit.Unit, error) {
	return s.parse(unit.Key{Text: text, Params: params, QuotedIdentifier: s.Quoted()})
}

// ParseUndeclared parses a text that is asked about: its variables need no declaration.
func (s *Parts) ParseUndeclared(text, params string) (*unit.Unit, error) {
	return s.parse(unit.Key{Text: text, Params: params, QuotedIdentifier: s.Quoted(), Undeclared: true})
}

func (s *Parts) parse(k unit.Key) (*unit.Unit, error) {
	u, err := s.Units.Get(k)
	if err != nil {
		return nil, raise.InModule(err)
	}
	return u, nil
}

func newResult(names []string, types []sqltype.Type) *reply.Result {
	return reply.NewResult(names, types, nil)
}

// Use changes the current database.
func (s *Parts) Use(ctx context.Context, f *scope.Frame, name string) error {
	old := s.Actor.Database
	d, err := s.Actor.Databases.Use(ctx, s.Actor.Place, s.Actor.Caller(), name)
	if err != nil {
		return err
	}
	s.Actor.DB, s.Actor.Database = d.ID, d.Name
	if err := s.Answer.Token(&tds.EnvChange{Type: tds.EnvDatabase, New: d.Name, Old: old}); err != nil {
		return err
	}
	s.Answer.Info(f.Mark(raise.New(5701, d.Name)))
	return nil
}

// LanguageChanged tells the client of SET LANGUAGE.
func (s *Parts) LanguageChanged(f *scope.Frame) error {
	if err := s.Answer.Token(&tds.EnvChange{Type: tds.EnvLanguage, New: s.Work.Set.Language, Old: f.Saved.Language}); err != nil {
		return err
	}
	s.Answer.Info(f.Mark(raise.New(5703, s.Work.Set.Language)))
	return nil
}
