// Package property keeps the extended properties of a database: rows of a table of our own, made with the first of them.
//
// [Load], [Set] and [Drop] work inside the transaction that a connection has open. Who changes definitions uses schema.Edit, which says so to
// all who hold them; what a property may belong to is found by package owner.
package property

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"latchkey/engine/cell"
	"latchkey/engine/lite"
	"latchkey/engine/sqltype"
)

// Class is what an extended property is of: sys.extended_properties.class.
type Class uint8

// The classes.
const (
	OfDatabase  Class = 0
	OfObject    Class = 1 // or a column of it
	OfParameter Class = 2
	OfSchema    Class = 3
	OfType      Class = 6
	OfIndex     Class = 7
)

// Owner is what an extended property belongs to: Major is an object, schema or type id, Minor a column, parameter or index id, 0 for none.
type Owner struct {
	Class        Class
	Major, Minor int
}

// Property is an extended property: a name and a value on something of the database.
type Property struct {
	Owner
	Name  string
	Value sqltype.Value // what a sql_variant holds, or NULL
}

// columns of the table.
const columns = "(class INTEGER NOT NULL, major INTEGER NOT NULL, minor INTEGER NOT NULL, name TEXT NOT NULL, value BLOB," +
	" PRIMARY KEY(class, major, minor, name)) STRICT, WITHOUT ROWID"

// Set writes a property, new or in place of that of the same owner and name. table is its name in SQL.
func Set(c *lite.Conn, table string, p *Property) error {
	if err := c.Exec("CREATE TABLE IF NOT EXISTS " + table + columns); err != nil {
		return fmt.Errorf("making the table of extended properties: %w", err)
	}
	return run(c, "INSERT INTO "+table+"(class, major, minor, name, value) VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET value=excluded.value", p, true)
}

// Drop removes a property. There must have been one in this database.
func Drop(c *lite.Conn, table string, p *Property) error {
	return run(c, "DELETE FROM "+table+" WHERE class=?1 AND major=?2 AND minor=?3 AND name=?4", p, false)
}

func run(c *lite.Conn, sql string, p *Property, value bool) error {
	st, err := c.Prepare(sql)
	if err != nil {
		return err
	}
	defer st.Release()
	err = errors.Join(st.BindInt64(1, int64(p.Class)), st.BindInt64(2, int64(p.Major)), st.BindInt64(3, int64(p.Minor)), st.BindText(4, p.Name))
	if err == nil && value {
		err = st.Bind(5, sqltype.Of(sqltype.Variant), p.Value)
	}
	if err != nil {
		return err
	}
	st.Step()
	return st.Err()
}

// Load reads all, by owner and name. A database that never had one has no table of them.
func Load(c *lite.Conn, table string) (all []*Property, err error) {
	st, err := c.Prepare("SELECT class, major, minor, name, value FROM " + table)
	if err != nil {
		if errors.Is(err, sqlite3.ERROR) && strings.Contains(err.Error(), "no such table: ") {
			return nil, nil
		}
		return nil, err
	}
	defer st.Release()
	for st.Step() {
		p := &Property{Owner: Owner{Class(st.ColumnInt(0)), st.ColumnInt(1), st.ColumnInt(2)}, Name: st.ColumnText(3)}
		if p.Value, err = cell.Column(st.Stmt, 4, sqltype.Of(sqltype.Variant)); err != nil {
			return nil, fmt.Errorf("the extended property %q: %w", p.Name, err)
		}
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b *Property) int {
		return cmp.Or(cmp.Compare(a.Class, b.Class), cmp.Compare(a.Major, b.Major), cmp.Compare(a.Minor, b.Minor), cmp.Compare(a.Name, b.Name))
	})
	return all, st.Err()
}
