package ddl

import (
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/parse/cursor"
	"latchkey/engine/tsql/parse/expr"
	"latchkey/engine/tsql/token"
)

// CreateSchema parses what follows CREATE SCHEMA, with the objects and grants that belong to it.
func CreateSchema(c *cursor.Cursor) ast.Statement {
	s := &ast.CreateSchema{}
	if !c.Is("AUTHORIZATION") {
		s.Name = c.Name()
	}
	if c.Accept("AUTHORIZATION") {
		s.Authorization = c.Name()
		if s.Name == "" {
			s.Name = s.Authorization
		}
	}
	for c.IsSeq("CREATE", "TABLE") || c.IsSeq("CREATE", "VIEW") || c.IsAny("GRANT", "DENY", "REVOKE") {
		later := c.Scope.Later
		c.Scope.Later = false // these are part of the one statement
		s.Elements = append(s.Elements, c.Grammar.Statement(c))
		c.Scope.Later = later
	}
	return s
}

// TransferSchema parses what follows ALTER SCHEMA.
func TransferSchema(c *cursor.Cursor) ast.Statement {
	s := &ast.TransferSchema{Name: c.Name()}
	c.Expect("TRANSFER")
	s.Class = c.Class()
	s.Object = c.Object()
	return s
}

// Sequence parses what follows CREATE or ALTER SEQUENCE.
func Sequence(c *cursor.Cursor, mode ast.Mode) ast.Statement {
	s := &ast.Sequence{Mode: mode, Name: c.Object()}
	if c.Accept("AS") {
		s.Type = expr.DataType(c)
	}
	for {
		o := &ast.Option{}
		switch {
		case c.Accept("START"):
			c.Expect("WITH")
			o.Name, o.Value = "START WITH", expr.Scalar(c)
		case c.Accept("RESTART"):
			o.Name = "RESTART"
			if c.Accept("WITH") {
				o.Name, o.Value = "RESTART WITH", expr.Scalar(c)
			}
		case c.Accept("INCREMENT"):
			c.Expect("BY")
			o.Name, o.Value = "INCREMENT BY", expr.Scalar(c)
		case c.IsAny("MINVALUE", "MAXVALUE"):
			o.Name, o.Value = c.AnyWord(), expr.Scalar(c)
		case c.Accept("CYCLE"):
			o.Name = "CYCLE"
		case c.Accept("CACHE"):
			o.Name = "CACHE"
			if c.Kind() == token.Int {
				o.Value = c.Literal()
			}
		case c.Accept("NO"):
			o.Name = "NO " + c.ExpectAny("MINVALUE", "MAXVALUE", "CYCLE", "CACHE")
		default:
			return s
		}
		s.Options = append(s.Options, o)
	}
}

// CreateSynonym parses what follows CREATE SYNONYM.
func CreateSynonym(c *cursor.Cursor) ast.Statement {
	s := &ast.CreateSynonym{Name: c.Object()}
	c.Expect("FOR")
	s.For = c.Object()
	return s
}

// CreateType parses what follows CREATE TYPE.
func CreateType(c *cursor.Cursor) ast.Statement {
	s := &ast.CreateType{Name: c.Object()}
	switch {
	case c.Accept("FROM"):
		s.Base = expr.DataType(c)
		switch {
		case c.Accept("NOT", "NULL"):
			s.Nullable = "NOT NULL"
		case c.Accept("NULL"):
			s.Nullable = "NULL"
		}
	case c.Accept("AS"):
		c.Expect("TABLE")
		s.Table = TableDef(c)
		if c.Is("WITH") && c.SymAt(1, token.LParen) {
			c.Advance()
			s.Options = c.ParenOptions()
		}
	default:
		if s.External = external(c); s.External == nil {
			c.Fail()
		}
	}
	return s
}
