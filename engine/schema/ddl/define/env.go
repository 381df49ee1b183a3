package define

import (
	"context"

	"latchkey/engine/catalog/msg"
	"latchkey/engine/compile/plan"
	"latchkey/engine/lite"
	"latchkey/engine/schema"
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

// Begin begins a statement.
func (e *Env) Begin(ctx context.Context) (*Change, error) {
	edit, err := e.Shared.Edit(ctx, e.Conn)
	if err != nil {
		return nil, err
	}
	return &Change{Env: e, Edit: edit}, nil
}
