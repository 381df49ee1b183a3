// Package table has the table-valued functions that need nothing but their arguments: STRING_SPLIT, GENERATE_SERIES, OPENJSON,
// and sys.fn_helpcollations. OPENJSON WITH gives the rows of OPENJSON ... WITH as they stand in the text; the compiler makes the columns.
package table

import (
	"context"
	"iter"
	"strings"

	"latchkey/engine/fn/def"
	"latchkey/engine/fn/json"
	"latchkey/engine/fn/like"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/collation"
)

// Column of a result. Hidden ones can be named and are not in *.
type Column struct {
	Name   string
	Type   sqltype.Type
	Hidden bool
}

// Function is a table-valued function. Rows takes the arguments converted to Params, NULL for those that were left out.
type Function struct {
	Name    string // upper case; with its schema if it needs one
	Params  []sqltype.Type
	Least   int // arguments that must be there
	Columns []Column
	Note    string
	Rows    func(ctx context.Context, args []sqltype.Value) iter.Seq2[[]sqltype.Value, error]
}

// Functions lists them.
func Functions() []Function {
	long := sqltype.Sized(sqltype.NVarChar, sqltype.Max)
	variant := sqltype.Of(sqltype.Variant)
	return []Function{
		{
			Name: "STRING_SPLIT", Params: []sqltype.Type{long, sqltype.Sized(sqltype.NVarChar, 1), def.Int}, Least: 2,
			Columns: []Column{{Name: "value", Type: long}, {Name: "ordinal", Type: def.BigInt, Hidden: true}},
			Note:    "value is nvarchar(max); ordinal can always be named and is never in *", Rows: split,
		},
		{
			Name: "GENERATE_SERIES", Params: []sqltype.Type{variant, variant, variant}, Least: 2,
			Columns: []Column{{Name: "value", Type: def.BigInt.NotNull()}}, Note: "of integers; value is bigint", Rows: series,
		},
		{
			Name: "OPENJSON", Params: []sqltype.Type{long, def.NameArg}, Least: 1,
			Columns: []Column{{Name: "key", Type: def.NameArg.Collated(collation.Latin1GeneralBin2)}, {Name: "value", Type: long}, {Name: "type", Type: sqltype.Of(sqltype.TinyInt)}},
			Rows:    openJSON,
		},
		{
			Name: "OPENJSON WITH", Params: []sqltype.Type{long, def.NameArg}, Least: 1, Columns: []Column{{Name: "value", Type: long}},
			Note: "not of varbinary", Rows: jsonRows,
		},
		{
			Name: "SYS.FN_HELPCOLLATIONS", Columns: []Column{{Name: "name", Type: sqltype.SysName()}, {Name: "description", Type: sqltype.Sized(sqltype.NVarChar, 1000)}},
			Rows: func(context.Context, []sqltype.Value) iter.Seq2[[]sqltype.Value, error] {
				return func(yield func([]sqltype.Value, error) bool) {
					for _, c := range collation.All() {
						if !yield([]sqltype.Value{text(c.String()), text(describe(c))}, nil) {
							return
						}
					}
				}
			},
		},
	}
}

func text(s string) sqltype.Value { return sqltype.NewText(sqltype.NVarChar, s) }

func describe(c collation.Collation) string {
	name := c.String()
	switch {
	case strings.HasSuffix(name, "_BIN2"):
		return "Latin1-General, binary code point comparison sort"
	case strings.HasSuffix(name, "_BIN"):
		return "Latin1-General, binary sort"
	}
	parts := []string{"Latin1-General"}
	pick := func(part, yes, no string) {
		if strings.Contains(name+"_", "_"+part+"_") {
			parts = append(parts, yes)
		} else {
			parts = append(parts, no)
		}
	}
	pick("CS", "case-sensitive", "case-insensitive")
	pick("AS", "accent-sensitive", "accent-insensitive")
	pick("KS", "kanatype-sensitive", "kanatype-insensitive")
	pick("WS", "width-sensitive", "width-insensitive")
	return strings.Join(parts, ", ")
}

func failing(err error) iter.Seq2[[]sqltype.Value, error] {
	return func(yield func([]sqltype.Value, error) bool) { yield(nil, err) }
}

func nothing(func([]sqltype.Value, error) bool) {}

func split(_ context.Context, args []sqltype.Value) iter.Seq2[[]sqltype.Value, error] {
	if args[0].IsNull() {
		return nothing
	}
	if n := len([]rune(args[1].Text())); n != 1 {
		return failing(&sqltype.Error{Number: 214, Level: 16, State: 11, Message: "Procedure expects parameter 'separator' of type 'nchar(1)/nvarchar(1)'."})
	}
	return func(yield func([]sqltype.Value, error) bool) {
		s, f := args[0].Text(), like.Literal(args[1].Text(), collation.Default, true)
		for n := int64(1); ; n++ {
			start, end := f.Find(s, 0)
			part := s
			if start >= 0 {
				part = s[:start]
			}
			if !yield([]sqltype.Value{text(part), sqltype.NewInt(sqltype.BigInt, n)}, nil) || start < 0 {
				return
			}
			s = s[end:]
		}
	}
}

func series(ctx context.Context, args []sqltype.Value) iter.Seq2[[]sqltype.Value, error] {
	for i, a := range args {
		if a.IsNull() && i < 2 {
			return nothing
		}
		if !a.IsNull() && !a.Kind().IsInteger() {
			return failing(&def.Refusal{Name: "GENERATE_SERIES(" + a.Kind().String() + ")", Why: "of integers only"})
		}
	}
	at, stop := args[0].Int(), args[1].Int()
	step := int64(1)
	if at > stop {
		step = -1
	}
	if !args[2].IsNull() {
		step = args[2].Int()
	}
	if step == 0 {
		return failing(&sqltype.Error{Number: 4199, Level: 16, State: 1, Message: "Argument value 0 is invalid for argument 3 of generate_series function."})
	}
	return func(yield func([]sqltype.Value, error) bool) {
		for n := 1; step > 0 && at <= stop || step < 0 && at >= stop; n++ {
			if n%1000 == 0 && ctx.Err() != nil {
				yield(nil, ctx.Err())
				return
			}
			if !yield([]sqltype.Value{sqltype.NewInt(sqltype.BigInt, at)}, nil) {
				return
			}
			next := at + step
			if (next > at) != (step > 0) { // past the end of bigint
				return
			}
			at = next
		}
	}
}

// jsonRows are the elements of an array, or the one object that is there.
func jsonRows(_ context.Context, args []sqltype.Value) iter.Seq2[[]sqltype.Value, error] {
	if args[0].IsNull() {
		return nothing
	}
	path := "$"
	if !args[1].IsNull() {
		path = args[1].Text()
	}
	raw, _, ok, err := json.Find(args[0].Text(), path)
	if err != nil {
		return failing(err)
	}
	return func(yield func([]sqltype.Value, error) bool) {
		switch {
		case !ok:
		case raw[0] == '{':
			yield([]sqltype.Value{text(raw)}, nil)
		case raw[0] == '[':
			for _, m := range json.Members(raw) {
				if !yield([]sqltype.Value{text(m.Raw)}, nil) {
					return
				}
			}
		}
	}
}

func openJSON(_ context.Context, args []sqltype.Value) iter.Seq2[[]sqltype.Value, error] {
	if args[0].IsNull() {
		return nothing
	}
	path := "$"
	if !args[1].IsNull() {
		path = args[1].Text()
	}
	raw, _, ok, err := json.Find(args[0].Text(), path)
	if err != nil {
		return failing(err)
	}
	if !ok || raw[0] != '{' && raw[0] != '[' {
		return nothing
	}
	return func(yield func([]sqltype.Value, error) bool) {
		for _, m := range json.Members(raw) {
			value := sqltype.NullValue
			if json.Kind(m.Raw) != 0 {
				value = text(json.Scalar(m.Raw))
			}
			if !yield([]sqltype.Value{text(m.Key), value, sqltype.NewInt(sqltype.TinyInt, int64(json.Kind(m.Raw)))}, nil) {
				return
			}
		}
	}
}
