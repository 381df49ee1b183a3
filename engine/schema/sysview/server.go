package sysview

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"latchkey/engine/schema"
	"latchkey/engine/sqltype"
)

// SystemObject is a view, procedure or function that a server brings along.
type SystemObject struct {
	// Name has the schema in front: sys.databases, information_schema.tables.
	Name string
	// Code is its type as sys.objects has it: V, P, X, IF, TF.
	Code string
	// Columns are those of a view or of a function's result, in order.
	Columns []Column
}

func (o *SystemObject) desc() string {
	switch o.Code {
	case "V":
		return "VIEW"
	case "P":
		return "SQL_STORED_PROCEDURE"
	case "X":
		return "EXTENDED_STORED_PROCEDURE"
	case "TF":
		return "SQL_TABLE_VALUED_FUNCTION"
	}
	return "SQL_INLINE_TABLE_VALUED_FUNCTION"
}

// SchemaID is the id of its schema: sys or INFORMATION_SCHEMA.
func (o *SystemObject) SchemaID() int {
	if strings.HasPrefix(o.Name, "information_schema.") {
		return schema.InformationSchema
	}
	return schema.Sys
}

// Plain is its name without the schema.
func (o *SystemObject) Plain() string {
	_, name, _ := strings.Cut(o.Name, ".")
	if o.SchemaID() == schema.InformationSchema {
		return strings.ToUpper(name)
	}
	return name
}

// System is what a server brings along, for sys.system_objects, sys.system_columns and the views that have them beside those of a database. It
// is safe for concurrent use.
type System struct {
	objects []SystemObject // by name
	created time.Time
	rows    func() (map[string][][]sqltype.Value, error)
}

// NewSystem makes a System of objects, each named once. created is when the server was made, the zero time if nobody knows.
func NewSystem(objects []SystemObject, created time.Time) *System {
	s := &System{objects: slices.SortedFunc(slices.Values(objects), func(a, b SystemObject) int { return cmp.Compare(a.Name, b.Name) }), created: created}
	s.rows = sync.OnceValues(s.make)
	return s
}

// firstID is the id of the first object; they go down from it, and hold for one version of the server.
const firstID = -1000

// ID is the id of an object by its name in lower case with its schema in front; 0 for none.
func (s *System) ID(name string) int {
	i, ok := slices.BinarySearchFunc(s.objects, name, func(o SystemObject, n string) int { return cmp.Compare(o.Name, n) })
	if !ok {
		return 0
	}
	return firstID - i
}

// ByID is the object of an id, nil for none.
func (s *System) ByID(id int) *SystemObject {
	if i := firstID - id; i >= 0 && i < len(s.objects) {
		return &s.objects[i]
	}
	return nil
}

// make makes the rows of the views that show them.
func (s *System) make() (map[string][][]sqltype.Value, error) {
	var objects, views, cols, old []row
	for i := range s.objects {
		o, id := &s.objects[i], firstID-i
		r := row{
			"name": o.Plain(), "object_id": id, "schema_id": o.SchemaID(), "parent_object_id": 0, "type": o.Code, "type_desc": o.desc(), "create_date": s.created,
			"modify_date": s.created, "is_ms_shipped": true,
		}
		objects = append(objects, r)
		if o.Code == "V" {
			views = append(views, row{"with_check_option": false, "ledger_view_type": 0, "ledger_view_type_desc": "NON_LEDGER_VIEW"}.with(r))
		}
		for n, c := range o.Columns {
			x := &schema.Column{ID: n + 1, Name: c.Name, Type: c.Type}
			cols, old = append(cols, column(id, x)), append(old, oldColumn(id, x))
		}
	}
	out := make(map[string][][]sqltype.Value)
	for view, rows := range map[string][]row{
		"sys.system_objects": objects, "sys.all_objects": objects, "sys.system_views": views, "sys.all_views": views, "sys.system_columns": cols,
		"sys.all_columns": cols, "sys.syscolumns": old,
	} {
		var err error
		if out[view], err = table(view, rows); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// none has no rows of a database: those of System are all.
func (l *lister) none() ([]row, error) { return nil, nil }
