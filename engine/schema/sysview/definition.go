package sysview

import (
	"latchkey/engine/schema"
	"latchkey/engine/tsql/format/normal"
)

// shown is an expression as SQL Server's catalogue writes it: tools compare it with what they know. One without such a form is shown as written.
func shown(e *schema.Expr) string {
	if t, err := e.Tree(); err == nil {
		if s, ok := normal.Text(t); ok {
			return s
		}
	}
	return e.Text
}
