package parse

import (
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/parse/cursor"
	"latchkey/engine/tsql/parse/expr"
	"latchkey/engine/tsql/parse/security"
	"latchkey/engine/tsql/token"
)

// exec parses EXEC of a procedure or a string, and EXECUTE AS.
func exec(c *cursor.Cursor) ast.Statement {
	c.Advance()
	if c.Accept("AS") {
		return security.ExecuteAs(c)
	}
	s := &ast.Exec{}
	if c.IsSym(token.LParen) {
		execString(c, s)
		return s
	}
	if c.Kind() == token.Variable && c.SymAt(1, token.Eq) {
		s.Return = c.Var()
		c.Advance()
	}
	procedure(c, s)
	return s
}

// implicitExec parses a procedure call without EXEC, which the first statement of a batch may be.
func implicitExec(c *cursor.Cursor) ast.Statement {
	s := &ast.Exec{Implicit: true}
	procedure(c, s)
	return s
}

// odbcCall parses {call procedure (arguments)}.
func odbcCall(c *cursor.Cursor) ast.Statement {
	c.Advance()
	c.Expect("CALL")
	s := &ast.Exec{Proc: c.Object()}
	if c.Sym(token.LParen) {
		if !c.IsSym(token.RParen) {
			s.Args = execArgs(c)
		}
		c.ExpectSym(token.RParen)
	}
	c.ExpectSym(token.RBrace)
	return s
}

func procedure(c *cursor.Cursor, s *ast.Exec) {
	if c.Kind() == token.Variable {
		s.ProcVariable = c.Var()
	} else {
		s.Proc = c.Object()
		if c.IsSym(token.Semicolon) && c.KindAt(1) == token.Int {
			c.Advance()
			s.Number = c.Int()
		}
	}
	if beginsArg(c) {
		s.Args = execArgs(c)
	}
	execTail(c, s)
}

func beginsArg(c *cursor.Cursor) bool {
	switch c.Kind() {
	case token.Minus, token.Plus, token.Variable, token.GlobalVar:
		return true
	}
	return c.IsLiteral() || c.Is("DEFAULT") || c.IsName() && !c.SymAt(1, token.Colon)
}

func execArgs(c *cursor.Cursor) []*ast.ExecArg {
	list := []*ast.ExecArg{execArg(c)}
	for c.Comma() {
		list = append(list, execArg(c))
	}
	return list
}

func execArg(c *cursor.Cursor) *ast.ExecArg {
	a := &ast.ExecArg{}
	if c.Kind() == token.Variable && c.SymAt(1, token.Eq) {
		a.Name = c.Var()
		c.Advance()
	}
	switch {
	case !beginsArg(c):
		c.Fail()
	case c.Accept("DEFAULT"):
		a.Value = &ast.Default{}
	case c.IsName(): // a bare word is a string
		a.Value = &ast.Literal{Kind: ast.NStringLit, Text: c.Name()}
	case c.IsLiteral():
		a.Value = c.Literal()
	default:
		a.Value, _ = c.OptionValue()
	}
	a.Output = c.AcceptAny("OUTPUT", "OUT") != ""
	return a
}

// execString parses ('text' + @variable [, arguments]).
func execString(c *cursor.Cursor, s *ast.Exec) {
	c.ExpectSym(token.LParen)
	operand := func() {
		if !c.IsString() && c.Kind() != token.Variable && c.Kind() != token.GlobalVar {
			c.Fail()
			return
		}
		if c.IsString() {
			s.Strings = append(s.Strings, c.Literal())
			return
		}
		v, _ := c.OptionValue()
		s.Strings = append(s.Strings, v)
	}
	operand()
	for c.Sym(token.Plus) {
		operand()
	}
	if c.Comma() {
		s.StringArgs = execArgs(c)
	}
	c.ExpectSym(token.RParen)
	if c.Accept("AS") {
		s.Context = c.ExpectAny("LOGIN", "USER")
		c.ExpectSym(token.Eq)
		s.ContextName = c.Str()
	}
	if c.Accept("AT") {
		c.Accept("DATA_SOURCE")
		s.Linked = c.Name()
	}
	execTail(c, s)
}

// execTail parses WITH RECOMPILE and WITH RESULT SETS.
func execTail(c *cursor.Cursor, s *ast.Exec) {
	if !c.IsSeq("WITH", "RECOMPILE") && !c.IsSeq("WITH", "RESULT") {
		return
	}
	c.Advance()
	for {
		if c.Accept("RECOMPILE") {
			s.Options = append(s.Options, &ast.Option{Name: "RECOMPILE"})
		} else {
			c.Expect("RESULT", "SETS")
			if w := c.AcceptAny("NONE", "UNDEFINED"); w != "" {
				s.ResultSets = w
			} else {
				s.ResultSets = "(" + c.RawParens() + ")"
			}
		}
		if !c.Comma() {
			return
		}
	}
}

func declare(c *cursor.Cursor) ast.Statement {
	c.Expect("DECLARE")
	if c.Kind() != token.Variable {
		return declareCursor(c)
	}
	s := &ast.Declare{Variables: []*ast.VariableDecl{variable(c)}}
	for c.Comma() {
		s.Variables = append(s.Variables, variable(c))
	}
	return s
}

func variable(c *cursor.Cursor) *ast.VariableDecl {
	v := &ast.VariableDecl{Name: c.Var()}
	c.Accept("AS")
	switch {
	case c.Accept("CURSOR"):
		v.Cursor = true
		return v
	case c.Accept("TABLE"):
		v.Table = tableDef(c)
		return v
	}
	v.Type = expr.DataType(c)
	if c.Sym(token.Eq) {
		v.Value = expr.Scalar(c)
	}
	return v
}
