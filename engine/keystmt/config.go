package keystmt

import (
	"context"
	"errors"

	"latchkey/engine/catalog/database"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/catalog/views"
	"latchkey/engine/exec/raise"
	"latchkey/engine/tsql/ast"
)

// The lines at which SQL Server 2022 raises sp_configure's messages.
const (
	configProc    = "sp_configure"
	lineMissing   = 62
	lineDenied    = 105
	lineValue     = 145
	lineInstalled = 196
)

// ConfigArgs are the arguments of sp_configure; nil where none or NULL was given.
type ConfigArgs struct {
	Name  *string
	Value *int64
}

// Configure is sp_configure: it gives the rows to show, or sets an option and tells the client by message 15457. Errors are
// *raise.Error with the lines that the real procedure has.
func (d *Dialect) Configure(ctx context.Context, s Session, a ConfigArgs) ([]views.ConfigRow, error) {
	name := ""
	if a.Name != nil {
		name = *a.Name
	}
	st := d.cfg.Catalog.State()
	if a.Name != nil || a.Value != nil {
		if _, err := database.FindOption(st, name); err != nil {
			return nil, at(err, lineMissing)
		}
	}
	if a.Value == nil {
		rows, err := views.ConfigRows(st, name)
		return rows, at(err, lineMissing)
	}
	if *a.Value != int64(int32(*a.Value)) {
		return nil, at(msg.New(15129, *a.Value, name), lineValue)
	}
	res, err := d.cfg.Catalog.Do(ctx, s.Caller(), &database.Configure{Name: name, Value: int(*a.Value)})
	if err != nil {
		line := lineValue
		if number(err) == 15247 {
			line = lineDenied
		}
		return nil, at(err, line)
	}
	for _, n := range res.Notes {
		s.Message(place(n, lineInstalled))
	}
	return nil, nil
}

func number(err error) int {
	if m := msg.Messages(err); len(m) > 0 {
		return m[0].Number
	}
	return 0
}

// place is a message with its place in sp_configure.
func place(m *msg.Error, line int) *raise.Error { return raise.From(m)[0].At(line, configProc) }

// at gives an error its place, if it is one message.
func at(err error, line int) error {
	m := new(msg.Error)
	if err == nil || !errors.As(err, &m) {
		return err
	}
	return place(m, line)
}

func (r *run) reconfigure(s *ast.Reconfigure) error {
	_, err := r.do(&database.Reconfigure{Override: s.Override})
	if err == nil {
		r.cfg.Retry()
	}
	return err
}
