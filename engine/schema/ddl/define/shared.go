package define

import (
	"context"

	"latchkey/engine/catalog/msg"
	"latchkey/engine/compile/plan"
	"latchkey/engine/schema"
	"latchkey/engine/schema/binding"
	"latchkey/engine/tsql/ast"
)

// NewTable makes the head and the name in SQLite of a new table.
func (c *Change) NewTable(s *schema.Schema, name string) (*schema.Table, error) {
	h, err := c.Head(s, name, 0)
	if err != nil {
		return nil, err
	}
	t := &schema.Table{Head: h}
	t.Stored = c.storedTable(&t.Head)
	return t, nil
}

// Refresh takes in what the statement changed so far.
func (c *Change) Refresh(ctx context.Context) error {
	e, err := c.Env.Shared.Edit(ctx, c.Conn)
	if err != nil {
		return err
	}
	c.Edit = e
	return nil
}

// Forget removes an object's definition.
func (c *Change) Forget(o schema.Object) error {
	c.Result.Dropped = append(c.Result.Dropped, o.Meta().ID)
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

// WrongDrop is message 3705: DROP of another kind of object.
func WrongDrop(verb string, n ast.ObjectName, o schema.Object) error {
	word, drop := kindWords(o)
	return msg.New(3705, verb, n.String(), n.String(), word, drop)
}

// TableOf is the table behind an object of the compiler's, nil if it is none.
func TableOf(o *plan.Object) *schema.Table {
	if r := binding.Of(o); r != nil {
		return r.Table()
	}
	return nil
}
