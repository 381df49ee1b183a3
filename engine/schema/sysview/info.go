package sysview

import (
	"slices"

	"latchkey/engine/schema"
	"latchkey/engine/sqltype"
)

// named is the three parts of a name under a prefix: TABLE_CATALOG, TABLE_SCHEMA, TABLE_NAME.
func (l *lister) named(prefix string, h *schema.Head) row {
	return row{prefix + "_CATALOG": l.Database, prefix + "_SCHEMA": h.Schema, prefix + "_NAME": h.Name}
}

func (l *lister) infoTables() (out []row, err error) {
	err = each(l, func(o schema.Object) error {
		switch o.Kind() {
		case schema.TableKind:
			out = append(out, l.named("TABLE", o.Meta()).with(row{"TABLE_TYPE": "BASE TABLE"}))
		case schema.ViewKind:
			out = append(out, l.named("TABLE", o.Meta()).with(row{"TABLE_TYPE": "VIEW"}))
		}
		return nil
	})
	return out, err
}

// infoType is how INFORMATION_SCHEMA tells of a type.
func infoType(t sqltype.Type) row {
	r := row{"DATA_TYPE": t.Kind.String()}
	switch {
	case t.Kind.IsText() || t.Kind == sqltype.XML:
		chars, octets := t.Length, t.StorageBytes()
		switch {
		case t.IsMax():
			chars, octets = -1, -1
		case t.Kind == sqltype.Text:
			chars, octets = 1<<31-1, 1<<31-1
		case t.Kind == sqltype.NText:
			chars, octets = 1<<30-1, 1<<31-2
		}
		r["CHARACTER_MAXIMUM_LENGTH"], r["CHARACTER_OCTET_LENGTH"] = chars, octets
		if t.Kind.IsText() {
			r["COLLATION_NAME"] = t.Collation.String()
		}
	case t.Kind == sqltype.Image:
		r["CHARACTER_MAXIMUM_LENGTH"], r["CHARACTER_OCTET_LENGTH"] = 1<<31-1, 1<<31-1
	case t.Kind == sqltype.Binary, t.Kind == sqltype.VarBinary:
		r["CHARACTER_MAXIMUM_LENGTH"], r["CHARACTER_OCTET_LENGTH"] = t.Length, t.Length
	case t.Kind.IsApproximate():
		p, _ := t.Digits()
		r["NUMERIC_PRECISION"], r["NUMERIC_PRECISION_RADIX"] = p, 2
	case t.Kind.IsExact() && t.Kind != sqltype.Bit:
		p, s := t.Digits()
		r["NUMERIC_PRECISION"], r["NUMERIC_PRECISION_RADIX"], r["NUMERIC_SCALE"] = p, 10, s
	case t.Kind.IsDateTime():
		_, s := t.Digits()
		r["DATETIME_PRECISION"] = s
	}
	return r
}

func (l *lister) infoColumns() (out []row, err error) {
	err = l.eachColumn(func(o schema.Object, c *schema.Column) error {
		if k := o.Kind(); k != schema.TableKind && k != schema.ViewKind {
			return nil
		}
		at := slices.Index(columnsOf(o), c) + 1
		r := l.named("TABLE", o.Meta()).with(infoType(c.Type)).with(row{"COLUMN_NAME": c.Name, "ORDINAL_POSITION": at, "IS_NULLABLE": "NO"})
		if c.Type.Nullable {
			r["IS_NULLABLE"] = "YES"
		}
		if c.Default != nil {
			r["COLUMN_DEFAULT"] = shown(c.Default.Expr)
		}
		switch {
		case c.Type.Kind.IsNational() && c.Type.Kind.IsText():
			r["CHARACTER_SET_NAME"] = "UNICODE"
		case c.Type.Kind.IsText() && c.Type.Collation.IsUTF8():
			r["CHARACTER_SET_NAME"] = "utf-8"
		case c.Type.Kind.IsText():
			r["CHARACTER_SET_NAME"] = "iso_1"
		}
		if u := l.Snapshot.TypeByID(c.UserType); u != nil {
			r["DOMAIN_CATALOG"], r["DOMAIN_SCHEMA"], r["DOMAIN_NAME"] = l.Database, u.Schema, u.Name
		}
		out = append(out, r)
		return nil
	})
	return out, err
}

// short is a definition in a column of 4000 characters: NULL if it is longer.
func short(text string) any {
	if len([]rune(text)) > 4000 {
		return nil
	}
	return text
}

func (l *lister) infoViews() ([]row, error) {
	return list(l, func(v *schema.View) row {
		check := "NONE"
		if v.CheckOption {
			check = "CASCADE"
		}
		return l.named("TABLE", &v.Head).with(row{"VIEW_DEFINITION": short(v.Text), "CHECK_OPTION": check, "IS_UPDATABLE": "NO"})
	})
}

// constraintType is CONSTRAINT_TYPE, "" for defaults, which are none here.
func constraintType(o schema.Object) string {
	switch o.Kind() {
	case schema.PrimaryKeyKind:
		return "PRIMARY KEY"
	case schema.UniqueKind:
		return "UNIQUE"
	case schema.ForeignKeyKind:
		return "FOREIGN KEY"
	case schema.CheckKind:
		return "CHECK"
	}
	return ""
}

// eachConstraint visits the constraints of tables.
func (l *lister) eachConstraint(visit func(o schema.Object, t *schema.Table)) error {
	return each(l, func(o schema.Object) error {
		if constraintType(o) != "" {
			if t := l.Snapshot.TableByID(o.Meta().Parent); t != nil && t.Type == 0 {
				visit(o, t)
			}
		}
		return nil
	})
}

func (l *lister) infoTableConstraints() (out []row, err error) {
	err = l.eachConstraint(func(o schema.Object, t *schema.Table) {
		out = append(out, l.named("CONSTRAINT", o.Meta()).with(l.named("TABLE", &t.Head)).with(row{
			"CONSTRAINT_TYPE": constraintType(o), "IS_DEFERRABLE": "NO", "INITIALLY_DEFERRED": "NO",
		}))
	})
	return out, err
}

// keyColumns are the ids of a key's columns, nil for a check.
func keyColumns(o schema.Object) []int {
	switch o := o.(type) {
	case *schema.Key:
		out := make([]int, len(o.Columns))
		for i, k := range o.Columns {
			out[i] = k.Column
		}
		return out
	case *schema.ForeignKey:
		return o.Columns
	}
	return nil
}

func (l *lister) infoKeyColumns() (out []row, err error) {
	err = l.eachConstraint(func(o schema.Object, t *schema.Table) {
		for i, id := range keyColumns(o) {
			out = append(out, l.named("CONSTRAINT", o.Meta()).with(l.named("TABLE", &t.Head)).with(row{
				"COLUMN_NAME": columnName(t, id), "ORDINAL_POSITION": i + 1,
			}))
		}
	})
	return out, err
}

func columnName(t *schema.Table, id int) string {
	if c := t.ColumnByID(id); c != nil {
		return c.Name
	}
	return ""
}

func (l *lister) infoConstraintColumns() (out []row, err error) {
	err = l.eachConstraint(func(o schema.Object, t *schema.Table) {
		ids := keyColumns(o)
		if k, ok := o.(*schema.Check); ok {
			for _, c := range t.Columns {
				if schema.Mentions(k.Expr, c.Name, l.Snapshot.Same) {
					ids = append(ids, c.ID)
				}
			}
		}
		for _, id := range ids {
			out = append(out, l.named("CONSTRAINT", o.Meta()).with(l.named("TABLE", &t.Head)).with(row{"COLUMN_NAME": columnName(t, id)}))
		}
	})
	return out, err
}

func (l *lister) infoConstraintTables() (out []row, err error) {
	err = l.eachConstraint(func(o schema.Object, t *schema.Table) {
		out = append(out, l.named("CONSTRAINT", o.Meta()).with(l.named("TABLE", &t.Head)))
	})
	return out, err
}

func (l *lister) infoReferential() ([]row, error) {
	return list(l, func(f *schema.ForeignKey) row {
		r := l.named("CONSTRAINT", &f.Head).with(row{"MATCH_OPTION": "SIMPLE", "UPDATE_RULE": f.OnUpdate, "DELETE_RULE": f.OnDelete})
		if t := l.Snapshot.TableByID(f.RefTable); t != nil {
			r["UNIQUE_CONSTRAINT_CATALOG"], r["UNIQUE_CONSTRAINT_SCHEMA"] = l.Database, t.Schema
			for _, i := range indexesOf(t) {
				if i.id == f.RefIndex {
					r["UNIQUE_CONSTRAINT_NAME"] = i.name
				}
			}
		}
		return r
	})
}

func (l *lister) infoChecks() ([]row, error) {
	return list(l, func(k *schema.Check) row {
		return l.named("CONSTRAINT", &k.Head).with(row{"CHECK_CLAUSE": short(shown(k.Expr))})
	})
}

func (l *lister) infoSchemata() (out []row, err error) {
	for _, s := range l.Snapshot.Schemas() {
		out = append(out, row{"CATALOG_NAME": l.Database, "SCHEMA_NAME": s.Name, "SCHEMA_OWNER": l.owner(s.Owner), "DEFAULT_CHARACTER_SET_NAME": "iso_1"})
	}
	return out, nil
}

func (l *lister) infoRoutines() (out []row, err error) {
	err = each(l, func(o schema.Object) error {
		m := module(o)
		kind := "PROCEDURE"
		h := o.Meta()
		r := row{}
		switch o := o.(type) {
		case *schema.Procedure:
		case *schema.Function:
			kind = "FUNCTION"
			if o.Form == schema.ScalarFunction {
				r = infoType(o.Returns)
				if n, ok := r["CHARACTER_SET_NAME"]; ok && n == nil {
					delete(r, "CHARACTER_SET_NAME")
				}
			} else {
				r["DATA_TYPE"] = "TABLE"
			}
		default:
			return nil
		}
		out = append(out, r.with(l.named("SPECIFIC", h)).with(l.named("ROUTINE", h)).with(row{
			"ROUTINE_TYPE": kind, "ROUTINE_BODY": "SQL", "ROUTINE_DEFINITION": short(m.Text), "IS_DETERMINISTIC": "NO",
			"SQL_DATA_ACCESS": "MODIFIES", "SCHEMA_LEVEL_ROUTINE": "YES", "MAX_DYNAMIC_RESULT_SETS": -1, "IS_USER_DEFINED_CAST": "NO",
			"IS_IMPLICITLY_INVOCABLE": "NO", "CREATED": h.Created, "LAST_ALTERED": h.Modified,
		}))
		return nil
	})
	return out, err
}

func (l *lister) infoParameters() (out []row, err error) {
	err = each(l, func(o schema.Object) error {
		var params []*schema.Param
		switch o := o.(type) {
		case *schema.Procedure:
			params = o.Params
		case *schema.Function:
			params = o.Params
			if o.Form == schema.ScalarFunction {
				out = append(out, l.named("SPECIFIC", o.Meta()).with(infoType(o.Returns)).with(row{
					"ORDINAL_POSITION": 0, "PARAMETER_MODE": "OUT", "IS_RESULT": "YES", "AS_LOCATOR": "NO", "PARAMETER_NAME": "",
				}))
			}
		}
		for _, p := range params {
			mode := "IN"
			if p.Output {
				mode = "INOUT"
			}
			r := infoType(p.Type)
			if p.TableType != 0 {
				r = row{"DATA_TYPE": "table type"}
			}
			out = append(out, l.named("SPECIFIC", o.Meta()).with(r).with(row{
				"ORDINAL_POSITION": p.ID, "PARAMETER_MODE": mode, "IS_RESULT": "NO", "AS_LOCATOR": "NO", "PARAMETER_NAME": p.Name,
			}))
		}
		return nil
	})
	return out, err
}
