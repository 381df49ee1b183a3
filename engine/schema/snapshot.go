package schema

import (
	"cmp"
	"errors"
	"maps"
	"slices"

	"latchkey/engine/schema/property"
	"latchkey/engine/sqltype/collation"
)

var errNoExpr = errors.New("not an expression")

// Snapshot is what a database holds at one version. It never changes and is safe for concurrent use; nor may what it leads to be
// changed. Names are compared under the database's collation.
type Snapshot struct {
	// Version identifies the state; two snapshots of one database with the same version are the same. 0 is an empty database.
	Version int64
	// Shared is what made it.
	Shared *Shared

	schemas  map[string]*Schema
	names    map[string]Object // schema and name, as keys of the collation
	ids      map[int]Object
	types    map[string]*UserType
	typeIDs  map[int]*UserType
	incoming map[int][]*ForeignKey // by referenced table

	properties []*property.Property // by owner and name
}

// Collation is the database's.
func (s *Snapshot) Collation() collation.Collation { return s.Shared.cfg.Collation }

// DB is the database's name in SQLite: "main", "tmp", or that of an attached one.
func (s *Snapshot) DB() string { return s.Shared.cfg.DB }

// Temporary reports a session's temporary database.
func (s *Snapshot) Temporary() bool { return s.Shared.cfg.Temporary }

func (s *Snapshot) key(schema, name string) string {
	c := s.Collation()
	b := c.AppendKey(nil, schema, true)
	b = append(b, 0xff, 0)
	return string(c.AppendKey(b, name, true))
}

// Same reports whether two names are one under the database's collation.
func (s *Snapshot) Same(a, b string) bool { return s.Collation().Equal(a, b, true) }

// Lookup finds an object of any kind by schema and name, constraints too; nil if there is none. An empty schema means dbo.
func (s *Snapshot) Lookup(schema, name string) Object {
	if schema == "" {
		schema = "dbo"
	}
	return s.names[s.key(schema, name)]
}

// Table finds a table by schema and name; nil if there is none.
func (s *Snapshot) Table(schema, name string) *Table {
	t, _ := s.Lookup(schema, name).(*Table)
	return t
}

// ByID finds an object by its id, nil if there is none.
func (s *Snapshot) ByID(id int) Object { return s.ids[id] }

// TableByID finds a table by its object id, nil if there is none.
func (s *Snapshot) TableByID(id int) *Table {
	t, _ := s.ids[id].(*Table)
	return t
}

// Objects are all objects by id, constraints too.
func (s *Snapshot) Objects() []Object {
	all := slices.Collect(maps.Values(s.ids))
	slices.SortFunc(all, func(a, b Object) int { return cmp.Compare(a.Meta().ID, b.Meta().ID) })
	return all
}

// Schema finds a schema by name, nil if there is none.
func (s *Snapshot) Schema(name string) *Schema { return s.schemas[s.key("", name)] }

// Schemas are all schemas by id.
func (s *Snapshot) Schemas() []*Schema {
	all := slices.Collect(maps.Values(s.schemas))
	slices.SortFunc(all, func(a, b *Schema) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// Type finds a type made by CREATE TYPE, nil if there is none. An empty schema means dbo.
func (s *Snapshot) Type(schema, name string) *UserType {
	if schema == "" {
		schema = "dbo"
	}
	return s.types[s.key(schema, name)]
}

// TypeByID finds a type made by CREATE TYPE by sys.types.user_type_id, nil if there is none.
func (s *Snapshot) TypeByID(id int) *UserType { return s.typeIDs[id] }

// Types are all types made by CREATE TYPE by id.
func (s *Snapshot) Types() []*UserType {
	all := slices.Collect(maps.Values(s.typeIDs))
	slices.SortFunc(all, func(a, b *UserType) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// Incoming are the foreign keys that reference a table, its own among them.
func (s *Snapshot) Incoming(table int) []*ForeignKey { return s.incoming[table] }

// Column finds a column of a table by name, nil if there is none.
func (s *Snapshot) Column(t *Table, name string) *Column {
	for _, c := range t.Columns {
		if c.Name == name || s.Same(c.Name, name) {
			return c
		}
	}
	return nil
}

// Empty is the snapshot of a database that holds nothing.
func Empty(sh *Shared) *Snapshot { return newSnapshot(sh, 0) }

// newSnapshot is the empty state with the schemas that every database has.
func newSnapshot(sh *Shared, version int64) *Snapshot {
	s := &Snapshot{
		Version: version, Shared: sh, schemas: map[string]*Schema{}, names: map[string]Object{}, ids: map[int]Object{},
		types: map[string]*UserType{}, typeIDs: map[int]*UserType{}, incoming: map[int][]*ForeignKey{},
	}
	for _, x := range fixedSchemas() {
		s.schemas[s.key("", x.Name)] = x
	}
	return s
}

func fixedSchemas() []*Schema {
	out := []*Schema{{DBO, "dbo", 1}, {Guest, "guest", 2}, {InformationSchema, "INFORMATION_SCHEMA", 3}, {Sys, "sys", 4}}
	for i, n := range []string{
		"db_owner", "db_accessadmin", "db_securityadmin", "db_ddladmin", "", "db_backupoperator", "db_datareader",
		"db_datawriter", "db_denydatareader", "db_denydatawriter",
	} {
		if n != "" {
			out = append(out, &Schema{16384 + i, n, 16384 + i})
		}
	}
	return out
}

// add puts an object and its constraints where they are found.
func (s *Snapshot) add(o Object) {
	h := o.Meta()
	s.ids[h.ID] = o
	t, table := o.(*Table)
	if table && t.Type != 0 {
		return // the shape of a table type has no name that a statement could say
	}
	s.names[s.key(h.Schema, h.Name)] = o
	if !table {
		return
	}
	for _, c := range t.constraints() {
		c.Meta().Schema = h.Schema
		s.ids[c.Meta().ID] = c
		if !s.Temporary() {
			s.names[s.key(h.Schema, c.Meta().Name)] = c
		}
	}
	for _, f := range t.Foreign {
		s.incoming[f.RefTable] = append(s.incoming[f.RefTable], f)
	}
}

// constraints of a table as objects.
func (t *Table) constraints() []Object {
	var out []Object
	for _, k := range t.Keys() {
		out = append(out, k)
	}
	for _, c := range t.Checks {
		out = append(out, c)
	}
	for _, f := range t.Foreign {
		out = append(out, f)
	}
	for _, c := range t.Columns {
		if c.Default != nil {
			out = append(out, c.Default)
		}
	}
	return out
}

// Constraints are a table's constraints, defaults too, as objects.
func (t *Table) Constraints() []Object { return t.constraints() }
