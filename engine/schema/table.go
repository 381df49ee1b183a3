package schema

import (
	"strings"

	"latchkey/engine/sqltype"
)

// Table is a table of the user, a temporary table, a table variable or the shape of a table type.
type Table struct {
	Head
	// Stored is the name of the SQLite table; see SQL.
	Stored  string
	Columns []*Column // in order; column ids ascend but may have gaps
	Key     *Key      // primary key, nil without one
	Uniques []*Key    // UNIQUE constraints
	Checks  []*Check
	Foreign []*ForeignKey // of this table
	Indexes []*Index      // CREATE INDEX and INDEX clauses; indexes of Key and Uniques are not among them
	// RowID is the column that is SQLite's rowid (INTEGER PRIMARY KEY): a primary key of one integer column. Nil without one.
	// SQLite gives it a value when it is set to NULL, so whoever writes must refuse NULL.
	RowID *Column `json:"-"`
	// MaxColumnID is the greatest column id that was ever used.
	MaxColumnID int
	// Type is the id of the table type that this is the shape of, else 0.
	Type int
	// Triggers are those of the table in the order of their creation.
	Triggers []*Trigger `json:"-"`
}

// Kind is TableKind, or TypeTableKind for the shape of a table type.
func (t *Table) Kind() Kind {
	if t.Type != 0 {
		return TypeTableKind
	}
	return TableKind
}

// SQL is the table as SQLite names it, quoted, in the database db ("main", "tmp", or the name of an attached one).
func (t *Table) SQL(db string) string { return Quote(db) + "." + Quote(t.Stored) }

// Identity is the identity column, nil without one.
func (t *Table) Identity() *Column {
	for _, c := range t.Columns {
		if c.Identity != nil {
			return c
		}
	}
	return nil
}

// RowVersion is the column of type rowversion, nil without one.
func (t *Table) RowVersion() *Column {
	for _, c := range t.Columns {
		if c.Type.Kind == sqltype.RowVersion {
			return c
		}
	}
	return nil
}

// ColumnByID finds a column by its id, nil if there is none.
func (t *Table) ColumnByID(id int) *Column {
	for _, c := range t.Columns {
		if c.ID == id {
			return c
		}
	}
	return nil
}

// Keys are the primary key, if any, and the UNIQUE constraints.
func (t *Table) Keys() []*Key {
	if t.Key == nil {
		return t.Uniques
	}
	return append([]*Key{t.Key}, t.Uniques...)
}

// Column is a column of a table, view or table type.
type Column struct {
	Name string
	ID   int // sys.columns.column_id, from 1
	// Type has the nullability, and the collation of character types.
	Type sqltype.Type `json:"-"`
	// Stored is the column's name in SQLite, which differs from Name after a rename and for names that SQLite cannot have.
	Stored   string
	Identity *Identity
	Default  *Default
	Computed *Computed
	RowGUID  bool
	// UserType is the alias type by which the column was declared (sys.types.user_type_id), 256 for sysname, else 0.
	UserType int
	// ANSIPadding is always true; Sparse columns are stored as others are.
	Sparse bool
}

// Quoted is the column's name in SQLite, quoted.
func (c *Column) Quoted() string { return Quote(c.Stored) }

// Nullable reports whether NULL is allowed.
func (c *Column) Nullable() bool { return c.Type.Nullable }

// Writable reports whether INSERT and UPDATE may give a value: false for computed columns and rowversion.
func (c *Column) Writable() bool { return c.Computed == nil && c.Type.Kind != sqltype.RowVersion }

// Identity says how an identity column counts. Values are within decimal(38,0) as far as int64 has them.
type Identity struct {
	Seed, Increment   int64
	NotForReplication bool
}

// Computed is a computed column: a generated column in SQLite.
type Computed struct {
	*Expr
	Persisted bool
}

// Default is a DEFAULT constraint. Head.Parent is its table.
type Default struct {
	Head
	*Expr
	SystemNamed bool
	Column      int // column id
}

// Kind is DefaultKind.
func (*Default) Kind() Kind { return DefaultKind }

// KeyColumn is a column of a key or index, by column id.
type KeyColumn struct {
	Column int
	Desc   bool
}

// Key is a PRIMARY KEY or UNIQUE constraint with its index.
type Key struct {
	Head
	Primary     bool
	Clustered   bool
	Columns     []KeyColumn
	IndexID     int    // 1 if clustered, else 2 and more
	Stored      string // SQLite index; "" where the key is the rowid
	SystemNamed bool
	FillFactor  int
	IgnoreDup   bool
}

// Kind is PrimaryKeyKind or UniqueKind.
func (k *Key) Kind() Kind {
	if k.Primary {
		return PrimaryKeyKind
	}
	return UniqueKind
}

// Check is a CHECK constraint. In SQLite it is a constraint called by its object id ("c123").
type Check struct {
	Head
	*Expr
	SystemNamed bool
	Column      int // column id for one that was declared with a column, else 0
	Disabled    bool
	NotTrusted  bool
	// Volatile conditions depend on more than the row (GETDATE): SQLite does not have them, package write asks them.
	Volatile bool
}

// Kind is CheckKind.
func (*Check) Kind() Kind { return CheckKind }

// ForeignKey is a FOREIGN KEY constraint.
type ForeignKey struct {
	Head
	SystemNamed bool
	Columns     []int // column ids
	RefTable    int   // object id
	RefColumns  []int
	RefIndex    int    // index id of the referenced key
	OnDelete    string // NO ACTION, CASCADE, SET NULL or SET DEFAULT
	OnUpdate    string
	Disabled    bool
	NotTrusted  bool
}

// Kind is ForeignKeyKind.
func (*ForeignKey) Kind() Kind { return ForeignKeyKind }

// Index is an index that is not a constraint's.
type Index struct {
	Name       string
	ID         int // sys.indexes.index_id
	Stored     string
	Unique     bool
	Clustered  bool
	Columns    []KeyColumn
	Include    []int // column ids
	Filter     *Expr
	Disabled   bool
	FillFactor int
	IgnoreDup  bool
}

// Quote quotes a name for SQLite.
func Quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
