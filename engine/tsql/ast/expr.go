package ast

import "latchkey/engine/tsql/token"

// Expr is a scalar expression, or a condition where [Condition] says so.
type Expr interface{ expr() }

// Condition is an expression that is true, false or unknown. T-SQL has no boolean values: it stands only where the grammar
// asks for it.
type Condition interface {
	Expr
	cond()
}

// LiteralKind is the type of a constant.
type LiteralKind uint8

// The kinds of constants.
const (
	NullLit    LiteralKind = iota
	IntLit                 // fits int
	DecimalLit             // numeric(p,s): precision and scale follow from the digits
	FloatLit               // float(53)
	MoneyLit               // with its currency sign
	StringLit              // varchar
	NStringLit             // nvarchar
	BinaryLit              // varbinary, 0x...
)

// Literal is a constant. Text is the decoded content of strings and the source of numbers, "" for NULL.
type Literal struct {
	Kind LiteralKind
	Text string
}

// Word is a bare word in an option or argument: ON, FULL, AES_256. It is upper case.
type Word struct{ Text string }

// Default is the DEFAULT keyword as a value.
type Default struct{}

// Variable is @name or @@name, with its signs.
type Variable struct {
	Name string
	Pos  token.Pos
}

// ColumnRef is a name in an expression: a column, or a date part and the like where a function wants a word.
type ColumnRef struct {
	Name ObjectName
}

// PseudoColumn is $ACTION, $IDENTITY, $ROWGUID, IDENTITYCOL or ROWGUIDCOL, in upper case.
type PseudoColumn struct {
	Qualifier []string
	Name      string
}

// Star is * or t.* in a select list.
type Star struct{ Qualifier ObjectName }

// Unary is +x, -x or ~x.
type Unary struct {
	Op string
	X  Expr
}

// Binary is arithmetic, bit logic or concatenation: + - * / % & | ^ ||.
type Binary struct {
	Op   string
	L, R Expr
}

// Collate is x COLLATE name.
type Collate struct {
	X         Expr
	Collation string
}

// AtTimeZone is x AT TIME ZONE zone.
type AtTimeZone struct{ X, Zone Expr }

// Subquery is a query in parentheses as a value.
type Subquery struct{ Query *Query }

// When is one branch of a CASE. If is a condition in the searched form, a value in the simple form.
type When struct{ If, Then Expr }

// Case is CASE [Input] WHEN ... [ELSE] END.
type Case struct {
	Input Expr // nil in the searched form
	Whens []When
	Else  Expr
}

// IIf is IIF(Cond, Then, Else).
type IIf struct {
	Cond       Condition
	Then, Else Expr
}

// Cast is CAST or TRY_CAST.
type Cast struct {
	Try  bool
	X    Expr
	Type *DataType
}

// Convert is CONVERT or TRY_CONVERT.
type Convert struct {
	Try   bool
	Type  *DataType
	X     Expr
	Style Expr
}

// Parse is PARSE or TRY_PARSE.
type Parse struct {
	Try     bool
	X       Expr
	Type    *DataType
	Culture Expr
}

// FuncCall is a call by name. Reserved words that are functions (LEFT, COALESCE, CURRENT_TIMESTAMP) keep their upper case.
type FuncCall struct {
	Name     ObjectName
	NoParens bool // CURRENT_TIMESTAMP, USER and the like
	Distinct bool
	Star     bool // COUNT(*)
	Args     []Expr
	Within   []OrderItem // WITHIN GROUP (ORDER BY ...)
	Nulls    string      // IGNORE or RESPECT
	Over     *Window
}

// IdentityFunc is IDENTITY(type [, seed, increment]) of SELECT INTO.
type IdentityFunc struct {
	Type            *DataType
	Seed, Increment Expr
}

// Trim is TRIM with a side or characters; a plain TRIM(x) is a [FuncCall].
type Trim struct {
	Side     string // LEADING, TRAILING, BOTH or ""
	Chars, X Expr   // Chars may be nil
}

// JSONConstructor is JSON_OBJECT or JSON_ARRAY.
type JSONConstructor struct {
	Array  bool
	Keys   []Expr // of JSON_OBJECT
	Values []Expr
	Nulls  string // NULL or ABSENT; "" if not said
}

// MethodCall is a method of an expression: @x.value('...'), (expr).ToString(). A call like a.b.value() is a [FuncCall] with
// three parts, as only a binder can tell them apart.
type MethodCall struct {
	X        Expr
	Name     string
	Args     []Expr
	Property bool // no parentheses
}

// StaticCall is type::Method(args).
type StaticCall struct {
	Type     ObjectName
	Name     string
	Args     []Expr
	Property bool
}

// NextValue is NEXT VALUE FOR sequence.
type NextValue struct {
	Sequence ObjectName
	Over     *Window
}

// ODBCFunc is {fn call}.
type ODBCFunc struct{ Call Expr }

// ODBCLiteral is {d '...'}, {t '...'}, {ts '...'} or {guid '...'}; Kind is lower case.
type ODBCLiteral struct{ Kind, Text string }

// Window is what follows OVER, or the definition of a named window.
type Window struct {
	Ref         string // a named window
	Bare        bool   // OVER name, without parentheses
	PartitionBy []Expr
	OrderBy     []OrderItem
	Frame       *Frame
}

// Frame is ROWS or RANGE with its bounds. End is nil without BETWEEN.
type Frame struct {
	Unit  string
	Start Bound
	End   *Bound
}

// Bound is an edge of a frame: UNBOUNDED PRECEDING, UNBOUNDED FOLLOWING, CURRENT ROW, PRECEDING or FOLLOWING with an Offset.
type Bound struct {
	Kind   string
	Offset Expr
}

// OrderItem is one key of an ORDER BY.
type OrderItem struct {
	X    Expr
	Desc bool
}

// Compare is L op R with = <> < > <= >= !< !>. != is <>.
type Compare struct {
	Op   string
	L, R Expr
}

// Quantified is X op ALL|ANY (query); SOME is ANY.
type Quantified struct {
	X     Expr
	Op    string
	All   bool
	Query *Query
}

// Logical is a chain of conditions joined by AND or by OR.
type Logical struct {
	Op    string
	Terms []Condition
}

// Not negates a condition.
type Not struct{ X Condition }

// Between is X [NOT] BETWEEN Low AND High.
type Between struct {
	Not          bool
	X, Low, High Expr
}

// In is X [NOT] IN (List) or (Query).
type In struct {
	Not   bool
	X     Expr
	List  []Expr
	Query *Query
}

// Like is X [NOT] LIKE Pattern [ESCAPE Escape].
type Like struct {
	Not                bool
	X, Pattern, Escape Expr
}

// IsNull is X IS [NOT] NULL.
type IsNull struct {
	Not bool
	X   Expr
}

// IsDistinct is L IS [NOT] DISTINCT FROM R.
type IsDistinct struct {
	Not  bool
	L, R Expr
}

// Exists is EXISTS (query).
type Exists struct{ Query *Query }

// UpdatedColumn is UPDATE(column) in a trigger.
type UpdatedColumn struct{ Column string }

// CurrentOf is the condition CURRENT OF cursor.
type CurrentOf struct {
	Cursor Name
}

// Name is the name of a cursor: an identifier or a variable, GLOBAL or not.
type Name struct {
	Name   string // with its @ if it is a variable
	Global bool
}

// FullText is CONTAINS or FREETEXT as a condition. It is recognised, not supported.
type FullText struct {
	Function string
	Raw      string // the arguments
}

// IsJSON is X IS [NOT] JSON. It is recognised, not supported.
type IsJSON struct {
	Not bool
	X   Expr
}

// DataType is a type by name. System types are lower case with one part. Args are its numbers, nil for none.
type DataType struct {
	Name   ObjectName
	Args   []int
	Max    bool   // (MAX)
	Schema string // of xml(...), raw
}

func (*Literal) expr()         {}
func (*Word) expr()            {}
func (*Default) expr()         {}
func (*Variable) expr()        {}
func (*ColumnRef) expr()       {}
func (*PseudoColumn) expr()    {}
func (*Star) expr()            {}
func (*Unary) expr()           {}
func (*Binary) expr()          {}
func (*Collate) expr()         {}
func (*AtTimeZone) expr()      {}
func (*Subquery) expr()        {}
func (*Case) expr()            {}
func (*IIf) expr()             {}
func (*Cast) expr()            {}
func (*Convert) expr()         {}
func (*Parse) expr()           {}
func (*FuncCall) expr()        {}
func (*IdentityFunc) expr()    {}
func (*Trim) expr()            {}
func (*JSONConstructor) expr() {}
func (*MethodCall) expr()      {}
func (*StaticCall) expr()      {}
func (*NextValue) expr()       {}
func (*ODBCFunc) expr()        {}
func (*ODBCLiteral) expr()     {}

func (*Compare) expr()       {}
func (*Quantified) expr()    {}
func (*Logical) expr()       {}
func (*Not) expr()           {}
func (*Between) expr()       {}
func (*In) expr()            {}
func (*Like) expr()          {}
func (*IsNull) expr()        {}
func (*IsDistinct) expr()    {}
func (*Exists) expr()        {}
func (*UpdatedColumn) expr() {}
func (*CurrentOf) expr()     {}
func (*FullText) expr()      {}
func (*IsJSON) expr()        {}

func (*Compare) cond()       {}
func (*Quantified) cond()    {}
func (*Logical) cond()       {}
func (*Not) cond()           {}
func (*Between) cond()       {}
func (*In) cond()            {}
func (*Like) cond()          {}
func (*IsNull) cond()        {}
func (*IsDistinct) cond()    {}
func (*Exists) cond()        {}
func (*UpdatedColumn) cond() {}
func (*CurrentOf) cond()     {}
func (*FullText) cond()      {}
func (*IsJSON) cond()        {}
