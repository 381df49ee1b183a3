package ddl

import (
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/parse/cursor"
	"latchkey/engine/tsql/parse/expr"
	"latchkey/engine/tsql/parse/query"
	"latchkey/engine/tsql/token"
)

// enter starts the body of a module: loops and blocks outside do not count inside. The result undoes it.
func enter(c *cursor.Cursor, module string) func() {
	before := c.Scope
	c.Scope = cursor.Scope{Module: module, Later: true}
	return func() { c.Scope = before }
}

// body parses statements to the end of the batch; there must be one.
func body(c *cursor.Cursor, module string) []ast.Statement {
	defer enter(c, module)()
	list := c.Grammar.Statements(c, c.AtEnd)
	if list == nil {
		c.Fail()
	}
	return list
}

// toEnd refuses anything behind a module that has an end of its own.
func toEnd(c *cursor.Cursor) {
	for c.Sym(token.Semicolon) {
	}
	if !c.AtEnd() {
		c.Fail()
	}
}

// External parses EXTERNAL NAME a.b.c.
func external(c *cursor.Cursor) *ast.ObjectName {
	if !c.IsSeq("EXTERNAL", "NAME") {
		return nil
	}
	c.Accept("EXTERNAL", "NAME")
	n := c.Object()
	return &n
}

// moduleOptions parses WITH RECOMPILE, EXECUTE AS OWNER and their like.
func moduleOptions(c *cursor.Cursor) []*ast.Option {
	if !c.Accept("WITH") {
		return nil
	}
	var list []*ast.Option
	for {
		switch {
		case c.IsAny("EXEC", "EXECUTE"):
			c.Advance()
			c.Expect("AS")
			o := &ast.Option{Name: "EXECUTE AS"}
			if c.IsString() {
				o.Value = c.Literal()
			} else {
				o.Value = &ast.Word{Text: c.ExpectAny("CALLER", "SELF", "OWNER")}
			}
			list = append(list, o)
		case c.Accept("RETURNS"):
			c.Expect("NULL", "ON", "NULL", "INPUT")
			list = append(list, &ast.Option{Name: "RETURNS NULL ON NULL INPUT"})
		case c.Accept("CALLED"):
			c.Expect("ON", "NULL", "INPUT")
			list = append(list, &ast.Option{Name: "CALLED ON NULL INPUT"})
		default:
			o := &ast.Option{Name: c.ExpectAny("RECOMPILE", "ENCRYPTION", "SCHEMABINDING", "NATIVE_COMPILATION", "INLINE")}
			if c.Sym(token.Eq) {
				o.Value = &ast.Word{Text: c.ExpectAny("ON", "OFF")}
			}
			list = append(list, o)
		}
		if !c.Comma() {
			return list
		}
	}
}

// CreateProc parses what follows CREATE PROCEDURE.
func CreateProc(c *cursor.Cursor, mode ast.Mode) ast.Statement {
	s := &ast.CreateProc{Mode: mode, Name: c.Object()}
	if c.Sym(token.Semicolon) {
		s.Number = c.Int()
	}
	paren := c.Sym(token.LParen)
	if c.Kind() == token.Variable {
		s.Params = params(c)
	}
	if paren {
		c.ExpectSym(token.RParen)
	}
	s.Options = moduleOptions(c)
	s.ForReplication = c.Accept("FOR", "REPLICATION")
	c.Expect("AS")
	if s.External = external(c); s.External == nil {
		s.Body = body(c, "PROCEDURE")
	}
	return s
}

func params(c *cursor.Cursor) []*ast.Param {
	list := []*ast.Param{param(c)}
	for c.Comma() {
		list = append(list, param(c))
	}
	return list
}

func param(c *cursor.Cursor) *ast.Param {
	p := &ast.Param{Name: c.Var()}
	c.Accept("AS")
	if c.Accept("CURSOR") {
		p.Type = &ast.DataType{Name: ast.ObjectName{Parts: []string{"cursor"}}}
	} else {
		p.Type = expr.DataType(c)
	}
	p.Varying = c.Accept("VARYING")
	switch {
	case c.Accept("NOT", "NULL"):
		p.Nullable = "NOT NULL"
	case c.Accept("NULL"):
		p.Nullable = "NULL"
	}
	if c.Sym(token.Eq) {
		if c.IsName() { // a bare word is a string
			p.Default = &ast.Literal{Kind: ast.StringLit, Text: c.Name()}
		} else {
			p.Default, _ = c.OptionValue()
		}
		if w, ok := p.Default.(*ast.Word); ok {
			p.Default = &ast.Literal{Kind: ast.NullLit}
			if w.Text != "NULL" {
				c.FailBack(1)
			}
		}
	}
	for {
		switch c.AcceptAny("OUTPUT", "OUT", "READONLY") {
		case "OUTPUT", "OUT":
			p.Output = true
		case "READONLY":
			p.ReadOnly = true
		default:
			return p
		}
	}
}

// CreateView parses what follows CREATE VIEW.
func CreateView(c *cursor.Cursor, mode ast.Mode) ast.Statement {
	s := &ast.CreateView{Mode: mode, Name: c.Object()}
	if c.IsSym(token.LParen) {
		s.Columns = c.ParenNames()
	}
	if c.Accept("WITH") {
		s.Options = append(s.Options, c.ExpectAny("SCHEMABINDING", "ENCRYPTION", "VIEW_METADATA"))
		for c.Comma() {
			s.Options = append(s.Options, c.ExpectAny("SCHEMABINDING", "ENCRYPTION", "VIEW_METADATA"))
		}
	}
	c.Expect("AS")
	s.Query = query.Select(c, true)
	if c.Is("WITH") && c.IsAt(1, "CHECK") {
		c.Advance()
		c.Expect("CHECK", "OPTION")
		s.CheckOption = true
	}
	return s
}

// CreateFunction parses what follows CREATE FUNCTION.
func CreateFunction(c *cursor.Cursor, mode ast.Mode) ast.Statement {
	s := &ast.CreateFunction{Mode: mode, Name: c.Object()}
	c.ExpectSym(token.LParen)
	if c.Kind() == token.Variable {
		s.Params = params(c)
	}
	c.ExpectSym(token.RParen)
	c.Expect("RETURNS")
	inline := false
	switch {
	case c.Kind() == token.Variable:
		s.TableVariable = c.Var()
		c.Expect("TABLE")
		s.Table = TableDef(c)
	case c.Accept("TABLE"):
		inline = true
		if c.IsSym(token.LParen) { // of a CLR function
			s.Table = TableDef(c)
		}
	default:
		s.Returns = expr.DataType(c)
	}
	s.Options = moduleOptions(c)
	c.Accept("AS")
	if s.External = external(c); s.External != nil {
		return s
	}
	if inline {
		inlineBody(c, s)
	} else {
		leave := enter(c, "FUNCTION")
		if b, ok := c.Grammar.Statement(c).(*ast.Block); ok {
			s.Body = b.Body
		} else {
			c.Fail()
		}
		leave()
	}
	toEnd(c)
	return s
}

func inlineBody(c *cursor.Cursor, s *ast.CreateFunction) {
	c.Expect("RETURN")
	paren := c.IsSym(token.LParen) && (c.IsAt(1, "SELECT") || c.IsAt(1, "WITH"))
	if paren {
		c.Advance()
	}
	s.Query = query.Select(c, true)
	if paren {
		c.ExpectSym(token.RParen)
	}
}

// CreateTrigger parses what follows CREATE TRIGGER.
func CreateTrigger(c *cursor.Cursor, mode ast.Mode) ast.Statement {
	s := &ast.CreateTrigger{Mode: mode, Name: c.Object()}
	c.Expect("ON")
	s.On, s.Scope = triggerScope(c)
	s.Options = moduleOptions(c)
	switch c.ExpectAny("FOR", "AFTER", "INSTEAD") {
	case "FOR":
		s.When = "FOR"
	case "AFTER":
		s.When = "AFTER"
	case "INSTEAD":
		c.Expect("OF")
		s.When = "INSTEAD OF"
	}
	for {
		if s.Scope == "" {
			s.Events = append(s.Events, c.ExpectAny("INSERT", "UPDATE", "DELETE"))
		} else {
			s.Events = append(s.Events, c.AnyWord())
		}
		if !c.Comma() {
			break
		}
	}
	s.Append = c.Is("WITH") && c.Accept("WITH", "APPEND")
	s.NotForReplication = c.Accept("NOT", "FOR", "REPLICATION")
	c.Expect("AS")
	if s.External = external(c); s.External == nil {
		s.Body = body(c, "TRIGGER")
	}
	return s
}

func triggerScope(c *cursor.Cursor) (on ast.ObjectName, scope string) {
	switch {
	case c.Accept("ALL", "SERVER"):
		return on, "ALL SERVER"
	case c.Accept("DATABASE"):
		return on, "DATABASE"
	}
	return c.Object(), ""
}

// SwitchTrigger parses ENABLE or DISABLE TRIGGER.
func SwitchTrigger(c *cursor.Cursor) ast.Statement {
	s := &ast.SwitchTrigger{Enable: c.ExpectAny("ENABLE", "DISABLE") == "ENABLE"}
	c.Expect("TRIGGER")
	if !c.Accept("ALL") {
		s.Names = append(s.Names, c.Object())
		for c.Comma() {
			s.Names = append(s.Names, c.Object())
		}
	}
	c.Expect("ON")
	s.On, s.Scope = triggerScope(c)
	return s
}
