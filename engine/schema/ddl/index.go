package ddl

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"latchkey/engine/catalog/msg"
	"latchkey/engine/cell"
	"latchkey/engine/compile/bound"
	"latchkey/engine/lite"
	"latchkey/engine/schema"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/convert"
	"latchkey/engine/tsql/ast"
)

// indexName is an index in SQLite.
func indexName(table, index int) string { return fmt.Sprintf("ix.%d.%d", table, index) }

// nullsName is the second index of a unique one whose columns take NULL.
func nullsName(stored string) string { return stored + ".null" }

// indexOptions reads the options of an index that mean something and lets those pass that change nothing here.
func indexOptions(opts []*ast.Option) (fill int, ignoreDup bool, err error) {
	for _, o := range opts {
		switch o.Name {
		case "FILLFACTOR":
			n, ok := wholeNumber(o.Value)
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
				return 0, false, refuse("DATA_COMPRESSION = COLUMNSTORE")
			}
		default:
			return 0, false, refuse("index option " + o.Name)
		}
	}
	return fill, ignoreDup, nil
}

// index adds an index to the definition.
func (b *builder) index(d *ast.IndexDef) (*schema.Index, error) {
	switch {
	case strings.Contains(d.Clustering, "COLUMNSTORE"):
		return nil, refuse("COLUMNSTORE index")
	case d.Hash:
		return nil, refuse("HASH index")
	}
	if err := partitioned(d.On); err != nil {
		return nil, err
	}
	if d.FileStream != "" {
		return nil, refuse("FILESTREAM_ON")
	}
	for _, k := range b.t.Keys() {
		if b.Same(k.Name, d.Name) {
			return nil, msg.New(1913, d.Name, "table", b.t.Schema+"."+b.t.Name)
		}
	}
	if b.indexByName(d.Name) != nil {
		return nil, msg.New(1913, d.Name, "table", b.t.Schema+"."+b.t.Name)
	}
	cols, err := b.keyColumns(d.Columns)
	if err != nil {
		return nil, err
	}
	x := &schema.Index{Name: d.Name, Unique: d.Unique, Clustered: d.Clustering == "CLUSTERED", Columns: cols}
	if other := clustered(b.t); x.Clustered && other != "" {
		return nil, msg.New(1902, "table", b.t.Name, other)
	}
	for _, n := range d.Include {
		c := b.Column(b.t, n)
		if c == nil {
			return nil, msg.New(1911, n)
		}
		if slices.Contains(x.Include, c.ID) || slices.ContainsFunc(cols, func(k schema.KeyColumn) bool { return k.Column == c.ID }) {
			return nil, msg.New(1909, n)
		}
		x.Include = append(x.Include, c.ID)
	}
	if x.FillFactor, x.IgnoreDup, err = indexOptions(d.Options); err != nil {
		return nil, err
	}
	if d.Where != nil {
		x.Filter = expr(d.Where)
		x.Filter.Condition = true
		f, err := b.define(b.t, x.Filter)
		if err != nil {
			return nil, err
		}
		if f.Flags&bound.HasVolatile != 0 {
			return nil, refuse("filter of an index that is not deterministic")
		}
	}
	x.ID = indexID(b.t, x.Clustered)
	x.Stored = indexName(b.t.ID, x.ID)
	b.t.Indexes = append(b.t.Indexes, x)
	return x, nil
}

func (b *builder) indexByName(name string) *schema.Index {
	for _, x := range b.t.Indexes {
		if b.Same(x.Name, name) {
			return x
		}
	}
	return nil
}

// shape is an index as SQLite needs it, of a constraint or alone.
type shape struct {
	name, stored string
	unique       bool
	columns      []schema.KeyColumn
	include      []int
	filter       *schema.Expr
}

// shapes of all indexes of a table that SQLite has.
func shapes(t *schema.Table) []shape {
	var out []shape
	for _, k := range t.Keys() {
		if k.Stored != "" {
			out = append(out, keyShape(k))
		}
	}
	for _, x := range t.Indexes {
		if !x.Disabled {
			out = append(out, indexShape(x))
		}
	}
	return out
}

func keyShape(k *schema.Key) shape {
	return shape{name: k.Name, stored: k.Stored, unique: true, columns: k.Columns}
}

func indexShape(x *schema.Index) shape {
	return shape{name: x.Name, stored: x.Stored, unique: x.Unique, columns: x.Columns, include: x.Include, filter: x.Filter}
}

// createIndex makes an index in SQLite. A duplicate is message 1505.
func (c *change) createIndex(ctx context.Context, t *schema.Table, s shape) error {
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

func (c *change) indexSQL(t *schema.Table, s shape) ([]string, error) {
	filter := ""
	if s.filter != nil {
		x, err := c.define(t, s.filter)
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
	out := []string{"CREATE " + unique + "INDEX " + db + schema.Quote(s.stored) + " ON " + schema.Quote(t.Stored) + "(" + strings.Join(cols, ",") + ")" + where}
	if s.unique && len(nulls) > 0 {
		// SQLite takes NULLs for different, SQL Server for equal: rows with a NULL in the key have a second index, of values in their place.
		where = " WHERE (" + strings.Join(nulls, " OR ") + ")"
		if filter != "" {
			where += " AND " + filter
		}
		out = append(out, "CREATE UNIQUE INDEX "+db+schema.Quote(nullsName(s.stored))+" ON "+schema.Quote(t.Stored)+"("+strings.Join(marks, ",")+")"+where)
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

// dropIndex removes an index from SQLite.
func (c *change) dropIndex(stored string) error {
	db := schema.Quote(c.Snapshot.DB()) + "."
	for _, n := range []string{stored, nullsName(stored)} {
		if err := c.Conn.Exec("DROP INDEX IF EXISTS " + db + schema.Quote(n)); err != nil {
			return fmt.Errorf("dropping an index: %w", err)
		}
	}
	return nil
}

// duplicate finds a key that is there twice: message 1505.
func (c *change) duplicate(_ context.Context, t *schema.Table, s shape) error {
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
		x, err := c.define(t, s.filter)
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
			t, err := convert.Convert(v, types[i], sqltype.Sized(sqltype.NVarChar, 4000), convert.Options{})
			if err != nil {
				continue
			}
			out[i] = t.Text()
		}
	}
	return "(" + strings.Join(out, ", ") + ")"
}
