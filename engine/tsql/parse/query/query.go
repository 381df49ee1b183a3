// Package query parses queries and the statements that change rows: SELECT, INSERT, UPDATE, DELETE, MERGE, TRUNCATE and bulk
// loads.
package query

import (
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/parse/cursor"
	"latchkey/engine/tsql/parse/expr"
	"latchkey/engine/tsql/token"
)

// Inner parses a query that is part of something: in parentheses, of a view. ORDER BY needs TOP, OFFSET or FOR XML there.
func Inner(c *cursor.Cursor) *ast.Query { return query(c, true) }

// Outer parses a query that is a statement or the source of an INSERT.
func Outer(c *cursor.Cursor) *ast.Query { return query(c, false) }

func query(c *cursor.Cursor, inner bool) *ast.Query {
	defer c.Leave()
	if !c.Enter() {
		return &ast.Query{Body: &ast.Select{}}
	}
	return finish(c, setOps(c, intersections(c, operand(c))), inner)
}

// From goes on behind a query in parentheses.
func From(c *cursor.Cursor, q *ast.Query) *ast.Query {
	if q.OrderBy != nil || q.For != nil {
		c.Fail()
	}
	return finish(c, setOps(c, intersections(c, q.Body)), true)
}

// setOps parses UNION and EXCEPT, left to right; INTERSECT binds tighter.
func setOps(c *cursor.Cursor, l ast.Body) ast.Body {
	for n := 1; ; n++ {
		op := c.AcceptAny("UNION", "EXCEPT")
		if op == "" {
			return l
		}
		if op == "UNION" && c.Accept("ALL") {
			op = "UNION ALL"
		}
		l = &ast.SetOp{Op: op, L: l, R: intersections(c, operand(c))}
		c.Chain(n)
	}
}

func intersections(c *cursor.Cursor, l ast.Body) ast.Body {
	for n := 1; c.Accept("INTERSECT"); n++ {
		l = &ast.SetOp{Op: "INTERSECT", L: l, R: operand(c)}
		c.Chain(n)
	}
	return l
}

func operand(c *cursor.Cursor) ast.Body {
	if !c.IsSym(token.LParen) {
		return selectBody(c)
	}
	defer c.Leave()
	if !c.Enter() {
		return &ast.Select{}
	}
	c.Advance()
	b := setOps(c, intersections(c, operand(c)))
	c.ExpectSym(token.RParen)
	return b
}

func finish(c *cursor.Cursor, b ast.Body, inner bool) *ast.Query {
	q := &ast.Query{Body: b}
	at := c.Pos()
	if c.Accept("ORDER") {
		c.Expect("BY")
		q.OrderBy = expr.OrderItems(c)
		offset(c, q)
	}
	if c.Is("FOR") && (c.IsAt(1, "XML") || c.IsAt(1, "JSON") || c.IsAt(1, "BROWSE")) {
		q.For = forClause(c)
	}
	if s, ok := b.(*ast.Select); inner && q.OrderBy != nil && q.Offset == nil && q.For == nil && (!ok || s.Top == nil) {
		c.FailAt(at, 1033, "The ORDER BY clause is invalid in views, inline functions, derived tables, subqueries, and common table expressions, unless TOP, OFFSET or FOR XML is also specified.")
	}
	return q
}

func offset(c *cursor.Cursor, q *ast.Query) {
	if !c.Accept("OFFSET") {
		return
	}
	q.Offset = expr.Scalar(c)
	c.ExpectAny("ROWS", "ROW")
	if c.Accept("FETCH") {
		c.ExpectAny("NEXT", "FIRST")
		q.Fetch = expr.Scalar(c)
		c.ExpectAny("ROWS", "ROW")
		c.Expect("ONLY")
	}
}

func forClause(c *cursor.Cursor) *ast.For {
	c.Advance()
	f := &ast.For{Kind: c.AnyWord()}
	switch f.Kind {
	case "XML":
		f.Mode = c.ExpectAny("RAW", "AUTO", "EXPLICIT", "PATH")
	case "JSON":
		f.Mode = c.ExpectAny("AUTO", "PATH")
	default:
		return f
	}
	if c.Sym(token.LParen) {
		f.Element = c.Literal()
		c.ExpectSym(token.RParen)
	}
	for c.Comma() {
		o := &ast.Option{Name: c.AnyWord()}
		if w := c.AcceptAny("XSINIL", "ABSENT", "BASE64"); w != "" {
			o.Name += " " + w
		}
		if c.IsSym(token.LParen) {
			o.Args, o.Paren = c.ParenOptions(), true
		}
		f.Options = append(f.Options, o)
	}
	return f
}

func selectBody(c *cursor.Cursor) ast.Body {
	s := &ast.Select{}
	c.Expect("SELECT")
	if c.Accept("DISTINCT") {
		s.Distinct = true
	} else {
		c.Accept("ALL")
	}
	if c.Is("TOP") {
		s.Top = top(c)
	}
	s.Items = selectItems(c)
	if c.Accept("INTO") {
		n := c.Object()
		s.Into = &n
	}
	if c.Accept("FROM") {
		s.From = sources(c)
	}
	s.Where = where(c)
	if c.Accept("GROUP") {
		c.Expect("BY")
		s.GroupBy = groupBy(c)
	}
	if c.Accept("HAVING") {
		s.Having = expr.Condition(c)
	}
	if isWindowClause(c) {
		c.Advance()
		s.Windows = windows(c)
	}
	return s
}

func where(c *cursor.Cursor) ast.Condition {
	if !c.Accept("WHERE") {
		return nil
	}
	return expr.Condition(c)
}

// isWindowClause tells WINDOW name AS ( from an alias WINDOW.
func isWindowClause(c *cursor.Cursor) bool {
	return c.Is("WINDOW") && c.IsNameAt(1) && c.IsAt(2, "AS") && c.SymAt(3, token.LParen)
}

func windows(c *cursor.Cursor) []ast.NamedWindow {
	var list []ast.NamedWindow
	for {
		w := ast.NamedWindow{Name: c.Name()}
		c.Expect("AS")
		w.Window = expr.Window(c)
		list = append(list, w)
		if !c.Comma() {
			return list
		}
	}
}

// top parses TOP (expression) or TOP number.
func top(c *cursor.Cursor) *ast.Top {
	c.Expect("TOP")
	t := &ast.Top{}
	if c.Sym(token.LParen) {
		t.Count = expr.Scalar(c)
		c.ExpectSym(token.RParen)
	} else {
		switch c.Kind() {
		case token.Int, token.Decimal, token.Float:
			t.Count = c.Literal()
		default:
			c.Fail()
		}
	}
	t.Percent = c.Accept("PERCENT")
	if c.IsSeq("WITH", "TIES") {
		t.WithTies = c.Accept("WITH", "TIES")
	}
	return t
}

func selectItems(c *cursor.Cursor) []*ast.SelectItem {
	list := []*ast.SelectItem{selectItem(c)}
	for c.Comma() {
		list = append(list, selectItem(c))
	}
	return list
}

// nameLength is the number of tokens of a name with points that begins n ahead, 0 if there is none.
func nameLength(c *cursor.Cursor, n int) int {
	start := n
	for c.IsNameAt(n) {
		n++
		for c.SymAt(n, token.Dot) && c.SymAt(n+1, token.Dot) {
			n++
		}
		if !c.SymAt(n, token.Dot) || !c.IsNameAt(n+1) {
			return n - start
		}
		n++
	}
	return 0
}

func isAssign(c *cursor.Cursor, n int) bool {
	switch c.KindAt(n) {
	case token.Eq, token.PlusEq, token.MinusEq, token.StarEq, token.SlashEq, token.PercentEq, token.AmpEq, token.PipeEq, token.CaretEq:
		return true
	}
	return false
}

// AssignOp passes = or a compound assignment and returns it.
func AssignOp(c *cursor.Cursor) string {
	if !isAssign(c, 0) {
		c.Fail()
		return ""
	}
	op := c.Source()
	c.Advance()
	return op
}

func selectItem(c *cursor.Cursor) *ast.SelectItem {
	item := &ast.SelectItem{}
	switch k := c.Kind(); {
	case k == token.Star:
		c.Advance()
		item.X = &ast.Star{}
		return item
	case k == token.Variable && isAssign(c, 1):
		item.Variable = c.Var()
		item.Op = AssignOp(c)
		item.X = expr.Scalar(c)
		return item
	case (c.IsName() || c.IsString()) && c.SymAt(1, token.Eq):
		item.Alias = alias(c)
		c.Advance()
		item.X = expr.Scalar(c)
		return item
	case c.IsName():
		if n := nameLength(c, 0); c.SymAt(n, token.Dot) && c.SymAt(n+1, token.Star) {
			item.X = &ast.Star{Qualifier: c.Object()}
			c.Advance()
			c.Advance()
			return item
		}
	}
	item.X = expr.Scalar(c)
	if c.Accept("AS") {
		item.Alias = alias(c)
	} else if c.IsString() || isAlias(c) {
		item.Alias = alias(c)
	}
	return item
}

// alias parses a name or a string in its place.
func alias(c *cursor.Cursor) string {
	if !c.IsString() {
		return c.Name()
	}
	at := c.Pos()
	s := c.Str()
	if s == "" {
		c.FailAt(at, 1038, `An object or column name is missing or empty. For SELECT INTO statements, verify each column has a name. For other statements, look for empty alias names. Aliases defined as "" or [] are not allowed. Change the alias to a valid name.`)
	}
	if e := token.CheckName(s, at); e != nil {
		c.FailError(e)
	}
	return s
}

// isAlias reports whether an alias without AS follows: a name that is no label and begins no WINDOW clause.
func isAlias(c *cursor.Cursor) bool {
	return c.IsName() && !c.SymAt(1, token.Colon) && !isWindowClause(c)
}

func groupBy(c *cursor.Cursor) *ast.GroupBy {
	g := &ast.GroupBy{All: c.Accept("ALL")}
	g.Items = groupings(c, 0)
	if c.Is("WITH") && (c.IsAt(1, "ROLLUP") || c.IsAt(1, "CUBE")) {
		c.Advance()
		g.With = c.AnyWord()
	}
	return g
}

// groupings parses elements of GROUP BY; inside ROLLUP and its like, at level 1 and more, (a, b) is a tuple.
func groupings(c *cursor.Cursor, level int) []*ast.Grouping {
	list := []*ast.Grouping{grouping(c, level)}
	for c.Comma() {
		list = append(list, grouping(c, level))
	}
	return list
}

func grouping(c *cursor.Cursor, level int) *ast.Grouping {
	g := &ast.Grouping{}
	defer c.Leave()
	if !c.Enter() {
		return g
	}
	switch {
	case (c.Is("ROLLUP") || c.Is("CUBE")) && c.SymAt(1, token.LParen):
		g.Kind = c.AnyWord()
	case c.IsSeq("GROUPING", "SETS") && c.SymAt(2, token.LParen):
		c.Accept("GROUPING", "SETS")
		g.Kind = "GROUPING SETS"
	case c.IsSym(token.LParen) && (level > 0 || c.SymAt(1, token.RParen)):
		g.Kind = "TUPLE"
		if c.SymAt(1, token.RParen) {
			c.Advance()
			c.Advance()
			return g
		}
	default:
		g.X = expr.Scalar(c)
		return g
	}
	c.ExpectSym(token.LParen)
	g.Items = groupings(c, level+1)
	c.ExpectSym(token.RParen)
	return g
}
