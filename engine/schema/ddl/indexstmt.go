package ddl

import (
	"context"
	"fmt"
	"slices"

	"latchkey/engine/catalog/msg"
	"latchkey/engine/schema"
	"latchkey/engine/schema/ddl/define"
	"latchkey/engine/tsql/ast"
)

// createIndexOn carries out CREATE INDEX.
func (c *statement) createIndexOn(ctx context.Context, st *ast.CreateIndex) error {
	o := c.Find(st.Table)
	old, ok := o.(*schema.Table)
	switch {
	case o == nil:
		return msg.New(1088, st.Table.String())
	case !ok:
		return define.Refuse("CREATE INDEX on a view")
	}
	b := c.alter(old)
	if d := ast.FindOption(st.Index.Options, "DROP_EXISTING"); d != nil && d.On() {
		if x := b.IndexByName(st.Index.Name); x != nil {
			b.Def.Indexes = slices.DeleteFunc(b.Def.Indexes, func(o *schema.Index) bool { return o == x })
			if err := c.DropIndex(x.Stored); err != nil {
				return err
			}
		} else {
			return msg.New(7999, st.Index.Name, st.Table.String())
		}
	}
	x, err := b.Index(st.Index)
	if err != nil {
		return err
	}
	if err := c.CreateIndex(ctx, b.Def, define.IndexShape(x)); err != nil {
		return err
	}
	return c.Put(b.Def)
}

// alterIndex carries out ALTER INDEX.
func (c *statement) alterIndex(ctx context.Context, st *ast.AlterIndex) error {
	old := c.FindTable(st.Table)
	if old == nil {
		return msg.New(1088, st.Table.String())
	}
	if st.Partition != nil {
		if w, ok := st.Partition.(*ast.Word); !ok || w.Text != "ALL" {
			return define.Refuse("ALTER INDEX PARTITION")
		}
	}
	b := c.alter(old)
	found := st.Name == ""
	for _, k := range b.Def.Keys() {
		if st.Name != "" && !b.Same(k.Name, st.Name) {
			continue
		}
		found = true
		if st.Action == "DISABLE" {
			return define.Refuse("ALTER INDEX DISABLE of a constraint's index")
		}
		if st.Action == "REBUILD" && k.Stored != "" {
			if err := c.reindex(k.Stored); err != nil {
				return err
			}
		}
	}
	for _, x := range b.Def.Indexes {
		if st.Name != "" && !b.Same(x.Name, st.Name) {
			continue
		}
		found = true
		var err error
		switch {
		case st.Action == "DISABLE" && x.Clustered:
			return define.Refuse("ALTER INDEX DISABLE of a clustered index")
		case st.Action == "DISABLE" && !x.Disabled:
			x.Disabled = true
			err = c.DropIndex(x.Stored)
		case st.Action == "REBUILD" && x.Disabled:
			x.Disabled = false
			err = c.CreateIndex(ctx, b.Def, define.IndexShape(x))
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
		if _, _, err := define.IndexOptions(st.Options); err != nil {
			return err
		}
	default:
		return define.Refuse("ALTER INDEX " + st.Action)
	}
	return c.Put(b.Def)
}

func (c *statement) reindex(stored string) error {
	if err := c.Conn.Exec("REINDEX " + schema.Quote(c.Snapshot.DB()) + "." + schema.Quote(stored)); err != nil {
		return fmt.Errorf("rebuilding an index: %w", err)
	}
	return nil
}

// dropIndexes carries out DROP INDEX i ON t and DROP INDEX t.i.
func (c *statement) dropIndexes(ctx context.Context, st *ast.Drop) error {
	for _, n := range st.Names {
		on, name := st.On, n.Name()
		if len(on.Parts) == 0 {
			on = ast.ObjectName{Parts: n.Parts[:len(n.Parts)-1], Pos: n.Pos}
		}
		shown := on.String() + "." + name
		t := c.FindTable(on)
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
		b := c.alter(t)
		x := b.IndexByName(name)
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
		b.Def.Indexes = slices.DeleteFunc(b.Def.Indexes, func(o *schema.Index) bool { return o == x })
		if err := c.DropIndex(x.Stored); err != nil {
			return err
		}
		if err := c.Put(b.Def); err != nil {
			return err
		}
		if err := c.Refresh(ctx); err != nil {
			return err
		}
	}
	return nil
}

// statistics carries out CREATE and UPDATE STATISTICS. SQLite keeps statistics of indexes alone: those of columns are checked and need nothing.
func (c *statement) statistics(st *ast.Statistics) error {
	t := c.FindTable(st.Table)
	if t == nil {
		if st.Mode == "CREATE" {
			return msg.New(1088, st.Table.String())
		}
		return msg.New(2706, st.Table.String())
	}
	for _, n := range st.Columns {
		if c.Column(t, n) == nil {
			return msg.New(1911, n)
		}
	}
	if err := c.Conn.Exec("ANALYZE " + t.SQL(c.Snapshot.DB())); err != nil {
		return fmt.Errorf("updating statistics: %w", err)
	}
	return nil
}
