package expr

import (
	"strings"

	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/parse/cursor"
	"latchkey/engine/tsql/token"
)

// systemTypes are the types that need no schema; synonyms give the type they stand for.
var systemTypes = map[string]string{
	"bigint": "bigint", "int": "int", "integer": "int", "smallint": "smallint", "tinyint": "tinyint", "bit": "bit",
	"decimal": "decimal", "dec": "decimal", "numeric": "numeric", "money": "money", "smallmoney": "smallmoney",
	"float": "float", "real": "real", "date": "date", "time": "time", "datetime": "datetime", "datetime2": "datetime2",
	"smalldatetime": "smalldatetime", "datetimeoffset": "datetimeoffset", "char": "char", "character": "char",
	"varchar": "varchar", "nchar": "nchar", "nvarchar": "nvarchar", "text": "text", "ntext": "ntext", "image": "image",
	"binary": "binary", "varbinary": "varbinary", "uniqueidentifier": "uniqueidentifier", "sql_variant": "sql_variant",
	"xml": "xml", "sysname": "sysname", "rowversion": "rowversion", "timestamp": "timestamp", "hierarchyid": "hierarchyid",
	"geography": "geography", "geometry": "geometry", "json": "json", "vector": "vector", "table": "table",
}

// DataType parses a type with its parameters.
func DataType(c *cursor.Cursor) *ast.DataType {
	t := &ast.DataType{Name: ast.ObjectName{Pos: c.Pos()}}
	system := func(name string) { t.Name.Parts = []string{name} }
	switch {
	case c.Accept("NATIONAL"):
		switch c.ExpectAny("CHARACTER", "CHAR", "TEXT") {
		case "TEXT":
			system("ntext")
		default:
			system("nchar")
			if c.Accept("VARYING") {
				system("nvarchar")
			}
		}
	case c.Accept("DOUBLE"):
		if !c.Accept("PRECISION") {
			c.Fail()
		}
		system("float")
	default:
		t.Name = c.Object()
		if len(t.Name.Parts) > 1 {
			break
		}
		name, ok := systemTypes[strings.ToLower(t.Name.Name())]
		if !ok {
			break
		}
		if varying, ok := map[string]string{"char": "varchar", "nchar": "nvarchar", "binary": "varbinary"}[name]; ok && c.Accept("VARYING") {
			name = varying
		}
		system(name)
	}
	if c.IsSym(token.LParen) {
		parameters(c, t)
	}
	return t
}

func parameters(c *cursor.Cursor, t *ast.DataType) {
	at := c.Pos()
	c.Advance()
	switch {
	case c.Accept("MAX"):
		t.Max = true
	case c.Kind() == token.Int:
		t.Args = append(t.Args, c.Int())
		if c.Comma() {
			t.Args = append(t.Args, c.Int())
		}
		checkSize(c, t, at)
	case len(t.Name.Parts) == 1 && t.Name.Name() == "xml":
		w := ""
		if (c.Is("CONTENT") || c.Is("DOCUMENT")) && !c.SymAt(1, token.RParen) && !c.SymAt(1, token.Dot) {
			w = c.AnyWord() + " "
		}
		var parts []string
		for _, p := range c.Object().Parts {
			parts = append(parts, token.Quote(p))
		}
		t.Schema = w + strings.Join(parts, ".")
	default:
		c.Fail()
	}
	c.ExpectSym(token.RParen)
}

// checkSize refuses sizes that no type has.
func checkSize(c *cursor.Cursor, t *ast.DataType, at token.Pos) {
	if len(t.Args) == 0 || len(t.Name.Parts) > 1 {
		return
	}
	n := t.Args[0]
	switch t.Name.Name() {
	case "char", "varchar", "nchar", "nvarchar", "binary", "varbinary":
		if n == 0 || len(t.Args) > 1 {
			c.FailAt(at, 1001, "Line %d: Length or precision specification %d is invalid.", at.Line, n)
		}
		if n > 8000 {
			c.FailAt(at, 131, "The size (%d) given to the type '%s' exceeds the maximum allowed for any data type (%d).", n, t.Name.Name(), 8000)
		}
	case "decimal", "numeric":
		if n == 0 {
			c.FailAt(at, 1001, "Line %d: Length or precision specification %d is invalid.", at.Line, n)
		}
		if len(t.Args) > 1 && t.Args[1] > n {
			c.FailAt(at, 192, "The scale must be less than or equal to the precision.")
		}
	case "float":
		if n == 0 || n > 53 {
			c.FailAt(at, 1001, "Line %d: Length or precision specification %d is invalid.", at.Line, n)
		}
	case "time", "datetime2", "datetimeoffset":
		if n > 7 {
			c.FailAt(at, 1002, "Line %d: Specified scale %d is invalid.", at.Line, n)
		}
	}
}
