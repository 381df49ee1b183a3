package ddl

import (
	"latchkey/engine/cell"
	"latchkey/engine/lite"
	"latchkey/engine/schema"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/convert"
)

// Furthest is the value of a table's identity column that is furthest on, in the database of a name in SQLite; false for none.
func Furthest(c *lite.Conn, source string, t *schema.Table) (int64, bool, error) {
	of, col := "max", t.Identity()
	if col == nil {
		return 0, false, nil
	}
	if col.Identity.Increment < 0 {
		of = "min"
	}
	q, err := c.Prepare("SELECT " + of + "(" + schema.Quote(col.Stored) + ") FROM " + t.SQL(source))
	if err != nil {
		return 0, false, err
	}
	defer q.Release()
	if !q.Step() {
		return 0, false, q.Err()
	}
	v, err := cell.Column(q.Stmt, 0, col.Type)
	if err != nil || v.IsNull() {
		return 0, false, err
	}
	v, err = convert.Convert(v, col.Type, sqltype.Of(sqltype.BigInt), convert.Options{})
	return v.Int(), err == nil, err
}
