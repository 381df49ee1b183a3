package scope

import (
	"latchkey/engine/exec/reply"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// Cursor is a cursor: the rows of its query as of OPEN.
type Cursor struct {
	Def     *ast.CursorDef
	Frame   *Frame // whose variables the query sees
	Open    bool
	Forward bool
	Result  *reply.Result
	Types   []sqltype.Type
	Rows    [][]sqltype.Value
	Size    int
	At      int // of the row fetched last, from 1; 0 before the first
}

// Close lets the rows go.
func (c *Cursor) Close() { c.Open, c.Rows, c.Size, c.At = false, nil, 0, 0 }
