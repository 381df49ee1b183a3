package fn

import (
	"slices"
	"strings"

	"latchkey/engine/fn/table"
)

// Table is a table-valued function that needs nothing but its arguments; Table.Rows makes its rows, a view of package lite shows them.
type Table = table.Function

// TableColumn is a column of a [Table].
type TableColumn = table.Column

// tables are the table-valued functions. The list is made once and never changed.
var tables = table.Functions()

// Tables lists the table-valued functions.
func Tables() []Table { return slices.Clone(tables) }

// LookupTable finds a table-valued function by name in any case; those of schema sys have it in their name.
func LookupTable(name string) (*Table, bool) {
	for _, t := range tables {
		if strings.EqualFold(t.Name, name) {
			return &t, true
		}
	}
	return nil, false
}
