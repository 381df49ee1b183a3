package security

import (
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/parse/cursor"
	"latchkey/engine/tsql/token"
)

// Permission parses GRANT, DENY or REVOKE.
func Permission(c *cursor.Cursor) ast.Statement {
	s := &ast.Permission{Verb: c.ExpectAny("GRANT", "DENY", "REVOKE")}
	if s.Verb == "REVOKE" && c.IsSeq("GRANT", "OPTION") {
		c.Accept("GRANT", "OPTION")
		c.Expect("FOR")
		s.GrantOptionFor = true
	}
	if c.Accept("ALL") {
		s.All = true
		c.Accept("PRIVILEGES")
	} else {
		s.Permissions = append(s.Permissions, permission(c))
		for c.Comma() {
			s.Permissions = append(s.Permissions, permission(c))
		}
	}
	if c.Accept("ON") {
		s.Class = c.Class()
		n := c.Object()
		s.Securable = &n
		if c.IsSym(token.LParen) {
			s.Columns = c.ParenNames()
		}
	}
	if s.Verb == "REVOKE" {
		c.ExpectAny("TO", "FROM")
	} else {
		c.Expect("TO")
	}
	s.Principals = append(s.Principals, c.NameOrWord("PUBLIC"))
	for c.Comma() {
		s.Principals = append(s.Principals, c.NameOrWord("PUBLIC"))
	}
	if s.Verb == "GRANT" && c.IsSeq("WITH", "GRANT") {
		c.Accept("WITH", "GRANT")
		c.Expect("OPTION")
		s.GrantOption = true
	}
	if s.Verb != "GRANT" {
		s.Cascade = c.Accept("CASCADE")
	}
	if c.Accept("AS") {
		s.As = c.Name()
	}
	return s
}

// permission parses the words of one permission; EXEC is EXECUTE.
func permission(c *cursor.Cursor) ast.PermissionItem {
	var p ast.PermissionItem
	for c.Kind() == token.Word && !c.IsAny("ON", "TO", "FROM") {
		w := c.AnyWord()
		switch w {
		case "EXEC":
			w = "EXECUTE"
		case "PROC":
			w = "PROCEDURE"
		}
		if p.Name != "" {
			p.Name += " "
		}
		p.Name += w
	}
	if p.Name == "" {
		c.Fail()
	}
	if c.IsSym(token.LParen) {
		p.Columns = c.ParenNames()
	}
	return p
}

// ExecuteAs parses what follows EXECUTE AS as a statement.
func ExecuteAs(c *cursor.Cursor) ast.Statement {
	s := &ast.ExecuteAs{Kind: c.ExpectAny("LOGIN", "USER", "CALLER")}
	if s.Kind != "CALLER" {
		c.ExpectSym(token.Eq)
		if c.Kind() == token.Variable {
			s.Name = &ast.Variable{Pos: c.Pos(), Name: c.Var()}
		} else if c.IsString() {
			s.Name = c.Literal()
		} else {
			c.Fail()
		}
	}
	if c.IsSeq("WITH", "NO") {
		c.Accept("WITH", "NO")
		c.Expect("REVERT")
		s.NoRevert = true
	}
	if c.IsSeq("WITH", "COOKIE") {
		c.Accept("WITH", "COOKIE")
		c.Expect("INTO")
		s.Cookie = c.Var()
	}
	return s
}

// Revert parses REVERT.
func Revert(c *cursor.Cursor) ast.Statement {
	c.Expect("REVERT")
	s := &ast.Revert{}
	if c.IsSeq("WITH", "COOKIE") {
		c.Accept("WITH", "COOKIE")
		c.ExpectSym(token.Eq)
		s.Cookie = c.Var()
	}
	return s
}

// AlterAuthorization parses what follows ALTER AUTHORIZATION.
func AlterAuthorization(c *cursor.Cursor) ast.Statement {
	s := &ast.AlterAuthorization{}
	c.Expect("ON")
	s.Class = c.Class()
	s.Name = c.Object()
	c.Expect("TO")
	if c.Accept("SCHEMA") {
		c.Expect("OWNER")
	} else {
		s.Owner = c.Name()
	}
	return s
}
