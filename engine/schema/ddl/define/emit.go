package define

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"latchkey/engine/catalog/msg"
	"latchkey/engine/cell"
	"latchkey/engine/lite"
	"latchkey/engine/schema"
	"latchkey/engine/tsql/ast"
)

// tableSQL is CREATE TABLE in SQLite's words, under a name.
func (c *Change) tableSQL(t *schema.Table, as string) (string, error) {
	var parts []string
	for _, col := range t.Columns {
		p := col.Quoted() + " " + cell.Affinity(col.Type)
		if col == t.RowID {
			parts = append(parts, p+" PRIMARY KEY")
			continue
		}
		p += cell.CollateClause(col.Type)
		if !col.Type.Nullable {
			p += " NOT NULL"
		}
		if col.Computed != nil {
			x, err := c.Define(t, col.Computed.Expr)
			if err != nil {
				return "", err
			}
			p += " GENERATED ALWAYS AS (" + x.SQL + ")"
			if col.Computed.Persisted {
				p += " STORED"
			}
		}
		if d, err := c.setDefault(t, col); err != nil {
			return "", err
		} else if d != "" {
			p += " DEFAULT " + d
		}
		parts = append(parts, p)
	}
	for _, k := range t.Checks {
		if k.Disabled || k.Volatile {
			continue
		}
		x, err := c.Define(t, k.Expr)
		if err != nil {
			return "", err
		}
		parts = append(parts, "CONSTRAINT "+schema.Quote(checkName(k))+" CHECK ("+x.SQL+")")
	}
	for _, f := range t.Foreign {
		if f.Disabled {
			continue
		}
		ref := c.TableByID(f.RefTable)
		if f.RefTable == t.ID {
			ref = t
		}
		if ref == nil {
			return "", fmt.Errorf("foreign key %q references object %d, which does not exist", f.Name, f.RefTable)
		}
		target := ref.Stored
		parts = append(parts, "CONSTRAINT "+schema.Quote(foreignName(f))+" FOREIGN KEY ("+quotedList(t, f.Columns)+") REFERENCES "+
			schema.Quote(target)+"("+quotedList(ref, f.RefColumns)+") ON DELETE "+f.OnDelete+" ON UPDATE "+f.OnUpdate)
	}
	return "CREATE TABLE " + schema.Quote(c.Snapshot.DB()) + "." + schema.Quote(as) + "(" + strings.Join(parts, ", ") + ") STRICT", nil
}

func checkName(k *schema.Check) string        { return fmt.Sprintf("c%d", k.ID) }
func foreignName(f *schema.ForeignKey) string { return fmt.Sprintf("f%d", f.ID) }

func quotedList(t *schema.Table, ids []int) string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = t.ColumnByID(id).Quoted()
	}
	return strings.Join(out, ",")
}

// setDefault is a column's default as SQLite needs it for ON DELETE SET DEFAULT; "" where no foreign key asks for it.
func (c *Change) setDefault(t *schema.Table, col *schema.Column) (string, error) {
	if col.Default == nil {
		return "", nil
	}
	for _, f := range t.Foreign {
		if f.OnDelete != "SET DEFAULT" && f.OnUpdate != "SET DEFAULT" {
			continue
		}
		for _, id := range f.Columns {
			if id != col.ID {
				continue
			}
			x, err := c.Define(nil, col.Default.Expr)
			if err != nil {
				return "", err
			}
			if !x.Const || !cell.Same(x.Type, col.Type) {
				return "", Refuse("SET DEFAULT with a default that is no constant of the column's type")
			}
			return "(" + x.SQL + ")", nil
		}
	}
	return "", nil
}

// Create makes a table with its indexes in SQLite and writes its definition.
func (c *Change) Create(ctx context.Context, t *schema.Table) error {
	sql, err := c.tableSQL(t, t.Stored)
	if err != nil {
		return err
	}
	if err := c.Conn.Exec(sql); err != nil {
		return fmt.Errorf("making table %q: %w", t.Name, err)
	}
	for _, s := range Shapes(t) {
		if err := c.CreateIndex(ctx, t, s); err != nil {
			return err
		}
	}
	return c.Put(t)
}

// WithoutForeignKeys runs f with SQLite's foreign keys switched off: dropping a table would delete its rows first, with all that the
// actions of foreign keys do. The switch of the connection works inside a transaction, unlike the pragma.
func (c *Change) WithoutForeignKeys(f func() error) error {
	was, err := c.Conn.Config(sqlite3.DBCONFIG_ENABLE_FKEY)
	if err != nil {
		return fmt.Errorf("switching foreign keys off: %w", err)
	}
	if _, err := c.Conn.Config(sqlite3.DBCONFIG_ENABLE_FKEY, false); err != nil {
		return fmt.Errorf("switching foreign keys off: %w", err)
	}
	err = f()
	if _, on := c.Conn.Config(sqlite3.DBCONFIG_ENABLE_FKEY, was); on != nil {
		err = errors.Join(err, fmt.Errorf("switching foreign keys on: %w", on))
	}
	return err
}

// rebuilt is the name of a table while it is built anew.
const rebuilt = "latchkey_rebuilt"

// Rebuild makes a table anew after a changed definition and copies its rows. value is the SQL of a column over the old table; columns
// that it has nothing for ("") stay as they were. unchecked copies rows without asking the CHECK constraints.
func (c *Change) Rebuild(ctx context.Context, old, t *schema.Table, value func(*schema.Column) string, params *Pieces, unchecked bool) error {
	sql, err := c.tableSQL(t, rebuilt)
	if err != nil {
		return err
	}
	var to, from []string
	for _, col := range t.Columns {
		if col.Computed != nil {
			continue
		}
		v := value(col)
		if v == "" {
			v = schema.Quote(old.ColumnByID(col.ID).Stored)
		}
		to, from = append(to, col.Quoted()), append(from, v)
	}
	if t.RowID == nil { // keep the order of rows
		to, from = append(to, "rowid"), append(from, "rowid")
	}
	db := schema.Quote(c.Snapshot.DB()) + "."
	err = c.WithoutForeignKeys(func() error {
		if err := c.Conn.Exec(sql); err != nil {
			return fmt.Errorf("making table %q: %w", t.Name, err)
		}
		if unchecked {
			if err := c.Conn.Exec("PRAGMA ignore_check_constraints=ON"); err != nil {
				return err
			}
		}
		err := c.copyRows(ctx, "INSERT INTO "+db+schema.Quote(rebuilt)+"("+strings.Join(to, ",")+") SELECT "+strings.Join(from, ",")+" FROM "+db+schema.Quote(old.Stored)+params.alias()+" ORDER BY rowid", params)
		if unchecked {
			err = errors.Join(err, c.Conn.Exec("PRAGMA ignore_check_constraints=OFF"))
		}
		if err != nil {
			return c.violated(err, t)
		}
		if err := c.Conn.Exec("DROP TABLE " + db + schema.Quote(old.Stored)); err != nil {
			return fmt.Errorf("replacing table %q: %w", t.Name, err)
		}
		return c.Conn.Exec("ALTER TABLE " + db + schema.Quote(rebuilt) + " RENAME TO " + schema.Quote(t.Stored))
	})
	if err != nil {
		return err
	}
	for _, s := range Shapes(t) {
		if err := c.CreateIndex(ctx, t, s); err != nil {
			return err
		}
	}
	return c.Put(t)
}

// violated turns a constraint that rows break into a message.
func (c *Change) violated(err error, t *schema.Table) error {
	var v *lite.Constraint
	if !errors.As(err, &v) {
		return err
	}
	switch v.Kind {
	case lite.Check:
		for _, k := range t.Checks {
			if checkName(k) == v.Detail {
				return c.conflict("CHECK", k.Name, t, columnName(t, k.Column))
			}
		}
	case lite.NotNull:
		for _, col := range t.Columns {
			if v.Columns(rebuilt, col.Stored) {
				return msg.New(515, col.Name, c.full(&t.Head), "UPDATE")
			}
		}
	case lite.Unique, lite.RowID:
		if t.Key != nil {
			return c.duplicate(context.Background(), t, keyShape(t.Key))
		}
	}
	return err
}

// conflict is message 547 of ALTER TABLE.
func (c *Change) conflict(kind, name string, t *schema.Table, column string) error {
	if column != "" {
		column = ", column '" + column + "'"
	}
	return msg.New(547, "ALTER TABLE", kind, name, c.Database, t.Schema+"."+t.Name, column)
}

func columnName(t *schema.Table, id int) string {
	if col := t.ColumnByID(id); col != nil {
		return col.Name
	}
	return ""
}

// CheckVolatile looks for rows that break a check that SQLite does not have: message 547.
func (c *Change) CheckVolatile(ctx context.Context, t *schema.Table, k *schema.Check) error {
	tree, err := k.Tree()
	if err != nil {
		return err
	}
	cond, ok := tree.(ast.Condition)
	if !ok {
		return fmt.Errorf("check %q is no condition", k.Name)
	}
	p := c.Pieces(t)
	x, err := p.st.Condition(cond)
	if err != nil {
		return err
	}
	q, err := p.st.Plan("SELECT 1 FROM "+t.SQL(c.Snapshot.DB())+p.alias()+" WHERE ("+x.SQL+")=0 LIMIT 1", nil)
	if err != nil {
		return err
	}
	found, err := c.any(ctx, q)
	if err == nil && found {
		err = c.conflict("CHECK", k.Name, t, columnName(t, k.Column))
	}
	return err
}

// CheckForeign looks for rows that break a foreign key: message 547.
func (c *Change) CheckForeign(t *schema.Table, f *schema.ForeignKey) error {
	ref := c.TableByID(f.RefTable)
	if f.RefTable == t.ID {
		ref = t
	}
	var not, same []string
	for i, id := range f.Columns {
		col := t.ColumnByID(id)
		not = append(not, "c."+col.Quoted()+" IS NOT NULL")
		same = append(same, "p."+ref.ColumnByID(f.RefColumns[i]).Quoted()+"=c."+col.Quoted())
	}
	db := c.Snapshot.DB()
	st, err := c.Conn.Prepare("SELECT 1 FROM " + t.SQL(db) + " AS c WHERE " + strings.Join(not, " AND ") + " AND NOT EXISTS (SELECT 1 FROM " +
		ref.SQL(db) + " AS p WHERE " + strings.Join(same, " AND ") + ") LIMIT 1")
	if err != nil {
		return err
	}
	defer st.Release()
	if st.Step() {
		column := ""
		if len(f.RefColumns) == 1 {
			column = columnName(ref, f.RefColumns[0])
		}
		kind := "FOREIGN KEY"
		if ref == t {
			kind = "FOREIGN KEY SAME TABLE"
		}
		return c.conflict(kind, f.Name, ref, column)
	}
	return st.Err()
}

// Empty reports whether a table has no rows.
func (c *Change) Empty(t *schema.Table) (bool, error) {
	st, err := c.Conn.Prepare("SELECT 1 FROM " + t.SQL(c.Snapshot.DB()) + " LIMIT 1")
	if err != nil {
		return false, err
	}
	defer st.Release()
	return !st.Step(), st.Err()
}

// Count is the number of rows.
func (c *Change) Count(t *schema.Table) (int64, error) {
	st, err := c.Conn.Prepare("SELECT count(*) FROM " + t.SQL(c.Snapshot.DB()))
	if err != nil {
		return 0, err
	}
	defer st.Release()
	if st.Step() {
		return st.ColumnInt64(0), nil
	}
	return 0, st.Err()
}
