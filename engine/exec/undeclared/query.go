package undeclared

import (
	"latchkey/engine/compile/plan"
	"latchkey/engine/tsql/ast"
)

// query looks at a query. to are the types of what its columns are put into, nil for nothing.
func (x *deduction) query(q *ast.Query, outer *env, to []plan.Column) error {
	at, err := x.body(q.Body, outer, to)
	if err != nil {
		return err
	}
	for _, o := range q.OrderBy {
		if err := x.visit(o.X, at); err != nil {
			return err
		}
	}
	for _, e := range []ast.Expr{q.Offset, q.Fetch} {
		if e == nil {
			continue
		}
		if err := x.count(e, outer); err != nil {
			return err
		}
	}
	return nil
}

// body gives the sources of the first SELECT.
func (x *deduction) body(b ast.Body, outer *env, to []plan.Column) (*env, error) {
	if set, ok := b.(*ast.SetOp); ok {
		at, err := x.body(set.L, outer, to)
		if err != nil {
			return nil, err
		}
		_, err = x.body(set.R, outer, to)
		return at, err
	}
	s := b.(*ast.Select)
	at, err := x.sources(s.From, outer)
	if err != nil {
		return nil, err
	}
	if err := x.visit(s.Top, at); err != nil {
		return nil, err
	}
	for i, it := range s.Items {
		if _, ok := it.X.(*ast.Star); ok {
			to = nil
		}
		if v := x.param(it.X); v != nil && it.Variable == "" && i < len(to) {
			if err := x.is(v, to[i].Type); err != nil {
				return nil, err
			}
			continue
		}
		if err := x.visit(it, at); err != nil {
			return nil, err
		}
	}
	for _, n := range []any{s.Where, s.GroupBy, s.Having, s.Windows} {
		if n == nil {
			continue
		}
		if err := x.visit(n, at); err != nil {
			return nil, err
		}
	}
	return at, nil
}

// sources looks at a FROM clause and gives what names mean behind it.
func (x *deduction) sources(from []ast.TableSource, outer *env) (*env, error) {
	for _, ts := range from {
		if err := x.source(ts, outer); err != nil {
			return nil, err
		}
	}
	at := &env{outer: outer}
	for _, ts := range from {
		at.from = append(at.from, bare(ts))
	}
	for _, ts := range from { // parameters in ON: all sources are known now
		if err := x.conditions(ts, at); err != nil {
			return nil, err
		}
	}
	return at, nil
}

// source looks at what is inside a source; a query or function on the right of APPLY sees what is on its left.
func (x *deduction) source(ts ast.TableSource, outer *env) error {
	switch ts := ts.(type) {
	case *ast.Join:
		if err := x.source(ts.L, outer); err != nil {
			return err
		}
		if ts.Kind == "CROSS APPLY" || ts.Kind == "OUTER APPLY" {
			outer = &env{from: []ast.TableSource{bare(ts.L)}, outer: outer}
		}
		return x.source(ts.R, outer)
	case *ast.Derived:
		if ts.Query != nil {
			return x.query(ts.Query, outer, nil)
		}
	case *ast.FuncTable:
		call, ok := ts.Call.(*ast.FuncCall)
		if !ok {
			break
		}
		o, err := x.scope().Object(call.Name)
		if err != nil {
			return invalid(err)
		}
		if o != nil {
			return x.arguments(call.Args, o.Params, outer)
		}
	case *ast.Pivot:
		return x.source(ts.Source, outer)
	case *ast.Unpivot:
		return x.source(ts.Source, outer)
	}
	return x.visit(ts, outer)
}

func (x *deduction) conditions(ts ast.TableSource, at *env) error {
	j, ok := ts.(*ast.Join)
	if !ok {
		return nil
	}
	if err := x.conditions(j.L, at); err != nil {
		return err
	}
	if err := x.conditions(j.R, at); err != nil || j.On == nil {
		return err
	}
	return x.visit(j.On, at)
}

// bare is a source without its conditions, whose parameters may have no types yet.
func bare(ts ast.TableSource) ast.TableSource {
	j, ok := ts.(*ast.Join)
	if !ok {
		return ts
	}
	n := &ast.Join{Kind: j.Kind, L: bare(j.L), R: bare(j.R)}
	if j.On != nil {
		n.Kind = "CROSS"
	}
	return n
}

// one is a constant that stands for a row.
func one() ast.Expr { return &ast.Literal{Kind: ast.IntLit, Text: "1"} }

// valid compiles expressions and a condition over sources with the types that were deduced.
func (x *deduction) valid(list []ast.Expr, from []ast.TableSource, where ast.Condition) error {
	s := &ast.Select{Items: []*ast.SelectItem{{X: one()}}, From: from}
	if _, ok := where.(*ast.CurrentOf); !ok {
		s.Where = where
	}
	for _, e := range list {
		if _, ok := e.(*ast.Default); !ok && e != nil {
			s.Items = append(s.Items, &ast.SelectItem{X: e})
		}
	}
	_, err := x.compile(&ast.SelectStmt{With: x.with, Query: &ast.Query{Body: s}}, true)
	return err
}
