package ddl

import (
	"strings"

	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/parse/cursor"
	"latchkey/engine/tsql/parse/expr"
	"latchkey/engine/tsql/token"
)

// CreateTable parses what follows CREATE TABLE.
func CreateTable(c *cursor.Cursor) ast.Statement {
	s := &ast.CreateTable{Name: c.Object()}
	if c.Accept("AS", "FILETABLE") {
		s.Kind = "FILETABLE"
	}
	if s.Kind == "" || c.IsSym(token.LParen) {
		s.Def = TableDef(c)
	}
	if c.IsSeq("AS", "NODE") || c.IsSeq("AS", "EDGE") {
		c.Advance()
		s.Kind = c.AnyWord()
	}
	for {
		switch {
		case c.Accept("ON"):
			s.On = filegroup(c)
		case c.Accept("TEXTIMAGE_ON"):
			s.TextImage = filegroup(c)
		case c.Accept("FILESTREAM_ON"):
			s.FileStream = filegroup(c)
		case c.Is("WITH") && c.SymAt(1, token.LParen):
			c.Advance()
			s.Options = c.ParenOptions()
		default:
			return s
		}
	}
}

// filegroup parses a filegroup or scheme(column), as text that parses again.
func filegroup(c *cursor.Cursor) string {
	var s string
	if c.IsString() {
		s = token.Quote(c.Str())
	} else {
		s = token.Quote(c.Name())
	}
	if c.IsSym(token.LParen) {
		s += " (" + token.Quote(strings.Join(c.ParenNames(), "")) + ")"
	}
	return s
}

// TableDef parses (elements). A comma after the last one is let pass, as the server does.
func TableDef(c *cursor.Cursor) *ast.TableDef {
	d := &ast.TableDef{}
	c.ExpectSym(token.LParen)
	element(c, d)
	for c.Comma() && !c.IsSym(token.RParen) {
		element(c, d)
	}
	c.ExpectSym(token.RParen)
	return d
}

// element parses a column, constraint, index or period of a table.
func element(c *cursor.Cursor, d *ast.TableDef) {
	switch {
	case c.IsAny("CONSTRAINT", "PRIMARY", "UNIQUE", "FOREIGN", "CHECK", "DEFAULT"),
		c.Is("CONNECTION") && c.SymAt(1, token.LParen):
		d.Constraints = append(d.Constraints, constraint(c))
	case c.Is("INDEX"):
		c.Advance()
		d.Indexes = append(d.Indexes, inlineIndex(c))
	case c.IsSeq("PERIOD", "FOR") && c.IsAt(2, "SYSTEM_TIME"):
		c.Accept("PERIOD", "FOR", "SYSTEM_TIME")
		d.Period = c.ParenNames()
	default:
		d.Columns = append(d.Columns, column(c))
	}
}

func column(c *cursor.Cursor) *ast.ColumnDef {
	d := &ast.ColumnDef{Name: c.Name()}
	switch {
	case c.Accept("AS"):
		d.Computed = expr.Scalar(c)
		d.Persisted = c.Accept("PERSISTED")
	case strings.EqualFold(d.Name, "timestamp") && (c.IsSym(token.Comma) || c.IsSym(token.RParen)):
		d.Type = &ast.DataType{Name: ast.ObjectName{Parts: []string{"timestamp"}}} // a column that is named by its type
	default:
		d.Type = expr.DataType(c)
	}
	for columnClause(c, d) {
	}
	return d
}

// columnClause parses one clause behind a column's type; false if none follows.
func columnClause(c *cursor.Cursor, d *ast.ColumnDef) bool {
	switch {
	case c.Accept("COLLATE"):
		d.Collation = c.Name()
	case c.Accept("NULL"):
		d.Nullable = "NULL"
	case c.Accept("NOT", "NULL"):
		d.Nullable = "NOT NULL"
	case c.Accept("IDENTITY"):
		d.Identity = identity(c)
	case c.Accept("ROWGUIDCOL"):
		d.RowGUID = true
	case c.Accept("SPARSE"):
		d.Sparse = true
	case c.Accept("FILESTREAM"):
		d.FileStream = true
	case c.Accept("HIDDEN"):
		d.Hidden = true
	case c.Accept("PERSISTED"):
		d.Persisted = true
	case c.Accept("GENERATED", "ALWAYS", "AS"):
		d.Generated = c.ExpectAny("ROW", "TRANSACTION_ID", "SEQUENCE_NUMBER")
		d.Generated += " " + c.ExpectAny("START", "END")
	case c.Accept("MASKED"):
		c.Expect("WITH")
		c.ExpectSym(token.LParen)
		c.Expect("FUNCTION")
		c.ExpectSym(token.Eq)
		d.Masked = c.Literal()
		c.ExpectSym(token.RParen)
	case c.Accept("ENCRYPTED"):
		c.Expect("WITH")
		d.Encrypted = c.RawParens()
	case c.Accept("COLUMN_SET"):
		c.Expect("FOR", "ALL_SPARSE_COLUMNS")
		d.Generated = "COLUMN_SET"
	case c.Accept("INDEX"):
		d.Index = inlineIndex(c)
	case c.IsAny("CONSTRAINT", "PRIMARY", "UNIQUE", "FOREIGN", "REFERENCES", "CHECK", "DEFAULT"):
		d.Constraints = append(d.Constraints, constraint(c))
	default:
		return false
	}
	return true
}

func identity(c *cursor.Cursor) *ast.Identity {
	i := &ast.Identity{}
	if c.Sym(token.LParen) {
		i.Seed = expr.Scalar(c)
		c.ExpectSym(token.Comma)
		i.Increment = expr.Scalar(c)
		c.ExpectSym(token.RParen)
	}
	i.NotForReplication = c.Accept("NOT", "FOR", "REPLICATION")
	return i
}

// constraint parses a constraint of a column or a table.
func constraint(c *cursor.Cursor) *ast.Constraint {
	k := &ast.Constraint{}
	if c.Accept("CONSTRAINT") {
		k.Name = c.Name()
	}
	switch {
	case c.Accept("PRIMARY"):
		c.Expect("KEY")
		k.Kind = "PRIMARY KEY"
		keyConstraint(c, k)
	case c.Accept("UNIQUE"):
		k.Kind = "UNIQUE"
		keyConstraint(c, k)
	case c.Accept("FOREIGN"):
		c.Expect("KEY")
		k.Kind = "FOREIGN KEY"
		if c.IsSym(token.LParen) {
			k.Columns = indexColumns(c)
		}
		references(c, k)
	case c.Is("REFERENCES"):
		k.Kind = "FOREIGN KEY"
		references(c, k)
	case c.Accept("CHECK"):
		k.Kind = "CHECK"
		k.NotForReplication = c.Accept("NOT", "FOR", "REPLICATION")
		c.ExpectSym(token.LParen)
		k.Check = expr.Condition(c)
		c.ExpectSym(token.RParen)
	case c.Accept("DEFAULT"):
		k.Kind = "DEFAULT"
		k.Default = expr.Scalar(c)
		if c.Accept("FOR") {
			k.For = c.Name()
		}
		if c.IsSeq("WITH", "VALUES") {
			k.WithValues = c.Accept("WITH", "VALUES")
		}
	case c.Accept("CONNECTION"):
		k.Kind = "CONNECTION"
		k.For = c.RawParens()
	default:
		c.Fail()
	}
	return k
}

func keyConstraint(c *cursor.Cursor, k *ast.Constraint) {
	k.Clustering = c.AcceptAny("CLUSTERED", "NONCLUSTERED")
	k.Hash = c.Accept("HASH")
	if c.IsSym(token.LParen) {
		k.Columns = indexColumns(c)
	}
	k.Options = withOptions(c)
	if c.Accept("ON") {
		k.On = filegroup(c)
	}
	if c.IsSeq("NOT", "ENFORCED") {
		k.NotEnforced = c.Accept("NOT", "ENFORCED")
	}
}

// withOptions parses WITH (options) or, as older scripts have it, WITH FILLFACTOR = n.
func withOptions(c *cursor.Cursor) []*ast.Option {
	switch {
	case c.Is("WITH") && c.SymAt(1, token.LParen):
		c.Advance()
		return c.ParenOptions()
	case c.Is("WITH") && (c.SymAt(2, token.Eq) || c.IsAt(1, "DROP_EXISTING") || c.IsAt(1, "PAD_INDEX")):
		c.Advance()
		return c.Options()
	}
	return nil
}

func references(c *cursor.Cursor, k *ast.Constraint) {
	c.Expect("REFERENCES")
	n := c.Object()
	k.RefTable = &n
	if c.IsSym(token.LParen) {
		k.RefColumns = c.ParenNames()
	}
	for {
		switch {
		case c.Accept("ON", "DELETE"):
			k.OnDelete = action(c)
		case c.Accept("ON", "UPDATE"):
			k.OnUpdate = action(c)
		case c.Accept("NOT", "FOR", "REPLICATION"):
			k.NotForReplication = true
		default:
			return
		}
	}
}

func action(c *cursor.Cursor) string {
	switch c.ExpectAny("NO", "CASCADE", "SET") {
	case "NO":
		c.Expect("ACTION")
		return "NO ACTION"
	case "SET":
		return "SET " + c.ExpectAny("NULL", "DEFAULT")
	}
	return "CASCADE"
}

func indexColumns(c *cursor.Cursor) []ast.IndexColumn {
	var list []ast.IndexColumn
	c.ExpectSym(token.LParen)
	for {
		k := ast.IndexColumn{Name: c.Name()}
		k.Desc = c.AcceptAny("ASC", "DESC") == "DESC"
		list = append(list, k)
		if !c.Comma() {
			break
		}
	}
	c.ExpectSym(token.RParen)
	return list
}
