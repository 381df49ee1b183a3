package ddl

import (
	"context"
	"errors"
	"slices"

	"latchkey/engine/compile/plan"
	"latchkey/engine/schema"
	"latchkey/engine/schema/ddl/define"
	"latchkey/engine/schema/ddl/module"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// Env is what a statement is carried out with. Conn, Shared and Scope must be set.
type Env = define.Env

// Result is what a statement tells beyond its success.
type Result = define.Result

// KeyText is a key in a message: (1, abc, <NULL>).
func KeyText(types []sqltype.Type, values []sqltype.Value) string {
	return define.KeyText(types, values)
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
func Run(ctx context.Context, env *define.Env, st ast.Statement) (define.Result, error) {
	c, err := env.Begin(ctx)
	if err != nil {
		return define.Result{}, err
	}
	err = (&statement{c}).run(ctx, st)
	return c.Result, err
}

// statement is a statement under way.
type statement struct{ *define.Change }

// alteration is a table's definition being changed by a statement.
type alteration struct{ *define.Builder }

// alter begins to change a table.
func (c *statement) alter(t *schema.Table) *alteration {
	return &alteration{c.Builder(t.Clone(), true)}
}

func (c *statement) run(ctx context.Context, st ast.Statement) error {
	m := &module.Maker{Change: c.Change}
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
		return m.CreateView(st)
	case *ast.CreateProc:
		return m.CreateProc(st)
	case *ast.CreateFunction:
		return m.CreateFunction(st)
	case *ast.CreateTrigger:
		return define.Refuse("CREATE TRIGGER")
	case *ast.SwitchTrigger:
		return define.Refuse("ENABLE and DISABLE TRIGGER")
	case *ast.CreateSchema:
		return c.createSchema(ctx, st)
	case *ast.TransferSchema:
		return m.Transfer(st)
	case *ast.Sequence:
		return m.Sequence(st)
	case *ast.CreateSynonym:
		return m.CreateSynonym(st)
	case *ast.CreateType:
		return m.CreateType(st)
	case *ast.Statistics:
		return c.statistics(st)
	case *ast.Drop:
		return c.drop(ctx, st)
	}
	return ErrOther
}

func (c *statement) drop(ctx context.Context, st *ast.Drop) error {
	m := &module.Maker{Change: c.Change}
	is := func(kinds ...schema.Kind) func(schema.Object) bool {
		return func(o schema.Object) bool { return slices.Contains(kinds, o.Kind()) }
	}
	switch st.Kind {
	case "TABLE":
		return c.dropTables(ctx, st)
	case "INDEX":
		return c.dropIndexes(ctx, st)
	case "SCHEMA":
		return m.DropSchemas(st)
	case "TYPE":
		return m.DropTypes(st)
	case "VIEW":
		return m.DropModules(st, is(schema.ViewKind))
	case "PROCEDURE":
		return m.DropModules(st, is(schema.ProcedureKind))
	case "FUNCTION":
		return m.DropModules(st, is(schema.ScalarFunction, schema.InlineFunction, schema.TableFunction))
	case "TRIGGER":
		return m.DropModules(st, is(schema.TriggerKind))
	case "SEQUENCE":
		return m.DropModules(st, is(schema.SequenceKind))
	case "SYNONYM":
		return m.DropModules(st, is(schema.SynonymKind))
	case "STATISTICS":
		return nil // none are kept by name
	}
	return ErrOther
}

// CreateTableVariable makes the table of DECLARE @t TABLE (...) in the session's temporary database under a name of the caller's
// that no #t has, and gives its object. Drop it with [DropTable].
func CreateTableVariable(ctx context.Context, env *define.Env, name string, def *ast.TableDef) (*schema.Table, error) {
	c, err := env.Begin(ctx)
	if err != nil {
		return nil, err
	}
	t, err := c.NewTable(c.Edit.Schema("dbo"), name)
	if err != nil {
		return nil, err
	}
	if err := c.Builder(t, false).Add(def); err != nil {
		return nil, err
	}
	return t, c.Create(ctx, t)
}

// CreateOfType makes a table with the columns, keys and checks of a table type of a database, as CreateTableVariable: DECLARE @t dbo.type,
// a table-valued parameter. The type's checks are compiled anew.
func CreateOfType(ctx context.Context, env *define.Env, name string, shape *schema.Table) (*schema.Table, error) {
	c, err := env.Begin(ctx)
	if err != nil {
		return nil, err
	}
	fresh, err := c.NewTable(c.Edit.Schema("dbo"), name)
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
			k.Stored = define.IndexName(t.ID, k.IndexID)
		}
	}
	for _, x := range t.Indexes {
		x.Stored = define.IndexName(t.ID, x.ID)
	}
	return t, c.Create(ctx, t)
}

// CreateFrom makes a table of the columns of a query's result: SELECT INTO. Identity columns are kept as SQL Server does, constraints
// are not. The rows are the caller's (package write).
//
// id is a column that IDENTITY(...) in its list numbers, nil for none.
func CreateFrom(ctx context.Context, env *define.Env, name ast.ObjectName, columns []plan.Column, id *NewIdentity) (*schema.Table, error) {
	c, err := env.Begin(ctx)
	if err != nil {
		return nil, err
	}
	return (&statement{c}).createFrom(ctx, name, columns, id)
}

// DropTable drops a table by its id, without asking whether others refer to it.
func DropTable(ctx context.Context, env *define.Env, id int) error {
	c, err := env.Begin(ctx)
	if err != nil {
		return err
	}
	if t := c.TableByID(id); t != nil {
		return (&statement{c}).dropTable(ctx, t)
	}
	return nil
}

// Rename is sp_rename: kind is OBJECT, COLUMN, INDEX, USERDATATYPE or "" for any object.
func Rename(ctx context.Context, env *define.Env, object, name, kind string) (define.Result, error) {
	c, err := env.Begin(ctx)
	if err != nil {
		return define.Result{}, err
	}
	if err := (&module.Maker{Change: c}).Rename(object, name, kind); err != nil {
		return define.Result{}, err
	}
	c.Result.Messages = append(c.Result.Messages, module.Caution())
	return c.Result, nil
}
