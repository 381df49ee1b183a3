// Package text has the functions over text and bytes.
//
// Positions and lengths count UTF-16 units for nchar and nvarchar (code points under _SC collations) and characters for char and varchar;
// searches compare as the collation does, character by character.
package text

import (
	"context"
	"strings"
	"sync/atomic"

	"latchkey/engine/fn/def"
	"latchkey/engine/fn/like"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/collation"
	"latchkey/engine/sqltype/wtf8"
)

// Functions lists them.
func Functions() []def.Function {
	return append(append(append(measures(), parts()...), builders()...), codes()...)
}

// units is the length of s as functions count it.
func units(t sqltype.Type, s string) int {
	if ascii(s) {
		return len(s)
	}
	if t.Collation.Supplementary() {
		n := 0
		for len(s) > 0 {
			_, k := wtf8.Next(s)
			s = s[max(k, 1):]
			n++
		}
		return n
	}
	return wtf8.Len(s)
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// split cuts s behind n units.
func split(t sqltype.Type, s string, n int) (head, tail string) {
	switch {
	case n <= 0:
		return "", s
	case ascii(s):
		n = min(n, len(s))
		return s[:n], s[n:]
	case t.Collation.Supplementary():
		i := 0
		for ; n > 0 && i < len(s); n-- {
			_, k := wtf8.Next(s[i:])
			i += max(k, 1)
		}
		return s[:i], s[i:]
	}
	head = wtf8.Truncate(s, n)
	if wtf8.Len(head) == n && strings.HasPrefix(s, head) {
		return head, s[len(head):]
	}
	b := wtf8.AppendUTF16LE(nil, s) // a pair is cut in two
	n = min(2*n, len(b))
	return wtf8.FromUTF16LE(b[:n]), wtf8.FromUTF16LE(b[n:])
}

// countType is int, or bigint for what may be longer than int counts in SQL Server's eyes: the max types.
func countType(t sqltype.Type) sqltype.Type {
	if t.IsLarge() {
		return def.BigInt
	}
	return def.Int
}

func measures() []def.Function {
	return []def.Function{
		{Name: "LEN", Min: 1, Max: 1, Bind: bindLen},
		{Name: "DATALENGTH", Min: 1, Max: 1, Bind: bindDataLength},
		{Name: "CHARINDEX", Min: 2, Max: 3, Bind: bindCharIndex},
		{Name: "PATINDEX", Min: 2, Max: 2, Bind: bindPatIndex},
		{Name: "SOUNDEX", Min: 1, Max: 1, Bind: func(args []def.Arg) (def.Bound, error) {
			t, err := def.TextType(args[0].Type, 1, "soundex")
			return def.Bound{Type: sqltype.Sized(sqltype.VarChar, 5), Want: []sqltype.Type{def.Wide(t)}, Eval: func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
				return sqltype.NewText(sqltype.VarChar, soundex(a[0].Text())), nil
			}}, err
		}},
		{Name: "DIFFERENCE", Min: 2, Max: 2, Bind: func(args []def.Arg) (def.Bound, error) {
			t, err := textArgs("difference", args)
			return def.Bound{Type: def.Int, Want: t, Eval: func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
				x, y, n := soundex(a[0].Text()), soundex(a[1].Text()), 0
				for i := range 4 {
					if x[i] == y[i] {
						n++
					}
				}
				return def.IntValue(n), nil
			}}, err
		}},
	}
}

// textArgs takes all arguments as text of any length.
func textArgs(name string, args []def.Arg) ([]sqltype.Type, error) {
	out := make([]sqltype.Type, len(args))
	for i, a := range args {
		t, err := def.TextType(a.Type, i+1, name)
		if err != nil {
			return nil, err
		}
		out[i] = def.Wide(t)
	}
	return out, nil
}

func bindLen(args []def.Arg) (def.Bound, error) {
	t := args[0].Type
	if t.Kind.IsBinary() && t.Kind != sqltype.Image {
		return def.Bound{Type: countType(t), Eval: func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
			return sqltype.NewInt(countType(t).Kind, int64(len(strings.TrimRight(a[0].Bytes(), " ")))), nil
		}}, nil
	}
	if t.Kind.IsLegacyLOB() {
		return def.Bound{}, def.BadType(t, 1, "len")
	}
	out := countType(t)
	t, err := def.TextType(t, 1, "len")
	return def.Bound{Type: out, Want: []sqltype.Type{def.Wide(t)}, Eval: func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
		return sqltype.NewInt(out.Kind, int64(units(t, strings.TrimRight(a[0].Text(), " ")))), nil
	}}, err
}

func bindDataLength(args []def.Arg) (def.Bound, error) {
	t := args[0].Type
	out := def.Int
	if t.IsMax() {
		out = def.BigInt
	}
	return def.Bound{Type: out, Eval: func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
		return sqltype.NewInt(out.Kind, int64(Bytes(t, a[0]))), nil
	}}, nil
}

// Bytes is DATALENGTH of a value of a type.
func Bytes(t sqltype.Type, v sqltype.Value) int {
	k := v.Kind()
	switch {
	case k.IsText() && !k.IsNational():
		return t.Collation.EncodedLen(v.Text())
	case k.IsText(), k == sqltype.XML:
		return 2 * wtf8.Len(v.Text())
	case k.IsBinary():
		return len(v.Bytes())
	case k == sqltype.Decimal:
		if t.Kind == sqltype.Decimal {
			return sqltype.DecimalBytes(t.Precision)
		}
		return sqltype.DecimalBytes(uint8(v.Precision()))
	}
	return sqltype.Type{Kind: k, Scale: uint8(v.Scale())}.StorageBytes()
}

// finder keeps the last text that a place in a statement looked for: most often it is a constant.
type finder struct {
	coll     collation.Collation
	national bool
	last     atomic.Pointer[kept]
}

type kept struct {
	text string
	f    *like.Finder
}

func (k *finder) of(text string) *like.Finder {
	c := k.last.Load()
	if c == nil || c.text != text {
		c = &kept{text, like.Literal(text, k.coll, k.national)}
		k.last.Store(c)
	}
	return c.f
}

// newFinder compares as the first of the types that is text.
func newFinder(types ...sqltype.Type) *finder {
	k := &finder{}
	for i := len(types) - 1; i >= 0; i-- {
		if types[i].Kind.IsText() {
			k.coll = types[i].Collation
			k.national = k.national || types[i].Kind.IsNational()
		}
	}
	return k
}

func bindCharIndex(args []def.Arg) (def.Bound, error) {
	want, err := textArgs("charindex", args[:2])
	if err != nil {
		return def.Bound{}, err
	}
	in := args[1].Type
	out := countType(in)
	if len(args) == 3 {
		want = append(want, def.BigInt)
		if err := def.Implicit("charindex", args, want); err != nil {
			return def.Bound{}, err
		}
		if args[2].Type.Kind == sqltype.BigInt {
			out = def.BigInt
		}
	}
	f := newFinder(args[1].Type, args[0].Type)
	return def.Bound{Type: out, Want: want, Eval: func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
		s, skipped := a[1].Text(), 0
		from := 0
		if len(a) == 3 && a[2].Int() > 1 {
			skipped = int(min(a[2].Int()-1, 1<<31))
			head, tail := split(in, s, skipped)
			if tail == "" {
				return sqltype.NewInt(out.Kind, 0), nil
			}
			from, s = len(head), head+tail
		}
		start, _ := f.of(a[0].Text()).Find(s, from)
		if start < 0 {
			return sqltype.NewInt(out.Kind, 0), nil
		}
		return sqltype.NewInt(out.Kind, int64(units(in, s[:start])+1)), nil
	}}, nil
}

func bindPatIndex(args []def.Arg) (def.Bound, error) {
	want, err := textArgs("patindex", args)
	if err != nil {
		return def.Bound{}, err
	}
	k := newFinder(args[1].Type, args[0].Type)
	out := countType(args[1].Type)
	type cached struct {
		text string
		p    *like.Pattern
	}
	var last atomic.Pointer[cached]
	return def.Bound{Type: out, Want: want, Eval: func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
		c := last.Load()
		if c == nil || c.text != a[0].Text() {
			c = &cached{a[0].Text(), like.Compile(a[0].Text(), -1, k.coll, k.national)}
			last.Store(c)
		}
		return sqltype.NewInt(out.Kind, int64(c.p.Index(a[1].Text()))), nil
	}}, nil
}

// soundex is the letter and three digits of American Soundex; SQL Server's since compatibility level 110.
func soundex(s string) string {
	const codes = "01230120022455012623010202" // a to z; 0 for vowels, h, w, y
	out := []byte("0000")
	n, last := 0, byte('0')
	for i := range len(s) {
		c := s[i] &^ 0x20
		if c < 'A' || c > 'Z' {
			if n > 0 {
				break
			}
			continue
		}
		code := codes[c-'A']
		if n == 0 {
			out[0], n, last = c, 1, code
			continue
		}
		if code != '0' && code != last {
			out[n] = code
			if n++; n == 4 {
				break
			}
		}
		if c != 'H' && c != 'W' {
			last = code
		}
	}
	return string(out)
}
