package source

import (
	"strconv"
	"strings"

	"latchkey/engine/cell"
	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/expr"
	"latchkey/engine/compile/names"
	"latchkey/engine/compile/plan"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// pivot is source PIVOT (aggregate FOR column IN (values)): grouping by the columns that are left, the aggregate of a CASE for each value.
func (c *Compiler) pivot(ts *ast.Pivot, r *names.Rows) (string, error) {
	inner := c.NewRows(r.Parent)
	from, err := c.Source(ts.Source, inner)
	if err != nil {
		return "", err
	}
	if len(ts.Aggregate.Args) != 1 || ts.Aggregate.Star {
		return "", plan.Fail(c.Pos, 102, "*")
	}
	value, ok := ts.Aggregate.Args[0].(*ast.ColumnRef)
	if !ok {
		return "", plan.Fail(c.Pos, 102, "(")
	}
	used := map[string]bool{}
	for _, ref := range []ast.ObjectName{value.Name, ts.For} {
		x, err := inner.Column(&ast.ColumnRef{Name: ref}, expr.Place{Rows: inner})
		if err != nil {
			return "", err
		}
		used[x.SQL] = true
	}
	out := &names.Result{}
	var columns, keys []string
	for _, s := range inner.Sources {
		for _, cl := range s.Cols {
			if used[cl.X.SQL] || cl.Hidden {
				continue
			}
			out.Items = append(out.Items, names.Item{X: cl.X, Column: plan.Column{Name: cl.Name, Type: cl.X.Type}})
			columns = append(columns, cl.X.SQL)
			keys = append(keys, bound.Key(cl.X))
		}
	}
	for _, v := range ts.In {
		lit := &ast.Literal{Kind: ast.NStringLit, Text: v}
		call := *ts.Aggregate
		call.Args = []ast.Expr{&ast.Case{Whens: []ast.When{{If: &ast.Compare{Op: "=", L: &ast.ColumnRef{Name: ts.For}, R: lit}, Then: value}}}}
		x, err := c.Expr(&call, expr.Place{Rows: inner, Clause: "SELECT", Aggregates: true, Quiet: true})
		if err != nil {
			return "", err
		}
		x.Type.Nullable = true
		out.Items = append(out.Items, names.Item{X: x, Column: plan.Column{Name: v, Type: x.Type}})
		columns = append(columns, x.SQL)
	}
	for i := range columns {
		columns[i] += " AS c" + strconv.Itoa(i+1)
	}
	sql := "SELECT " + strings.Join(columns, ", ") + " FROM " + from
	if len(keys) > 0 {
		sql += " GROUP BY " + strings.Join(keys, ", ")
	}
	list, err := c.ColumnNames(out.Names(), nil, ts.Alias)
	if err != nil {
		return "", err
	}
	s := c.Of(out, ts.Alias, list)
	r.Add(s)
	return "(" + sql + ") AS " + s.Alias, nil
}

// unpivot is source UNPIVOT (value FOR column IN (columns)): a join with the numbers of the columns, without those that are NULL.
func (c *Compiler) unpivot(ts *ast.Unpivot, r *names.Rows) (string, error) {
	inner := c.NewRows(r.Parent)
	from, err := c.Source(ts.Source, inner)
	if err != nil {
		return "", err
	}
	values := make([]bound.X, len(ts.In))
	taken := map[string]bool{}
	for i, ref := range ts.In {
		if values[i], err = inner.Column(&ast.ColumnRef{Name: ref}, expr.Place{Rows: inner}); err != nil {
			return "", err
		}
		taken[values[i].SQL] = true
		a, b := values[0].Type, values[i].Type
		a.Nullable, b.Nullable = false, false
		if a != b {
			return "", plan.Fail(ref.Pos, 8167, ref.Name())
		}
	}
	out := &names.Result{}
	var columns []string
	for _, s := range inner.Sources {
		for _, cl := range s.Cols {
			if !taken[cl.X.SQL] && !cl.Hidden {
				out.Items = append(out.Items, names.Item{X: cl.X, Column: plan.Column{Name: cl.Name, Type: cl.X.Type}})
				columns = append(columns, cl.X.SQL)
			}
		}
	}
	n := c.Alias()
	numbers := make([]string, len(values))
	var pick, name strings.Builder
	for i, v := range values {
		numbers[i] = "(" + strconv.Itoa(i+1) + ")"
		pick.WriteString(" WHEN " + strconv.Itoa(i+1) + " THEN " + v.SQL)
		name.WriteString(" WHEN " + strconv.Itoa(i+1) + " THEN " + cell.Quote(ts.In[i].Name()))
	}
	x := values[0]
	x.Type.Nullable, x.Column = false, nil
	label := bound.X{Type: sqltype.Sized(sqltype.NVarChar, 128).Collated(c.Settings.Collation).NotNull(), Label: bound.Implicit}
	value := "(CASE " + n + ".column1" + pick.String() + " END)"
	columns = append(columns, value, "(CASE "+n+".column1"+name.String()+" END)")
	out.Items = append(out.Items, names.Item{X: x, Column: plan.Column{Name: ts.Value, Type: x.Type}}, names.Item{X: label, Column: plan.Column{Name: ts.For, Type: label.Type}})
	for i := range columns {
		columns[i] += " AS c" + strconv.Itoa(i+1)
	}
	sql := "SELECT " + strings.Join(columns, ", ") + " FROM " + from + " JOIN (VALUES " + strings.Join(numbers, ", ") + ") AS " + n + " WHERE " + value + " IS NOT NULL"
	list, err := c.ColumnNames(out.Names(), nil, ts.Alias)
	if err != nil {
		return "", err
	}
	s := c.Of(out, ts.Alias, list)
	r.Add(s)
	return "(" + sql + ") AS " + s.Alias, nil
}
