package expr

import (
	"strings"

	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/plan"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// Condition compiles a condition. Its SQL is 1, 0 or NULL; Eval, if it has one, gives a bit or NULL.
func (c *Compiler) Condition(e ast.Condition, at Place) (bound.X, error) {
	if c.depth++; c.depth > maxDepth {
		return bound.X{}, plan.Fail(c.Pos, 191)
	}
	defer func() { c.depth-- }()
	x, err := c.condition(e, at)
	if err == nil && len(x.SQL) > maxText {
		err = plan.Fail(c.Pos, 8623)
	}
	return x, err
}

func (c *Compiler) condition(e ast.Condition, at Place) (bound.X, error) {
	switch e := e.(type) {
	case *ast.Compare:
		l, r, err := c.two(e.L, e.R, at)
		if err != nil {
			return l, err
		}
		return c.Compare(e.Op, l, r, c.Pos)
	case *ast.Logical:
		return c.logical(e, at)
	case *ast.Not:
		x, err := c.Condition(e.X, at)
		return negate(x), err
	case *ast.Between:
		return c.between(e, at)
	case *ast.In:
		return c.in(e, at)
	case *ast.Like:
		return c.like(e, at)
	case *ast.IsNull:
		return c.isNull(e, at)
	case *ast.IsDistinct:
		l, r, err := c.two(e.L, e.R, at)
		if err != nil {
			return l, err
		}
		return c.Compare(map[bool]string{true: "IS", false: "IS NOT"}[e.Not], l, r, c.Pos)
	case *ast.Exists:
		return c.exists(e, at)
	case *ast.Quantified:
		return c.quantified(e, at)
	case *ast.UpdatedColumn:
		return c.updated(e)
	case *ast.CurrentOf:
		return bound.X{}, plan.Unsupported("WHERE CURRENT OF", c.Pos)
	case *ast.FullText:
		return bound.X{}, plan.Unsupported(e.Function, c.Pos)
	case *ast.IsJSON:
		return bound.X{}, plan.Unsupported("IS JSON", c.Pos)
	}
	return bound.X{}, plan.Unsupported("CONDITION", c.Pos)
}

// updated is UPDATE(column) in a trigger: a parameter.
func (c *Compiler) updated(e *ast.UpdatedColumn) (bound.X, error) {
	u, ok := c.Scope.(plan.Updates)
	if !ok || c.Inline {
		return bound.X{}, plan.Unsupported("UPDATE() OUTSIDE A TRIGGER", c.Pos)
	}
	eval, ok := u.UpdatedColumn(e.Column)
	if !ok {
		return bound.X{}, plan.Fail(c.Pos, 207, e.Column)
	}
	return bound.X{SQL: c.Param(plan.Param{Eval: eval, Type: sqltype.Of(sqltype.Bit)}), Eval: eval}, nil
}

func (c *Compiler) two(l, r ast.Expr, at Place) (x, y bound.X, err error) {
	if x, err = c.Expr(l, at); err != nil {
		return x, y, err
	}
	y, err = c.Expr(r, at)
	return x, y, err
}

// negate is NOT.
func negate(x bound.X) bound.X {
	y := bound.X{SQL: "(NOT " + x.SQL + ")", Flags: x.Flags}
	if eval := x.Eval; eval != nil {
		y.Eval = func(f *plan.Frame) (sqltype.Value, error) {
			v, err := eval(f)
			if err != nil || v.IsNull() {
				return v, err
			}
			return sqltype.NewBit(!v.Bool()), nil
		}
	}
	return y
}

// logical is a chain of AND or OR, kept shallow for SQLite.
func (c *Compiler) logical(e *ast.Logical, at Place) (bound.X, error) {
	terms := make([]bound.X, len(e.Terms))
	for i, t := range e.Terms {
		x, err := c.Condition(t, at)
		if err != nil {
			return x, err
		}
		terms[i] = x
	}
	return Join(e.Op, terms), nil
}

// Join joins conditions by AND or OR. None is true for AND and false for OR.
func Join(op string, terms []bound.X) bound.X {
	switch len(terms) {
	case 0:
		v := sqltype.NewBit(op == "AND")
		return bound.X{SQL: map[bool]string{true: "1", false: "0"}[op == "AND"], Eval: func(*plan.Frame) (sqltype.Value, error) { return v, nil }}
	case 1:
		return terms[0]
	}
	x := bound.X{}
	computable := true
	texts := make([]string, len(terms))
	evals := make([]plan.Eval, len(terms))
	for i, t := range terms {
		texts[i], evals[i] = t.SQL, t.Eval
		x.Flags |= t.Flags
		computable = computable && t.Eval != nil
	}
	x.SQL = balance(texts, " "+op+" ")
	if computable {
		x.Eval = func(f *plan.Frame) (sqltype.Value, error) { return chain(evals, op == "OR", f) }
	}
	return x
}

// chain computes AND (decisive false) or OR (decisive true) and stops where the outcome is known.
func chain(evals []plan.Eval, decisive bool, f *plan.Frame) (sqltype.Value, error) {
	unknown := false
	for _, e := range evals {
		v, err := e(f)
		switch {
		case err != nil:
			return v, err
		case v.IsNull():
			unknown = true
		case v.Bool() == decisive:
			return v, nil
		}
	}
	if unknown {
		return sqltype.NullValue, nil
	}
	return sqltype.NewBit(!decisive), nil
}

// balance joins texts with parentheses so that the depth grows with the logarithm of their number.
func balance(texts []string, op string) string {
	const flat = 50
	if len(texts) <= flat {
		return "(" + strings.Join(texts, op) + ")"
	}
	parts := make([]string, 0, flat)
	size := (len(texts) + flat - 1) / flat
	for len(texts) > 0 {
		n := min(size, len(texts))
		parts = append(parts, balance(texts[:n], op))
		texts = texts[n:]
	}
	return "(" + strings.Join(parts, op) + ")"
}

func (c *Compiler) between(e *ast.Between, at Place) (bound.X, error) {
	x, err := c.Expr(e.X, at)
	if err != nil {
		return x, err
	}
	lo, hi, err := c.two(e.Low, e.High, at)
	if err != nil {
		return lo, err
	}
	a, err := c.Compare(">=", x, lo, c.Pos)
	if err != nil {
		return a, err
	}
	b, err := c.Compare("<=", x, hi, c.Pos)
	if err != nil {
		return b, err
	}
	y := Join("AND", []bound.X{a, b})
	if e.Not {
		y = negate(y)
	}
	return y, nil
}

func (c *Compiler) in(e *ast.In, at Place) (bound.X, error) {
	x, err := c.Expr(e.X, at)
	if err != nil {
		return x, err
	}
	if e.Query != nil {
		return c.inQuery(x, e, at)
	}
	items, err := c.Exprs(e.List, at)
	if err != nil {
		return bound.X{}, err
	}
	pairs := make([]bound.Pair, len(items))
	same, computable, flags := true, true, x.Flags
	for i, item := range items {
		if pairs[i], err = c.Pair("=", x, item, c.Pos); err != nil {
			return bound.X{}, err
		}
		same = same && (pairs[i].L == pairs[0].L || pairs[i].Null)
		computable = computable && pairs[i].Computable()
		flags |= item.Flags
	}
	texts := make([]string, len(pairs))
	var left string
	for _, p := range pairs {
		if !p.Null {
			left = p.L
			break
		}
	}
	for i, p := range pairs {
		switch {
		case same:
			texts[i] = p.R
		case p.Null:
			texts[i] = "NULL"
		default:
			texts[i] = "(" + p.L + " = " + p.R + ")"
		}
	}
	y := bound.X{Flags: flags}
	switch {
	case left == "": // nothing but NULLs
		y.SQL = "NULL"
	case same:
		y.SQL = "(" + left + " IN (" + strings.Join(texts, ", ") + "))"
	default:
		y.SQL = balance(texts, " OR ")
	}
	if computable {
		evals := make([]plan.Eval, len(pairs))
		for i, p := range pairs {
			evals[i] = func(f *plan.Frame) (sqltype.Value, error) { return p.Eval("=", f) }
		}
		y.Eval = func(f *plan.Frame) (sqltype.Value, error) { return chain(evals, true, f) }
	}
	if e.Not {
		y = negate(y)
	}
	return y, nil
}

func (c *Compiler) like(e *ast.Like, at Place) (bound.X, error) {
	x, p, err := c.two(e.X, e.Pattern, at)
	if err != nil {
		return x, err
	}
	lbl, coll, other, err := bound.Merge(x, p, "like operation", c.Pos)
	if err != nil {
		return x, err
	}
	if lbl == bound.Conflict {
		return x, plan.Fail(c.Pos, 468, other.String(), coll.String(), "like")
	}
	args := []bound.X{x, p}
	if e.Escape != nil {
		esc, err := c.Expr(e.Escape, at)
		if err != nil {
			return x, err
		}
		args = append(args, esc)
	}
	for i := range args {
		if k := args[i].Type.Kind; k == sqltype.Null {
			args[i] = c.Constant(sqltype.NullValue, sqltype.Sized(sqltype.VarChar, 1))
		}
		if args[i].Type.Kind.IsText() {
			args[i].Type.Collation = coll
		}
	}
	y, err := c.operator("LIKE", args)
	if err != nil {
		return y, err
	}
	y = asCondition(y)
	if e.Not {
		y = negate(y)
	}
	return y, nil
}

// asCondition takes a bit for a condition.
func asCondition(x bound.X) bound.X {
	return bound.X{SQL: x.SQL, Eval: x.Eval, Flags: x.Flags}
}

func (c *Compiler) isNull(e *ast.IsNull, at Place) (bound.X, error) {
	x, err := c.Expr(e.X, at)
	if err != nil {
		return x, err
	}
	op := " IS NULL)"
	if e.Not {
		op = " IS NOT NULL)"
	}
	y := bound.X{SQL: "(" + x.SQL + op, Flags: x.Flags}
	if eval := x.Eval; eval != nil {
		y.Eval = func(f *plan.Frame) (sqltype.Value, error) {
			v, err := eval(f)
			if err != nil {
				return v, err
			}
			return sqltype.NewBit(v.IsNull() != e.Not), nil
		}
	}
	return y, nil
}
