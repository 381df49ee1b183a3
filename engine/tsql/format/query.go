package format

import "latchkey/engine/tsql/ast"

func (p *printer) subquery(q *ast.Query) {
	p.s("(")
	p.query(q)
	p.s(")")
}

func (p *printer) query(q *ast.Query) {
	p.body(q.Body)
	if q.OrderBy != nil {
		p.s(" ORDER BY ")
		p.orderItems(q.OrderBy)
	}
	if q.Offset != nil {
		p.optExpr(" OFFSET ", q.Offset)
		p.s(" ROWS")
	}
	if q.Fetch != nil {
		p.optExpr(" FETCH NEXT ", q.Fetch)
		p.s(" ROWS ONLY")
	}
	if f := q.For; f != nil {
		p.s(" FOR ", f.Kind)
		p.when(f.Mode != "", " "+f.Mode)
		if f.Element != nil {
			p.s("(")
			p.literal(f.Element)
			p.s(")")
		}
		for _, o := range f.Options {
			p.s(", ")
			p.option(o)
		}
	}
}

func (p *printer) body(b ast.Body) {
	switch b := b.(type) {
	case *ast.Select:
		p.selectBody(b)
	case *ast.SetOp:
		l, ok := b.L.(*ast.SetOp)
		p.side(b.L, ok && b.Op == "INTERSECT" && l.Op != "INTERSECT")
		p.s(" ", b.Op, " ")
		r, ok := b.R.(*ast.SetOp)
		p.side(b.R, ok && (b.Op == "INTERSECT" || r.Op != "INTERSECT"))
	}
}

func (p *printer) side(b ast.Body, parens bool) {
	p.when(parens, "(")
	p.body(b)
	p.when(parens, ")")
}

func (p *printer) selectBody(s *ast.Select) {
	p.s("SELECT ")
	p.when(s.Distinct, "DISTINCT ")
	p.top(s.Top)
	p.items(s.Items)
	if s.Into != nil {
		p.s(" INTO ")
		p.object(*s.Into)
	}
	p.from(s.From)
	p.where(s.Where)
	if g := s.GroupBy; g != nil {
		p.s(" GROUP BY ")
		p.when(g.All, "ALL ")
		p.groupings(g.Items)
		p.when(g.With != "", " WITH "+g.With)
	}
	if s.Having != nil {
		p.optExpr(" HAVING ", s.Having)
	}
	if s.Windows != nil {
		p.s(" WINDOW ")
		p.each(len(s.Windows), func(i int) {
			p.s(quote(s.Windows[i].Name), " AS ")
			p.window(s.Windows[i].Window)
		})
	}
}

func (p *printer) from(list []ast.TableSource) {
	if list != nil {
		p.s(" FROM ")
		p.each(len(list), func(i int) { p.source(list[i]) })
	}
}

func (p *printer) where(c ast.Condition) {
	if c != nil {
		p.optExpr(" WHERE ", c)
	}
}

func (p *printer) top(t *ast.Top) {
	if t == nil {
		return
	}
	p.s("TOP (")
	p.expr(t.Count)
	p.s(")")
	p.when(t.Percent, " PERCENT")
	p.when(t.WithTies, " WITH TIES")
	p.s(" ")
}

func (p *printer) items(list []*ast.SelectItem) {
	p.each(len(list), func(i int) {
		it := list[i]
		if it.Variable != "" {
			p.s(it.Variable, " ", it.Op, " ")
		}
		p.masked(assignsSecret(it.Variable) || assignsSecret(it.Alias), func() { p.expr(it.X) })
		p.name(" AS ", it.Alias)
	})
}

func (p *printer) groupings(list []*ast.Grouping) {
	p.each(len(list), func(i int) {
		g := list[i]
		if g.X != nil {
			p.expr(g.X)
			return
		}
		p.when(g.Kind != "TUPLE", g.Kind+" ")
		p.s("(")
		p.groupings(g.Items)
		p.s(")")
	})
}

func (p *printer) alias(alias string, columns []string) {
	p.name(" AS ", alias)
	p.parenNames(" ", columns)
}

func (p *printer) source(t ast.TableSource) {
	switch t := t.(type) {
	case *ast.Table:
		p.object(t.Name)
		p.when(t.Temporal != "", " FOR SYSTEM_TIME "+t.Temporal)
		p.alias(t.Alias, nil)
		p.when(t.Sample != "", " TABLESAMPLE "+t.Sample)
		p.tableHints(t.Hints)
	case *ast.TableVariable:
		p.s(t.Name)
		p.alias(t.Alias, nil)
		p.tableHints(t.Hints)
	case *ast.Derived:
		p.derived(t)
	case *ast.FuncTable:
		p.expr(t.Call)
		p.schema(t.With)
		p.alias(t.Alias, t.Columns)
	case *ast.Rowset:
		p.s(t.Function, "(")
		p.raw(t.Raw)
		p.s(")")
		for _, n := range t.Path {
			p.s(".", quote(n))
		}
		if t.With != "" {
			p.s(" WITH (")
			p.raw(t.With)
			p.s(")")
		}
		p.alias(t.Alias, t.Columns)
	case *ast.Join:
		p.join(t)
	case *ast.Pivot:
		p.side2(t.Source)
		p.s(" PIVOT (")
		p.expr(t.Aggregate)
		p.s(" FOR ", object(t.For), " IN ")
		p.parenNames("", t.In)
		p.s(")")
		p.alias(t.Alias, nil)
	case *ast.Unpivot:
		p.side2(t.Source)
		p.s(" UNPIVOT (", quote(t.Value), " FOR ", quote(t.For), " IN (")
		p.objects(t.In)
		p.s("))")
		p.alias(t.Alias, nil)
	}
}

// side2 prints the right operand of a join or the source of a pivot: joins get parentheses.
func (p *printer) side2(t ast.TableSource) {
	switch t.(type) {
	case *ast.Join, *ast.Pivot, *ast.Unpivot:
		p.s("(")
		p.source(t)
		p.s(")")
	default:
		p.source(t)
	}
}

func (p *printer) join(j *ast.Join) {
	p.source(j.L)
	p.s(" ", j.Kind)
	p.when(j.Hint != "", " "+j.Hint)
	if j.Kind != "CROSS APPLY" && j.Kind != "OUTER APPLY" {
		p.s(" JOIN")
	}
	p.s(" ")
	p.side2(j.R)
	if j.On != nil {
		p.optExpr(" ON ", j.On)
	}
}

func (p *printer) derived(t *ast.Derived) {
	p.s("(")
	switch {
	case t.Query != nil:
		p.query(t.Query)
	case t.DML != nil:
		p.stmt(t.DML)
	default:
		p.rows(t.Rows)
	}
	p.s(")")
	p.alias(t.Alias, t.Columns)
}

func (p *printer) rows(rows [][]ast.Expr) {
	p.s("VALUES ")
	p.each(len(rows), func(i int) { p.args(rows[i]) })
}

func (p *printer) schema(list []*ast.SchemaColumn) {
	if list == nil {
		return
	}
	p.s(" WITH (")
	p.each(len(list), func(i int) {
		c := list[i]
		p.s(quote(c.Name), " ", dataType(c.Type))
		p.optString(" ", c.Path)
		p.when(c.AsJSON, " AS JSON")
	})
	p.s(")")
}

func (p *printer) tableHints(list []*ast.Hint) {
	if list != nil {
		p.s(" WITH (")
		p.hints(list)
		p.s(")")
	}
}

func (p *printer) queryHints(list []*ast.Hint) {
	if list != nil {
		p.s(" OPTION (")
		p.hints(list)
		p.s(")")
	}
}

func (p *printer) hints(list []*ast.Hint) {
	p.each(len(list), func(i int) {
		h := list[i]
		p.s(h.Name)
		p.when(h.Equal, " =")
		if h.Value != nil {
			p.s(" ")
			p.optionValue(h.Value)
		}
		if h.Paren {
			p.s(" (", h.Args, ")")
		}
	})
}

func (p *printer) with(w *ast.With) {
	if w == nil {
		return
	}
	p.s("WITH ")
	sep := ""
	if w.Namespaces != nil {
		p.s("XMLNAMESPACES (")
		p.each(len(w.Namespaces), func(i int) {
			n := w.Namespaces[i]
			p.when(n.Prefix == "", "DEFAULT ")
			p.s(stringLit(n.URI))
			p.name(" AS ", n.Prefix)
		})
		p.s(")")
		sep = ", "
	}
	if w.Context != nil {
		p.s("CHANGE_TRACKING_CONTEXT (")
		p.expr(w.Context)
		p.s(")")
		sep = ", "
	}
	for _, c := range w.CTEs {
		p.s(sep, quote(c.Name))
		p.parenNames(" ", c.Columns)
		p.s(" AS ")
		p.subquery(c.Query)
		sep = ", "
	}
	p.s(" ")
}

func (p *printer) selectStmt(s *ast.SelectStmt) {
	p.with(s.With)
	p.query(s.Query)
	p.queryHints(s.Hints)
}

func (p *printer) output(o *ast.Output) {
	if o == nil {
		return
	}
	p.s(" OUTPUT ")
	p.items(o.Items)
	if o.Into != nil {
		p.s(" INTO ")
		p.source(o.Into)
		p.parenNames(" ", o.Columns)
	}
	if o.Then != nil {
		p.s(" OUTPUT ")
		p.items(o.Then)
	}
}

func (p *printer) assignments(list []*ast.Assignment) {
	p.each(len(list), func(i int) {
		a := list[i]
		if a.Method != nil {
			p.expr(a.Method)
			return
		}
		name := a.Variable
		p.s(a.Variable)
		if a.Column != nil {
			p.when(a.Variable != "", " = ")
			p.object(*a.Column)
			name += " " + a.Column.Name()
		}
		p.s(" ", a.Op, " ")
		p.masked(assignsSecret(name), func() { p.expr(a.Value) })
	})
}

// dml prints the statements that change rows; false for others.
func (p *printer) dml(s ast.Statement) bool {
	switch s := s.(type) {
	case *ast.SelectStmt:
		p.selectStmt(s)
	case *ast.Insert:
		p.insert(s)
	case *ast.Update:
		p.with(s.With)
		p.s("UPDATE ")
		p.top(s.Top)
		p.source(s.Target)
		p.s(" SET ")
		p.assignments(s.Set)
		p.output(s.Output)
		p.from(s.From)
		p.where(s.Where)
		p.queryHints(s.Hints)
	case *ast.Delete:
		p.with(s.With)
		p.s("DELETE ")
		p.top(s.Top)
		p.s("FROM ")
		p.source(s.Target)
		p.output(s.Output)
		p.from(s.From)
		p.where(s.Where)
		p.queryHints(s.Hints)
	case *ast.Merge:
		p.merge(s)
	case *ast.Truncate:
		p.s("TRUNCATE TABLE ")
		p.object(s.Table)
		if s.Partitions != "" {
			p.s(" WITH (", s.Partitions, ")")
		}
	case *ast.BulkInsert:
		p.s("BULK INSERT ", object(s.Table), " FROM ", stringLit(s.File))
		p.optionList(s.Options)
	case *ast.InsertBulk:
		p.s("INSERT BULK ", object(s.Table), " (")
		p.each(len(s.Columns), func(i int) {
			c := s.Columns[i]
			p.s(quote(c.Name), " ", dataType(c.Type))
			p.name(" COLLATE ", c.Collation)
			p.when(c.Nullable != "", " "+c.Nullable)
		})
		p.s(")")
		p.optionList(s.Options)
	default:
		return false
	}
	return true
}

func (p *printer) insert(s *ast.Insert) {
	p.with(s.With)
	p.s("INSERT ")
	p.top(s.Top)
	p.s("INTO ")
	p.source(s.Target)
	if len(s.Columns) > 0 {
		p.s(" (")
		p.insertColumns(s.Columns)
		p.s(")")
	}
	p.output(s.Output)
	p.s(" ")
	switch {
	case s.DefaultValues:
		p.s("DEFAULT VALUES")
	case s.Exec != nil:
		p.stmt(s.Exec)
	case s.Query != nil:
		p.query(s.Query)
	default:
		p.rows(s.Rows)
	}
	p.queryHints(s.Hints)
}

// insertColumns prints names, of which $IDENTITY and its like are words.
func (p *printer) insertColumns(list []string) {
	p.each(len(list), func(i int) {
		if n := list[i]; n == "$IDENTITY" || n == "$ROWGUID" {
			p.s(n)
		} else {
			p.s(quote(n))
		}
	})
}

func (p *printer) merge(s *ast.Merge) {
	p.with(s.With)
	p.s("MERGE ")
	p.top(s.Top)
	p.s("INTO ")
	hints := []*ast.Hint(nil)
	alias := ""
	switch t := s.Target.(type) { // hints precede the alias here
	case *ast.Table:
		p.object(t.Name)
		hints, alias = t.Hints, t.Alias
	case *ast.TableVariable:
		p.s(t.Name)
		hints, alias = t.Hints, t.Alias
	default:
		p.source(t)
	}
	p.tableHints(hints)
	p.alias(alias, nil)
	p.s(" USING ")
	p.source(s.Using)
	p.optExpr(" ON ", s.On)
	for _, w := range s.Whens {
		p.s(" WHEN ", w.Match)
		if w.And != nil {
			p.optExpr(" AND ", w.And)
		}
		p.s(" THEN ", w.Action)
		switch {
		case w.Action == "UPDATE":
			p.s(" SET ")
			p.assignments(w.Set)
		case w.Action == "INSERT":
			if len(w.Columns) > 0 {
				p.s(" (")
				p.insertColumns(w.Columns)
				p.s(")")
			}
			if w.Values == nil {
				p.s(" DEFAULT VALUES")
			} else {
				p.s(" VALUES ")
				p.args(w.Values)
			}
		}
	}
	p.output(s.Output)
	p.queryHints(s.Hints)
}
