package ddl

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"latchkey/engine/catalog/msg"
	"latchkey/engine/cell"
	"latchkey/engine/schema"
	"latchkey/engine/schema/ddl/define"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// alterTable carries out ALTER TABLE.
func (c *statement) alterTable(ctx context.Context, st *ast.AlterTable) error {
	o := c.Find(st.Name)
	old, ok := o.(*schema.Table)
	switch {
	case o == nil:
		return msg.New(4902, st.Name.String())
	case !ok:
		return msg.New(4909, st.Name.String())
	}
	b := c.alter(old)
	b.NoCheck = st.WithCheck == "NOCHECK"
	b.Def.Modified = c.Now()
	switch a := st.Action.(type) {
	case *ast.AddColumns:
		return b.addTo(ctx, old, a.Def)
	case *ast.AlterColumn:
		return b.alterColumn(ctx, old, a)
	case *ast.DropElements:
		return b.dropElements(ctx, old, a)
	case *ast.SwitchConstraints:
		return b.switchConstraints(ctx, old, a, st.WithCheck == "CHECK")
	case *ast.OtherTableAction:
		if strings.HasPrefix(a.Verb, "REBUILD") {
			return c.Put(b.Def) // there is nothing to rebuild
		}
		return define.Refuse("ALTER TABLE " + a.Verb)
	}
	return define.Refuse("ALTER TABLE")
}

// addTo is ALTER TABLE ADD.
func (b *alteration) addTo(ctx context.Context, old *schema.Table, def *ast.TableDef) error {
	first, checks, foreign, rowID := len(b.Def.Columns), len(b.Def.Checks), len(b.Def.Foreign), b.Def.RowID
	known := map[string]bool{}
	for _, s := range define.Shapes(b.Def) {
		known[s.Stored] = true
	}
	if err := b.Add(def); err != nil {
		return err
	}
	empty, err := b.Empty(old)
	if err != nil {
		return err
	}
	anew := len(b.Def.Checks) > checks || len(b.Def.Foreign) > foreign || b.Def.RowID != rowID
	for i, c := range b.Def.Columns[first:] {
		fills := c.Default != nil && (!c.Type.Nullable || b.withValues(def, i))
		special := c.Identity != nil || c.Type.Kind == sqltype.RowVersion
		if !c.Type.Nullable && !empty && c.Default == nil && !special && c.Computed == nil {
			return msg.New(4901, c.Name, b.Def.Name)
		}
		anew = anew || fills || special || !c.Type.Nullable || c.Computed != nil && c.Computed.Persisted
	}
	for _, c := range b.Def.Columns[:first] { // a default of a column of SET DEFAULT
		anew = anew || c.Default != nil && old.ColumnByID(c.ID).Default == nil && inSetDefault(b.Def, c.ID)
	}
	if anew {
		err = b.rebuildAdded(ctx, old, first, def)
	} else {
		err = b.addInPlace(ctx, first, known)
	}
	if err != nil {
		return constraintFailed(err)
	}
	if b.NoCheck {
		return nil
	}
	for _, k := range b.Def.Checks[checks:] {
		if k.Volatile {
			if err := b.CheckVolatile(ctx, b.Def, k); err != nil {
				return err
			}
		}
	}
	for _, f := range b.Def.Foreign[foreign:] {
		if err := b.CheckForeign(b.Def, f); err != nil {
			return err
		}
	}
	return nil
}

// constraintFailed adds message 1750 to a duplicate.
func constraintFailed(err error) error {
	if e, ok := err.(*msg.Error); ok && e.Number == 1505 {
		return define.Two(e)
	}
	return err
}

func (b *alteration) withValues(def *ast.TableDef, i int) bool {
	for _, k := range def.Columns[i].Constraints {
		if k.Kind == "DEFAULT" && k.WithValues {
			return true
		}
	}
	return false
}

func inSetDefault(t *schema.Table, column int) bool {
	for _, f := range t.Foreign {
		if (f.OnDelete == "SET DEFAULT" || f.OnUpdate == "SET DEFAULT") && slices.Contains(f.Columns, column) {
			return true
		}
	}
	return false
}

// addInPlace adds columns and indexes that SQLite can add.
func (b *alteration) addInPlace(ctx context.Context, first int, known map[string]bool) error {
	for _, c := range b.Def.Columns[first:] {
		sql := "ALTER TABLE " + b.Def.SQL(b.Snapshot.DB()) + " ADD COLUMN " + c.Quoted() + " " + cell.Affinity(c.Type) + cell.CollateClause(c.Type)
		if c.Computed != nil {
			x, err := b.Define(b.Def, c.Computed.Expr)
			if err != nil {
				return err
			}
			sql += " GENERATED ALWAYS AS (" + x.SQL + ")"
		}
		if err := b.Conn.Exec(sql); err != nil {
			return fmt.Errorf("adding column %q: %w", c.Name, err)
		}
	}
	for _, s := range define.Shapes(b.Def) {
		if !known[s.Stored] {
			if err := b.CreateIndex(ctx, b.Def, s); err != nil {
				return err
			}
		}
	}
	return b.Put(b.Def)
}

// rebuildAdded builds the table anew with columns that have values for the rows that are there.
func (b *alteration) rebuildAdded(ctx context.Context, old *schema.Table, first int, def *ast.TableDef) error {
	var p *define.Pieces
	if len(b.Def.Columns) > first {
		p = b.Pieces(old)
	}
	values := map[*schema.Column]string{}
	for i, c := range b.Def.Columns[first:] {
		var err error
		v := "NULL"
		switch {
		case c.Computed != nil:
			continue
		case c.Identity != nil:
			v, err = b.numbered(c)
		case c.Type.Kind == sqltype.RowVersion:
			v, err = b.versioned(old)
		case c.Default != nil && (!c.Type.Nullable || b.withValues(def, i)):
			v, err = p.Value(c.Default.Expr, c)
		}
		if err != nil {
			return err
		}
		values[c] = v
	}
	return b.Rebuild(ctx, old, b.Def, func(c *schema.Column) string { return values[c] }, p, b.NoCheck)
}

// numbered is the SQL that gives the rows that are there an identity.
func (b *alteration) numbered(c *schema.Column) (string, error) {
	n, err := b.Count(b.Def)
	if err != nil || n == 0 {
		return "NULL", err
	}
	start, err := b.Env.Shared.IdentityRange(b.Conn, b.Def, n)
	if err != nil {
		return "", err
	}
	if cell.StorageOf(c.Type) != cell.Integer {
		return "", define.Refuse("IDENTITY of more than 18 digits added to a table with rows")
	}
	return fmt.Sprintf("(%d+(row_number() OVER (ORDER BY %s.rowid)-1)*%d)", start, define.OldAlias, c.Identity.Increment),
		b.Env.Shared.StoreIdentity(b.Conn, b.Def)
}

// versioned is the SQL that gives the rows that are there a row version: eight bytes, big-endian.
func (b *alteration) versioned(old *schema.Table) (string, error) {
	n, err := b.Count(old)
	if err != nil {
		return "", err
	}
	start, err := b.Env.Shared.RowVersions(b.Conn, max(n, 1))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("unhex(format('%%016X',%d+row_number() OVER (ORDER BY %s.rowid)-1))", start, define.OldAlias), nil
}

// dependents lists what stands on a column, as message 5074 names it.
func (b *alteration) dependents(t *schema.Table, c *schema.Column) (out []*msg.Error, onlyKeys bool) {
	add := func(kind, name string) { out = append(out, msg.New(5074, kind, name, "column", c.Name)) }
	onlyKeys = true
	has := func(keys []schema.KeyColumn) bool {
		return slices.ContainsFunc(keys, func(k schema.KeyColumn) bool { return k.Column == c.ID })
	}
	for _, k := range t.Keys() {
		if has(k.Columns) {
			add("object", k.Name)
		}
	}
	for _, f := range t.Foreign {
		if slices.Contains(f.Columns, c.ID) {
			add("object", f.Name)
		}
	}
	for _, f := range b.Incoming(t.ID) {
		if slices.Contains(f.RefColumns, c.ID) {
			add("object", f.Name)
		}
	}
	for _, k := range t.Checks {
		if schema.Mentions(k.Expr, c.Name, b.Same) {
			add("object", k.Name)
			onlyKeys = false
		}
	}
	if c.Default != nil {
		add("object", c.Default.Name)
	}
	for _, o := range t.Columns {
		if o.Computed != nil && o != c && schema.Mentions(o.Computed.Expr, c.Name, b.Same) {
			add("column", o.Name)
			onlyKeys = false
		}
	}
	for _, x := range t.Indexes {
		if has(x.Columns) || slices.Contains(x.Include, c.ID) || x.Filter != nil && schema.Mentions(x.Filter, c.Name, b.Same) {
			add("index", x.Name)
		}
	}
	if v := b.BoundBy(t); v != "" {
		add("object", v)
		onlyKeys = false
	}
	return out, onlyKeys
}

// dropElements is ALTER TABLE DROP.
func (b *alteration) dropElements(ctx context.Context, old *schema.Table, a *ast.DropElements) error {
	anew := false
	var gone []string
	for _, d := range a.Items {
		var err error
		var again bool
		switch d.Kind {
		case "COLUMN":
			again, err = b.dropColumn(d)
		case "CONSTRAINT":
			again, err = b.dropConstraint(d, &gone)
		default:
			return define.Refuse("ALTER TABLE DROP " + d.Kind)
		}
		if err != nil {
			return err
		}
		anew = anew || again
	}
	if !anew {
		for _, s := range gone {
			if err := b.DropIndex(s); err != nil {
				return err
			}
		}
		return b.Put(b.Def)
	}
	return b.Rebuild(ctx, old, b.Def, func(*schema.Column) string { return "" }, nil, true)
}

func (b *alteration) dropColumn(d *ast.DropElement) (anew bool, err error) {
	c := b.Column(b.Def, d.Name)
	if c == nil {
		if d.IfExists {
			return false, nil
		}
		return false, msg.New(4924, "ALTER TABLE DROP COLUMN", d.Name, b.Def.Name)
	}
	if deps, _ := b.dependents(b.Def, c); len(deps) > 0 {
		return false, append(msg.List(deps), msg.New(4922, "ALTER TABLE DROP COLUMN", c.Name, "column"))
	}
	if len(b.Def.Columns) == 1 {
		return false, msg.New(4923, c.Name, b.Def.Name)
	}
	b.Def.Columns = slices.DeleteFunc(b.Def.Columns, func(o *schema.Column) bool { return o == c })
	return true, nil
}

// dropConstraint takes a constraint out of the definition. gone collects the indexes that only have to be dropped.
func (b *alteration) dropConstraint(d *ast.DropElement, gone *[]string) (anew bool, err error) {
	for _, k := range b.Def.Keys() {
		if !b.Same(k.Name, d.Name) {
			continue
		}
		for _, f := range b.Incoming(b.Def.ID) {
			if f.RefIndex == k.IndexID {
				from := b.TableByID(f.Parent)
				return false, append(msg.List{msg.New(3725, k.Name, from.Name, f.Name)}, msg.New(3727))
			}
		}
		if k.Primary {
			b.Def.Key = nil
			b.Def.Link()
		} else {
			b.Def.Uniques = slices.DeleteFunc(b.Def.Uniques, func(o *schema.Key) bool { return o == k })
		}
		if k.Stored == "" {
			return true, nil
		}
		*gone = append(*gone, k.Stored)
		return false, nil
	}
	for i, k := range b.Def.Checks {
		if b.Same(k.Name, d.Name) {
			b.Def.Checks = slices.Delete(b.Def.Checks, i, i+1)
			return !k.Disabled, nil
		}
	}
	for i, f := range b.Def.Foreign {
		if b.Same(f.Name, d.Name) {
			b.Def.Foreign = slices.Delete(b.Def.Foreign, i, i+1)
			return !f.Disabled, nil
		}
	}
	for _, c := range b.Def.Columns {
		if c.Default != nil && b.Same(c.Default.Name, d.Name) {
			c.Default = nil
			return inSetDefault(b.Def, c.ID), nil
		}
	}
	if d.IfExists {
		return false, nil
	}
	return false, append(msg.List{msg.New(3728, d.Name)}, msg.New(3727))
}

// alterColumn is ALTER TABLE ALTER COLUMN.
func (b *alteration) alterColumn(ctx context.Context, old *schema.Table, a *ast.AlterColumn) error {
	c := b.Column(b.Def, a.Column.Name)
	switch {
	case c == nil:
		return msg.New(4924, "ALTER TABLE ALTER COLUMN", a.Column.Name, b.Def.Name)
	case a.Toggle == "ADD ROWGUIDCOL", a.Toggle == "DROP ROWGUIDCOL":
		c.RowGUID = a.Toggle == "ADD ROWGUIDCOL"
		return b.Put(b.Def)
	case a.Toggle != "":
		return define.Refuse("ALTER COLUMN " + a.Toggle)
	case c.Computed != nil:
		return msg.New(4928, c.Name, "COMPUTED")
	case c.Type.Kind == sqltype.RowVersion:
		return msg.New(4928, c.Name, "timestamp")
	}
	if what := define.ColumnRefusal(a.Column); what != "" {
		return define.Refuse(what)
	}
	was := c.Type
	identity := c.Identity
	def := *a.Column
	def.Identity, def.RowGUID = nil, false
	if err := b.Declare(c, &def, 1); err != nil {
		return err
	}
	if c.Type.Kind == sqltype.RowVersion {
		return msg.New(4927, c.Name, "timestamp")
	}
	c.Identity = identity
	if identity != nil {
		if k := c.Type.Kind; k == sqltype.Bit || !k.IsInteger() && (k != sqltype.Decimal || c.Type.Scale != 0) || c.Type.Nullable {
			return msg.New(2749, c.Name)
		}
	}
	grows := c.Type.Kind == was.Kind && c.Type.Collation == was.Collation && (c.Type.Length == sqltype.Max && was.Length != sqltype.Max || c.Type.Length >= was.Length && was.Length != sqltype.Max) &&
		c.Type.Scale == was.Scale && c.Type.Precision >= was.Precision
	sameNull := c.Type.Nullable == was.Nullable
	if deps, onlyKeys := b.dependents(old, old.ColumnByID(c.ID)); len(deps) > 0 {
		variable := was.Kind == sqltype.VarChar || was.Kind == sqltype.NVarChar || was.Kind == sqltype.VarBinary
		only := len(deps) == 1 && c.Default != nil // a default stands in the way of another type only
		sameType := c.Type.Kind == was.Kind
		if !(grows && variable && onlyKeys && sameNull && !c.Type.IsLarge()) && !(only && sameType) {
			return append(msg.List(deps), msg.New(4922, "ALTER TABLE ALTER COLUMN", c.Name, "column"))
		}
	}
	if grows && sameNull && cell.Same(was, c.Type) {
		return b.Put(b.Def)
	}
	p := b.Pieces(old)
	v, err := p.Converted(old.ColumnByID(c.ID), c)
	if err != nil {
		return err
	}
	return b.Rebuild(ctx, old, b.Def, func(x *schema.Column) string {
		if x == c {
			return v
		}
		return ""
	}, p, true)
}

// switchConstraints is ALTER TABLE [WITH CHECK] CHECK or NOCHECK CONSTRAINT.
func (b *alteration) switchConstraints(ctx context.Context, old *schema.Table, a *ast.SwitchConstraints, validate bool) error {
	if a.What != "CONSTRAINT" {
		return b.switchTriggers(a.Names, a.Verb == "DISABLE")
	}
	off := a.Verb == "NOCHECK"
	want := func(name string) bool {
		return len(a.Names) == 0 || slices.ContainsFunc(a.Names, func(n string) bool { return b.Same(n, name) })
	}
	found := 0
	var enabled []*schema.ForeignKey
	for _, k := range b.Def.Checks {
		if want(k.Name) {
			found++
			k.Disabled = off
			k.NotTrusted = off || !validate && k.NotTrusted
		}
	}
	for _, f := range b.Def.Foreign {
		if want(f.Name) {
			found++
			f.Disabled = off
			f.NotTrusted = off || !validate && f.NotTrusted
			enabled = append(enabled, f)
		}
	}
	if found < len(a.Names) {
		for _, n := range a.Names {
			if !slices.ContainsFunc(b.Def.Constraints(), func(o schema.Object) bool { return b.Same(o.Meta().Name, n) }) {
				return msg.New(4917, n)
			}
		}
		return msg.New(4917, a.Names[0])
	}
	if err := b.Rebuild(ctx, old, b.Def, func(*schema.Column) string { return "" }, nil, off || !validate); err != nil {
		return err
	}
	if off || !validate {
		return nil
	}
	for _, k := range b.Def.Checks {
		if k.Volatile && want(k.Name) {
			if err := b.CheckVolatile(ctx, b.Def, k); err != nil {
				return err
			}
		}
	}
	for _, f := range enabled {
		if err := b.CheckForeign(b.Def, f); err != nil {
			return err
		}
	}
	return nil
}

// switchTriggers is ENABLE and DISABLE TRIGGER; triggers cannot be made yet, so that only ALL finds none to switch.
func (b *alteration) switchTriggers(names []string, _ bool) error {
	if len(names) > 0 {
		return define.Refuse("ENABLE and DISABLE TRIGGER")
	}
	return nil
}
