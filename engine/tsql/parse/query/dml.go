package query

import (
	"strings"

	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/parse/cursor"
	"latchkey/engine/tsql/parse/expr"
	"latchkey/engine/tsql/token"
)

// Statement parses SELECT, INSERT, UPDATE, DELETE or MERGE, with the WITH before it; nil if none begins here.
func Statement(c *cursor.Cursor) ast.Statement {
	var w *ast.With
	if c.Is("WITH") {
		w = with(c)
	}
	switch {
	case c.Is("SELECT"), c.IsSym(token.LParen):
		return selectStmt(c, w)
	case c.Is("INSERT"):
		return insert(c, w)
	case c.Is("UPDATE"):
		return update(c, w)
	case c.Is("DELETE"):
		return deleteStmt(c, w)
	case c.Is("MERGE"):
		return merge(c, w)
	}
	return nil
}

// Select parses a query with its WITH and OPTION, as in a cursor; inner as in a view.
func Select(c *cursor.Cursor, inner bool) *ast.SelectStmt {
	at := c.Pos()
	s := &ast.SelectStmt{}
	if c.Is("WITH") {
		s.With = with(c)
	}
	s.Query = query(c, inner)
	s.Hints = options(c)
	s.SetRange(at, c.PrevEnd())
	return s
}

func selectStmt(c *cursor.Cursor, w *ast.With) ast.Statement {
	s := &ast.SelectStmt{With: w, Query: Outer(c)}
	s.Hints = options(c)
	return s
}

func with(c *cursor.Cursor) *ast.With {
	c.Expect("WITH")
	w := &ast.With{}
	switch {
	case c.Is("XMLNAMESPACES") && c.SymAt(1, token.LParen):
		c.Advance()
		w.Namespaces = namespaces(c)
		if !c.Comma() {
			return w
		}
	case c.Is("CHANGE_TRACKING_CONTEXT") && c.SymAt(1, token.LParen):
		c.Advance()
		c.ExpectSym(token.LParen)
		w.Context = expr.Scalar(c)
		c.ExpectSym(token.RParen)
		if !c.Comma() {
			return w
		}
	}
	for {
		e := &ast.CTE{Name: c.Name()}
		if c.IsSym(token.LParen) {
			e.Columns = c.ParenNames()
		}
		c.Expect("AS")
		c.ExpectSym(token.LParen)
		e.Query = Inner(c)
		c.ExpectSym(token.RParen)
		w.CTEs = append(w.CTEs, e)
		if !c.Comma() {
			return w
		}
	}
}

func namespaces(c *cursor.Cursor) []ast.XMLNamespace {
	var list []ast.XMLNamespace
	c.ExpectSym(token.LParen)
	for {
		if c.Accept("DEFAULT") {
			list = append(list, ast.XMLNamespace{URI: c.Str()})
		} else {
			n := ast.XMLNamespace{URI: c.Str()}
			c.Expect("AS")
			n.Prefix = c.Name()
			list = append(list, n)
		}
		if !c.Comma() {
			break
		}
	}
	c.ExpectSym(token.RParen)
	return list
}

func optTop(c *cursor.Cursor) *ast.Top {
	if !c.Is("TOP") {
		return nil
	}
	return top(c)
}

// target parses what a statement changes, with hints and without an alias. Hints without WITH are read if legacy says so.
func target(c *cursor.Cursor, legacy bool) ast.TableSource {
	switch {
	case c.Kind() == token.Variable:
		t := &ast.TableVariable{Name: c.Var()}
		t.Hints = tableHints(c)
		return t
	case c.IsAny("OPENROWSET", "OPENQUERY", "OPENDATASOURCE"):
		r := &ast.Rowset{Function: c.AnyWord()}
		r.Raw = c.RawParens()
		for c.Sym(token.Dot) {
			r.Path = append(r.Path, c.Name())
		}
		return r
	}
	t := &ast.Table{Name: c.Object()}
	if c.Is("WITH") || legacy {
		t.Hints = tableHints(c)
	}
	return t
}

func insert(c *cursor.Cursor, w *ast.With) ast.Statement {
	c.Expect("INSERT")
	if c.Accept("BULK") {
		return insertBulk(c)
	}
	s := &ast.Insert{With: w, Top: optTop(c)}
	c.Accept("INTO")
	s.Target = target(c, false)
	if c.IsSym(token.LParen) && !c.IsAt(1, "SELECT") && !c.SymAt(1, token.LParen) {
		s.Columns = insertColumns(c)
	}
	s.Output = output(c)
	switch {
	case c.Is("VALUES"):
		at := c.Pos()
		if s.Rows = values(c); len(s.Rows) > 1000 {
			c.FailAt(at, 10738, "The number of row value expressions in the INSERT statement exceeds the maximum allowed number of 1000 row values.")
		}
	case c.Accept("DEFAULT"):
		c.Expect("VALUES")
		s.DefaultValues = true
	case c.IsAny("EXEC", "EXECUTE"):
		x, ok := c.Grammar.Statement(c).(*ast.Exec)
		if !ok {
			c.Fail()
		}
		s.Exec = x
	default:
		s.Query = Outer(c)
	}
	s.Hints = options(c)
	return s
}

// insertColumns parses (column, ...); a column may carry its table, which is dropped as the server does. IDENTITYCOL and
// ROWGUIDCOL become $IDENTITY and $ROWGUID.
func insertColumns(c *cursor.Cursor) []string {
	var list []string
	c.ExpectSym(token.LParen)
	for {
		switch {
		case c.Accept("IDENTITYCOL"):
			list = append(list, "$IDENTITY")
		case c.Accept("ROWGUIDCOL"):
			list = append(list, "$ROWGUID")
		case c.Kind() == token.Dollar:
			list = append(list, strings.ToUpper(c.Source()))
			c.Advance()
		default:
			list = append(list, c.ColumnName().Name())
		}
		if !c.Comma() {
			break
		}
	}
	c.ExpectSym(token.RParen)
	return list
}

func insertBulk(c *cursor.Cursor) ast.Statement {
	s := &ast.InsertBulk{Table: c.Object()}
	c.ExpectSym(token.LParen)
	for {
		d := &ast.ColumnDef{Name: c.Name(), Type: expr.DataType(c)}
		if c.Accept("COLLATE") {
			d.Collation = c.Name()
		}
		switch {
		case c.Accept("NOT", "NULL"):
			d.Nullable = "NOT NULL"
		case c.Accept("NULL"):
			d.Nullable = "NULL"
		}
		s.Columns = append(s.Columns, d)
		if !c.Comma() {
			break
		}
	}
	c.ExpectSym(token.RParen)
	if c.Accept("WITH") {
		s.Options = c.ParenOptions()
	}
	return s
}

func output(c *cursor.Cursor) *ast.Output {
	if !c.Accept("OUTPUT") {
		return nil
	}
	o := &ast.Output{Items: selectItems(c)}
	if c.Accept("INTO") {
		if c.Kind() == token.Variable {
			o.Into = &ast.TableVariable{Name: c.Var()}
		} else {
			o.Into = &ast.Table{Name: c.Object()}
		}
		if c.IsSym(token.LParen) && !c.IsAt(1, "SELECT") {
			o.Columns = c.ParenNames()
		}
		if c.Accept("OUTPUT") {
			o.Then = selectItems(c)
		}
	}
	return o
}

func update(c *cursor.Cursor, w *ast.With) ast.Statement {
	c.Expect("UPDATE")
	s := &ast.Update{With: w, Top: optTop(c), Target: target(c, true)}
	c.Expect("SET")
	s.Set = assignments(c)
	s.Output = output(c)
	if c.Accept("FROM") {
		s.From = sources(c)
	}
	s.Where = whereCurrent(c)
	s.Hints = options(c)
	return s
}

func assignments(c *cursor.Cursor) []*ast.Assignment {
	list := []*ast.Assignment{assignment(c)}
	for c.Comma() {
		list = append(list, assignment(c))
	}
	return list
}

func assignment(c *cursor.Cursor) *ast.Assignment {
	a := &ast.Assignment{}
	if c.Kind() == token.Variable {
		a.Variable = c.Var()
		if n := nameLength(c, 1); !c.IsSym(token.Eq) || n == 0 || !isAssign(c, 1+n) {
			a.Op = AssignOp(c)
			a.Value = expr.Scalar(c)
			return a
		}
		c.Advance() // @v = column = value
	}
	n := c.ColumnName()
	if c.IsSym(token.LParen) {
		if len(n.Parts) < 2 {
			c.Fail()
		}
		a.Method = expr.Call(c, n)
		return a
	}
	a.Column = &n
	a.Op = AssignOp(c)
	a.Value = expr.ScalarOrDefault(c)
	return a
}

// whereCurrent parses WHERE with a condition or CURRENT OF cursor.
func whereCurrent(c *cursor.Cursor) ast.Condition {
	if !c.IsSeq("WHERE", "CURRENT") {
		return where(c)
	}
	c.Accept("WHERE", "CURRENT")
	c.Expect("OF")
	return &ast.CurrentOf{Cursor: CursorName(c)}
}

// CursorName parses [GLOBAL] name or @variable.
func CursorName(c *cursor.Cursor) ast.Name {
	var n ast.Name
	if c.Is("GLOBAL") && c.IsNameAt(1) {
		c.Advance()
		n.Global = true
	}
	if c.Kind() == token.Variable {
		n.Name = c.Var()
	} else {
		n.Name = c.Name()
	}
	return n
}

func deleteStmt(c *cursor.Cursor, w *ast.With) ast.Statement {
	c.Expect("DELETE")
	s := &ast.Delete{With: w, Top: optTop(c)}
	c.Accept("FROM")
	s.Target = target(c, true)
	s.Output = output(c)
	if c.Accept("FROM") {
		s.From = sources(c)
	}
	s.Where = whereCurrent(c)
	s.Hints = options(c)
	return s
}

func merge(c *cursor.Cursor, w *ast.With) ast.Statement {
	c.Expect("MERGE")
	s := &ast.Merge{With: w, Top: optTop(c)}
	c.Accept("INTO")
	s.Target = target(c, true)
	if c.Accept("AS") || c.IsName() && !c.Is("USING") {
		switch t := s.Target.(type) {
		case *ast.Table:
			t.Alias = c.Name()
		case *ast.TableVariable:
			t.Alias = c.Name()
		default:
			c.Fail()
		}
	}
	c.Expect("USING")
	s.Using = source(c)
	c.Expect("ON")
	s.On = expr.Condition(c)
	for c.Is("WHEN") {
		s.Whens = append(s.Whens, mergeWhen(c))
	}
	if s.Whens == nil {
		c.Fail()
	}
	s.Output = output(c)
	s.Hints = options(c)
	return s
}

func mergeWhen(c *cursor.Cursor) *ast.MergeWhen {
	c.Expect("WHEN")
	m := &ast.MergeWhen{Match: "MATCHED"}
	if c.Accept("NOT") {
		m.Match = "NOT MATCHED"
	}
	c.Expect("MATCHED")
	if m.Match == "NOT MATCHED" && c.Accept("BY") {
		if c.ExpectAny("SOURCE", "TARGET") == "SOURCE" {
			m.Match = "NOT MATCHED BY SOURCE"
		}
	}
	if c.Accept("AND") {
		m.And = expr.Condition(c)
	}
	c.Expect("THEN")
	if m.Match == "NOT MATCHED" {
		m.Action = c.ExpectAny("INSERT")
		if c.IsSym(token.LParen) {
			m.Columns = insertColumns(c)
		}
		if c.Accept("DEFAULT") {
			c.Expect("VALUES")
			return m
		}
		c.Expect("VALUES")
		m.Values = expr.Row(c)
		return m
	}
	m.Action = c.ExpectAny("UPDATE", "DELETE")
	if m.Action == "UPDATE" {
		c.Expect("SET")
		m.Set = assignments(c)
	}
	return m
}

// Truncate parses TRUNCATE TABLE.
func Truncate(c *cursor.Cursor) ast.Statement {
	c.Expect("TRUNCATE", "TABLE")
	s := &ast.Truncate{Table: c.Object()}
	if c.Accept("WITH") {
		s.Partitions = c.RawParens()
	}
	return s
}

// BulkInsert parses BULK INSERT.
func BulkInsert(c *cursor.Cursor) ast.Statement {
	c.Expect("BULK", "INSERT")
	s := &ast.BulkInsert{Table: c.Object()}
	c.Expect("FROM")
	s.File = c.Str()
	if c.Accept("WITH") {
		s.Options = c.ParenOptions()
	}
	return s
}
