package compile_test

import (
	"fmt"
	"testing"

	"latchkey/engine/cell"
	"latchkey/engine/compile"
	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/plan"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/token"
)

// sameInGo computes an expression in Go and in SQLite and wants one outcome.
func sameInGo(t *testing.T, d *database, text string, condition bool) (ok bool) {
	t.Helper()
	sql := "SELECT " + text
	if condition {
		sql = "SELECT 1 WHERE " + text
	}
	body := parse(t, sql)[0].(*ast.SelectStmt).Query.Body.(*ast.Select)
	st := compile.NewStatement(d, token.Pos{})
	var x bound.X
	var err error
	if condition {
		x, err = st.Condition(body.Where)
		x.Type = sqltype.Of(sqltype.Bit)
	} else {
		x, err = st.Expr(body.Items[0].X)
	}
	if err != nil || x.Eval == nil {
		return false
	}
	if x.Type.Kind == sqltype.Null {
		x.Type = sqltype.Of(sqltype.Int)
	}
	inGo, goErr := x.Eval(frame(d.scope))
	p, err := st.Plan("SELECT "+x.SQL, []plan.Column{{Type: x.Type}})
	if err != nil {
		t.Fatal(err)
	}
	rows, liteErr := d.run(p)
	if condition && goErr == nil && liteErr != nil { // Go stops at the first decisive term of IN
		return true
	}
	if (goErr != nil) != (liteErr != nil) || goErr != nil && message(goErr) != message(liteErr) {
		t.Errorf("%s: in Go %v, in SQLite %q %v\n%s", text, goErr, rows, liteErr, p.SQL)
		return true
	}
	if goErr != nil {
		return true
	}
	if _, err := cell.Encode(x.Type, inGo); err != nil {
		t.Errorf("%s: %v is no %v: %v", text, inGo, x.Type, err)
		return true
	}
	if got := show(inGo, x.Type) + "\n"; got != rows {
		t.Errorf("%s: in Go %q, in SQLite %q\n%s", text, got, rows, p.SQL)
	}
	return true
}

func TestGoAndSQLiteAgree(t *testing.T) {
	d := open(t)
	operands := []string{"7", "-3", "2.50", "1e1", "$1.25", "'5'", "N'12'", "'abc'", "0x0F", "NULL", "CAST(1 AS bit)", "CAST('2024-02-29' AS date)", "CAST('2024-02-29T10:11:12' AS datetime)"}
	for i, v := range []struct{ typ, val string }{
		{"int", "2147483647"},
		{"int", "NULL"},
		{"smallint", "-5"},
		{"tinyint", "255"},
		{"bigint", "9007199254740993"},
		{"bit", "1"},
		{"decimal(5,2)", "-12.34"},
		{"decimal(30,10)", "12345678901234567890.0123456789"},
		{"money", "922337203685477.5807"},
		{"smallmoney", "-1.5"},
		{"float", "0.1"},
		{"real", "2.5"},
		{"varchar(10)", "Abc "},
		{"nvarchar(10)", "ÄBC"},
		{"char(6)", "12"},
		{"nvarchar(max)", "zz"},
		{"date", "1999-12-31"},
		{"datetime", "2024-01-01 10:00:00.003"},
		{"datetime2(3)", "2024-01-01 10:00:00.003"},
		{"datetimeoffset(2)", "2024-01-01 10:00 +02:00"},
		{"time(1)", "23:59:59.9"},
		{"smalldatetime", "2024-01-01 10:00"},
		{"varbinary(8)", "xy"},
		{"uniqueidentifier", "6F9619FF-8B86-D011-B42D-00C04FC964FF"},
	} {
		name := fmt.Sprintf("@v%d", i)
		if v.typ == "varbinary(8)" {
			d.declare(t, name, v.typ, "NULL")
			d.values[name] = sqltype.NewBytes(sqltype.VarBinary, "\x01\x00")
		} else {
			d.declare(t, name, v.typ, v.val)
		}
		operands = append(operands, name)
	}
	n := 0
	turn := 0
	try := func(text string, condition bool) {
		if turn++; turn%slow != 0 {
			return
		}
		if sameInGo(t, d, text, condition) {
			n++
		}
	}
	for _, a := range operands {
		for _, f := range []string{"- %s", "~ %s", "CAST(%s AS varchar(20))", "CAST(%s AS int)", "CAST(%s AS decimal(12,3))", "TRY_CAST(%s AS date)", "CAST(%s AS float)", "CAST(%s AS nvarchar(3))", "CAST(%s AS varbinary(10))", "CAST(%s AS money)", "CAST(%s AS datetime2(1))", "CONVERT(varchar(30), %s, 121)", "ISNULL(%s, 1)", "LEN(%s)", "UPPER(%s)", "ABS(%s)", "CAST(%s AS bit)", "CAST(%s AS tinyint)", "ROUND(%s, 1)"} {
			try(fmt.Sprintf(f, a), false)
		}
		try(a+" IS NULL", true)
		for _, b := range operands {
			for _, op := range []string{"+", "-", "*", "/", "%", "&", "|", "^"} {
				try(a+" "+op+" "+b, false)
			}
			for _, op := range []string{"=", "<>", "<", ">="} {
				try(a+" "+op+" "+b, true)
			}
			try(a+" IS NOT DISTINCT FROM "+b, true)
			try(a+" IN ("+b+", 3)", true)
			try(a+" LIKE "+b, true)
			try("CASE WHEN "+a+" = "+b+" THEN "+a+" ELSE "+b+" END", false)
			try("COALESCE("+a+", "+b+")", false)
			try("NULLIF("+a+", "+b+")", false)
			if t.Failed() && n > 4000 {
				return
			}
		}
	}
	t.Logf("%d expressions", n)
}
