package keystmt

import (
	"latchkey/engine/catalog"
	"latchkey/engine/catalog/database"
	"latchkey/engine/catalog/key"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/catalog/principal"
	"latchkey/engine/exec/raise"
	"latchkey/engine/tsql/ast"

	cred "latchkey/engine/catalog/credential"
)

// drop is DROP of what is of the dialect.
func (r *run) drop(s *ast.Drop) (handled bool, err error) {
	switch s.Kind {
	case "DATABASE SCOPED CREDENTIAL", "APPLICATION ROLE":
		return true, raise.Unsupported("DROP " + s.Kind)
	case "CRYPTOGRAPHIC PROVIDER", "CREDENTIAL", "LOGIN", "USER", "ROLE", "SERVER ROLE", "ASYMMETRIC KEY", "SYMMETRIC KEY", "CERTIFICATE", "MASTER KEY",
		"DATABASE ENCRYPTION KEY", "DATABASE":
	default:
		return false, nil
	}
	if err := r.outside("DROP " + s.Kind); err != nil {
		return true, err
	}
	switch s.Kind {
	case "MASTER KEY":
		_, err = r.do(&key.DropMaster{})
		if err == nil {
			r.Ring().CloseMaster(r.Caller().Database)
		}
		return true, err
	case "DATABASE ENCRYPTION KEY":
		return true, r.told(r.cfg.Databases.DropKey(r.ctx, r.Caller(), database.DropKey{}))
	}
	for _, n := range s.Names {
		if len(n.Parts) > 1 {
			return true, msg.New(102, ".")
		}
		if s.IfExists && !r.exists(s.Kind, n.Name()) {
			continue
		}
		if err := r.dropOne(s, n.Name()); err != nil {
			return true, err
		}
	}
	return true, nil
}

// exists is for IF EXISTS: what is there and may not be dropped is an error all the same.
func (r *run) exists(kind, name string) bool {
	st, db := r.state(), r.Caller().Database
	switch kind {
	case "DATABASE":
		return st.FindDatabase(name) != nil
	case "LOGIN", "SERVER ROLE":
		return st.FindLogin(name) != nil
	case "USER", "ROLE":
		return st.FindPrincipal(db, name) != nil
	case "CREDENTIAL":
		return st.FindCredential(name) != nil
	case "CRYPTOGRAPHIC PROVIDER":
		return st.FindProvider(name) != nil
	case "ASYMMETRIC KEY":
		return st.FindAsymmetricKey(db, name) != nil
	case "SYMMETRIC KEY":
		return st.FindSymmetricKey(db, name) != nil
	case "CERTIFICATE":
		return st.FindCertificate(db, name) != nil
	}
	return true
}

func (r *run) dropOne(s *ast.Drop, name string) error {
	var op catalog.Operation
	switch s.Kind {
	case "DATABASE":
		return r.told(r.cfg.Databases.Drop(r.ctx, r.Caller(), name))
	case "CREDENTIAL":
		return r.dropCredential(name)
	case "SYMMETRIC KEY":
		return r.dropSymmetric(s, name)
	case "CRYPTOGRAPHIC PROVIDER":
		op = &cred.DropProvider{Name: name}
	case "LOGIN":
		op = &principal.DropLogin{Name: name}
	case "USER":
		op = &principal.DropUser{Name: name}
	case "ROLE":
		op = &principal.DropRole{Name: name}
	case "SERVER ROLE":
		op = &principal.DropServerRole{Name: name}
	case "ASYMMETRIC KEY":
		op = &key.DropAsymmetric{Name: name, Remove: s.RemoveProviderKey}
	case "CERTIFICATE":
		op = &key.DropCertificate{Name: name}
	}
	return r.inProvider(func() error { _, err := r.do(op); return err })
}

func (r *run) dropSymmetric(s *ast.Drop, name string) error {
	db := r.Caller().Database
	k := r.state().FindSymmetricKey(db, name)
	err := r.inProvider(func() error { _, err := r.do(&key.DropSymmetric{Name: name, Remove: s.RemoveProviderKey}); return err })
	if err == nil && k != nil && k.ID >= model.FirstKeyID {
		r.Ring().Close(db, k)
	}
	return err
}
