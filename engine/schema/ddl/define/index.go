package define

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"latchkey/engine/catalog/msg"
	"latchkey/engine/cell"
	"latchkey/engine/lite"
	"latchkey/engine/schema"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/convert"
	"latchkey/engine/tsql/ast"
)

// IndexName is an index in SQLite.
func IndexName(table, index int) string { return fmt.Sprintf("ix.%d.%d", table, index) }

// nullsName is the second index of a unique one whose columns take NULL.
func nullsName(stored string) string { return stored + ".null" }

// IndexOptions reads the options of an index that mean something and lets those pass that change nothing here.
func IndexOptions(opts []*ast.Option) (fill int, ignoreDup bool, err error) {
	for _, o := range opts {
		switch o.Name {
		case "FILLFACTOR":
			n, ok := WholeNumber(o.Value)
			if !ok || n < 1 || n > 100 {
				return 0, false, msg.New(129, n)
			}
			fill = int(n)
		case "IGNORE_DUP_KEY":
			ignoreDup = o.On()
		case "PAD_INDEX", "STATISTICS_NORECOMPUTE", "ALLOW_ROW_LOCKS", "ALLOW_PAGE_LOCKS", "SORT_IN_TEMPDB", "ONLINE", "MAXDOP",
			"DROP_EXISTING", "OPTIMIZE_FOR_SEQUENTIAL_KEY", "STATISTICS_INCREMENTAL", "RESUMABLE", "MAX_DURATION":
		case "DATA_COMPRESSION":
			if w, ok := o.Value.(*ast.Word); !ok || w.Text == "COLUMNSTORE" || w.Text == "COLUMNSTORE_ARCHIVE" {
				return 0, false, Refuse("DATA_COMPRESSION = COLUMNSTORE")
			}
		default:
			return 0, false, Refuse("index option " + o.Name)
		}
	}
	return fill, ignoreDup, nil
}

// Index adds an index to the definition.
func (b *Builder) Index(d *ast.IndexDef) (*schema.Index, error) {
	switch {
	case strings.Contains(d.Clustering, "COLUMNSTORE"):
		return nil, Refuse("COLUMNSTORE index")
	case d.Hash:
		return nil, Refuse("HASH index")
	}
	if err := Partitioned(d.On); err != nil {
		return nil, err
	}
	if d.FileStream != "" {
		return nil, Refuse("FILESTREAM_ON")
	}
	for _, k := range b.Def.Keys() {
		if b.Same(k.Name, d.Name) {
			return nil, msg.New(1913, d.Name, "table", b.Def.Schema+"."+b.Def.Name)
		}
	}
	if b.IndexByName(d.Name) != nil {
		return nil, msg.New(1913, d.Name, "table", b.Def.Schema+"."+b.Def.Name)
	}
	cols, err := b.keyColumns(d.Columns)
	if err != nil {
		return nil, err
	}
	x := &schema.Index{Name: d.Name, Unique: d.Unique, Clustered: d.Clustering == "CLUSTERED", Columns: cols}
	if other := clustered(b.Def); x.Clustered && other != "" {
		return nil, msg.New(1902, "table", b.Def.Name, other)
	}
	for _, n := range d.Include {
		c := b.Column(b.Def, n)
		if c == nil {
			return nil, msg.New(1911, n)
		}
		if slices.Contains(x.Include, c.ID) || slices.ContainsFunc(cols, func(k schema.KeyColumn) bool { return k.Column == c.ID }) {
			return nil, msg.New(1909, n)
		}
		x.Include = append(x.Include, c.ID)
	}
	if x.FillFactor, x.IgnoreDup, err = IndexOptions(d.Options); err != nil {
		return nil, err
	}
	if d.Where != nil {
		x.Filter = Expr(d.Where)
		x.Filter.Condition = true
		f, err := b.Define(b.Def, x.Filter)
		if err != nil {
			return nil, err
		}
		if !storable(f) {
			return nil, Refuse("filter of an index that is not deterministic")
		}
	}
	x.ID = indexID(b.Def, x.Clustered)
	x.Stored = IndexName(b.Def.ID, x.ID)
	b.Def.Indexes = append(b.Def.Indexes, x)
	return x, nil
}

// IndexByName finds an index of the definition, nil if there is none.
func (b *Builder) IndexByName(name string) *schema.Index {
	for _, x := range b.Def.Indexes {
		if b.Same(x.Name, name) {
			return x
		}
	}
	return nil
}

// Shape is an index as SQLite needs it, of a constraint or alone.
type Shape struct {
	name, Stored string
	unique       bool
	columns      []schema.KeyColumn
	include      []int
	filter       *schema.Expr
}

// Shapes of all indexes of a table that SQLite has.
func Shapes(t *schema.Table) []Shape {
	var out []Shape
	for _, k := range t.Keys() {
		if k.Stored != "" {
			out = append(out, keyShape(k))
		}
	}
	for _, x := range t.Indexes {
		if !x.Disabled {
			out = append(out, IndexShape(x))
		}
	}
	return out
}

func keyShape(k *schema.Key) Shape {
	return Shape{name: k.Name, Stored: k.Stored, unique: true, columns: k.Columns}
}

// IndexShape is an index as SQLite needs it.
func IndexShape(x *schema.Index) Shape {
	return Shape{name: x.Name, Stored: x.Stored, unique: x.Unique, columns: x.Columns, include: x.Include, filter: x.Filter}
}

// CreateIndex makes an index in SQLite. A duplicate is message 1505.
func (c *Change) CreateIndex(ctx context.Context, t *schema.Table, s Shape) error {
	sql, err := c.indexSQL(t, s)
	if err != nil {
		return err
	}
	for _, q := range sql {
		if err := c.Conn.Exec(q); err != nil {
			var v *lite.Constraint
			if errors.As(err, &v) && v.Kind == lite.Unique {
				return c.duplicate(ctx, t, s)
			}
			return fmt.Errorf("making index %q: %w", s.name, err)
		}
	}
	return nil
}

func (c *Change) indexSQL(t *schema.Table, s Shape) ([]string, error) {
	filter := ""
	if s.filter != nil {
		x, err := c.Define(t, s.filter)
		if err != nil {
			return nil, err
		}
		filter = "(" + x.SQL + ")"
	}
	var cols, nulls, marks []string
	for _, k := range s.columns {
		col := t.ColumnByID(k.Column)
		text := keyText(col)
		if k.Desc {
			cols = append(cols, text+" DESC")
		} else {
			cols = append(cols, text)
		}
		if col.Type.Nullable {
			nulls = append(nulls, col.Quoted()+" IS NULL")
			marks = append(marks, col.Quoted()+" IS NULL", "ifnull("+text+","+zero(col.Type)+")"+cell.CollateClause(col.Type))
		} else {
			marks = append(marks, text)
		}
	}
	if !s.unique {
		for _, id := range s.include {
			cols = append(cols, t.ColumnByID(id).Quoted())
		}
	}
	unique := ""
	if s.unique {
		unique = "UNIQUE "
	}
	db := schema.Quote(c.Snapshot.DB()) + "."
	where := ""
	if filter != "" {
		where = " WHERE " + filter
	}
	out := []string{"CREATE " + unique + "INDEX " + db + schema.Quote(s.Stored) + " ON " + schema.Quote(t.Stored) + "(" + strings.Join(cols, ",") + ")" + where}
	if s.unique && len(nulls) > 0 {
		// SQLite takes NULLs for different, SQL Server for equal: rows with a NULL in the key have a second index, of values in their place.
		where = " WHERE (" + strings.Join(nulls, " OR ") + ")"
		if filter != "" {
			where += " AND " + filter
		}
		out = append(out, "CREATE UNIQUE INDEX "+db+schema.Quote(nullsName(s.Stored))+" ON "+schema.Quote(t.Stored)+"("+strings.Join(marks, ",")+")"+where)
	}
	return out, nil
}

// keyText is what an index compares of a column.
func keyText(c *schema.Column) string {
	return strings.ReplaceAll(cell.Key(c.Type), "$1", c.Quoted())
}

// zero is a value of a type's class, to stand for NULL.
func zero(t sqltype.Type) string {
	switch cell.StorageOf(t) {
	case cell.Integer:
		return "0"
	case cell.Real:
		return "0.0"
	case cell.Text:
		return "''"
	}
	return "x''"
}

// DropIndex removes an index from SQLite.
func (c *Change) DropIndex(stored string) error {
	db := schema.Quote(c.Snapshot.DB()) + "."
	for _, n := range []string{stored, nullsName(stored)} {
		if err := c.Conn.Exec("DROP INDEX IF EXISTS " + db + schema.Quote(n)); err != nil {
			return fmt.Errorf("dropping an index: %w", err)
		}
	}
	return nil
}

// duplicate finds a key that is there twice: message 1505.
func (c *Change) duplicate(_ context.Context, t *schema.Table, s Shape) error {
	var cols []string
	var types []sqltype.Type
	for _, k := range s.columns {
		col := t.ColumnByID(k.Column)
		cols = append(cols, col.Quoted())
		types = append(types, col.Type)
	}
	list := strings.Join(cols, ",")
	where := ""
	if s.filter != nil {
		x, err := c.Define(t, s.filter)
		if err != nil {
			return err
		}
		where = " WHERE " + x.SQL
	}
	st, err := c.Conn.Prepare("SELECT " + list + " FROM " + t.SQL(c.Snapshot.DB()) + where + " GROUP BY " + list + " HAVING count(*)>1 LIMIT 1")
	if err != nil {
		return err
	}
	defer st.Release()
	values := make([]sqltype.Value, len(types))
	if st.Step() {
		for i := range types {
			if values[i], err = cell.Column(st.Stmt, i, types[i]); err != nil {
				return err
			}
		}
	}
	if err := st.Err(); err != nil {
		return err
	}
	return msg.New(1505, t.Schema+"."+t.Name, s.name, KeyText(types, values))
}

// KeyText is a key in a message: (1, abc, <NULL>).
func KeyText(types []sqltype.Type, values []sqltype.Value) string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = "<NULL>"
		if !v.IsNull() {
			o := convert.Options{}
			from := types[i]
			if v.Kind() == sqltype.RowVersion {
				v, from = v.As(sqltype.VarBinary), sqltype.Sized(sqltype.VarBinary, 8)
			}
			if v.Kind().IsBinary() {
				o = convert.Options{Style: 1, HasStyle: true} // 0x...
			}
			t, err := convert.Convert(v, from, sqltype.Sized(sqltype.NVarChar, 4000), o)
			if err != nil {
				continue
			}
			out[i] = t.Text()
		}
	}
	return "(" + strings.Join(out, ", ") + ")"
}
