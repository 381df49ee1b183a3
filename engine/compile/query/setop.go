package query

import (
	"slices"
	"strconv"
	"strings"

	"latchkey/engine/cell"
	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/names"
	"latchkey/engine/compile/plan"
	"latchkey/engine/compile/shape"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// arm is a leaf or an operation of UNION, INTERSECT, EXCEPT.
type arm struct {
	op    string // "" for a leaf
	l, r  *arm
	s     *ast.Select
	res   *names.Result
	types []bound.X
	list  []string
}

// setQuery compiles a set operation with its ORDER BY.
func (c *Compiler) setQuery(op *ast.SetOp, q *ast.Query, parent *names.Rows, o options) (*names.Result, error) {
	into := shape.First(op).Into
	if into != nil && !o.top {
		return nil, plan.Fail(c.Pos, 156, "INTO")
	}
	root, _, err := c.arms(op, parent)
	if err != nil {
		return nil, err
	}
	res := &names.Result{Into: into}
	common := make([]bound.Common, len(root.types))
	for i, t := range root.types {
		if t.Type.Kind == sqltype.Null {
			t.Type = sqltype.Of(sqltype.Int)
		}
		common[i] = bound.Common{Type: t.Type, Label: t.Label, Other: t.Other}
		res.Items = append(res.Items, names.Item{X: bound.X{Type: t.Type, Label: t.Label, Other: t.Other}, Column: plan.Column{Name: root.list[i], Type: t.Type}})
	}
	w := &armWriter{c: c, common: common}
	body, err := w.write(root, distinctOp(root.op))
	if err != nil {
		return nil, err
	}
	res.Flags, res.Outer = w.flags, w.outer
	res.SQL = body
	if o.convert != nil { // around the whole, where equal values are one already
		if res, err = c.convertAround(res, o.convert); err != nil {
			return nil, err
		}
		body = res.SQL
	}
	order, err := c.setOrder(q, res, shape.First(op))
	if err != nil {
		return nil, err
	}
	lim, err := c.Limits(nil, q)
	if err != nil {
		return nil, err
	}
	if order != "" && strings.Contains(order, "(") || lim.Text() != "" {
		body = "SELECT * FROM (" + body + ")"
	}
	res.SQL = body + order + lim.Text()
	return res, nil
}

func distinctOp(op string) bool { return op != "UNION ALL" }

// arms compiles every leaf and finds the types of every operation: 205, 206.
func (c *Compiler) arms(b ast.Body, parent *names.Rows) (*arm, int, error) {
	if s, ok := b.(*ast.Select); ok {
		res, err := c.leaf(s, parent)
		if err != nil {
			return nil, 0, err
		}
		a := &arm{s: s, res: res, list: res.Names()}
		for _, item := range res.Items {
			x := item.X
			x.SQL, x.Column, x.Eval = "", nil, nil
			a.types = append(a.types, x)
		}
		return a, 1, nil
	}
	op, ok := b.(*ast.SetOp)
	if !ok {
		return nil, 0, plan.Unsupported("QUERY", c.Pos)
	}
	l, nl, err := c.arms(op.L, parent)
	if err != nil {
		return nil, 0, err
	}
	r, nr, err := c.arms(op.R, parent)
	if err != nil {
		return nil, 0, err
	}
	if nl+nr > maxArms {
		return nil, 0, plan.Fail(c.Pos, 8623)
	}
	if len(l.types) != len(r.types) {
		return nil, 0, plan.Fail(c.Pos, 205)
	}
	a := &arm{op: op.Op, l: l, r: r, list: l.list}
	name := op.Op
	for i := range l.types {
		lt, rt := l.types[i], r.types[i]
		common, err := bound.CommonType([]bound.X{lt, rt}, name+" operation", c.Pos)
		if err != nil {
			return nil, 0, err
		}
		if distinctOp(op.Op) {
			if k := common.Type.Kind; k.IsLegacyLOB() || k == sqltype.XML {
				return nil, 0, plan.Fail(c.Pos, 5335, k.String())
			}
			if common.Label == bound.Conflict {
				return nil, 0, plan.Fail(c.Pos, 468, common.Other.Collation.String(), common.Type.Collation.String(), name+" operation")
			}
		}
		if op.Op != "UNION ALL" && op.Op != "UNION" { // EXCEPT keeps the left side's NULLs, INTERSECT what both have
			common.Type.Nullable = lt.Type.Nullable || lt.Type.Kind == sqltype.Null
			if op.Op == "INTERSECT" {
				common.Type.Nullable = common.Type.Nullable && rt.Type.Nullable
			}
		}
		a.types = append(a.types, bound.X{Type: common.Type, Label: common.Label, Other: common.Other})
	}
	return a, nl + nr, nil
}

// leaf compiles one SELECT of a set operation.
func (c *Compiler) leaf(s *ast.Select, parent *names.Rows) (*names.Result, error) {
	if shape.Assigns(s) {
		return nil, plan.Fail(c.Pos, 10734)
	}
	plainS := *s
	plainS.Into = nil
	return c.query(&ast.Query{Body: &plainS}, parent, options{named: true})
}

// armWriter writes the leaves with every column of its common type.
type armWriter struct {
	c      *Compiler
	common []bound.Common
	flags  bound.Flags
	outer  []int
	others int // INTERSECT and EXCEPT so far
}

// maxArms bounds the SELECTs of a set operation, and together those that SQLite sees in one, whose stack is small.
const (
	maxArms  = 4000
	together = 50
)

func (w *armWriter) write(a *arm, distinct bool) (string, error) {
	if a.op == "" {
		return w.leaf(a, distinct)
	}
	if a.op == "UNION" || a.op == "UNION ALL" {
		return w.chain(a, distinct || distinctOp(a.op))
	}
	if w.others++; w.others > together {
		return "", plan.Fail(w.c.Pos, 8623)
	}
	l, err := w.write(a.l, distinct || distinctOp(a.op))
	if err != nil {
		return "", err
	}
	r, err := w.write(a.r, distinct || distinctOp(a.op))
	if err != nil {
		return "", err
	}
	if a.r.op != "" {
		r = "SELECT * FROM (" + r + ")"
	}
	return l + " " + a.op + " " + r, nil
}

// chain writes UNION or UNION ALL of many, in groups where they are too many for one.
func (w *armWriter) chain(a *arm, distinct bool) (string, error) {
	op := a.op
	var parts []*arm
	for ; a.op == op; a = a.l {
		parts = append(parts, a.r)
	}
	parts = append(parts, a)
	texts := make([]string, len(parts))
	for i := range parts { // from the left, as they are written
		part := parts[len(parts)-1-i]
		text, err := w.write(part, distinct)
		if err != nil {
			return "", err
		}
		if i > 0 && part.op != "" {
			text = "SELECT * FROM (" + text + ")"
		}
		texts[i] = text
	}
	by := " " + op + " "
	for len(texts) > together {
		var groups []string
		for len(texts) > 0 {
			n := min(together, len(texts))
			groups = append(groups, "SELECT * FROM ("+strings.Join(texts[:n], by)+")")
			texts = texts[n:]
		}
		texts = groups
	}
	return strings.Join(texts, by), nil
}

// leaf is the text of a SELECT, with conversions around it where its columns are not of the common types.
func (w *armWriter) leaf(a *arm, distinct bool) (string, error) {
	w.flags |= a.res.Flags
	w.outer = append(w.outer, a.res.Outer...)
	same := a.s.Top == nil
	cols := make([]string, len(a.res.Items))
	for i, item := range a.res.Items {
		name := "c" + strconv.Itoa(i+1)
		bare := item.Column.Object != nil && item.X.Column != nil
		x := item.X
		x.SQL, x.Column, x.Eval, x.Const = name, nil, nil, false
		cols[i] = name
		if item.X.Type.Kind != sqltype.Null {
			y, err := w.c.As(x, w.common[i], w.c.Pos)
			if err != nil {
				return "", err
			}
			cols[i] = y.SQL
		}
		if distinct && !(bare && cell.Collation(item.X.Type) == cell.Collation(w.common[i].Type)) {
			cols[i] += cell.CollateClause(w.common[i].Type)
		}
		if cols[i] != name {
			same = false
			cols[i] += " AS " + name
		}
	}
	if same {
		return a.res.SQL, nil
	}
	return "SELECT " + strings.Join(cols, ", ") + " FROM (" + a.res.SQL + ")", nil
}

// written finds a name with a table in front in the first query's list, which is where it must be as it is; 0 if it is not.
func (c *Compiler) written(name ast.ObjectName, first *ast.Select) int {
	for i, it := range first.Items {
		if _, star := it.X.(*ast.Star); star {
			break
		}
		ref, ok := it.X.(*ast.ColumnRef)
		if ok && slices.EqualFunc(ref.Name.Parts, name.Parts, c.Same) {
			return i + 1
		}
	}
	return 0
}

// setOrder is the ORDER BY of a set operation: names and numbers of its columns alone (104, 108).
func (c *Compiler) setOrder(q *ast.Query, res *names.Result, first *ast.Select) (string, error) {
	var keys []orderKey
	for _, o := range q.OrderBy {
		k := orderKey{desc: o.Desc}
		e, coll := o.X, (*ast.Collate)(nil)
		if x, ok := e.(*ast.Collate); ok {
			e, coll = x.X, x
		}
		switch e := e.(type) {
		case *ast.Literal:
			n, _ := strconv.Atoi(e.Text)
			if e.Kind != ast.IntLit || n < 1 || n > len(res.Items) {
				return "", plan.Fail(c.Pos, 108, n)
			}
			k.item = n
		case *ast.ColumnRef:
			for i, item := range res.Items {
				if len(e.Name.Parts) == 1 && c.Same(item.Column.Name, e.Name.Name()) {
					k.item = i + 1
					break
				}
			}
			if k.item == 0 && len(e.Name.Parts) == 1 {
				return "", plan.Fail(e.Name.Pos, 207, e.Name.Name())
			}
			if k.item == 0 {
				k.item = c.written(e.Name, first)
			}
		}
		if k.item == 0 {
			return "", plan.Fail(c.Pos, 104)
		}
		for _, have := range keys {
			if have.item == k.item {
				return "", plan.Fail(c.Pos, 169)
			}
		}
		k.x = res.Items[k.item-1].X
		if coll != nil {
			return "", plan.Unsupported("COLLATE IN ORDER BY OF A SET OPERATION", c.Pos)
		}
		if k.x.Type.Kind.IsLegacyLOB() || k.x.Type.Kind == sqltype.XML {
			return "", plan.Fail(c.Pos, 306)
		}
		if err := bound.Resolved(k.x, "ORDER BY", c.Pos); err != nil {
			return "", err
		}
		keys = append(keys, k)
	}
	return orderBy(keys, func(k orderKey) string {
		if key := cell.Key(k.x.Type); key != "$1" {
			x := k.x
			x.SQL = "c" + strconv.Itoa(k.item)
			return bound.Key(x)
		}
		return strconv.Itoa(k.item) + cell.CollateClause(k.x.Type)
	}), nil
}
