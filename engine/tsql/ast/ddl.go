package ast

// Mode says whether a module is created or changed: CREATE, ALTER or CREATE OR ALTER.
type Mode string

// ColumnDef is a column of a table. Computed columns have Computed, others Type.
type ColumnDef struct {
	Name        string
	Type        *DataType
	Computed    Expr
	Persisted   bool
	Collation   string
	Nullable    string // NULL, NOT NULL or "" if not said
	Identity    *Identity
	RowGUID     bool
	Sparse      bool
	Hidden      bool
	FileStream  bool
	Generated   string // ROW START, ROW END, ... after GENERATED ALWAYS AS
	Masked      *Literal
	Encrypted   string        // ENCRYPTED WITH (...), as text: recognised, not supported
	Constraints []*Constraint // DEFAULT included
	Index       *IndexDef
}

// Identity is IDENTITY [(seed, increment)]; both are nil for (1,1).
type Identity struct {
	Seed, Increment   Expr
	NotForReplication bool
}

// Constraint is a constraint of a column or table. Kind is PRIMARY KEY, UNIQUE, FOREIGN KEY, CHECK, DEFAULT or CONNECTION.
type Constraint struct {
	Name              string
	Kind              string
	Clustering        string // CLUSTERED, NONCLUSTERED or ""
	Hash              bool
	Columns           []IndexColumn
	RefTable          *ObjectName
	RefColumns        []string
	OnDelete          string // NO ACTION, CASCADE, SET NULL, SET DEFAULT or ""
	OnUpdate          string
	NotForReplication bool
	NotEnforced       bool
	Check             Condition
	Default           Expr
	For               string // DEFAULT ... FOR column
	WithValues        bool
	Options           []*Option
	On                string // filegroup or partition scheme, as text
}

// IndexColumn is a key of an index.
type IndexColumn struct {
	Name string
	Desc bool
}

// IndexDef is an index, alone or inside CREATE TABLE.
type IndexDef struct {
	Name       string
	Unique     bool
	Clustering string // CLUSTERED, NONCLUSTERED, CLUSTERED COLUMNSTORE, NONCLUSTERED COLUMNSTORE or ""
	Hash       bool
	Columns    []IndexColumn
	Include    []string
	Where      Condition
	Options    []*Option
	On         string
	FileStream string
}

// CreateTable is CREATE TABLE.
type CreateTable struct {
	Head
	Name       ObjectName
	Def        *TableDef
	Kind       string // NODE, EDGE, FILETABLE or "": recognised, not supported
	On         string
	TextImage  string
	FileStream string
	Options    []*Option
}

// AlterTable is ALTER TABLE. WithCheck is CHECK, NOCHECK or "".
type AlterTable struct {
	Head
	Name      ObjectName
	WithCheck string
	Action    AlterTableAction
}

// AlterTableAction is one of the actions of ALTER TABLE.
type AlterTableAction interface{ tableAction() }

// AddColumns is ADD columns and constraints.
type AddColumns struct{ Def *TableDef }

// AlterColumn is ALTER COLUMN: a new type (Column), or Toggle, such as ADD PERSISTED.
type AlterColumn struct {
	Column  *ColumnDef
	Toggle  string
	Options []*Option // WITH (ONLINE = ON)
}

// DropElement is one thing dropped from a table. Kind is COLUMN, CONSTRAINT, INDEX or PERIOD.
type DropElement struct {
	Kind     string
	IfExists bool
	Name     string
	Options  []*Option
}

// DropElements is DROP of columns and constraints.
type DropElements struct{ Items []*DropElement }

// SwitchConstraints is CHECK or NOCHECK CONSTRAINT, ENABLE or DISABLE TRIGGER. Names is empty for ALL.
type SwitchConstraints struct {
	Verb  string // CHECK, NOCHECK, ENABLE, DISABLE
	What  string // CONSTRAINT, TRIGGER
	Names []string
}

// OtherTableAction is SWITCH, REBUILD, SET (...), CHANGE_TRACKING and other actions, as text. They are not supported.
type OtherTableAction struct {
	Verb string
	Text string
}

func (*AddColumns) tableAction()        {}
func (*AlterColumn) tableAction()       {}
func (*DropElements) tableAction()      {}
func (*SwitchConstraints) tableAction() {}
func (*OtherTableAction) tableAction()  {}

// CreateIndex is CREATE INDEX.
type CreateIndex struct {
	Head
	Table ObjectName
	Index *IndexDef
}

// AlterIndex is ALTER INDEX name|ALL ON table action. Name is "" for ALL.
type AlterIndex struct {
	Head
	Name      string
	Table     ObjectName
	Action    string // REBUILD, REORGANIZE, DISABLE, SET, RESUME, PAUSE, ABORT
	Partition Expr   // *Word ALL or a number
	Options   []*Option
}

// Statistics is CREATE or UPDATE STATISTICS; Mode is CREATE or UPDATE.
type Statistics struct {
	Head
	Mode    Mode
	Names   []string
	Table   ObjectName
	Columns []string
	Where   Condition
	Options []*Option
}

// Drop is DROP of anything that has a name. Kind is the upper-case words between DROP and the name: TABLE, LOGIN,
// ASYMMETRIC KEY, CRYPTOGRAPHIC PROVIDER, DATABASE ENCRYPTION KEY ...
type Drop struct {
	Head
	Kind              string
	IfExists          bool
	Names             []ObjectName
	RemoveProviderKey bool       // of asymmetric and symmetric keys
	On                ObjectName // the table of DROP INDEX i ON t, the scope DATABASE or ALL SERVER of a trigger
	Options           []*Option
}

// CreateView is CREATE or ALTER VIEW.
type CreateView struct {
	Head
	Mode        Mode
	Name        ObjectName
	Columns     []string
	Options     []string // SCHEMABINDING, ENCRYPTION, VIEW_METADATA
	Query       *SelectStmt
	CheckOption bool
}

// Param is a parameter of a procedure or function.
type Param struct {
	Name     string // with @
	Type     *DataType
	Varying  bool
	Nullable string
	Default  Expr
	Output   bool
	ReadOnly bool
}

// CreateProc is CREATE or ALTER PROCEDURE.
type CreateProc struct {
	Head
	Mode           Mode
	Name           ObjectName
	Number         int // ;n of a procedure group
	Params         []*Param
	Options        []*Option // RECOMPILE, ENCRYPTION, EXECUTE AS ...
	ForReplication bool
	Body           []Statement
	External       *ObjectName // EXTERNAL NAME: not supported
}

// CreateFunction is CREATE or ALTER FUNCTION: scalar (Returns), inline (Query) or multi-statement (Table).
type CreateFunction struct {
	Head
	Mode          Mode
	Name          ObjectName
	Params        []*Param
	Returns       *DataType
	TableVariable string
	Table         *TableDef
	Query         *SelectStmt
	Options       []*Option
	Body          []Statement
	External      *ObjectName
}

// CreateTrigger is CREATE or ALTER TRIGGER. On is a table or view, or the one part DATABASE or ALL SERVER with Scope set.
type CreateTrigger struct {
	Head
	Mode              Mode
	Name              ObjectName
	On                ObjectName
	Scope             string // DATABASE, ALL SERVER or ""
	Options           []*Option
	When              string // AFTER, FOR, INSTEAD OF
	Events            []string
	Append            bool
	NotForReplication bool
	Body              []Statement
	External          *ObjectName
}

// SwitchTrigger is ENABLE or DISABLE TRIGGER. Names is empty for ALL.
type SwitchTrigger struct {
	Head
	Enable bool
	Names  []ObjectName
	On     ObjectName
	Scope  string
}

// CreateSchema is CREATE SCHEMA with the statements inside it.
type CreateSchema struct {
	Head
	Name          string
	Authorization string
	Elements      []Statement
}

// TransferSchema is ALTER SCHEMA s TRANSFER [class::]object.
type TransferSchema struct {
	Head
	Name   string
	Class  string
	Object ObjectName
}

// Sequence is CREATE or ALTER SEQUENCE.
type Sequence struct {
	Head
	Mode    Mode
	Name    ObjectName
	Type    *DataType
	Options []*Option // START WITH, RESTART, RESTART WITH, INCREMENT BY, MINVALUE, NO MINVALUE, CYCLE, CACHE, ...
}

// CreateSynonym is CREATE SYNONYM.
type CreateSynonym struct {
	Head
	Name, For ObjectName
}

// CreateType is CREATE TYPE: an alias (Base) or a table (Table).
type CreateType struct {
	Head
	Name     ObjectName
	Base     *DataType
	Nullable string
	Table    *TableDef
	Options  []*Option
	External *ObjectName
}
