// Package operator has SQL Server's operators and conversions as functions: arithmetic, comparison, LIKE, CAST.
package operator

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"latchkey/engine/cell"
	"latchkey/engine/fn/def"
	"latchkey/engine/fn/like"
	"latchkey/engine/room"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/arith"
	"latchkey/engine/sqltype/collation"
)

// Functions are the operators by sign, and what the SQL of others needs: OVERFLOW, DIVZERO, RANGE, KEY.
func Functions() []def.Function {
	list := []def.Function{
		unary("NEG", arith.NegateType, func(t sqltype.Type) def.Eval {
			return func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
				return arith.Negate(widen(a[0]), t)
			}
		}, negateSQL),
		unary("~", notType, func(sqltype.Type) def.Eval {
			return func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) { return arith.Not(a[0]) }
		}, notSQL),
		{Name: "LIKE", Kind: def.Operator, Min: 2, Max: 3, Bind: bindLike},
		{Name: "OVERFLOW", Kind: def.Operator, Min: 0, Max: 0, BindAttrs: bindOverflow},
		{Name: "DIVZERO", Kind: def.Operator, Min: 0, Max: 0, Bind: func([]def.Arg) (def.Bound, error) {
			return def.Bound{Type: sqltype.Of(sqltype.Int), NullIn: true, Eval: fails(sqltype.NewError(8134))}, nil
		}},
		{Name: "RANGE", Kind: def.Operator, Min: 1, Max: 1, BindAttrs: bindRange},
		{Name: "RECURSION", Kind: def.Operator, Min: 2, Max: 2, Bind: bindRecursion},
		{Name: "KEY", Kind: def.Operator, Min: 1, Max: 1, Bind: bindKey},
	}
	for sign, op := range map[string]arith.Op{
		"+": arith.Add, "-": arith.Sub, "*": arith.Mul, "/": arith.Div, "%": arith.Mod, "&": arith.And, "|": arith.Or, "^": arith.Xor,
	} {
		list = append(list, binary(sign, op))
	}
	list = append(list, def.Function{Name: "||", Kind: def.Operator, Min: 2, Max: 2, Bind: bindConcat})
	for _, c := range comparisons {
		list = append(list, comparison(&c))
	}
	return append(list, castFunctions()...)
}

func fails(err error) def.Eval {
	return func(context.Context, *def.Env, []sqltype.Value) (sqltype.Value, error) { return sqltype.NullValue, err }
}

// widen makes a tinyint, which has no negative numbers, a smallint.
func widen(v sqltype.Value) sqltype.Value {
	if v.Kind() == sqltype.TinyInt {
		return sqltype.NewInt(sqltype.SmallInt, v.Int())
	}
	return v
}

func unary(name string, typeOf func(sqltype.Type) (sqltype.Type, error), eval func(sqltype.Type) def.Eval, sql func(sqltype.Type) string) def.Function {
	return def.Function{Name: name, Kind: def.Operator, Min: 1, Max: 1, Bind: func(args []def.Arg) (def.Bound, error) {
		t, err := typeOf(args[0].Type)
		if err != nil {
			return def.Bound{}, err
		}
		return def.Bound{Type: t, Eval: eval(t), Native: sql(args[0].Type)}, nil
	}}
}

func negateSQL(t sqltype.Type) string {
	switch {
	case t.Kind == sqltype.TinyInt, t.Kind.IsApproximate(), t.Kind == sqltype.Decimal && cell.StorageOf(t) == cell.Integer:
		return "(-$1)"
	}
	return ""
}

func notType(t sqltype.Type) (sqltype.Type, error) {
	if t.Kind == sqltype.Null {
		return sqltype.Of(sqltype.Int), nil
	}
	if !t.Kind.IsInteger() {
		return t, sqltype.NewError(8117, t.Kind.String(), "'~'")
	}
	return t, nil
}

func notSQL(t sqltype.Type) string {
	switch t.Kind {
	case sqltype.Bit:
		return "(1-$1)"
	case sqltype.TinyInt:
		return "(255-$1)"
	}
	return "(~$1)"
}

func binary(sign string, op arith.Op) def.Function {
	return def.Function{Name: sign, Kind: def.Operator, Min: 2, Max: 2, Bind: func(args []def.Arg) (def.Bound, error) {
		return bindBinary(sign, op, args)
	}}
}

func bindBinary(sign string, op arith.Op, args []def.Arg) (def.Bound, error) {
	a, b := args[0].Type, args[1].Type
	t, err := arith.Result(op, a, b)
	if err != nil {
		return def.Bound{}, err
	}
	x := arith.Operands{A: a, B: b, Result: t}
	bound := def.Bound{Type: t, Eval: func(_ context.Context, _ *def.Env, v []sqltype.Value) (sqltype.Value, error) {
		return arith.Apply(op, v[0], v[1], x)
	}}
	if op == arith.Add && t.Length == sqltype.Max && (t.Kind.IsText() || t.Kind.IsBinary()) {
		bound.Eval = func(ctx context.Context, _ *def.Env, v []sqltype.Value) (sqltype.Value, error) {
			if err := room.Ask(ctx, len(v[0].Text())+len(v[1].Text())); err != nil {
				return sqltype.NullValue, err
			}
			return arith.Apply(op, v[0], v[1], x)
		}
	}
	if op <= arith.Sub && t.Kind.IsInteger() && a.Kind.IsInteger() && b.Kind.IsInteger() {
		bound.Eval = addInts(t.Kind, op == arith.Sub)
	}
	bound.Native = nativeBinary(sign, op, args, t)
	if bound.Native != "" && (t.Kind.IsText() || t.Kind.IsInteger()) {
		p := t
		if t.Kind.IsText() { // || needs no padding and no common length
			p.Kind = map[bool]sqltype.Kind{true: sqltype.NVarChar, false: sqltype.VarChar}[t.Kind.IsNational()]
			pa, pb := a, b
			if a.Kind.IsNational() != t.Kind.IsNational() || !a.Kind.IsText() {
				pa = sqltype.Type{Kind: p.Kind, Length: a.Length, Collation: t.Collation, Nullable: a.Nullable}
			}
			if b.Kind.IsNational() != t.Kind.IsNational() || !b.Kind.IsText() {
				pb = sqltype.Type{Kind: p.Kind, Length: b.Length, Collation: t.Collation, Nullable: b.Nullable}
			}
			bound.Params = []sqltype.Type{pa, pb}
			x.A, x.B = pa, pb
		} else {
			bound.Params = []sqltype.Type{p, p}
			x.A, x.B = p, p
		}
	}
	return bound, nil
}

// addInts is the most frequent arithmetic, without a conversion and an allocation.
func addInts(k sqltype.Kind, sub bool) def.Eval {
	lo, hi := sqltype.IntRange(k)
	return func(_ context.Context, _ *def.Env, v []sqltype.Value) (sqltype.Value, error) {
		x, y := v[0].Int(), v[1].Int()
		n, wrapped := x+y, false
		if sub {
			n = x - y
			wrapped = (n < x) != (y > 0)
		} else {
			wrapped = (n < x) != (y < 0)
		}
		if wrapped || n < lo || n > hi {
			return sqltype.NullValue, sqltype.Overflow("expression", k)
		}
		return sqltype.NewInt(k, n), nil
	}
}

// nativeBinary is SQLite's own operator where its result is exactly the same.
func nativeBinary(sign string, op arith.Op, args []def.Arg, t sqltype.Type) string {
	a, b := args[0].Type, args[1].Type
	if a.Kind == sqltype.Null || b.Kind == sqltype.Null {
		return ""
	}
	simple := args[0].Simple && args[1].Simple
	switch {
	case t.Kind.IsText() && op == arith.Add:
		limit := sqltype.MaxBytes
		if t.Kind.IsNational() {
			limit = sqltype.MaxNational
		}
		if a.Kind.IsText() && b.Kind.IsText() && (t.Length == sqltype.Max || a.Length+b.Length <= limit) && a.Length != 0 && b.Length != 0 &&
			(t.Kind.IsNational() || a.Collation.CodePage() == b.Collation.CodePage()) {
			return "($1||$2)"
		}
	case t.Kind == sqltype.Decimal && cell.StorageOf(t) == cell.Integer:
		return nativeDecimal(sign, op, arith.AsDecimal(a, t), arith.AsDecimal(b, t), t, a, b)
	case !t.Kind.IsInteger() || !a.Kind.IsInteger() || !b.Kind.IsInteger():
	case op == arith.And, op == arith.Or:
		return "($1" + sign + "$2)"
	case op == arith.Div, op == arith.Mod:
		if c := args[1].Const; c != nil && !c.IsNull() && c.Int() != 0 && c.Int() != -1 {
			return "($1" + sign + "$2)"
		}
		if simple && t.Kind != sqltype.BigInt && op == arith.Mod {
			return "CASE WHEN $2=0 AND $1 NOTNULL THEN lk('DIVZERO()') ELSE $1%$2 END"
		}
	case simple && op <= arith.Mul && t.Kind != sqltype.BigInt && t.Kind != sqltype.Bit:
		lo, hi := sqltype.IntRange(t.Kind)
		x := "$1" + sign + "$2"
		return fmt.Sprintf("CASE WHEN (%s) NOT BETWEEN %d AND %d THEN lk('OVERFLOW{%s}()') ELSE %s END", x, lo, hi, t.Kind, x)
	}
	return ""
}

// nativeDecimal works on scaled integers: the result's precision has room for every sum and product, so nothing overflows.
func nativeDecimal(sign string, op arith.Op, a, b, t, rawA, rawB sqltype.Type) string {
	whole := func(raw sqltype.Type) bool { return raw.Kind == sqltype.Decimal || raw.Kind.IsInteger() }
	if !whole(rawA) || !whole(rawB) || cell.StorageOf(a) != cell.Integer || cell.StorageOf(b) != cell.Integer {
		return ""
	}
	up := func(arg string, s uint8) string {
		if s == t.Scale {
			return arg
		}
		return arg + "*1" + strings.Repeat("0", int(t.Scale-s))
	}
	switch op {
	case arith.Add, arith.Sub:
		if a.Scale <= t.Scale && b.Scale <= t.Scale {
			return "(" + up("$1", a.Scale) + sign + up("$2", b.Scale) + ")"
		}
	case arith.Mul:
		if a.Scale+b.Scale == t.Scale {
			return "($1*$2)"
		}
	}
	return ""
}

// bindConcat is ||, which joins text and bytes alone.
func bindConcat(args []def.Arg) (def.Bound, error) {
	for _, a := range args {
		if k := a.Type.Kind; !k.IsText() && !k.IsBinary() && k != sqltype.Null {
			return def.Bound{}, sqltype.NewError(402, args[0].Type.Kind.MessageName(), args[1].Type.Kind.MessageName(), "||")
		}
	}
	return bindBinary("+", arith.Add, args)
}

func bindOverflow(_ []def.Arg, attrs []string) (def.Bound, error) {
	if len(attrs) != 1 {
		return def.Bound{}, def.ErrSpec
	}
	k, ok := sqltype.KindByName(attrs[0])
	if !ok {
		return def.Bound{}, def.ErrSpec
	}
	return def.Bound{Type: sqltype.Of(sqltype.Int), NullIn: true, Attrs: attrs, Eval: fails(sqltype.Overflow("expression", k))}, nil
}

// bindRange is RANGE{int}(bigint): the number if it fits, else message 8115.
func bindRange(_ []def.Arg, attrs []string) (def.Bound, error) {
	if len(attrs) != 1 {
		return def.Bound{}, def.ErrSpec
	}
	k, ok := sqltype.KindByName(attrs[0])
	if !ok || !k.IsInteger() {
		return def.Bound{}, def.ErrSpec
	}
	lo, hi := sqltype.IntRange(k)
	return def.Bound{
		Type: sqltype.Of(k), Attrs: attrs, Want: []sqltype.Type{sqltype.Of(sqltype.BigInt)},
		Eval: func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
			n := a[0].Int()
			if n < lo || n > hi {
				return sqltype.NullValue, sqltype.Overflow("expression", k)
			}
			return sqltype.NewInt(k, n), nil
		},
	}, nil
}

// bindRecursion is RECURSION(level, most).
func bindRecursion([]def.Arg) (def.Bound, error) {
	return def.Bound{
		Type: sqltype.Of(sqltype.BigInt), Want: []sqltype.Type{sqltype.Of(sqltype.BigInt), sqltype.Of(sqltype.Int)},
		Eval: func(_ context.Context, _ *def.Env, a []sqltype.Value) (sqltype.Value, error) {
			if most := a[1].Int(); most > 0 && a[0].Int() > most {
				return sqltype.NullValue, &sqltype.Error{Number: 530, Level: 16, State: 1, Message: fmt.Sprintf(
					"The statement terminated. The maximum recursion %d has been exhausted before statement completion.", most)}
			}
			return a[0], nil
		},
	}, nil
}

// compareOp is a comparison: its sign, SQLite's, SQL Server's words, and which orders it is true for.
type compareOp struct {
	name, sql, words string
	less, eq, more   bool
}

var comparisons = [...]compareOp{
	{"=", "=", "equal to", false, true, false},
	{"<>", "<>", "not equal to", true, false, true},
	{"<", "<", "less than", true, false, false},
	{"<=", "<=", "less than or equal to", true, true, false},
	{">", ">", "greater than", false, false, true},
	{">=", ">=", "greater than or equal to", false, true, true},
	{"IS DISTINCT FROM", " IS NOT ", "is distinct from", true, false, true},
	{"IS NOT DISTINCT FROM", " IS ", "is not distinct from", false, true, false},
}

func comparison(o *compareOp) def.Function {
	return def.Function{Name: o.name, Kind: def.Operator, Min: 2, Max: 2, Bind: func(args []def.Arg) (def.Bound, error) {
		a, b := args[0].Type, args[1].Type
		for _, t := range []sqltype.Type{a, b} {
			if t.Kind.IsLegacyLOB() || t.Kind == sqltype.XML {
				return def.Bound{}, sqltype.NewError(402, a.Kind.MessageName(), b.Kind.MessageName(), o.words)
			}
		}
		t, err := arith.Common(a, b)
		if err != nil {
			return def.Bound{}, err
		}
		return o.bind(t, a, b), nil
	}}
}

func (o *compareOp) bind(t, a, b sqltype.Type) def.Bound {
	if t.Kind == sqltype.Null {
		t = sqltype.Of(sqltype.Int)
	}
	// Text is compared whatever its length and padding: it is converted no further than to its family.
	param := func(from sqltype.Type) sqltype.Type {
		if t.Kind.IsText() && from.Kind.IsText() && from.Kind.IsNational() == t.Kind.IsNational() {
			return from
		}
		p := t
		if t.Kind == sqltype.Char {
			p.Kind = sqltype.VarChar
		} else if t.Kind == sqltype.NChar {
			p.Kind = sqltype.NVarChar
		}
		if t.Kind.IsText() && from.Kind.IsText() {
			p.Length = from.Length
			if from.Kind.IsNational() == t.Kind.IsNational() || p.Length == 0 {
				p.Length = t.Length
			}
		}
		p.Nullable = from.Nullable
		return p
	}
	collate := ""
	if t.Kind.IsText() {
		collate = cell.CollateClause(t)
	}
	key := cell.Key(t)
	distinct := strings.HasPrefix(o.name, "IS")
	bound := def.Bound{
		Type: sqltype.Of(sqltype.Bit), NullIn: true, Params: []sqltype.Type{param(a), param(b)},
		Native: "(" + key + collate + o.sql + strings.ReplaceAll(key, "$1", "$2") + ")",
		Eval: func(_ context.Context, _ *def.Env, v []sqltype.Value) (sqltype.Value, error) {
			if v[0].IsNull() || v[1].IsNull() {
				if !distinct {
					return sqltype.NullValue, nil
				}
				return sqltype.NewBit(o.eq == (v[0].IsNull() && v[1].IsNull())), nil
			}
			n := sqltype.Compare(v[0], v[1], t.Collation)
			return sqltype.NewBit(n < 0 && o.less || n == 0 && o.eq || n > 0 && o.more), nil
		},
	}
	bound.Type.Nullable = !distinct && (a.Nullable || b.Nullable || a.Kind == sqltype.Null || b.Kind == sqltype.Null)
	return bound
}

func bindLike(args []def.Arg) (def.Bound, error) {
	national := false
	var coll collation.Collation
	want := make([]sqltype.Type, len(args))
	for i, a := range args {
		switch k := a.Type.Kind; {
		case k == sqltype.Null:
		case k == sqltype.Image, k == sqltype.Variant, k == sqltype.XML:
			return def.Bound{}, def.BadType(a.Type, i+1, "like")
		case !k.IsText():
			want[i] = sqltype.Sized(sqltype.VarChar, sqltype.MaxBytes)
		default:
			national = national || k.IsNational()
		}
	}
	if args[0].Type.Kind.IsText() {
		coll = args[0].Type.Collation
	} else {
		coll = args[1].Type.Collation
	}
	var last atomic.Pointer[likeCache]
	return def.Bound{
		Type: sqltype.Of(sqltype.Bit), Want: want,
		Eval: func(_ context.Context, _ *def.Env, v []sqltype.Value) (sqltype.Value, error) {
			escape := ""
			if len(v) == 3 {
				escape = v[2].Text()
			}
			c := last.Load()
			if c == nil || c.pattern != v[1].Text() || c.escape != escape {
				r := rune(-1)
				if len(v) == 3 {
					var n int
					if r, n = utf8.DecodeRuneInString(escape); n == 0 || n != len(escape) {
						return sqltype.NullValue, def.Errorf(506, escape, "LIKE")
					}
				}
				c = &likeCache{v[1].Text(), escape, like.Compile(v[1].Text(), r, coll, national)}
				last.Store(c)
			}
			return sqltype.NewBit(c.p.Match(v[0].Text())), nil
		},
	}, nil
}

// likeCache is the last pattern of a place in a statement, which most often is a constant.
type likeCache struct {
	pattern, escape string
	p               *like.Pattern
}

// bindKey is KEY(sql_variant): bytes that compare as the values do, as sqltype.Compare orders them: bytes, guids, text, numbers, dates.
func bindKey([]def.Arg) (def.Bound, error) {
	return def.Bound{
		Type: sqltype.Sized(sqltype.VarBinary, sqltype.Max),
		Eval: func(_ context.Context, _ *def.Env, v []sqltype.Value) (sqltype.Value, error) {
			return sqltype.NewBytes(sqltype.VarBinary, string(variantKey(v[0]))), nil
		},
	}, nil
}

func variantKey(v sqltype.Value) []byte {
	switch k := v.Kind(); {
	case k.IsBinary():
		return append([]byte{1}, strings.TrimRight(v.Bytes(), "\x00")...)
	case k == sqltype.UniqueIdentifier:
		key := sqltype.GUIDSortKey(v.Bytes())
		return append([]byte{2}, key[:]...)
	case k.IsText():
		return collation.Default.AppendKey([]byte{3}, v.Text(), true)
	case k.IsNumeric():
		return numberKey(v)
	}
	n := uint64(v.Days()+1)*sqltype.TicksPerDay + uint64(v.Ticks())
	b := []byte{5}
	for i := 56; i >= 0; i -= 8 {
		b = append(b, byte(n>>i))
	}
	return b
}

// numberKey: sign, exponent of ten, digits; complemented below zero.
func numberKey(v sqltype.Value) []byte {
	var digits string
	var exp int
	neg := false
	if v.Kind().IsApproximate() {
		f := v.Float()
		neg = f < 0
		m, e, _ := strings.Cut(strconv.FormatFloat(math.Abs(f), 'e', -1, 64), "e")
		exp, _ = strconv.Atoi(e) // FormatFloat wrote it
		digits = strings.Replace(m, ".", "", 1)
	} else {
		n := v.Unscaled()
		neg = n.Sign() < 0
		digits = n.Abs(n).String()
		exp = len(digits) - 1 - v.Scale()
	}
	digits = strings.TrimRight(digits, "0")
	if digits == "" {
		return []byte{4, 1}
	}
	b := []byte{4, 2, byte((exp + 1024) >> 8), byte(exp + 1024)}
	b = append(append(b, digits...), 0)
	if neg {
		b[1] = 0
		for i := 2; i < len(b); i++ {
			b[i] = ^b[i]
		}
	}
	return b
}
