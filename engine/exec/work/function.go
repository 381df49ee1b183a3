package work

import (
	"context"

	"latchkey/engine/catalog/model"
	"latchkey/engine/compile/plan"
	"latchkey/engine/exec/known"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/scope"
	"latchkey/engine/schema"
	"latchkey/engine/schema/binding"
	"latchkey/engine/tsql/ast"
)

// ScalarFunction finds a scalar function by its name, which has a schema.
func (w *Statement) ScalarFunction(name ast.ObjectName) (*plan.ScalarFunction, error) {
	if name.Schema() == "" {
		return nil, nil
	}
	d, err := w.Database(name.Database())
	if err != nil {
		return nil, err
	}
	return w.scalarFunction(d, name)
}

// ScalarFunction finds names as the view means them.
func (v *inView) ScalarFunction(name ast.ObjectName) (*plan.ScalarFunction, error) {
	if name.Database() == "" && name.Schema() != "" {
		return v.scalarFunction(v.db, name)
	}
	return v.Statement.ScalarFunction(name)
}

func (w *Statement) scalarFunction(d *model.Database, name ast.ObjectName) (*plan.ScalarFunction, error) {
	snap, err := w.Snapshot(d.ID)
	if err != nil {
		return nil, err
	}
	f, ok := snap.Lookup(name.Schema(), name.Name()).(*schema.Function)
	if !ok || f.Form != schema.ScalarFunction {
		return nil, nil
	}
	out := &plan.ScalarFunction{
		Object: plan.Object{
			DatabaseID: d.ID, Database: d.Name, Schema: f.Schema, Name: f.Name, ID: f.ID, Kind: plan.Virtual,
			Handle: &binding.Ref{Snapshot: snap, Object: f},
		},
		Returns: f.Returns,
	}
	for _, p := range f.Params {
		fp := plan.FunctionParam{Name: p.Name, Type: p.Type}
		if p.TableType != 0 {
			return nil, raise.Unsupported("TABLE-VALUED PARAMETER OF A FUNCTION")
		}
		if p.Default != nil {
			if fp.Default, err = p.Default.Tree(); err != nil {
				return nil, err
			}
		}
		out.Params = append(out.Params, fp)
	}
	return out, nil
}

// Function is a function of a user that was found, and when.
type Function struct {
	*schema.Function
	Database, Owner int
	seen            known.Seen
}

// Function finds a function by its number: message 208 if it is gone.
func (s *Session) Function(ctx context.Context, db, id int) (*Function, error) {
	w := s.Begin(ctx, &scope.Frame{})
	snap, err := w.Snapshot(db)
	if err = w.Finish(err); err != nil {
		return nil, err
	}
	f, ok := snap.ByID(id).(*schema.Function)
	if !ok {
		return nil, raise.New(208, "FUNCTION")
	}
	return &Function{f, db, known.Securable(&binding.Ref{Snapshot: snap, Object: f}).Owner, w.Versions[0].at}, nil
}

// Same reports that a function is surely what it was when it was found.
func (s *Session) Same(f *Function) bool {
	if !f.seen.Certain || len(s.defined) > 0 || s.Tx.Database() != 0 {
		return false
	}
	sh, err := s.Known.Shared(f.Database)
	return err == nil && s.Known.Seen(f.Database, sh) == f.seen
}

// Nest says that what follows runs inside of the statement under way, which goes on when leave is called: on its connection, at its time.
func (s *Session) Nest(in *scope.Frame) (leave func()) {
	env, set, frame, un := s.Env, s.Set, s.Frame, s.Tx.Nest()
	s.nested++
	s.Frame = in
	return func() {
		s.nested--
		un()
		s.Env, s.Set, s.Frame = env, set, frame
	}
}
