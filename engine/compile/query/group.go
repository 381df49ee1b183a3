package query

import (
	"strconv"
	"strings"

	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/expr"
	"latchkey/engine/compile/names"
	"latchkey/engine/compile/plan"
	"latchkey/engine/compile/shape"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// maxSets bounds what CUBE and its kin expand to.
const maxSets = 256

// groupKeys compiles GROUP BY and decides whether the query is grouped.
func (sel *selection) groupKeys() error {
	c, s, r := sel.c, sel.s, sel.rows
	sel.grouped = s.GroupBy != nil || s.Having != nil || shape.Aggregates(sel.s, sel.q)
	r.Grouped = sel.grouped
	if s.GroupBy == nil {
		return nil
	}
	if s.GroupBy.All {
		return plan.Unsupported("GROUP BY ALL", c.Pos)
	}
	var texts []string
	for _, e := range shape.GroupingExprs(s.GroupBy.Items) {
		x, err := c.Expr(e, expr.Place{Rows: r, Clause: "GROUP BY"})
		if err != nil {
			return err
		}
		switch {
		case x.Flags&bound.HasColumn == 0:
			return plan.Fail(c.Pos, 164)
		case x.Type.Kind.IsLegacyLOB() || x.Type.Kind == sqltype.XML:
			return plan.Fail(c.Pos, 306)
		}
		if err := bound.Resolved(x, "GROUP BY", c.Pos); err != nil {
			return err
		}
		k := names.Key{Expr: e, X: x}
		k.X.Eval, k.X.Const = nil, false
		if _, ok := e.(*ast.ColumnRef); ok {
			k.Column = x.SQL
		}
		if sel.keyIndex(k) >= 0 {
			continue
		}
		r.Keys = append(r.Keys, k)
		texts = append(texts, bound.Key(x))
	}
	sel.group = strings.Join(texts, ", ")
	return nil
}

// keyIndex finds a key that is there already.
func (sel *selection) keyIndex(k names.Key) int {
	for i, have := range sel.rows.Keys {
		if have.X.SQL == k.X.SQL {
			return i
		}
	}
	return -1
}

// sets are the grouping sets as indexes of keys; none for a plain GROUP BY.
func (sel *selection) sets() [][]int {
	g := sel.s.GroupBy
	if g == nil {
		return nil
	}
	plain := g.With == ""
	for _, item := range g.Items {
		plain = plain && item.Kind == ""
	}
	if plain {
		return nil
	}
	list := [][]int{nil}
	if g.With != "" {
		return sel.expand(&ast.Grouping{Kind: g.With, Items: g.Items})
	}
	for _, item := range g.Items { // the product of the elements
		var next [][]int
		for _, have := range list {
			for _, more := range sel.expand(item) {
				next = append(next, append(append([]int{}, have...), more...))
			}
		}
		if list = next; len(list) > maxSets {
			break
		}
	}
	return list
}

// expand is the list of sets that one element stands for.
func (sel *selection) expand(g *ast.Grouping) [][]int {
	switch g.Kind {
	case "":
		if g.X == nil {
			return [][]int{nil}
		}
		for i, k := range sel.rows.Keys {
			if sel.rows.Equal(k.Expr, g.X) {
				return [][]int{{i}}
			}
		}
		return [][]int{nil}
	case "TUPLE":
		var set []int
		for _, item := range g.Items {
			for _, s := range sel.expand(item) {
				set = append(set, s...)
			}
		}
		return [][]int{set}
	case "GROUPING SETS":
		var out [][]int
		for _, item := range g.Items {
			out = append(out, sel.expand(item)...)
		}
		return out
	}
	parts := make([][]int, len(g.Items)) // ROLLUP and CUBE: each part is one step
	for i, item := range g.Items {
		for _, s := range sel.expand(item) {
			parts[i] = append(parts[i], s...)
		}
	}
	var out [][]int
	if g.Kind == "ROLLUP" {
		for n := len(parts); n >= 0; n-- {
			var set []int
			for _, p := range parts[:n] {
				set = append(set, p...)
			}
			out = append(out, set)
		}
		return out
	}
	if len(parts) > 8 {
		return make([][]int, maxSets+1) // too many: refused
	}
	for mask := 1<<len(parts) - 1; mask >= 0; mask-- {
		var set []int
		for i, p := range parts {
			if mask&(1<<i) != 0 {
				set = append(set, p...)
			}
		}
		out = append(out, set)
	}
	return out
}

// unionOfSets writes GROUPING SETS, ROLLUP and CUBE: one SELECT for each set, joined by UNION ALL, then ORDER BY and TOP around them.
func (sel *selection) unionOfSets(o options) (*names.Result, error) {
	c := sel.c
	sets := sel.sets()
	if len(sets) > maxSets {
		return nil, plan.Fail(c.Pos, 10703)
	}
	if sel.s.Distinct {
		return nil, plan.Unsupported("SELECT DISTINCT WITH GROUPING SETS", c.Pos)
	}
	var arms []string
	var last *selection
	for _, set := range sets {
		sel.rows.Absent = make([]bool, len(sel.rows.Keys))
		for i := range sel.rows.Absent {
			sel.rows.Absent[i] = true
		}
		for _, i := range set {
			sel.rows.Absent[i] = false
		}
		arm := *sel
		var keys []string
		for i, k := range sel.rows.Keys {
			if !sel.rows.Absent[i] {
				keys = append(keys, bound.Key(k.X))
			}
		}
		arm.group = strings.Join(keys, ", ")
		if err := arm.body(); err != nil {
			return nil, err
		}
		for i := range arm.items {
			if arm.items[i].Flags&bound.HasWindow != 0 {
				return nil, plan.Unsupported("WINDOW FUNCTIONS WITH GROUPING SETS", c.Pos)
			}
			if o.convert != nil {
				x, err := o.convert(i, arm.items[i].X)
				if err != nil {
					return nil, err
				}
				arm.items[i].X = x
				arm.items[i].Column.Type = x.Type
			}
		}
		cols := arm.columns(true)
		for i, k := range arm.order {
			cols = append(cols, bound.Key(k.x)+" AS k"+strconv.Itoa(i+1))
		}
		if len(keys) == 0 {
			cols = append(cols, "count(*)") // the set () is one row, also without aggregates
		} else {
			cols = append(cols, "0")
		}
		arms = append(arms, arm.text(cols, ""))
		last = &arm
	}
	lim, err := sel.limits()
	if err != nil {
		return nil, err
	}
	if lim.Ties || lim.Percent != "" {
		return nil, plan.Unsupported("TOP WITH TIES OR PERCENT WITH GROUPING SETS", c.Pos)
	}
	list := make([]string, len(last.items))
	for i := range list {
		list[i] = "c" + strconv.Itoa(i+1)
	}
	n := 0
	order := orderBy(last.order, func(k orderKey) string {
		n++
		x := k.x
		x.SQL, x.Column = "k"+strconv.Itoa(n), nil
		return bound.Collate(x)
	})
	sql := "SELECT " + strings.Join(list, ", ") + " FROM (" + strings.Join(arms, " UNION ALL ") + ")" + order + lim.Text()
	for i := range last.items {
		last.items[i].Column.Object, last.items[i].Column.Source = nil, ""
	}
	return &names.Result{SQL: sql, Items: last.items}, nil
}

func anyAggregate(items []names.Item) bool {
	for _, item := range items {
		if item.Flags&bound.HasAggregate != 0 {
			return true
		}
	}
	return false
}
