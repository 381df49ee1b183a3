package ddl

import (
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/parse/cursor"
	"latchkey/engine/tsql/parse/expr"
	"latchkey/engine/tsql/token"
)

// AlterTable parses what follows ALTER TABLE.
func AlterTable(c *cursor.Cursor) ast.Statement {
	s := &ast.AlterTable{Name: c.Object()}
	if c.IsSeq("WITH", "CHECK") || c.IsSeq("WITH", "NOCHECK") {
		c.Advance()
		s.WithCheck = c.AnyWord()
	}
	switch verb := c.ExpectAny("ADD", "ALTER", "DROP", "CHECK", "NOCHECK", "ENABLE", "DISABLE", "SET", "REBUILD", "SWITCH", "SPLIT", "MERGE"); verb {
	case "ADD":
		d := &ast.TableDef{}
		element(c, d)
		for c.Comma() {
			element(c, d)
		}
		s.Action = &ast.AddColumns{Def: d}
	case "ALTER":
		s.Action = alterColumn(c)
	case "DROP":
		s.Action = dropElements(c)
	case "CHECK", "NOCHECK":
		c.Expect("CONSTRAINT")
		s.Action = switchNames(c, verb, "CONSTRAINT")
	case "ENABLE", "DISABLE":
		if c.Accept("TRIGGER") {
			s.Action = switchNames(c, verb, "TRIGGER")
			break
		}
		w := c.ExpectAny("CHANGE_TRACKING", "FILETABLE_NAMESPACE")
		a := &ast.OtherTableAction{Verb: verb + " " + w}
		if c.Is("WITH") && c.SymAt(1, token.LParen) {
			c.Advance()
			a.Text = "WITH (" + c.RawParens() + ")"
		}
		s.Action = a
	case "SET":
		s.Action = &ast.OtherTableAction{Verb: verb, Text: "(" + c.RawParens() + ")"}
	case "REBUILD":
		a := &ast.OtherTableAction{Verb: verb}
		if c.Is("WITH") && c.SymAt(1, token.LParen) {
			c.Advance()
			a.Text = "WITH (" + c.RawParens() + ")"
		} else if c.Is("PARTITION") {
			a.Text = c.Raw(c.EndOfStatement)
		}
		s.Action = a
	default:
		s.Action = &ast.OtherTableAction{Verb: verb, Text: c.Raw(c.EndOfStatement)}
	}
	return s
}

func switchNames(c *cursor.Cursor, verb, what string) *ast.SwitchConstraints {
	a := &ast.SwitchConstraints{Verb: verb, What: what}
	if !c.Accept("ALL") {
		a.Names = c.Names()
	}
	return a
}

func alterColumn(c *cursor.Cursor) *ast.AlterColumn {
	c.Expect("COLUMN")
	a := &ast.AlterColumn{Column: &ast.ColumnDef{Name: c.Name()}}
	if w := c.AcceptAny("ADD", "DROP"); w != "" {
		a.Toggle = w + " " + c.ExpectAny("ROWGUIDCOL", "PERSISTED", "SPARSE", "HIDDEN", "MASKED", "NOT")
		if c.IsSeq("FOR", "REPLICATION") {
			c.Accept("FOR", "REPLICATION")
			a.Toggle += " FOR REPLICATION"
		}
		if a.Toggle == "ADD MASKED" {
			c.Expect("WITH")
			a.Toggle += " WITH (" + c.RawParens() + ")"
		}
		return a
	}
	a.Column.Type = expr.DataType(c)
	for c.IsAny("COLLATE", "NULL", "NOT", "SPARSE", "MASKED", "ENCRYPTED", "HIDDEN", "GENERATED") && columnClause(c, a.Column) {
	}
	if c.Is("WITH") && c.SymAt(1, token.LParen) {
		c.Advance()
		a.Options = c.ParenOptions()
	}
	return a
}

func dropElements(c *cursor.Cursor) *ast.DropElements {
	d := &ast.DropElements{}
	kind := "CONSTRAINT"
	for {
		switch {
		case c.Accept("CONSTRAINT"):
			kind = "CONSTRAINT"
		case c.Accept("COLUMN"):
			kind = "COLUMN"
		case c.Is("INDEX"):
			c.Advance()
			kind = "INDEX"
		case c.Accept("PERIOD", "FOR", "SYSTEM_TIME"):
			d.Items = append(d.Items, &ast.DropElement{Kind: "PERIOD"})
			if c.Comma() {
				continue
			}
			return d
		}
		e := &ast.DropElement{Kind: kind, IfExists: c.Accept("IF", "EXISTS")}
		e.Name = c.Name()
		if c.Is("WITH") && c.SymAt(1, token.LParen) {
			c.Advance()
			e.Options = c.ParenOptions()
		}
		d.Items = append(d.Items, e)
		if !c.Comma() {
			return d
		}
	}
}
