package ddl

import (
	"context"
	"fmt"

	"latchkey/engine/catalog/msg"
	"latchkey/engine/compile/plan"
	"latchkey/engine/schema"
	"latchkey/engine/schema/ddl/define"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// createTable carries out CREATE TABLE.
func (c *statement) createTable(ctx context.Context, st *ast.CreateTable) error {
	switch {
	case st.Kind != "":
		return define.Refuse("CREATE TABLE AS " + st.Kind)
	case st.FileStream != "":
		return define.Refuse("FILESTREAM_ON")
	case st.Def == nil:
		return define.Refuse("CREATE TABLE without columns")
	}
	if err := define.Partitioned(st.On); err != nil {
		return err
	}
	if err := define.Partitioned(st.TextImage); err != nil {
		return err
	}
	for _, o := range st.Options {
		switch o.Name {
		case "DATA_COMPRESSION", "XML_COMPRESSION":
		default:
			return define.Refuse("table option " + o.Name)
		}
	}
	s, err := c.SchemaOf(st.Name)
	if err != nil {
		return err
	}
	name := st.Name.Name()
	if err := c.Free(s.Name, name); err != nil {
		return err
	}
	t, err := c.NewTable(s, name)
	if err != nil {
		return err
	}
	if err := c.Builder(t, false).Add(st.Def); err != nil {
		return err
	}
	return c.Create(ctx, t)
}

// NewIdentity is a column of SELECT INTO that IDENTITY(...) makes.
type NewIdentity struct {
	Column string
	Def    *ast.Identity
}

// createFrom makes the table of SELECT INTO.
func (c *statement) createFrom(ctx context.Context, name ast.ObjectName, columns []plan.Column, id *NewIdentity) (*schema.Table, error) {
	s, err := c.SchemaOf(name)
	if err != nil {
		return nil, err
	}
	if err := c.Free(s.Name, name.Name()); err != nil {
		return nil, err
	}
	t, err := c.NewTable(s, name.Name())
	if err != nil {
		return nil, err
	}
	for i, col := range columns {
		if col.Hidden {
			continue
		}
		switch {
		case col.Name == "":
			return nil, plan.Fail(name.Pos, 1038)
		case c.Column(t, col.Name) != nil:
			return nil, msg.New(2705, col.Name, name.Name())
		}
		x := &schema.Column{Name: col.Name, ID: i + 1, Type: col.Type}
		if x.Type.Kind == sqltype.Null { // SELECT NULL AS a INTO t
			x.Type = sqltype.Of(sqltype.Int)
		}
		if col.Identity {
			if id != nil {
				return nil, plan.Fail(name.Pos, 8108, name.Name(), col.Name)
			}
			x.Identity = &schema.Identity{Seed: 1, Increment: 1}
			if src := define.TableOf(col.Object); src != nil {
				if id := c.Column(src, col.Source); id != nil && id.Identity != nil {
					*x.Identity = *id.Identity
				}
			}
			if t.Identity() != nil { // two tables' identities: neither is kept
				t.Identity().Identity, x.Identity = nil, nil
			} else {
				x.Type.Nullable = false
			}
		}
		if id != nil && id.Column == x.Name {
			x.Type.Nullable = false
			if x.Identity, err = define.Identity(id.Def, x); err != nil {
				return nil, err
			}
		}
		if x.Type.Kind == sqltype.RowVersion && t.RowVersion() != nil {
			return nil, msg.New(2738, t.Name, x.Name)
		}
		x.Stored = define.StoredColumn(t, x.Name, x.ID)
		t.Columns = append(t.Columns, x)
		t.MaxColumnID = x.ID
	}
	return t, c.Create(ctx, t)
}

// dropTables carries out DROP TABLE.
func (c *statement) dropTables(ctx context.Context, st *ast.Drop) error {
	for _, n := range st.Names {
		o := c.Find(n)
		t, ok := o.(*schema.Table)
		switch {
		case o == nil && st.IfExists:
			continue
		case o == nil:
			return msg.New(3701, "drop", "table", n.String()).At(5)
		case !ok:
			return define.WrongDrop("TABLE", n, o)
		}
		for _, f := range c.Incoming(t.ID) {
			if f.Parent != t.ID {
				return msg.New(3726, n.String())
			}
		}
		if v := c.BoundBy(t); v != "" {
			return msg.New(3729, "DROP TABLE", n.String(), v)
		}
		if err := c.dropTable(ctx, t); err != nil {
			return err
		}
		if err := c.Refresh(ctx); err != nil {
			return err
		}
	}
	return nil
}

// dropTable removes a table, its triggers and its definition.
func (c *statement) dropTable(_ context.Context, t *schema.Table) error {
	err := c.WithoutForeignKeys(func() error { return c.Conn.Exec("DROP TABLE " + t.SQL(c.Snapshot.DB())) })
	if err != nil {
		return fmt.Errorf("dropping table %q: %w", t.Name, err)
	}
	for _, x := range t.Triggers {
		if err := c.Forget(x); err != nil {
			return err
		}
	}
	return c.Forget(t)
}
