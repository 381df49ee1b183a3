package ast

// Query is a SELECT or a set operation with its final clauses: what may stand in parentheses.
type Query struct {
	Body          Body
	OrderBy       []OrderItem
	Offset, Fetch Expr
	For           *For
}

// Body is a *Select or a *SetOp.
type Body interface{ body() }

// SetOp combines two bodies. Op is UNION, UNION ALL, EXCEPT or INTERSECT.
type SetOp struct {
	Op   string
	L, R Body
}

// Select is one SELECT.
type Select struct {
	Distinct bool
	Top      *Top
	Items    []*SelectItem
	Into     *ObjectName
	From     []TableSource
	Where    Condition
	GroupBy  *GroupBy
	Having   Condition
	Windows  []NamedWindow
}

func (*Select) body() {}
func (*SetOp) body()  {}

// Top is TOP (Count) [PERCENT] [WITH TIES].
type Top struct {
	Count             Expr
	Percent, WithTies bool
}

// SelectItem is one element of a select list: an expression with an alias, a [Star], or @Variable Op expression.
type SelectItem struct {
	X        Expr
	Alias    string
	Variable string // with @
	Op       string // = or += and so on, if Variable is set
}

// GroupBy is GROUP BY. Sets are its elements; a plain expression is a set with Kind "".
type GroupBy struct {
	All   bool
	Items []*Grouping
	With  string // ROLLUP or CUBE after WITH
}

// Grouping is an expression, (a, b), ROLLUP (...), CUBE (...) or GROUPING SETS (...). Kind is "", "TUPLE" or the words.
type Grouping struct {
	Kind  string
	X     Expr
	Items []*Grouping
}

// NamedWindow is one element of the WINDOW clause.
type NamedWindow struct {
	Name   string
	Window *Window
}

// For is FOR XML, FOR JSON or FOR BROWSE. Mode is RAW, AUTO, EXPLICIT or PATH.
type For struct {
	Kind    string
	Mode    string
	Element *Literal  // RAW('row'), PATH('row')
	Options []*Option // ELEMENTS XSINIL, ROOT('x'), INCLUDE_NULL_VALUES, ...
	Content bool      // not of the text: the compiler wants the content of an XML alone
}

// With is what precedes a statement: common table expressions, XML namespaces, a change tracking context.
type With struct {
	CTEs       []*CTE
	Namespaces []XMLNamespace
	Context    Expr
}

// XMLNamespace is one of WITH XMLNAMESPACES; Prefix "" is the default.
type XMLNamespace struct{ URI, Prefix string }

// CTE is a common table expression.
type CTE struct {
	Name    string
	Columns []string
	Query   *Query
}

// Hint is one of OPTION (...) or a table hint: words, then a value or a list.
type Hint struct {
	Name  string // upper-case words: NOLOCK, MAXDOP, OPTIMIZE FOR
	Value Expr
	Equal bool   // written with =
	Args  string // in parentheses, as normalised text; "" with Paren false for none
	Paren bool
}

// TableSource is what stands in FROM.
type TableSource interface{ source() }

// Table is a table or view by name.
type Table struct {
	Name     ObjectName
	Alias    string
	Temporal string // FOR SYSTEM_TIME ..., as text; not supported
	Sample   string // TABLESAMPLE ..., as text; not supported
	Hints    []*Hint
}

// TableVariable is @t as a table source.
type TableVariable struct {
	Name  string
	Alias string
	Hints []*Hint
}

// Derived is a query, VALUES rows or a data modification in parentheses.
type Derived struct {
	Query   *Query
	Rows    [][]Expr
	DML     Statement // INSERT, UPDATE, DELETE or MERGE with OUTPUT; only in INSERT ... SELECT
	Alias   string
	Columns []string
}

// FuncTable is a table-valued function: by name, a method of an xml column, OPENJSON.
type FuncTable struct {
	Call    Expr // *FuncCall or *MethodCall
	Alias   string
	Columns []string
	With    []*SchemaColumn // OPENJSON ... WITH (...)
}

// SchemaColumn is a column of OPENJSON's or OPENXML's WITH.
type SchemaColumn struct {
	Name   string
	Type   *DataType
	Path   string
	AsJSON bool
}

// Rowset is OPENROWSET, OPENQUERY, OPENDATASOURCE, OPENXML, CONTAINSTABLE and the like. It is recognised, not supported.
type Rowset struct {
	Function string
	Raw      string
	Path     []string // .db.schema.table after OPENDATASOURCE
	With     string
	Alias    string
	Columns  []string
}

// Join is L kind JOIN R ON cond; CROSS JOIN, CROSS APPLY and OUTER APPLY have no condition.
type Join struct {
	Kind string // INNER, LEFT, RIGHT, FULL, CROSS, CROSS APPLY, OUTER APPLY
	Hint string // LOOP, HASH, MERGE, REMOTE
	L, R TableSource
	On   Condition
}

// Pivot is source PIVOT (aggregate FOR column IN (values)) alias.
type Pivot struct {
	Source    TableSource
	Aggregate *FuncCall
	For       ObjectName
	In        []string
	Alias     string
}

// Unpivot is source UNPIVOT (value FOR column IN (columns)) alias.
type Unpivot struct {
	Source TableSource
	Value  string
	For    string
	In     []ObjectName
	Alias  string
}

func (*Table) source()         {}
func (*TableVariable) source() {}
func (*Derived) source()       {}
func (*FuncTable) source()     {}
func (*Rowset) source()        {}
func (*Join) source()          {}
func (*Pivot) source()         {}
func (*Unpivot) source()       {}

// SelectStmt is a query as a statement.
type SelectStmt struct {
	Head
	With  *With
	Query *Query
	Hints []*Hint
}

// Output is the OUTPUT clause.
type Output struct {
	Items   []*SelectItem
	Into    TableSource // *Table or *TableVariable, nil to send rows to the client
	Columns []string
	Then    []*SelectItem // a second OUTPUT clause without INTO
}

// Insert is INSERT. Exactly one of Rows, Query, Exec, DefaultValues is set.
type Insert struct {
	Head
	With          *With
	Top           *Top
	Target        TableSource
	Columns       []string
	Output        *Output
	Rows          [][]Expr
	Query         *Query
	Exec          *Exec
	DefaultValues bool
	Hints         []*Hint
}

// Assignment is one element of SET in an UPDATE: @Variable = column = value, column.Method(args) or Target op Value.
type Assignment struct {
	Variable string // with @
	Column   *ObjectName
	Op       string
	Value    Expr
	Method   *FuncCall // column.WRITE(...) or another method: no Op, no Value
}

// Update is UPDATE.
type Update struct {
	Head
	With   *With
	Top    *Top
	Target TableSource
	Set    []*Assignment
	Output *Output
	From   []TableSource
	Where  Condition
	Hints  []*Hint
}

// Delete is DELETE.
type Delete struct {
	Head
	With   *With
	Top    *Top
	Target TableSource
	Output *Output
	From   []TableSource
	Where  Condition
	Hints  []*Hint
}

// Merge is MERGE.
type Merge struct {
	Head
	With   *With
	Top    *Top
	Target TableSource
	Using  TableSource
	On     Condition
	Whens  []*MergeWhen
	Output *Output
	Hints  []*Hint
}

// MergeWhen is one WHEN of a MERGE. Match is MATCHED, NOT MATCHED or NOT MATCHED BY SOURCE; Action is UPDATE, DELETE or INSERT.
type MergeWhen struct {
	Match   string
	And     Condition
	Action  string
	Set     []*Assignment
	Columns []string
	Values  []Expr // nil with INSERT: DEFAULT VALUES
}

// Truncate is TRUNCATE TABLE. Partitions is WITH (PARTITIONS (...)) as text; not supported.
type Truncate struct {
	Head
	Table      ObjectName
	Partitions string
}

// BulkInsert is BULK INSERT ... FROM file. It is recognised, not supported.
type BulkInsert struct {
	Head
	Table   ObjectName
	File    string
	Options []*Option
}

// InsertBulk is INSERT BULK, which announces a bulk load on the wire.
type InsertBulk struct {
	Head
	Table   ObjectName
	Columns []*ColumnDef
	Options []*Option // KEEP_NULLS, TABLOCK, ORDER (...)
}
