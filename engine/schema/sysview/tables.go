package sysview

import (
	"slices"

	"latchkey/engine/schema"
	"latchkey/engine/sqltype"
)

// columnsOf are the columns of a table, view or function.
func columnsOf(o schema.Object) []*schema.Column {
	switch o := o.(type) {
	case *schema.Table:
		return o.Columns
	case *schema.View:
		return o.Columns
	case *schema.Function:
		return o.Columns
	}
	return nil
}

// eachColumn visits the columns that the caller may see.
func (l *lister) eachColumn(visit func(schema.Object, *schema.Column) error) error {
	return each(l, func(o schema.Object) error {
		for _, c := range columnsOf(o) {
			if err := visit(o, c); err != nil {
				return err
			}
		}
		return nil
	})
}

// column is a column of an object by its id.
func column(object int, c *schema.Column) row {
	r := typeColumns(c.Type, c.UserType).with(row{
		"object_id": object, "name": c.Name, "column_id": c.ID, "is_nullable": c.Type.Nullable, "is_ansi_padded": padded(c.Type),
		"is_rowguidcol": c.RowGUID, "is_identity": c.Identity != nil, "is_computed": c.Computed != nil, "xml_collection_id": 0,
		"default_object_id": 0, "rule_object_id": 0, "is_sparse": c.Sparse, "generated_always_type": 0,
		"generated_always_type_desc": "NOT_APPLICABLE",
	})
	if c.Type.Kind.IsText() {
		r["collation_name"] = c.Type.Collation.String()
	}
	if c.Default != nil {
		r["default_object_id"] = c.Default.ID
	}
	return r
}

// padded is is_ansi_padded: true for the types that it says something about.
func padded(t sqltype.Type) bool {
	return t.Kind.IsText() || t.Kind.IsBinary() && t.Kind != sqltype.RowVersion || t.Kind == sqltype.Variant
}

func (l *lister) columns() (out []row, err error) {
	err = l.eachColumn(func(o schema.Object, c *schema.Column) error {
		out = append(out, column(o.Meta().ID, c))
		return nil
	})
	return out, err
}

func (l *lister) identityColumns() (out []row, err error) {
	err = l.eachColumn(func(o schema.Object, c *schema.Column) error {
		if c.Identity == nil {
			return nil
		}
		r := column(o.Meta().ID, c).with(row{
			"seed_value": variant{c.Identity.Seed, c.Type}, "increment_value": variant{c.Identity.Increment, c.Type},
			"is_not_for_replication": c.Identity.NotForReplication,
		})
		if t, ok := o.(*schema.Table); ok && l.LastIdentity != nil {
			n, used, err := l.LastIdentity(l.ctx, t)
			if err != nil {
				return err
			}
			if used {
				r["last_value"] = variant{n, c.Type}
			}
		}
		out = append(out, r)
		return nil
	})
	return out, err
}

func (l *lister) computedColumns() (out []row, err error) {
	err = l.eachColumn(func(o schema.Object, c *schema.Column) error {
		if c.Computed != nil {
			out = append(out, column(o.Meta().ID, c).with(row{
				"definition": shown(c.Computed.Expr), "uses_database_collation": c.Type.Kind.IsText(), "is_persisted": c.Computed.Persisted,
			}))
		}
		return nil
	})
	return out, err
}

// index is an index of a table, of a constraint or alone; ID 0 is the heap.
type index struct {
	table      *schema.Table
	id         int
	name       string
	clustered  bool
	unique     bool
	primary    bool
	constraint bool
	columns    []schema.KeyColumn
	include    []int
	filter     *schema.Expr
	disabled   bool
	fill       int
	ignoreDup  bool
}

// indexesOf are a table's indexes by id, with the heap if it has no clustered one.
func indexesOf(t *schema.Table) []index {
	var out []index
	for _, k := range t.Keys() {
		out = append(out, index{
			table: t, id: k.IndexID, name: k.Name, clustered: k.Clustered, unique: true, primary: k.Primary, constraint: !k.Primary,
			columns: k.Columns, fill: k.FillFactor, ignoreDup: k.IgnoreDup,
		})
	}
	for _, x := range t.Indexes {
		out = append(out, index{
			table: t, id: x.ID, name: x.Name, clustered: x.Clustered, unique: x.Unique, columns: x.Columns, include: x.Include,
			filter: x.Filter, disabled: x.Disabled, fill: x.FillFactor, ignoreDup: x.IgnoreDup,
		})
	}
	if !slices.ContainsFunc(out, func(i index) bool { return i.clustered }) {
		out = append(out, index{table: t})
	}
	slices.SortFunc(out, func(a, b index) int { return a.id - b.id })
	return out
}

func (l *lister) eachIndex(visit func(index) error) error {
	return each(l, func(t *schema.Table) error {
		for _, i := range indexesOf(t) {
			if err := visit(i); err != nil {
				return err
			}
		}
		return nil
	})
}

func (l *lister) indexes() (out []row, err error) {
	err = l.eachIndex(func(i index) error {
		r := row{
			"object_id": i.table.ID, "index_id": i.id, "type": 2, "type_desc": "NONCLUSTERED", "is_unique": i.unique, "data_space_id": 1,
			"ignore_dup_key": i.ignoreDup, "is_primary_key": i.primary, "is_unique_constraint": i.constraint, "fill_factor": i.fill,
			"is_disabled": i.disabled, "allow_row_locks": true, "allow_page_locks": true, "has_filter": i.filter != nil,
		}
		switch {
		case i.id == 0:
			r["type"], r["type_desc"] = 0, "HEAP"
		case i.clustered:
			r["type"], r["type_desc"] = 1, "CLUSTERED"
		}
		if i.name != "" {
			r["name"] = i.name
		}
		if i.filter != nil {
			r["filter_definition"] = shown(i.filter)
		}
		out = append(out, r)
		return nil
	})
	return out, err
}

func (l *lister) indexColumns() (out []row, err error) {
	err = l.eachIndex(func(i index) error {
		n := 0
		for _, k := range i.columns {
			n++
			out = append(out, row{
				"object_id": i.table.ID, "index_id": i.id, "index_column_id": n, "column_id": k.Column, "key_ordinal": n,
				"partition_ordinal": 0, "is_descending_key": k.Desc, "column_store_order_ordinal": 0,
			})
		}
		for _, c := range i.include {
			n++
			out = append(out, row{
				"object_id": i.table.ID, "index_id": i.id, "index_column_id": n, "column_id": c, "key_ordinal": 0, "partition_ordinal": 0,
				"is_included_column": true, "column_store_order_ordinal": 0,
			})
		}
		return nil
	})
	return out, err
}

func (l *lister) keyConstraints() ([]row, error) {
	return list(l, func(k *schema.Key) row {
		return object(k).with(row{"unique_index_id": k.IndexID, "is_system_named": k.SystemNamed, "is_enforced": true})
	})
}

func (l *lister) checkConstraints() ([]row, error) {
	return list(l, func(k *schema.Check) row {
		return object(k).with(row{
			"is_disabled": k.Disabled, "is_not_trusted": k.NotTrusted, "parent_column_id": k.Column, "definition": shown(k.Expr),
			"is_system_named": k.SystemNamed,
		})
	})
}

func (l *lister) defaultConstraints() ([]row, error) {
	return list(l, func(d *schema.Default) row {
		return object(d).with(row{"parent_column_id": d.Column, "definition": shown(d.Expr), "is_system_named": d.SystemNamed})
	})
}

// actionID is a referential action's number and name.
func actionID(a string) (int, string) {
	switch a {
	case "CASCADE":
		return 1, "CASCADE"
	case "SET NULL":
		return 2, "SET_NULL"
	case "SET DEFAULT":
		return 3, "SET_DEFAULT"
	}
	return 0, "NO_ACTION"
}

func (l *lister) foreignKeys() ([]row, error) {
	return list(l, func(f *schema.ForeignKey) row {
		del, delDesc := actionID(f.OnDelete)
		upd, updDesc := actionID(f.OnUpdate)
		return object(f).with(row{
			"referenced_object_id": f.RefTable, "key_index_id": f.RefIndex, "is_disabled": f.Disabled, "is_not_trusted": f.NotTrusted,
			"delete_referential_action": del, "delete_referential_action_desc": delDesc, "update_referential_action": upd,
			"update_referential_action_desc": updDesc, "is_system_named": f.SystemNamed,
		})
	})
}

func (l *lister) foreignKeyColumns() (out []row, err error) {
	err = each(l, func(f *schema.ForeignKey) error {
		for i, c := range f.Columns {
			out = append(out, row{
				"constraint_object_id": f.ID, "constraint_column_id": i + 1, "parent_object_id": f.Parent, "parent_column_id": c,
				"referenced_object_id": f.RefTable, "referenced_column_id": f.RefColumns[i],
			})
		}
		return nil
	})
	return out, err
}

// partitionID is made of the object's id, as no partition is stored.
func partitionID(i index) int64 {
	return 72057594000000000 + int64(uint32(i.table.ID))<<16 + int64(i.id)
}

func (l *lister) count(t *schema.Table) (int64, error) {
	if l.Count == nil || t.Type != 0 {
		return 0, nil
	}
	return l.Count(l.ctx, t)
}

func (l *lister) partitions() (out []row, err error) {
	err = l.eachIndex(func(i index) error {
		n, err := l.count(i.table)
		out = append(out, row{
			"partition_id": partitionID(i), "object_id": i.table.ID, "index_id": i.id, "partition_number": 1, "hobt_id": partitionID(i),
			"rows": n, "filestream_filegroup_id": 0, "data_compression": 0, "data_compression_desc": "NONE", "xml_compression_desc": "OFF",
		})
		return err
	})
	return out, err
}

func (l *lister) partitionStats() (out []row, err error) {
	err = l.eachIndex(func(i index) error {
		n, err := l.count(i.table)
		out = append(out, row{
			"partition_id": partitionID(i), "object_id": i.table.ID, "index_id": i.id, "partition_number": 1, "row_count": n,
			"in_row_data_page_count": 0, "in_row_used_page_count": 0, "in_row_reserved_page_count": 0, "lob_used_page_count": 0,
			"lob_reserved_page_count": 0, "row_overflow_used_page_count": 0, "row_overflow_reserved_page_count": 0, "used_page_count": 0,
			"reserved_page_count": 0,
		})
		return err
	})
	return out, err
}

// stats are those that come with indexes.
func (l *lister) stats() (out []row, err error) {
	err = l.eachIndex(func(i index) error {
		if i.id == 0 {
			return nil
		}
		r := row{"object_id": i.table.ID, "name": i.name, "stats_id": i.id, "has_filter": i.filter != nil}
		if i.filter != nil {
			r["filter_definition"] = shown(i.filter)
		}
		out = append(out, r)
		return nil
	})
	return out, err
}
