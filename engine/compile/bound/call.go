package bound

import (
	"context"

	"latchkey/engine/compile/plan"
	"latchkey/engine/fn"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/token"
)

// ArgOf is what package fn wants to know of an expression.
func ArgOf(x X) fn.Arg {
	a := fn.Arg{Type: x.Type, Simple: x.Const || x.Column != nil || len(x.SQL) > 0 && x.SQL[0] == '?'}
	if x.Const {
		v := x.Value
		a.Const = &v
	}
	return a
}

// ArgsOf is ArgOf of several.
func ArgsOf(xs []X) []fn.Arg {
	out := make([]fn.Arg, len(xs))
	for i, x := range xs {
		out[i] = ArgOf(x)
	}
	return out
}

// Call puts a call of package fn around its arguments (words are not among them), converting them as it asks. Constants are
// computed at once, unless that fails: then the failure is that of the running statement.
func (b *Builder) Call(c fn.Call, args []X, pos token.Pos) (X, error) {
	for i := range args {
		if i < len(c.Params) && c.Params[i].Kind != sqltype.Null && args[i].Type.Kind != sqltype.Null && args[i].Type.NotNull() != c.Params[i].NotNull() {
			x, err := b.Convert(args[i], c.Params[i], pos)
			if err != nil {
				return X{}, err
			}
			args[i] = x
		}
	}
	texts := make([]string, len(args))
	x := X{Type: c.Type}
	constant, computable := !c.Volatile && !c.Session, c.Eval != nil
	for i, a := range args {
		texts[i] = a.SQL
		x.Flags |= a.Flags
		constant = constant && a.Const
		computable = computable && a.Eval != nil
	}
	x.SQL = c.SQLText(texts, "")
	if x.SQL == "" {
		return X{}, plan.Unsupported("EXPRESSION", pos)
	}
	if !simpleText(x.SQL) {
		x.SQL = "(" + x.SQL + ")"
	}
	x = relabel(x, args)
	if computable {
		x.Eval = evalCall(c, args)
	}
	if constant && computable {
		v, err := x.Eval(b.frame())
		if err == nil {
			y := b.Constant(v, x.Type)
			y.Label, y.Other, y.Flags = x.Label, x.Other, x.Flags
			return y, nil
		}
		sql := x.SQL
		x = Failing(sql, x.Type, err)
	}
	return x, nil
}

// frame is what constants are computed with: the settings that the plan is for.
func (b *Builder) frame() *plan.Frame {
	s := b.Settings
	return &plan.Frame{Context: context.Background(), Env: &fn.Env{Settings: fn.Settings{
		DateFirst: s.DateFirst, DateFormat: s.DateFormat, Language: s.Language, NoArithAbort: s.ArithAbortOff && s.AnsiWarningsOff,
	}}}
}

// relabel gives the result of a call the collation label of its arguments: the strongest.
func relabel(x X, args []X) X {
	if !x.Type.Kind.IsText() {
		return x
	}
	lbl := Default
	for _, a := range args {
		if a.Type.Kind.IsText() && a.Label > lbl && a.Type.Collation == x.Type.Collation {
			lbl = a.Label
		}
	}
	x.Label = lbl
	return x
}

func evalCall(c fn.Call, args []X) plan.Eval {
	evals := make([]plan.Eval, len(args))
	for i, a := range args {
		evals[i] = a.Eval
	}
	run := c.Eval
	return func(f *plan.Frame) (sqltype.Value, error) {
		vals := make([]sqltype.Value, len(evals))
		for i, e := range evals {
			v, err := e(f)
			if err != nil {
				return v, err
			}
			vals[i] = v
		}
		return run(f.Context, f.Env, vals)
	}
}

// simpleText reports a text that binds as one operand: a call, name, number or parenthesis.
func simpleText(s string) bool {
	if s == "" {
		return false
	}
	if s[0] == '(' {
		return closes(s, 0) == len(s)-1
	}
	i := 0
	for i < len(s) && (s[i] == '_' || s[i] == '?' || s[i] == '.' || s[i] >= '0' && s[i] <= '9' || s[i] >= 'a' && s[i] <= 'z' || s[i] >= 'A' && s[i] <= 'Z') {
		i++
	}
	if i == len(s) {
		return true
	}
	return i > 0 && s[i] == '(' && closes(s, i) == len(s)-1
}

// closes is the index of the parenthesis that closes the one at i, skipping quoted text; -1 if none does.
func closes(s string, i int) int {
	depth := 0
	for ; i < len(s); i++ {
		switch s[i] {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i
			}
		case '\'', '"':
			q := s[i]
			for i++; i < len(s) && s[i] != q; i++ {
			}
		}
	}
	return -1
}
