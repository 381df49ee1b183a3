package ddl

import (
	"context"
	"fmt"
	"slices"

	"latchkey/engine/catalog/msg"
	"latchkey/engine/schema"
	"latchkey/engine/tsql/ast"
)

// createIndexOn carries out CREATE INDEX.
func (c *change) createIndexOn(ctx context.Context, st *ast.CreateIndex) error {
	o := c.find(st.Table)
	old, ok := o.(*schema.Table)
	switch {
	case o == nil:
		return msg.New(1088, st.Table.String())
	case !ok:
		return refuse("CREATE INDEX on a view")
	}
	b := c.builder(old.Clone(), true)
	if d := ast.FindOption(st.Index.Options, "DROP_EXISTING"); d != nil && d.On() {
		if x := b.indexByName(st.Index.Name); x != nil {
			b.t.Indexes = slices.DeleteFunc(b.t.Indexes, func(o *schema.Index) bool { return o == x })
			if err := c.dropIndex(x.Stored); err != nil {
				return err
			}
		} else {
			return msg.New(7999, st.Index.Name, st.Table.String())
		}
	}
	x, err := b.index(st.Index)
	if err != nil {
		return err
	}
	if err := c.createIndex(ctx, b.t, indexShape(x)); err != nil {
		return err
	}
	return c.Put(b.t)
}

// alterIndex carries out ALTER INDEX.
func (c *change) alterIndex(ctx context.Context, st *ast.AlterIndex) error {
	old := c.table(st.Table)
	if old == nil {
		return msg.New(1088, st.Table.String())
	}
	if st.Partition != nil {
		if w, ok := st.Partition.(*ast.Word); !ok || w.Text != "ALL" {
			return refuse("ALTER INDEX PARTITION")
		}
	}
	b := c.builder(old.Clone(), true)
	found := st.Name == ""
	for _, k := range b.t.Keys() {
		if st.Name != "" && !b.Same(k.Name, st.Name) {
			continue
		}
		found = true
		if st.Action == "DISABLE" {
			return refuse("ALTER INDEX DISABLE of a constraint's index")
		}
		if st.Action == "REBUILD" && k.Stored != "" {
			if err := c.reindex(k.Stored); err != nil {
				return err
			}
		}
	}
	for _, x := range b.t.Indexes {
		if st.Name != "" && !b.Same(x.Name, st.Name) {
			continue
		}
		found = true
		var err error
		switch {
		case st.Action == "DISABLE" && x.Clustered:
			return refuse("ALTER INDEX DISABLE of a clustered index")
		case st.Action == "DISABLE" && !x.Disabled:
			x.Disabled = true
			err = c.dropIndex(x.Stored)
		case st.Action == "REBUILD" && x.Disabled:
			x.Disabled = false
			err = c.createIndex(ctx, b.t, indexShape(x))
		case st.Action == "REBUILD":
			err = c.reindex(x.Stored)
		}
		if err != nil {
			return err
		}
	}
	if !found {
		return msg.New(2727, st.Name)
	}
	switch st.Action {
	case "REBUILD", "REORGANIZE", "DISABLE":
	case "SET":
		if _, _, err := indexOptions(st.Options); err != nil {
			return err
		}
	default:
		return refuse("ALTER INDEX " + st.Action)
	}
	return c.Put(b.t)
}

func (c *change) reindex(stored string) error {
	if err := c.Conn.Exec("REINDEX " + schema.Quote(c.Snapshot.DB()) + "." + schema.Quote(stored)); err != nil {
		return fmt.Errorf("rebuilding an index: %w", err)
	}
	return nil
}

// dropIndexes carries out DROP INDEX i ON t and DROP INDEX t.i.
func (c *change) dropIndexes(ctx context.Context, st *ast.Drop) error {
	for _, n := range st.Names {
		on, name := st.On, n.Name()
		if len(on.Parts) == 0 {
			on = ast.ObjectName{Parts: n.Parts[:len(n.Parts)-1], Pos: n.Pos}
		}
		shown := on.String() + "." + name
		t := c.table(on)
		if t == nil {
			if st.IfExists {
				continue
			}
			return msg.New(3701, "drop", "index", shown).At(7)
		}
		for _, k := range t.Keys() {
			if c.Same(k.Name, name) {
				word := "UNIQUE KEY"
				if k.Primary {
					word = "PRIMARY KEY"
				}
				return msg.New(3723, shown, word)
			}
		}
		b := c.builder(t.Clone(), true)
		x := b.indexByName(name)
		if x == nil {
			if st.IfExists {
				continue
			}
			return msg.New(3701, "drop", "index", shown).At(7)
		}
		for _, f := range c.Incoming(t.ID) {
			if f.RefIndex == x.ID {
				return msg.New(3723, shown, "FOREIGN KEY")
			}
		}
		b.t.Indexes = slices.DeleteFunc(b.t.Indexes, func(o *schema.Index) bool { return o == x })
		if err := c.dropIndex(x.Stored); err != nil {
			return err
		}
		if err := c.Put(b.t); err != nil {
			return err
		}
		if err := c.refresh(ctx); err != nil {
			return err
		}
	}
	return nil
}

// statistics carries out UPDATE STATISTICS; the others have nothing to do here.
func (c *change) statistics(st *ast.Statistics) error {
	if st.Mode != "UPDATE" {
		return refuse("CREATE STATISTICS")
	}
	t := c.table(st.Table)
	if t == nil {
		return msg.New(2706, st.Table.String())
	}
	if err := c.Conn.Exec("ANALYZE " + t.SQL(c.Snapshot.DB())); err != nil {
		return fmt.Errorf("updating statistics: %w", err)
	}
	return nil
}
