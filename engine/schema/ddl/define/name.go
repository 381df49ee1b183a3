package define

import (
	"fmt"
	"hash/fnv"
	"strings"

	"latchkey/engine/catalog/msg"
	"latchkey/engine/schema"
	"latchkey/engine/tsql/ast"
)

// maxName is the length of a name that is made up, so that with its numbers it stays within 128.
const maxName = 110

// Change is a statement under way.
type Change struct {
	*Env
	*schema.Edit
	Result Result
}

// SchemaOf finds the schema that a name says or the caller's default one; message 2760.
func (c *Change) SchemaOf(n ast.ObjectName) (*schema.Schema, error) {
	name := n.Schema()
	if name == "" {
		name = c.Env.Schema
	}
	if name == "" || c.Temporary() {
		name = "dbo"
	}
	s := c.Edit.Schema(name)
	if s == nil || s.ID == schema.Sys || s.ID == schema.InformationSchema {
		return nil, msg.New(2760, name)
	}
	return s, nil
}

// Find looks an object up by a statement's name: in the schema named, else in the caller's default schema and in dbo.
func (c *Change) Find(n ast.ObjectName) schema.Object {
	if s := n.Schema(); s != "" && !c.Temporary() {
		return c.Lookup(s, n.Name())
	}
	if c.Env.Schema != "" && !c.Temporary() {
		if o := c.Lookup(c.Env.Schema, n.Name()); o != nil {
			return o
		}
	}
	return c.Lookup("dbo", n.Name())
}

// FindTable finds a table; nil if there is none.
func (c *Change) FindTable(n ast.ObjectName) *schema.Table {
	t, _ := c.Find(n).(*schema.Table)
	return t
}

// Free refuses a name that an object has already: message 2714.
func (c *Change) Free(schemaName, name string) error {
	if c.Lookup(schemaName, name) != nil {
		return msg.New(2714, name)
	}
	return nil
}

// Head makes the head of a new object.
func (c *Change) Head(s *schema.Schema, name string, parent int) (schema.Head, error) {
	id, err := c.NewID()
	if err != nil {
		return schema.Head{}, err
	}
	now := c.Now()
	return schema.Head{ID: id, Schema: s.Name, SchemaID: s.ID, Name: name, Parent: parent, Created: now, Modified: now}, nil
}

// SystemName makes up the name of a constraint: DF__table__column__0123ABCD, PK__table__0123ABCD0123ABCD.
func SystemName(prefix, table, column string, id int) string {
	h := fnv.New32a()
	_, _ = fmt.Fprint(h, prefix, table, column, id)
	if prefix == "PK" || prefix == "UQ" {
		return fmt.Sprintf("%s__%s__%08X%08X", prefix, Cut(table, 8), h.Sum32(), uint32(id))
	}
	if column == "" {
		return fmt.Sprintf("%s__%s__%08X", prefix, Cut(table, 9), uint32(id))
	}
	return fmt.Sprintf("%s__%s__%s__%08X", prefix, Cut(table, 9), Cut(column, 5), uint32(id))
}

// Cut is the first n characters of s.
func Cut(s string, n int) string {
	r := []rune(s)
	return string(r[:min(n, len(r))])
}

// storedTable is a name in SQLite that no table has yet. SQLite folds the case of ASCII letters.
func (c *Change) storedTable(h *schema.Head) string {
	name := h.Schema + "." + h.Name
	for _, o := range c.Objects() {
		if t, ok := o.(*schema.Table); ok && strings.EqualFold(t.Stored, name) {
			return fmt.Sprintf("%s#%d", Cut(name, maxName), h.ID)
		}
	}
	return name
}

// StoredColumn is a name in SQLite that no other column of the table has and that does not hide the rowid.
func StoredColumn(t *schema.Table, name string, id int) string {
	taken := strings.EqualFold(name, "rowid") || strings.EqualFold(name, "oid") || strings.EqualFold(name, "_rowid_")
	for _, c := range t.Columns {
		taken = taken || strings.EqualFold(c.Stored, name)
	}
	if taken {
		return fmt.Sprintf("%s#%d", Cut(name, maxName), id)
	}
	return name
}

// full is a table's name as messages 515 and 2628 have it: db.schema.table.
func (c *Change) full(h *schema.Head) string { return c.Database + "." + h.Schema + "." + h.Name }

// Refuse is message 40517 for a feature.
func Refuse(feature string) error { return msg.New(40517, feature) }

// Two is a failure of a constraint: what is wrong, then message 1750.
func Two(err error) error {
	if m := msg.Messages(err); m != nil {
		return append(append(msg.List{}, m...), msg.New(1750))
	}
	return err
}
