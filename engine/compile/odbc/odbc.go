// Package odbc turns the calls of ODBC's escapes, {fn NOW()}, into those of Transact-SQL that they mean.
//
// [Call] is for the compiler: the tree keeps what was written. Names that ODBC and Transact-SQL share stay as they are, and what neither has is
// message 195 of whoever compiles the call.
package odbc

import (
	"strings"

	"latchkey/engine/compile/plan"
	"latchkey/engine/tsql/ast"
)

// Call is the call of Transact-SQL that {fn call} means. Functions of ODBC that are called the same stay as they are. The error is message 155: no such part of a date.
func Call(e *ast.ODBCFunc) (ast.Expr, error) {
	f, ok := e.Call.(*ast.FuncCall)
	if !ok || len(f.Name.Parts) != 1 {
		return e.Call, nil
	}
	name := strings.ToUpper(f.Name.Name())
	call := func(name string, args ...ast.Expr) (ast.Expr, error) {
		return &ast.FuncCall{Name: ast.ObjectName{Parts: []string{name}, Pos: f.Name.Pos}, Args: args}, nil
	}
	word := func(w string) ast.Expr {
		return &ast.ColumnRef{Name: ast.ObjectName{Parts: []string{w}, Pos: f.Name.Pos}}
	}
	number := func(n string) ast.Expr { return &ast.Literal{Kind: ast.IntLit, Text: n} }
	now := func(length int, style string) (ast.Expr, error) {
		get, _ := call("GETDATE")
		return &ast.Convert{Type: &ast.DataType{Name: ast.ObjectName{Parts: []string{"varchar"}, Pos: f.Name.Pos}, Args: []int{length}}, X: get, Style: number(style)}, nil
	}
	n := len(f.Args)
	if to, same := renamed(name); same {
		return call(to, f.Args...)
	}
	if part, ok := datePart(name); ok && n == 1 {
		return call(part[0], word(part[1]), f.Args[0])
	}
	switch {
	case (name == "CURDATE" || name == "CURRENT_DATE") && n == 0:
		return now(10, "23")
	case (name == "CURTIME" || name == "CURRENT_TIME") && n <= 1:
		return now(12, "114")
	case name == "CURRENT_TIMESTAMP" && n <= 1:
		return call("GETDATE")
	case (name == "BIT_LENGTH") && n == 1:
		bytes, _ := call("DATALENGTH", f.Args...)
		return &ast.Binary{Op: "*", L: number("8"), R: bytes}, nil
	case name == "MOD" && n == 2:
		return &ast.Binary{Op: "%", L: f.Args[0], R: f.Args[1]}, nil
	case name == "TRUNCATE" && n == 2:
		return call("ROUND", f.Args[0], f.Args[1], number("1"))
	case name == "USER" && n == 0:
		return call("USER_NAME")
	case (name == "TIMESTAMPADD" || name == "TIMESTAMPDIFF") && n == 3:
		c, ok := f.Args[0].(*ast.ColumnRef)
		if !ok {
			break
		}
		part, known := interval(c.Name.Name())
		if !known {
			return nil, plan.Fail(f.Name.Pos, 155, c.Name.Name(), strings.ToLower(name))
		}
		to := "DATEADD"
		if name == "TIMESTAMPDIFF" {
			to = "DATEDIFF"
		}
		return call(to, word(part), f.Args[1], f.Args[2])
	case name == "CONVERT" && n == 2:
		c, ok := f.Args[1].(*ast.ColumnRef)
		if !ok {
			break
		}
		if t := typeOf(c.Name.Name()); t != nil {
			t.Name.Pos = f.Name.Pos
			return &ast.Cast{X: f.Args[0], Type: t}, nil
		}
	}
	return f, nil
}

// renamed gives the name of a function that differs in its name alone.
func renamed(name string) (string, bool) {
	to, ok := map[string]string{
		"NOW": "GETDATE", "UCASE": "UPPER", "LCASE": "LOWER", "LENGTH": "LEN", "CHAR_LENGTH": "LEN", "CHARACTER_LENGTH": "LEN", "OCTET_LENGTH": "DATALENGTH",
		"REPEAT": "REPLICATE", "LOCATE": "CHARINDEX", "POSITION": "CHARINDEX", "INSERT": "STUFF", "IFNULL": "ISNULL", "DATABASE": "DB_NAME", "ATAN2": "ATN2",
		"DAYOFMONTH": "DAY",
	}[name]
	return to, ok
}

// datePart gives the function and the part of a date for those of one date.
func datePart(name string) ([2]string, bool) {
	p, ok := map[string][2]string{
		"DAYOFWEEK": {"DATEPART", "weekday"}, "DAYOFYEAR": {"DATEPART", "dayofyear"}, "HOUR": {"DATEPART", "hour"}, "MINUTE": {"DATEPART", "minute"},
		"SECOND": {"DATEPART", "second"}, "QUARTER": {"DATEPART", "quarter"}, "WEEK": {"DATEPART", "week"}, "MONTHNAME": {"DATENAME", "month"},
		"DAYNAME": {"DATENAME", "weekday"},
	}[name]
	return p, ok
}

// interval gives the part of a date that SQL_TSI_x is.
func interval(name string) (string, bool) {
	p, ok := map[string]string{
		"SQL_TSI_SECOND": "second", "SQL_TSI_MINUTE": "minute", "SQL_TSI_HOUR": "hour", "SQL_TSI_DAY": "day", "SQL_TSI_WEEK": "week",
		"SQL_TSI_MONTH": "month", "SQL_TSI_QUARTER": "quarter", "SQL_TSI_YEAR": "year", "SQL_TSI_FRAC_SECOND": "millisecond",
	}[strings.ToUpper(name)]
	return p, ok
}

// typeOf is the type that SQL_x is in {fn CONVERT(x, SQL_x)}, nil for one that there is not.
func typeOf(name string) *ast.DataType {
	t := map[string]string{
		"SQL_BIGINT": "bigint", "SQL_BINARY": "binary", "SQL_BIT": "bit", "SQL_CHAR": "char", "SQL_DATE": "date", "SQL_TYPE_DATE": "date", "SQL_DECIMAL": "decimal",
		"SQL_DOUBLE": "float", "SQL_FLOAT": "float", "SQL_GUID": "uniqueidentifier", "SQL_INTEGER": "int", "SQL_LONGVARBINARY": "varbinary", "SQL_LONGVARCHAR": "varchar",
		"SQL_NUMERIC": "numeric", "SQL_REAL": "real", "SQL_SMALLINT": "smallint", "SQL_TIME": "time", "SQL_TYPE_TIME": "time", "SQL_TIMESTAMP": "datetime",
		"SQL_TYPE_TIMESTAMP": "datetime", "SQL_TINYINT": "tinyint", "SQL_VARBINARY": "varbinary", "SQL_VARCHAR": "varchar", "SQL_WCHAR": "nchar",
		"SQL_WLONGVARCHAR": "nvarchar", "SQL_WVARCHAR": "nvarchar",
	}[strings.ToUpper(name)]
	if t == "" {
		return nil
	}
	return &ast.DataType{Name: ast.ObjectName{Parts: []string{t}}, Max: strings.Contains(strings.ToUpper(name), "LONG")}
}
