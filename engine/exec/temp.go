package exec

import (
	"context"
	"fmt"
	"strings"

	"latchkey/engine/compile/plan"
	"latchkey/engine/exec/raise"
	"latchkey/engine/lite"
	"latchkey/engine/schema"
	"latchkey/engine/schema/binding"
	"latchkey/engine/schema/ddl"
	"latchkey/engine/tsql/ast"
)

// tmpName is what the session's temporary database is called in SQLite.
const tmpName = "tmp"

// temporary is the session's temporary database: made at the first need, in memory, attached to what the session borrows.
type temporary struct {
	t      *lite.Temp
	shared *schema.Shared
	number int // of table variables, for their names
}

// Attach adds the database to a connection.
func (t *temporary) Attach(c *lite.Conn) error {
	if t.t == nil {
		return nil
	}
	return c.AttachTemp(tmpName, t.t)
}

// Detach removes it.
func (t *temporary) Detach(c *lite.Conn) error {
	if !c.Attached(tmpName) {
		return nil
	}
	return c.Detach(tmpName)
}

// make makes the database and attaches it to the connection at hand.
func (t *temporary) make(s *Session, c *lite.Conn) error {
	if t.t == nil {
		n, err := lite.NewTemp()
		if err != nil {
			return fmt.Errorf("making the temporary database: %w", err)
		}
		t.t = n
		t.shared = schema.NewShared(schema.Config{Collation: s.collation(), DB: tmpName, Temporary: true, Clock: s.server.cfg.Clock})
	}
	if c == nil {
		return nil
	}
	return t.Attach(c)
}

// snapshot is what the database holds; nil if there is none.
func (t *temporary) snapshot(ctx context.Context, c *lite.Conn) (*schema.Snapshot, error) {
	if t.t == nil {
		return nil, nil
	}
	if err := t.Attach(c); err != nil {
		return nil, err
	}
	return t.shared.Snapshot(ctx, c)
}

// temporaryObject finds #t.
func (w *work) temporaryObject(name ast.ObjectName) (*plan.Object, error) {
	if strings.HasPrefix(name.Name(), "##") {
		return nil, raise.Unsupported("GLOBAL TEMPORARY TABLE")
	}
	if w.s.tmp.t == nil {
		return nil, nil
	}
	c, err := w.conn()
	if err != nil {
		return nil, err
	}
	snap, err := w.s.tmp.snapshot(w.ctx, c)
	if err != nil || snap == nil {
		return nil, err
	}
	w.saw(0, snap.Version, seen{})
	t := snap.Table("dbo", name.Name())
	if t == nil {
		return nil, nil
	}
	return w.temporaryTable(snap, t), nil
}

func (w *work) temporaryTable(snap *schema.Snapshot, t *schema.Table) *plan.Object {
	o := binding.Object(binding.Database{ID: 2, Name: "tempdb", Source: tmpName}, snap, t)
	o.Temporary = true
	return o
}

// dropTemporary forgets the database.
func (s *Session) dropTemporary() {
	if s.tmp.t != nil {
		_ = s.tmp.t.Close()
	}
	s.tmp.t, s.tmp.shared = nil, nil
}

// makeTableVariable makes the table of DECLARE @t TABLE (...). It is of the session's temporary database under a name that no #t has.
func (s *Session) makeTableVariable(ctx context.Context, f *frame, v *variable, def *ast.TableDef) error {
	s.tmp.number++
	name := fmt.Sprintf("@%d.%s", s.tmp.number, v.name)
	w := s.work(ctx, f)
	err := s.inTemporary(w, func(env *ddl.Env) error {
		t, err := ddl.CreateTableVariable(ctx, env, name, def)
		if err != nil {
			return err
		}
		snap, err := s.tmp.shared.Snapshot(ctx, w.hold.Conn)
		if err != nil {
			return err
		}
		v.table = w.temporaryTable(snap, t)
		v.table.Name = v.name
		return nil
	})
	if err != nil {
		return err
	}
	f.tables = append(f.tables, name)
	return nil
}

// inTemporary runs a definition in the temporary database. Its transaction is the user's, if there is one.
func (s *Session) inTemporary(w *work, run func(*ddl.Env) error) error {
	if err := s.tmp.make(s, nil); err != nil {
		return err
	}
	if err := w.writing(w.main, true); err != nil {
		return err
	}
	err := s.tmp.Attach(w.hold.Conn)
	if err == nil {
		err = w.hold.Savepoint()
	}
	if err == nil {
		err = run(s.ddlEnv(w, s.tmp.shared))
	}
	return w.finish(err)
}

// leave drops the temporary tables that a frame made, and its cursors.
func (s *Session) leave(ctx context.Context, f *frame) {
	for name := range f.curs {
		f.curs[name].close()
	}
	if len(f.temps)+len(f.tables) == 0 || s.tmp.t == nil {
		return
	}
	if f.parent == nil { // a batch's #tables stay
		f.temps = nil
	}
	if len(f.temps)+len(f.tables) == 0 || s.tx.Doomed() || s.tx.Lost() {
		return
	}
	w := s.work(context.WithoutCancel(ctx), f)
	err := s.inTemporary(w, func(env *ddl.Env) error {
		snap, err := s.tmp.shared.Snapshot(w.ctx, w.hold.Conn)
		if err != nil {
			return err
		}
		for _, n := range append(f.temps, f.tables...) {
			if t := snap.Table("dbo", n); t != nil {
				if err := ddl.DropTable(w.ctx, env, t.ID); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		s.server.cfg.Log.Warn("temporary tables were not dropped", "session", s.id, "error", err)
	}
}
