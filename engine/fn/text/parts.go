package text

import (
	"context"
	"strings"
	"unicode"
	"unsafe"

	"latchkey/engine/fn/def"
	"latchkey/engine/room"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/wtf8"
)

func parts() []def.Function {
	return []def.Function{
		{Name: "SUBSTRING", Min: 2, Max: 3, Bind: bindSubstring},
		{Name: "LEFT", Min: 2, Max: 2, Bind: bindSide("left", left)},
		{Name: "RIGHT", Min: 2, Max: 2, Bind: bindSide("right", right)},
		simple("UPPER", func(t sqltype.Type, s string) string { return changeCase(t, s, unicode.ToUpper) }),
		simple("LOWER", func(t sqltype.Type, s string) string { return changeCase(t, s, unicode.ToLower) }),
		simple("REVERSE", reverse),
		trim("LTRIM", true, false), trim("RTRIM", false, true), trim("TRIM", true, true),
		{Name: "STUFF", Min: 4, Max: 4, Bind: bindStuff},
		{Name: "REPLACE", Min: 3, Max: 3, Bind: bindReplace},
		{Name: "TRANSLATE", Min: 3, Max: 3, Bind: bindTranslate},
	}
}

// constInt is the value of an argument that is known, -1 for others and for what is no number.
func constInt(a def.Arg) int {
	if a.Const == nil || a.Const.IsNull() || !a.Const.Kind().IsInteger() || a.Const.Int() < 0 || a.Const.Int() > sqltype.MaxBytes {
		return -1
	}
	return int(a.Const.Int())
}

// cutType is t with the length of a constant, if that is less.
func cutType(t sqltype.Type, n int) sqltype.Type {
	if n >= 0 && t.Length != sqltype.Max && n < t.Length {
		t.Length = max(n, 1)
	}
	return t
}

func bindSubstring(args []def.Arg) (def.Bound, error) {
	n := -1
	want := []sqltype.Type{{}, def.BigInt, def.BigInt}[:len(args)]
	if len(args) == 3 {
		n = constInt(args[2])
	}
	if err := def.Implicit("substring", args, want); err != nil {
		return def.Bound{}, err
	}
	t := args[0].Type
	if t.Kind.IsBinary() {
		if t.Kind == sqltype.Image {
			t.Length = sqltype.Max
		} else if t.Kind == sqltype.RowVersion {
			t.Length = 8
		}
		t.Kind = sqltype.VarBinary
		want[0] = def.Wide(t)
		return def.Bound{Type: cutType(t, n), Want: want, Eval: func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
			s := a[0].Bytes()
			from, length, err := span(a)
			if err != nil {
				return sqltype.NullValue, err
			}
			from = min(from, len(s))
			return sqltype.NewBytes(sqltype.VarBinary, s[from:from+min(length, len(s)-from)]), nil
		}}, nil
	}
	t, err := def.TextType(t, 1, "substring")
	if !args[0].Type.Kind.IsText() && err == nil && args[0].Type.Kind != sqltype.Null {
		err = def.BadType(args[0].Type, 1, "substring")
	}
	want[0] = def.Wide(t)
	return def.Bound{Type: cutType(t, n), Want: want, Eval: func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
		from, length, err := span(a)
		if err != nil {
			return sqltype.NullValue, err
		}
		_, rest := split(t, a[0].Text(), from)
		head, _ := split(t, rest, length)
		return def.Text(t, head), nil
	}}, err
}

// span is the start, from 0, and the length that SUBSTRING means: what lies before the first character counts too.
func span(a []sqltype.Value) (from, length int, err error) {
	start, n := a[1].Int()-1, int64(1<<31)
	if len(a) == 3 {
		if n = a[2].Int(); n < 0 {
			return 0, 0, def.Errorf(537)
		}
	}
	if start < 0 {
		n, start = n+start, 0
	}
	return int(min(start, 1<<31)), int(min(max(n, 0), 1<<31)), nil
}

func bindSide(name string, cut func(t sqltype.Type, s string, n int) string) func([]def.Arg) (def.Bound, error) {
	return func(args []def.Arg) (def.Bound, error) {
		if k := args[0].Type.Kind; k.IsLegacyLOB() {
			return def.Bound{}, def.BadType(args[0].Type, 1, name)
		}
		t, err := def.TextType(args[0].Type, 1, name)
		if err != nil {
			return def.Bound{}, err
		}
		want := []sqltype.Type{def.Wide(t), def.BigInt}
		if err := def.Implicit(name, args[1:], want[1:]); err != nil {
			return def.Bound{}, def.BadType(args[1].Type, 2, name)
		}
		return def.Bound{Type: cutType(t, constInt(args[1])), Want: want, Eval: func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
			n := a[1].Int()
			if n < 0 {
				if name == "left" {
					return sqltype.NullValue, def.Errorf(537)
				}
				return sqltype.NullValue, def.Errorf(536, "right")
			}
			return def.Text(t, cut(t, a[0].Text(), int(min(n, 1<<31)))), nil
		}}, nil
	}
}

func left(t sqltype.Type, s string, n int) string {
	head, _ := split(t, s, n)
	return head
}

func right(t sqltype.Type, s string, n int) string {
	_, tail := split(t, s, units(t, s)-n)
	return tail
}

// simple is a function of one text that keeps its type.
func simple(name string, f func(t sqltype.Type, s string) string) def.Function {
	return def.Function{Name: name, Min: 1, Max: 1, Bind: func(args []def.Arg) (def.Bound, error) {
		lower := strings.ToLower(name)
		if args[0].Type.Kind.IsLegacyLOB() {
			return def.Bound{}, def.BadType(args[0].Type, 1, lower)
		}
		t, err := def.TextType(args[0].Type, 1, lower)
		return def.Bound{Type: t, Want: []sqltype.Type{def.Wide(t)}, Eval: func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
			return def.Text(t, f(t, a[0].Text())), nil
		}}, err
	}}
}

// changeCase maps characters one by one. In char and varchar a character whose other case the code page lacks stays as it is.
func changeCase(t sqltype.Type, s string, to func(rune) rune) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := wtf8.Next(s[i:])
		n = max(n, 1)
		m := to(r)
		if m == r || m >= 0x80 && !t.Kind.IsNational() && !exact(t, m) {
			if b.Len() > 0 {
				b.WriteString(s[i : i+n])
			}
		} else {
			if b.Len() == 0 {
				b.Grow(len(s))
				b.WriteString(s[:i])
				if i == 0 {
					b.WriteRune(m)
					i += n
					continue
				}
			}
			b.WriteRune(m)
		}
		i += n
	}
	if b.Len() == 0 {
		return s
	}
	return b.String()
}

func exact(t sqltype.Type, r rune) bool {
	_, ok := t.Collation.AppendEncoded(nil, string(r))
	return ok
}

func reverse(t sqltype.Type, s string) string {
	if ascii(s) {
		b := []byte(s)
		for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
			b[i], b[j] = b[j], b[i]
		}
		return string(b)
	}
	if t.Collation.Supplementary() || !t.Kind.IsNational() {
		out := make([]byte, len(s))
		at := len(s)
		for len(s) > 0 {
			_, n := wtf8.Next(s)
			n = max(n, 1)
			at -= n
			copy(out[at:], s[:n])
			s = s[n:]
		}
		return string(out)
	}
	u := wtf8.AppendUTF16LE(nil, s)
	for i, j := 0, len(u)-2; i < j; i, j = i+2, j-2 {
		u[i], u[i+1], u[j], u[j+1] = u[j], u[j+1], u[i], u[i+1]
	}
	return wtf8.FromUTF16LE(u)
}

// trim is LTRIM, RTRIM and TRIM: of blanks, or of the characters of a second argument.
func trim(name string, start, end bool) def.Function {
	return def.Function{Name: name, Min: 1, Max: 2, Bind: func(args []def.Arg) (def.Bound, error) {
		lower := strings.ToLower(name)
		for i, a := range args {
			if a.Type.Kind.IsLegacyLOB() {
				return def.Bound{}, def.BadType(a.Type, i+1, lower)
			}
		}
		want, err := textArgs(lower, args)
		if err != nil {
			return def.Bound{}, err
		}
		t, _ := def.TextType(args[0].Type, 1, lower) // textArgs has tried it
		f := newFinder(args[0].Type)
		return def.Bound{Type: t, Want: want, Eval: func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
			s := a[0].Text()
			if len(a) == 1 {
				if start {
					s = strings.TrimLeft(s, " ")
				}
				if end {
					s = strings.TrimRight(s, " ")
				}
				return def.Text(t, s), nil
			}
			set := f.of(a[1].Text())
			for start && s != "" {
				r, n := wtf8.Next(s)
				if !set.Has(r) {
					break
				}
				s = s[max(n, 1):]
			}
			if end {
				s = trimEnd(s, set.Has)
			}
			return def.Text(t, s), nil
		}}, nil
	}}
}

func trimEnd(s string, has func(rune) bool) string {
	keep := 0
	for i := 0; i < len(s); {
		r, n := wtf8.Next(s[i:])
		i += max(n, 1)
		if !has(r) {
			keep = i
		}
	}
	return s[:keep]
}

func bindStuff(args []def.Arg) (def.Bound, error) {
	t, err := def.TextType(args[0].Type, 1, "stuff")
	if err != nil {
		return def.Bound{}, err
	}
	with, err := def.TextType(args[3].Type, 4, "stuff")
	if err != nil {
		return def.Bound{}, err
	}
	want := []sqltype.Type{def.Wide(t), def.BigInt, def.BigInt, def.Wide(with)}
	if err := def.Implicit("stuff", args, []sqltype.Type{{}, def.BigInt, def.BigInt}); err != nil {
		return def.Bound{}, err
	}
	out := wider(t, with)
	return def.Bound{Type: nullable(out), NullIn: true, Want: want, Eval: func(ctx context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
		if a[0].IsNull() || a[1].IsNull() || a[2].IsNull() {
			return sqltype.NullValue, nil
		}
		s := a[0].Text()
		start, n := a[1].Int(), a[2].Int()
		if start <= 0 || n < 0 || start > int64(units(t, s)) {
			return sqltype.NullValue, nil
		}
		if err := room.Ask(ctx, len(s)+len(a[3].Text())); err != nil {
			return sqltype.NullValue, err
		}
		head, tail := split(t, s, int(start-1))
		_, tail = split(t, tail, int(min(n, 1<<31)))
		return fit(out, wtf8.Join(wtf8.Join(head, a[3].Text()), tail)), nil
	}}, nil
}

func nullable(t sqltype.Type) sqltype.Type { t.Nullable = true; return t }

// wider is the longest type that holds text of both.
func wider(a, b sqltype.Type) sqltype.Type {
	if b.Kind.IsNational() {
		a.Kind = sqltype.NVarChar
	}
	if b.Length == sqltype.Max {
		a.Length = sqltype.Max
	}
	return def.Longest(a)
}

// fit makes a value of t and cuts what is too long.
func fit(t sqltype.Type, s string) sqltype.Value {
	switch {
	case t.Length == sqltype.Max:
	case t.Kind.IsNational():
		s = wtf8.Truncate(s, t.Length)
	default:
		s = t.Collation.TruncateEncoded(s, t.Length)
	}
	return def.Text(t, s)
}

func bindReplace(args []def.Arg) (def.Bound, error) {
	want, err := textArgs("replace", args)
	if err != nil {
		return def.Bound{}, err
	}
	out, _ := def.TextType(args[0].Type, 1, "replace") // textArgs has tried it
	for _, a := range args[1:] {
		if a.Type.Kind.IsNational() {
			out.Kind = sqltype.NVarChar
		}
	}
	out = def.Longest(out)
	f := newFinder(args[0].Type, args[1].Type)
	return def.Bound{Type: out, Want: want, Eval: func(ctx context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
		s, with := a[0].Text(), a[2].Text()
		find := f.of(a[1].Text())
		b := build(ctx, out)
		at, more := 0, true
		for n := 0; more; n++ {
			start, end := find.Find(s, at)
			if start < 0 {
				break
			}
			if n&0xfff == 0 && ctx.Err() != nil {
				return sqltype.NullValue, ctx.Err()
			}
			_, err := b.add(s[at:start])
			if err == nil {
				more, err = b.add(with)
			}
			if err != nil {
				return sqltype.NullValue, err
			}
			at = end
		}
		if at == 0 {
			return fit(out, s), nil
		}
		if more {
			if _, err := b.add(s[at:]); err != nil {
				return sqltype.NullValue, err
			}
		}
		return fit(out, b.text()), nil
	}}, nil
}

// building is a text that grows, asking for room.
type building struct {
	ctx   context.Context //nolint:containedctx // for as long as the function that makes it
	limit int             // bytes behind which nothing is wanted any more
	b     []byte
}

// build begins a text of type t.
func build(ctx context.Context, t sqltype.Type) *building {
	limit := room.Largest
	if t.Length != sqltype.Max {
		limit = 4 * (t.Length + 1) // bytes of a character; the rest is cut off
	}
	return &building{ctx: ctx, limit: limit}
}

// add appends and reports whether more is wanted.
func (b *building) add(s string) (more bool, err error) {
	n := len(b.b) + len(s)
	if n > cap(b.b) {
		grown := max(n, 2*len(b.b))
		if n <= room.Largest {
			grown = min(grown, room.Largest)
		}
		if err := room.Ask(b.ctx, grown); err != nil {
			return false, err
		}
		b.b = append(make([]byte, 0, grown), b.b...)
	}
	b.b = append(b.b, s...)
	return len(b.b) < b.limit || b.limit == room.Largest, nil
}

func (b *building) text() string { return unsafe.String(unsafe.SliceData(b.b), len(b.b)) } // it is not written to any more

func bindTranslate(args []def.Arg) (def.Bound, error) {
	want, err := textArgs("translate", args)
	if err != nil {
		return def.Bound{}, err
	}
	t, _ := def.TextType(args[0].Type, 1, "translate") // textArgs has tried it
	out := t
	if args[2].Type.Kind.IsNational() {
		out.Kind = sqltype.NVarChar
	}
	f := newFinder(args[0].Type, args[1].Type)
	return def.Bound{Type: out, Want: want, Eval: func(ctx context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
		set := f.of(a[1].Text())
		var to []string
		for s := a[2].Text(); s != ""; {
			_, n := wtf8.Next(s)
			n = max(n, 1)
			to = append(to, s[:n])
			s = s[n:]
		}
		if len(to) != set.Len() {
			return sqltype.NullValue, def.Errorf(9828)
		}
		b := build(ctx, out)
		for s := a[0].Text(); s != ""; {
			r, n := wtf8.Next(s)
			n = max(n, 1)
			part := s[:n]
			if i := set.Index(r); i >= 0 {
				part = to[i]
			}
			if _, err := b.add(part); err != nil {
				return sqltype.NullValue, err
			}
			s = s[n:]
		}
		return fit(out, b.text()), nil
	}}, nil
}
