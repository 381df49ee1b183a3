// Package expr parses scalar expressions, conditions and data types.
//
// Scalars and conditions are two languages, as in the server: [Scalar] stops before a comparison, [Condition] refuses a mere
// value with message 4145. Parentheses inside a condition may hold either, found without backtracking.
//
// Precedence, from the tightest: COLLATE, AT TIME ZONE and method calls; unary + - ~; * / %; + - & ^ | and ||, left to right;
// comparisons; NOT; AND; OR.
package expr

import (
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/parse/cursor"
	"latchkey/engine/tsql/token"
)

// Scalar parses a value.
func Scalar(c *cursor.Cursor) ast.Expr { return additive(c, false) }

// Scalars parses values separated by commas.
func Scalars(c *cursor.Cursor) []ast.Expr {
	list := []ast.Expr{Scalar(c)}
	for c.Comma() {
		list = append(list, Scalar(c))
	}
	return list
}

// ScalarOrDefault parses a value or DEFAULT.
func ScalarOrDefault(c *cursor.Cursor) ast.Expr {
	if c.Accept("DEFAULT") {
		return &ast.Default{}
	}
	return Scalar(c)
}

// Row parses (value or DEFAULT, ...).
func Row(c *cursor.Cursor) []ast.Expr {
	c.ExpectSym(token.LParen)
	list := []ast.Expr{ScalarOrDefault(c)}
	for c.Comma() {
		list = append(list, ScalarOrDefault(c))
	}
	c.ExpectSym(token.RParen)
	return list
}

// Variable parses @name.
func Variable(c *cursor.Cursor) *ast.Variable {
	pos := c.Pos()
	return &ast.Variable{Name: c.Var(), Pos: pos}
}

// The either argument below says that a condition may stand in parentheses where the first operand begins. Where it does,
// the condition is returned at once: no scalar operator can follow.

func isCond(e ast.Expr) bool {
	_, ok := e.(ast.Condition)
	return ok
}

func additive(c *cursor.Cursor, either bool) ast.Expr {
	l := multiplicative(c, either)
	if either && isCond(l) {
		return l
	}
	for n := 1; ; n++ {
		switch c.Kind() {
		case token.Plus, token.Minus, token.Amp, token.Pipe, token.Caret, token.Concat:
		default:
			return l
		}
		op := c.Source()
		c.Advance()
		l = &ast.Binary{Op: op, L: l, R: multiplicative(c, false)}
		c.Chain(n)
	}
}

func multiplicative(c *cursor.Cursor, either bool) ast.Expr {
	l := unary(c, either)
	if either && isCond(l) {
		return l
	}
	for n := 1; ; n++ {
		switch c.Kind() {
		case token.Star, token.Slash, token.Percent:
		default:
			return l
		}
		op := c.Source()
		c.Advance()
		l = &ast.Binary{Op: op, L: l, R: unary(c, false)}
		c.Chain(n)
	}
}

// unary is on every way down, so it counts the depth.
func unary(c *cursor.Cursor, either bool) ast.Expr {
	defer c.Leave()
	if !c.Enter() {
		return &ast.Literal{}
	}
	switch c.Kind() {
	case token.Plus, token.Minus, token.Tilde:
		op := c.Source()
		c.Advance()
		return &ast.Unary{Op: op, X: unary(c, false)}
	}
	return postfix(c, either)
}

func postfix(c *cursor.Cursor, either bool) ast.Expr {
	x := primary(c, either)
	if either && isCond(x) {
		return x
	}
	for n := 1; ; n++ {
		c.Chain(n)
		switch {
		case c.Is("COLLATE"):
			c.Advance()
			x = &ast.Collate{X: x, Collation: c.Name()}
		case c.Is("AT") && c.IsSeq("AT", "TIME", "ZONE"):
			c.Accept("AT", "TIME", "ZONE")
			x = &ast.AtTimeZone{X: x, Zone: zone(c)}
		case c.IsSym(token.Dot) && c.IsNameAt(1):
			switch x.(type) {
			case *ast.ColumnRef, *ast.Literal, *ast.PseudoColumn:
				return x
			}
			c.Advance()
			m := &ast.MethodCall{X: x, Name: c.Name(), Property: true}
			if c.IsSym(token.LParen) {
				m.Property, m.Args = false, arguments(c)
			}
			x = m
		default:
			return x
		}
	}
}

// zone is the operand of AT TIME ZONE: a primary with its collation.
func zone(c *cursor.Cursor) ast.Expr {
	defer c.Leave()
	if !c.Enter() {
		return &ast.Literal{}
	}
	x := primary(c, false)
	for c.Accept("COLLATE") {
		x = &ast.Collate{X: x, Collation: c.Name()}
	}
	return x
}

// Arguments parses (value, ...), possibly empty.
func Arguments(c *cursor.Cursor) []ast.Expr { return arguments(c) }

// arguments parses (value, ...), possibly empty.
func arguments(c *cursor.Cursor) []ast.Expr {
	c.ExpectSym(token.LParen)
	var list []ast.Expr
	if !c.IsSym(token.RParen) {
		list = append(list, ScalarOrDefault(c))
		for c.Comma() {
			list = append(list, ScalarOrDefault(c))
		}
	}
	c.ExpectSym(token.RParen)
	return list
}

func primary(c *cursor.Cursor, either bool) ast.Expr {
	switch c.Kind() {
	case token.Int, token.Decimal, token.Float, token.Money, token.String, token.NString, token.Binary:
		return c.Literal()
	case token.Variable, token.GlobalVar:
		v := &ast.Variable{Name: c.Source(), Pos: c.Pos()}
		c.Advance()
		return v
	case token.LParen:
		return parenthesised(c, either)
	case token.LBrace:
		return odbc(c)
	case token.Dollar:
		return dollar(c, nil)
	case token.Word:
		if x := keyword(c); x != nil {
			return x
		}
		return named(c)
	case token.Bracketed, token.Dot:
		return named(c)
	}
	c.Fail()
	return &ast.Literal{}
}

// parenthesised parses ( ... ): a query, a value, or a condition where one may stand.
func parenthesised(c *cursor.Cursor, either bool) ast.Expr {
	c.Advance()
	if c.Is("SELECT") {
		q := c.Grammar.Query(c)
		c.ExpectSym(token.RParen)
		return &ast.Subquery{Query: q}
	}
	var x ast.Expr
	if either {
		x = orLevel(c)
	} else {
		x = Scalar(c)
	}
	// ((SELECT ...) UNION ...): what looked like a value was the first operand of a query.
	if s, ok := x.(*ast.Subquery); ok && c.IsAny("UNION", "EXCEPT", "INTERSECT") {
		x = &ast.Subquery{Query: c.Grammar.QueryFrom(c, s.Query)}
	}
	c.ExpectSym(token.RParen)
	return x
}

// dollar parses $action and its like, or $partition.function(...).
func dollar(c *cursor.Cursor, qualifier []string) ast.Expr {
	at := c.Pos()
	name := upper(c.Source())
	c.Advance()
	switch name {
	case "$ACTION", "$IDENTITY", "$ROWGUID", "$CUID", "$NODE_ID", "$EDGE_ID", "$FROM_ID", "$TO_ID":
		return &ast.PseudoColumn{Qualifier: qualifier, Name: name}
	case "$PARTITION":
		c.ExpectSym(token.Dot)
		n := ast.ObjectName{Parts: append(qualifier, name, c.Name()), Pos: at}
		return &ast.FuncCall{Name: n, Args: arguments(c)}
	}
	c.FailBack(1)
	return &ast.Literal{}
}

// named parses what begins with a name: a column, a function, a static method.
func named(c *cursor.Cursor) ast.Expr {
	n := c.ColumnName()
	switch c.Kind() {
	case token.LParen:
		return call(c, n)
	case token.DoubleColon:
		c.Advance()
		s := &ast.StaticCall{Type: n, Name: c.Name(), Property: true}
		if c.IsSym(token.LParen) {
			s.Property, s.Args = false, arguments(c)
		}
		return s
	case token.Dot:
		switch {
		case c.SymAt(1, token.Dollar):
			c.Advance()
			return dollar(c, n.Parts)
		case c.IsAt(1, "IDENTITYCOL"), c.IsAt(1, "ROWGUIDCOL"):
			c.Advance()
			return &ast.PseudoColumn{Qualifier: n.Parts, Name: c.AnyWord()}
		}
	}
	return &ast.ColumnRef{Name: n}
}

// odbc parses {fn call} and {d '...'} and their like.
func odbc(c *cursor.Cursor) ast.Expr {
	c.Advance()
	var x ast.Expr
	switch {
	case c.Accept("FN"):
		at := c.Pos()
		f := &ast.FuncCall{Name: ast.ObjectName{Parts: []string{c.AnyWord()}, Pos: at}}
		f.Args = arguments(c)
		x = &ast.ODBCFunc{Call: f}
	case c.IsAny("D", "T", "TS", "GUID"):
		x = &ast.ODBCLiteral{Kind: lower(c.AnyWord()), Text: c.Str()}
	default:
		c.Fail()
		return &ast.Literal{}
	}
	c.ExpectSym(token.RBrace)
	return x
}
