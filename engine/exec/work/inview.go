package work

import (
	"latchkey/engine/catalog/model"
	"latchkey/engine/compile/plan"
	"latchkey/engine/exec/raise"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// inView is the scope of a view's text: it sees no variables.
type inView struct {
	*Statement
	db     *model.Database
	schema string
}

// Variable finds none.
func (v *inView) Variable(string) (sqltype.Type, bool) { return sqltype.Type{}, false }

// TableVariable finds none.
func (v *inView) TableVariable(string) *plan.Object { return nil }

// Sequence: a view takes no values.
func (v *inView) Sequence(name ast.ObjectName) (*plan.Sequence, error) {
	return nil, plan.Fail(name.Pos, 11719)
}

// Object finds names as the view means them.
func (v *inView) Object(name ast.ObjectName) (*plan.Object, error) {
	if TemporaryName(name) {
		return nil, raise.New(4508)
	}
	d := v.db
	if name.Database() != "" {
		if d = v.s.Actor.Catalog.State().FindDatabase(name.Database()); d == nil {
			return nil, raise.New(911, name.Database())
		}
		v.named(d)
	}
	if name.Schema() == "" {
		snap, err := v.Snapshot(d.ID)
		if err != nil {
			return nil, err
		}
		if snap.Lookup(v.schema, name.Name()) != nil {
			name = ast.ObjectName{Parts: []string{d.Name, v.schema, name.Name()}, Pos: name.Pos}
		}
	}
	return v.inDatabase(d, name)
}
