package change

import (
	"slices"

	"latchkey/engine/compile/plan"
	"latchkey/engine/schema/ddl"
	"latchkey/engine/tsql/ast"
)

// newIdentity is IDENTITY(type, seed, increment) in the list of SELECT ... INTO: a column that the new table numbers.
type newIdentity struct {
	ddl.NewIdentity
	typ *ast.DataType
	at  int // in the list
}

// takeIdentity finds IDENTITY(...) in the list of a SELECT ... INTO, and gives the query with a value of its type in its place; nil without one.
func takeIdentity(q *ast.Query) (*newIdentity, *ast.Query, error) {
	sel, ok := q.Body.(*ast.Select)
	if !ok {
		return nil, q, nil
	}
	var found *newIdentity
	for i, item := range sel.Items {
		x, ok := item.X.(*ast.IdentityFunc)
		if !ok {
			continue
		}
		if found != nil {
			return nil, nil, plan.Fail(sel.Into.Pos, 8109, sel.Into.Name())
		}
		found = &newIdentity{NewIdentity: ddl.NewIdentity{Column: item.Alias, Def: &ast.Identity{Seed: x.Seed, Increment: x.Increment}}, typ: x.Type, at: i}
		q = withItem(q, i, &ast.Cast{X: &ast.Literal{Kind: ast.IntLit, Text: "1"}, Type: x.Type})
	}
	return found, q, nil
}

// rows is the query without the column, for rows that the table numbers as they come. A column that stands alone is numbered by the query.
func (n *newIdentity) rows(q *ast.Query) *ast.Query {
	sel, _ := q.Body.(*ast.Select)
	if len(sel.Items) > 1 {
		s := *sel
		s.Items = slices.Delete(slices.Clone(sel.Items), n.at, n.at+1)
		out := *q
		out.Body = &s
		return &out
	}
	one := &ast.Literal{Kind: ast.IntLit, Text: "1"}
	first, step := n.Def.Seed, n.Def.Increment
	if first == nil {
		first, step = one, one
	}
	order := q.OrderBy
	if len(order) == 0 {
		order = []ast.OrderItem{{X: &ast.Subquery{Query: &ast.Query{Body: &ast.Select{Items: []*ast.SelectItem{{X: &ast.Literal{Kind: ast.NullLit}}}}}}}}
	}
	number := &ast.FuncCall{Name: ast.ObjectName{Parts: []string{"ROW_NUMBER"}}, Over: &ast.Window{OrderBy: order}}
	before := &ast.Binary{Op: "-", L: number, R: one}
	return withItem(q, n.at, &ast.Cast{X: &ast.Binary{Op: "+", L: first, R: &ast.Binary{Op: "*", L: before, R: step}}, Type: n.typ})
}

// withItem is a query with another expression in its list.
func withItem(q *ast.Query, at int, x ast.Expr) *ast.Query {
	sel, _ := q.Body.(*ast.Select)
	s, item, out := *sel, *sel.Items[at], *q
	item.X = x
	s.Items = slices.Clone(sel.Items)
	s.Items[at] = &item
	out.Body = &s
	return &out
}
