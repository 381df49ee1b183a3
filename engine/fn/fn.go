package fn

import (
	"slices"
	"strconv"
	"strings"

	"latchkey/engine/fn/aggregate"
	"latchkey/engine/fn/datetime"
	"latchkey/engine/fn/def"
	"latchkey/engine/fn/forjson"
	"latchkey/engine/fn/format"
	"latchkey/engine/fn/forxml"
	"latchkey/engine/fn/json"
	"latchkey/engine/fn/logic"
	"latchkey/engine/fn/number"
	"latchkey/engine/fn/parse"
	"latchkey/engine/fn/system"
	"latchkey/engine/fn/text"
	"latchkey/engine/sqltype"
)

// What calls are made of; see package def.
type (
	Arg         = def.Arg
	Call        = def.Call
	Eval        = def.Eval
	Accumulator = def.Accumulator
	Function    = def.Function
	Kind        = def.Kind
	Refusal     = def.Refusal
)

// The kinds of functions.
const (
	Scalar     = def.Scalar
	Variable   = def.Variable
	AggFunc    = def.AggFunc
	WindowFunc = def.WindowFunc
	TableFunc  = def.TableFunc
	OperatorFn = def.Operator
)

// What the session is to functions; see package def.
type (
	Env             = def.Env
	Taken           = def.Taken
	Settings        = def.Settings
	Session         = def.Session
	Databases       = def.Databases
	Database        = def.Database
	Names           = def.Names
	Who             = def.Who
	Principal       = def.Principal
	Objects         = def.Objects
	ObjectQuery     = def.ObjectQuery
	Object          = def.Object
	Column          = def.Column
	ScopeKind       = def.ScopeKind
	Scope           = def.Scope
	Security        = def.Security
	PermissionQuery = def.PermissionQuery
	Keys            = def.Keys
)

// What Objects.Scope looks for.
const (
	SchemaScope = def.SchemaScope
	TypeScope   = def.TypeScope
)

// ErrSpec means that Parse was given no specification.
var ErrSpec = def.ErrSpec

// functions is every function by name. It is made once and never changed.
var functions = func() map[string]*Function {
	m := make(map[string]*Function, 512)
	for _, list := range [][]Function{
		operators(), aggregate.Operators(), aggregate.Functions(), text.Functions(), logic.Functions(), number.Functions(), datetime.Functions(), system.Functions(), format.Functions(), json.Functions(), {forjson.Operator(), forxml.Operator(), parse.Operator()},
	} {
		for i := range list {
			f := &list[i]
			if m[f.Name] != nil {
				panic("function defined twice: " + f.Name)
			}
			m[f.Name] = f
		}
	}
	return m
}()

// Lookup finds a function, an aggregate, a @@variable or AT TIME ZONE by name in any case. Some are known and refused: [Function.Refused]. Operators
// are not found.
func Lookup(name string) (*Function, bool) {
	f, ok := functions[name]
	if !ok {
		f, ok = functions[strings.ToUpper(name)]
	}
	if !ok || f.Kind == OperatorFn {
		return nil, false
	}
	return f, true
}

// Feature is a row of the table of functions.
type Feature struct {
	Name      string
	Kind      string // function, variable, aggregate, window function, table function
	Supported bool
	Note      string // why it is not supported, or what differs from SQL Server
}

// Features lists all functions by name.
func Features() []Feature {
	var list []Feature
	for _, f := range functions {
		if f.Kind == OperatorFn {
			continue
		}
		row := Feature{Name: f.Name, Kind: f.Kind.String(), Supported: f.Refused == "", Note: f.Note}
		if f.Refused != "" {
			row.Note = f.Refused
		}
		list = append(list, row)
	}
	for _, name := range []string{"CAST", "CONVERT", "TRY_CAST", "TRY_CONVERT", "LIKE"} {
		list = append(list, Feature{Name: name, Kind: OperatorFn.String(), Supported: true})
	}
	for _, t := range tables {
		list = append(list, Feature{Name: t.Name, Kind: TableFunc.String(), Supported: true, Note: t.Note})
	}
	slices.SortFunc(list, func(a, b Feature) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Parse makes the call that a specification names, with every argument of the type that it gives. It is for what Call.Spec gave; a
// text from elsewhere is an error that matches ErrSpec or what Resolve would say.
func Parse(spec string) (Call, error) {
	s, err := def.ParseSpec(spec)
	if err != nil {
		return Call{}, err
	}
	f, ok := functions[s.Name]
	if !ok {
		return Call{}, def.Errorf(195, s.Name)
	}
	return s.Resolve(f)
}

// Operator makes the call of an operator: + - * / % & | ^ || with two arguments, ~ and NEG (unary minus) with one, the comparisons
// = <> < <= > >=, IS DISTINCT FROM and IS NOT DISTINCT FROM with two, LIKE with two or three (ESCAPE). SINGLE(x) is an aggregate for subqueries
// as values (message 512 for a second row), NEXT VALUE FOR(database, sequence, version of its definition) takes a value, RECURSION(level, most) gives the level and message 530 beyond most (0 for no bound). Conditions give a bit, or NULL
// for unknown. Collation conflicts are the compiler's: text is compared under the collation of the first argument's type.
func Operator(op string, args ...Arg) (Call, error) {
	f, ok := functions[op]
	if !ok || f.Kind != OperatorFn {
		return Call{}, &Refusal{Name: op, Why: "no such operator"}
	}
	return f.Resolve(args)
}

// UserFunction makes the call of a scalar function written in T-SQL, by its database and number, with arguments of its parameters' types. It is
// asked of Env.Functions.
func UserFunction(database, id int, returns sqltype.Type, args []Arg) (Call, error) {
	s := def.Spec{Name: system.UserCall, Attrs: []string{strconv.Itoa(database), strconv.Itoa(id), def.TypeText(returns)}}
	for _, a := range args {
		s.Types = append(s.Types, a.Type)
	}
	return s.Resolve(functions[system.UserCall])
}

// Document makes the call of the aggregate that writes rows as one text: Shape of package forjson or forxml.
func Document(shape interface {
	Spec(types []sqltype.Type) (def.Spec, error)
}, types []sqltype.Type,
) (Call, error) {
	spec, err := shape.Spec(types)
	if err != nil {
		return Call{}, err
	}
	return spec.Resolve(functions[spec.Name])
}

// ParseText makes the call of PARSE, or TRY_PARSE, to a type: of a text, and a culture or none.
func ParseText(to sqltype.Type, try bool, args []Arg) (Call, error) {
	spec := def.Spec{Name: parse.Name, Attrs: []string{def.TypeText(to), "must"}}
	if try {
		spec.Attrs[1] = "try"
	}
	for _, a := range args {
		spec.Types = append(spec.Types, a.Type)
	}
	return spec.Resolve(functions[parse.Name])
}

// CastOptions say how [Cast] converts.
type CastOptions struct {
	Style *Arg // CONVERT's third argument; nil for CAST
	Try   bool // TRY_CAST, TRY_CONVERT: NULL for a value that does not convert
	// Implicit refuses what SQL Server converts only if asked to: messages 206 and 257.
	Implicit bool
}

// Cast makes the conversion of a value to a type. With a style the call has two arguments. Messages 529, 206, 257. Where no conversion is
// needed SQL is "$1". DATEFORMAT is the session's, so a conversion from text to a date is volatile unless the style decides.
func Cast(x Arg, to sqltype.Type, o CastOptions) (Call, error) { return cast(x, to, o) }

// Store makes the conversion of a value to a column's type as INSERT and UPDATE do: text and bytes that are too long are refused with
// message 2628 naming table ("db.schema.table") and column, or 8152 if table is "".
func Store(x Arg, to sqltype.Type, table, column string) (Call, error) {
	return store(x, to, table, column)
}

// Aggregate makes the call of an aggregate, with or without OVER. COUNT(*) has no arguments. DISTINCT is in the SQL: it must not be
// written by the caller.
func Aggregate(name string, args []Arg, distinct bool) (Call, error) {
	return aggregateCall(name, args, distinct)
}

// FormatMessage fills values into a message as RAISERROR and FORMATMESSAGE do. Messages 2786 and 2787.
func FormatMessage(format string, args []sqltype.Value) (string, error) {
	return system.FormatMessage(format, args)
}

// CommonType is the type that values of several types take together, as in CASE, COALESCE and UNION; nullable if one of them is. Bare
// NULLs do not count; of nothing else the type is that of NULL. Messages 206 and 257.
func CommonType(types ...sqltype.Type) (sqltype.Type, error) { return logic.CommonType(types...) }

// ParseName takes a name of up to four parts apart, quoted or not, from the left; nil if it is none. Parts left out are "".
func ParseName(s string) []string { return system.ParseName(s) }
