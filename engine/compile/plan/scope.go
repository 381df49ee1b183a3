package plan

import (
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/collation"
	"latchkey/engine/sqltype/convert"
	"latchkey/engine/tsql/ast"
)

// Scope is what a statement can name. A session's scope is made by the executor, that of a view's or function's text by the schema.
// Names come as written: folding them to the database's collation is the scope's.
type Scope interface {
	// Settings of the session and of its current database.
	Settings() Settings
	// Object finds a table, view, system view, temporary table or table-valued function; nil without an error if there is none
	// (message 208). Names have one to four parts: a server is the scope's to refuse (7202). #t is a temporary table.
	Object(name ast.ObjectName) (*Object, error)
	// Variable is the type of @name; false if it is not declared (message 137).
	Variable(name string) (sqltype.Type, bool)
	// TableVariable finds @name as a table; nil if it is not declared as one (message 1087).
	TableVariable(name string) *Object
}

// TypeNames may be implemented by a Scope that knows alias types: CREATE TYPE t FROM int.
type TypeNames interface {
	// NamedType is the type behind a name; false if there is none (message 243).
	NamedType(name ast.ObjectName) (sqltype.Type, bool)
}

// Functions may be implemented by a Scope that knows scalar functions written in T-SQL.
type Functions interface {
	// ScalarFunction finds a user-defined scalar function; nil if there is none (message 195 or 4121).
	ScalarFunction(name ast.ObjectName) (*ScalarFunction, error)
}

// Updates may be implemented by the Scope of a trigger's statements.
type Updates interface {
	// UpdatedColumn computes UPDATE(column): a bit. False if the trigger's table has no such column (message 207).
	UpdatedColumn(name string) (Eval, bool)
}

// Sequences may be implemented by a Scope that knows sequences.
type Sequences interface {
	// Sequence finds a sequence; nil if there is none (message 208).
	Sequence(name ast.ObjectName) (*Sequence, error)
}

// Sequence is a sequence. Its values are asked of fn.Env.Sequences by the object's database and id and the definition's Version: one for
// each row.
type Sequence struct {
	Object
	Type    sqltype.Type
	Version int64
}

// Settings are what the meaning of a text depends on. The zero value is a new session's with ANSI settings on, in
// SQL_Latin1_General_CP1_CI_AS. Values are comparable with ==, so that a cache may key by them.
type Settings struct {
	// AnsiNullsOff makes = NULL mean IS NULL.
	AnsiNullsOff bool
	// QuotedIdentifierOff is for texts that are parsed late.
	QuotedIdentifierOff bool
	// ConcatNullYieldsNullOff makes NULL an empty string in concatenation.
	ConcatNullYieldsNullOff bool
	// ArithAbortOff and AnsiWarningsOff, both, give NULL for overflow and division by zero.
	ArithAbortOff, AnsiWarningsOff bool
	// DateFirst is the first day of the week, 1 to 7; 0 means 7, that of us_english.
	DateFirst int
	// Language is SET LANGUAGE, "" for us_english.
	Language string
	// DateFormat orders the parts of a numeric date in a string constant.
	DateFormat convert.DateFormat
	// Collation is the current database's: that of constants, variables and names.
	Collation collation.Collation
	// Database is the current one's name and DatabaseID its id.
	Database   string
	DatabaseID int
	// Schema is the caller's default schema, "dbo" if "".
	Schema string
}

// ObjectKind says what an [Object] is.
type ObjectKind uint8

// The kinds of objects.
const (
	Table    ObjectKind = iota // a table, temporary or not, or a table variable: Source names it
	View                       // Query is its definition
	Virtual                    // a system view or a virtual table: Source names it once it is registered
	Function                   // an inline table-valued function: Query with Params
	// TableFunction is a virtual table with arguments (STRING_SPLIT, OPENJSON, sys.dm_... functions); Source is called with them.
	TableFunction
)

// Object is what a name in FROM stands for.
type Object struct {
	Kind ObjectKind
	// DatabaseID, Database, Schema, Name and ID are for permissions, messages and metadata. Schema and Name are as created.
	DatabaseID             int
	Database, Schema, Name string
	ID                     int
	// Source is the object in SQLite's FROM, quoted: "main"."dbo.t". Unused for views and inline functions.
	Source string
	// RowID reports that the SQLite table has a rowid.
	RowID   bool
	Columns []ObjectColumn
	// Temporary objects (#t, @t) need no permission.
	Temporary bool
	// Params of a function.
	Params []FunctionParam
	// Query of views and inline functions, compiled in Scope. Columns renames the query's if the definition gave names; it may be
	// empty for the query's own.
	Query *ast.SelectStmt
	Scope Scope
	// Version changes when the object does; 0 if the database's version says so.
	Version uint64
	// Handle is the owner's own description, such as a *schema.Table. Compiling never looks at it.
	Handle any
}

// ObjectColumn is a column of an [Object].
type ObjectColumn struct {
	Name string
	// SQL is the column's name in SQLite, quoted; "" for Name itself in quotes.
	SQL      string
	Type     sqltype.Type
	Identity bool
	Computed bool
	RowGUID  bool
	// Key reports a column that alone is unique in the table.
	Key bool
	// Hidden columns can be named and are not in *.
	Hidden bool
}

// FunctionParam is a parameter of a function.
type FunctionParam struct {
	Name    string // with @, "" for virtual table functions
	Type    sqltype.Type
	Default ast.Expr // nil if none
}

// ScalarFunction is a user-defined scalar function. Its calls are asked of fn.Env.Functions by the object's database and id.
type ScalarFunction struct {
	Object
	Returns sqltype.Type
}
