package ddl

import (
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/parse/cursor"
	"latchkey/engine/tsql/parse/expr"
	"latchkey/engine/tsql/token"
)

// CreateIndex parses what follows CREATE where an index is made; nil if it is no index this package knows.
func CreateIndex(c *cursor.Cursor) ast.Statement {
	n := 0
	for c.IsAt(n, "UNIQUE") || c.IsAt(n, "CLUSTERED") || c.IsAt(n, "NONCLUSTERED") || c.IsAt(n, "COLUMNSTORE") {
		n++
	}
	if !c.IsAt(n, "INDEX") {
		return nil
	}
	d := &ast.IndexDef{}
	clustering(c, d)
	c.Expect("INDEX")
	d.Name = c.Name()
	c.Expect("ON")
	s := &ast.CreateIndex{Table: c.Object(), Index: d}
	indexBody(c, d)
	return s
}

func clustering(c *cursor.Cursor, d *ast.IndexDef) {
	d.Unique = c.Accept("UNIQUE")
	d.Clustering = c.AcceptAny("CLUSTERED", "NONCLUSTERED")
	if c.Accept("COLUMNSTORE") {
		if d.Clustering == "" {
			d.Clustering = "NONCLUSTERED"
		}
		d.Clustering += " COLUMNSTORE"
	}
}

// inlineIndex parses what follows INDEX inside CREATE TABLE.
func inlineIndex(c *cursor.Cursor) *ast.IndexDef {
	d := &ast.IndexDef{Name: c.Name()}
	clustering(c, d)
	d.Hash = c.Accept("HASH")
	indexBody(c, d)
	return d
}

func indexBody(c *cursor.Cursor, d *ast.IndexDef) {
	if c.IsSym(token.LParen) {
		d.Columns = indexColumns(c)
	}
	if c.Accept("INCLUDE") {
		d.Include = c.ParenNames()
	}
	if c.Accept("WHERE") {
		d.Where = expr.Condition(c)
	}
	d.Options = withOptions(c)
	if c.Accept("ON") {
		d.On = filegroup(c)
	}
	if c.Accept("FILESTREAM_ON") {
		d.FileStream = filegroup(c)
	}
}

// AlterIndex parses what follows ALTER INDEX.
func AlterIndex(c *cursor.Cursor) ast.Statement {
	s := &ast.AlterIndex{}
	if !c.Accept("ALL") {
		s.Name = c.Name()
	}
	c.Expect("ON")
	s.Table = c.Object()
	s.Action = c.ExpectAny("REBUILD", "REORGANIZE", "DISABLE", "SET", "RESUME", "PAUSE", "ABORT")
	if s.Action == "SET" {
		s.Options = c.ParenOptions()
		return s
	}
	if c.Accept("PARTITION") {
		c.ExpectSym(token.Eq)
		s.Partition, _ = c.OptionValue()
	}
	if c.Is("WITH") && c.SymAt(1, token.LParen) {
		c.Advance()
		s.Options = c.ParenOptions()
	}
	return s
}

// CreateStatistics parses what follows CREATE STATISTICS.
func CreateStatistics(c *cursor.Cursor) ast.Statement {
	s := &ast.Statistics{Mode: "CREATE", Names: []string{c.Name()}}
	c.Expect("ON")
	s.Table = c.Object()
	s.Columns = c.ParenNames()
	if c.Accept("WHERE") {
		s.Where = expr.Condition(c)
	}
	s.Options = statisticsOptions(c)
	return s
}

// UpdateStatistics parses UPDATE STATISTICS.
func UpdateStatistics(c *cursor.Cursor) ast.Statement {
	c.Expect("UPDATE", "STATISTICS")
	s := &ast.Statistics{Mode: "UPDATE", Table: c.Object()}
	if c.IsSym(token.LParen) {
		s.Names = c.ParenNames()
	} else if c.IsName() {
		s.Names = []string{c.Name()}
	}
	s.Options = statisticsOptions(c)
	return s
}

func statisticsOptions(c *cursor.Cursor) []*ast.Option {
	if !c.Accept("WITH") {
		return nil
	}
	var list []*ast.Option
	for {
		if c.Accept("SAMPLE") {
			o := &ast.Option{Name: "SAMPLE", Value: c.Literal()}
			o.Unit = c.ExpectAny("PERCENT", "ROWS")
			list = append(list, o)
		} else {
			list = append(list, c.Option())
		}
		if !c.Comma() {
			return list
		}
	}
}
