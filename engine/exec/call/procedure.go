package call

import (
	"context"
	"strings"

	"latchkey/engine/exec/argument"
	"latchkey/engine/exec/flow"
	"latchkey/engine/exec/known"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/scope"
	"latchkey/engine/schema"
	"latchkey/engine/schema/binding"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// procedure is a procedure of a user that was found.
type procedure struct {
	*schema.Procedure
	db    int
	name  string // of the database
	owner int
	snap  *schema.Snapshot
}

// scalar is a scalar function that was found.
type scalar struct {
	*schema.Function
	db int
}

// findModule finds a procedure or scalar function that the caller may run: messages 229 and 2809.
func (s *Caller) findModule(ctx context.Context, f *scope.Frame, name ast.ObjectName) (*procedure, *scalar, error) {
	if name.Server() != "" && !strings.EqualFold(name.Server(), s.Work.ServerName) {
		return nil, nil, raise.New(7202, name.Server())
	}
	w := s.Work.Begin(ctx, f)
	d, err := w.Database(name.Database())
	if err != nil {
		return nil, nil, w.Finish(err)
	}
	snap, err := w.Snapshot(d.ID)
	if err = w.Finish(err); err != nil {
		return nil, nil, err
	}
	if f != nil {
		w.Schema = f.SchemaName()
	}
	o := w.Lookup(snap, d.ID, name.Schema(), name.Name())
	if syn, ok := o.(*schema.Synonym); ok && len(syn.Base) > 0 {
		return s.findModule(ctx, f, ast.ObjectName{Parts: syn.Base, Pos: name.Pos})
	}
	switch o := o.(type) {
	case *schema.Procedure:
	case *schema.Function:
		if o.Form != schema.ScalarFunction {
			return nil, nil, raise.New(2809, name.String(), o.Name)
		}
	default:
		return nil, nil, nil
	}
	sec := known.Securable(&binding.Ref{Snapshot: snap, Object: o})
	chained := f != nil && f.Proc != "" && f.ProcDB == d.ID && f.Owner == sec.Owner
	if !chained && !s.Actor.PermIn(d.ID).Object(sec, "EXECUTE") {
		return nil, nil, raise.New(229, "EXECUTE", o.Meta().Name, d.Name, o.Meta().Schema)
	}
	if fn, ok := o.(*schema.Function); ok {
		return nil, &scalar{fn, d.ID}, nil
	}
	return &procedure{o.(*schema.Procedure), d.ID, d.Name, sec.Owner, snap}, nil, nil
}

// callUser runs a procedure of a user.
func (s *Caller) callUser(ctx context.Context, f *scope.Frame, p *procedure, args []argument.Arg) (outcome, error) {
	tree, err := p.Tree()
	if err != nil {
		return outcome{}, err
	}
	def, ok := tree.(*ast.CreateProc)
	if !ok || def.External != nil || def.Number > 1 {
		return outcome{}, raise.Unsupported("PROCEDURE " + p.Name)
	}
	if p.ExecuteAs != "" && !strings.EqualFold(p.ExecuteAs, "CALLER") {
		return outcome{}, raise.Unsupported("EXECUTE AS in a procedure's definition")
	}
	u, err := s.Modules.Get(def, def.Body)
	if err != nil {
		return outcome{}, err
	}
	in := s.Work.NewFrame(f, u)
	in.Proc, in.ProcID, in.ProcDB, in.Owner = p.Name, p.ID, p.db, p.owner
	names := make([]string, len(p.Params))
	for i, x := range p.Params {
		names[i] = x.Name
	}
	matched, err := argument.Match(p.Name, names, args)
	if err != nil {
		return outcome{}, err
	}
	for i, x := range p.Params {
		a := matched[i]
		if x.TableType != 0 {
			if err := s.tableParameter(ctx, in, x, a, p); err != nil {
				return outcome{}, err
			}
			continue
		}
		v := in.Define(x.Name, x.Type, sqltype.NullValue)
		switch {
		case a != nil && !a.Default:
			if a.Output && !x.Output {
				return outcome{}, raise.New(8162, x.Name).In(p.Name)
			}
			if v.Value, err = s.Query.FitParameter(a, x.Type); err != nil {
				if list := raise.From(err); len(list) == 1 && !raise.Unknown(err) {
					err = list[0].In(p.Name)
				}
				return outcome{}, err
			}
		case x.Default != nil:
			e, err := x.Default.Tree()
			if err != nil {
				return outcome{}, err
			}
			val, t, err := s.Query.Eval(ctx, in, e)
			if err == nil {
				v.Value, err = s.Query.Fit(val, t, x.Type)
			}
			if err != nil {
				return outcome{}, err
			}
		default:
			return outcome{}, raise.New(201, p.Name, x.Name).In(p.Name)
		}
	}
	saved := s.Work.Set
	s.Work.ModuleSettings(p.QuotedIdentifier, p.ANSINulls)
	in.Line = 1
	out, err := s.enterModule(ctx, f, in)
	s.Work.Set = saved
	if err != nil {
		return out, err
	}
	if out.sig.Kind == flow.Stop {
		return out, nil
	}
	for i, x := range p.Params {
		if a := matched[i]; a != nil && a.Output && x.Output && a.Set != nil {
			if err := a.Set(in.Find(x.Name).Value, x.Type); err != nil {
				return out, err
			}
		}
	}
	return out, nil
}

// tableParameter gives a table-valued parameter of a procedure its table.
func (s *Caller) tableParameter(ctx context.Context, in *scope.Frame, x *schema.Param, a *argument.Arg, p *procedure) error {
	var shape *schema.Table
	for _, t := range p.snap.Types() {
		if t.Table != nil && t.Table.ID == x.TableType {
			shape = t.Table
		}
	}
	if shape == nil {
		return raise.New(2715, x.ID, x.Name)
	}
	v := in.Define(x.Name, sqltype.Type{}, sqltype.NullValue)
	return s.Change.FillTable(ctx, in, v, shape, a)
}
