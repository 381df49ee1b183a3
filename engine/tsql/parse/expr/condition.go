package expr

import (
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/parse/cursor"
	"latchkey/engine/tsql/token"
)

// Condition parses a search condition.
func Condition(c *cursor.Cursor) ast.Condition {
	return require(c, orLevel(c))
}

// require refuses a value where a condition must stand.
func require(c *cursor.Cursor, x ast.Expr) ast.Condition {
	if k, ok := x.(ast.Condition); ok {
		return k
	}
	c.FailWith(4145, "An expression of non-boolean type specified in a context where a condition is expected, near '%s'.", c.Near())
	return &ast.Logical{}
}

// orLevel parses a condition, or a value where it turns out to be one.
func orLevel(c *cursor.Cursor) ast.Expr { return chain(c, "OR", andLevel) }

func andLevel(c *cursor.Cursor) ast.Expr { return chain(c, "AND", notLevel) }

func chain(c *cursor.Cursor, op string, operand func(*cursor.Cursor) ast.Expr) ast.Expr {
	first := operand(c)
	if !c.Is(op) {
		return first
	}
	l := &ast.Logical{Op: op, Terms: []ast.Condition{require(c, first)}}
	for c.Accept(op) {
		l.Terms = append(l.Terms, require(c, operand(c)))
	}
	return l
}

func notLevel(c *cursor.Cursor) ast.Expr {
	if !c.Is("NOT") {
		return predicate(c)
	}
	defer c.Leave()
	if !c.Enter() {
		return &ast.Logical{}
	}
	c.Advance()
	return &ast.Not{X: require(c, notLevel(c))}
}

func predicate(c *cursor.Cursor) ast.Expr {
	switch {
	case c.Is("EXISTS"):
		c.Advance()
		return &ast.Exists{Query: Subquery(c)}
	case c.Is("UPDATE") && c.SymAt(1, token.LParen):
		c.Advance()
		c.ExpectSym(token.LParen)
		u := &ast.UpdatedColumn{Column: c.Name()}
		c.ExpectSym(token.RParen)
		return u
	case c.IsAny("CONTAINS", "FREETEXT"):
		f := &ast.FullText{Function: c.AnyWord()}
		f.Raw = c.RawParens()
		return f
	}
	l := additive(c, true)
	if isCond(l) {
		return l
	}
	if op := comparison(c); op != "" {
		return compare(c, l, op)
	}
	not := c.Is("NOT")
	if not {
		if !c.IsAt(1, "IN") && !c.IsAt(1, "BETWEEN") && !c.IsAt(1, "LIKE") {
			c.FailAhead(1)
			return l
		}
		c.Advance()
	}
	switch c.AcceptAny("IN", "BETWEEN", "LIKE", "IS") {
	case "IN":
		return in(c, l, not)
	case "BETWEEN":
		b := &ast.Between{Not: not, X: l, Low: Scalar(c)}
		c.Expect("AND")
		b.High = Scalar(c)
		return b
	case "LIKE":
		return like(c, l, not)
	case "IS":
		return is(c, l)
	}
	return l
}

// Subquery parses (query), with any number of parentheses around it.
func Subquery(c *cursor.Cursor) *ast.Query {
	if !c.IsSym(token.LParen) {
		c.Fail()
		return &ast.Query{}
	}
	s, ok := unary(c, false).(*ast.Subquery)
	if !ok {
		c.FailBack(1)
		return &ast.Query{}
	}
	return s.Query
}

// comparison passes a comparison operator, whose two characters may stand apart, and returns it.
func comparison(c *cursor.Cursor) string {
	k := c.Kind()
	next := c.KindAt(1)
	two := func(op string) string {
		c.Advance()
		c.Advance()
		return op
	}
	switch {
	case k == token.Lt && next == token.Eq:
		return two("<=")
	case k == token.Lt && next == token.Gt:
		return two("<>")
	case k == token.Gt && next == token.Eq:
		return two(">=")
	case k == token.Other && c.Source() == "!":
		switch next {
		case token.Eq:
			return two("<>")
		case token.Lt:
			return two("!<")
		case token.Gt:
			return two("!>")
		}
	}
	switch k {
	case token.Eq, token.Lt, token.Gt, token.Le, token.Ge, token.Ne, token.NotLt, token.NotGt:
		op := c.Source()
		c.Advance()
		return op
	case token.NotEq:
		c.Advance()
		return "<>"
	}
	return ""
}

func compare(c *cursor.Cursor, l ast.Expr, op string) ast.Expr {
	if c.IsAny("ALL", "ANY", "SOME") {
		q := &ast.Quantified{X: l, Op: op, All: c.AnyWord() == "ALL"}
		q.Query = Subquery(c)
		return q
	}
	return &ast.Compare{Op: op, L: l, R: Scalar(c)}
}

func in(c *cursor.Cursor, l ast.Expr, not bool) ast.Expr {
	x := &ast.In{Not: not, X: l}
	c.ExpectSym(token.LParen)
	if c.Is("SELECT") {
		x.Query = c.Grammar.Query(c)
		c.ExpectSym(token.RParen)
		return x
	}
	x.List = Scalars(c)
	// IN ((SELECT ...)) and IN ((SELECT ...) UNION ...) are queries, too.
	if s, ok := x.List[0].(*ast.Subquery); ok && len(x.List) == 1 {
		x.Query, x.List = s.Query, nil
		if !c.IsSym(token.RParen) {
			x.Query = c.Grammar.QueryFrom(c, x.Query)
		}
	}
	c.ExpectSym(token.RParen)
	return x
}

func like(c *cursor.Cursor, l ast.Expr, not bool) ast.Expr {
	x := &ast.Like{Not: not, X: l, Pattern: Scalar(c)}
	switch {
	case c.Accept("ESCAPE"):
		x.Escape = Scalar(c)
	case c.IsSym(token.LBrace) && c.IsAt(1, "ESCAPE"):
		c.Advance()
		c.Advance()
		x.Escape = Scalar(c)
		c.ExpectSym(token.RBrace)
	}
	return x
}

func is(c *cursor.Cursor, l ast.Expr) ast.Expr {
	not := c.Accept("NOT")
	switch {
	case c.Accept("NULL"):
		return &ast.IsNull{Not: not, X: l}
	case c.Accept("DISTINCT"):
		c.Expect("FROM")
		return &ast.IsDistinct{Not: not, L: l, R: Scalar(c)}
	case c.Accept("JSON"):
		return &ast.IsJSON{Not: not, X: l}
	}
	c.Fail()
	return l
}
