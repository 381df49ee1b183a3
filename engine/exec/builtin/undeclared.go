package builtin

import (
	"context"

	"latchkey/engine/exec/handler"
	"latchkey/engine/exec/undeclared"
	"latchkey/engine/sqltype"
)

// describeUndeclared is sp_describe_undeclared_parameters: 24 columns. What user types and XML collections say is NULL: types are those behind alias types.
func describeUndeclared(ctx context.Context, c *handler.Context, stmt, params string) error {
	s := c.Parts
	u, err := s.ParseUndeclared(stmt, params)
	if err != nil {
		return err
	}
	list, err := undeclared.Deducer{Actor: s.Actor, Work: s.Work, Query: s.Query}.Deduce(ctx, c.Frame, u)
	if err != nil {
		return err
	}
	tiny, must := sqltype.Of(sqltype.TinyInt).NotNull(), func(t sqltype.Type) sqltype.Type { return t.NotNull() }
	maybe := func(t sqltype.Type) sqltype.Type { t.Nullable = true; return t }
	w, err := c.Rows(
		col("parameter_ordinal", must(typeInt())), col("name", must(typeName())), col("suggested_system_type_id", must(typeInt())),
		col("suggested_system_type_name", maybe(sqltype.Sized(sqltype.NVarChar, 256))), col("suggested_max_length", must(typeSmallInt())),
		col("suggested_precision", tiny), col("suggested_scale", tiny), col("suggested_user_type_id", maybe(typeInt())),
		col("suggested_user_type_database", maybe(typeName())), col("suggested_user_type_schema", maybe(typeName())), col("suggested_user_type_name", maybe(typeName())),
		col("suggested_assembly_qualified_type_name", maybe(typeText())), col("suggested_xml_collection_id", maybe(typeInt())),
		col("suggested_xml_collection_database", maybe(typeName())), col("suggested_xml_collection_schema", maybe(typeName())), col("suggested_xml_collection_name", maybe(typeName())),
		col("suggested_is_xml_document", must(typeBit())), col("suggested_is_case_sensitive", must(typeBit())), col("suggested_is_fixed_length_clr_type", must(typeBit())),
		col("suggested_is_input", must(typeBit())), col("suggested_is_output", must(typeBit())), col("formal_parameter_name", maybe(typeName())),
		col("suggested_tds_type_id", must(typeInt())), col("suggested_tds_length", must(typeInt())),
	)
	if err != nil {
		return err
	}
	none := sqltype.NullValue
	for i, p := range list {
		t := p.Type
		digits, scale := t.Digits()
		err := w.Row(integer(i+1), text(p.Name), integer(t.Kind.SystemID()), text(t.String()), smallint(t.StorageBytes()),
			sqltype.NewInt(sqltype.TinyInt, int64(digits)), sqltype.NewInt(sqltype.TinyInt, int64(scale)), none, none, none, none, none, none, none, none, none,
			bit(false), bit(t.Kind.IsText() && t.Collation.CaseSensitive()), bit(false), bit(p.Input), bit(p.Output), orNull(p.Formal),
			integer(t.Kind.SystemID()), integer(wireBytes(t)))
		if err != nil {
			return err
		}
	}
	return nil
}

// wireBytes is the length in a declaration of the type on the wire.
func wireBytes(t sqltype.Type) int {
	switch t.Kind {
	case sqltype.Decimal:
		return 17
	case sqltype.Text, sqltype.Image:
		return 1<<31 - 1
	case sqltype.NText:
		return 1<<31 - 2
	case sqltype.XML:
		return 8100
	}
	if t.IsMax() {
		return 65535
	}
	return t.StorageBytes()
}
