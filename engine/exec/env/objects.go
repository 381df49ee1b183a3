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
	if err != nil || snap == nil {
		return def.Object{}, false, err
	}
	var x schema.Object
	if q.Name != "" {
		x = snap.Lookup(q.Schema, q.Name)
	} else {
		x = snap.ByID(q.ID)
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

// Column finds a column.
func (o Objects) Column(ctx context.Context, object def.Object, name string, n int) (def.Column, bool, error) {
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
	if len(args) < 2 || !args[0].Kind().IsInteger() {
		return null, nil
	}
	snap, x, err := o.find(ctx, db, int(args[0].Int()))
	if err != nil {
		return null, err
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

func objectProperty(x schema.Object, name string, ex bool) sqltype.Value {
	k := x.Kind()
	t, table := x.(*schema.Table)
	switch name {
	case "BASETYPE":
		if ex {
			return text(k.Code())
		}
		return sqltype.NullValue
	case "SCHEMAID":
		return number(x.Meta().SchemaID)
	case "OWNERID":
		return number(1)
	case "ISMSSHIPPED", "ISSYSTEMTABLE", "ISENCRYPTED", "ISREPLPROC", "ISDETERMINISTIC":
		return number(0)
	case "ISUSERTABLE":
		return truth(k == schema.TableKind)
	case "ISTABLE":
		return truth(table)
	case "ISVIEW":
		return truth(k == schema.ViewKind)
	case "ISPROCEDURE":
		return truth(k == schema.ProcedureKind)
	case "ISEXECUTED":
		return truth(k >= schema.ViewKind && k <= schema.TriggerKind)
	case "ISSCALARFUNCTION":
		return truth(k == schema.ScalarFunction)
	case "ISINLINEFUNCTION":
		return truth(k == schema.InlineFunction)
	case "ISTABLEFUNCTION":
		return truth(k == schema.TableFunction || k == schema.InlineFunction)
	case "ISTRIGGER":
		return truth(k == schema.TriggerKind)
	case "ISCONSTRAINT":
		return truth(k >= schema.PrimaryKeyKind && k <= schema.DefaultKind)
	case "ISPRIMARYKEY":
		return truth(k == schema.PrimaryKeyKind)
	case "ISUNIQUECNST":
		return truth(k == schema.UniqueKind)
	case "ISFOREIGNKEY":
		return truth(k == schema.ForeignKeyKind)
	case "ISCHECKCNST":
		return truth(k == schema.CheckKind)
	case "ISDEFAULTCNST":
		return truth(k == schema.DefaultKind)
	case "ISANSINULLSON", "EXECISANSINULLSON", "ISQUOTEDIDENTON", "EXECISQUOTEDIDENTON":
		return number(1)
	}
	if !table {
		return sqltype.NullValue
	}
	switch name {
	case "TABLEHASPRIMARYKEY":
		return truth(t.Key != nil)
	case "TABLEHASUNIQUECNST":
		return truth(len(t.Uniques) > 0)
	case "TABLEHASFOREIGNKEY":
		return truth(len(t.Foreign) > 0)
	case "TABLEHASCHECKCNST":
		return truth(len(t.Checks) > 0)
	case "TABLEHASIDENTITY":
		return truth(t.Identity() != nil)
	case "TABLEHASINDEX":
		return truth(len(t.Indexes)+len(t.Keys()) > 0)
	case "TABLEHASNONCLUSTINDEX":
		return truth(len(t.Indexes) > 0)
	case "TABLEHASCLUSTINDEX":
		for _, key := range t.Keys() {
			if key.Clustered {
				return number(1)
			}
		}
		for _, i := range t.Indexes {
			if i.Clustered {
				return number(1)
			}
		}
		return number(0)
	case "TABLEHASROWGUIDCOL", "TABLEHASDEFAULTCNST", "TABLEHASTIMESTAMP":
		for _, c := range t.Columns {
			if name == "TABLEHASROWGUIDCOL" && c.RowGUID || name == "TABLEHASDEFAULTCNST" && c.Default != nil ||
				name == "TABLEHASTIMESTAMP" && c.Type.Kind == sqltype.RowVersion {
				return number(1)
			}
		}
		return number(0)
	case "TABLETEMPORALTYPE", "TABLEISMEMORYOPTIMIZED", "TABLEHASTEXTIMAGE", "TABLEHASVARDECIMALSTORAGEFORMAT", "TABLEHASACTIVEFULLTEXTINDEX":
		return number(0)
	}
	return sqltype.NullValue
}

func columnProperty(snap *schema.Snapshot, x schema.Object, column, name string) sqltype.Value {
	for _, c := range columnsOf(x) {
		if !snap.Same(c.Name, column) {
			continue
		}
		p, s := c.Type.Digits()
		switch name {
		case "ALLOWSNULL":
			return truth(c.Type.Nullable)
		case "COLUMNID":
			return number(c.ID)
		case "ISIDENTITY":
			return truth(c.Identity != nil)
		case "ISCOMPUTED":
			return truth(c.Computed != nil)
		case "ISROWGUIDCOL":
			return truth(c.RowGUID)
		case "ISHIDDEN", "ISSPARSE", "ISCOLUMNSET", "GENERATEDALWAYSTYPE", "ISFULLTEXTINDEXED", "ISIDNOTFORREPL":
			return number(0)
		case "PRECISION":
			if c.Type.Kind.IsText() || c.Type.Kind.IsBinary() {
				return number(c.Type.Length)
			}
			return number(p)
		case "SCALE":
			return number(s)
		case "CHARMAXLEN":
			if c.Type.Kind.IsText() || c.Type.Kind.IsBinary() {
				return number(c.Type.Length)
			}
			return sqltype.NullValue
		case "USESANSITRIM":
			return number(1)
		}
		return sqltype.NullValue
	}
	return sqltype.NullValue
}

func indexProperty(snap *schema.Snapshot, x schema.Object, index, name string) sqltype.Value {
	t, ok := x.(*schema.Table)
	if !ok {
		return sqltype.NullValue
	}
	found, id, unique, clustered, disabled := false, 0, false, false, false
	for _, k := range t.Keys() {
		if snap.Same(k.Name, index) {
			found, id, unique, clustered = true, k.IndexID, true, k.Clustered
		}
	}
	for _, i := range t.Indexes {
		if snap.Same(i.Name, index) {
			found, id, unique, clustered, disabled = true, i.ID, i.Unique, i.Clustered, i.Disabled
		}
	}
	if !found {
		return sqltype.NullValue
	}
	switch name {
	case "INDEXID":
		return number(id)
	case "ISUNIQUE":
		return truth(unique)
	case "ISCLUSTERED":
		return truth(clustered)
	case "ISDISABLED":
		return truth(disabled)
	case "ISHYPOTHETICAL", "ISSTATISTICS", "ISAUTOSTATISTICS", "ISFULLTEXTKEY", "ISCOLUMNSTORE":
		return number(0)
	}
	return sqltype.NullValue
}
