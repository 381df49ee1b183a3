package def

import (
	"context"
	"slices"
	"strings"

	"latchkey/engine/sqltype"
)

// Arg is an argument as the compiler knows it.
type Arg struct {
	Type sqltype.Type // zero for a bare NULL and for a word
	// Const is the value, if it is known when the statement is compiled: a literal. It may decide the length of the result.
	Const *sqltype.Value
	// Word is a bare word in place of a value: a date part.
	Word string
	// Simple says that the argument's SQL may be repeated: a column, a parameter or a literal.
	Simple bool
}

// Eval computes a result. There is one value for each argument that is no word. It may change args and keeps none. env is never nil; its
// parts may be.
type Eval func(ctx context.Context, env *Env, args []sqltype.Value) (sqltype.Value, error)

// Call is a function at one place of a statement.
type Call struct {
	// Type of the result, Nullable included.
	Type sqltype.Type
	// Params are the types that the arguments must be converted to before the call, one for each argument that is no word. For most
	// calls they are the arguments' own types.
	Params []sqltype.Type
	// Session: the result depends on Env.Settings (DATEFORMAT, DATEFIRST, LANGUAGE). Computed before the statement runs, it is right for the
	// settings of that moment only.
	Session bool
	// Volatile results depend on more than the arguments: they must not be kept in an index, nor computed before the statement runs.
	Volatile bool
	// SQL is the call as SQLite's SQL, with $1, $2 ... for the arguments (words are not counted), whose SQL is put there as it is;
	// so the caller puts what is no name, literal or call in parentheses. $$ is a dollar sign; $over stands where a window's OVER clause goes,
	// $order where the ORDER BY of WITHIN GROUP goes. SQLText fills it in.
	SQL string
	// Native says that SQL calls no Go.
	Native bool
	// Spec is the call in the words that Parse takes; "" if it can only be done by SQL.
	Spec string
	// Eval computes the call in Go; nil for aggregates, window functions and what only SQL can do.
	Eval Eval
	// Accumulate makes the state of an aggregate; nil for other calls, and for aggregates that are SQLite's own.
	Accumulate func() Accumulator
}

// Accumulator is the state of an aggregate over a group or a window's frame. It is used by one goroutine.
type Accumulator interface {
	// Add takes a row in, NULL included.
	Add(args []sqltype.Value) error
	// Remove takes the row out that was added first of those that are in.
	Remove(args []sqltype.Value) error
	// Value is the result over the rows that are in.
	Value() (sqltype.Value, error)
}

// SQLText fills the arguments and the OVER clause ("" for none) into SQL.
func (c *Call) SQLText(args []string, over string) string {
	if over != "" {
		over = " " + over
	}
	return fill(c.SQL, args, over, "")
}

// SQLOrdered is SQLText of an aggregate WITHIN GROUP (order), where order begins with ORDER BY.
func (c *Call) SQLOrdered(args []string, order string) string {
	return fill(c.SQL, args, "", " "+order)
}

func fill(template string, args []string, over, order string) string {
	var b strings.Builder
	b.Grow(len(template) + 16*len(args))
	for {
		text, rest, ok := strings.Cut(template, "$")
		b.WriteString(text)
		if !ok {
			return b.String()
		}
		switch {
		case strings.HasPrefix(rest, "$"):
			b.WriteByte('$')
			template = rest[1:]
		case strings.HasPrefix(rest, "over"):
			b.WriteString(over)
			template = rest[len("over"):]
		case strings.HasPrefix(rest, "order"):
			b.WriteString(order)
			template = rest[len("order"):]
		default:
			n, digits := 0, 0
			for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' {
				n = n*10 + int(rest[digits]-'0')
				digits++
			}
			if n >= 1 && n <= len(args) {
				b.WriteString(args[n-1])
			}
			template = rest[digits:]
		}
	}
}

// Kind says where a function may stand.
type Kind uint8

// The kinds.
const (
	Scalar     Kind = iota
	Variable        // @@name
	AggFunc         // also with OVER
	WindowFunc      // only with OVER
	TableFunc       // in FROM
	Operator
)

// String is the kind as sys.latchkey_features shows it.
func (k Kind) String() string {
	return [...]string{"function", "variable", "aggregate", "window function", "table function", "operator"}[min(k, Operator)]
}

// Function is a function by name.
type Function struct {
	Name string // upper case; variables with @@
	Kind Kind
	// Min and Max number of arguments; Max below 0 means any.
	Min, Max int
	// Words are the places of arguments that are bare words.
	Words []int
	// Volatile: see Call.
	Volatile bool
	// Once: volatile, and has one value for a whole statement.
	Once bool
	// NoParens: written without parentheses, as CURRENT_TIMESTAMP.
	NoParens bool
	// Refused says why there is no such function here; it is known by name only.
	Refused string
	// Note is a knowing difference from SQL Server, for the documentation.
	Note string
	// Bind looks at the arguments.
	Bind func(args []Arg) (Bound, error)
	// Attrs of the specification that Bind needs besides types and words: see Bound.Attrs.
	BindAttrs func(args []Arg, attrs []string) (Bound, error)
}

// Bound is what Bind makes of arguments.
type Bound struct {
	// Type of the result. For a strict function (not NullIn) Nullable is set if an argument is.
	Type sqltype.Type
	// Want is the type that each value is converted to inside the call; a zero Type takes the argument as it is. Nil: all as they are.
	Want []sqltype.Type
	// NullIn: Eval is called with NULL among its arguments. Without it NULL gives NULL.
	NullIn bool
	// Eval gets the values as Want says. Words are not among them.
	Eval Eval
	// Native is SQL that computes the same, as Call.SQL has it. Params are the types that it needs, and that Eval gets; nil means the
	// arguments' own.
	Native string
	Params []sqltype.Type
	// Session: see Call.
	Session bool
	// Attrs go into the specification before the types, and come back to BindAttrs.
	Attrs []string
	// Accumulate of aggregates.
	Accumulate func() Accumulator
}

// Resolve makes a call of arguments: messages 174 and 189 for their number, others for their types, a *Refusal if there is no such
// function here.
func (f *Function) Resolve(args []Arg) (Call, error) { return f.resolve(args, nil) }

func (f *Function) resolve(args []Arg, attrs []string) (Call, error) {
	if f.Refused != "" {
		return Call{}, &Refusal{Name: f.Name, Why: f.Refused}
	}
	if err := f.checkCount(len(args)); err != nil {
		return Call{}, err
	}
	for i, a := range args {
		if isWord := slices.Contains(f.Words, i); isWord != (a.Word != "") {
			if isWord {
				return Call{}, Errorf(1023, i+1, strings.ToLower(f.Name))
			}
			return Call{}, Errorf(207, a.Word)
		}
	}
	var b Bound
	var err error
	if f.BindAttrs != nil {
		b, err = f.BindAttrs(args, attrs)
	} else {
		b, err = f.Bind(args)
	}
	if err != nil {
		return Call{}, err
	}
	return f.call(args, b), nil
}

func (f *Function) checkCount(n int) error {
	if n >= f.Min && (f.Max < 0 || n <= f.Max) {
		return nil
	}
	name := strings.ToLower(f.Name)
	if f.Min == f.Max {
		return Errorf(174, name, f.Min)
	}
	if f.Max < 0 {
		return Errorf(10743, name, f.Min, 254)
	}
	return Errorf(189, name, f.Min, f.Max)
}

// call puts the conversions and the rule of NULL around what Bind gave.
func (f *Function) call(args []Arg, b Bound) Call {
	types := make([]sqltype.Type, 0, len(args))
	var words []string
	nullable := false
	for _, a := range args {
		if a.Word != "" {
			words = append(words, strings.ToLower(a.Word))
			continue
		}
		types = append(types, a.Type)
		nullable = nullable || a.Type.Nullable || a.Type.Kind == sqltype.Null
	}
	if b.Params != nil {
		types = b.Params
	}
	c := Call{Type: b.Type, Params: types, Volatile: f.Volatile, Session: b.Session, Accumulate: b.Accumulate}
	if !b.NullIn && nullable {
		c.Type.Nullable = true
	}
	if b.Eval != nil || b.Accumulate != nil {
		c.Spec = Spec{Name: f.Name, Attrs: append(words, b.Attrs...), Types: types}.String()
	}
	if b.Eval != nil {
		c.Eval = wrap(types, b)
	}
	if b.Native != "" {
		c.SQL, c.Native = b.Native, !strings.Contains(b.Native, "lk")
		return c
	}
	name := "lk"
	switch {
	case b.Accumulate != nil:
		name = "lk_agg"
	case f.Volatile:
		name = "lkv"
	}
	var sql strings.Builder
	sql.WriteString(name + "('" + strings.NewReplacer("'", "''", "$", "$$").Replace(c.Spec) + "'")
	for i := range types {
		sql.WriteString(",$" + itoa(i+1))
	}
	if b.Accumulate != nil {
		sql.WriteString("$order)$over")
	} else {
		sql.WriteString(")")
	}
	c.SQL = sql.String()
	if f.Once { // SQLite computes a subquery that depends on nothing once
		c.SQL = "(SELECT " + c.SQL + ")"
	}
	return c
}
