package text

import (
	"context"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"latchkey/engine/fn/def"
	"latchkey/engine/room"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/convert"
	"latchkey/engine/sqltype/wtf8"
)

func builders() []def.Function {
	return []def.Function{
		{Name: "REPLICATE", Min: 2, Max: 2, Bind: bindReplicate},
		def.Fixed("SPACE", sqltype.Sized(sqltype.VarChar, sqltype.MaxBytes), 1, []sqltype.Type{def.Int}, func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
			if n := a[0].Int(); n >= 0 {
				return sqltype.NewText(sqltype.VarChar, strings.Repeat(" ", int(min(n, sqltype.MaxBytes)))), nil
			}
			return sqltype.NullValue, nil
		}),
		{Name: "CONCAT", Min: 2, Max: 254, Bind: bindConcat},
		{Name: "CONCAT_WS", Min: 3, Max: 254, Bind: bindConcatWS},
		{Name: "STR", Min: 1, Max: 3, Bind: bindStr},
		{Name: "QUOTENAME", Min: 1, Max: 2, Bind: bindQuoteName},
		{Name: "STRING_ESCAPE", Min: 2, Max: 2, Bind: bindStringEscape},
	}
}

func bindReplicate(args []def.Arg) (def.Bound, error) {
	t, err := def.TextType(args[0].Type, 1, "replicate")
	if err != nil {
		return def.Bound{}, err
	}
	want := []sqltype.Type{def.Wide(t), def.BigInt}
	if err := def.Implicit("replicate", args, []sqltype.Type{{}, def.BigInt}); err != nil {
		return def.Bound{}, err
	}
	out := def.Longest(t)
	return def.Bound{Type: nullable(out), Want: want, Eval: func(ctx context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
		s, n := a[0].Text(), a[1].Int()
		switch {
		case n < 0:
			return sqltype.NullValue, nil
		case s == "" || n == 0:
			return def.Text(out, ""), nil
		case out.Length != sqltype.Max:
			n = min(n, int64(out.Length))
		case n > int64(room.Largest/len(s)):
			return sqltype.NullValue, room.TooLarge()
		}
		if err := room.Ask(ctx, len(s)*int(n)); err != nil {
			return sqltype.NullValue, err
		}
		return fit(out, strings.Repeat(s, int(n))), nil
	}}, nil
}

// concatType is the type of values joined to each other; those that are no text become varchar.
func concatType(name string, args []def.Arg, between int) (out sqltype.Type, want []sqltype.Type, err error) {
	out = sqltype.Type{Kind: sqltype.VarChar}
	collated := false
	for i, a := range args {
		t, err := def.TextType(a.Type, i+1, name)
		if err != nil {
			return out, nil, err
		}
		want = append(want, def.Wide(t))
		if t.Kind.IsNational() {
			out.Kind = sqltype.NVarChar
		}
		if a.Type.Kind.IsText() && !collated {
			out.Collation, collated = t.Collation, true
		}
		switch {
		case t.Length == sqltype.Max || out.Length == sqltype.Max:
			out.Length = sqltype.Max
		case a.Type.Kind != sqltype.Null:
			out.Length += t.Length
		}
	}
	limit := def.Longest(sqltype.Type{Kind: out.Kind}).Length
	if out.Length != sqltype.Max {
		out.Length = min(max(out.Length+between, 1), limit)
	}
	return out, want, nil
}

func bindConcat(args []def.Arg) (def.Bound, error) {
	out, want, err := concatType("concat", args, 0)
	return def.Bound{Type: out, Want: want, NullIn: true, Eval: func(ctx context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
		n := 0
		for _, v := range a {
			n += len(v.Text())
		}
		if err := room.Ask(ctx, n); err != nil {
			return sqltype.NullValue, err
		}
		b := make([]byte, 0, n)
		for _, v := range a {
			b = append(b, v.Text()...)
		}
		return fit(out, joined(string(b))), nil
	}}, err
}

// joined makes pairs of the halves that met.
func joined(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return wtf8.FromUTF16LE(wtf8.AppendUTF16LE(nil, s))
}

func bindConcatWS(args []def.Arg) (def.Bound, error) {
	sep, err := def.TextType(args[0].Type, 1, "concat_ws")
	if err != nil {
		return def.Bound{}, err
	}
	between := 0
	if sep.Length > 0 {
		between = sep.Length * (len(args) - 2)
	}
	out, want, err := concatType("concat_ws", args[1:], between)
	if sep.Kind.IsNational() {
		out.Kind = sqltype.NVarChar
		if out.Length > sqltype.MaxNational {
			out.Length = sqltype.MaxNational
		}
	}
	want = append([]sqltype.Type{def.Wide(sep)}, want...)
	return def.Bound{Type: out, Want: want, NullIn: true, Eval: func(ctx context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
		b := build(ctx, out)
		some := false
		for _, v := range a[1:] {
			if v.IsNull() {
				continue
			}
			var err error
			if some {
				_, err = b.add(a[0].Text())
			}
			some = true
			if err == nil {
				_, err = b.add(v.Text())
			}
			if err != nil {
				return sqltype.NullValue, err
			}
		}
		return fit(out, joined(b.text())), nil
	}}, err
}

func bindStr(args []def.Arg) (def.Bound, error) {
	want := []sqltype.Type{def.Float, def.Int, def.Int}[:len(args)]
	if err := def.Implicit("str", args, want); err != nil {
		return def.Bound{}, err
	}
	out := sqltype.Sized(sqltype.VarChar, 10)
	if len(args) > 1 {
		if out.Length = constInt(args[1]); out.Length <= 0 {
			out.Length = sqltype.MaxBytes
		}
	}
	return def.Bound{Type: nullable(out), Want: want, Eval: func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
		length, dec := int64(10), int64(0)
		if len(a) > 1 {
			length = a[1].Int()
		}
		if len(a) > 2 {
			dec = a[2].Int()
		}
		if length <= 0 || length > sqltype.MaxBytes || dec < 0 {
			return sqltype.NullValue, nil
		}
		f := a[0].Float()
		s := strconv.FormatFloat(roundHalfUp(f, int(min(dec, 16))), 'f', int(min(dec, 16)), 64)
		whole := strings.IndexByte(s, '.')
		if whole < 0 {
			whole = len(s)
		}
		switch {
		case int64(whole) > length:
			s = strings.Repeat("*", int(length))
		case int64(len(s)) > length: // digits behind the point go, rounded
			keep := max(int(length)-whole-1, 0)
			s = strconv.FormatFloat(roundHalfUp(f, keep), 'f', keep, 64)
			if int64(len(s)) > length {
				s = s[:length]
			}
		}
		return sqltype.NewText(sqltype.VarChar, strings.Repeat(" ", int(length)-len(s))+s), nil
	}}, nil
}

// roundHalfUp rounds to a number of decimal digits, half away from zero, as seen in the shortest decimal form.
func roundHalfUp(f float64, digits int) float64 {
	n, _, scale, ok := sqltype.ParseDecimal(strconv.FormatFloat(f, 'f', -1, 64))
	if !ok || scale <= digits || math.Abs(f) > 1e18 {
		return f
	}
	r, err := strconv.ParseFloat(string(sqltype.AppendDecimal(nil, sqltype.Rescale(n, scale, digits, true), digits)), 64)
	if err != nil {
		return f
	}
	return r
}

func bindQuoteName(args []def.Arg) (def.Bound, error) {
	want := []sqltype.Type{def.NameArg, sqltype.Sized(sqltype.NVarChar, 1)}[:len(args)]
	if err := def.Implicit("quotename", args, want); err != nil {
		return def.Bound{}, err
	}
	out := sqltype.Sized(sqltype.NVarChar, 258)
	return def.Bound{Type: out, Want: want, Eval: func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
		s, q := a[0].Text(), "["
		if len(a) == 2 {
			q = a[1].Text()
		}
		if wtf8.Len(s) > 128 {
			return sqltype.NullValue, nil
		}
		var open, end string
		switch q {
		case "[", "]":
			open, end = "[", "]"
		case "(", ")":
			open, end = "(", ")"
		case "<", ">":
			open, end = "<", ">"
		case "{", "}":
			open, end = "{", "}"
		case "'", `"`, "`":
			open, end = q, q
		default:
			return sqltype.NullValue, nil
		}
		return sqltype.NewText(sqltype.NVarChar, open+strings.ReplaceAll(s, end, end+end)+end), nil
	}}, nil
}

func bindStringEscape(args []def.Arg) (def.Bound, error) {
	want := []sqltype.Type{sqltype.Sized(sqltype.NVarChar, sqltype.Max), def.NameArg}
	if err := def.Implicit("string_escape", args, want); err != nil {
		return def.Bound{}, err
	}
	return def.Bound{Type: sqltype.Sized(sqltype.NVarChar, sqltype.Max), Want: want, Eval: func(ctx context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
		if !strings.EqualFold(strings.TrimSpace(a[1].Text()), "json") {
			return sqltype.NullValue, &sqltype.Error{Number: 13622, Level: 16, State: 1, Message: "An invalid value was specified for argument 2."}
		}
		if err := room.Ask(ctx, min(2*len(a[0].Text()), room.Largest)); err != nil {
			return sqltype.NullValue, err
		}
		out := EscapeJSON(a[0].Text())
		if len(out) > room.Largest {
			return sqltype.NullValue, room.TooLarge()
		}
		return sqltype.NewText(sqltype.NVarChar, out), nil
	}}, nil
}

// EscapeJSON escapes what JSON strings must not have, and the solidus, as STRING_ESCAPE does.
func EscapeJSON(s string) string {
	const special = "\"\"\\\\//\bb\ff\nn\rr\tt"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch at := strings.IndexByte(special, c); {
		case c >= 0x80 || at < 0 && c >= 0x20 || at >= 0 && at%2 == 1 && c >= 'a':
			b.WriteByte(c)
		case at >= 0:
			b.WriteByte('\\')
			b.WriteByte(special[at+1])
		default:
			b.WriteString(`\u00` + string("0123456789abcdef"[c>>4]) + string("0123456789abcdef"[c&15]))
		}
	}
	return b.String()
}

func codes() []def.Function {
	text1 := func(name string, eval func(t sqltype.Type, s string) (int, bool)) def.Function {
		return def.Function{Name: name, Min: 1, Max: 1, Bind: func(args []def.Arg) (def.Bound, error) {
			t, err := def.TextType(args[0].Type, 1, strings.ToLower(name))
			return def.Bound{Type: nullable(def.Int), Want: []sqltype.Type{def.Wide(t)}, Eval: func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
				if n, ok := eval(t, a[0].Text()); ok {
					return def.IntValue(n), nil
				}
				return sqltype.NullValue, nil
			}}, err
		}}
	}
	return []def.Function{
		text1("ASCII", func(t sqltype.Type, s string) (int, bool) {
			_, n := wtf8.Next(s)
			if n == 0 {
				return 0, false
			}
			b, _ := t.Collation.AppendEncoded(nil, s[:n])
			return int(b[0]), len(b) > 0
		}),
		text1("UNICODE", func(t sqltype.Type, s string) (int, bool) {
			r, n := wtf8.Next(s)
			if r > 0xffff && !t.Collation.Supplementary() {
				r = 0xd800 + (r-0x10000)>>10
			}
			return int(r), n > 0
		}),
		def.Fixed("CHAR", nullable(sqltype.Sized(sqltype.Char, 1)), 1, []sqltype.Type{def.Int}, func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
			n := a[0].Int()
			if n < 0 || n > 255 {
				return sqltype.NullValue, nil
			}
			t := sqltype.Sized(sqltype.Char, 1)
			return sqltype.NewText(sqltype.Char, t.Collation.Decode([]byte{byte(n)})), nil
		}),
		def.Fixed("NCHAR", nullable(sqltype.Sized(sqltype.NChar, 1)), 1, []sqltype.Type{def.Int}, func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
			n := a[0].Int()
			if n < 0 || n > 0xffff {
				return sqltype.NullValue, nil
			}
			return sqltype.NewText(sqltype.NChar, wtf8.FromUTF16LE([]byte{byte(n), byte(n >> 8)})), nil
		}),
		{Name: "ISNUMERIC", Min: 1, Max: 1, Bind: bindIsNumeric},
	}
}

func bindIsNumeric(args []def.Arg) (def.Bound, error) {
	t := args[0].Type
	return def.Bound{Type: def.Int.NotNull(), NullIn: true, Eval: func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
		v := a[0]
		switch k := v.Kind(); {
		case k.IsNumeric():
			return def.BitValue(k != sqltype.Bit || t.Kind == sqltype.Bit), nil
		case !k.IsText():
			return def.BitValue(false), nil
		}
		for _, to := range []sqltype.Kind{sqltype.Float, sqltype.Money} {
			if _, err := convert.Convert(v, t, sqltype.Of(to), convert.Options{}); err == nil {
				return def.BitValue(strings.Trim(v.Text(), " ") != ""), nil
			}
		}
		return def.BitValue(false), nil
	}}, nil
}
