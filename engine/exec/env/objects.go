package env

import (
	"context"
	"strings"

	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/perm"
	"latchkey/engine/fn/def"
	"latchkey/engine/schema"
	"latchkey/engine/sqltype"
)

// database finds the database of a question; 0 if there is none or the caller may not enter it.
func (o Objects) database(name string, id int) int {
	st, c := o.Host.Catalog().State(), o.Host.Caller()
	switch {
	case id != 0:
	case name != "":
		d := st.FindDatabase(name)
		if d == nil {
			return 0
		}
		id = d.ID
	default:
		id = c.Database
	}
	if id != c.Database && id != model.TempDB {
		if _, in := o.Host.Perm(id).User(); !in {
			return 0
		}
	}
	return id
}

// Object finds an object that the caller may see.
func (o Objects) Object(ctx context.Context, q def.ObjectQuery) (def.Object, bool, error) {
	if strings.HasPrefix(q.Name, "#") {
		q.DatabaseID = model.TempDB
	}
	db := o.database(q.Database, q.DatabaseID)
	if db == 0 {
		return def.Object{}, false, nil
	}
	snap, err := o.Host.Snapshot(ctx, db)
	if err != nil {
		return def.Object{}, false, err
	}
	var x schema.Object
	switch {
	case snap == nil:
	case q.Name != "":
		x = snap.Lookup(q.Schema, q.Name)
	default:
		x = snap.ByID(q.ID)
	}
	if x == nil {
		if y, ok := o.shipped(q); ok {
			y.DatabaseID = db
			return y, true, nil
		}
	}
	if x == nil || q.Type != "" && !strings.EqualFold(x.Kind().Code(), strings.TrimSpace(q.Type)) || !o.visible(db, snap, x) {
		return def.Object{}, false, nil
	}
	h := x.Meta()
	return def.Object{DatabaseID: db, ID: h.ID, SchemaID: h.SchemaID, Name: h.Name, Schema: h.Schema, Type: x.Kind().Code()}, true, nil
}

func (o Objects) visible(db int, snap *schema.Snapshot, x schema.Object) bool {
	if snap.Temporary() {
		return true
	}
	return Visible(o.Host.Perm(db), snap, x)
}

// Visible reports whether somebody may see an object: with any permission on it. A constraint is seen with its table.
func Visible(p *perm.Eval, snap *schema.Snapshot, x schema.Object) bool {
	if p.Sysadmin() || p.DBO() {
		return true
	}
	h := x.Meta()
	if h.Parent != 0 {
		if t := snap.ByID(h.Parent); t != nil {
			h = t.Meta()
		}
	}
	return p.Any(Securable(snap, h))
}

// Securable is an object for permissions.
func Securable(snap *schema.Snapshot, h *schema.Head) perm.Securable {
	sec := perm.Securable{Class: perm.Object, ID: h.ID, Schema: h.SchemaID}
	for _, s := range snap.Schemas() {
		if s.ID == h.SchemaID {
			sec.Owner = s.Owner
		}
	}
	return sec
}

func (o Objects) find(ctx context.Context, db, id int) (*schema.Snapshot, schema.Object, error) {
	snap, err := o.Host.Snapshot(ctx, db)
	if err != nil || snap == nil {
		return nil, nil, err
	}
	return snap, snap.ByID(id), nil
}

func columnsOf(x schema.Object) []*schema.Column {
	switch x := x.(type) {
	case *schema.Table:
		return x.Columns
	case *schema.View:
		return x.Columns
	case *schema.Function:
		return x.Columns
	}
	return nil
}

// shipped finds a view, procedure or function that the server brings along.
func (o Objects) shipped(q def.ObjectQuery) (def.Object, bool) {
	if o.System == nil {
		return def.Object{}, false
	}
	id, name := q.ID, strings.ToLower(q.Name)
	switch in := strings.ToLower(q.Schema); {
	case name == "":
	case in == "sys", in == "information_schema":
		id = o.System.ID(in + "." + name)
	case strings.HasPrefix(name, "sp_"), strings.HasPrefix(name, "xp_"):
		id = o.System.ID("sys." + name)
	}
	x := o.System.ByID(id)
	if x == nil || q.Type != "" && !strings.EqualFold(x.Code, strings.TrimSpace(q.Type)) {
		return def.Object{}, false
	}
	r := def.Object{ID: id, SchemaID: x.SchemaID(), Name: x.Plain(), Schema: "sys", Type: x.Code}
	if r.SchemaID == schema.InformationSchema {
		r.Schema = "INFORMATION_SCHEMA"
	}
	return r, true
}

// Column finds a column.
func (o Objects) Column(ctx context.Context, object def.Object, name string, n int) (def.Column, bool, error) {
	if o.System != nil && object.ID < 0 {
		if x := o.System.ByID(object.ID); x != nil {
			for i, c := range x.Columns {
				if name != "" && strings.EqualFold(c.Name, name) || name == "" && i+1 == n {
					return def.Column{ID: i + 1, Name: c.Name, Type: c.Type}, true, nil
				}
			}
			return def.Column{}, false, nil
		}
	}
	snap, x, err := o.find(ctx, object.DatabaseID, object.ID)
	if err != nil || x == nil {
		return def.Column{}, false, err
	}
	for _, c := range columnsOf(x) {
		if name != "" && snap.Same(c.Name, name) || name == "" && c.ID == n {
			return def.Column{ID: c.ID, Name: c.Name, Type: c.Type}, true, nil
		}
	}
	return def.Column{}, false, nil
}

// Scope finds a schema or a type.
func (o Objects) Scope(ctx context.Context, kind def.ScopeKind, name string, id int) (def.Scope, bool, error) {
	snap, err := o.Host.Snapshot(ctx, o.Host.Caller().Database)
	if err != nil || snap == nil {
		return def.Scope{}, false, err
	}
	if kind == def.SchemaScope {
		if name == "" && id == 0 { // the caller's
			name = "dbo"
		}
		for _, s := range snap.Schemas() {
			if name != "" && snap.Same(s.Name, name) || name == "" && s.ID == id {
				return def.Scope{ID: s.ID, Name: s.Name}, true, nil
			}
		}
		return def.Scope{}, false, nil
	}
	if name == "" {
		if t := snap.TypeByID(id); t != nil {
			return def.Scope{ID: t.ID, Name: t.Name}, true, nil
		}
		return systemType(func(k sqltype.Kind) bool { return k.SystemID() == id })
	}
	schemaName, plain := "", name
	if i := strings.IndexByte(name, '.'); i >= 0 {
		schemaName, plain = name[:i], name[i+1:]
	}
	plain = strings.Trim(plain, "[]")
	if t := snap.Type(strings.Trim(schemaName, "[]"), plain); t != nil {
		return def.Scope{ID: t.ID, Name: t.Name}, true, nil
	}
	if strings.EqualFold(plain, "sysname") {
		return def.Scope{ID: 256, Name: "sysname"}, true, nil
	}
	want, ok := sqltype.KindByName(plain)
	if !ok {
		return def.Scope{}, false, nil
	}
	return systemType(func(k sqltype.Kind) bool { return k == want })
}

func systemType(fits func(sqltype.Kind) bool) (def.Scope, bool, error) {
	for k := sqltype.Bit; k <= sqltype.Variant; k++ {
		if fits(k) {
			return def.Scope{ID: k.SystemID(), Name: k.String()}, true, nil
		}
	}
	return def.Scope{}, false, nil
}

// Property answers OBJECTPROPERTY and its kin.
func (o Objects) Property(ctx context.Context, function string, args []sqltype.Value) (sqltype.Value, error) {
	null := sqltype.NullValue
	for _, a := range args {
		if a.IsNull() {
			return null, nil
		}
	}
	db := o.Host.Caller().Database
	switch function {
	case "IDENT_CURRENT", "IDENT_SEED", "IDENT_INCR":
		return o.identity(ctx, function, args)
	case "TYPEPROPERTY":
		return o.typeProperty(ctx, args)
	}
	if function == "INDEX_COL" {
		return o.indexColumn(ctx, args)
	}
	if len(args) == 0 || !args[0].Kind().IsInteger() || len(args) == 1 && function != "OBJECT_DEFINITION" {
		return null, nil
	}
	snap, x, err := o.find(ctx, db, int(args[0].Int()))
	if err != nil {
		return null, err
	}
	if x == nil && o.System != nil && o.System.ByID(int(args[0].Int())) != nil {
		if strings.HasPrefix(function, "OBJECTPROPERTY") && strings.EqualFold(args[1].Text(), "IsMSShipped") {
			return number(1), nil
		}
		return null, nil
	}
	if x == nil {
		if snap, x, err = o.find(ctx, model.TempDB, int(args[0].Int())); err != nil || x == nil {
			return null, err
		}
	}
	if !o.visible(db, snap, x) {
		return null, nil
	}
	switch function {
	case "OBJECT_DEFINITION":
		return definition(x), nil
	case "OBJECTPROPERTY", "OBJECTPROPERTYEX":
		return objectProperty(x, strings.ToUpper(args[1].Text()), function == "OBJECTPROPERTYEX"), nil
	case "COLUMNPROPERTY":
		if len(args) > 2 {
			return columnProperty(snap, x, args[1].Text(), strings.ToUpper(args[2].Text())), nil
		}
	case "INDEXPROPERTY":
		if len(args) > 2 {
			return indexProperty(snap, x, args[1].Text(), strings.ToUpper(args[2].Text())), nil
		}
	}
	return null, nil
}

// definition is the text of a module, a constraint or a default; NULL for others.
func definition(x schema.Object) sqltype.Value {
	switch x := x.(type) {
	case *schema.View:
		return text(x.Text)
	case *schema.Procedure:
		return text(x.Text)
	case *schema.Function:
		return text(x.Text)
	case *schema.Trigger:
		return text(x.Text)
	case *schema.Check:
		return text(x.Text)
	case *schema.Default:
		return text(x.Text)
	}
	return sqltype.NullValue
}

// indexColumn is INDEX_COL: the name of a column of an index, by the table's name and two numbers.
func (o Objects) indexColumn(ctx context.Context, args []sqltype.Value) (sqltype.Value, error) {
	if len(args) < 3 {
		return sqltype.NullValue, nil
	}
	db, t, err := o.table(ctx, args[0].Text())
	if err != nil || t == nil {
		return sqltype.NullValue, err
	}
	snap, err := o.Host.Snapshot(ctx, db)
	if err != nil || snap == nil || !o.visible(db, snap, t) {
		return sqltype.NullValue, err
	}
	column := func(keys []schema.KeyColumn) sqltype.Value {
		if n := int(args[2].Int()); n >= 1 && n <= len(keys) {
			if c := t.ColumnByID(keys[n-1].Column); c != nil {
				return text(c.Name)
			}
		}
		return sqltype.NullValue
	}
	for _, k := range t.Keys() {
		if k.IndexID == int(args[1].Int()) {
			return column(k.Columns), nil
		}
	}
	for _, i := range t.Indexes {
		if i.ID == int(args[1].Int()) {
			return column(i.Columns), nil
		}
	}
	return sqltype.NullValue, nil
}

// table finds a table by a name of up to two parts.
func (o Objects) table(ctx context.Context, name string) (int, *schema.Table, error) {
	db := o.Host.Caller().Database
	parts := strings.Split(strings.NewReplacer("[", "", "]", "").Replace(name), ".")
	plain, schemaName := parts[len(parts)-1], ""
	if len(parts) > 1 {
		schemaName = parts[len(parts)-2]
	}
	if len(parts) > 2 && parts[len(parts)-3] != "" {
		if db = o.database(parts[len(parts)-3], 0); db == 0 {
			return 0, nil, nil
		}
	}
	if strings.HasPrefix(plain, "#") {
		db, schemaName = model.TempDB, ""
	}
	snap, err := o.Host.Snapshot(ctx, db)
	if err != nil || snap == nil {
		return db, nil, err
	}
	return db, snap.Table(schemaName, plain), nil
}

func (o Objects) identity(ctx context.Context, function string, args []sqltype.Value) (sqltype.Value, error) {
	if len(args) == 0 {
		return sqltype.NullValue, nil
	}
	db, t, err := o.table(ctx, args[0].Text())
	if err != nil || t == nil || t.Identity() == nil {
		return sqltype.NullValue, err
	}
	id := t.Identity().Identity
	n := id.Seed
	switch function {
	case "IDENT_INCR":
		n = id.Increment
	case "IDENT_CURRENT":
		last, ok, err := o.Host.Identity(ctx, db, t)
		if err != nil {
			return sqltype.NullValue, err
		}
		if ok {
			n = last
		}
	}
	return sqltype.NewInt(sqltype.BigInt, n), nil
}

func (o Objects) typeProperty(ctx context.Context, args []sqltype.Value) (sqltype.Value, error) {
	if len(args) < 2 {
		return sqltype.NullValue, nil
	}
	s, ok, err := o.Scope(ctx, def.TypeScope, args[0].Text(), 0)
	if err != nil || !ok {
		return sqltype.NullValue, err
	}
	t := sqltype.SysName()
	if k, ok := sqltype.KindByName(s.Name); ok {
		t = sqltype.Of(k)
	}
	p, sc := t.Digits()
	switch strings.ToUpper(args[1].Text()) {
	case "ALLOWSNULL":
		return truth(s.Name != "sysname"), nil
	case "PRECISION":
		return number(p), nil
	case "SCALE":
		return number(sc), nil
	case "USESANSITRIM":
		return truth(t.Kind.IsText() || t.Kind.IsBinary()), nil
	case "OWNERID":
		return number(1), nil
	}
	return sqltype.NullValue, nil
}
