// Package logic has the functions that choose among their arguments: ISNULL, COALESCE, NULLIF, CHOOSE, GREATEST, LEAST.
//
// All but the last two are SQLite's own expressions, which compute no more arguments than they need. IIF and CASE are the compiler's,
// as their conditions are no values.
package logic

import (
	"context"
	"fmt"
	"strings"

	"latchkey/engine/cell"
	"latchkey/engine/fn/def"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/arith"
	"latchkey/engine/sqltype/convert"
)

// Functions lists them.
func Functions() []def.Function {
	return []def.Function{
		{Name: "ISNULL", Min: 2, Max: 2, Bind: bindIsNull},
		{Name: "COALESCE", Min: 2, Max: -1, Bind: bindCoalesce},
		{Name: "NULLIF", Min: 2, Max: 2, Bind: bindNullIf},
		{Name: "CHOOSE", Min: 2, Max: 255, Bind: bindChoose},
		{Name: "GREATEST", Min: 1, Max: 254, Bind: bindExtreme(1)},
		{Name: "LEAST", Min: 1, Max: 254, Bind: bindExtreme(-1)},
		{Name: "IIF", Min: 3, Max: 3, Note: "the compiler makes it a CASE", Bind: func([]def.Arg) (def.Bound, error) {
			return def.Bound{}, &def.Refusal{Name: "IIF", Why: "its first argument is a condition"}
		}},
	}
}

// CommonType is the type that values of several types take together, as in CASE, COALESCE and UNION; nullable if one of them is.
// Bare NULLs do not count.
func CommonType(types ...sqltype.Type) (sqltype.Type, error) {
	var out sqltype.Type
	nullable := false
	for _, t := range types {
		nullable = nullable || t.Nullable || t.Kind == sqltype.Null
		if t.Kind == sqltype.Null {
			continue
		}
		if out.Kind == sqltype.Null {
			out = t
			continue
		}
		var err error
		if out, err = arith.Common(out, t); err != nil {
			return out, err
		}
	}
	out.Nullable = nullable
	return out, nil
}

func bindIsNull(args []def.Arg) (def.Bound, error) {
	t := args[0].Type
	if t.Kind == sqltype.Null {
		t = args[1].Type
	}
	if t.Kind == sqltype.Null {
		t = def.Int
	}
	if args[1].Type.Kind != sqltype.Null {
		if err := convert.CheckImplicit(args[1].Type, t); err != nil {
			return def.Bound{}, err
		}
	}
	t.Nullable = args[1].Type.Nullable || args[1].Type.Kind == sqltype.Null
	first := args[0].Type
	if first.Kind == sqltype.Null {
		first = t
	}
	return def.Bound{Type: t, Params: []sqltype.Type{first, t}, NullIn: true, Native: "ifnull($1,$2)", Eval: firstKnown}, nil
}

func firstKnown(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
	for _, v := range a {
		if !v.IsNull() {
			return v, nil
		}
	}
	return sqltype.NullValue, nil
}

func bindCoalesce(args []def.Arg) (def.Bound, error) {
	types := make([]sqltype.Type, len(args))
	nullable := true
	for i, a := range args {
		types[i] = a.Type
		nullable = nullable && (a.Type.Nullable || a.Type.Kind == sqltype.Null)
	}
	t, err := CommonType(types...)
	if err != nil {
		return def.Bound{}, err
	}
	if t.Kind == sqltype.Null {
		return def.Bound{}, def.Errorf(4127)
	}
	t.Nullable = nullable
	return def.Bound{Type: t, Params: repeat(t, len(args)), NullIn: true, Native: "coalesce(" + places(1, len(args)) + ")", Eval: firstKnown}, nil
}

func repeat(t sqltype.Type, n int) []sqltype.Type {
	out := make([]sqltype.Type, n)
	for i := range out {
		out[i] = t
	}
	return out
}

// places is $from,...,$to.
func places(from, to int) string {
	var b strings.Builder
	for i := from; i <= to; i++ {
		if i > from {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "$%d", i)
	}
	return b.String()
}

func bindNullIf(args []def.Arg) (def.Bound, error) {
	a, b := args[0].Type, args[1].Type
	if a.Kind == sqltype.Null {
		return def.Bound{}, def.Errorf(4151)
	}
	for _, t := range []sqltype.Type{a, b} {
		if t.Kind.IsLegacyLOB() || t.Kind == sqltype.XML {
			return def.Bound{}, sqltype.NewError(402, a.Kind.MessageName(), b.Kind.MessageName(), "equal to")
		}
	}
	t, err := arith.Common(a, b)
	if err != nil {
		return def.Bound{}, err
	}
	out := a
	out.Nullable = true
	eval := func(_ context.Context, env *def.Env, v []sqltype.Value) (sqltype.Value, error) {
		if v[0].IsNull() || v[1].IsNull() {
			return v[0], nil
		}
		o := convert.Options{DateFormat: env.Settings.DateFormat}
		x, err := convert.Convert(v[0], a, t, o)
		if err != nil {
			return sqltype.NullValue, err
		}
		y, err := convert.Convert(v[1], b, t, o)
		if err != nil {
			return sqltype.NullValue, err
		}
		if sqltype.Compare(x, y, t.Collation) == 0 {
			return sqltype.NullValue, nil
		}
		return v[0], nil
	}
	bound := def.Bound{Type: out, NullIn: true, Eval: eval}
	if cell.Same(a, t) && cell.Same(b, t) && cell.Key(t) == "$1" && cell.Collation(t) == cell.Collation(a) {
		bound.Native = "nullif($1" + cell.CollateClause(t) + ",$2)"
	}
	return bound, nil
}

func bindChoose(args []def.Arg) (def.Bound, error) {
	types := make([]sqltype.Type, len(args)-1)
	for i, a := range args[1:] {
		types[i] = a.Type
	}
	t, err := CommonType(types...)
	if err != nil {
		return def.Bound{}, err
	}
	if t.Kind == sqltype.Null {
		return def.Bound{}, def.Errorf(8133)
	}
	if err := def.Implicit("choose", args, []sqltype.Type{def.Int}); err != nil {
		return def.Bound{}, err
	}
	t.Nullable = true
	var b strings.Builder
	b.WriteString("CASE $1")
	for i := range types {
		fmt.Fprintf(&b, " WHEN %d THEN $%d", i+1, i+2)
	}
	b.WriteString(" END")
	return def.Bound{
		Type: t, Params: append([]sqltype.Type{def.Int}, repeat(t, len(types))...), NullIn: true, Native: b.String(),
		Eval: func(_ context.Context, _ *def.Env, v []sqltype.Value) (sqltype.Value, error) {
			if n := v[0].Int(); n >= 1 && n < int64(len(v)) {
				return v[n], nil
			}
			return sqltype.NullValue, nil
		},
	}, nil
}

// bindExtreme is GREATEST and LEAST: NULLs do not count.
func bindExtreme(sign int) func([]def.Arg) (def.Bound, error) {
	return func(args []def.Arg) (def.Bound, error) {
		types := make([]sqltype.Type, len(args))
		for i, a := range args {
			types[i] = a.Type
		}
		t, err := CommonType(types...)
		if err != nil {
			return def.Bound{}, err
		}
		if t.Kind == sqltype.Null {
			t = def.Int
		}
		return def.Bound{Type: t, Want: repeat(t, len(args)), NullIn: true, Eval: func(_ context.Context, _ *def.Env, v []sqltype.Value) (sqltype.Value, error) {
			out := sqltype.NullValue
			for _, x := range v {
				if !x.IsNull() && (out.IsNull() || sqltype.Compare(x, out, t.Collation)*sign > 0) {
					out = x
				}
			}
			return out, nil
		}}, nil
	}
}
