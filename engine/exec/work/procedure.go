package work

import (
	"strings"

	"latchkey/engine/exec/known"
	"latchkey/engine/exec/raise"
	"latchkey/engine/schema"
	"latchkey/engine/schema/binding"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// Param is a parameter of a procedure.
type Param struct {
	Name   string // with @
	Type   sqltype.Type
	Output bool
	Table  bool // of a table type: Type says nothing
}

// Procedure finds the parameters of a user's procedure that the caller may run: 2812, 229.
func (w *Statement) Procedure(name ast.ObjectName) ([]Param, error) {
	if name.Server() != "" && !strings.EqualFold(name.Server(), w.s.ServerName) {
		return nil, raise.New(7202, name.Server())
	}
	d, err := w.Database(name.Database())
	if err != nil {
		return nil, err
	}
	snap, err := w.Snapshot(d.ID)
	if err != nil {
		return nil, err
	}
	p, ok := w.Lookup(snap, d.ID, name.Schema(), name.Name()).(*schema.Procedure)
	if !ok {
		return nil, raise.New(2812, name.String())
	}
	if !w.s.Actor.PermIn(d.ID).Object(known.Securable(&binding.Ref{Snapshot: snap, Object: p}), "EXECUTE") {
		return nil, raise.New(229, "EXECUTE", p.Name, d.Name, p.Schema)
	}
	var out []Param
	for _, x := range p.Params {
		out = append(out, Param{Name: x.Name, Type: x.Type, Output: x.Output, Table: x.TableType != 0})
	}
	return out, nil
}
