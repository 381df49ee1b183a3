package define

import (
	"errors"
	"fmt"
	"strings"

	"latchkey/engine/catalog/msg"
	"latchkey/engine/schema"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/format"
	"latchkey/engine/tsql/format/phrase"
)

const maxColumns = 1024

var errNoType = errors.New("no such type")

// MissingType turns "no such type" into message 2715; other errors stay.
func MissingType(err error, number int, t *ast.DataType) error {
	var e *sqltype.Error
	if err == errNoType || errors.As(err, &e) && (e.Number == 243 || e.Number == 2715) {
		return msg.New(2715, number, phrase.ObjectName(t.Name))
	}
	return err
}

// TypeByName finds a type made by CREATE TYPE by a statement's name, nil if there is none.
func (c *Change) TypeByName(n ast.ObjectName) *schema.UserType {
	if n.Schema() == "" && c.Env.Schema != "" {
		if u := c.Type(c.Env.Schema, n.Name()); u != nil {
			return u
		}
	}
	return c.Type(n.Schema(), n.Name())
}

// Builder makes or changes a table's definition.
type Builder struct {
	*Change
	// def is the definition as it will be.
	Def *schema.Table
	// null has the columns whose definition said NULL.
	null map[*schema.Column]bool
	// defs are the definitions of columns that were added.
	defs map[*schema.Column]*ast.ColumnDef
	// altering is set for ALTER TABLE: nullability is not derived from a primary key.
	altering bool
	// noCheck is WITH NOCHECK: rows that are there are not looked at.
	NoCheck bool
	// clusteredLater says that an index of the definition is the clustered one.
	clusteredLater bool
}

// Builder begins to make a table, or with altering to change one.
func (c *Change) Builder(t *schema.Table, altering bool) *Builder {
	return &Builder{Change: c, Def: t, null: map[*schema.Column]bool{}, defs: map[*schema.Column]*ast.ColumnDef{}, altering: altering}
}

// ColumnRefusal names what a column definition has that is not supported.
func ColumnRefusal(d *ast.ColumnDef) string {
	switch {
	case d.FileStream:
		return "FILESTREAM"
	case d.Generated != "":
		return "GENERATED ALWAYS AS"
	case d.Masked != nil:
		return "MASKED"
	case d.Encrypted != "":
		return "ENCRYPTED WITH"
	case d.Hidden:
		return "HIDDEN"
	case d.Type != nil && d.Type.Schema != "":
		return "XML SCHEMA COLLECTION"
	}
	return ""
}

// Add takes the columns, constraints and indexes of a definition in.
func (b *Builder) Add(def *ast.TableDef) error {
	if len(def.Period) > 0 {
		return Refuse("PERIOD FOR SYSTEM_TIME")
	}
	first := len(b.Def.Columns)
	for i, d := range def.Columns {
		if err := b.AddColumn(d, i+1); err != nil {
			return err
		}
	}
	if len(b.Def.Columns) > maxColumns {
		return msg.New(1702, b.Def.Columns[maxColumns].Name, b.Def.Name, maxColumns)
	}
	if len(b.Def.Columns) == 0 {
		return msg.New(4923, "", b.Def.Name)
	}
	added := b.Def.Columns[first:]
	b.clusteredLater = wantsClustered(def)
	if !b.altering {
		b.notNullKeys(def)
	}
	for i, d := range def.Columns {
		if d.Computed != nil {
			if err := b.computed(added[i], d); err != nil {
				return err
			}
		}
	}
	for _, pass := range []string{"PRIMARY KEY", "UNIQUE", "DEFAULT", "CHECK", "FOREIGN KEY"} {
		for i, d := range def.Columns {
			for _, k := range d.Constraints {
				if k.Kind == pass {
					if err := b.constraint(k, added[i]); err != nil {
						return err
					}
				}
			}
		}
		for _, k := range def.Constraints {
			if k.Kind == pass {
				if err := b.constraint(k, nil); err != nil {
					return err
				}
			}
		}
	}
	for _, k := range def.Constraints {
		if k.Kind == "CONNECTION" {
			return Refuse("CONNECTION constraint")
		}
	}
	for i, d := range def.Columns {
		if d.Index != nil {
			x := *d.Index
			if len(x.Columns) == 0 {
				x.Columns = []ast.IndexColumn{{Name: added[i].Name}}
			}
			if _, err := b.Index(&x); err != nil {
				return err
			}
		}
	}
	for _, x := range def.Indexes {
		if _, err := b.Index(x); err != nil {
			return err
		}
	}
	return nil
}

// wantsClustered reports whether something other than a primary key without a word about it asks to be the clustered index.
func wantsClustered(def *ast.TableDef) bool {
	for _, x := range def.Indexes {
		if x.Clustering == "CLUSTERED" {
			return true
		}
	}
	lists := [][]*ast.Constraint{def.Constraints}
	for _, d := range def.Columns {
		lists = append(lists, d.Constraints)
		if d.Index != nil && d.Index.Clustering == "CLUSTERED" {
			return true
		}
	}
	for _, l := range lists {
		for _, k := range l {
			if k.Kind == "UNIQUE" && k.Clustering == "CLUSTERED" {
				return true
			}
		}
	}
	return false
}

// notNullKeys makes the columns of a primary key NOT NULL where the definition does not say NULL.
func (b *Builder) notNullKeys(def *ast.TableDef) {
	mark := func(c *schema.Column) {
		if c != nil && !b.null[c] {
			c.Type.Nullable = false
		}
	}
	for i, d := range def.Columns {
		for _, k := range d.Constraints {
			if k.Kind == "PRIMARY KEY" {
				mark(b.Def.Columns[len(b.Def.Columns)-len(def.Columns)+i])
			}
		}
	}
	for _, k := range def.Constraints {
		if k.Kind == "PRIMARY KEY" {
			for _, x := range k.Columns {
				mark(b.Column(b.Def, x.Name))
			}
		}
	}
}

// AddColumn adds one column; a computed one has its type later.
func (b *Builder) AddColumn(d *ast.ColumnDef, number int) error {
	if what := ColumnRefusal(d); what != "" {
		return Refuse(what)
	}
	if b.Column(b.Def, d.Name) != nil {
		return msg.New(2705, d.Name, b.Def.Name)
	}
	c := &schema.Column{Name: d.Name, ID: b.Def.MaxColumnID + 1, RowGUID: d.RowGUID, Sparse: d.Sparse}
	if err := b.Declare(c, d, number); err != nil {
		return err
	}
	c.Stored = StoredColumn(b.Def, d.Name, c.ID)
	b.Def.MaxColumnID = c.ID
	b.Def.Columns = append(b.Def.Columns, c)
	b.defs[c] = d
	return nil
}

// Declare gives a column the type and properties of its definition.
func (b *Builder) Declare(c *schema.Column, d *ast.ColumnDef, number int) error {
	if d.Computed != nil {
		return nil
	}
	if d.Type == nil { // "timestamp" alone is a column of that name and type
		if !strings.EqualFold(d.Name, "timestamp") {
			return msg.New(2715, number, d.Name)
		}
		d.Type = &ast.DataType{Name: ast.ObjectName{Parts: []string{"timestamp"}}}
	}
	t, user, err := b.columnType(d, number)
	if err != nil {
		return err
	}
	c.UserType = user
	switch d.Nullable {
	case "NULL":
		t.Nullable = true
		b.null[c] = true
	case "NOT NULL":
		t.Nullable = false
	default:
		t.Nullable = !b.NotNullByDefault
		if user == SysNameID {
			t.Nullable = false
		}
		if u := b.TypeByID(user); u != nil {
			t.Nullable = u.Base.Nullable
		}
		if d.Identity != nil || t.Kind == sqltype.RowVersion {
			t.Nullable = false
		}
	}
	if d.RowGUID {
		for _, o := range b.Def.Columns {
			if o.RowGUID {
				return msg.New(8196)
			}
		}
	}
	if t.Kind == sqltype.RowVersion {
		if o := b.Def.RowVersion(); o != nil && o != c {
			return msg.New(2738, b.Def.Name, c.Name)
		}
		t.Nullable = false
	}
	c.Type = t
	if d.Identity == nil {
		return nil
	}
	if o := b.Def.Identity(); o != nil && o != c {
		return msg.New(2744, b.Def.Name)
	}
	if b.null[c] {
		return msg.New(8147, c.Name, b.Def.Name)
	}
	c.Identity, err = Identity(d.Identity, c)
	return err
}

// Identity reads seed and increment of a column's identity: messages 2749, 2752, 2753.
func Identity(d *ast.Identity, c *schema.Column) (*schema.Identity, error) {
	k := c.Type.Kind
	if k == sqltype.Bit || !k.IsInteger() && (k != sqltype.Decimal || c.Type.Scale != 0) {
		return nil, msg.New(2749, c.Name)
	}
	i := &schema.Identity{Seed: 1, Increment: 1, NotForReplication: d.NotForReplication}
	if d.Seed != nil {
		n, ok := WholeNumber(d.Seed)
		if !ok {
			return nil, msg.New(2752, c.Name)
		}
		i.Seed = n
	}
	if d.Increment != nil {
		n, ok := WholeNumber(d.Increment)
		if !ok || n == 0 {
			return nil, msg.New(2753, c.Name)
		}
		i.Increment = n
	}
	return i, nil
}

// WholeNumber is a constant that is a whole number of 64 bits.
func WholeNumber(e ast.Expr) (int64, bool) {
	text := strings.NewReplacer("(", "", ")", "", " ", "").Replace(format.Expr(e, format.Options{}))
	text, _, _ = strings.Cut(text, ".")
	var n int64
	if _, err := fmt.Sscanf(text, "%d", &n); err != nil || fmt.Sprint(n) != strings.TrimPrefix(text, "+") {
		return 0, false
	}
	return n, true
}

// computed compiles a computed column and gives it its type.
func (b *Builder) computed(c *schema.Column, d *ast.ColumnDef) error {
	c.Computed = &schema.Computed{Expr: Expr(d.Computed), Persisted: d.Persisted}
	x, err := b.Define(b.Def, c.Computed.Expr)
	if err != nil {
		return err
	}
	if !storable(x) {
		return Refuse("computed column that is not deterministic")
	}
	c.Type = x.Type
	if c.Type.Kind.IsText() && c.Type.Collation != x.Type.Collation {
		c.Type.Collation = x.Type.Collation
	}
	if d.Nullable == "NOT NULL" {
		if !d.Persisted {
			return msg.New(8183)
		}
		c.Type.Nullable = false
	}
	return nil
}
