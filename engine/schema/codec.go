package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/collation"
)

// formatVersion is the version of the rows in latchkey_object and the other tables. A database with a higher one is refused.
const formatVersion = 1

// typeRecord is a sqltype.Type in a row: collations are kept by name.
type typeRecord struct {
	Kind      string
	Length    int    `json:",omitempty"`
	Precision uint8  `json:",omitempty"`
	Scale     uint8  `json:",omitempty"`
	Collation string `json:",omitempty"`
	Nullable  bool   `json:",omitempty"`
}

func packType(t sqltype.Type) typeRecord {
	r := typeRecord{Kind: t.Kind.String(), Length: t.Length, Precision: t.Precision, Scale: t.Scale, Nullable: t.Nullable}
	if t.Kind.IsText() && t.Collation != collation.Default {
		r.Collation = t.Collation.String()
	}
	return r
}

func (r typeRecord) unpack() (sqltype.Type, error) {
	t := sqltype.Type{Length: r.Length, Precision: r.Precision, Scale: r.Scale, Nullable: r.Nullable}
	if r.Kind == "" || r.Kind == sqltype.Null.String() {
		return t, nil
	}
	var ok bool
	if t.Kind, ok = sqltype.KindByName(r.Kind); !ok {
		return t, fmt.Errorf("unknown type %q", r.Kind)
	}
	if r.Collation != "" {
		c, err := collation.Parse(r.Collation)
		if err != nil {
			return t, err
		}
		t.Collation = c
	}
	return t, nil
}

// The plain forms have the fields without the methods, so that Type can be replaced by its record.
type (
	plainColumn   Column
	plainParam    Param
	plainSequence Sequence
	plainType     UserType
	plainFunction Function
)

// withType is a value of T whose field Type is shadowed by its record.
type withType[T any] struct {
	Plain T
	Type  typeRecord
}

func pack[T any](v T, t sqltype.Type) ([]byte, error) {
	return json.Marshal(withType[T]{v, packType(t)})
}

func unpack[T any](data []byte, into *T, t *sqltype.Type) error {
	var w withType[T]
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	*into = w.Plain
	var err error
	*t, err = w.Type.unpack()
	return err
}

// MarshalJSON writes a column as a row of the database has it.
func (c *Column) MarshalJSON() ([]byte, error) { return pack((*plainColumn)(c), c.Type) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (c *Column) UnmarshalJSON(b []byte) error { return unpack(b, (*plainColumn)(c), &c.Type) }

// MarshalJSON writes a parameter as a row of the database has it.
func (p *Param) MarshalJSON() ([]byte, error) { return pack((*plainParam)(p), p.Type) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (p *Param) UnmarshalJSON(b []byte) error { return unpack(b, (*plainParam)(p), &p.Type) }

// MarshalJSON writes a sequence as a row of the database has it.
func (s *Sequence) MarshalJSON() ([]byte, error) { return pack((*plainSequence)(s), s.Type) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *Sequence) UnmarshalJSON(b []byte) error { return unpack(b, (*plainSequence)(s), &s.Type) }

// MarshalJSON writes a type as a row of the database has it.
func (u *UserType) MarshalJSON() ([]byte, error) { return pack((*plainType)(u), u.Base) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (u *UserType) UnmarshalJSON(b []byte) error { return unpack(b, (*plainType)(u), &u.Base) }

// MarshalJSON writes a function as a row of the database has it.
func (f *Function) MarshalJSON() ([]byte, error) { return pack((*plainFunction)(f), f.Returns) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (f *Function) UnmarshalJSON(b []byte) error { return unpack(b, (*plainFunction)(f), &f.Returns) }

// decode reads the definition of an object of a kind.
func decode(k Kind, def []byte) (Object, error) {
	var o Object
	switch k {
	case TableKind, TypeTableKind:
		o = &Table{}
	case ViewKind:
		o = &View{Module: &Module{}}
	case ProcedureKind:
		o = &Procedure{Module: &Module{}}
	case ScalarFunction, InlineFunction, TableFunction:
		o = &Function{Module: &Module{}}
	case TriggerKind:
		o = &Trigger{Module: &Module{}}
	case SequenceKind:
		o = &Sequence{}
	case SynonymKind:
		o = &Synonym{}
	default:
		return nil, fmt.Errorf("unknown kind of object %d", k)
	}
	if err := json.Unmarshal(def, o); err != nil {
		return nil, err
	}
	if !whole(o) {
		return nil, errHole
	}
	if t, ok := o.(*Table); ok {
		t.link()
	}
	return o, nil
}

// errHole means that a list of a definition has a null in it, which nothing here writes.
var errHole = errors.New("a definition has a part that is null")

// whole reports whether all parts of an object are there.
func whole(o Object) bool {
	switch o := o.(type) {
	case *Table:
		return !slices.Contains(o.Columns, nil) && !slices.Contains(o.Uniques, nil) && !slices.Contains(o.Checks, nil) && !slices.Contains(o.Foreign, nil) && !slices.Contains(o.Indexes, nil)
	case *View:
		return !slices.Contains(o.Columns, nil)
	case *Procedure:
		return !slices.Contains(o.Params, nil)
	case *Function:
		return !slices.Contains(o.Params, nil) && !slices.Contains(o.Columns, nil)
	}
	return true
}

// link sets what a table's record leaves out.
func (t *Table) link() {
	t.RowID = nil
	if t.Key != nil && t.Key.Stored == "" && len(t.Key.Columns) == 1 {
		t.RowID = t.ColumnByID(t.Key.Columns[0].Column)
	}
}

// Clone is a deep copy that may be changed, to be given to [Edit.Put].
func (t *Table) Clone() *Table {
	def, err := json.Marshal(t)
	if err != nil {
		return nil // a definition that was read can be written
	}
	o, err := decode(TableKind, def)
	if err != nil {
		return nil
	}
	c, _ := o.(*Table)
	c.Schema = t.Schema
	for _, x := range c.constraints() {
		x.Meta().Schema = t.Schema
	}
	return c
}

// Link makes RowID follow Key; call it after changing Key.
func (t *Table) Link() { t.link() }
