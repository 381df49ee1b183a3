package exec

import "latchkey/engine/sqltype"

func text(s string) sqltype.Value  { return sqltype.NewText(sqltype.NVarChar, s) }
func number(n int64) sqltype.Value { return sqltype.NewInt(sqltype.Int, n) }
