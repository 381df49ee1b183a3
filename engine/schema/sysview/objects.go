package sysview

import (
	"errors"
	"strings"

	"latchkey/engine/schema"
	"latchkey/engine/sqltype"
)

// object is the part of a row that sys.objects and its descendants share.
func object(o schema.Object) row {
	h := o.Meta()
	return row{
		"name": h.Name, "object_id": h.ID, "schema_id": h.SchemaID, "parent_object_id": h.Parent, "type": o.Kind().Code(),
		"type_desc": o.Kind().Desc(), "create_date": h.Created, "modify_date": h.Modified,
	}
}

func (l *lister) objects() ([]row, error) {
	return list(l, func(o schema.Object) row { return object(o) })
}

func (l *lister) tables() ([]row, error) {
	return list(l, func(t *schema.Table) row {
		if t.Type != 0 {
			return nil
		}
		lob := 0
		for _, c := range t.Columns {
			if c.Type.IsLarge() {
				lob = 1
			}
		}
		return object(t).with(row{
			"lob_data_space_id": lob, "max_column_id_used": t.MaxColumnID, "uses_ansi_nulls": true, "lock_escalation": 0,
			"lock_escalation_desc": "TABLE", "durability": 0, "durability_desc": "SCHEMA_AND_DATA", "temporal_type": 0,
			"temporal_type_desc": "NON_TEMPORAL_TABLE", "text_in_row_limit": 0, "ledger_type": 0, "ledger_type_desc": "NON_LEDGER_TABLE",
		})
	})
}

func (l *lister) views() ([]row, error) {
	return list(l, func(v *schema.View) row {
		return object(v).with(row{"with_check_option": v.CheckOption, "ledger_view_type": 0, "ledger_view_type_desc": "NON_LEDGER_VIEW"})
	})
}

func (l *lister) procedures() ([]row, error) {
	return list(l, func(p *schema.Procedure) row { return object(p) })
}

func (l *lister) schemas() ([]row, error) {
	var out []row
	for _, s := range l.Snapshot.Schemas() {
		out = append(out, row{"name": s.Name, "schema_id": s.ID, "principal_id": s.Owner})
	}
	return out, nil
}

// module is the definition of an object, nil if it has none.
func module(o schema.Object) *schema.Module {
	switch o := o.(type) {
	case *schema.View:
		return o.Module
	case *schema.Procedure:
		return o.Module
	case *schema.Function:
		return o.Module
	case *schema.Trigger:
		return o.Module
	}
	return nil
}

func (l *lister) modules() ([]row, error) {
	return list(l, func(o schema.Object) row {
		m := module(o)
		if m == nil {
			return nil
		}
		return row{
			"object_id": o.Meta().ID, "definition": m.Text, "uses_ansi_nulls": m.ANSINulls, "uses_quoted_identifier": m.QuotedIdentifier,
			"is_schema_bound": m.SchemaBound, "is_recompiled": m.Recompile, "null_on_null_input": m.NullOnNull,
		}
	})
}

func (l *lister) triggers() ([]row, error) {
	return list(l, func(t *schema.Trigger) row {
		return row{
			"name": t.Name, "object_id": t.ID, "parent_class": 1, "parent_class_desc": "OBJECT_OR_COLUMN", "parent_id": t.Parent, "type": "TR",
			"type_desc": t.Kind().Desc(), "create_date": t.Created, "modify_date": t.Modified, "is_disabled": t.Disabled,
			"is_instead_of_trigger": t.InsteadOf,
		}
	})
}

func (l *lister) sequences() ([]row, error) {
	var bad error
	rows, err := list(l, func(q *schema.Sequence) row {
		p, s := q.Type.Digits()
		current, used := q.Start, false
		if l.LastValue != nil {
			n, ok, err := l.LastValue(l.ctx, q)
			if err != nil {
				bad = err
			} else if ok {
				current, used = n, true
			}
		}
		r := object(q).with(row{
			"start_value": variant{q.Start, q.Type}, "increment": variant{q.Increment, q.Type}, "minimum_value": variant{q.Min, q.Type},
			"maximum_value": variant{q.Max, q.Type}, "is_cycling": q.Cycle, "is_cached": q.Cache != 0, "system_type_id": q.Type.Kind.SystemID(),
			"user_type_id": q.Type.Kind.SystemID(), "precision": p, "scale": s, "current_value": variant{current, q.Type},
		})
		if used {
			r["last_used_value"] = variant{current, q.Type}
		}
		if q.Cache > 0 {
			r["cache_size"] = q.Cache
		}
		r["is_exhausted"] = used && !q.Cycle && (q.Increment > 0 && uint64(q.Max-current) < uint64(q.Increment) || q.Increment < 0 && uint64(current-q.Min) < uint64(-q.Increment))
		return r
	})
	return rows, errors.Join(err, bad)
}

func (l *lister) synonyms() ([]row, error) {
	return list(l, func(s *schema.Synonym) row {
		quoted := make([]string, len(s.Base))
		for i, p := range s.Base {
			quoted[i] = "[" + strings.ReplaceAll(p, "]", "]]") + "]"
		}
		return object(s).with(row{"base_object_name": strings.Join(quoted, ".")})
	})
}

// typeColumns are how sys.columns, sys.parameters and sys.types tell of a type.
func typeColumns(t sqltype.Type, user int) row {
	p, s := t.Digits()
	if user == 0 {
		user = t.Kind.SystemID()
	}
	r := row{"system_type_id": t.Kind.SystemID(), "user_type_id": user, "max_length": t.StorageBytes(), "precision": p, "scale": s}
	return r
}

func (l *lister) parameters() ([]row, error) {
	var out []row
	add := func(object int, params []*schema.Param) {
		for _, p := range params {
			r := row{
				"object_id": object, "name": p.Name, "parameter_id": p.ID, "is_output": p.Output, "has_default_value": p.Default != nil,
				"is_readonly": p.ReadOnly, "is_nullable": true, "xml_collection_id": 0,
			}
			if p.TableType != 0 {
				r = r.with(row{"system_type_id": 243, "user_type_id": p.UserType, "max_length": -1, "precision": 0, "scale": 0})
			} else {
				r = r.with(typeColumns(p.Type, p.UserType))
			}
			out = append(out, r)
		}
	}
	err := each(l, func(o schema.Object) error {
		switch o := o.(type) {
		case *schema.Procedure:
			add(o.ID, o.Params)
		case *schema.Function:
			if o.Form == schema.ScalarFunction {
				add(o.ID, []*schema.Param{{Type: o.Returns, Output: true}})
			}
			add(o.ID, o.Params)
		}
		return nil
	})
	return out, err
}

// systemTypes are the kinds in the order of their ids, with sysname behind nvarchar.
func systemTypes() []sqltype.Kind {
	return []sqltype.Kind{
		sqltype.Image, sqltype.Text, sqltype.UniqueIdentifier, sqltype.Date, sqltype.Time, sqltype.DateTime2, sqltype.DateTimeOffset,
		sqltype.TinyInt, sqltype.SmallInt, sqltype.Int, sqltype.SmallDateTime, sqltype.Real, sqltype.Money, sqltype.DateTime, sqltype.Float,
		sqltype.Variant, sqltype.NText, sqltype.Bit, sqltype.Decimal, numeric, sqltype.SmallMoney, sqltype.BigInt, sqltype.VarBinary,
		sqltype.VarChar, sqltype.Binary, sqltype.Char, sqltype.RowVersion, sqltype.NVarChar, sqltype.NChar, sqltype.XML,
	}
}

// numeric is decimal by its other name, which is a type of its own in sys.types.
const numeric sqltype.Kind = 255

const (
	numericID = 108
	sysNameID = 256
)

func (l *lister) types() ([]row, error) {
	var out []row
	for _, k := range systemTypes() {
		t := sqltype.Of(k)
		name, id := k.String(), k.SystemID()
		if k == numeric {
			t, name, id = sqltype.Of(sqltype.Decimal), "numeric", numericID
		}
		switch t.Kind {
		case sqltype.Decimal:
			t.Precision, t.Scale = 38, 38
		case sqltype.Char, sqltype.VarChar, sqltype.Binary, sqltype.VarBinary:
			t.Length = sqltype.MaxBytes
		case sqltype.NChar, sqltype.NVarChar:
			t.Length = sqltype.MaxNational
		}
		r := typeColumns(t, id).with(row{
			"name": name, "system_type_id": id, "schema_id": schema.Sys, "is_nullable": t.Kind != sqltype.RowVersion,
			"default_object_id": 0, "rule_object_id": 0,
		})
		if k.IsText() {
			r["collation_name"] = l.Snapshot.Collation().String()
		}
		out = append(out, r)
		if k == sqltype.NVarChar {
			out = append(out, typeColumns(sqltype.SysName(), sysNameID).with(row{
				"name": "sysname", "schema_id": schema.Sys, "is_nullable": false, "default_object_id": 0, "rule_object_id": 0,
				"collation_name": l.Snapshot.Collation().String(),
			}))
		}
	}
	for _, u := range l.Snapshot.Types() {
		out = append(out, l.userType(u))
	}
	return out, nil
}

func (l *lister) userType(u *schema.UserType) row {
	r := row{
		"name": u.Name, "schema_id": u.SchemaID, "is_user_defined": true, "default_object_id": 0, "rule_object_id": 0,
		"is_nullable": u.Base.Nullable, "is_table_type": u.Table != nil,
	}
	if u.Table != nil {
		return r.with(row{"system_type_id": 243, "user_type_id": u.ID, "max_length": -1, "precision": 0, "scale": 0})
	}
	if u.Base.Kind.IsText() {
		r["collation_name"] = l.Snapshot.Collation().String()
	}
	return r.with(typeColumns(u.Base, u.ID))
}

func (l *lister) tableTypes() ([]row, error) {
	var out []row
	for _, u := range l.Snapshot.Types() {
		if u.Table != nil {
			out = append(out, l.userType(u).with(row{"type_table_object_id": u.Table.ID}))
		}
	}
	return out, nil
}

func (l *lister) dataSpaces() ([]row, error) {
	return []row{{"name": "PRIMARY", "data_space_id": 1, "type": "FG", "type_desc": "ROWS_FILEGROUP", "is_default": true}}, nil
}
