package expr

import (
	"strings"

	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/parse/cursor"
	"latchkey/engine/tsql/token"
)

func upper(s string) string { return strings.ToUpper(s) }

func lower(s string) string { return strings.ToLower(s) }

// keyword parses what begins with a word that has a meaning of its own; nil if the current word is a plain name.
func keyword(c *cursor.Cursor) ast.Expr {
	paren := c.SymAt(1, token.LParen)
	switch w := upperShort(c); w {
	case "NULL":
		return c.Literal()
	case "CASE":
		return caseExpr(c)
	case "CURRENT_TIMESTAMP", "CURRENT_USER", "SESSION_USER", "SYSTEM_USER", "USER", "CURRENT_DATE":
		at := c.Pos()
		c.Advance()
		return &ast.FuncCall{Name: ast.ObjectName{Parts: []string{w}, Pos: at}, NoParens: true}
	case "IDENTITYCOL", "ROWGUIDCOL":
		c.Advance()
		return &ast.PseudoColumn{Name: w}
	case "COALESCE", "NULLIF", "LEFT", "RIGHT":
		if paren {
			at := c.Pos()
			c.Advance()
			return call(c, ast.ObjectName{Parts: []string{w}, Pos: at})
		}
	case "CONVERT", "TRY_CONVERT":
		return convert(c)
	case "IDENTITY":
		if paren {
			return identityFunc(c)
		}
	case "NEXT":
		if c.IsSeq("NEXT", "VALUE", "FOR") {
			return nextValue(c)
		}
	case "CAST", "TRY_CAST", "PARSE", "TRY_PARSE", "IIF", "TRIM", "JSON_OBJECT", "JSON_ARRAY":
		if paren {
			return special(c, w)
		}
	}
	return nil
}

// upperShort is the current word in upper case if it may be one that keyword knows: others need no conversion.
func upperShort(c *cursor.Cursor) string {
	s := c.Source()
	if len(s) < 3 || len(s) > 17 {
		return ""
	}
	switch s[0] | 0x20 {
	case 'c', 'i', 'j', 'l', 'n', 'p', 'r', 's', 't', 'u':
		return upper(s)
	}
	return ""
}

// special parses the functions whose arguments are no plain list.
func special(c *cursor.Cursor, w string) ast.Expr {
	at := c.Pos()
	c.Advance()
	if w == "TRIM" {
		return trim(c, at)
	}
	c.ExpectSym(token.LParen)
	var x ast.Expr
	switch w {
	case "CAST", "TRY_CAST":
		k := &ast.Cast{Try: w == "TRY_CAST", X: Scalar(c)}
		c.Expect("AS")
		k.Type = DataType(c)
		x = k
	case "PARSE", "TRY_PARSE":
		p := &ast.Parse{Try: w == "TRY_PARSE", X: Scalar(c)}
		c.Expect("AS")
		p.Type = DataType(c)
		if c.Accept("USING") {
			p.Culture = Scalar(c)
		}
		x = p
	case "IIF":
		i := &ast.IIf{Cond: Condition(c)}
		c.ExpectSym(token.Comma)
		i.Then = Scalar(c)
		c.ExpectSym(token.Comma)
		i.Else = Scalar(c)
		x = i
	default:
		x = jsonConstructor(c, w == "JSON_ARRAY")
	}
	c.ExpectSym(token.RParen)
	return x
}

func jsonConstructor(c *cursor.Cursor, array bool) ast.Expr {
	j := &ast.JSONConstructor{Array: array}
	for n := 0; !c.IsSym(token.RParen) && !c.IsSeq("NULL", "ON") && !c.IsSeq("ABSENT", "ON"); n++ {
		if n > 0 {
			c.ExpectSym(token.Comma)
		}
		v := Scalar(c)
		if !array {
			j.Keys = append(j.Keys, v)
			c.ExpectSym(token.Colon)
			v = Scalar(c)
		}
		j.Values = append(j.Values, v)
		if !c.IsSym(token.Comma) {
			break
		}
	}
	if j.Nulls = c.AcceptAny("NULL", "ABSENT"); j.Nulls != "" {
		c.Expect("ON", "NULL")
	}
	return j
}

func trim(c *cursor.Cursor, at token.Pos) ast.Expr {
	c.ExpectSym(token.LParen)
	t := &ast.Trim{}
	if c.IsAny("LEADING", "TRAILING", "BOTH") && !c.SymAt(1, token.RParen) && !c.SymAt(1, token.Dot) {
		t.Side = c.AnyWord()
	}
	if !c.Is("FROM") {
		t.X = Scalar(c)
	}
	if c.Accept("FROM") {
		t.Chars, t.X = t.X, Scalar(c)
		c.ExpectSym(token.RParen)
		return t
	}
	if t.Side != "" {
		c.Fail()
	}
	c.ExpectSym(token.RParen)
	return &ast.FuncCall{Name: ast.ObjectName{Parts: []string{"TRIM"}, Pos: at}, Args: []ast.Expr{t.X}}
}

func convert(c *cursor.Cursor) ast.Expr {
	x := &ast.Convert{Try: c.AnyWord() == "TRY_CONVERT"}
	c.ExpectSym(token.LParen)
	x.Type = DataType(c)
	c.ExpectSym(token.Comma)
	x.X = Scalar(c)
	if c.Comma() {
		x.Style = Scalar(c)
	}
	c.ExpectSym(token.RParen)
	return x
}

func identityFunc(c *cursor.Cursor) ast.Expr {
	c.Advance()
	c.ExpectSym(token.LParen)
	x := &ast.IdentityFunc{Type: DataType(c)}
	if c.Comma() {
		x.Seed = Scalar(c)
		c.ExpectSym(token.Comma)
		x.Increment = Scalar(c)
	}
	c.ExpectSym(token.RParen)
	return x
}

func nextValue(c *cursor.Cursor) ast.Expr {
	c.Accept("NEXT", "VALUE", "FOR")
	x := &ast.NextValue{Sequence: c.Object()}
	if c.Is("OVER") {
		x.Over = over(c)
	}
	return x
}

func caseExpr(c *cursor.Cursor) ast.Expr {
	c.Advance()
	x := &ast.Case{}
	if !c.Is("WHEN") {
		x.Input = Scalar(c)
	}
	if !c.Is("WHEN") {
		c.Fail()
	}
	for c.Accept("WHEN") {
		var w ast.When
		if x.Input == nil {
			w.If = Condition(c)
		} else {
			w.If = Scalar(c)
		}
		c.Expect("THEN")
		w.Then = Scalar(c)
		x.Whens = append(x.Whens, w)
	}
	if c.Accept("ELSE") {
		x.Else = Scalar(c)
	}
	c.Expect("END")
	return x
}

// Call parses the arguments of a function and what may follow them; its name has been consumed.
func Call(c *cursor.Cursor, n ast.ObjectName) *ast.FuncCall { return call(c, n) }

func call(c *cursor.Cursor, n ast.ObjectName) *ast.FuncCall {
	f := &ast.FuncCall{Name: n}
	c.ExpectSym(token.LParen)
	switch {
	case c.IsSym(token.Star) && c.SymAt(1, token.RParen):
		c.Advance()
		f.Star = true
	case c.IsSym(token.RParen):
	default:
		if c.Accept("DISTINCT") {
			f.Distinct = true
		} else {
			c.Accept("ALL")
		}
		f.Args = append(f.Args, ScalarOrDefault(c))
		for c.Comma() {
			f.Args = append(f.Args, ScalarOrDefault(c))
		}
	}
	c.ExpectSym(token.RParen)
	if c.IsSeq("WITHIN", "GROUP") && c.SymAt(2, token.LParen) {
		c.Accept("WITHIN", "GROUP")
		c.ExpectSym(token.LParen)
		c.Expect("ORDER", "BY")
		f.Within = OrderItems(c)
		c.ExpectSym(token.RParen)
	}
	if c.IsSeq("IGNORE", "NULLS") || c.IsSeq("RESPECT", "NULLS") {
		f.Nulls = c.AnyWord()
		c.Advance()
	}
	if c.Is("OVER") {
		f.Over = over(c)
	}
	return f
}

// OrderItems parses the keys of ORDER BY.
func OrderItems(c *cursor.Cursor) []ast.OrderItem {
	list := []ast.OrderItem{orderItem(c)}
	for c.Comma() {
		list = append(list, orderItem(c))
	}
	return list
}

func orderItem(c *cursor.Cursor) ast.OrderItem {
	o := ast.OrderItem{X: Scalar(c)}
	o.Desc = c.AcceptAny("ASC", "DESC") == "DESC"
	return o
}

func over(c *cursor.Cursor) *ast.Window {
	c.Expect("OVER")
	if c.IsName() {
		return &ast.Window{Ref: c.Name(), Bare: true}
	}
	return Window(c)
}

// Window parses (...) after OVER or in the WINDOW clause.
func Window(c *cursor.Cursor) *ast.Window {
	w := &ast.Window{}
	c.ExpectSym(token.LParen)
	if c.IsName() && !c.IsSeq("PARTITION", "BY") && !c.Is("ROWS") && !c.Is("RANGE") {
		w.Ref = c.Name()
	}
	if c.Accept("PARTITION", "BY") {
		w.PartitionBy = Scalars(c)
	}
	if c.Accept("ORDER", "BY") {
		w.OrderBy = OrderItems(c)
	}
	if unit := c.AcceptAny("ROWS", "RANGE"); unit != "" {
		w.Frame = frame(c, unit)
	}
	c.ExpectSym(token.RParen)
	return w
}

func frame(c *cursor.Cursor, unit string) *ast.Frame {
	f := &ast.Frame{Unit: unit}
	if !c.Accept("BETWEEN") {
		f.Start = bound(c)
		return f
	}
	f.Start = bound(c)
	c.Expect("AND")
	end := bound(c)
	f.End = &end
	return f
}

func bound(c *cursor.Cursor) ast.Bound {
	switch {
	case c.Accept("CURRENT", "ROW"):
		return ast.Bound{Kind: "CURRENT ROW"}
	case c.Accept("UNBOUNDED"):
		return ast.Bound{Kind: "UNBOUNDED " + c.ExpectAny("PRECEDING", "FOLLOWING")}
	}
	b := ast.Bound{Offset: Scalar(c)}
	b.Kind = c.ExpectAny("PRECEDING", "FOLLOWING")
	return b
}
