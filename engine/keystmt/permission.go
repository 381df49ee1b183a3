package keystmt

import (
	"strings"

	"latchkey/engine/catalog"
	"latchkey/engine/catalog/grant"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/catalog/perm"
	"latchkey/engine/exec/raise"
	"latchkey/engine/tsql/ast"
)

// permission is GRANT, DENY and REVOKE. Without ON a permission is of the server if the server has one of that name, otherwise of the
// database; a statement may name both.
func (r *run) permission(s *ast.Permission) error {
	switch {
	case s.All:
		return raise.Unsupported(s.Verb + " ALL")
	case s.As != "":
		return raise.Unsupported(s.Verb + " AS")
	case len(s.Columns) > 0:
		return raise.Unsupported("permissions on columns")
	}
	var names []string
	for _, p := range s.Permissions {
		if len(p.Columns) > 0 {
			return raise.Unsupported("permissions on columns")
		}
		names = append(names, p.Name)
	}
	make := func(class perm.Class, permissions []string) *grant.Change {
		return &grant.Change{
			Verb: s.Verb, Permissions: permissions, Class: class, Principals: s.Principals, GrantOption: s.GrantOption,
			OptionFor: s.GrantOptionFor, Cascade: s.Cascade,
		}
	}
	if s.Securable == nil {
		server, database := split(names)
		var ops []catalog.Operation
		if len(server) > 0 {
			ops = append(ops, make(perm.Server, server))
		}
		if len(database) > 0 {
			ops = append(ops, make(perm.Database, database))
		}
		_, err := r.do(ops...)
		return err
	}
	op, err := r.securable(s, make, names)
	if err != nil {
		return err
	}
	_, err = r.do(op)
	return err
}

// split tells permissions of the server from those of a database. A name that neither has is left with the database, which refuses it.
func split(names []string) (server, database []string) {
	for _, n := range names {
		_, ofDatabase := perm.Lookup(perm.Database, n)
		if _, ok := perm.Lookup(perm.Server, n); ok && !ofDatabase {
			server = append(server, n)
			continue
		}
		database = append(database, n)
	}
	return server, database
}

func (r *run) securable(s *ast.Permission, make func(perm.Class, []string) *grant.Change, names []string) (*grant.Change, error) {
	words := s.Class
	if words == "" {
		words = "OBJECT"
	}
	class, ok := perm.ClassByName(words)
	if !ok {
		return nil, raise.Unsupported("permissions on " + words)
	}
	op := make(class, names)
	op.Words, op.Name = words, s.Securable.Name()
	switch class {
	case perm.Database:
		d := r.state().Databases.Get(r.Caller().Database)
		if d == nil || !model.SameName(d.Name, op.Name) {
			return nil, catalog.Missing("find", "database", op.Name)
		}
	case perm.Object:
		if r.cfg.Objects == nil {
			return nil, raise.Unsupported("permissions on objects")
		}
		o, found, err := r.cfg.Objects.FindObject(r.ctx, r.Caller(), *s.Securable)
		if err != nil {
			return nil, err
		}
		if !found {
			return nil, catalog.Missing("find", "object", s.Securable.String())
		}
		op.Object, op.Owner, op.Schema = o.ID, o.Owner, o.Schema
	default:
		if len(s.Securable.Parts) > 1 {
			return nil, msg.New(102, strings.Join(s.Securable.Parts[1:], "."))
		}
	}
	if f, ok := r.cfg.Objects.(Schemas); ok && class == perm.Schema {
		o, found, err := f.FindSchema(r.ctx, r.Caller(), op.Name)
		if err != nil {
			return nil, err
		}
		if found {
			op.Object, op.Owner = o.ID, o.Owner
		}
	}
	return op, nil
}
