package known

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"

	"latchkey/engine/catalog"
	"latchkey/engine/catalog/perm"
	"latchkey/engine/databases"
	"latchkey/engine/exec/raise"
	"latchkey/engine/schema"
	"latchkey/engine/schema/binding"
	"latchkey/engine/sqltype/collation"
	"latchkey/engine/tsql/ast"
	"latchkey/internal/clock"
)

// Generation tells whether a database's definitions may have changed since a plan was made, without asking the database: all
// changes come through this server. A change is announced before its statement runs and is over when its transaction is.
type Generation struct {
	Number  atomic.Uint64 // of changes that are over
	Pending atomic.Int64  // changes under way

	_ [48]byte // fills the cache line: all sessions read it for each statement, so nothing that is written often may lie beside it
}

// Generation counts the changes of a database's definitions.
func (s *Definitions) Generation(db int) *Generation {
	if g, ok := s.generations.Load(db); ok {
		return g.(*Generation)
	}
	g, _ := s.generations.LoadOrStore(db, new(Generation))
	return g.(*Generation)
}

// Seen is a moment of a database's definitions: two that are equal and certain are the same definitions.
type Seen struct {
	shared  *schema.Shared
	number  uint64
	Certain bool // no change was under way
}

// Seen is the present moment of a database's definitions.
func (s *Definitions) Seen(db int, sh *schema.Shared) Seen {
	g := s.Generation(db)
	n := g.Number.Load()
	return Seen{sh, n, g.Pending.Load() == 0 && g.Number.Load() == n}
}

// Definitions is what is known of the databases' definitions.
type Definitions struct {
	Catalog   *catalog.Catalog
	Databases definitionSource
	Clock     clock.Clock

	generations sync.Map // of definitions, by database
	mu          sync.Mutex
}

// definitionSource is where the databases are.
type definitionSource interface {
	Lease(ctx context.Context, id int) (*databases.Lease, error)
	Schema(id int) *databases.Slot
}

// stateTeller is a definitionSource that tells the state that a database is in, opening and waiting for its key included.
type stateTeller interface {
	State(id int) (state int, ok bool)
}

var _ stateTeller = (*databases.Manager)(nil)

// State is the state that a database is in now, as model has them; false if only the catalogue knows.
func (s *Definitions) State(db int) (int, bool) {
	if t, ok := s.Databases.(stateTeller); ok {
		return t.State(db)
	}
	return 0, false
}

// Shared is what connections of a database share.
func (s *Definitions) Shared(db int) (*schema.Shared, error) {
	slot := s.Databases.Schema(db)
	if slot == nil {
		return nil, raise.New(911, strconv.Itoa(db))
	}
	v, at := slot.Load()
	if sh, ok := v.(*schema.Shared); ok {
		return sh, nil
	}
	coll := collation.Default
	if d := s.Catalog.State().Databases.Get(db); d != nil {
		if c, err := collation.Parse(d.Collation); err == nil {
			coll = c
		}
	}
	s.mu.Lock() // one Shared for each database: it counts identities
	defer s.mu.Unlock()
	if v, _ := slot.Load(); v != nil {
		if sh, ok := v.(*schema.Shared); ok {
			return sh, nil
		}
	}
	sh := schema.NewShared(schema.Config{Collation: coll, Clock: s.Clock})
	slot.Store(sh, at)
	return sh, nil
}

// FindObject finds an object by its name in the caller's database, for permissions on it; false if there is none.
func (s *Definitions) FindObject(ctx context.Context, c catalog.Caller, name ast.ObjectName) (id, owner, schemaID int, ok bool, err error) {
	sh, err := s.Shared(c.Database)
	if err != nil {
		return 0, 0, 0, false, err
	}
	l, err := s.Databases.Lease(ctx, c.Database)
	if err != nil {
		return 0, 0, 0, false, err
	}
	defer l.Release()
	snap, err := sh.Snapshot(ctx, l.Conn)
	if err != nil {
		return 0, 0, 0, false, err
	}
	var o schema.Object
	if o = snap.Lookup(name.Schema(), name.Name()); o == nil {
		return 0, 0, 0, false, nil
	}
	sec := Securable(&binding.Ref{Snapshot: snap, Object: o})
	return sec.ID, sec.Owner, sec.Schema, true, nil
}

// FindSchema finds a schema of the caller's database by its name, for permissions on it; false if there is none.
func (s *Definitions) FindSchema(ctx context.Context, c catalog.Caller, name string) (id, owner int, ok bool, err error) {
	sh, err := s.Shared(c.Database)
	if err != nil {
		return 0, 0, false, err
	}
	l, err := s.Databases.Lease(ctx, c.Database)
	if err != nil {
		return 0, 0, false, err
	}
	defer l.Release()
	snap, err := sh.Snapshot(ctx, l.Conn)
	if err != nil {
		return 0, 0, false, err
	}
	if x := snap.Schema(name); x != nil {
		return x.ID, x.Owner, true, nil
	}
	return 0, 0, false, nil
}

// Securable is an object for permissions.
func Securable(ref *binding.Ref) perm.Securable {
	h := ref.Object.Meta()
	sec := perm.Securable{Class: perm.Object, ID: h.ID, Schema: h.SchemaID}
	for _, x := range ref.Snapshot.Schemas() {
		if x.ID == h.SchemaID {
			sec.Owner = x.Owner
		}
	}
	return sec
}
