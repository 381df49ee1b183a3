package ddl

import (
	"context"
	"errors"
	"slices"

	"latchkey/engine/catalog/msg"
	"latchkey/engine/compile/plan"
	"latchkey/engine/lite"
	"latchkey/engine/schema"
	"latchkey/engine/tsql/ast"
)

// Env is what a statement is carried out with. Conn, Shared and Scope must be set.
type Env struct {
	// Conn is a connection in a transaction that may write.
	Conn *lite.Conn
	// Shared is the database that the statement changes: the user's, or the session's temporary one for #t.
	Shared *schema.Shared
	// Scope names types and what expressions and views refer to.
	Scope plan.Scope
	// Database is the database's name, for messages; Schema the caller's default schema, "" for dbo.
	Database, Schema string
	// Owner is the database principal that owns a schema that is created without AUTHORIZATION; 0 means dbo.
	Owner int
	// Principal finds a database principal by name for AUTHORIZATION; nil knows dbo alone.
	Principal func(name string) (int, bool)
	// Source is the text of the batch, from which the definition of a module is cut.
	Source string
	// QuotedIdentifierOff and ANSINullsOff are the session's settings, kept with modules.
	QuotedIdentifierOff, ANSINullsOff bool
	// NotNullByDefault is ANSI_NULL_DFLT_OFF: columns that say nothing do not take NULL.
	NotNullByDefault bool
}

// Result is what a statement tells beyond its success.
type Result struct {
	// Messages inform the client, such as 15477 of sp_rename.
	Messages []*msg.Error
	// Objects are the ids of objects that were dropped, whose permissions the catalogue must forget.
	Dropped []int
	// Rows is the number of rows that were copied, for SELECT INTO; else 0.
	Rows int64
}

// ErrOther means that the statement is none of this package's.
var ErrOther = errors.New("not a statement about objects of a database")

// Handles reports whether Run takes a statement.
func Handles(st ast.Statement) bool {
	switch st := st.(type) {
	case *ast.CreateTable, *ast.AlterTable, *ast.CreateIndex, *ast.AlterIndex, *ast.CreateView, *ast.CreateProc, *ast.CreateFunction,
		*ast.CreateTrigger, *ast.SwitchTrigger, *ast.CreateSchema, *ast.TransferSchema, *ast.Sequence, *ast.CreateSynonym, *ast.CreateType,
		*ast.Statistics:
		return true
	case *ast.Drop:
		switch st.Kind {
		case "TABLE", "VIEW", "INDEX", "PROCEDURE", "FUNCTION", "TRIGGER", "SCHEMA", "SEQUENCE", "SYNONYM", "TYPE", "STATISTICS":
			return true
		}
	}
	return false
}

// Targets are the names of the objects that a statement changes, from which the caller learns the database (a third part, or # in front)
// and asks for permissions.
func Targets(st ast.Statement) []ast.ObjectName {
	switch st := st.(type) {
	case *ast.CreateTable:
		return []ast.ObjectName{st.Name}
	case *ast.AlterTable:
		return []ast.ObjectName{st.Name}
	case *ast.CreateIndex:
		return []ast.ObjectName{st.Table}
	case *ast.AlterIndex:
		return []ast.ObjectName{st.Table}
	case *ast.CreateView:
		return []ast.ObjectName{st.Name}
	case *ast.CreateProc:
		return []ast.ObjectName{st.Name}
	case *ast.CreateFunction:
		return []ast.ObjectName{st.Name}
	case *ast.CreateTrigger:
		return []ast.ObjectName{st.On}
	case *ast.SwitchTrigger:
		return []ast.ObjectName{st.On}
	case *ast.CreateSchema:
		return []ast.ObjectName{{Parts: []string{st.Name}, Pos: st.Pos}}
	case *ast.TransferSchema:
		return []ast.ObjectName{st.Object}
	case *ast.Sequence:
		return []ast.ObjectName{st.Name}
	case *ast.CreateSynonym:
		return []ast.ObjectName{st.Name}
	case *ast.CreateType:
		return []ast.ObjectName{st.Name}
	case *ast.Statistics:
		return []ast.ObjectName{st.Table}
	case *ast.Drop:
		if st.Kind == "INDEX" && len(st.On.Parts) > 0 {
			return []ast.ObjectName{st.On}
		}
		return st.Names
	}
	return nil
}

// Run carries out a statement. Errors are *msg.Error, msg.List, *sqltype.Error, *plan.Error, or those of the connection. On an error
// what was done so far must be undone: run it inside a savepoint.
func Run(ctx context.Context, env *Env, st ast.Statement) (Result, error) {
	c, err := env.begin(ctx)
	if err != nil {
		return Result{}, err
	}
	err = c.run(ctx, st)
	return c.result, err
}

func (e *Env) begin(ctx context.Context) (*change, error) {
	edit, err := e.Shared.Edit(ctx, e.Conn)
	if err != nil {
		return nil, err
	}
	return &change{Env: e, Edit: edit}, nil
}

func (c *change) run(ctx context.Context, st ast.Statement) error {
	switch st := st.(type) {
	case *ast.CreateTable:
		return c.createTable(ctx, st)
	case *ast.AlterTable:
		return c.alterTable(ctx, st)
	case *ast.CreateIndex:
		return c.createIndexOn(ctx, st)
	case *ast.AlterIndex:
		return c.alterIndex(ctx, st)
	case *ast.CreateView:
		return c.createView(st)
	case *ast.CreateProc:
		return c.createProc(st)
	case *ast.CreateFunction:
		return c.createFunction(st)
	case *ast.CreateTrigger:
		return refuse("CREATE TRIGGER")
	case *ast.SwitchTrigger:
		return refuse("ENABLE and DISABLE TRIGGER")
	case *ast.CreateSchema:
		return c.createSchema(ctx, st)
	case *ast.TransferSchema:
		return c.transfer(st)
	case *ast.Sequence:
		return c.sequence(st)
	case *ast.CreateSynonym:
		return c.createSynonym(st)
	case *ast.CreateType:
		return c.createType(st)
	case *ast.Statistics:
		return c.statistics(st)
	case *ast.Drop:
		return c.drop(ctx, st)
	}
	return ErrOther
}

func (c *change) drop(ctx context.Context, st *ast.Drop) error {
	is := func(kinds ...schema.Kind) func(schema.Object) bool {
		return func(o schema.Object) bool { return slices.Contains(kinds, o.Kind()) }
	}
	switch st.Kind {
	case "TABLE":
		return c.dropTables(ctx, st)
	case "INDEX":
		return c.dropIndexes(ctx, st)
	case "SCHEMA":
		return c.dropSchemas(st)
	case "TYPE":
		return c.dropTypes(st)
	case "VIEW":
		return c.dropModules(st, is(schema.ViewKind))
	case "PROCEDURE":
		return c.dropModules(st, is(schema.ProcedureKind))
	case "FUNCTION":
		return c.dropModules(st, is(schema.ScalarFunction, schema.InlineFunction, schema.TableFunction))
	case "TRIGGER":
		return c.dropModules(st, is(schema.TriggerKind))
	case "SEQUENCE":
		return c.dropModules(st, is(schema.SequenceKind))
	case "SYNONYM":
		return c.dropModules(st, is(schema.SynonymKind))
	case "STATISTICS":
		return refuse("DROP STATISTICS")
	}
	return ErrOther
}

// CreateTableVariable makes the table of DECLARE @t TABLE (...) in the session's temporary database under a name of the caller's
// that no #t has, and gives its object. Drop it with [DropTable].
func CreateTableVariable(ctx context.Context, env *Env, name string, def *ast.TableDef) (*schema.Table, error) {
	c, err := env.begin(ctx)
	if err != nil {
		return nil, err
	}
	t, err := c.newTable(c.Edit.Schema("dbo"), name)
	if err != nil {
		return nil, err
	}
	if err := c.builder(t, false).add(def); err != nil {
		return nil, err
	}
	return t, c.create(ctx, t)
}

// CreateOfType makes a table with the columns, keys and checks of a table type of a database, as CreateTableVariable: DECLARE @t dbo.type,
// a table-valued parameter. The type's checks are compiled anew.
func CreateOfType(ctx context.Context, env *Env, name string, shape *schema.Table) (*schema.Table, error) {
	c, err := env.begin(ctx)
	if err != nil {
		return nil, err
	}
	fresh, err := c.newTable(c.Edit.Schema("dbo"), name)
	if err != nil {
		return nil, err
	}
	t := shape.Clone()
	t.Head, t.Stored, t.Type = fresh.Head, fresh.Stored, 0
	for _, k := range t.Constraints() {
		h := k.Meta()
		if h.ID, err = c.NewID(); err != nil {
			return nil, err
		}
		h.Parent, h.SchemaID, h.Schema = t.ID, t.SchemaID, t.Schema
	}
	for _, k := range t.Keys() {
		if k.Stored != "" {
			k.Stored = indexName(t.ID, k.IndexID)
		}
	}
	for _, x := range t.Indexes {
		x.Stored = indexName(t.ID, x.ID)
	}
	return t, c.create(ctx, t)
}

// CreateFrom makes a table of the columns of a query's result: SELECT INTO. Identity columns are kept as SQL Server does, constraints
// are not. The rows are the caller's (package write).
func CreateFrom(ctx context.Context, env *Env, name ast.ObjectName, columns []plan.Column) (*schema.Table, error) {
	c, err := env.begin(ctx)
	if err != nil {
		return nil, err
	}
	return c.createFrom(ctx, name, columns)
}

// DropTable drops a table by its id, without asking whether others refer to it.
func DropTable(ctx context.Context, env *Env, id int) error {
	c, err := env.begin(ctx)
	if err != nil {
		return err
	}
	if t := c.TableByID(id); t != nil {
		return c.dropTable(ctx, t)
	}
	return nil
}

// Rename is sp_rename: kind is OBJECT, COLUMN, INDEX, USERDATATYPE or "" for any object.
func Rename(ctx context.Context, env *Env, object, name, kind string) (Result, error) {
	c, err := env.begin(ctx)
	if err != nil {
		return Result{}, err
	}
	if err := c.rename(object, name, kind); err != nil {
		return Result{}, err
	}
	c.result.Messages = append(c.result.Messages, caution())
	return c.result, nil
}
