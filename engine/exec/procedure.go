package exec

import (
	"context"
	"strings"

	"latchkey/engine/compile"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/unit"
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

func (s *Session) findProcedure(ctx context.Context, f *frame, name ast.ObjectName) (*procedure, error) {
	if name.Server() != "" && !strings.EqualFold(name.Server(), s.server.cfg.ServerName) {
		return nil, raise.New(7202, name.Server())
	}
	w := s.work(ctx, f)
	d, err := w.database(name.Database())
	if err != nil {
		return nil, w.finish(err)
	}
	snap, err := w.snapshot(d.ID)
	if err = w.finish(err); err != nil {
		return nil, err
	}
	if f != nil {
		w.schema = f.schemaName()
	}
	o := w.lookup(snap, d.ID, name.Schema(), name.Name())
	if syn, ok := o.(*schema.Synonym); ok && len(syn.Base) > 0 {
		return s.findProcedure(ctx, f, ast.ObjectName{Parts: syn.Base, Pos: name.Pos})
	}
	p, ok := o.(*schema.Procedure)
	if !ok {
		return nil, nil
	}
	sec := securable(&binding.Ref{Snapshot: snap, Object: p})
	chained := f != nil && f.proc != "" && f.procDB == d.ID && f.owner == sec.Owner
	if !chained && !s.permIn(d.ID).Object(sec, "EXECUTE") {
		return nil, raise.New(229, "EXECUTE", p.Name, d.Name, p.Schema)
	}
	return &procedure{p, d.ID, d.Name, sec.Owner, snap}, nil
}

// schemaName is the schema of the procedure whose body a frame runs.
func (f *frame) schemaName() string {
	if i := strings.IndexByte(f.proc, '.'); f.procDB != 0 && i > 0 {
		return f.proc[:i]
	}
	return ""
}

// callUser runs a procedure of a user.
func (s *Session) callUser(ctx context.Context, f *frame, p *procedure, args []arg) (outcome, error) {
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
	u, err := s.server.modules.Get(def)
	if err != nil {
		return outcome{}, err
	}
	in := s.newFrame(f, u)
	in.proc, in.procID, in.procDB, in.owner = p.Name, p.ID, p.db, p.owner
	names := make([]string, len(p.Params))
	for i, x := range p.Params {
		names[i] = x.Name
	}
	matched, err := match(p.Name, names, args)
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
		v := in.define(x.Name, x.Type, sqltype.NullValue)
		switch {
		case a != nil && !a.dflt:
			if a.output && !x.Output {
				return outcome{}, raise.New(8162, x.Name)
			}
			if v.value, err = s.fitParameter(a, x.Type); err != nil {
				return outcome{}, err
			}
		case x.Default != nil:
			e, err := x.Default.Tree()
			if err != nil {
				return outcome{}, err
			}
			val, t, err := s.eval(ctx, in, e)
			if err == nil {
				v.value, err = s.fit(val, t, x.Type)
			}
			if err != nil {
				return outcome{}, err
			}
		default:
			return outcome{}, raise.New(201, p.Name, x.Name)
		}
	}
	saved := s.set
	s.moduleSettings(p.QuotedIdentifier, p.ANSINulls)
	in.line = 1
	out, err := s.enterModule(ctx, f, in)
	s.set = saved
	if err != nil {
		return out, err
	}
	if out.sig.kind == stop {
		return out, nil
	}
	for i, x := range p.Params {
		if a := matched[i]; a != nil && a.output && x.Output && a.set != nil {
			if err := a.set(in.find(x.Name).value, x.Type); err != nil {
				return out, err
			}
		}
	}
	return out, nil
}

// executeSQL is sp_executesql: a dynamic batch with parameters.
func (s *Session) executeSQL(ctx context.Context, f *frame, u *unit.Unit, args []arg) (outcome, error) {
	in := s.newFrame(f, u)
	names := make([]string, len(u.Params))
	for i, p := range u.Params {
		names[i] = p.Name
	}
	matched, err := match("sp_executesql", names, args)
	if err != nil {
		return outcome{}, err
	}
	w := s.work(ctx, in)
	for i, p := range u.Params {
		a := matched[i]
		if a == nil {
			if p.Default == nil {
				return outcome{}, w.finish(raise.New(8178, "("+u.ParamText+")"+u.Text, p.Name))
			}
			a = &arg{dflt: true}
		}
		if err := s.dynamicParameter(ctx, w, in, p, a); err != nil {
			return outcome{}, w.finish(err)
		}
	}
	if err := w.finish(nil); err != nil {
		return outcome{}, err
	}
	out, err := s.enterModule(ctx, f, in)
	if err != nil || out.sig.kind == stop {
		return out, err
	}
	for i, p := range u.Params {
		if a := matched[i]; a != nil && a.output && p.Output && a.set != nil {
			v := in.find(p.Name)
			if err := a.set(v.value, v.typ); err != nil {
				return out, err
			}
		}
	}
	return out, nil
}

func (s *Session) dynamicParameter(ctx context.Context, w *work, in *frame, p *ast.Param, a *arg) error {
	if a.table != nil || a.rows != nil {
		return s.dynamicTable(ctx, w, in, p, a)
	}
	d, err := compile.TypeOf(w, p.Type, p.Name)
	if err != nil {
		return err
	}
	t := d.Type
	t.Nullable = true
	v := in.define(p.Name, t, sqltype.NullValue)
	if a.dflt {
		if p.Default == nil {
			return nil
		}
		val, from, err := s.eval(ctx, in, p.Default)
		if err == nil {
			v.value, err = s.fit(val, from, t)
		}
		return err
	}
	v.value, err = s.fitParameter(a, t)
	return err
}
