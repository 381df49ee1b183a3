// Package aggregate has the aggregates and window functions: result types, SQLite's own form where it is exact, and the states of the
// others.
package aggregate

import (
	"errors"
	"strings"

	"latchkey/engine/cell"
	"latchkey/engine/fn/def"
	"latchkey/engine/sqltype"
)

// distinctAttr marks an aggregate over distinct values in a specification.
const distinctAttr = "distinct"

// Functions are the aggregates and window functions.
func Functions() []def.Function {
	const why = "not built"
	list := []def.Function{
		agg("SUM", sum), agg("AVG", avg), agg("MIN", extreme("min", -1)), agg("MAX", extreme("max", 1)),
		{Name: "COUNT", Kind: def.AggFunc, Min: 0, Max: 1, BindAttrs: count(sqltype.Int)},
		{Name: "COUNT_BIG", Kind: def.AggFunc, Min: 0, Max: 1, BindAttrs: count(sqltype.BigInt)},
		{Name: "APPROX_COUNT_DISTINCT", Kind: def.AggFunc, Min: 1, Max: 1, Note: "counts exactly", BindAttrs: func(args []def.Arg, _ []string) (def.Bound, error) {
			return count(sqltype.BigInt)(args, []string{distinctAttr})
		}},
		{Name: "STRING_AGG", Kind: def.AggFunc, Min: 2, Max: 2, BindAttrs: stringAgg},
		agg("CHECKSUM_AGG", checksum),
		agg("VAR", deviation(true, false)), agg("VARP", deviation(false, false)),
		agg("STDEV", deviation(true, true)), agg("STDEVP", deviation(false, true)),

		window("ROW_NUMBER", 0, 0, ranking("row_number()$over", sqltype.BigInt)),
		window("RANK", 0, 0, ranking("rank()$over", sqltype.BigInt)),
		window("DENSE_RANK", 0, 0, ranking("dense_rank()$over", sqltype.BigInt)),
		window("PERCENT_RANK", 0, 0, ranking("percent_rank()$over", sqltype.Float)),
		window("CUME_DIST", 0, 0, ranking("cume_dist()$over", sqltype.Float)),
		window("NTILE", 1, 1, ntile),
		window("LAG", 1, 3, offset("lag")), window("LEAD", 1, 3, offset("lead")),
		window("FIRST_VALUE", 1, 1, edge("first_value")), window("LAST_VALUE", 1, 1, edge("last_value")),
	}
	for _, name := range []string{"PERCENTILE_CONT", "PERCENTILE_DISC", "APPROX_PERCENTILE_CONT", "APPROX_PERCENTILE_DISC"} {
		list = append(list, def.Function{Name: name, Kind: def.WindowFunc, Refused: why})
	}
	for _, name := range []string{"GROUPING", "GROUPING_ID"} {
		list = append(list, def.Function{Name: name, Kind: def.AggFunc, Min: 1, Max: 32, Note: "the compiler makes it a constant of each grouping set", Bind: func([]def.Arg) (def.Bound, error) {
			return def.Bound{}, &def.Refusal{Name: name, Why: "it belongs to GROUP BY"}
		}})
	}
	return list
}

// Distinct resolves an aggregate over distinct values.
func Distinct(f *def.Function, args []def.Arg) (def.Call, error) {
	g := *f
	g.BindAttrs = func(a []def.Arg, _ []string) (def.Bound, error) { return f.BindAttrs(a, []string{distinctAttr}) }
	return g.Resolve(args)
}

// binder makes a Bound of an aggregate's one argument.
type binder func(a def.Arg, distinct bool) (def.Bound, error)

func agg(name string, bind binder) def.Function {
	return def.Function{Name: name, Kind: def.AggFunc, Min: 1, Max: 1, BindAttrs: func(args []def.Arg, attrs []string) (def.Bound, error) {
		k := args[0].Type.Kind
		if k.IsLegacyLOB() || k == sqltype.XML || k == sqltype.Null {
			return def.Bound{}, invalid(args[0].Type, name)
		}
		distinct := len(attrs) > 0
		b, err := bind(args[0], distinct)
		if err != nil {
			return b, err
		}
		b.Type.Nullable = true
		if distinct && b.Accumulate != nil {
			b.Attrs = []string{distinctAttr}
			inner := b.Accumulate
			b.Accumulate = func() def.Accumulator { return &unique{inner: inner(), seen: map[cell.Raw]int{}, t: args[0].Type} }
		}
		return b, nil
	}}
}

// invalid is message 8117; for a bare NULL SQL Server says void type.
func invalid(t sqltype.Type, name string) error {
	kind := t.Kind.MessageName()
	if t.Kind == sqltype.Null {
		kind = "void type"
	}
	return sqltype.NewError(8117, kind, strings.ToLower(name))
}

func word(distinct bool) string {
	if distinct {
		return "DISTINCT "
	}
	return ""
}

func sum(a def.Arg, distinct bool) (def.Bound, error) {
	native := "sum(" + word(distinct) + "$1)$over"
	switch k := a.Type.Kind; {
	case k == sqltype.TinyInt, k == sqltype.SmallInt, k == sqltype.Int:
		return def.Bound{Type: sqltype.Of(sqltype.Int), Native: "lk('RANGE{int}(bigint)'," + native + ")"}, nil
	case k == sqltype.BigInt:
		return def.Bound{Type: sqltype.Of(sqltype.BigInt), Native: native}, nil
	case k.IsMoney():
		return def.Bound{Type: sqltype.Of(sqltype.Money), Native: native}, nil
	case k.IsApproximate():
		return def.Bound{Type: sqltype.Of(sqltype.Float), Native: native}, nil
	case k == sqltype.Decimal:
		t := sqltype.DecimalType(sqltype.MaxPrecision, int(a.Type.Scale))
		return def.Bound{Type: t, Accumulate: func() def.Accumulator { return &total{t: t} }}, nil
	}
	return def.Bound{}, invalid(a.Type, "sum")
}

func avg(a def.Arg, distinct bool) (def.Bound, error) {
	d := word(distinct)
	switch k := a.Type.Kind; {
	case k.IsInteger() && k != sqltype.Bit:
		t := sqltype.Of(sqltype.Int)
		if k == sqltype.BigInt {
			t.Kind = sqltype.BigInt
		}
		if a.Simple {
			return def.Bound{Type: t, Native: "(sum(" + d + "$1)$over/count(" + d + "$1)$over)"}, nil
		}
		return def.Bound{Type: t, Accumulate: func() def.Accumulator { return &total{t: t, mean: true} }}, nil
	case k.IsMoney():
		t := sqltype.Of(sqltype.Money)
		return def.Bound{Type: t, Accumulate: func() def.Accumulator { return &total{t: t, mean: true} }}, nil
	case k.IsApproximate():
		return def.Bound{Type: sqltype.Of(sqltype.Float), Native: "avg(" + d + "$1)$over"}, nil
	case k == sqltype.Decimal:
		t := sqltype.DecimalType(sqltype.MaxPrecision, max(int(a.Type.Scale), 6))
		return def.Bound{Type: t, Accumulate: func() def.Accumulator { return &total{t: t, mean: true, scale: int(a.Type.Scale)} }}, nil
	}
	return def.Bound{}, invalid(a.Type, "avg")
}

// extreme is MIN and MAX. DISTINCT changes nothing.
func extreme(name string, sign int) binder {
	return func(a def.Arg, _ bool) (def.Bound, error) {
		t := a.Type
		switch t.Kind {
		case sqltype.Bit:
			return def.Bound{}, invalid(t, name)
		case sqltype.Variant:
			return def.Bound{Type: t, Accumulate: func() def.Accumulator { return &best{sign: sign} }}, nil
		}
		return def.Bound{Type: t, Native: name + "($1" + cell.CollateClause(t) + ")$over"}, nil
	}
}

func count(k sqltype.Kind) func([]def.Arg, []string) (def.Bound, error) {
	return func(args []def.Arg, attrs []string) (def.Bound, error) {
		b := def.Bound{Type: sqltype.Type{Kind: k}, NullIn: true, Native: "count(*)$over"}
		if len(args) == 0 {
			return b, nil
		}
		t := args[0].Type
		if t.Kind.IsLegacyLOB() || t.Kind == sqltype.XML {
			return b, invalid(t, "count")
		}
		b.Native = "count($1)$over"
		if len(attrs) > 0 {
			b.Native = "count(DISTINCT " + cell.Key(t) + cell.CollateClause(t) + ")$over"
		}
		return b, nil
	}
}

func checksum(a def.Arg, _ bool) (def.Bound, error) {
	if !a.Type.Kind.IsInteger() || a.Type.Kind == sqltype.BigInt {
		return def.Bound{}, invalid(a.Type, "checksum_agg")
	}
	return def.Bound{Type: sqltype.Of(sqltype.Int), Accumulate: func() def.Accumulator { return &xor{} }}, nil
}

func deviation(sample, root bool) binder {
	return func(a def.Arg, _ bool) (def.Bound, error) {
		if k := a.Type.Kind; !k.IsNumeric() || k == sqltype.Bit {
			return def.Bound{}, invalid(a.Type, map[bool]string{true: "stdev", false: "var"}[root])
		}
		return def.Bound{Type: sqltype.Of(sqltype.Float), Accumulate: func() def.Accumulator { return &spread{sample: sample, root: root} }}, nil
	}
}

func stringAgg(args []def.Arg, attrs []string) (def.Bound, error) {
	if len(attrs) > 0 {
		return def.Bound{}, &def.Refusal{Name: "STRING_AGG(DISTINCT)", Why: "SQL Server has no such form"}
	}
	t, sep := args[0].Type, args[1].Type
	switch {
	case t.Kind.IsLegacyLOB() || t.Kind == sqltype.Variant:
		return def.Bound{}, def.BadType(t, 1, "string_agg")
	case !sep.Kind.IsText() && sep.Kind != sqltype.Null:
		return def.Bound{}, def.BadType(sep, 2, "string_agg")
	}
	out := sqltype.Sized(sqltype.NVarChar, sqltype.MaxNational)
	if t.Kind.IsText() {
		out = out.Collated(t.Collation)
		if !t.Kind.IsNational() {
			out.Kind, out.Length = sqltype.VarChar, sqltype.MaxBytes
		}
	}
	if t.IsLarge() {
		out.Length = sqltype.Max
	}
	in := out
	in.Length = sqltype.Max
	return def.Bound{Type: out, NullIn: true, Accumulate: func() def.Accumulator { return &joined{t: out, from: t, in: in} }}, nil
}

func window(name string, least, most int, bind func([]def.Arg) (def.Bound, error)) def.Function {
	return def.Function{Name: name, Kind: def.WindowFunc, Min: least, Max: most, Bind: bind}
}

func ranking(native string, k sqltype.Kind) func([]def.Arg) (def.Bound, error) {
	return func([]def.Arg) (def.Bound, error) {
		return def.Bound{Type: sqltype.Type{Kind: k, Nullable: true}, NullIn: true, Native: native}, nil
	}
}

func ntile(args []def.Arg) (def.Bound, error) {
	if c := args[0].Const; c != nil && (c.IsNull() || c.Int() <= 0) {
		return def.Bound{}, &sqltype.Error{Number: 4116, Level: 16, State: 1, Message: "The function 'ntile' takes only a positive int or bigint expression as its input."}
	}
	p := sqltype.Of(sqltype.BigInt)
	return def.Bound{Type: p, NullIn: true, Native: "ntile($1)$over", Params: []sqltype.Type{p}}, nil
}

func offset(name string) func([]def.Arg) (def.Bound, error) {
	return func(args []def.Arg) (def.Bound, error) {
		t := args[0].Type
		t.Nullable = true
		if len(args) > 1 {
			if c := args[1].Const; c != nil && !c.IsNull() && c.Int() < 0 {
				return def.Bound{}, &sqltype.Error{Number: 8730, Level: 16, State: 1, Message: "Offset parameter for Lag and Lead functions cannot be a negative value."}
			}
		}
		b := def.Bound{Type: t, NullIn: true, Params: []sqltype.Type{args[0].Type, sqltype.Of(sqltype.BigInt), t}[:len(args)]}
		b.Native = name + []string{"($1)$over", "($1,$2)$over", "($1,$2,$3)$over"}[len(args)-1]
		return b, nil
	}
}

func edge(name string) func([]def.Arg) (def.Bound, error) {
	return func(args []def.Arg) (def.Bound, error) {
		t := args[0].Type
		t.Nullable = true
		return def.Bound{Type: t, NullIn: true, Native: name + "($1)$over"}, nil
	}
}

// errFrame refuses a moving frame over a state that cannot lose a row.
var errFrame = errors.New("not over a moving window")
