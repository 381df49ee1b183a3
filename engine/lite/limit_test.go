package lite_test

import (
	"strings"
	"testing"

	"latchkey/engine/fn"
	"latchkey/engine/sqltype"
)

// A function with as many arguments as T-SQL allows reaches SQLite, and so do deep and wide expressions.
func TestManyArguments(t *testing.T) {
	c, _ := open(t)
	args := make([]fn.Arg, 254)
	sql := make([]string, len(args))
	for i := range args {
		args[i].Type = sqltype.Sized(sqltype.VarChar, 1)
		sql[i] = "'x'"
	}
	f, _ := fn.Lookup("CONCAT")
	call, err := f.Resolve(args)
	must(t, err)
	rows, err := query(t, c, "SELECT "+call.SQLText(sql, ""))
	if err != nil || rows[0][0] != strings.Repeat("x", 254) {
		t.Errorf("%v, %v", rows, err)
	}
	if _, err = query(t, c, "SELECT 1 WHERE "+strings.Repeat("(1=1) AND ", 900)+"1"); err != nil {
		t.Errorf("900 conditions: %v", err)
	}
	if _, err = query(t, c, "SELECT 1 WHERE 1 IN ("+strings.Repeat("2,", 20000)+"1)"); err != nil {
		t.Errorf("20,000 constants: %v", err)
	}
}
