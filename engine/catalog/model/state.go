package model

import (
	"errors"
	"fmt"
	"slices"
)

// The ids of the system databases; the first user database has the next.
const (
	Master    = 1
	TempDB    = 2
	ModelDB   = 3
	MSDB      = 4
	FirstUser = 5
)

// State is all metadata at one moment. A published State is immutable and may be read by many at once.
type State struct {
	// Of the server: rows of database 0.
	Logins      Table[Login] // logins and server roles
	Credentials Table[Credential]
	Providers   Table[Provider]
	Databases   Table[Database]
	Configs     Table[Config]

	// Of the server (database 0) and of databases.
	Members     Table[Member]
	Permissions Table[Permission]

	// Of databases.
	Principals     Table[Principal]
	Schemas        Table[Schema]
	AsymmetricKeys Table[AsymmetricKey]
	SymmetricKeys  Table[SymmetricKey]
	KeyEncryptions Table[KeyEncryption]
	Certificates   Table[Certificate]
}

// named lists the tables under the names that records carry. Names are part of the stored form: never change or reuse one.
func (s *State) named() []struct {
	name string
	t    table
} {
	return []struct {
		name string
		t    table
	}{
		{"login", &s.Logins},
		{"credential", &s.Credentials},
		{"provider", &s.Providers},
		{"database", &s.Databases},
		{"config", &s.Configs},
		{"member", &s.Members},
		{"permission", &s.Permissions},
		{"principal", &s.Principals},
		{"schema", &s.Schemas},
		{"asymmetric_key", &s.AsymmetricKeys},
		{"symmetric_key", &s.SymmetricKeys},
		{"key_encryption", &s.KeyEncryptions},
		{"certificate", &s.Certificates},
	}
}

// Draft is a copy of s that can be changed; it shares the rows.
func (s *State) Draft() *State {
	d := *s
	for _, n := range d.named() {
		n.t.share()
	}
	return &d
}

// DropDatabase removes all rows of a database, but for its row in Databases.
func (s *State) DropDatabase(db int) {
	for _, n := range s.named() {
		n.t.drop(db)
	}
}

// Record is one row in its stored form: JSON. A record without a value says that the row is gone.
type Record struct {
	Table string
	DB    int
	ID    int
	Value []byte
}

// Change is a record that differs from the state before.
type Change struct{ Record }

// ErrRecord means that a stored record is not one of this version.
var ErrRecord = errors.New("not a record of this version")

// Changes lists in what s, a draft made from old, differs from it: rows made or changed, and rows removed.
func (s *State) Changes(old *State) ([]Change, error) {
	var out []Change
	before := old.named()
	for i, n := range s.named() {
		c, err := n.t.diff(n.name, before[i].t)
		if err != nil {
			return nil, err
		}
		out = append(out, c...)
	}
	return out, nil
}

// Apply writes records into s, which must be a draft or a new state. The error wraps ErrRecord.
func (s *State) Apply(records []Record) error {
	tables := s.named()
	for _, r := range records {
		i := slices.IndexFunc(tables, func(n struct {
			name string
			t    table
		},
		) bool {
			return n.name == r.Table
		})
		if i < 0 {
			return fmt.Errorf("table %q: %w", r.Table, ErrRecord)
		}
		if r.DB < 0 || r.ID < 0 || r.ID > 1<<31 || r.DB > 1<<15 {
			return fmt.Errorf("table %q: row %d/%d: %w", r.Table, r.DB, r.ID, ErrRecord)
		}
		if err := tables[i].t.set(r.DB, r.ID, r.Value); err != nil {
			return fmt.Errorf("table %q, row %d/%d: %w: %w", r.Table, r.DB, r.ID, ErrRecord, err)
		}
	}
	return nil
}

// Records lists every row of s.
func (s *State) Records() ([]Record, error) {
	var out []Record
	for _, n := range s.named() {
		c, err := n.t.whole(n.name)
		if err != nil {
			return nil, err
		}
		out = append(out, c...)
	}
	return out, nil
}

// Load builds a state from records.
func Load(records []Record) (*State, error) {
	s := &State{}
	if err := s.Apply(records); err != nil {
		return nil, fmt.Errorf("loading the metadata: %w", err)
	}
	return s, nil
}
