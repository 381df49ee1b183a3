package work

import (
	"context"
	"fmt"
	"strings"

	"latchkey/engine/compile/plan"
	"latchkey/engine/exec/known"
	"latchkey/engine/exec/raise"
	"latchkey/engine/lite"
	"latchkey/engine/schema"
	"latchkey/engine/schema/binding"
	"latchkey/engine/sqltype/collation"
	"latchkey/engine/tsql/ast"
	"latchkey/internal/clock"
)

// TempName is what the session's temporary database is called in SQLite.
const TempName = "tmp"

// Temporary is the session's temporary database: made at the first need, in memory, attached to what the session borrows.
type Temporary struct {
	DB     *lite.Temp
	Shared *schema.Shared
	Number int // of table variables, for their names
}

// Attach adds the database to a connection.
func (t *Temporary) Attach(c *lite.Conn) error {
	if t.DB == nil {
		return nil
	}
	return c.AttachTemp(TempName, t.DB)
}

// Detach removes it.
func (t *Temporary) Detach(c *lite.Conn) error {
	if !c.Attached(TempName) {
		return nil
	}
	return c.Detach(TempName)
}

// make makes the database, if it is not there.
func (t *Temporary) make(coll collation.Collation, clk clock.Clock) error {
	if t.DB == nil {
		n, err := lite.NewTemp()
		if err != nil {
			return fmt.Errorf("making the temporary database: %w", err)
		}
		t.DB = n
		t.Shared = schema.NewShared(schema.Config{Collation: coll, DB: TempName, Temporary: true, Clock: clk})
	}
	return nil
}

// snapshot is what the database holds; nil if there is none.
func (t *Temporary) snapshot(ctx context.Context, c *lite.Conn) (*schema.Snapshot, error) {
	if t.DB == nil {
		return nil, nil
	}
	if err := t.Attach(c); err != nil {
		return nil, err
	}
	return t.Shared.Snapshot(ctx, c)
}

// temporaryObject finds #t.
func (w *Statement) temporaryObject(name ast.ObjectName) (*plan.Object, error) {
	if strings.HasPrefix(name.Name(), "##") {
		return nil, raise.Unsupported("GLOBAL TEMPORARY TABLE")
	}
	if w.s.Temp.DB == nil {
		return nil, nil
	}
	c, err := w.Conn()
	if err != nil {
		return nil, err
	}
	snap, err := w.s.Temp.snapshot(w.Ctx, c)
	if err != nil || snap == nil {
		return nil, err
	}
	w.saw(0, snap.Version, known.Seen{})
	t := snap.Table("dbo", name.Name())
	if t == nil {
		return nil, nil
	}
	return w.TemporaryTable(snap, t), nil
}

// TemporaryTable is a table of the temporary database for plans.
func (w *Statement) TemporaryTable(snap *schema.Snapshot, t *schema.Table) *plan.Object {
	o := binding.Object(binding.Database{ID: 2, Name: "tempdb", Source: TempName}, snap, t)
	o.Temporary = true
	return o
}

// MakeTemporary makes the temporary database, if it is not there.
func (s *Session) MakeTemporary() error { return s.Temp.make(s.Actor.Collation(), s.Clock) }

// DropTemporary forgets the database.
func (s *Session) DropTemporary() {
	if s.Temp.DB != nil {
		_ = s.Temp.DB.Close()
	}
	s.Temp.DB, s.Temp.Shared = nil, nil
}
