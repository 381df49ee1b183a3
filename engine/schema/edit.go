package schema

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"latchkey/engine/lite"
	"latchkey/engine/schema/property"
)

// Edit changes definitions inside the transaction that a connection has open. Make one for each statement, with
// [Shared.Edit]; what it writes is in the next snapshot of the same connection, and in everybody's after the commit.
// It changes rows of our own only: the SQLite tables are for package ddl.
type Edit struct {
	*Snapshot
	c     *lite.Conn
	begun bool
	next  int // last object id given; 0 until it is read
}

// Edit begins an edit. The connection must be in a transaction that may write.
func (s *Shared) Edit(ctx context.Context, c *lite.Conn) (*Edit, error) {
	x, err := s.Snapshot(ctx, c)
	if err != nil {
		return nil, err
	}
	return &Edit{Snapshot: x, c: c}, nil
}

// Now is the time for create and modify dates, at the resolution of datetime.
func (e *Edit) Now() time.Time { return e.Shared.cfg.Clock.Now().UTC().Truncate(time.Millisecond) }

// begin makes our tables in a new database.
func (e *Edit) begin() error {
	if e.begun {
		return nil
	}
	s := e.Shared
	if e.Version == 0 {
		for _, t := range []string{
			"meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID",
			"schema(id INTEGER PRIMARY KEY, def TEXT NOT NULL) STRICT",
			"type(id INTEGER PRIMARY KEY, def TEXT NOT NULL) STRICT",
			"object(id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, def TEXT NOT NULL) STRICT",
			"counter(id INTEGER PRIMARY KEY, value INTEGER NOT NULL, used INTEGER NOT NULL) STRICT",
		} {
			if err := e.c.Exec("CREATE TABLE IF NOT EXISTS " + s.own(t)); err != nil {
				return fmt.Errorf("making the tables of definitions: %w", err)
			}
		}
		if err := e.meta("format", formatVersion); err != nil {
			return err
		}
	}
	e.begun = true
	return nil
}

// change writes a new version, before each change: a snapshot may be taken between two.
func (e *Edit) change() error {
	if err := e.begin(); err != nil {
		return err
	}
	var b [8]byte
	rand.Read(b[:])
	return e.meta("version", int64(binary.BigEndian.Uint64(b[:])>>1)|1)
}

func (e *Edit) meta(name string, value int64) error {
	return run(e.c, "INSERT INTO "+e.Shared.own("meta")+"(name, value) VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE SET value=?2", name, value)
}

// NewID allocates an object id.
func (e *Edit) NewID() (int, error) {
	if err := e.begin(); err != nil {
		return 0, err
	}
	const (
		first = 581577110
		step  = 16000057
		most  = 1<<31 - 1
	)
	if e.next == 0 {
		n, ok, err := number(e.c, "SELECT value FROM "+e.Shared.own("meta")+" WHERE name='object'")
		if err != nil {
			return 0, err
		}
		e.next = int(n)
		if !ok {
			e.next = first - step
		}
	}
	for {
		e.next = (e.next + step) % most
		id := e.next
		if e.Temporary() {
			id = -id
		}
		if e.next > 255 && e.ids[id] == nil {
			e.Shared.forget(id)
			return id, e.meta("object", int64(e.next))
		}
	}
}

// NewTypeID allocates a sys.types.user_type_id.
func (e *Edit) NewTypeID() (int, error) {
	if err := e.begin(); err != nil {
		return 0, err
	}
	n, _, err := number(e.c, "SELECT value FROM "+e.Shared.own("meta")+" WHERE name='type'")
	if err != nil {
		return 0, err
	}
	n = max(n, 256) + 1
	return int(n), e.meta("type", n)
}

// Put writes an object: a new one, or a new definition of one with the same id. Constraints are written with their table.
func (e *Edit) Put(o Object) error {
	def, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("writing the definition of %q: %w", o.Meta().Name, err)
	}
	if err := e.change(); err != nil {
		return err
	}
	if err := e.tidyProperties(o.Meta().ID, o); err != nil {
		return err
	}
	return run(e.c, "INSERT INTO "+e.Shared.own("object")+"(id, kind, def) VALUES(?1, ?2, ?3) ON CONFLICT(id) DO UPDATE SET kind=?2, def=?3",
		int64(o.Meta().ID), int64(o.Kind()), string(def))
}

// Delete removes an object's definition, its constraints' with it, and its counter.
func (e *Edit) Delete(id int) error {
	if err := e.change(); err != nil {
		return err
	}
	if err := e.tidyProperties(id, nil); err != nil {
		return err
	}
	for _, t := range []string{"object", "counter"} {
		if err := run(e.c, "DELETE FROM "+e.Shared.own(t)+" WHERE id=?1", int64(id)); err != nil {
			return err
		}
	}
	return nil
}

// PutSchema writes a schema; an ID of 0 is replaced by a new one.
func (e *Edit) PutSchema(x *Schema) error {
	if x.ID == 0 {
		x.ID = firstUserSchema
		for _, y := range e.Schemas() {
			if y.ID >= x.ID && y.ID < 16384 {
				x.ID = y.ID + 1
			}
		}
	}
	return e.putRow("schema", x.ID, x)
}

// PutType writes a type.
func (e *Edit) PutType(x *UserType) error {
	y := *x
	y.Table = nil // an object of its own
	return e.putRow("type", x.ID, &y)
}

func (e *Edit) putRow(table string, id int, x any) error {
	def, err := json.Marshal(x)
	if err != nil {
		return fmt.Errorf("writing a %s: %w", table, err)
	}
	if err := e.change(); err != nil {
		return err
	}
	return run(e.c, "INSERT INTO "+e.Shared.own(table)+"(id, def) VALUES(?1, ?2) ON CONFLICT(id) DO UPDATE SET def=?2", int64(id), string(def))
}

// DeleteSchema removes a schema, which must be empty.
func (e *Edit) DeleteSchema(id int) error {
	if err := e.dropProperties(func(p *property.Property) bool { return p.Class == property.OfSchema && p.Major == id }); err != nil {
		return err
	}
	return e.deleteRow("schema", id)
}

// DeleteType removes a type.
func (e *Edit) DeleteType(id int) error {
	if err := e.dropProperties(func(p *property.Property) bool { return p.Class == property.OfType && p.Major == id }); err != nil {
		return err
	}
	return e.deleteRow("type", id)
}

func (e *Edit) deleteRow(table string, id int) error {
	if err := e.change(); err != nil {
		return err
	}
	return run(e.c, "DELETE FROM "+e.Shared.own(table)+" WHERE id=?1", int64(id))
}

// run runs a statement without results.
func run(c *lite.Conn, sql string, args ...any) error {
	st, err := c.Prepare(sql)
	if err != nil {
		return err
	}
	defer st.Release()
	for i, a := range args {
		switch a := a.(type) {
		case int64:
			err = st.BindInt64(i+1, a)
		case string:
			err = st.BindText(i+1, a)
		}
		if err != nil {
			return err
		}
	}
	st.Step()
	return st.Err()
}

// number reads one integer; false if there is no row.
func number(c *lite.Conn, sql string, args ...int64) (int64, bool, error) {
	st, err := c.Prepare(sql)
	if err != nil {
		return 0, false, err
	}
	defer st.Release()
	for i, a := range args {
		if err := st.BindInt64(i+1, a); err != nil {
			return 0, false, err
		}
	}
	if st.Step() {
		return st.ColumnInt64(0), true, nil
	}
	return 0, false, st.Err()
}
