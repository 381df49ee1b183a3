package query

import (
	"strings"

	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/parse/cursor"
	"latchkey/engine/tsql/parse/expr"
	"latchkey/engine/tsql/token"
)

func sources(c *cursor.Cursor) []ast.TableSource {
	list := []ast.TableSource{source(c)}
	for c.Comma() {
		list = append(list, source(c))
	}
	return list
}

// source parses one element of FROM with its joins.
func source(c *cursor.Cursor) ast.TableSource {
	s := primary(c)
	for n := 1; ; n++ {
		next := join(c, s)
		if next == nil {
			return s
		}
		s = next
		c.Chain(n)
	}
}

// join parses one join with l on its left; nil if none follows.
func join(c *cursor.Cursor, l ast.TableSource) ast.TableSource {
	defer c.Leave()
	if !c.Enter() {
		return nil
	}
	j := &ast.Join{L: l}
	switch {
	case c.Accept("CROSS", "JOIN"):
		j.Kind = "CROSS"
		j.R = primary(c)
		return j
	case c.Accept("CROSS", "APPLY"):
		j.Kind = "CROSS APPLY"
		j.R = primary(c)
		return j
	case c.Accept("OUTER", "APPLY"):
		j.Kind = "OUTER APPLY"
		j.R = primary(c)
		return j
	case c.Is("PIVOT"):
		return pivot(c, l)
	case c.Is("UNPIVOT"):
		return unpivot(c, l)
	case c.Is("JOIN"):
		j.Kind = "INNER"
	case c.IsAny("INNER", "LEFT", "RIGHT", "FULL"):
		j.Kind = c.AnyWord()
		if j.Kind != "INNER" {
			c.Accept("OUTER")
		}
		j.Hint = c.AcceptAny("LOOP", "HASH", "MERGE", "REMOTE")
	default:
		return nil
	}
	c.Expect("JOIN")
	j.R = primary(c)
	for !c.Is("ON") { // a JOIN b JOIN c ON ... ON ...
		r := join(c, j.R)
		if r == nil {
			break
		}
		j.R = r
	}
	c.Expect("ON")
	j.On = expr.Condition(c)
	return j
}

func pivot(c *cursor.Cursor, l ast.TableSource) ast.TableSource {
	p := &ast.Pivot{Source: l}
	c.Expect("PIVOT")
	c.ExpectSym(token.LParen)
	p.Aggregate = expr.Call(c, c.Object())
	c.Expect("FOR")
	p.For = c.ColumnName()
	c.Expect("IN")
	p.In = c.ParenNames()
	c.ExpectSym(token.RParen)
	p.Alias = needAlias(c)
	return p
}

func unpivot(c *cursor.Cursor, l ast.TableSource) ast.TableSource {
	p := &ast.Unpivot{Source: l}
	c.Expect("UNPIVOT")
	c.ExpectSym(token.LParen)
	p.Value = c.Name()
	c.Expect("FOR")
	p.For = c.Name()
	c.Expect("IN")
	c.ExpectSym(token.LParen)
	p.In = append(p.In, c.ColumnName())
	for c.Comma() {
		p.In = append(p.In, c.ColumnName())
	}
	c.ExpectSym(token.RParen)
	c.ExpectSym(token.RParen)
	p.Alias = needAlias(c)
	return p
}

// needAlias parses [AS] alias, without which such a source is refused.
func needAlias(c *cursor.Cursor) string {
	c.Accept("AS")
	return c.Name()
}

func optAlias(c *cursor.Cursor) string {
	if c.Accept("AS") || isAlias(c) && !c.Is("USING") { // MERGE ... USING
		return c.Name()
	}
	return ""
}

func primary(c *cursor.Cursor) ast.TableSource {
	switch {
	case c.IsSym(token.LParen):
		s, q := parens(c)
		if q != nil {
			s = derived(c, &ast.Derived{Query: q})
		}
		return s
	case c.IsSym(token.LBrace) && c.IsAt(1, "OJ"):
		c.Advance()
		c.Advance()
		s := source(c)
		c.ExpectSym(token.RBrace)
		return s
	case c.Kind() == token.Variable:
		return variable(c)
	case c.IsAny("OPENROWSET", "OPENQUERY", "OPENDATASOURCE", "OPENXML", "CONTAINSTABLE", "FREETEXTTABLE",
		"SEMANTICKEYPHRASETABLE", "SEMANTICSIMILARITYTABLE", "SEMANTICSIMILARITYDETAILSTABLE"):
		return rowset(c)
	case (c.Is("CHANGETABLE") || c.Is("PREDICT")) && c.SymAt(1, token.LParen):
		return rowset(c)
	}
	c.Sym(token.DoubleColon) // ::fn_x(), an old way to call system functions
	n := c.Object()
	if c.IsSym(token.LParen) && !legacyHints(c) {
		return function(c, expr.Call(c, n))
	}
	t := &ast.Table{Name: n}
	tableTail(c, t)
	return t
}

// parens parses (source), or (query), which the caller gives an alias.
func parens(c *cursor.Cursor) (ast.TableSource, *ast.Query) {
	defer c.Leave()
	if !c.Enter() {
		return &ast.Table{}, nil
	}
	c.ExpectSym(token.LParen)
	var s ast.TableSource
	switch {
	case c.Is("SELECT"):
		q := Inner(c)
		c.ExpectSym(token.RParen)
		return nil, q
	case c.Is("VALUES"):
		d := &ast.Derived{Rows: values(c)}
		c.ExpectSym(token.RParen)
		return derived(c, d), nil
	case c.IsAny("INSERT", "UPDATE", "DELETE", "MERGE"):
		d := &ast.Derived{DML: c.Grammar.Statement(c)}
		c.ExpectSym(token.RParen)
		return derived(c, d), nil
	case c.IsSym(token.LParen):
		inner, q := parens(c)
		if q != nil {
			if c.IsAny("UNION", "EXCEPT", "INTERSECT", "ORDER", "FOR") {
				q = From(c, q)
			}
			if c.Sym(token.RParen) {
				return nil, q
			}
			inner = derived(c, &ast.Derived{Query: q})
		}
		s = inner
	default:
		s = primary(c)
	}
	for next := join(c, s); next != nil; next = join(c, s) {
		s = next
	}
	c.ExpectSym(token.RParen)
	return s, nil
}

func derived(c *cursor.Cursor, d *ast.Derived) ast.TableSource {
	d.Alias = needAlias(c)
	if c.IsSym(token.LParen) {
		d.Columns = c.ParenNames()
	}
	return d
}

// values parses VALUES (row), ...
func values(c *cursor.Cursor) [][]ast.Expr {
	c.Expect("VALUES")
	rows := [][]ast.Expr{expr.Row(c)}
	for c.Comma() {
		rows = append(rows, expr.Row(c))
	}
	return rows
}

func variable(c *cursor.Cursor) ast.TableSource {
	if c.SymAt(1, token.Dot) {
		var x ast.Expr = expr.Variable(c)
		c.Advance()
		m := &ast.MethodCall{X: x, Name: c.Name()}
		m.Args = expr.Arguments(c)
		return function(c, m)
	}
	t := &ast.TableVariable{Name: c.Var()}
	t.Alias = optAlias(c)
	t.Hints = tableHints(c)
	return t
}

func function(c *cursor.Cursor, call ast.Expr) ast.TableSource {
	f := &ast.FuncTable{Call: call}
	if c.Is("WITH") && c.SymAt(1, token.LParen) {
		if n, ok := call.(*ast.FuncCall); ok && strings.EqualFold(n.Name.Name(), "OPENJSON") {
			c.Advance()
			f.With = schemaColumns(c)
		}
	}
	if f.Alias = optAlias(c); f.Alias != "" && c.IsSym(token.LParen) {
		f.Columns = c.ParenNames()
	}
	return f
}

func schemaColumns(c *cursor.Cursor) []*ast.SchemaColumn {
	var list []*ast.SchemaColumn
	c.ExpectSym(token.LParen)
	for {
		s := &ast.SchemaColumn{Name: c.Name(), Type: expr.DataType(c)}
		if c.IsString() {
			s.Path = c.Str()
		}
		if c.Accept("AS") {
			c.Expect("JSON")
			s.AsJSON = true
		}
		list = append(list, s)
		if !c.Comma() {
			break
		}
	}
	c.ExpectSym(token.RParen)
	return list
}

func rowset(c *cursor.Cursor) ast.TableSource {
	r := &ast.Rowset{Function: c.AnyWord()}
	r.Raw = c.RawParens()
	for c.Sym(token.Dot) {
		if c.IsSym(token.Dot) {
			r.Path = append(r.Path, "")
		} else {
			r.Path = append(r.Path, c.Name())
		}
	}
	if c.Is("WITH") && c.SymAt(1, token.LParen) {
		c.Advance()
		r.With = c.RawParens()
	}
	if r.Alias = optAlias(c); r.Alias != "" && c.IsSym(token.LParen) {
		r.Columns = c.ParenNames()
	}
	return r
}

// tableTail parses what follows the name of a table: period, alias, sample, hints.
func tableTail(c *cursor.Cursor, t *ast.Table) {
	if c.IsSeq("FOR", "SYSTEM_TIME") {
		c.Accept("FOR", "SYSTEM_TIME")
		t.Temporal = temporal(c)
	}
	t.Alias = optAlias(c)
	if c.Accept("TABLESAMPLE") {
		t.Sample = sample(c)
	}
	t.Hints = tableHints(c)
	if t.Alias == "" && t.Hints != nil && isAlias(c) && !c.Is("USING") {
		t.Alias = c.Name()
	}
}

func temporal(c *cursor.Cursor) string {
	operand := func() string {
		if c.Kind() == token.Variable {
			return c.Var()
		}
		return "'" + token.QuoteString(c.Str()) + "'"
	}
	switch {
	case c.Accept("ALL"):
		return "ALL"
	case c.Accept("AS", "OF"):
		return "AS OF " + operand()
	case c.Accept("BETWEEN"):
		from := operand()
		c.Expect("AND")
		return "BETWEEN " + from + " AND " + operand()
	case c.Accept("FROM"):
		from := operand()
		c.Expect("TO")
		return "FROM " + from + " TO " + operand()
	case c.Accept("CONTAINED"):
		c.Expect("IN")
		return "CONTAINED IN (" + c.RawParens() + ")"
	}
	c.Fail()
	return ""
}

func sample(c *cursor.Cursor) string {
	s := ""
	if c.Accept("SYSTEM") {
		s = "SYSTEM "
	}
	s += "(" + c.RawParens() + ")"
	if c.Accept("REPEATABLE") {
		s += " REPEATABLE (" + c.RawParens() + ")"
	}
	return s
}
