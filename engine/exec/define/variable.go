package define

import (
	"context"
	"fmt"

	"latchkey/engine/compile"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/scope"
	"latchkey/engine/exec/work"
	"latchkey/engine/schema/ddl"
	"latchkey/engine/tsql/ast"
)

// TableVariable makes the table of DECLARE @t TABLE (...). It is of the session's temporary database under a name that no #t has.
func (s *Definer) TableVariable(ctx context.Context, f *scope.Frame, v *scope.Variable, def *ast.TableDef) error {
	s.Work.Temp.Number++
	name := fmt.Sprintf("@%d.%s", s.Work.Temp.Number, v.Name)
	w := s.Work.Begin(ctx, f)
	err := s.inTemporary(w, func(env *ddl.Env) error {
		t, err := ddl.CreateTableVariable(ctx, env, name, def)
		if err != nil {
			return err
		}
		snap, err := s.Work.Temp.Shared.Snapshot(ctx, w.Hold.Conn)
		if err != nil {
			return err
		}
		v.Table = w.TemporaryTable(snap, t)
		v.Table.Name = v.Name
		return nil
	})
	if err != nil {
		return err
	}
	f.Tables = append(f.Tables, name)
	return nil
}

// inTemporary runs a definition in the temporary database. Its transaction is the user's, if there is one.
func (s *Definer) inTemporary(w *work.Statement, run func(*ddl.Env) error) error {
	if err := s.Work.MakeTemporary(); err != nil {
		return err
	}
	if err := w.Write(w.Main, true); err != nil {
		return err
	}
	err := s.Work.Temp.Attach(w.Hold.Conn)
	if err == nil {
		err = w.Hold.Savepoint()
	}
	if err == nil {
		err = run(s.Env(w, s.Work.Temp.Shared))
	}
	return w.Finish(err)
}

// Leave drops the temporary tables that a frame made, and its cursors.
func (s *Definer) Leave(ctx context.Context, f *scope.Frame) {
	for name := range f.Cursors {
		f.Cursors[name].Close()
	}
	if len(f.Temps)+len(f.Tables) == 0 || s.Work.Temp.DB == nil {
		return
	}
	if f.Parent == nil { // a batch's #tables stay
		f.Temps = nil
	}
	if len(f.Temps)+len(f.Tables) == 0 || s.Work.Tx.Doomed() || s.Work.Tx.Lost() {
		return
	}
	w := s.Work.Begin(context.WithoutCancel(ctx), f)
	err := s.inTemporary(w, func(env *ddl.Env) error {
		snap, err := s.Work.Temp.Shared.Snapshot(w.Ctx, w.Hold.Conn)
		if err != nil {
			return err
		}
		for _, n := range append(f.Temps, f.Tables...) {
			if t := snap.Table("dbo", n); t != nil {
				if err := ddl.DropTable(w.Ctx, env, t.ID); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		s.Log.Warn("temporary tables were not dropped", "session", s.Actor.ID, "error", err)
	}
}

// Resolve finds a variable's declared type, and makes a table variable's table.
func (s *Definer) Resolve(ctx context.Context, f *scope.Frame, v *scope.Variable) error {
	if v.Known || v.Decl == nil || v.Decl.Cursor {
		return nil
	}
	if v.Decl.Table != nil {
		v.Known = true
		return s.TableVariable(ctx, f, v, v.Decl.Table)
	}
	w := s.Work.Begin(ctx, f)
	if def, err := s.TableType(w, v.Decl.Type); err != nil || def != nil {
		if err = w.Finish(err); err != nil {
			return err
		}
		v.Known = true
		return s.MakeTypedTable(ctx, f, v, def)
	}
	d, err := compile.TypeOf(w, v.Decl.Type, v.Name)
	if err = w.Finish(err); err != nil {
		return err
	}
	if k := d.Type.Kind; k.IsLegacyLOB() {
		return raise.New(2739)
	}
	v.Type, v.Known = d.Type, true
	v.Type.Nullable = true
	return nil
}
