package env

import (
	"latchkey/engine/schema"
	"latchkey/engine/sqltype"
)

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
