package parse

import (
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/parse/cursor"
	"latchkey/engine/tsql/parse/ddl"
	"latchkey/engine/tsql/parse/expr"
	"latchkey/engine/tsql/token"
)

// flow parses control flow, messages and transactions; nil for other words.
func flow(c *cursor.Cursor, w string) ast.Statement {
	switch w {
	case "IF":
		return ifStmt(c)
	case "WHILE":
		return while(c)
	case "BEGIN":
		return begin(c)
	case "BREAK":
		c.Advance()
		if c.Scope.Loops == 0 {
			c.FailWith(135, "Cannot use a BREAK statement outside the scope of a WHILE statement.")
		}
		return &ast.Break{}
	case "CONTINUE":
		c.Advance()
		if c.Scope.Loops == 0 {
			c.FailWith(136, "Cannot use a CONTINUE statement outside the scope of a WHILE statement.")
		}
		return &ast.Continue{}
	case "RETURN":
		return returnStmt(c)
	case "GOTO":
		c.Advance()
		return &ast.Goto{Label: c.Name()}
	case "WAITFOR":
		return waitFor(c)
	case "PRINT":
		c.Advance()
		return &ast.Print{X: expr.Scalar(c)}
	case "RAISERROR":
		return raisError(c)
	case "COMMIT":
		return commit(c)
	case "ROLLBACK":
		c.Advance()
		s := &ast.RollbackTran{}
		if c.AcceptAny("TRAN", "TRANSACTION") != "" {
			s.Name = tranName(c)
		} else {
			c.Accept("WORK")
		}
		return s
	case "SAVE":
		c.Advance()
		c.ExpectAny("TRAN", "TRANSACTION")
		s := &ast.SaveTran{}
		if s.Name = tranName(c); s.Name == "" {
			c.Fail()
		}
		return s
	}
	return nil
}

func ifStmt(c *cursor.Cursor) ast.Statement {
	c.Expect("IF")
	s := &ast.If{Cond: expr.Condition(c)}
	s.Then = nested(c)
	if c.IsSym(token.Semicolon) && c.IsAt(1, "ELSE") {
		c.Advance()
	}
	if c.Accept("ELSE") {
		s.Else = nested(c)
	}
	return s
}

func while(c *cursor.Cursor) ast.Statement {
	c.Expect("WHILE")
	s := &ast.While{Cond: expr.Condition(c)}
	c.Scope.Loops++
	s.Body = nested(c)
	c.Scope.Loops--
	return s
}

// atEndWord reports whether END of a block is next, not END CONVERSATION.
func atEndWord(c *cursor.Cursor) bool { return c.Is("END") && !c.IsAt(1, "CONVERSATION") }

// block parses statements up to END, which it leaves.
func block(c *cursor.Cursor, mayBeEmpty bool) []ast.Statement {
	c.Scope.Later = true
	c.Scope.Blocks++
	list := c.Grammar.Statements(c, func() bool { return atEndWord(c) || c.AtEnd() })
	c.Scope.Blocks--
	if list == nil && !mayBeEmpty || !c.Is("END") {
		c.Fail()
	}
	return list
}

func begin(c *cursor.Cursor) ast.Statement {
	c.Expect("BEGIN")
	switch {
	case c.IsAny("TRAN", "TRANSACTION"), c.IsSeq("DISTRIBUTED", "TRAN"), c.IsSeq("DISTRIBUTED", "TRANSACTION"):
		return beginTran(c)
	case c.Is("TRY"):
		return tryCatch(c)
	case c.IsAny("DIALOG", "CONVERSATION"):
		w := "BEGIN " + c.AnyWord()
		return ddl.Swallow(c, w, w)
	}
	s := &ast.Block{}
	if c.IsSeq("ATOMIC", "WITH") {
		c.Accept("ATOMIC", "WITH")
		c.ExpectSym(token.LParen)
		s.Atomic = []*ast.Option{{Name: c.Raw(func() bool { return false })}}
		c.ExpectSym(token.RParen)
	}
	s.Body = block(c, false)
	c.Expect("END")
	return s
}

func tryCatch(c *cursor.Cursor) ast.Statement {
	c.Expect("TRY")
	s := &ast.TryCatch{Try: block(c, false)}
	c.Expect("END", "TRY")
	c.Expect("BEGIN", "CATCH")
	c.Scope.Catch++
	s.Catch = block(c, true)
	c.Scope.Catch--
	c.Expect("END", "CATCH")
	return s
}

// tranName parses a name or variable behind TRAN, "" if none follows.
func tranName(c *cursor.Cursor) string {
	switch {
	case c.Kind() == token.Variable:
		return c.Var()
	case c.IsName() && !c.SymAt(1, token.Colon):
		return c.Name()
	}
	return ""
}

func beginTran(c *cursor.Cursor) ast.Statement {
	s := &ast.BeginTran{Distributed: c.Accept("DISTRIBUTED")}
	c.ExpectAny("TRAN", "TRANSACTION")
	s.Name = tranName(c)
	if c.IsSeq("WITH", "MARK") {
		s.Mark = c.Accept("WITH", "MARK")
		if c.IsString() {
			s.MarkText = c.Literal()
		}
	}
	return s
}

func commit(c *cursor.Cursor) ast.Statement {
	c.Expect("COMMIT")
	s := &ast.CommitTran{}
	if c.AcceptAny("TRAN", "TRANSACTION") != "" {
		s.Name = tranName(c)
	} else {
		c.Accept("WORK")
	}
	if c.Is("WITH") && c.SymAt(1, token.LParen) && c.IsAt(2, "DELAYED_DURABILITY") {
		c.Advance()
		c.Advance()
		c.Advance()
		c.ExpectSym(token.Eq)
		s.Durable = c.ExpectAny("ON", "OFF")
		c.ExpectSym(token.RParen)
	}
	return s
}

// beginsValue reports whether an expression may begin here, where a statement may, too.
func beginsValue(c *cursor.Cursor) bool {
	switch c.Kind() {
	case token.Int, token.Decimal, token.Float, token.Money, token.String, token.NString, token.Binary, token.Variable,
		token.GlobalVar, token.LParen, token.LBrace, token.Plus, token.Minus, token.Tilde, token.Bracketed:
		return true
	}
	if c.IsName() {
		return !c.SymAt(1, token.Colon) && !c.Is("THROW")
	}
	return c.IsAny("NULL", "CASE", "COALESCE", "NULLIF", "CONVERT", "TRY_CONVERT", "LEFT", "RIGHT", "CURRENT_TIMESTAMP",
		"CURRENT_USER", "SESSION_USER", "SYSTEM_USER", "USER", "CURRENT_DATE")
}

func returnStmt(c *cursor.Cursor) ast.Statement {
	at := c.Pos()
	c.Expect("RETURN")
	s := &ast.Return{}
	if !beginsValue(c) {
		return s
	}
	s.Value = expr.Scalar(c)
	if c.Scope.Module == "" || c.Scope.Module == "TRIGGER" {
		c.FailAt(at, 178, "A RETURN statement with a return value cannot be used in this context.")
	}
	return s
}

func waitFor(c *cursor.Cursor) ast.Statement {
	c.Expect("WAITFOR")
	if c.IsSym(token.LParen) {
		return ddl.Swallow(c, "WAITFOR (statement)", "WAITFOR")
	}
	s := &ast.WaitFor{Kind: c.ExpectAny("DELAY", "TIME")}
	if c.Kind() == token.Variable {
		s.Value = expr.Variable(c)
	} else {
		if !c.IsString() {
			c.Fail()
		}
		s.Value = c.Literal()
	}
	return s
}

func throw(c *cursor.Cursor) ast.Statement {
	at := c.Pos()
	c.Advance()
	s := &ast.Throw{}
	if c.Kind() != token.Int && c.Kind() != token.Variable {
		if c.Scope.Catch == 0 {
			c.FailAt(at, 10704, "To rethrow an error, a THROW statement must be used inside a CATCH block. Insert the THROW statement inside a CATCH block, or add error parameters to the THROW statement.")
		}
		return s
	}
	s.Number, _ = c.OptionValue()
	c.ExpectSym(token.Comma)
	if !c.IsString() && c.Kind() != token.Variable {
		c.Fail()
	}
	s.Message, _ = c.OptionValue()
	c.ExpectSym(token.Comma)
	if c.Kind() != token.Int && c.Kind() != token.Variable {
		c.Fail()
	}
	s.State, _ = c.OptionValue()
	return s
}

func raisError(c *cursor.Cursor) ast.Statement {
	c.Expect("RAISERROR")
	s := &ast.RaisError{}
	c.ExpectSym(token.LParen)
	s.Args = expr.Scalars(c)
	if len(s.Args) < 3 {
		c.Fail()
	}
	c.ExpectSym(token.RParen)
	if c.Is("WITH") && (c.IsAt(1, "LOG") || c.IsAt(1, "NOWAIT") || c.IsAt(1, "SETERROR")) {
		c.Advance()
		for {
			s.Options = append(s.Options, c.ExpectAny("LOG", "NOWAIT", "SETERROR"))
			if !c.Comma() {
				break
			}
		}
	}
	return s
}
