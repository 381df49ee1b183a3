package row

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"latchkey/engine/catalog/msg"
	"latchkey/engine/cell"
	"latchkey/engine/lite"
	"latchkey/engine/schema"
	"latchkey/engine/schema/ddl"
	"latchkey/engine/sqltype"
)

// broken is what the violation of a unique key or index is turned into: its columns and what the message says.
type broken struct {
	columns   []schema.KeyColumn
	key       *schema.Key
	index     *schema.Index
	ignoreDup bool
}

// unique finds the key or index that a violation is of; nil if it is none of the table's.
func (t *Target) unique(v *lite.Constraint) *broken {
	same := func(stored string, keys []schema.KeyColumn) bool {
		if n := v.Index(); n != "" {
			return stored != "" && (n == stored || n == stored+".null")
		}
		cols := make([]string, len(keys))
		for i, k := range keys {
			cols[i] = t.Table.ColumnByID(k.Column).Stored
		}
		return v.Columns(t.Table.Stored, cols...)
	}
	// Constraints of the table before its indexes: of two over the same columns the first made is named.
	for _, k := range t.Table.Keys() {
		if same(k.Stored, k.Columns) || k.Stored == "" && v.Kind == lite.RowID {
			return &broken{columns: k.Columns, key: k, ignoreDup: k.IgnoreDup}
		}
	}
	for _, i := range t.Table.Indexes {
		if i.Unique && same(i.Stored, i.Columns) {
			return &broken{columns: i.Columns, index: i, ignoreDup: i.IgnoreDup}
		}
	}
	return nil
}

// Violation turns an error of writing a row into SQL Server's message. value gives the cell of a column in the row that was written.
func (x *Execution) Violation(t *Target, verb string, err error, value func(*schema.Column) (cell.Raw, bool)) error {
	var v *lite.Constraint
	if !errors.As(err, &v) {
		return err
	}
	switch v.Kind {
	case lite.NotNull:
		for _, c := range t.Table.Columns {
			if v.Columns(t.Table.Stored, c.Stored) {
				return msg.New(515, c.Name, t.full, verb)
			}
		}
	case lite.Check:
		for _, k := range t.Table.Checks {
			if v.Detail == fmt.Sprintf("c%d", k.ID) {
				return t.conflict(verb, "CHECK", k.Name, t.Table, k.Column)
			}
		}
	case lite.Unique, lite.RowID:
		if b := t.unique(v); b != nil {
			return t.duplicate(b, value)
		}
	}
	return err
}

// duplicate is message 2627 or 2601.
func (t *Target) duplicate(b *broken, value func(*schema.Column) (cell.Raw, bool)) error {
	var types []sqltype.Type
	var vals []sqltype.Value
	for _, k := range b.columns {
		c := t.Table.ColumnByID(k.Column)
		v := sqltype.NullValue
		if value != nil {
			if r, ok := value(c); ok {
				v, _ = cell.Decode(c.Type, r) // a cell that was just written
			}
		}
		types, vals = append(types, c.Type), append(vals, v)
	}
	text := ddl.KeyText(types, vals)
	switch {
	case b.index != nil:
		return msg.New(2601, t.name(), b.index.Name, text)
	case b.key.Primary:
		return msg.New(2627, "PRIMARY KEY", b.key.Name, t.name(), text)
	}
	return msg.New(2627, "UNIQUE KEY", b.key.Name, t.name(), text)
}

// conflict is message 547; column is an id, 0 for none.
func (t *Target) conflict(verb, kind, name string, in *schema.Table, column int) error {
	end := ""
	if c := in.ColumnByID(column); c != nil {
		end = ", column '" + c.Name + "'"
	}
	return msg.New(547, verb, kind, name, t.Object.Database, in.Schema+"."+in.Name, end)
}

// IsForeign reports a violated foreign key.
func IsForeign(err error) bool {
	var v *lite.Constraint
	return errors.As(err, &v) && v.Kind == lite.ForeignKey
}

// Deferred runs f with foreign keys checked at its end, as SQL Server does: a row may refer to a row that the same statement adds. It must
// be inside a savepoint.
func (x *Execution) Deferred(t *Target, verb string, f func() error) error {
	if err := x.Do("PRAGMA defer_foreign_keys=ON"); err != nil {
		return err
	}
	before, err := x.unresolved()
	if err == nil {
		err = f()
	}
	if err == nil {
		var after int64
		if after, err = x.unresolved(); err == nil && after > before {
			err = x.culprit(t, verb)
		}
	}
	return single(errors.Join(err, x.Do("PRAGMA defer_foreign_keys=OFF")))
}

// unresolved counts violations of foreign keys that are deferred: SQLite tells 0 or 1.
func (x *Execution) unresolved() (int64, error) {
	n, _, err := x.Conn.Status(sqlite3.DBSTATUS_DEFERRED_FKS, false)
	return int64(n), x.Conn.Err(err)
}

// Foreign finds out which foreign key a step broke: it does the step again with checks deferred, looks for the rows that refer to
// nothing, and undoes it.
func (x *Execution) Foreign(t *Target, verb string, again func() error) error {
	if err := x.Do("SAVEPOINT latchkey_foreign"); err != nil {
		return err
	}
	err := x.Deferred(t, verb, func() error {
		if err := again(); err != nil && !IsForeign(err) {
			return err
		}
		return x.culprit(t, verb)
	})
	if x.Conn.GetAutocommit() {
		return err
	}
	return single(errors.Join(err, x.Do("ROLLBACK TO latchkey_foreign"), x.Do("RELEASE latchkey_foreign")))
}

// culprit is message 547 for the first foreign key that has a row without its key: of the table, then to it, then of what cascades reach.
func (x *Execution) culprit(t *Target, verb string) error {
	type edge struct {
		f     *schema.ForeignKey
		child *schema.Table
		own   bool
	}
	var edges []edge
	for _, f := range t.Table.Foreign {
		edges = append(edges, edge{f, t.Table, true})
	}
	seen := map[int]bool{t.Table.ID: true}
	for queue := []int{t.Table.ID}; len(queue) > 0; queue = queue[1:] {
		for _, f := range t.Snap.Incoming(queue[0]) {
			child := t.Snap.TableByID(f.Parent)
			if child == nil || child.ID == t.Table.ID {
				continue
			}
			edges = append(edges, edge{f, child, false})
			if !seen[child.ID] {
				seen[child.ID] = true
				queue = append(queue, child.ID)
			}
		}
	}
	for _, e := range edges {
		if e.f.Disabled {
			continue
		}
		bad, err := x.orphan(t, e.child, e.f)
		if err != nil {
			return err
		}
		if !bad {
			continue
		}
		parent := t.Snap.TableByID(e.f.RefTable)
		column := func(ids []int) int {
			if len(ids) == 1 {
				return ids[0]
			}
			return 0
		}
		switch {
		case parent == e.child && verb == "DELETE":
			return t.conflict(verb, "SAME TABLE REFERENCE", e.f.Name, parent, column(e.f.Columns))
		case parent == e.child:
			return t.conflict(verb, "FOREIGN KEY SAME TABLE", e.f.Name, parent, column(e.f.RefColumns))
		case e.own:
			return t.conflict(verb, "FOREIGN KEY", e.f.Name, parent, column(e.f.RefColumns))
		}
		return t.conflict(verb, "REFERENCE", e.f.Name, e.child, column(e.f.Columns))
	}
	return fmt.Errorf("%s of %q: a foreign key is violated and cannot be named", verb, t.full)
}

// orphan reports whether a row of a table refers to nothing.
func (x *Execution) orphan(t *Target, child *schema.Table, f *schema.ForeignKey) (bool, error) {
	parent := t.Snap.TableByID(f.RefTable)
	if parent == nil {
		return false, nil
	}
	var not, same []string
	for i, id := range f.Columns {
		c := child.ColumnByID(id)
		not = append(not, "c."+c.Quoted()+" IS NOT NULL")
		same = append(same, "p."+parent.ColumnByID(f.RefColumns[i]).Quoted()+"=c."+c.Quoted())
	}
	st, err := x.Conn.Prepare("SELECT 1 FROM " + t.db + "." + schema.Quote(child.Stored) + " AS c WHERE " + strings.Join(not, " AND ") +
		" AND NOT EXISTS (SELECT 1 FROM " + t.db + "." + schema.Quote(parent.Stored) + " AS p WHERE " + strings.Join(same, " AND ") + ") LIMIT 1")
	if err != nil {
		return false, err
	}
	defer st.Release()
	found := st.Step()
	return found, st.Err()
}
