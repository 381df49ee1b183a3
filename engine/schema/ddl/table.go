package ddl

import (
	"context"
	"fmt"

	"latchkey/engine/catalog/msg"
	"latchkey/engine/compile/plan"
	"latchkey/engine/schema"
	"latchkey/engine/schema/binding"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// createTable carries out CREATE TABLE.
func (c *change) createTable(ctx context.Context, st *ast.CreateTable) error {
	switch {
	case st.Kind != "":
		return refuse("CREATE TABLE AS " + st.Kind)
	case st.FileStream != "":
		return refuse("FILESTREAM_ON")
	case st.Def == nil:
		return refuse("CREATE TABLE without columns")
	}
	if err := partitioned(st.On); err != nil {
		return err
	}
	if err := partitioned(st.TextImage); err != nil {
		return err
	}
	for _, o := range st.Options {
		switch o.Name {
		case "DATA_COMPRESSION", "XML_COMPRESSION":
		default:
			return refuse("table option " + o.Name)
		}
	}
	s, err := c.schemaOf(st.Name)
	if err != nil {
		return err
	}
	name := st.Name.Name()
	if err := c.free(s.Name, name); err != nil {
		return err
	}
	t, err := c.newTable(s, name)
	if err != nil {
		return err
	}
	if err := c.builder(t, false).add(st.Def); err != nil {
		return err
	}
	return c.create(ctx, t)
}

func (c *change) newTable(s *schema.Schema, name string) (*schema.Table, error) {
	h, err := c.head(s, name, 0)
	if err != nil {
		return nil, err
	}
	t := &schema.Table{Head: h}
	t.Stored = c.storedTable(&t.Head)
	return t, nil
}

// createFrom makes the table of SELECT INTO.
func (c *change) createFrom(ctx context.Context, name ast.ObjectName, columns []plan.Column) (*schema.Table, error) {
	s, err := c.schemaOf(name)
	if err != nil {
		return nil, err
	}
	if err := c.free(s.Name, name.Name()); err != nil {
		return nil, err
	}
	t, err := c.newTable(s, name.Name())
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
			x.Identity = &schema.Identity{Seed: 1, Increment: 1}
			if src := tableOf(col.Object); src != nil {
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
		if x.Type.Kind == sqltype.RowVersion && t.RowVersion() != nil {
			return nil, msg.New(2738, t.Name, x.Name)
		}
		x.Stored = storedColumn(t, x.Name, x.ID)
		t.Columns = append(t.Columns, x)
		t.MaxColumnID = x.ID
	}
	return t, c.create(ctx, t)
}

// dropTables carries out DROP TABLE.
func (c *change) dropTables(ctx context.Context, st *ast.Drop) error {
	for _, n := range st.Names {
		o := c.find(n)
		t, ok := o.(*schema.Table)
		switch {
		case o == nil && st.IfExists:
			continue
		case o == nil:
			return msg.New(3701, "drop", "table", n.String()).At(5)
		case !ok:
			return wrongDrop("TABLE", n, o)
		}
		for _, f := range c.Incoming(t.ID) {
			if f.Parent != t.ID {
				return msg.New(3726, n.String())
			}
		}
		if v := c.boundBy(t); v != "" {
			return msg.New(3729, "DROP TABLE", n.String(), v)
		}
		if err := c.dropTable(ctx, t); err != nil {
			return err
		}
		if err := c.refresh(ctx); err != nil {
			return err
		}
	}
	return nil
}

// refresh takes in what the statement changed so far.
func (c *change) refresh(ctx context.Context) error {
	e, err := c.Env.Shared.Edit(ctx, c.Conn)
	if err != nil {
		return err
	}
	c.Edit = e
	return nil
}

// dropTable removes a table, its triggers and its definition.
func (c *change) dropTable(_ context.Context, t *schema.Table) error {
	err := c.withoutForeignKeys(func() error { return c.Conn.Exec("DROP TABLE " + t.SQL(c.Snapshot.DB())) })
	if err != nil {
		return fmt.Errorf("dropping table %q: %w", t.Name, err)
	}
	for _, x := range t.Triggers {
		if err := c.forget(x); err != nil {
			return err
		}
	}
	return c.forget(t)
}

// forget removes an object's definition.
func (c *change) forget(o schema.Object) error {
	c.result.Dropped = append(c.result.Dropped, o.Meta().ID)
	return c.Delete(o.Meta().ID)
}

// kindWords are objects in messages.
func kindWords(o schema.Object) (word, drop string) {
	switch o.Kind() {
	case schema.TableKind:
		return "table", "TABLE"
	case schema.ViewKind:
		return "view", "VIEW"
	case schema.ProcedureKind:
		return "procedure", "PROCEDURE"
	case schema.ScalarFunction, schema.InlineFunction, schema.TableFunction:
		return "function", "FUNCTION"
	case schema.TriggerKind:
		return "trigger", "TRIGGER"
	case schema.SequenceKind:
		return "sequence object", "SEQUENCE"
	case schema.SynonymKind:
		return "synonym", "SYNONYM"
	case schema.PrimaryKeyKind:
		return "primary key constraint", "CONSTRAINT"
	case schema.UniqueKind:
		return "unique constraint", "CONSTRAINT"
	case schema.ForeignKeyKind:
		return "foreign key constraint", "CONSTRAINT"
	case schema.CheckKind:
		return "check constraint", "CONSTRAINT"
	}
	return "default constraint", "CONSTRAINT"
}

// wrongDrop is message 3705: DROP of another kind of object.
func wrongDrop(verb string, n ast.ObjectName, o schema.Object) error {
	word, drop := kindWords(o)
	return msg.New(3705, verb, n.String(), n.String(), word, drop)
}

// boundBy is the name of a view that is bound to the table (SCHEMABINDING), "" if there is none.
func (c *change) boundBy(t schema.Object) string {
	h := t.Meta()
	for _, o := range c.Objects() {
		v, ok := o.(*schema.View)
		if !ok || !v.SchemaBound || v.ID == h.ID {
			continue
		}
		found := false
		if q := v.Query(); q != nil {
			walkTables(q, func(n ast.ObjectName) {
				found = found || c.Same(n.Name(), h.Name) && (n.Schema() == "" || c.Same(n.Schema(), h.Schema))
			})
		}
		if found {
			return v.Name
		}
	}
	return ""
}

// walkTables visits the tables that the FROM clauses of a query name.
func walkTables(s *ast.SelectStmt, visit func(ast.ObjectName)) {
	var source func(ast.TableSource)
	var query func(*ast.Query)
	var body func(ast.Body)
	source = func(t ast.TableSource) {
		switch t := t.(type) {
		case *ast.Table:
			visit(t.Name)
		case *ast.Join:
			source(t.L)
			source(t.R)
		case *ast.Derived:
			query(t.Query)
		case *ast.Pivot:
			source(t.Source)
		case *ast.Unpivot:
			source(t.Source)
		}
	}
	body = func(b ast.Body) {
		switch b := b.(type) {
		case *ast.Select:
			for _, t := range b.From {
				source(t)
			}
		case *ast.SetOp:
			body(b.L)
			body(b.R)
		}
	}
	query = func(q *ast.Query) {
		if q != nil {
			body(q.Body)
		}
	}
	if s.With != nil {
		for _, x := range s.With.CTEs {
			query(x.Query)
		}
	}
	query(s.Query)
}

// tableOf is the table behind an object of the compiler's, nil if it is none.
func tableOf(o *plan.Object) *schema.Table {
	if r := binding.Of(o); r != nil {
		return r.Table()
	}
	return nil
}
