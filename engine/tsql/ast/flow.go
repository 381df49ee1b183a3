package ast

// Use is USE database.
type Use struct {
	Head
	Database string
}

// Block is BEGIN ... END.
type Block struct {
	Head
	Body   []Statement
	Atomic []*Option // BEGIN ATOMIC WITH (...): not supported
}

// If is IF condition statement [ELSE statement].
type If struct {
	Head
	Cond Condition
	Then Statement
	Else Statement
}

// While is WHILE condition statement.
type While struct {
	Head
	Cond Condition
	Body Statement
}

// Break leaves the innermost WHILE.
type Break struct{ Head }

// Continue starts the next turn of the innermost WHILE.
type Continue struct{ Head }

// Return is RETURN [value].
type Return struct {
	Head
	Value Expr
}

// Goto is GOTO label.
type Goto struct {
	Head
	Label string
}

// Label is label:.
type Label struct {
	Head
	Name string
}

// WaitFor is WAITFOR DELAY or TIME. Kind is DELAY or TIME.
type WaitFor struct {
	Head
	Kind  string
	Value Expr
}

// TryCatch is BEGIN TRY ... END TRY BEGIN CATCH ... END CATCH.
type TryCatch struct {
	Head
	Try, Catch []Statement
}

// Throw is THROW [number, message, state]; all three are nil to rethrow.
type Throw struct {
	Head
	Number, Message, State Expr
}

// Print is PRINT.
type Print struct {
	Head
	X Expr
}

// RaisError is RAISERROR (message, severity, state, args) [WITH options].
type RaisError struct {
	Head
	Args    []Expr   // at least message, severity, state
	Options []string // LOG, NOWAIT, SETERROR
}

// BeginTran is BEGIN TRAN [name | @variable] [WITH MARK ['text']].
type BeginTran struct {
	Head
	Distributed bool
	Name        string
	Mark        bool
	MarkText    *Literal
}

// CommitTran is COMMIT [TRAN [name]] or COMMIT WORK.
type CommitTran struct {
	Head
	Name    string
	Durable string // DELAYED_DURABILITY = ON or OFF
}

// RollbackTran is ROLLBACK [TRAN [name]] or ROLLBACK WORK.
type RollbackTran struct {
	Head
	Name string
}

// SaveTran is SAVE TRAN name.
type SaveTran struct {
	Head
	Name string
}

// Declare is DECLARE of variables and table variables.
type Declare struct {
	Head
	Variables []*VariableDecl
}

// VariableDecl declares one variable: scalar (Type), table (Table) or cursor.
type VariableDecl struct {
	Name   string // with @
	Type   *DataType
	Value  Expr
	Table  *TableDef
	Cursor bool
}

// TableDef is the content of a table: of CREATE TABLE, a table variable, a table type.
type TableDef struct {
	Columns     []*ColumnDef
	Constraints []*Constraint
	Indexes     []*IndexDef
	Period      []string // PERIOD FOR SYSTEM_TIME (start, end)
}

// SetVariable is SET @v op value, a method call on it, or SET @cursor = CURSOR ... .
type SetVariable struct {
	Head
	Name   string
	Op     string
	Value  Expr
	Method *MethodCall
	Cursor *CursorDef
}

// SetOption is SET name[, name] ON|OFF or SET name value. Names are upper case: NOCOUNT, TRANSACTION ISOLATION LEVEL,
// STATISTICS IO. Value is *Word, *Literal, *Variable or a negative number.
type SetOption struct {
	Head
	Names []string
	Value Expr
}

// SetIdentityInsert is SET IDENTITY_INSERT table ON|OFF.
type SetIdentityInsert struct {
	Head
	Table ObjectName
	On    bool
}

// Exec runs a procedure (Proc or ProcVariable) or a string (Strings).
type Exec struct {
	Head
	Return       string // @rc of EXEC @rc = proc
	Proc         ObjectName
	Number       int    // ;n of a procedure group
	ProcVariable string // EXEC @name
	Args         []*ExecArg
	Strings      []Expr // EXEC ('...' + @x)
	StringArgs   []*ExecArg
	Context      string    // AS LOGIN or AS USER
	ContextName  string    //
	Linked       string    // AT linked server: recognised, not supported
	Options      []*Option // RECOMPILE, RESULT SETS ...
	ResultSets   string    // WITH RESULT SETS ..., as text; not supported but for NONE and UNDEFINED
	Implicit     bool      // first in its batch, without EXEC
}

// ExecArg is one argument of a procedure call.
type ExecArg struct {
	Name   string // with @, "" if by position
	Value  Expr   // *Default for DEFAULT
	Output bool
}

// CursorDef is what a cursor reads.
type CursorDef struct {
	Insensitive bool     // before CURSOR (ISO form)
	Scroll      bool     // before CURSOR (ISO form)
	Options     []string // LOCAL, FAST_FORWARD, ...
	Query       *SelectStmt
	ReadOnly    bool // FOR READ ONLY
	Update      bool // FOR UPDATE
	UpdateOf    []string
}

// DeclareCursor is DECLARE name CURSOR ... FOR query.
type DeclareCursor struct {
	Head
	Name string
	Def  *CursorDef
}

// CursorStmt is OPEN, CLOSE or DEALLOCATE of a cursor; Action is that word.
type CursorStmt struct {
	Head
	Action string
	Cursor Name
}

// Fetch is FETCH [direction] FROM cursor [INTO variables].
type Fetch struct {
	Head
	Direction string // NEXT, PRIOR, FIRST, LAST, ABSOLUTE, RELATIVE or ""
	Offset    Expr
	Cursor    Name
	Into      []string
}

// Dbcc is DBCC command (args) WITH options.
type Dbcc struct {
	Head
	Command string
	Args    []*Option
	Paren   bool
	Options []*Option
}

// Kill is KILL id [WITH STATUSONLY]; Kind is "", QUERY NOTIFICATION SUBSCRIPTION or STATS JOB.
type Kill struct {
	Head
	Kind       string
	ID         Expr
	StatusOnly bool
}

// Checkpoint is CHECKPOINT [seconds].
type Checkpoint struct {
	Head
	Duration Expr
}

// Reconfigure is RECONFIGURE [WITH OVERRIDE].
type Reconfigure struct {
	Head
	Override bool
}

// Shutdown is SHUTDOWN [WITH NOWAIT].
type Shutdown struct {
	Head
	NoWait bool
}
