package define

import (
	"slices"

	"latchkey/engine/catalog/msg"
	"latchkey/engine/compile"
	"latchkey/engine/schema"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/convert"
	"latchkey/engine/tsql/ast"
)

// constraint adds one constraint; col is the column that it was written with, else nil.
func (b *Builder) constraint(k *ast.Constraint, col *schema.Column) error {
	switch {
	case k.NotForReplication && k.Kind == "CONNECTION", k.Hash:
		return Refuse("HASH index")
	case k.NotEnforced:
		return Refuse("NOT ENFORCED")
	}
	if err := Partitioned(k.On); err != nil {
		return err
	}
	switch k.Kind {
	case "PRIMARY KEY", "UNIQUE":
		return b.key(k, col)
	case "DEFAULT":
		return b.defaultOf(k, col)
	case "CHECK":
		return b.check(k, col)
	case "FOREIGN KEY":
		return b.foreign(k, col)
	}
	return Refuse(k.Kind + " constraint")
}

// Partitioned refuses filegroups other than PRIMARY and DEFAULT.
func Partitioned(on string) error {
	switch on {
	case "", "PRIMARY", "[PRIMARY]", `"PRIMARY"`, "primary", "[primary]", `"default"`, "[default]", "[DEFAULT]", "DEFAULT", `"DEFAULT"`:
		return nil
	}
	return Refuse("ON filegroup or partition scheme")
}

// newConstraint makes the head of a constraint, with a name made up if it has none.
func (b *Builder) newConstraint(k *ast.Constraint, prefix, column string) (h schema.Head, systemNamed bool, err error) {
	s := &schema.Schema{ID: b.Def.SchemaID, Name: b.Def.Schema}
	if h, err = b.Head(s, k.Name, b.Def.ID); err != nil {
		return h, false, err
	}
	if k.Name == "" {
		h.Name = SystemName(prefix, b.Def.Name, column, h.ID)
		return h, true, nil
	}
	taken := !b.Temporary() && b.Free(h.Schema, h.Name) != nil || b.Same(h.Name, b.Def.Name)
	for _, o := range b.Def.Constraints() {
		taken = taken || b.Same(o.Meta().Name, h.Name)
	}
	if taken {
		return h, false, append(msg.List{msg.New(2714, h.Name)}, msg.New(1750))
	}
	return h, false, nil
}

// keyColumns finds the columns of a key: messages 1911, 1909 and 1919.
func (b *Builder) keyColumns(list []ast.IndexColumn) ([]schema.KeyColumn, error) {
	var out []schema.KeyColumn
	for _, x := range list {
		c := b.Column(b.Def, x.Name)
		if c == nil {
			return nil, msg.New(1911, x.Name)
		}
		if slices.ContainsFunc(out, func(k schema.KeyColumn) bool { return k.Column == c.ID }) {
			return nil, msg.New(1909, x.Name)
		}
		if c.Type.IsLarge() {
			return nil, msg.New(1919, c.Name, b.Def.Name)
		}
		out = append(out, schema.KeyColumn{Column: c.ID, Desc: x.Desc})
	}
	return out, nil
}

// clustered is the name of the clustered index or constraint, "" if there is none.
func clustered(t *schema.Table) string {
	for _, k := range t.Keys() {
		if k.Clustered {
			return k.Name
		}
	}
	for _, x := range t.Indexes {
		if x.Clustered {
			return x.Name
		}
	}
	return ""
}

// indexID is the number of the next index: 1 for a clustered one.
func indexID(t *schema.Table, clustered bool) int {
	if clustered {
		return 1
	}
	id := 2
	for _, k := range t.Keys() {
		id = max(id, k.IndexID+1)
	}
	for _, x := range t.Indexes {
		id = max(id, x.ID+1)
	}
	return id
}

// key adds a PRIMARY KEY or UNIQUE constraint.
func (b *Builder) key(k *ast.Constraint, col *schema.Column) error {
	primary := k.Kind == "PRIMARY KEY"
	list := k.Columns
	if len(list) == 0 && col != nil {
		list = []ast.IndexColumn{{Name: col.Name}}
	}
	cols, err := b.keyColumns(list)
	if err != nil {
		return Two(err)
	}
	if primary && b.Def.Key != nil {
		if b.altering {
			return Two(msg.New(1779, b.Def.Name))
		}
		return msg.New(8110, b.Def.Name)
	}
	for _, x := range cols {
		if c := b.Def.ColumnByID(x.Column); primary && c.Type.Nullable {
			return Two(msg.New(8111, b.Def.Name))
		}
	}
	prefix := "UQ"
	if primary {
		prefix = "PK"
	}
	h, made, err := b.newConstraint(k, prefix, "")
	if err != nil {
		return err
	}
	other := clustered(b.Def)
	x := &schema.Key{Head: h, Primary: primary, Columns: cols, SystemNamed: made, Clustered: k.Clustering == "CLUSTERED"}
	if primary && k.Clustering == "" && other == "" && !b.clusteredLater {
		x.Clustered = true
	}
	if x.Clustered && other != "" {
		if b.altering {
			return Two(msg.New(1902, "table", b.Def.Name, other))
		}
		return msg.New(8112, b.Def.Name)
	}
	if x.FillFactor, x.IgnoreDup, err = IndexOptions(k.Options); err != nil {
		return err
	}
	x.IndexID = indexID(b.Def, x.Clustered)
	if primary {
		b.Def.Key = x
		if c := b.Def.ColumnByID(cols[0].Column); len(cols) != 1 || !rowID(c) {
			x.Stored = IndexName(b.Def.ID, x.IndexID)
		}
		b.Def.Link()
		return nil
	}
	x.Stored = IndexName(b.Def.ID, x.IndexID)
	b.Def.Uniques = append(b.Def.Uniques, x)
	return nil
}

// rowID reports whether a primary key of this column can be SQLite's rowid.
func rowID(c *schema.Column) bool {
	return c.Type.Kind.IsInteger() && c.Type.Kind != sqltype.Bit && c.Computed == nil
}

// defaultOf adds a DEFAULT constraint.
func (b *Builder) defaultOf(k *ast.Constraint, col *schema.Column) error {
	if col == nil {
		if col = b.Column(b.Def, k.For); col == nil {
			return Two(msg.New(1752, k.For, b.Def.Name))
		}
	}
	switch {
	case col.Default != nil && b.altering && b.defs[col] == nil:
		return Two(msg.New(1781))
	case col.Default != nil:
		return msg.New(8148, "DEFAULT", col.Name, b.Def.Name)
	case col.Identity != nil:
		return Two(msg.New(1754, b.Def.Name, col.Name))
	case col.Type.Kind == sqltype.RowVersion:
		return Two(msg.New(1755, b.Def.Name, col.Name))
	case col.Computed != nil:
		return Two(msg.New(1752, col.Name, b.Def.Name))
	}
	e := Expr(k.Default)
	t, err := b.defaultType(e)
	if err != nil {
		return err
	}
	if err := assignable(t, col.Type); err != nil {
		return err
	}
	h, made, err := b.newConstraint(k, "DF", col.Name)
	if err != nil {
		return err
	}
	col.Default = &schema.Default{Head: h, Expr: e, SystemNamed: made, Column: col.ID}
	return nil
}

// defaultType compiles a default and gives its type. NEXT VALUE FOR needs a statement to stand in.
func (b *Builder) defaultType(e *schema.Expr) (sqltype.Type, error) {
	tree, err := e.Tree()
	if err != nil {
		return sqltype.Type{}, err
	}
	if n, ok := tree.(*ast.NextValue); ok {
		x, err := compile.Scalar(b.Scope, n)
		if err != nil {
			return sqltype.Type{}, err
		}
		return x.Type, nil
	}
	x, err := b.Define(nil, e)
	return x.Type, err
}

// assignable asks whether a value of a type may go into a column: messages 206 and 257.
func assignable(from, to sqltype.Type) error {
	if from.Kind == sqltype.Null {
		return nil
	}
	return convert.CheckImplicit(from, to)
}

// check adds a CHECK constraint.
func (b *Builder) check(k *ast.Constraint, col *schema.Column) error {
	e := Expr(k.Check)
	e.Condition = true
	name := ""
	if col != nil {
		name = col.Name
	}
	x, err := b.Define(b.Def, e)
	if err != nil {
		return err
	}
	h, made, err := b.newConstraint(k, "CK", name)
	if err != nil {
		return err
	}
	c := &schema.Check{Head: h, Expr: e, SystemNamed: made, NotTrusted: b.NoCheck, Volatile: !storable(x)}
	if col == nil { // a condition on one column alone belongs to it, wherever it was written
		for _, x := range b.Def.Columns {
			if schema.Mentions(e, x.Name, b.Same) {
				if col != nil {
					col = nil
					break
				}
				col = x
			}
		}
	}
	if col != nil {
		c.Column = col.ID
	}
	b.Def.Checks = append(b.Def.Checks, c)
	return nil
}

// foreign adds a FOREIGN KEY constraint.
func (b *Builder) foreign(k *ast.Constraint, col *schema.Column) error {
	name := ""
	if col != nil {
		name = col.Name
	}
	h, made, err := b.newConstraint(k, "FK", name)
	if err != nil {
		return err
	}
	if b.Temporary() {
		b.Result.Messages = append(b.Result.Messages, msg.New(1766, h.Name))
		return nil
	}
	if d := k.RefTable.Database(); d != "" && !b.Same(d, b.Database) {
		return Two(msg.New(1763, h.Name))
	}
	f := &schema.ForeignKey{Head: h, SystemNamed: made, OnDelete: action(k.OnDelete), OnUpdate: action(k.OnUpdate), NotTrusted: b.NoCheck}
	list := k.Columns
	if col != nil {
		list = []ast.IndexColumn{{Name: col.Name}}
	}
	for _, x := range list {
		c := b.Column(b.Def, x.Name)
		if c == nil {
			return Two(msg.New(1769, h.Name, x.Name, b.Def.Name))
		}
		f.Columns = append(f.Columns, c.ID)
	}
	ref := b.FindTable(*k.RefTable)
	if b.Same(k.RefTable.Name(), b.Def.Name) && (k.RefTable.Schema() == "" || b.Same(k.RefTable.Schema(), b.Def.Schema)) {
		ref = b.Def
	}
	if ref == nil {
		return Two(msg.New(1767, h.Name, k.RefTable.String()))
	}
	f.RefTable = ref.ID
	if err := b.references(f, ref, k); err != nil {
		return Two(err)
	}
	if err := b.actions(f, ref); err != nil {
		return Two(err)
	}
	b.Def.Foreign = append(b.Def.Foreign, f)
	return nil
}

func action(s string) string {
	if s == "" {
		return "NO ACTION"
	}
	return s
}

// references finds the referenced columns and their key: messages 1773, 1770, 8139, 1776, 1778, 1753 and 1757.
func (b *Builder) references(f *schema.ForeignKey, ref *schema.Table, k *ast.Constraint) error {
	if len(k.RefColumns) == 0 {
		if ref.Key == nil {
			return msg.New(1773, f.Name, k.RefTable.String())
		}
		for _, x := range ref.Key.Columns {
			f.RefColumns = append(f.RefColumns, x.Column)
		}
	}
	for _, n := range k.RefColumns {
		c := b.Column(ref, n)
		if c == nil {
			return msg.New(1770, f.Name, n, k.RefTable.String())
		}
		f.RefColumns = append(f.RefColumns, c.ID)
	}
	if len(f.RefColumns) != len(f.Columns) {
		return msg.New(8139, b.Def.Name)
	}
	if f.RefIndex = candidate(ref, f.RefColumns); f.RefIndex == 0 {
		return msg.New(1776, k.RefTable.String(), f.Name)
	}
	for i := range f.Columns {
		c, r := b.Def.ColumnByID(f.Columns[i]), ref.ColumnByID(f.RefColumns[i])
		number := 0
		switch {
		case c.Type.Kind != r.Type.Kind:
			number = 1778
		case c.Type.Precision != r.Type.Precision || c.Type.Scale != r.Type.Scale,
			c.Type.Length != r.Type.Length && !c.Type.Kind.IsText() && !c.Type.Kind.IsBinary():
			number = 1753
		case c.Type.Kind.IsText() && c.Type.Collation != r.Type.Collation:
			number = 1757
		case c.Type.Kind == sqltype.DateTimeOffset || c.Type.Kind == sqltype.Variant:
			return Refuse("FOREIGN KEY over " + c.Type.Kind.String())
		}
		if number != 0 {
			return msg.New(number, ref.Name, r.Name, b.Def.Name, c.Name, f.Name)
		}
	}
	return nil
}

// candidate is the index of the key over exactly these columns, in any order, 0 if there is none.
func candidate(t *schema.Table, cols []int) int {
	same := func(keys []schema.KeyColumn) bool {
		if len(keys) != len(cols) {
			return false
		}
		for _, k := range keys {
			if !slices.Contains(cols, k.Column) {
				return false
			}
		}
		return true
	}
	for _, k := range t.Keys() {
		if same(k.Columns) {
			return k.IndexID
		}
	}
	for _, x := range t.Indexes {
		if x.Unique && x.Filter == nil && !x.Disabled && same(x.Columns) {
			return x.ID
		}
	}
	return 0
}

// actions checks what ON DELETE and ON UPDATE ask: messages 1761, 1762 and 1785.
func (b *Builder) actions(f *schema.ForeignKey, ref *schema.Table) error {
	for _, a := range []string{f.OnDelete, f.OnUpdate} {
		for _, id := range f.Columns {
			c := b.Def.ColumnByID(id)
			switch {
			case c.Computed != nil && a != "NO ACTION":
				return Refuse("referential action on a computed column")
			case a == "SET NULL" && !c.Type.Nullable:
				return msg.New(1761, f.Name)
			case a == "SET DEFAULT" && c.Default == nil && !c.Type.Nullable:
				return msg.New(1762, f.Name)
			}
		}
	}
	if f.OnDelete == "NO ACTION" && f.OnUpdate == "NO ACTION" {
		return nil
	}
	// A cascade must reach no table twice: not the table itself, and no table by two ways.
	if ref == b.Def || b.cascadesTo(b.Def.ID, ref.ID, map[int]bool{}) {
		return msg.New(1785, f.Name, b.Def.Name)
	}
	above := map[int]bool{}
	b.cascadingParents(ref.ID, above)
	for _, o := range b.Def.Foreign {
		if o.OnDelete == "NO ACTION" && o.OnUpdate == "NO ACTION" {
			continue
		}
		mine := map[int]bool{}
		b.cascadingParents(o.RefTable, mine)
		for id := range mine {
			if above[id] {
				return msg.New(1785, f.Name, b.Def.Name)
			}
		}
	}
	return nil
}

// cascadesTo reports whether a change of table from reaches table to by referential actions.
func (b *Builder) cascadesTo(from, to int, seen map[int]bool) bool {
	if seen[from] {
		return false
	}
	seen[from] = true
	for _, f := range b.Incoming(from) {
		if f.OnDelete == "NO ACTION" && f.OnUpdate == "NO ACTION" {
			continue
		}
		if f.Parent == to || b.cascadesTo(f.Parent, to, seen) {
			return true
		}
	}
	return false
}

// cascadingParents collects a table and those whose changes reach it.
func (b *Builder) cascadingParents(id int, into map[int]bool) {
	if into[id] {
		return
	}
	into[id] = true
	if t := b.TableByID(id); t != nil {
		for _, f := range t.Foreign {
			if f.OnDelete != "NO ACTION" || f.OnUpdate != "NO ACTION" {
				b.cascadingParents(f.RefTable, into)
			}
		}
	}
}
