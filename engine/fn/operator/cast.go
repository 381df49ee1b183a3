package operator

import (
	"context"
	"errors"
	"strings"

	"latchkey/engine/cell"
	"latchkey/engine/fn/def"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/convert"
)

// Options of Cast.
type Options struct {
	Style         *def.Arg
	Try, Implicit bool
}

// The names of conversions in specifications.
const (
	castName  = "CAST"
	tryName   = "TRY_CAST"
	storeName = "STORE"
)

func castFunctions() []def.Function {
	return []def.Function{
		{Name: castName, Kind: def.Operator, Min: 1, Max: 2, BindAttrs: func(a []def.Arg, attrs []string) (def.Bound, error) { return bindCast(a, attrs, false) }},
		{Name: tryName, Kind: def.Operator, Min: 1, Max: 2, BindAttrs: func(a []def.Arg, attrs []string) (def.Bound, error) { return bindCast(a, attrs, true) }},
		{Name: storeName, Kind: def.Operator, Min: 1, Max: 1, BindAttrs: bindStore},
	}
}

// Cast binds a conversion.
func Cast(x def.Arg, to sqltype.Type, o Options) (def.Call, error) {
	if o.Implicit {
		if err := convert.CheckImplicit(x.Type, to); err != nil {
			return def.Call{}, err
		}
	}
	if err := convert.CheckExplicit(x.Type.Kind, to.Kind); err != nil {
		return def.Call{}, err
	}
	name, args := castName, []def.Arg{x}
	if o.Try {
		name = tryName
	}
	if o.Style != nil {
		args = append(args, *o.Style)
	}
	f := def.Function{Name: name, Kind: def.Operator, Min: 1, Max: 2, BindAttrs: func(a []def.Arg, attrs []string) (def.Bound, error) {
		return castTo(a, to, o.Try), nil
	}}
	return f.Resolve(args)
}

func bindCast(args []def.Arg, attrs []string, try bool) (def.Bound, error) {
	if len(attrs) != 1 {
		return def.Bound{}, def.ErrSpec
	}
	to, err := def.ParseType(attrs[0])
	if err != nil {
		return def.Bound{}, err
	}
	if err := convert.CheckExplicit(args[0].Type.Kind, to.Kind); err != nil {
		return def.Bound{}, err
	}
	return castTo(args, to, try), nil
}

func castTo(args []def.Arg, to sqltype.Type, try bool) def.Bound {
	from := args[0].Type
	b := def.Bound{Type: to, Attrs: []string{def.TypeText(to)}, NullIn: true}
	b.Type.Nullable = try || from.Nullable || from.Kind == sqltype.Null
	b.Session = from.Kind.IsText() && to.Kind.IsDateTime()
	if len(args) == 1 || from.Kind == sqltype.Null {
		b.Native = nativeCast(from, to)
	}
	if len(args) == 2 {
		b.Want = []sqltype.Type{{}, sqltype.Of(sqltype.Int)}
		b.Type.Nullable = b.Type.Nullable || args[1].Type.Nullable
	}
	b.Eval = func(_ context.Context, env *def.Env, v []sqltype.Value) (sqltype.Value, error) {
		o := convert.Options{DateFormat: env.Settings.DateFormat}
		if len(v) == 2 {
			if v[1].IsNull() {
				return sqltype.NullValue, nil
			}
			o.Style, o.HasStyle = int(v[1].Int()), true
		}
		if v[0].IsNull() {
			return sqltype.NullValue, nil
		}
		x, err := convert.Convert(v[0], from, to, o)
		if err != nil && try && failedValue(err) {
			return sqltype.NullValue, nil
		}
		return x, err
	}
	return b
}

// failedValue tells an error of the value, which TRY_CAST makes NULL, from one of the types or the style.
func failedValue(err error) bool {
	var e *sqltype.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Number {
	case 206, 257, 281, 529, 9809:
		return false
	}
	return true
}

// Store binds the conversion of a value to a column.
func Store(x def.Arg, to sqltype.Type, table, column string) (def.Call, error) {
	if err := convert.CheckImplicit(x.Type, to); err != nil {
		return def.Call{}, err
	}
	f := def.Function{Name: storeName, Kind: def.Operator, Min: 1, Max: 1, BindAttrs: func(a []def.Arg, _ []string) (def.Bound, error) {
		return storeTo(a[0].Type, to, table, column), nil
	}}
	return f.Resolve([]def.Arg{x})
}

func bindStore(args []def.Arg, attrs []string) (def.Bound, error) {
	if len(attrs) != 3 {
		return def.Bound{}, def.ErrSpec
	}
	to, err := def.ParseType(attrs[0])
	if err != nil {
		return def.Bound{}, err
	}
	if err := convert.CheckImplicit(args[0].Type, to); err != nil {
		return def.Bound{}, err
	}
	return storeTo(args[0].Type, to, attrs[1], attrs[2]), nil
}

func storeTo(from, to sqltype.Type, table, column string) def.Bound {
	b := def.Bound{
		Type: to, Attrs: []string{def.TypeText(to), table, column}, Native: nativeCast(from, to),
		Session: from.Kind.IsText() && to.Kind.IsDateTime(),
		Eval: func(_ context.Context, env *def.Env, v []sqltype.Value) (sqltype.Value, error) {
			return convert.Convert(v[0], from, to, convert.Options{DateFormat: env.Settings.DateFormat, Store: true, Table: table, Column: column})
		},
	}
	b.Type.Nullable = from.Nullable || from.Kind == sqltype.Null
	return b
}

// nativeCast is SQL of SQLite's for a conversion that changes every value as SQL Server does and refuses none; "" if there is none.
func nativeCast(from, to sqltype.Type) string {
	f, t := from.Kind, to.Kind
	switch {
	case f == sqltype.Null:
		return "$1"
	case f == t && f != sqltype.Decimal && !f.IsText() && !f.IsBinary():
		if from.Scale <= to.Scale {
			return "$1"
		}
	case f.IsText() && t.IsText():
		return nativeText(from, to)
	case f.IsBinary() && t.IsBinary():
		if t == sqltype.Image || t == sqltype.VarBinary && lengthFits(from, to) {
			return "$1"
		}
	case f.IsInteger() && t == sqltype.Bit:
		return "($1<>0)"
	case f.IsInteger() && t.IsInteger():
		if intRank(t) >= intRank(f) {
			return "$1"
		}
	case f.IsInteger() && t == sqltype.Float:
		return "CAST($1 AS REAL)"
	case f.IsInteger() && t.IsMoney():
		if f != sqltype.BigInt && (t == sqltype.Money || intRank(f) <= intRank(sqltype.SmallInt)) {
			return "($1*10000)"
		}
	case (f.IsInteger() || f == sqltype.Decimal) && t == sqltype.Decimal:
		return nativeDecimalCast(from, to)
	case f == sqltype.SmallMoney && t == sqltype.Money, f == sqltype.Real && t == sqltype.Float:
		return "$1"
	case f == sqltype.Date && t == sqltype.DateTime2:
		return "($1*864000000000)"
	case f == sqltype.DateTime2 && t == sqltype.Date:
		return "($1/864000000000)"
	case f == sqltype.SmallDateTime && t == sqltype.DateTime:
		return "($1*18000)"
	}
	return ""
}

func intRank(k sqltype.Kind) int {
	return map[sqltype.Kind]int{sqltype.Bit: 0, sqltype.TinyInt: 1, sqltype.SmallInt: 2, sqltype.Int: 3, sqltype.BigInt: 4}[k]
}

// lengthFits reports whether a value of the one type is never too long for the other.
func lengthFits(from, to sqltype.Type) bool {
	switch {
	case to.IsLarge():
		return true
	case from.IsLarge():
		return false
	case from.Kind == sqltype.RowVersion:
		return to.Length >= 8
	case to.Kind == sqltype.RowVersion:
		return false
	}
	return from.Length > 0 && from.Length <= to.Length
}

func nativeText(from, to sqltype.Type) string {
	padded := to.Kind == sqltype.Char || to.Kind == sqltype.NChar
	switch {
	case padded && (from.Kind != to.Kind || from.Length != to.Length):
		return ""
	case !to.Kind.IsNational() && (from.Kind.IsNational() || from.Collation.CodePage() != to.Collation.CodePage()):
		return "" // characters that the code page lacks are replaced
	case !lengthFits(from, to):
		return ""
	}
	return "$1"
}

func nativeDecimalCast(from, to sqltype.Type) string {
	p, s := from.Digits()
	if cell.StorageOf(from) != cell.StorageOf(to) || s > int(to.Scale) || p-s > int(to.Precision)-int(to.Scale) {
		return ""
	}
	up := int(to.Scale) - s
	switch {
	case up == 0:
		return "$1"
	case cell.StorageOf(to) == cell.Integer:
		return "($1*1" + strings.Repeat("0", up) + ")"
	}
	return ""
}
