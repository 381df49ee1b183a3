package bound

import (
	"strconv"

	"latchkey/engine/cell"
	"latchkey/engine/compile/plan"
	"latchkey/engine/sqltype"
)

// maxInline is the longest constant that stands in the text, in bytes; longer ones are parameters.
const maxInline = 1000

// maxParams is SQLite's limit on parameters.
const maxParams = 32000

// Builder collects the parameters of one statement. Not for concurrent use.
type Builder struct {
	Settings plan.Settings
	// Inline keeps parameters out: for texts that stand in SQLite's schema.
	Inline bool

	params []plan.Param
	vars   map[string]int
}

// Params are the parameters so far.
func (b *Builder) Params() []plan.Param { return b.params }

// Param adds a parameter and gives its text.
func (b *Builder) Param(p plan.Param) string {
	b.params = append(b.params, p)
	return "?" + strconv.Itoa(len(b.params))
}

// TooMany reports that the statement has more parameters than SQLite takes.
func (b *Builder) TooMany() bool { return len(b.params) > maxParams }

// Variable is a variable of a type.
func (b *Builder) Variable(name string, t sqltype.Type) X {
	t.Nullable = true
	n, ok := b.vars[name]
	if !ok {
		if b.vars == nil {
			b.vars = make(map[string]int)
		}
		b.Param(plan.Param{Variable: name, Type: t})
		n = len(b.params)
		b.vars[name] = n
	}
	x := X{SQL: "?" + strconv.Itoa(n), Type: t, Flags: HasVariable}
	x.Eval = func(f *plan.Frame) (sqltype.Value, error) { return f.Variables.VariableValue(name) }
	if t.Kind.IsText() {
		x.Label = Default
	}
	return x
}

// Constant is a value of a type.
func (b *Builder) Constant(v sqltype.Value, t sqltype.Type) X {
	t.Nullable = v.IsNull()
	x := X{Type: t, Const: true, Value: v, Eval: func(*plan.Frame) (sqltype.Value, error) { return v, nil }}
	if t.Kind.IsText() {
		x.Label = Default
	}
	if v.IsNull() {
		x.SQL = "NULL"
		return x
	}
	if len(v.Bytes()) > maxInline && !b.Inline {
		x.SQL = b.Param(plan.Param{Value: v, Type: t})
		return x
	}
	s, err := cell.Literal(t, v)
	if err != nil { // a value that is not of its type: a mistake of ours that must not become another value
		return X{SQL: "NULL", Type: t, Const: true, Eval: func(*plan.Frame) (sqltype.Value, error) { return sqltype.NullValue, err }}
	}
	if s[0] == '-' {
		s = "(" + s + ")"
	}
	x.SQL = s
	return x
}

// Null is the bare NULL.
func (b *Builder) Null() X {
	return b.Constant(sqltype.NullValue, sqltype.Type{Nullable: true})
}

// Hoist makes an expression without columns a parameter that is computed once before the statement runs. Constants, bare variables and
// what cannot be computed in Go stay.
func (b *Builder) Hoist(x X) X {
	if !x.Early() || x.Const || b.Inline || len(x.SQL) > 0 && x.SQL[0] == '?' {
		return x
	}
	if x.Type.Kind == sqltype.Null {
		return x
	}
	x.SQL = b.Param(plan.Param{Eval: x.Eval, Type: x.Type})
	return x
}

// Failing is an expression whose computation is an error: for conversions of constants that cannot be done, which fail when they are
// needed and not before. sql is what computes it in SQLite, with the same failure.
func Failing(sql string, t sqltype.Type, err error) X {
	return X{SQL: sql, Type: t, Eval: func(*plan.Frame) (sqltype.Value, error) { return sqltype.NullValue, err }}
}

// Collate is the text of x with the COLLATE that its comparison or order needs: none for a bare column and for what is no text.
func Collate(x X) string {
	c := cell.CollateClause(x.Type)
	if c == "" || x.Column != nil && x.Column.Object != nil {
		return x.SQL
	}
	return x.SQL + c
}

// Key is the text of x to compare, sort, group or count distinct by.
func Key(x X) string {
	if k := cell.Key(x.Type); k != "$1" {
		return replaceArg(k, x.SQL)
	}
	return Collate(x)
}

func replaceArg(pattern, arg string) string {
	for i := 0; i+1 < len(pattern); i++ {
		if pattern[i] == '$' && pattern[i+1] == '1' {
			return pattern[:i] + arg + pattern[i+2:]
		}
	}
	return pattern
}
