package schema

import (
	"context"
	"encoding/json"
	"fmt"

	"latchkey/engine/lite"
	"latchkey/engine/schema/property"
)

// load reads all definitions.
func load(ctx context.Context, sh *Shared, c *lite.Conn, version int64) (*Snapshot, error) {
	s := newSnapshot(sh, version)
	if version == 0 {
		return s, nil
	}
	if err := sh.checkFormat(c); err != nil {
		return nil, err
	}
	schemas := map[int]string{}
	for _, x := range fixedSchemas() {
		schemas[x.ID] = x.Name
	}
	err := query(c, "SELECT id, def FROM "+sh.own("schema"), func(id int, _ Kind, def []byte) error {
		x := &Schema{}
		if err := json.Unmarshal(def, x); err != nil {
			return err
		}
		schemas[x.ID] = x.Name
		s.schemas[s.key("", x.Name)] = x
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = query(c, "SELECT id, def FROM "+sh.own("type"), func(id int, _ Kind, def []byte) error {
		x := &UserType{}
		if err := json.Unmarshal(def, x); err != nil {
			return err
		}
		x.Schema = schemas[x.SchemaID]
		s.types[s.key(x.Schema, x.Name)], s.typeIDs[x.ID] = x, x
		return nil
	})
	if err != nil {
		return nil, err
	}
	var triggers []*Trigger
	err = query(c, "SELECT id, def, kind FROM "+sh.own("object")+" ORDER BY id", func(id int, k Kind, def []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		o, err := decode(k, def)
		if err != nil {
			return fmt.Errorf("object %d: %w", id, err)
		}
		h := o.Meta()
		h.Schema = schemas[h.SchemaID]
		s.add(o)
		switch o := o.(type) {
		case *Trigger:
			triggers = append(triggers, o)
		case *Table:
			if u := s.typeIDs[o.Type]; u != nil {
				u.Table = o
			}
		}
		return nil
	})
	for _, t := range triggers {
		switch o := s.ids[t.Parent].(type) {
		case *Table:
			o.Triggers = append(o.Triggers, t)
		case *View:
			o.Triggers = append(o.Triggers, t)
		}
	}
	if err != nil {
		return nil, err
	}
	s.properties, err = property.Load(c, sh.own("property"))
	return s, err
}

// checkFormat refuses definitions of a later format.
func (s *Shared) checkFormat(c *lite.Conn) error {
	st, err := c.Prepare("SELECT value FROM " + s.own("meta") + " WHERE name='format'")
	if err != nil {
		return err
	}
	defer st.Release()
	if st.Step() {
		if f := st.ColumnInt64(0); f != formatVersion {
			return fmt.Errorf("%w: format %d, this program knows %d", ErrFormat, f, formatVersion)
		}
	}
	return st.Err()
}

// query calls row for each row of a SELECT id, def[, kind].
func query(c *lite.Conn, sql string, row func(id int, k Kind, def []byte) error) error {
	st, err := c.Prepare(sql)
	if err != nil {
		return err
	}
	defer st.Release()
	for st.Step() {
		var k Kind
		if st.ColumnCount() > 2 {
			k = Kind(st.ColumnInt(2))
		}
		if err := row(st.ColumnInt(0), k, []byte(st.ColumnText(1))); err != nil {
			return err
		}
	}
	return st.Err()
}
