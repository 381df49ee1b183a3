package exec

import (
	"context"

	"latchkey/engine/catalog"
	"latchkey/engine/catalog/perm"
	"latchkey/engine/tsql/ast"
)

// FindSchema finds a schema of the caller's database by its name, for permissions on it; false if there is none.
func (s *Server) FindSchema(ctx context.Context, c catalog.Caller, name string) (id, owner int, ok bool, err error) {
	sh, err := s.shared(c.Database)
	if err != nil {
		return 0, 0, false, err
	}
	l, err := s.cfg.Databases.Lease(ctx, c.Database)
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

// droppedSchemas are the ids of the schemas that a statement is about to remove: another schema may get the id, but not the permissions.
func (w *work) droppedSchemas(db int, st ast.Statement) []int {
	d, ok := st.(*ast.Drop)
	if !ok || d.Kind != "SCHEMA" {
		return nil
	}
	snap, err := w.snapshot(db)
	if err != nil {
		return nil // the statement fails for the same reason
	}
	var ids []int
	for _, n := range d.Names {
		if x := snap.Schema(n.Name()); x != nil {
			ids = append(ids, x.ID)
		}
	}
	return ids
}

// forgetSchemas removes permissions on schemas that are gone.
type forgetSchemas struct {
	db  int
	ids []int
}

// Apply removes the rows.
func (o *forgetSchemas) Apply(tx *catalog.Tx) error {
	for _, id := range o.ids {
		tx.DropSecurable(o.db, perm.Schema, id)
	}
	return nil
}
