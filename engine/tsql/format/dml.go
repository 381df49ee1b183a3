package format

import (
	"slices"

	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/format/phrase"
)

func (p *printer) output(o *ast.Output) {
	if o == nil {
		return
	}
	p.S(" OUTPUT ")
	p.Items(o.Items)
	if o.Into != nil {
		p.S(" INTO ")
		p.Source(o.Into)
		p.ParenNames(" ", o.Columns)
	}
	if o.Then != nil {
		p.S(" OUTPUT ")
		p.Items(o.Then)
	}
}

func (p *printer) assignments(list []*ast.Assignment) {
	p.Each(len(list), func(i int) {
		a := list[i]
		if a.Method != nil {
			p.Expr(a.Method)
			return
		}
		name := a.Variable
		p.S(a.Variable)
		if a.Column != nil {
			p.When(a.Variable != "", " = ")
			p.Object(*a.Column)
			name += " " + a.Column.Name()
		}
		p.S(" ", a.Op, " ")
		p.Masked(phrase.AssignsSecret(name), func() { p.Expr(a.Value) })
	})
}

// dml prints the statements that change rows; false for others.
func (p *printer) dml(s ast.Statement) bool {
	switch s := s.(type) {
	case *ast.SelectStmt:
		p.SelectStmt(s)
	case *ast.Insert:
		p.insert(s)
	case *ast.Update:
		p.With(s.With)
		p.S("UPDATE ")
		p.Top(s.Top)
		p.Source(s.Target)
		p.S(" SET ")
		p.assignments(s.Set)
		p.output(s.Output)
		p.From(s.From)
		p.Where(s.Where)
		p.QueryHints(s.Hints)
	case *ast.Delete:
		p.With(s.With)
		p.S("DELETE ")
		p.Top(s.Top)
		p.S("FROM ")
		p.Source(s.Target)
		p.output(s.Output)
		p.From(s.From)
		p.Where(s.Where)
		p.QueryHints(s.Hints)
	case *ast.Merge:
		p.merge(s)
	case *ast.Truncate:
		p.S("TRUNCATE TABLE ")
		p.Object(s.Table)
		if s.Partitions != "" {
			p.S(" WITH (", s.Partitions, ")")
		}
	case *ast.BulkInsert:
		p.S("BULK INSERT ", phrase.ObjectName(s.Table), " FROM ", phrase.StringLit(s.File))
		p.OptionList(s.Options)
	case *ast.InsertBulk:
		p.S("INSERT BULK ", phrase.ObjectName(s.Table), " (")
		p.Each(len(s.Columns), func(i int) {
			c := s.Columns[i]
			p.S(phrase.Quote(c.Name), " ", phrase.DataType(c.Type))
			p.Name(" COLLATE ", c.Collation)
			p.When(c.Nullable != "", " "+c.Nullable)
		})
		p.S(")")
		p.OptionList(s.Options)
	default:
		return false
	}
	return true
}

func (p *printer) insert(s *ast.Insert) {
	p.With(s.With)
	p.S("INSERT ")
	p.Top(s.Top)
	p.S("INTO ")
	p.Source(s.Target)
	if len(s.Columns) > 0 {
		p.S(" (")
		p.insertColumns(s.Columns)
		p.S(")")
	}
	p.output(s.Output)
	p.S(" ")
	switch {
	case s.DefaultValues:
		p.S("DEFAULT VALUES")
	case s.Exec != nil:
		p.stmt(s.Exec)
	case s.Query != nil:
		p.Query(s.Query)
	default:
		p.Masked(slices.ContainsFunc(s.Columns, phrase.AssignsSecret), func() { p.Rows(s.Rows) })
	}
	p.QueryHints(s.Hints)
}

// insertColumns prints names, of which $IDENTITY and its like are words.
func (p *printer) insertColumns(list []string) {
	p.Each(len(list), func(i int) {
		if n := list[i]; n == "$IDENTITY" || n == "$ROWGUID" {
			p.S(n)
		} else {
			p.S(phrase.Quote(n))
		}
	})
}

func (p *printer) merge(s *ast.Merge) {
	p.With(s.With)
	p.S("MERGE ")
	p.Top(s.Top)
	p.S("INTO ")
	hints := []*ast.Hint(nil)
	alias := ""
	switch t := s.Target.(type) { // hints precede the alias here
	case *ast.Table:
		p.Object(t.Name)
		hints, alias = t.Hints, t.Alias
	case *ast.TableVariable:
		p.S(t.Name)
		hints, alias = t.Hints, t.Alias
	default:
		p.Source(t)
	}
	p.TableHints(hints)
	p.Alias(alias, nil)
	p.S(" USING ")
	p.Source(s.Using)
	p.OptExpr(" ON ", s.On)
	for _, w := range s.Whens {
		p.S(" WHEN ", w.Match)
		if w.And != nil {
			p.OptExpr(" AND ", w.And)
		}
		p.S(" THEN ", w.Action)
		switch {
		case w.Action == "UPDATE":
			p.S(" SET ")
			p.assignments(w.Set)
		case w.Action == "INSERT":
			if len(w.Columns) > 0 {
				p.S(" (")
				p.insertColumns(w.Columns)
				p.S(")")
			}
			if w.Values == nil {
				p.S(" DEFAULT VALUES")
			} else {
				p.S(" VALUES ")
				p.Args(w.Values)
			}
		}
	}
	p.output(s.Output)
	p.QueryHints(s.Hints)
}
