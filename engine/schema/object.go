package schema

import "time"

// Kind is what an object is.
type Kind uint8

// The kinds of objects.
const (
	TableKind Kind = iota + 1
	ViewKind
	ProcedureKind
	ScalarFunction
	InlineFunction
	TableFunction
	TriggerKind
	SequenceKind
	SynonymKind
	TypeTableKind // the table behind a table type
	PrimaryKeyKind
	UniqueKind
	ForeignKeyKind
	CheckKind
	DefaultKind
)

// kindInfo is sys.objects.type and type_desc.
type kindInfo struct{ code, desc string }

func (k Kind) info() kindInfo {
	switch k {
	case TableKind:
		return kindInfo{"U", "USER_TABLE"}
	case ViewKind:
		return kindInfo{"V", "VIEW"}
	case ProcedureKind:
		return kindInfo{"P", "SQL_STORED_PROCEDURE"}
	case ScalarFunction:
		return kindInfo{"FN", "SQL_SCALAR_FUNCTION"}
	case InlineFunction:
		return kindInfo{"IF", "SQL_INLINE_TABLE_VALUED_FUNCTION"}
	case TableFunction:
		return kindInfo{"TF", "SQL_TABLE_VALUED_FUNCTION"}
	case TriggerKind:
		return kindInfo{"TR", "SQL_TRIGGER"}
	case SequenceKind:
		return kindInfo{"SO", "SEQUENCE_OBJECT"}
	case SynonymKind:
		return kindInfo{"SN", "SYNONYM"}
	case TypeTableKind:
		return kindInfo{"TT", "TYPE_TABLE"}
	case PrimaryKeyKind:
		return kindInfo{"PK", "PRIMARY_KEY_CONSTRAINT"}
	case UniqueKind:
		return kindInfo{"UQ", "UNIQUE_CONSTRAINT"}
	case ForeignKeyKind:
		return kindInfo{"F", "FOREIGN_KEY_CONSTRAINT"}
	case CheckKind:
		return kindInfo{"C", "CHECK_CONSTRAINT"}
	case DefaultKind:
		return kindInfo{"D", "DEFAULT_CONSTRAINT"}
	}
	return kindInfo{}
}

// Code is sys.objects.type without its padding: U, V, P, PK.
func (k Kind) Code() string { return k.info().code }

// Desc is sys.objects.type_desc.
func (k Kind) Desc() string { return k.info().desc }

// Head is what every object has.
type Head struct {
	ID       int    // sys.objects.object_id: stable, never used again; below 0 in a temporary database
	Schema   string `json:"-"`
	SchemaID int
	Name     string
	Parent   int `json:",omitempty"` // object id of the table of a constraint or trigger, else 0
	Created  time.Time
	Modified time.Time
}

// Meta is the head of an object.
func (h *Head) Meta() *Head { return h }

// Object is something in a schema that has a name and an id: a *Table, *View, *Procedure, *Function, *Trigger, *Sequence,
// *Synonym, or one of a table's constraints (*Key, *ForeignKey, *Check, *Default). Nothing in it may be changed.
type Object interface {
	Meta() *Head
	Kind() Kind
}

// Schema is a schema of the database.
type Schema struct {
	ID    int // 1 dbo, 2 guest, 3 INFORMATION_SCHEMA, 4 sys, 5 and more user-made, 16384 and more those of the fixed roles
	Name  string
	Owner int // database principal id
}

// The ids of schemas that every database has.
const (
	DBO               = 1
	Guest             = 2
	InformationSchema = 3
	Sys               = 4
	firstUserSchema   = 5
)
