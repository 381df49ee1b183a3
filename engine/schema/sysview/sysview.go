package sysview

import (
	"context"
	"errors"

	"latchkey/engine/schema"
	"latchkey/engine/sqltype"
)

// ErrNoView means that there is no such view here.
var ErrNoView = errors.New("no such view")

// Column is a column of a view.
type Column struct {
	Name string
	Type sqltype.Type
}

// Env is what a view is shown with.
type Env struct {
	Snapshot *schema.Snapshot
	// DatabaseID and Database are the database's id and name.
	DatabaseID int
	Database   string
	// Visible reports whether the caller may see an object; nil shows all. A constraint is asked for by its table.
	Visible func(schema.Object) bool
	// Count gives the number of rows of a table; nil gives 0.
	Count func(ctx context.Context, t *schema.Table) (int64, error)
	// LastIdentity gives the last value of a table's identity; nil knows none.
	LastIdentity func(ctx context.Context, t *schema.Table) (int64, bool, error)
	// Owner names a database principal by id; nil knows the fixed ones.
	Owner func(id int) string
}

// Names lists the views in lower case, sorted: sys.objects, information_schema.tables.
func Names() []string { return nil }

// Columns is the columns of a view in order; nil for a name that is no view of this package. Names are in lower case.
func Columns(view string) []Column { return nil }

// Rows is the rows of a view, sorted by id. ErrNoView for a name that is none.
func Rows(ctx context.Context, view string, env Env) ([][]sqltype.Value, error) {
	return nil, ErrNoView
}
