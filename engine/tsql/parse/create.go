package parse

import (
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/parse/cursor"
	"latchkey/engine/tsql/parse/database"
	"latchkey/engine/tsql/parse/ddl"
	"latchkey/engine/tsql/parse/security"
	"latchkey/engine/tsql/token"
)

// first refuses a statement that is not the first of its batch.
func first(c *cursor.Cursor, at token.Pos, name string) {
	if c.Scope.Later || c.Scope.Module != "" {
		c.FailAt(at, 111, "'%s' must be the first statement in a query batch.", name)
	}
}

func create(c *cursor.Cursor) ast.Statement {
	at := c.Pos()
	c.Expect("CREATE")
	if c.Accept("OR") {
		c.Expect("ALTER")
		if s := module(c, at, "CREATE OR ALTER"); s != nil {
			return s
		}
		return nil
	}
	if s := ddl.Unsupported(c, "CREATE"); s != nil {
		return s
	}
	if s := module(c, at, "CREATE"); s != nil {
		return s
	}
	if s := ddl.CreateIndex(c); s != nil {
		return s
	}
	if s := createObject(c, at); s != nil {
		return s
	}
	return principalOrKey(c, "CREATE")
}

func createObject(c *cursor.Cursor, at token.Pos) ast.Statement {
	switch {
	case c.Accept("TABLE"):
		return ddl.CreateTable(c)
	case c.Accept("SCHEMA"):
		first(c, at, "CREATE SCHEMA")
		return ddl.CreateSchema(c)
	case c.Accept("SEQUENCE"):
		return ddl.Sequence(c, "CREATE")
	case c.Accept("SYNONYM"):
		return ddl.CreateSynonym(c)
	case c.Accept("TYPE"):
		return ddl.CreateType(c)
	case c.Accept("STATISTICS"):
		return ddl.CreateStatistics(c)
	case c.Accept("DATABASE", "ENCRYPTION", "KEY"):
		return security.DatabaseKey(c, "CREATE")
	case c.Accept("DATABASE", "SCOPED", "CREDENTIAL"):
		return security.Credential(c, "CREATE", true)
	case c.Accept("DATABASE"):
		return database.Create(c)
	case c.Accept("LOGIN"):
		return security.CreateLogin(c)
	case c.Accept("ASYMMETRIC", "KEY"):
		return security.AsymmetricKey(c)
	case c.Accept("SYMMETRIC", "KEY"):
		return security.SymmetricKey(c)
	case c.Accept("CERTIFICATE"):
		return security.CreateCertificate(c)
	case c.Accept("MASTER", "KEY"):
		return security.CreateMasterKey(c)
	}
	return nil
}

// principalOrKey parses the kinds whose CREATE and ALTER share a node.
func principalOrKey(c *cursor.Cursor, mode ast.Mode) ast.Statement {
	switch {
	case c.Accept("CRYPTOGRAPHIC", "PROVIDER"):
		return security.Provider(c, mode)
	case c.Accept("CREDENTIAL"):
		return security.Credential(c, mode, false)
	case c.Accept("USER"):
		return security.User(c, mode)
	case c.Accept("ROLE"):
		return security.Role(c, mode, "ROLE")
	case c.Accept("SERVER", "ROLE"):
		return security.Role(c, mode, "SERVER ROLE")
	case c.Accept("APPLICATION", "ROLE"):
		return security.Role(c, mode, "APPLICATION ROLE")
	}
	return nil
}

// module parses what must stand first in its batch.
func module(c *cursor.Cursor, at token.Pos, mode ast.Mode) ast.Statement {
	verb := "CREATE"
	if mode == "ALTER" {
		verb = "ALTER"
	}
	switch {
	case c.Accept("VIEW"):
		first(c, at, verb+" VIEW")
		return ddl.CreateView(c, mode)
	case c.Accept("PROCEDURE"), c.Accept("PROC"):
		first(c, at, "CREATE/ALTER PROCEDURE")
		return ddl.CreateProc(c, mode)
	case c.Accept("FUNCTION"):
		first(c, at, verb+" FUNCTION")
		return ddl.CreateFunction(c, mode)
	case c.Accept("TRIGGER"):
		first(c, at, verb+" TRIGGER")
		return ddl.CreateTrigger(c, mode)
	}
	return nil
}

func alter(c *cursor.Cursor) ast.Statement {
	at := c.Pos()
	c.Expect("ALTER")
	if s := ddl.Unsupported(c, "ALTER"); s != nil {
		return s
	}
	if s := module(c, at, "ALTER"); s != nil {
		return s
	}
	switch {
	case c.Accept("TABLE"):
		return ddl.AlterTable(c)
	case c.Accept("INDEX"):
		return ddl.AlterIndex(c)
	case c.Accept("SCHEMA"):
		return ddl.TransferSchema(c)
	case c.Accept("SEQUENCE"):
		return ddl.Sequence(c, "ALTER")
	case c.Accept("AUTHORIZATION"):
		return security.AlterAuthorization(c)
	case c.Accept("DATABASE", "ENCRYPTION", "KEY"):
		return security.DatabaseKey(c, "ALTER")
	case c.Accept("DATABASE", "SCOPED", "CONFIGURATION"):
		return database.ScopedConfig(c)
	case c.Accept("DATABASE", "SCOPED", "CREDENTIAL"):
		return security.Credential(c, "ALTER", true)
	case c.Accept("DATABASE"):
		return database.Alter(c)
	case c.Accept("LOGIN"):
		return security.AlterLogin(c)
	case c.Accept("ASYMMETRIC", "KEY"):
		return security.AlterAsymmetricKey(c)
	case c.Accept("SYMMETRIC", "KEY"):
		return security.AlterSymmetricKey(c)
	case c.Accept("CERTIFICATE"):
		return security.AlterCertificate(c)
	case c.Accept("MASTER", "KEY"):
		return security.AlterMasterKey(c, false)
	case c.Accept("SERVICE", "MASTER"):
		c.Expect("KEY")
		return security.AlterMasterKey(c, true)
	}
	return principalOrKey(c, "ALTER")
}
