package ddl

import (
	"strings"

	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/parse/cursor"
	"latchkey/engine/tsql/token"
)

// dropKinds are the kinds of objects that DROP knows, longer ones first where one begins another. Value: how many names may
// follow, 0 for none, 1 for one, 2 for a list.
var dropKinds = []struct {
	words []string
	names int
}{
	{[]string{"DATABASE", "ENCRYPTION", "KEY"}, 0},
	{[]string{"DATABASE", "SCOPED", "CREDENTIAL"}, 1},
	{[]string{"MASTER", "KEY"}, 0},
	{[]string{"ASYMMETRIC", "KEY"}, 1},
	{[]string{"SYMMETRIC", "KEY"}, 1},
	{[]string{"CERTIFICATE"}, 1},
	{[]string{"CRYPTOGRAPHIC", "PROVIDER"}, 1},
	{[]string{"CREDENTIAL"}, 1},
	{[]string{"LOGIN"}, 1},
	{[]string{"USER"}, 1},
	{[]string{"ROLE"}, 1},
	{[]string{"SERVER", "ROLE"}, 1},
	{[]string{"APPLICATION", "ROLE"}, 1},
	{[]string{"TABLE"}, 2},
	{[]string{"VIEW"}, 2},
	{[]string{"PROCEDURE"}, 2},
	{[]string{"PROC"}, 2},
	{[]string{"FUNCTION"}, 2},
	{[]string{"TRIGGER"}, 2},
	{[]string{"SEQUENCE"}, 2},
	{[]string{"SYNONYM"}, 1},
	{[]string{"DEFAULT"}, 2},
	{[]string{"RULE"}, 2},
	{[]string{"SCHEMA"}, 1},
	{[]string{"TYPE"}, 1},
	{[]string{"STATISTICS"}, 2},
}

// Drop parses DROP; what follows is any kind of object.
func Drop(c *cursor.Cursor) ast.Statement {
	c.Expect("DROP")
	if s := Unsupported(c, "DROP"); s != nil {
		return s
	}
	if c.Accept("INDEX") {
		return dropIndexes(c)
	}
	for _, k := range dropKinds {
		if c.Accept(k.words...) {
			return drop(c, strings.Join(k.words, " "), k.names)
		}
	}
	if !c.Accept("DATABASE") {
		c.Fail()
	}
	return drop(c, "DATABASE", 2)
}

func drop(c *cursor.Cursor, kind string, names int) ast.Statement {
	s := &ast.Drop{Kind: kind}
	if kind == "PROC" {
		s.Kind = "PROCEDURE"
	}
	if names == 0 {
		return s
	}
	s.IfExists = c.Accept("IF", "EXISTS")
	s.Names = append(s.Names, c.Object())
	for names > 1 && c.Comma() {
		s.Names = append(s.Names, c.Object())
	}
	switch s.Kind {
	case "ASYMMETRIC KEY", "SYMMETRIC KEY":
		s.RemoveProviderKey = c.Accept("REMOVE", "PROVIDER", "KEY")
	case "TRIGGER":
		if c.Accept("ON") {
			on, scope := triggerScope(c)
			if scope == "" {
				c.FailAt(on.Pos, 102, "Incorrect syntax near '%s'.", on.Name())
			}
			s.On = ast.ObjectName{Parts: []string{scope}}
		}
	}
	return s
}

// dropIndexes parses DROP INDEX i ON t, ...; more than one table makes one statement for each, which the tree keeps in one
// node by naming indexes with their table (table.index), the older form of the same statement.
func dropIndexes(c *cursor.Cursor) ast.Statement {
	s := &ast.Drop{Kind: "INDEX", IfExists: c.Accept("IF", "EXISTS")}
	for n := 0; ; n++ {
		name := c.Object()
		if c.Accept("ON") {
			on := c.Object()
			if n == 0 && !c.IsSym(token.Comma) {
				s.On = on
			} else {
				name = ast.ObjectName{Parts: append(on.Parts, name.Name()), Pos: name.Pos}
			}
			if c.Is("WITH") && c.SymAt(1, token.LParen) {
				c.Advance()
				s.Options = append(s.Options, c.ParenOptions()...)
			}
		} else if len(name.Parts) < 2 {
			c.FailAt(name.Pos, 159, "Must specify the table name and index name for the DROP INDEX statement.")
		}
		s.Names = append(s.Names, name)
		if !c.Comma() {
			return s
		}
	}
}

// unsupported are the kinds of objects that are recognised after CREATE, ALTER and DROP, and refused by name.
var unsupported = [][]string{
	{"AGGREGATE"},
	{"ASSEMBLY"},
	{"AVAILABILITY", "GROUP"},
	{"BROKER", "PRIORITY"},
	{"COLUMN", "ENCRYPTION", "KEY"},
	{"COLUMN", "MASTER", "KEY"},
	{"CONTRACT"},
	{"DATABASE", "AUDIT", "SPECIFICATION"},
	{"ENDPOINT"},
	{"EVENT", "NOTIFICATION"},
	{"EVENT", "SESSION"},
	{"EXTERNAL"},
	{"FULLTEXT"},
	{"MESSAGE", "TYPE"},
	{"PARTITION", "FUNCTION"},
	{"PARTITION", "SCHEME"},
	{"QUEUE"},
	{"REMOTE", "SERVICE", "BINDING"},
	{"RESOURCE"},
	{"ROUTE"},
	{"SEARCH", "PROPERTY", "LIST"},
	{"SECURITY", "POLICY"},
	{"SELECTIVE", "XML"},
	{"SERVER", "AUDIT"},
	{"SERVICE"},
	{"SIGNATURE"},
	{"SENSITIVITY", "CLASSIFICATION"},
	{"WORKLOAD"},
	{"XML"},
	{"SPATIAL"},
	{"PRIMARY", "XML"},
	{"SERVER", "CONFIGURATION"},
	{"COUNTER", "SIGNATURE"},
	{"JSON", "INDEX"},
	{"VECTOR", "INDEX"},
}

// Unsupported consumes a statement on a kind of object that is recognised and refused; nil if the kind is none of these.
// SERVICE MASTER KEY is supported and left alone, as are DEFAULT and RULE but for CREATE.
func Unsupported(c *cursor.Cursor, verb string) ast.Statement {
	if c.IsSeq("SERVICE", "MASTER") {
		return nil
	}
	for _, words := range unsupported {
		if c.IsSeq(words...) {
			return Swallow(c, verb+" "+strings.Join(words, " "), verb)
		}
	}
	if verb == "CREATE" && (c.Is("DEFAULT") || c.Is("RULE")) {
		return Swallow(c, verb+" "+strings.ToUpper(c.Source()), verb)
	}
	return nil
}

// Swallow consumes a statement by force, to the next semicolon or the end of the block or batch; lead is what has been
// consumed of it.
func Swallow(c *cursor.Cursor, feature, lead string) ast.Statement {
	rest := c.Raw(c.EndOfStatement)
	if lead != "" && rest != "" {
		lead += " "
	}
	return &ast.Unsupported{Feature: feature, Text: lead + rest}
}
