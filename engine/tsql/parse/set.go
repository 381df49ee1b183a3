package parse

import (
	"slices"

	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/parse/cursor"
	"latchkey/engine/tsql/parse/ddl"
	"latchkey/engine/tsql/parse/expr"
	"latchkey/engine/tsql/parse/query"
	"latchkey/engine/tsql/token"
)

func tableDef(c *cursor.Cursor) *ast.TableDef { return ddl.TableDef(c) }

// switches are the SET options that are ON or OFF.
var switches = []string{
	"NOCOUNT", "QUOTED_IDENTIFIER", "ANSI_NULLS", "ANSI_PADDING", "ANSI_WARNINGS", "ANSI_DEFAULTS", "ANSI_NULL_DFLT_ON",
	"ANSI_NULL_DFLT_OFF", "ARITHABORT", "ARITHIGNORE", "CONCAT_NULL_YIELDS_NULL", "CURSOR_CLOSE_ON_COMMIT", "FMTONLY",
	"FORCEPLAN", "IMPLICIT_TRANSACTIONS", "NOEXEC", "NUMERIC_ROUNDABORT", "PARSEONLY", "REMOTE_PROC_TRANSACTIONS",
	"SHOWPLAN_ALL", "SHOWPLAN_TEXT", "SHOWPLAN_XML", "XACT_ABORT", "NO_BROWSETABLE", "DISABLE_DEF_CNST_CHK",
	"RESULT_SET_CACHING",
}

// values are the SET options that take a value.
var values = []string{
	"DATEFIRST", "DATEFORMAT", "DEADLOCK_PRIORITY", "LOCK_TIMEOUT", "TEXTSIZE", "ROWCOUNT", "LANGUAGE", "CONTEXT_INFO",
	"QUERY_GOVERNOR_COST_LIMIT", "FIPS_FLAGGER", "ERRLVL",
}

func set(c *cursor.Cursor) ast.Statement {
	c.Expect("SET")
	if c.Kind() == token.Variable {
		return setVariable(c)
	}
	switch {
	case c.Accept("IDENTITY_INSERT"):
		return &ast.SetIdentityInsert{Table: c.Object(), On: c.OnOff()}
	case c.Accept("TRANSACTION"):
		return isolation(c)
	case c.Is("STATISTICS") || c.Is("OFFSETS"):
		prefix := c.AnyWord() + " "
		s := &ast.SetOption{Names: []string{prefix + c.AnyWord()}}
		for c.Comma() {
			s.Names = append(s.Names, prefix+c.AnyWord())
		}
		s.Value = &ast.Word{Text: c.ExpectAny("ON", "OFF")}
		return s
	}
	if w := c.AcceptAny(values...); w != "" {
		return setValue(c, w)
	}
	s := &ast.SetOption{}
	for {
		w := c.AcceptAny(switches...)
		if w == "" {
			if c.Kind() == token.Word && c.Keyword() == "" {
				c.FailWith(195, "'%s' is not a recognized SET option.", c.Source())
			}
			c.Fail()
		}
		s.Names = append(s.Names, w)
		if !c.Comma() {
			break
		}
	}
	on := c.OnOff()
	s.Value = &ast.Word{Text: map[bool]string{true: "ON", false: "OFF"}[on]}
	if c.Scope.Module == "" && (slices.Contains(s.Names, "QUOTED_IDENTIFIER") || slices.Contains(s.Names, "ANSI_DEFAULTS")) {
		c.QuotedIdentifier = on // from here on, as the server's parser does
	}
	return s
}

func isolation(c *cursor.Cursor) ast.Statement {
	c.Expect("ISOLATION", "LEVEL")
	w := c.ExpectAny("READ", "REPEATABLE", "SNAPSHOT", "SERIALIZABLE")
	switch w {
	case "READ":
		w += " " + c.ExpectAny("UNCOMMITTED", "COMMITTED")
	case "REPEATABLE":
		c.Expect("READ")
		w = "REPEATABLE READ"
	}
	return &ast.SetOption{Names: []string{"TRANSACTION ISOLATION LEVEL"}, Value: &ast.Word{Text: w}}
}

func setValue(c *cursor.Cursor, name string) ast.Statement {
	s := &ast.SetOption{Names: []string{name}}
	switch {
	case name == "LANGUAGE" && c.IsName():
		s.Value = &ast.Literal{Kind: ast.StringLit, Text: c.Name()}
	case c.Kind() == token.Word && c.Keyword() != "" && c.Keyword() != "OFF":
		c.Fail()
	default:
		s.Value, _ = c.OptionValue()
	}
	return s
}

func setVariable(c *cursor.Cursor) ast.Statement {
	s := &ast.SetVariable{}
	if c.SymAt(1, token.Dot) {
		x := expr.Variable(c)
		c.Advance()
		s.Name = x.Name
		s.Method = &ast.MethodCall{X: x, Name: c.Name(), Property: true}
		if c.IsSym(token.LParen) {
			s.Method.Property = false
			s.Method.Args = expr.Arguments(c)
			return s
		}
	} else {
		s.Name = c.Var()
	}
	s.Op = query.AssignOp(c)
	if s.Op == "=" && c.Accept("CURSOR") {
		s.Cursor = cursorDef(c)
		return s
	}
	s.Value = expr.Scalar(c)
	return s
}

func declareCursor(c *cursor.Cursor) ast.Statement {
	s := &ast.DeclareCursor{Name: c.Name()}
	insensitive := c.Accept("INSENSITIVE")
	scroll := c.Accept("SCROLL")
	c.Expect("CURSOR")
	s.Def = cursorDef(c)
	s.Def.Insensitive, s.Def.Scroll = insensitive, scroll
	return s
}

func cursorDef(c *cursor.Cursor) *ast.CursorDef {
	d := &ast.CursorDef{}
	for !c.Is("FOR") {
		w := c.ExpectAny("LOCAL", "GLOBAL", "FORWARD_ONLY", "SCROLL", "STATIC", "KEYSET", "DYNAMIC", "FAST_FORWARD", "READ_ONLY",
			"SCROLL_LOCKS", "OPTIMISTIC", "TYPE_WARNING")
		if w == "" {
			return d
		}
		d.Options = append(d.Options, w)
	}
	c.Expect("FOR")
	d.Query = query.Select(c, false)
	if c.Accept("FOR") {
		if c.Accept("READ") {
			c.Expect("ONLY")
			d.ReadOnly = true
			return d
		}
		c.Expect("UPDATE")
		d.Update = true
		if c.Accept("OF") {
			d.UpdateOf = c.Names()
		}
	}
	return d
}

func fetch(c *cursor.Cursor) ast.Statement {
	c.Expect("FETCH")
	s := &ast.Fetch{}
	for _, w := range []string{"NEXT", "FIRST"} { // FETCH NEXT n ROWS without OFFSET ends the query in front of it
		if c.Is(w) && (c.SymAt(1, token.Int) || c.SymAt(1, token.Variable) || c.SymAt(1, token.LParen)) {
			c.FailWith(153, "Invalid usage of the option %s in the FETCH statement.", w)
		}
	}
	if c.IsAny("NEXT", "PRIOR", "FIRST", "LAST") && c.IsAt(1, "FROM") {
		s.Direction = c.AnyWord()
	} else if c.IsAny("ABSOLUTE", "RELATIVE") && !c.IsAt(1, "INTO") {
		s.Direction = c.AnyWord()
		s.Offset, _ = c.OptionValue()
	}
	if s.Direction != "" {
		c.Expect("FROM")
	} else {
		c.Accept("FROM")
	}
	s.Cursor = query.CursorName(c)
	if c.Accept("INTO") {
		s.Into = append(s.Into, c.Var())
		for c.Comma() {
			s.Into = append(s.Into, c.Var())
		}
	}
	return s
}
