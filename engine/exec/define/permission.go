package define

import (
	"context"
	"strings"

	"latchkey/engine/catalog"
	"latchkey/engine/catalog/perm"
	"latchkey/engine/exec/known"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/work"
	"latchkey/engine/schema/binding"
	"latchkey/engine/schema/ddl"
	"latchkey/engine/tsql/ast"
)

// mayDefine asks for what a definition needs: messages 262, 2760, 1088, 3701.
func (s *Definer) mayDefine(w *work.Statement, st ast.Statement, db int) error {
	p := s.Actor.PermIn(db)
	if p.Sysadmin() || p.DBO() {
		return nil
	}
	name := ""
	if d := s.Actor.Catalog.State().Databases.Get(db); d != nil {
		name = d.Name
	}
	create, what := "", ""
	switch st := st.(type) {
	case *ast.CreateTable:
		create = "CREATE TABLE"
	case *ast.CreateView:
		create = "CREATE VIEW"
	case *ast.CreateProc:
		create = "CREATE PROCEDURE"
	case *ast.CreateFunction:
		create = "CREATE FUNCTION"
	case *ast.CreateSchema:
		create = "CREATE SCHEMA"
	case *ast.CreateSynonym:
		create = "CREATE SYNONYM"
	case *ast.CreateType:
		create = "CREATE TYPE"
	case *ast.Sequence:
		create = "CREATE SEQUENCE"
	case *ast.Drop:
		what = st.Kind
	}
	snap, err := w.Snapshot(db)
	if err != nil {
		return err
	}
	for _, n := range ddl.Targets(st) {
		o := w.Lookup(snap, db, n.Schema(), n.Name())
		if o == nil {
			if create == "" {
				continue // the statement says itself that there is none
			}
			if create == "CREATE SCHEMA" || create == "CREATE SEQUENCE" {
				if !p.Database("CREATE SCHEMA") && (create == "CREATE SCHEMA" || !p.Database("ALTER")) {
					return raise.New(262, create, name)
				}
				continue
			}
			if !p.Database(create) {
				return raise.New(262, create, name)
			}
			sn := n.Schema()
			if sn == "" {
				sn = s.Actor.DefaultSchema()
			}
			if sc := snap.Schema(sn); sc != nil && !p.Object(perm.Securable{Class: perm.Schema, ID: sc.ID, Owner: sc.Owner}, "ALTER") {
				return raise.New(2760, sn)
			}
			continue
		}
		if !p.Object(known.Securable(&binding.Ref{Snapshot: snap, Object: o}), "ALTER") {
			if what != "" {
				return raise.New(3701, "drop", strings.ToLower(what), n.String())
			}
			return raise.New(1088, n.String())
		}
	}
	if create == "" && what == "SCHEMA" && !p.Database("ALTER ANY SCHEMA") {
		return raise.New(15151, "drop", "schema", ddl.Targets(st)[0].Name())
	}
	return nil
}

// forget removes permissions on objects that are gone.
type forget struct {
	db  int
	ids []int
}

// Apply removes the rows.
func (o *forget) Apply(tx *catalog.Tx) error {
	for _, id := range o.ids {
		tx.DropSecurable(o.db, perm.Object, id)
	}
	return nil
}

func (s *Definer) forgetObjects(ctx context.Context, c catalog.Caller, db int, ids []int) error {
	st := s.Actor.Catalog.State()
	for _, p := range st.Permissions.All(db) {
		for _, id := range ids {
			if perm.Class(p.Class) == perm.Object && p.Major == id {
				_, err := s.Actor.Catalog.Do(ctx, c, &forget{db, ids})
				return err
			}
		}
	}
	return nil
}

// droppedSchemas are the ids of the schemas that a statement is about to remove: another schema may get the id, but not the permissions.
func droppedSchemas(w *work.Statement, db int, st ast.Statement) []int {
	d, ok := st.(*ast.Drop)
	if !ok || d.Kind != "SCHEMA" {
		return nil
	}
	snap, err := w.Snapshot(db)
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
