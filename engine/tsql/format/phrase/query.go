package phrase

import "latchkey/engine/tsql/ast"

// Subquery prints a query in parentheses.
func (p *Printer) Subquery(q *ast.Query) {
	p.S("(")
	p.Query(q)
	p.S(")")
}

// Query prints a query.
func (p *Printer) Query(q *ast.Query) {
	p.body(q.Body)
	if q.OrderBy != nil {
		p.S(" ORDER BY ")
		p.OrderItems(q.OrderBy)
	}
	if q.Offset != nil {
		p.OptExpr(" OFFSET ", q.Offset)
		p.S(" ROWS")
	}
	if q.Fetch != nil {
		p.OptExpr(" FETCH NEXT ", q.Fetch)
		p.S(" ROWS ONLY")
	}
	if f := q.For; f != nil {
		p.S(" FOR ", f.Kind)
		p.When(f.Mode != "", " "+f.Mode)
		if f.Element != nil {
			p.S("(")
			p.Literal(f.Element)
			p.S(")")
		}
		for _, o := range f.Options {
			p.S(", ")
			p.Option(o)
		}
	}
}

func (p *Printer) body(b ast.Body) {
	switch b := b.(type) {
	case *ast.Select:
		p.selectBody(b)
	case *ast.SetOp:
		l, ok := b.L.(*ast.SetOp)
		p.side(b.L, ok && b.Op == "INTERSECT" && l.Op != "INTERSECT")
		p.S(" ", b.Op, " ")
		r, ok := b.R.(*ast.SetOp)
		p.side(b.R, ok && (b.Op == "INTERSECT" || r.Op != "INTERSECT"))
	}
}

func (p *Printer) side(b ast.Body, parens bool) {
	p.When(parens, "(")
	p.body(b)
	p.When(parens, ")")
}

func (p *Printer) selectBody(s *ast.Select) {
	p.S("SELECT ")
	p.When(s.Distinct, "DISTINCT ")
	p.Top(s.Top)
	p.Items(s.Items)
	if s.Into != nil {
		p.S(" INTO ")
		p.Object(*s.Into)
	}
	p.From(s.From)
	p.Where(s.Where)
	if g := s.GroupBy; g != nil {
		p.S(" GROUP BY ")
		p.When(g.All, "ALL ")
		p.groupings(g.Items)
		p.When(g.With != "", " WITH "+g.With)
	}
	if s.Having != nil {
		p.OptExpr(" HAVING ", s.Having)
	}
	if s.Windows != nil {
		p.S(" WINDOW ")
		p.Each(len(s.Windows), func(i int) {
			p.S(Quote(s.Windows[i].Name), " AS ")
			p.window(s.Windows[i].Window)
		})
	}
}

// From prints a FROM clause, or nothing for nil.
func (p *Printer) From(list []ast.TableSource) {
	if list != nil {
		p.S(" FROM ")
		p.Each(len(list), func(i int) { p.Source(list[i]) })
	}
}

// Where prints a WHERE clause, or nothing for nil.
func (p *Printer) Where(c ast.Condition) {
	if c != nil {
		p.OptExpr(" WHERE ", c)
	}
}

// Top prints TOP (n) and a blank, or nothing for nil.
func (p *Printer) Top(t *ast.Top) {
	if t == nil {
		return
	}
	p.S("TOP (")
	p.Expr(t.Count)
	p.S(")")
	p.When(t.Percent, " PERCENT")
	p.When(t.WithTies, " WITH TIES")
	p.S(" ")
}

// Items prints a select list.
func (p *Printer) Items(list []*ast.SelectItem) {
	p.Each(len(list), func(i int) {
		it := list[i]
		if it.Variable != "" {
			p.S(it.Variable, " ", it.Op, " ")
		}
		p.Masked(AssignsSecret(it.Variable) || AssignsSecret(it.Alias), func() { p.Expr(it.X) })
		p.Name(" AS ", it.Alias)
	})
}

func (p *Printer) groupings(list []*ast.Grouping) {
	p.Each(len(list), func(i int) {
		g := list[i]
		if g.X != nil {
			p.Expr(g.X)
			return
		}
		p.When(g.Kind != "TUPLE", g.Kind+" ")
		p.S("(")
		p.groupings(g.Items)
		p.S(")")
	})
}

// Alias prints AS alias (columns), or nothing for "".
func (p *Printer) Alias(alias string, columns []string) {
	p.Name(" AS ", alias)
	p.ParenNames(" ", columns)
}

// Source prints a table source.
func (p *Printer) Source(t ast.TableSource) {
	switch t := t.(type) {
	case *ast.Table:
		p.Object(t.Name)
		p.When(t.Temporal != "", " FOR SYSTEM_TIME "+t.Temporal)
		p.Alias(t.Alias, nil)
		p.When(t.Sample != "", " TABLESAMPLE "+t.Sample)
		p.TableHints(t.Hints)
	case *ast.TableVariable:
		p.S(t.Name)
		p.Alias(t.Alias, nil)
		p.TableHints(t.Hints)
	case *ast.Derived:
		p.derived(t)
	case *ast.FuncTable:
		p.Expr(t.Call)
		p.schema(t.With)
		p.Alias(t.Alias, t.Columns)
	case *ast.Rowset:
		p.S(t.Function, "(")
		p.Raw(t.Raw)
		p.S(")")
		for _, n := range t.Path {
			p.S(".", Quote(n))
		}
		if t.With != "" {
			p.S(" WITH (")
			p.Raw(t.With)
			p.S(")")
		}
		p.Alias(t.Alias, t.Columns)
	case *ast.Join:
		p.join(t)
	case *ast.Pivot:
		p.side2(t.Source)
		p.S(" PIVOT (")
		p.Expr(t.Aggregate)
		p.S(" FOR ", ObjectName(t.For), " IN ")
		p.ParenNames("", t.In)
		p.S(")")
		p.Alias(t.Alias, nil)
	case *ast.Unpivot:
		p.side2(t.Source)
		p.S(" UNPIVOT (", Quote(t.Value), " FOR ", Quote(t.For), " IN (")
		p.Objects(t.In)
		p.S("))")
		p.Alias(t.Alias, nil)
	}
}

// side2 prints the right operand of a join or the source of a pivot: joins get parentheses.
func (p *Printer) side2(t ast.TableSource) {
	switch t.(type) {
	case *ast.Join, *ast.Pivot, *ast.Unpivot:
		p.S("(")
		p.Source(t)
		p.S(")")
	default:
		p.Source(t)
	}
}

func (p *Printer) join(j *ast.Join) {
	p.Source(j.L)
	p.S(" ", j.Kind)
	p.When(j.Hint != "", " "+j.Hint)
	if j.Kind != "CROSS APPLY" && j.Kind != "OUTER APPLY" {
		p.S(" JOIN")
	}
	p.S(" ")
	p.side2(j.R)
	if j.On != nil {
		p.OptExpr(" ON ", j.On)
	}
}

func (p *Printer) derived(t *ast.Derived) {
	p.S("(")
	switch {
	case t.Query != nil:
		p.Query(t.Query)
	case t.DML != nil:
		p.Statement(t.DML)
	default:
		p.Rows(t.Rows)
	}
	p.S(")")
	p.Alias(t.Alias, t.Columns)
}

// Rows prints VALUES and its rows.
func (p *Printer) Rows(rows [][]ast.Expr) {
	p.S("VALUES ")
	p.Each(len(rows), func(i int) { p.Args(rows[i]) })
}

func (p *Printer) schema(list []*ast.SchemaColumn) {
	if list == nil {
		return
	}
	p.S(" WITH (")
	p.Each(len(list), func(i int) {
		c := list[i]
		p.S(Quote(c.Name), " ", DataType(c.Type))
		p.OptString(" ", c.Path)
		p.When(c.AsJSON, " AS JSON")
	})
	p.S(")")
}

// TableHints prints WITH (hints), or nothing for nil.
func (p *Printer) TableHints(list []*ast.Hint) {
	if list != nil {
		p.S(" WITH (")
		p.hints(list)
		p.S(")")
	}
}

// QueryHints prints OPTION (hints), or nothing for nil.
func (p *Printer) QueryHints(list []*ast.Hint) {
	if list != nil {
		p.S(" OPTION (")
		p.hints(list)
		p.S(")")
	}
}

func (p *Printer) hints(list []*ast.Hint) {
	p.Each(len(list), func(i int) {
		h := list[i]
		p.S(h.Name)
		p.When(h.Equal, " =")
		if h.Value != nil {
			p.S(" ")
			p.OptionValue(h.Value)
		}
		if h.Paren {
			p.S(" (", h.Args, ")")
		}
	})
}

// With prints what precedes a statement and a blank, or nothing for nil.
func (p *Printer) With(w *ast.With) {
	if w == nil {
		return
	}
	p.S("WITH ")
	sep := ""
	if w.Namespaces != nil {
		p.S("XMLNAMESPACES (")
		p.Each(len(w.Namespaces), func(i int) {
			n := w.Namespaces[i]
			p.When(n.Prefix == "", "DEFAULT ")
			p.S(StringLit(n.URI))
			p.Name(" AS ", n.Prefix)
		})
		p.S(")")
		sep = ", "
	}
	if w.Context != nil {
		p.S("CHANGE_TRACKING_CONTEXT (")
		p.Expr(w.Context)
		p.S(")")
		sep = ", "
	}
	for _, c := range w.CTEs {
		p.S(sep, Quote(c.Name))
		p.ParenNames(" ", c.Columns)
		p.S(" AS ")
		p.Subquery(c.Query)
		sep = ", "
	}
	p.S(" ")
}

// SelectStmt prints a query with its WITH and OPTION.
func (p *Printer) SelectStmt(s *ast.SelectStmt) {
	p.With(s.With)
	p.Query(s.Query)
	p.QueryHints(s.Hints)
}
