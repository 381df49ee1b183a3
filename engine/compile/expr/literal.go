package expr

import (
	"encoding/hex"
	"strconv"
	"strings"

	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/plan"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/collation"
	"latchkey/engine/sqltype/convert"
	"latchkey/engine/sqltype/wtf8"
	"latchkey/engine/tsql/ast"
)

func (c *Compiler) literal(e *ast.Literal) (bound.X, error) {
	v, t, err := Literal(e, c.Settings.Collation)
	if err != nil {
		return bound.X{}, plan.At(err, c.Pos)
	}
	return c.Constant(v, t), nil
}

// Literal is the value and the exact type of a constant.
func Literal(e *ast.Literal, coll collation.Collation) (sqltype.Value, sqltype.Type, error) {
	switch e.Kind {
	case ast.NullLit:
		return sqltype.NullValue, sqltype.Type{Nullable: true}, nil
	case ast.IntLit:
		n, err := strconv.ParseInt(e.Text, 10, 32)
		if err != nil {
			return decimalLiteral(e.Text)
		}
		return sqltype.NewInt(sqltype.Int, n), sqltype.Of(sqltype.Int), nil
	case ast.DecimalLit:
		return decimalLiteral(e.Text)
	case ast.FloatLit:
		text := e.Text
		if strings.HasSuffix(strings.ToLower(text), "e") || strings.HasSuffix(text, "+") || strings.HasSuffix(text, "-") {
			text += "0" // 1e is 1e0
		}
		f, err := strconv.ParseFloat(text, 64)
		v := sqltype.NewFloat(sqltype.Float, f)
		if v.IsNull() || err != nil && f != 0 {
			return v, sqltype.Type{}, plan.Message(168, e.Text)
		}
		return v, sqltype.Of(sqltype.Float), nil
	case ast.MoneyLit:
		text := strings.TrimLeft(e.Text, " ")
		v, err := convert.Convert(sqltype.NewText(sqltype.NVarChar, text), sqltype.Sized(sqltype.NVarChar, sqltype.Max), sqltype.Of(sqltype.Money), convert.Options{})
		return v, sqltype.Of(sqltype.Money), err
	case ast.StringLit:
		return Text(sqltype.VarChar, e.Text, coll)
	case ast.NStringLit:
		return Text(sqltype.NVarChar, e.Text, coll)
	case ast.BinaryLit:
		digits := strings.TrimPrefix(strings.TrimPrefix(e.Text, "0x"), "0X")
		if len(digits)%2 == 1 {
			digits = "0" + digits
		}
		b, err := hex.DecodeString(digits)
		if err != nil {
			return sqltype.NullValue, sqltype.Type{}, plan.Message(102, e.Text)
		}
		t := sqltype.Sized(sqltype.VarBinary, max(len(b), 1))
		if len(b) > sqltype.MaxBytes {
			t.Length = sqltype.Max
		}
		return sqltype.NewBytes(sqltype.VarBinary, string(b)), t, nil
	}
	return sqltype.NullValue, sqltype.Type{}, plan.Message(40517, "CONSTANT")
}

// Text is a string constant of varchar or nvarchar with the length that it has.
func Text(k sqltype.Kind, s string, coll collation.Collation) (sqltype.Value, sqltype.Type, error) {
	t := sqltype.Sized(k, sqltype.Max).Collated(coll)
	v := sqltype.NewText(k, s)
	limit, n := sqltype.MaxNational, wtf8.Len(s)
	if k == sqltype.VarChar {
		var err error
		if v, err = convert.Convert(sqltype.NewText(sqltype.NVarChar, s), sqltype.Sized(sqltype.NVarChar, sqltype.Max), t, convert.Options{}); err != nil {
			return v, t, err
		}
		limit = sqltype.MaxBytes
		if coll.IsUTF8() {
			n = len(s)
		}
	}
	if n <= limit {
		t.Length = max(n, 1)
	}
	return v, t, nil
}

func decimalLiteral(text string) (sqltype.Value, sqltype.Type, error) {
	n, digits, scale, ok := sqltype.ParseDecimal(text)
	if !ok {
		return sqltype.NullValue, sqltype.Type{}, plan.Message(102, text)
	}
	digits = max(digits, scale, 1)
	if digits > sqltype.MaxPrecision {
		return sqltype.NullValue, sqltype.Type{}, plan.Message(1007, text)
	}
	v, err := sqltype.NewDecimal(digits, scale, n)
	return v, sqltype.DecimalType(digits, scale), err
}

func (c *Compiler) odbcLiteral(e *ast.ODBCLiteral) (bound.X, error) {
	kinds := map[string]sqltype.Kind{"d": sqltype.DateTime, "t": sqltype.DateTime, "ts": sqltype.DateTime, "guid": sqltype.UniqueIdentifier}
	k, ok := kinds[e.Kind]
	if !ok {
		return bound.X{}, plan.Unsupported("{"+e.Kind+" '...'}", c.Pos)
	}
	if e.Kind == "t" {
		return bound.X{}, plan.Unsupported("{t '...'}", c.Pos) // today's date with that time: depends on the clock
	}
	v, t, err := Text(sqltype.VarChar, e.Text, c.Settings.Collation)
	if err != nil {
		return bound.X{}, plan.At(err, c.Pos)
	}
	to := sqltype.Of(k)
	if v, err = convert.Convert(v, t, to, convert.Options{DateFormat: convert.YMD}); err != nil {
		return bound.X{}, plan.At(err, c.Pos)
	}
	return c.Constant(v, to), nil
}

func (c *Compiler) collation(name string) (collation.Collation, bool) {
	if strings.EqualFold(name, "DATABASE_DEFAULT") || strings.EqualFold(name, "CATALOG_DEFAULT") {
		return c.Settings.Collation, true
	}
	coll, err := collation.Parse(name)
	return coll, err == nil
}
