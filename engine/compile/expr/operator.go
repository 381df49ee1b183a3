package expr

import (
	"strconv"

	"latchkey/engine/compile/bound"
	"latchkey/engine/compile/plan"
	"latchkey/engine/fn"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/arith"
	"latchkey/engine/tsql/ast"
)

func (c *Compiler) unary(e *ast.Unary, at Place) (bound.X, error) {
	x, err := c.Expr(e.X, at)
	if err != nil {
		return x, err
	}
	switch e.Op {
	case "+":
		if k := x.Type.Kind; !k.IsNumeric() && !k.IsText() && k != sqltype.Null {
			return x, plan.Fail(c.Pos, 8117, k.MessageName(), "plus")
		}
		return x, nil
	case "-":
		if x.Type.Kind.IsText() {
			return x, plan.Fail(c.Pos, 8117, x.Type.Kind.String(), "minus")
		}
		return c.operator("NEG", []bound.X{x})
	}
	return c.operator("~", []bound.X{x})
}

// operator calls an operator of package fn.
func (c *Compiler) operator(op string, args []bound.X) (bound.X, error) {
	call, err := fn.Operator(op, bound.ArgsOf(args)...)
	if err != nil {
		return bound.X{}, c.refused(err)
	}
	return c.Call(call, args, c.Pos)
}

// refused turns a refusal of package fn into message 40517.
func (c *Compiler) refused(err error) error {
	if r, ok := err.(*fn.Refusal); ok {
		return plan.Unsupported(r.Name, c.Pos)
	}
	return plan.At(err, c.Pos)
}

// binary flattens a chain of one side, so that its length costs no stack.
func (c *Compiler) binary(e *ast.Binary, at Place) (bound.X, error) {
	chain := []*ast.Binary{e}
	for {
		l, ok := e.L.(*ast.Binary)
		if !ok {
			break
		}
		if at.Rows != nil {
			if _, isKey, _ := at.Rows.Key(l, at); isKey && !at.InAggregate {
				break
			}
		}
		chain = append(chain, l)
		e = l
	}
	x, err := c.Expr(e.L, at)
	if err != nil {
		return x, err
	}
	depth := 0
	for i := len(chain) - 1; i >= 0; i-- {
		r, err := c.Expr(chain[i].R, at)
		if err != nil {
			return x, err
		}
		if x, err = c.Binary(chain[i].Op, x, r); err != nil {
			return x, err
		}
		if !x.Const {
			if depth++; depth > maxDepth-c.depth || len(x.SQL) > maxText {
				return x, plan.Fail(c.Pos, 191)
			}
		}
	}
	return x, nil
}

// Binary is l op r of compiled operands: + - * / % & | ^ ||, or those of assignments (+=).
func (c *Compiler) Binary(op string, l, r bound.X) (bound.X, error) {
	if len(op) == 2 && op[1] == '=' {
		op = op[:1]
	}
	lbl, coll, other, err := bound.Merge(l, r, "add operator", c.Pos)
	if err != nil {
		return l, err
	}
	if c.Settings.ConcatNullYieldsNullOff && (op == "+" || op == "||") && (l.Type.Kind.IsText() || r.Type.Kind.IsText()) {
		if t, err := arith.Result(arith.Add, l.Type, r.Type); err == nil && t.Kind.IsText() {
			l, r = c.emptyForNull(l), c.emptyForNull(r)
		}
	}
	l, r = c.exactLiteral(l, r), c.exactLiteral(r, l)
	args := []bound.X{l, r}
	if lbl != bound.NoLabel {
		for i := range args { // package fn sees one collation
			if args[i].Type.Kind.IsText() {
				args[i].Type.Collation = coll
			}
		}
	}
	x, err := c.operator(op, args)
	if err != nil {
		return x, err
	}
	if (x.Type.Kind.IsNumeric() || x.Type.Kind.IsDateTime()) && !x.Const {
		x.Type.Nullable = true // as the server says, whose arithmetic may give NULL under ARITHABORT OFF
	}
	if x.Type.Kind.IsText() {
		x.Label = max(lbl, bound.Default)
		x.Type.Collation, x.Other = coll, sqltype.Type{Collation: other}
		if lbl == bound.NoLabel {
			x.Type.Collation = c.Settings.Collation
		}
	}
	return x, nil
}

// exactLiteral makes an integer constant beside a decimal a decimal of just its digits, so that 1.0 / 3 has six digits behind the point.
func (c *Compiler) exactLiteral(x, other bound.X) bound.X {
	if !x.Const || x.Value.IsNull() || other.Type.Kind != sqltype.Decimal || !x.Type.Kind.IsInteger() || x.Type.Kind == sqltype.Bit {
		return x
	}
	n, digits, _, ok := sqltype.ParseDecimal(strconv.FormatInt(x.Value.Int(), 10))
	if !ok {
		return x
	}
	v, err := sqltype.NewDecimal(digits, 0, n)
	if err != nil {
		return x
	}
	return c.Constant(v, sqltype.DecimalType(digits, 0))
}

// emptyForNull makes NULL an empty string: CONCAT_NULL_YIELDS_NULL OFF.
func (c *Compiler) emptyForNull(x bound.X) bound.X {
	if !x.Type.Kind.IsText() && x.Type.Kind != sqltype.Null {
		return x
	}
	if x.Type.Kind == sqltype.Null || x.Const && x.Value.IsNull() {
		return c.Constant(sqltype.NewText(sqltype.VarChar, ""), sqltype.Sized(sqltype.VarChar, 1).Collated(c.Settings.Collation))
	}
	y := x
	y.SQL, y.Column, y.Type.Nullable = "coalesce("+x.SQL+",'')", nil, false
	if eval := x.Eval; eval != nil {
		k := x.Type.Kind
		y.Eval = func(f *plan.Frame) (sqltype.Value, error) {
			v, err := eval(f)
			if err == nil && v.IsNull() {
				v = sqltype.NewText(k, "")
			}
			return v, err
		}
	}
	return y
}

func (c *Compiler) caseOf(e *ast.Case, at Place) (bound.X, error) {
	if e.Input == nil {
		return c.branches(e.Whens, e.Else, nil, at)
	}
	in, err := c.Expr(e.Input, at)
	if err != nil {
		return in, err
	}
	return c.branches(e.Whens, e.Else, &in, at)
}

// branch is one WHEN, compiled.
type branch struct{ cond, then bound.X }

// branches is CASE in both forms, and IIF.
func (c *Compiler) branches(whens []ast.When, otherwise ast.Expr, in *bound.X, at Place) (bound.X, error) {
	list := make([]branch, len(whens))
	values := make([]bound.X, 0, len(whens)+1)
	for i, w := range whens {
		var err error
		if in == nil {
			cond, ok := w.If.(ast.Condition)
			if !ok {
				return bound.X{}, plan.Fail(c.Pos, 4145, "WHEN")
			}
			list[i].cond, err = c.Condition(cond, at)
		} else {
			var v bound.X
			if v, err = c.Expr(w.If, at); err == nil {
				list[i].cond, err = c.Compare("=", *in, v, c.Pos)
			}
		}
		if err != nil {
			return bound.X{}, err
		}
		v, err := c.Expr(w.Then, at)
		if err != nil {
			return bound.X{}, err
		}
		values = append(values, v)
	}
	last := c.Null()
	if otherwise != nil {
		var err error
		if last, err = c.Expr(otherwise, at); err != nil {
			return bound.X{}, err
		}
	}
	return c.choose(list, append(values, last))
}

// choose builds a CASE of compiled conditions and values; the last value is that of ELSE.
func (c *Compiler) choose(list []branch, values []bound.X) (bound.X, error) {
	common, err := bound.CommonType(values, "CASE operator", c.Pos)
	if err != nil {
		return bound.X{}, err
	}
	if common.Type.Kind == sqltype.Null {
		return bound.X{}, plan.Fail(c.Pos, 8133)
	}
	x := bound.X{Type: common.Type, Label: common.Label, Other: common.Other}
	text := []byte("CASE")
	computable := true
	for i := range values {
		if values[i], err = c.As(values[i], common, c.Pos); err != nil {
			return bound.X{}, err
		}
		x.Flags |= values[i].Flags
		computable = computable && values[i].Eval != nil
		if i == len(list) {
			text = append(append(text, " ELSE "...), values[i].SQL...)
			break
		}
		list[i].then = values[i]
		x.Flags |= list[i].cond.Flags
		computable = computable && list[i].cond.Eval != nil
		text = append(append(append(append(text, " WHEN "...), list[i].cond.SQL...), " THEN "...), values[i].SQL...)
		if len(text) > maxText {
			return bound.X{}, plan.Fail(c.Pos, 8623)
		}
	}
	x.SQL = "(" + string(text) + " END)"
	if computable {
		last := values[len(values)-1].Eval
		x.Eval = func(f *plan.Frame) (sqltype.Value, error) {
			for i := range list {
				v, err := list[i].cond.Eval(f)
				if err != nil {
					return v, err
				}
				if v.Bool() {
					return list[i].then.Eval(f)
				}
			}
			return last(f)
		}
	}
	return x, nil
}

// trim is TRIM with a side or characters.
func (c *Compiler) trim(e *ast.Trim, at Place) (bound.X, error) {
	switch {
	case e.Chars == nil && (e.Side == "" || e.Side == "BOTH"):
		return c.named("TRIM", []ast.Expr{e.X}, at)
	case e.Chars == nil:
		return c.named(map[string]string{"LEADING": "LTRIM", "TRAILING": "RTRIM"}[e.Side], []ast.Expr{e.X}, at)
	case e.Side == "" || e.Side == "BOTH":
		return c.named("TRIM", []ast.Expr{e.X, e.Chars}, at)
	}
	return c.named(map[string]string{"LEADING": "LTRIM", "TRAILING": "RTRIM"}[e.Side], []ast.Expr{e.X, e.Chars}, at)
}
