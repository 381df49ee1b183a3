package query

import (
	"strconv"
	"strings"

	"latchkey/engine/cell"
	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/expr"
	"latchkey/engine/compile/names"
	"latchkey/engine/compile/plan"
	"latchkey/engine/compile/source"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// orderKey is one key of ORDER BY.
type orderKey struct {
	x    bound.X
	item int // index in the select list + 1, 0 if it is no column of it
	desc bool
}

// orderKeys compiles ORDER BY of a SELECT: 108, 169, 408, 209, 145.
func (sel *selection) orderKeys() ([]orderKey, error) {
	var keys []orderKey
	seen := map[string]bool{}
	for i, o := range sel.q.OrderBy {
		k, err := sel.orderKey(i, o)
		if err != nil {
			return nil, err
		}
		if x := k.x; x.Type.Kind.IsLegacyLOB() || x.Type.Kind == sqltype.XML {
			return nil, plan.Fail(sel.c.Pos, 306)
		}
		if err := bound.Resolved(k.x, "ORDER BY", sel.c.Pos); err != nil {
			return nil, err
		}
		if k.x.Flags&bound.HasColumn != 0 && k.x.SQL != "NULL" {
			if seen[k.x.SQL] {
				return nil, plan.Fail(sel.c.Pos, 169)
			}
			seen[k.x.SQL] = true
		}
		keys = append(keys, k)
	}
	return keys, nil
}

func (sel *selection) orderKey(i int, o ast.OrderItem) (orderKey, error) {
	c := sel.c
	k := orderKey{desc: o.Desc}
	e := o.X
	if coll, ok := e.(*ast.Collate); ok { // an alias may be collated
		if n, err := sel.alias(coll.X); err == nil && n > 0 {
			cc, err := c.Expr(coll, sel.at("ORDER BY"))
			if err == nil {
				k.x = cc
				return k, nil
			}
		}
	}
	if lit, ok := e.(*ast.Literal); ok {
		if lit.Kind != ast.IntLit {
			return k, plan.Fail(c.Pos, 408, i+1)
		}
		n, _ := strconv.Atoi(lit.Text)
		if n < 1 || n > len(sel.items) {
			return k, plan.Fail(c.Pos, 108, n)
		}
		k.item, k.x = n, sel.items[n-1].X
		return k, nil
	}
	n, err := sel.alias(e)
	if err != nil {
		return k, err
	}
	if n > 0 {
		k.item, k.x = n, sel.items[n-1].X
		return k, nil
	}
	if k.x, err = c.Expr(e, sel.at("ORDER BY")); err != nil {
		return k, err
	}
	if _, sub := e.(*ast.Subquery); !sub && k.x.Flags&(bound.HasColumn|bound.HasOuter|bound.HasAggregate|bound.HasWindow|bound.HasSubquery|bound.HasVolatile) == 0 && k.x.Early() {
		if k.x.Flags&bound.HasVariable != 0 {
			return k, plan.Fail(c.Pos, 1008, i+1)
		}
		return k, plan.Fail(c.Pos, 408, i+1)
	}
	if expr.Unordered(e) {
		k.x.SQL = "NULL"
		return k, nil
	}
	for j, item := range sel.items {
		if item.SQL == k.x.SQL && k.x.Flags&bound.HasVolatile == 0 {
			k.item = j + 1
			break
		}
	}
	return k, nil
}

// alias finds a name of one part among the names of the select list: the index + 1, 0 if there is none.
func (sel *selection) alias(e ast.Expr) (int, error) {
	ref, ok := e.(*ast.ColumnRef)
	if !ok || len(ref.Name.Parts) != 1 {
		return 0, nil
	}
	found := 0
	for j, item := range sel.items {
		if item.Column.Name == "" || !sel.c.Same(item.Column.Name, ref.Name.Name()) {
			continue
		}
		if found > 0 && sel.items[found-1].SQL != item.SQL {
			return 0, plan.Fail(ref.Name.Pos, 209, ref.Name.Name())
		}
		if found == 0 {
			found = j + 1
		}
	}
	return found, nil
}

// distinctOrder makes sure that DISTINCT is ordered by columns of its list: 145.
func (sel *selection) distinctOrder() error {
	if !sel.s.Distinct {
		return nil
	}
	for _, k := range sel.order {
		if k.item == 0 {
			return plan.Fail(sel.c.Pos, 145)
		}
	}
	return nil
}

// orderText is ORDER BY over the select list as it is written.
func (sel *selection) orderText() string {
	return orderBy(sel.order, func(k orderKey) string {
		if k.x.Early() { // no order at all, and a number would be taken for a column's
			return "NULL"
		}
		if k.item > 0 && cell.Key(k.x.Type) == "$1" && !sel.converted(k) {
			return strconv.Itoa(k.item) + cell.CollateClause(k.x.Type)
		}
		return bound.Key(k.x)
	})
}

// converted reports that the list has another form of the key, so that its place does not sort as the key does.
func (sel *selection) converted(k orderKey) bool { return sel.items[k.item-1].SQL != k.x.SQL }

func orderBy(keys []orderKey, text func(orderKey) string) string {
	if len(keys) == 0 {
		return ""
	}
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = text(k)
		if k.desc {
			out[i] += " DESC"
		}
	}
	return " ORDER BY " + strings.Join(out, ", ")
}

func (sel *selection) limits() (source.Limit, error) { return sel.c.Limits(sel.s.Top, sel.q) }

// ranked writes TOP WITH TIES and TOP PERCENT: rows are numbered by a window inside, and counted outside.
func (sel *selection) ranked(l source.Limit) (*names.Result, error) {
	if err := sel.distinctOrder(); err != nil {
		return nil, err
	}
	inner := sel.columns(true)
	n := len(inner)
	keys := make([]string, len(sel.order))
	for i, k := range sel.order {
		name := "k" + strconv.Itoa(i+1)
		if k.item > 0 && !sel.converted(k) {
			name = "c" + strconv.Itoa(k.item)
		} else {
			inner = append(inner, k.x.SQL+" AS "+name)
		}
		x := k.x
		x.SQL, x.Column = name, nil
		keys[i] = bound.Key(x)
		if k.desc {
			keys[i] += " DESC"
		}
	}
	order := ""
	if len(keys) > 0 {
		order = " ORDER BY " + strings.Join(keys, ", ")
	}
	window := "(" + strings.TrimSpace(order) + ")"
	list := make([]string, n)
	for i := range list {
		list[i] = "c" + strconv.Itoa(i+1)
	}
	number := "row_number()"
	if l.Ties {
		number = "rank()"
	}
	mid := "SELECT *, " + number + " OVER " + window + " AS n"
	cond := "n <= " + l.Count
	if l.Percent != "" {
		mid += ", count(*) OVER () AS total"
		cond = "(n - 1) * 100.0 < total * " + l.Percent
	}
	sql := "SELECT " + strings.Join(list, ", ") + " FROM (" + mid + " FROM (" + sel.text(inner, "") + ")) WHERE " + cond
	if len(keys) > 0 {
		sql += order
	}
	return &names.Result{SQL: sql, Items: sel.items, Single: false}, nil
}
