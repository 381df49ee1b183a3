package builtin

import (
	"latchkey/engine/exec/handler"
	"latchkey/engine/sqltype"
)

func text(s string) sqltype.Value  { return sqltype.NewText(sqltype.NVarChar, s) }
func number(n int64) sqltype.Value { return sqltype.NewInt(sqltype.Int, n) }
func smallint(n int) sqltype.Value { return sqltype.NewInt(sqltype.SmallInt, int64(n)) }
func integer(n int) sqltype.Value  { return sqltype.NewInt(sqltype.Int, int64(n)) }
func bit(b bool) sqltype.Value     { return sqltype.NewBit(b) }

func orNull(s string) sqltype.Value {
	if s == "" {
		return sqltype.NullValue
	}
	return text(s)
}

func typeInt() sqltype.Type      { return sqltype.Of(sqltype.Int) }
func typeSmallInt() sqltype.Type { return sqltype.Of(sqltype.SmallInt) }
func typeBit() sqltype.Type      { return sqltype.Of(sqltype.Bit) }
func typeName() sqltype.Type     { return sqltype.Sized(sqltype.NVarChar, 128) }
func typeText() sqltype.Type     { return sqltype.Sized(sqltype.NVarChar, 4000) }

func col(name string, t sqltype.Type) handler.Column { return handler.Column{Name: name, Type: t} }
